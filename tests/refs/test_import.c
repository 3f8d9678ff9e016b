/* Imports of real Parquet files through bough-reader. BOUGH_DATA: tests/tools/data. */
#include "refs/commit.h"
#include "refs/stage.h"
#include "tests/support/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define A BOUGH_DATA "/a.parquet"
#define B BOUGH_DATA "/b.parquet"
#define HUGE BOUGH_SAMPLES "/parquet/huge_list.parquet"
#define OTHER BOUGH_DATA "/other.parquet"
#define EMPTY BOUGH_DATA "/empty.parquet"
#define A_ROWS 3
#define B_ROWS 2
#define STAGED 300 /* files: more than one commit takes at once */

static int run_paths(struct fixture *f, const char *ref, const char *const *paths, size_t n,
	void (*progress)(void *, size_t, size_t, uint64_t), struct refs_imported *ret,
	struct bough_error *e)
{
	struct refs_file *files = calloc(n, sizeof *files);
	struct refs_import in = {.db = "d",
		.table = "t",
		.ref = ref,
		.files = files,
		.n_files = n,
		.author = "tester",
		.progress = progress,
		.progress_arg = f};
	char names[STAGED][32];
	int r;

	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof names[i], "part-%zu.parquet", i);
		files[i] = (struct refs_file){.path = paths[i], .name = names[i]};
	}
	r = refs_import_run(f->store, &in, ret, e);
	free(files);
	return r;
}

static int run(struct fixture *f, const char *ref, const char *path, size_t n,
	void (*progress)(void *, size_t, size_t, uint64_t), struct refs_imported *ret,
	struct bough_error *e)
{
	const char *paths[STAGED];

	for (size_t i = 0; i < n; i++)
		paths[i] = path;
	return run_paths(f, ref, paths, n, progress, ret, e);
}

static int one_more(void *arg, struct slice key, struct slice value)
{
	(void)key;
	(void)value;
	++*(unsigned *)arg;
	return 0;
}

static unsigned count(struct fixture *f, enum kv_db db, enum key_kind kind)
{
	struct kv_txn *t auto_kv_txn = NULL;
	struct key lo = key_make(kind), hi = key_next(&lo);
	unsigned n = 0;

	assert_int_equal(kv_begin(f->store->kv, KV_READ, &t), 0);
	assert_int_equal(kv_scan(t, db, key_slice(&lo), key_slice(&hi), one_more, &n), 0);
	return n;
}

static int one_object(void *arg, const char *key, const struct objstore_stat *stat)
{
	(void)stat;
	*(unsigned *)arg += strstr(key, "/_b/") != NULL;
	return 0;
}

static unsigned count_blocks_stored(struct fixture *f)
{
	unsigned n = 0;

	assert_int_equal(objstore_list(f->store->objects, "", NULL, one_object, &n), 0);
	return n;
}

/* Nothing of a refused import is left anywhere. */
static void expect_blocks(struct fixture *f, unsigned blocks, unsigned segments)
{
	assert_int_equal(count(f, KV_BULK, KEY_BLOCK), blocks);
	assert_int_equal(count(f, KV_BULK, KEY_BLOCK_IN), blocks);
	assert_int_equal(count(f, KV_BULK, KEY_HOLDER), blocks);
	assert_int_equal(count(f, KV_BULK, KEY_FILE), blocks);
	assert_int_equal(count(f, KV_BULK, KEY_SEGMENT), segments);
	assert_int_equal(count(f, KV_BULK, KEY_SEGMENT_IN), segments);
	assert_int_equal(count(f, KV_BULK, KEY_SEGMENT_V4), segments);
	assert_int_equal(count(f, KV_HOT, KEY_STAGE), 0);
	assert_int_equal(count_blocks_stored(f), blocks);
}

static void many_files_are_one_commit(void **state)
{
	struct refs_imported done;
	struct bough_error e = {0};

	assert_int_equal(run(*state, NULL, A, 3, NULL, &done, &e), 0);
	assert_int_equal(done.blocks, 3);
	assert_int_equal(done.rows, 3 * A_ROWS);
	assert_int_equal(count(*state, KV_HOT, KEY_SNAPSHOT), 1);
	expect_blocks(*state, 3, 1);
	assert_int_equal(count(*state, KV_HOT, KEY_CLIENT), 0); /* gone with the commit */
	assert_int_equal(count(*state, KV_HOT, KEY_RANGE), 0);
}

static void a_large_import_is_staged(void **state)
{
	struct refs_imported done;
	struct bough_error e = {0};

	assert_int_equal(run(*state, NULL, A, STAGED, NULL, &done, &e), 0);
	assert_int_equal(done.blocks, STAGED);
	expect_blocks(*state, STAGED, 1);
	assert_int_equal(run(*state, "main", A, STAGED, NULL, &done, &e), 0);
	expect_blocks(*state, 2 * STAGED, 2);
}

static void what_does_not_fit_leaves_nothing(void **state)
{
	struct refs_imported done = {0};
	struct bough_error e = {0};

	assert_int_equal(run(*state, "dev", A, 1, NULL, &done, &e), -ENOENT);
	assert_non_null(strstr(e.message, "unknown table 'd.t'"));
	assert_int_equal(run(*state, NULL, A, 1, NULL, &done, &(struct bough_error){0}), 0);
	memset(&e, 0, sizeof e);
	assert_int_equal(run(*state, NULL, OTHER, 1, NULL, &done, &e), -EINVAL);
	assert_non_null(strstr(e.message, "other.parquet: column"));
	memset(&e, 0, sizeof e);
	assert_int_equal(
		run(*state, NULL, BOUGH_DATA "/broken.parquet", 1, NULL, &done, &e), -EINVAL);
	assert_int_equal(run(*state, NULL, BOUGH_DATA "/none", 1, NULL, &done, &e), -ENOENT);
	assert_int_equal(run(*state, "nope", A, 1, NULL, &done, &e), -ENOENT);
	memset(&e, 0, sizeof e);
	assert_int_equal(run(*state, NULL, "/dev/null", 1, NULL, &done, &e), -EINVAL);
	assert_non_null(strstr(e.message, "not a regular file"));
	expect_blocks(*state, 1, 1);
}

/* Whichever is found first: a missing file is, before one that breaks its reader. */
static void the_first_bad_file_in_order_is_named(void **state)
{
	static const struct {
		const char *first, *later, *words;
		int code;
	} cases[] = {
		{HUGE, BOUGH_DATA "/none", "huge_list.parquet", -EINVAL},
		{OTHER, BOUGH_DATA "/none", "other.parquet: column", -EINVAL},
		{OTHER, BOUGH_DATA "/broken.parquet", "other.parquet: column", -EINVAL},
		{BOUGH_DATA "/none", BOUGH_DATA "/broken.parquet", "/none: No such", -ENOENT},
	};

	for (size_t i = 0; i < 4 * ARRAY_SIZE(cases); i++) {
		size_t c = i % ARRAY_SIZE(cases);
		const char *paths[100];
		struct refs_imported done = {0};
		struct bough_error e = {0};

		for (size_t k = 0; k < ARRAY_SIZE(paths); k++)
			paths[k] = A;
		paths[70] = cases[c].first;
		for (size_t k = 71; k < ARRAY_SIZE(paths); k++)
			paths[k] = cases[c].later;
		assert_int_equal(run_paths(*state, NULL, paths, ARRAY_SIZE(paths), NULL, &done, &e),
			cases[c].code);
		assert_non_null(strstr(e.message, cases[c].words));
		expect_blocks(*state, 0, 0);
	}
}

static int take_id(void *arg, struct slice key, struct slice value)
{
	(void)value;
	*(uint64_t *)arg = key_read_u64(key, 1);
	return 0;
}

static uint64_t only_segment(struct refs_txn *x)
{
	struct key lo = key_make(KEY_SEGMENT), hi = key_next(&lo);
	uint64_t id = 0;

	assert_int_equal(kv_scan(x->kv, KV_BULK, key_slice(&lo), key_slice(&hi), take_id, &id), 0);
	return id;
}

/* Of files 0, 1, 3, 4, 6 ...: A and B in turn. */
static void expect_block(struct refs_txn *x, const struct rec_segment *segment, uint32_t at)
{
	static const uint8_t none[SHA256_BYTES];
	struct rec_segment_entry entry;
	struct rec_block block;
	char name[32];

	assert_int_equal(rec_segment_entry_at(segment, at, &entry), 0);
	assert_int_equal(rec_block_get(x->kv, entry.block, &block), 0);
	assert_int_equal(block.rows, at % 2 ? B_ROWS : A_ROWS);
	assert_memory_not_equal(block.sha256, none, SHA256_BYTES);
	snprintf(name, sizeof name, "part-%u.parquet", at / 2 * 3 + at % 2);
	assert_true(slice_equal(entry.name, slice_str(name)));
}

/* Blocks, entries of the segment and given names are those of the files with rows, in order. */
static void files_keep_their_order(void **state)
{
	struct fixture *f = *state;
	const char *paths[100];
	struct refs_imported done;
	struct bough_error e = {0};
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_segment segment;
	uint64_t id;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		paths[i] = i % 3 == 0 ? A : i % 3 == 1 ? B : EMPTY;
	assert_int_equal(run_paths(f, NULL, paths, ARRAY_SIZE(paths), NULL, &done, &e), 0);
	assert_int_equal(done.blocks, 67);
	assert_int_equal(refs_begin(f->store, KV_READ, &x), 0);
	id = only_segment(x);
	assert_int_equal(rec_segment_get(x->kv, id, &segment), 0);
	assert_int_equal(segment.blocks, 67);
	for (uint32_t i = 0; i < 67; i++)
		expect_block(x, &segment, i);
}

static void files_without_rows_make_no_block(void **state)
{
	struct refs_imported done = {.snapshot = 7};
	struct bough_error e = {0};

	assert_int_equal(run(*state, NULL, EMPTY, 2, NULL, &done, &e), 0);
	assert_int_equal(done.snapshot, 0);
	expect_blocks(*state, 0, 0);
}

static void tags_are_refused(void **state)
{
	struct fixture *f = *state;
	struct refs_imported done;
	struct bough_error e = {0};
	struct refs_txn *x;
	uint64_t db, id;
	struct refs_create c = {.name = "v1", .kind = REC_REF_TAG};

	assert_int_equal(run(f, NULL, A, 1, NULL, &done, &e), 0);
	assert_int_equal(refs_begin(f->store, KV_WRITE, &x), 0);
	assert_int_equal(refs_db_lookup(x, "d", &db, NULL), 0);
	assert_int_equal(refs_table_lookup(x, db, "t", &c.table, NULL), 0);
	assert_int_equal(refs_ref_create(x, &c, &id, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	assert_int_equal(run(f, "v1", A, 1, NULL, &done, &e), -EROFS);
	assert_int_equal(e.number, 3905);
	expect_blocks(f, 1, 1);
}

/* In the middle of an import, as the last file is stored: the table is dropped. */
static void drop_table(void *arg, size_t done, size_t total, uint64_t bytes)
{
	struct fixture *f = arg;
	struct refs_txn *x;
	uint64_t db, t;

	(void)bytes;
	if (done != total)
		return;
	assert_int_equal(refs_begin(f->store, KV_WRITE, &x), 0);
	if (!refs_db_lookup(x, "d", &db, NULL) && !refs_table_lookup(x, db, "t", &t, NULL)) {
		assert_int_equal(refs_table_drop(x, t, NULL), 0);
		assert_int_equal(refs_commit(&x, NULL), 0);
	}
	refs_abort(x);
}

static void a_table_dropped_meanwhile_takes_nothing_with_it(void **state)
{
	static const size_t sizes[] = {2, STAGED};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct refs_imported done;
		struct bough_error e = {0};

		fixture_table(*state, "d", "t");
		assert_int_equal(run(*state, NULL, A, sizes[i], drop_table, &done, &e), -ENOENT);
		assert_non_null(strstr(e.message, "dropped in the meantime"));
		expect_blocks(*state, 0, 0);
	}
}

/* Another one makes the table first, with another schema. */
static void make_other(void *arg, size_t done, size_t total, uint64_t bytes)
{
	struct refs_imported other;
	struct bough_error e = {0};

	(void)bytes;
	if (done == total && !count(arg, KV_HOT, KEY_SNAPSHOT))
		assert_int_equal(run(arg, NULL, OTHER, 1, NULL, &other, &e), 0);
}

static void the_second_to_make_a_table_is_matched_against_the_first(void **state)
{
	struct refs_imported done;
	struct bough_error e = {0};

	assert_int_equal(run(*state, NULL, A, STAGED, make_other, &done, &e), -EINVAL);
	assert_non_null(strstr(e.message, "a.parquet: column"));
	expect_blocks(*state, 1, 1);
}

/* Another append commits between our keys and our commit. */
static void append_one(void *arg, size_t done, size_t total, uint64_t bytes)
{
	struct refs_imported other;
	struct bough_error e = {0};

	(void)bytes;
	if (done == total && count(arg, KV_HOT, KEY_SNAPSHOT) == 1)
		assert_int_equal(run(arg, NULL, B, 1, NULL, &other, &e), 0);
}

static void appends_merge(void **state)
{
	struct fixture *f = *state;
	struct refs_imported done;
	struct bough_error e = {0};
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_snapshot head;

	assert_int_equal(run(f, NULL, A, 1, NULL, &done, &e), 0);
	assert_int_equal(run(f, NULL, A, STAGED, append_one, &done, &e), 0);
	assert_int_equal(refs_begin(f->store, KV_READ, &x), 0);
	assert_int_equal(rec_snapshot_get(x->kv, done.snapshot, &head), 0);
	assert_int_equal(head.blocks, STAGED + 2);
	assert_int_equal(head.seq, 3);
}

static void staged_ids_are_listed(void **state)
{
	struct fixture *f = *state;
	struct key k = key_u64_u64(KEY_STAGE, 9, 100);
	struct stage_list l = {0};
	struct buf b auto_buf = {0};
	struct refs_txn *x auto_refs_txn = NULL;

	assert_int_equal(refs_begin(f->store, KV_WRITE, &x), 0);
	assert_int_equal(enc_u64(&b, 10), 0);
	assert_int_equal(kv_put(x->kv, KV_HOT, key_slice(&k), buf_slice(&b)), 0);
	assert_int_equal(refs_stage_list(x, 8, &l), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(refs_stage_list(x, 9, &l), 0);
	assert_false(stage_list_has(&l, 99));
	assert_true(stage_list_has(&l, 100));
	assert_true(stage_list_has(&l, 109));
	assert_false(stage_list_has(&l, 110));
	stage_list_deinit(&l);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(many_files_are_one_commit),
		T(a_large_import_is_staged),
		T(what_does_not_fit_leaves_nothing),
		T(the_first_bad_file_in_order_is_named),
		T(files_keep_their_order),
		T(files_without_rows_make_no_block),
		T(tags_are_refused),
		T(a_table_dropped_meanwhile_takes_nothing_with_it),
		T(the_second_to_make_a_table_is_matched_against_the_first),
		T(appends_merge),
		T(staged_ids_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
