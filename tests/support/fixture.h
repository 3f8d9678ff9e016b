/* A store in a temporary folder, with tables of made-up blocks, for unit tests. */
#pragma once
#include "refs/client.h"
#include "refs/commit.h"
#include "refs/ref.h"
#include "refs/table.h"
#include "tests/support/test.h"

struct commit_segment;

struct fixture {
	char path[TEST_PATH_BYTES_MAX];
	struct refs_store *store;
};

/** fixture_setup(), fixture_teardown() - for cmocka; *state is a struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/** fixture_reopen() - close the store and open it again. */
void fixture_reopen(struct fixture *f);

/** fixture_table() - "db.table", made where absent. Return: table id. */
uint64_t fixture_table(struct fixture *f, const char *db, const char *table);
/** fixture_main() - id of the main ref. */
uint64_t fixture_main(struct fixture *f, uint64_t table);
/** fixture_append() - @n blocks of 10 rows as one segment, without objects. Return: snapshot. */
uint64_t fixture_append(struct fixture *f, uint64_t table, uint64_t ref, unsigned n);
/** fixture_append_folded() - the same, with the folds that an import makes. */
uint64_t fixture_append_folded(struct fixture *f, uint64_t table, uint64_t ref, unsigned n);
/** Made-up blocks as one segment that is in no tree yet. */
struct fixture_segment;
/** fixture_segment_new() - @n blocks of 10 rows, without objects. */
struct fixture_segment *fixture_segment_new(struct fixture *f, uint64_t table, unsigned n);
void fixture_segment_free(struct fixture_segment *s);
DEFINE_CLEANUP(struct fixture_segment *, fixture_segment_free)
/** fixture_segment_of() - the segment itself; fixture_segment_ids() - of it and its blocks. */
const struct commit_segment *fixture_segment_of(const struct fixture_segment *s);
const struct client_ids *fixture_segment_ids(const struct fixture_segment *s);
/** fixture_branch() - at the head of @source (0 main). Return: ref id. */
uint64_t fixture_branch(struct fixture *f, uint64_t table, uint64_t source, const char *name);
