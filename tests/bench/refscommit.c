/*
 * Each operation on a ref as one durable commit in a store, in turn with one of LMDB's own.
 * usage: refscommit STORE DIR [ROUNDS]. STORE: made by mkstore; DIR: is made, for LMDB's.
 * Prints median and 90th percentile in microseconds, and the ratio to LMDB's commit of ten puts.
 */
#include "refs/ref.h"
#include "refs/table.h"
#include "refs/trash.h"
#include "tests/bench/bench.h"
#include "tests/support/mkstore.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS 301

enum { RAW, CREATE, RENAME, RESET, RETAIN, DROP, UNDROP, EMPTY, OPERATIONS };
static const char *const names[] = {"LMDB commit of ten puts", "create", "rename", "reset",
	"retain", "drop", "undrop", "drop for good (empty)"};

static double *times[OPERATIONS];

/** The branch that each round works on. */
struct work {
	struct refs_store *store;
	struct bench_raw raw;
	uint64_t table, main, head, second, dev, entry;
	char name[32];
	struct bough_error error;
};

static int in_store(struct refs_txn *x, struct work *w, int what)
{
	struct refs_create create = {
		.table = w->table, .name = w->name, .kind = REC_REF_BRANCH, .at = w->head};
	struct refs_restore restore = {.id = w->entry};
	struct refs_emptied done = {0};

	switch (what) {
	case CREATE:
		return refs_ref_create(x, &create, &w->dev, &w->error);
	case RENAME:
		strcat(w->name, "b");
		return refs_ref_rename(x, w->dev, w->name, &w->error);
	case RESET:
		return refs_ref_reset(x, w->dev, w->second, &w->error);
	case RETAIN:
		return refs_ref_retain(x, w->dev, UINT64_C(3600000000), &w->error);
	case DROP:
		return refs_ref_drop(x, w->dev, &w->error);
	case UNDROP:
		return refs_trash_restore(x, &restore, NULL, &w->error);
	default:
		return refs_trash_empty(x, true, &done);
	}
}

static double timed(struct work *w, int what)
{
	struct refs_txn *x;
	double start = bench_now_us();

	if (what == RAW) {
		bench_raw_commit(&w->raw);
		return bench_now_us() - start;
	}
	bench_need(refs_begin(w->store, KV_WRITE, &x), "begin");
	bench_need(in_store(x, w, what), names[what]);
	bench_need(refs_commit(&x, NULL), "commit");
	return bench_now_us() - start;
}

static void find_entry(struct work *w)
{
	struct refs_txn *x;

	bench_need(refs_begin(w->store, KV_READ, &x), "begin");
	bench_need(refs_trash_find(x, w->table, REC_TRASH_REF, w->name, &w->entry, NULL), "find");
	refs_abort(x);
}

/* A second snapshot of main, with the first one's tree. */
static int add_snapshot(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct work *w = arg;
	struct rec_snapshot s;
	struct rec_table t;
	int r = rec_snapshot_get(x->kv, w->head, &s);

	(void)error;
	if (!r)
		r = rec_table_get(x->kv, w->table, &t);
	if (!r)
		r = rec_next_id(x->kv, 1, &w->second);
	if (!r)
		r = rec_count_add(x->kv, KEY_NODE, s.root);
	if (r)
		return r;
	s.seq = t.next_snapshot_seq++;
	s.timestamp_us = ++t.last_timestamp_us;
	s.nlink = s.count = 0;
	r = rec_table_put(x->kv, w->table, &t);
	if (!r)
		r = rec_snapshot_put(x->kv, w->second, &s);
	return r ? r : refs_link_add(x, w->main, w->second);
}

static void open_work(struct work *w, const char *path)
{
	struct refs_txn *x;
	struct rec_ref rec;
	uint64_t db;

	bench_need(refs_store_open(path, REFS_ROLE_CLI, &w->store, &w->error), "open");
	bench_need(refs_begin(w->store, KV_READ, &x), "begin");
	bench_need(refs_db_lookup(x, MKSTORE_DB, &db, NULL), "database");
	bench_need(refs_table_lookup(x, db, MKSTORE_TABLE, &w->table, NULL), "table");
	bench_need(refs_ref_lookup(x, w->table, NULL, &w->main, NULL), "main");
	bench_need(rec_ref_get(x->kv, w->main, &rec), "main");
	refs_abort(x);
	w->head = rec.head;
	bench_need(refs_write(w->store, add_snapshot, w, &w->error), "second snapshot");
}

int main(int argc, char **argv)
{
	struct work w = {0};
	size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : ROUNDS;
	double floor_us;

	if (argc < 3 || !rounds)
		return 2;
	open_work(&w, argv[1]);
	bench_raw_open(&w.raw, argv[2]);
	for (int o = 0; o < OPERATIONS; o++)
		times[o] = calloc(rounds, sizeof **times);
	for (size_t i = 0; i < rounds; i++) {
		snprintf(w.name, sizeof w.name, "x%zu", i);
		for (int o = 0; o < OPERATIONS; o++) {
			if (o == UNDROP)
				find_entry(&w);
			if (o == EMPTY)
				timed(&w, DROP);
			times[o][i] = timed(&w, o);
		}
	}
	for (int o = 0; o < OPERATIONS; o++)
		bench_sort(times[o], rounds);
	floor_us = times[RAW][rounds / 2];
	for (int o = 0; o < OPERATIONS; o++)
		printf("%-26s %8.0f us, 90 %% %8.0f us, ratio %.2f\n", names[o],
			times[o][rounds / 2], times[o][rounds * 9 / 10],
			times[o][rounds / 2] / floor_us);
	mdb_env_close(w.raw.env);
	refs_store_close(w.store);
	return 0;
}
