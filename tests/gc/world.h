/* The store that fsck's tests begin with, copies of it to break, and what fsck says of them. */
#pragma once
#include "gc/fsck.h"
#include "tests/support/test.h"
#include "tests/support/fixture.h"

#define BIG_APPENDS 70 /* segments: more than one node holds */
#define TEXT_BYTES_MAX 4096

/** The ids of the store that every case starts from. */
struct world {
	struct fixture *f;
	uint64_t orders, main, dev, first, head, dev_head, big, big_head, old, old_entry,
		big_schema; /* old: dropped */
	struct rec_snapshot head_rec;
	struct kv_txn *t;
};

struct findings {
	char text[TEXT_BYTES_MAX], gone[TEXT_BYTES_MAX]; /* a line each; gone: repaired */
	unsigned n, repaired;
};

/** One thing to break, how many findings that makes, and what one of them says. */
struct broken {
	const char *name;
	void (*fn)(struct world *w);
	unsigned findings;
	const char *text; /* parts that follow each other, '%' between them */
};

extern const struct broken breaks[];
extern const size_t n_breaks;

int world_setup(void **state);
int world_teardown(void **state);
/** world_check() - run fsck. */
int world_check(const char *path, bool full, struct findings *l, struct fsck_report *report);
/** world_repair() - the same with repair; what cannot be run is a finding too. */
int world_repair(const char *path, bool full, struct findings *l, struct fsck_report *report);
/** world_digest() - of every record of a store. */
uint32_t world_digest(const char *store);
/** world_copy() - a copy of a store that may be broken; world_remove() takes it away. */
void world_copy(const char *from, char *to, size_t size);
void world_remove(const char *path);
/** world_flip() - one bit of a file, by @random; the same again turns it back. */
void world_flip(const char *path, uint64_t *random);
/** world_says() - does @text hold @pattern's parts, one after the other? */
bool world_says(const char *text, const char *pattern);
