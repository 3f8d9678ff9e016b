/* A store, spool files and a reader, for the tests of files put into a ref. */
#pragma once
#include "refs/put.h"
#include "tests/support/fixture.h"

#define A BOUGH_TOOLS_DATA "/a.parquet"
#define B BOUGH_TOOLS_DATA "/b.parquet"
#define EMPTY BOUGH_TOOLS_DATA "/empty.parquet"
#define OTHER BOUGH_TOOLS_DATA "/other.parquet"
#define A_ROWS 3
#define B_ROWS 2

struct bed {
	struct fixture *f; /* open as a mount has it */
	char spool[TEST_PATH_BYTES_MAX];
	struct reader *reader;
	uint64_t table, main;
	unsigned files; /* spooled so far */
	bool no_fold;	/* what bed_new() makes */
};

/** bed_setup(), bed_teardown() - for cmocka; *state is a struct bed. */
int bed_setup(void **state);
int bed_teardown(void **state);
/** bed_check() - fsck, to the last object, finds nothing. */
void bed_check(struct bed *b);
/** bed_objects() - how many blocks are stored. */
unsigned bed_objects(struct bed *b);
/** bed_spool() - a copy of @from, as a writer leaves it, of mode 0640. */
void bed_spool(struct bed *b, const char *from, char path[static TEST_PATH_BYTES_MAX + 32]);
/** bed_new() - of a copy of @from; messages call it d/t/f. */
struct refs_put *bed_new(struct bed *b, uint64_t ref, const char *from, const char *name);
/** bed_run() - prepare, commit, again where it must; the end. */
int bed_run(struct bed *b, struct refs_put *p, struct refs_put_result *ret, struct bough_error *e);
/** bed_put() - all of that, into main; it succeeds. */
struct refs_put_result bed_put(struct bed *b, const char *from, const char *name);
/** bed_head() - of @ref. */
struct rec_snapshot bed_head(struct bed *b, uint64_t ref, uint64_t *ret_id);
/** bed_shown() - the block that @name means on main; 0 none. */
uint64_t bed_shown(struct bed *b, const char *name);
/** bed_steps() - snapshots of main's history. */
uint64_t bed_steps(struct bed *b);
