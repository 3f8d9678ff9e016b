/* One file after another put into a ref, alone and in batches. BOUGH_TOOLS_DATA: tests/tools/data.
 */
#include "refs/edit.h"
#include "tests/refs/putbed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define WRITERS 8

static void the_object_is_the_file_itself(void **state)
{
	struct bed *b = *state;
	char key[OBJSTORE_KEY_BYTES_MAX + 1], path[TEST_PATH_BYTES_MAX + 32];
	struct refs_put_result done = bed_put(b, A, "a.parquet");
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_block rec;
	struct stat source, object;
	uint64_t id;
	struct rec_snapshot s = bed_head(b, b->main, &id);
	int fd;

	assert_int_equal(done.rows, A_ROWS);
	assert_int_equal(done.snapshot, id);
	assert_int_equal(done.timestamp_us, s.timestamp_us);
	assert_int_equal(s.operation, REC_OP_APPEND);
	assert_string_equal(s.author, "ann");
	assert_int_equal(bed_shown(b, "a.parquet"), done.block);
	assert_int_equal(refs_begin(b->f->store, KV_READ, &x), 0);
	assert_int_equal(rec_block_get(x->kv, done.block, &rec), 0);
	assert_int_equal(refs_block_key(x, done.block, &rec, key), 0);
	fd = objstore_open_local(b->f->store->objects, key);
	assert_int_equal(fstat(fd, &object), 0);
	close(fd);
	snprintf(path, sizeof path, "%s/0", b->spool);
	assert_int_equal(stat(path, &source), 0);
	assert_true(source.st_ino == object.st_ino && source.st_dev == object.st_dev);
	bed_check(b);
}

static void appends_fold(void **state)
{
	struct bed *b = *state;
	struct rec_snapshot s;
	uint64_t id;
	char name[32];

	for (unsigned i = 0; i < 25; i++) {
		snprintf(name, sizeof name, "%u.parquet", i);
		bed_put(b, i % 2 ? B : A, name);
	}
	s = bed_head(b, b->main, &id);
	assert_int_equal(s.blocks, 25);
	assert_int_equal(s.rows, 13 * A_ROWS + 12 * B_ROWS);
	assert_in_range(s.segments, 1, 7);
	assert_int_equal(bed_steps(b), 25);
	bed_check(b);
}

static void beside_others_folds_are_left_to_later_appends(void **state)
{
	struct bed *b = *state;
	uint64_t id;
	char name[32];

	b->no_fold = true;
	for (unsigned i = 0; i < 12; i++) {
		snprintf(name, sizeof name, "%u.parquet", i);
		bed_put(b, A, name);
	}
	assert_int_equal(bed_head(b, b->main, &id).segments, 12);
	b->no_fold = false;
	bed_put(b, A, "last.parquet");
	assert_in_range(bed_head(b, b->main, &id).segments, 1, 4);
	bed_check(b);
}

static void a_name_that_is_there_is_replaced(void **state)
{
	struct bed *b = *state;
	struct refs_put_result first = bed_put(b, A, "x.parquet"), second;
	struct rec_snapshot s;
	uint64_t id;

	bed_put(b, A, "y.parquet");
	second = bed_put(b, B, "x.parquet");
	assert_int_not_equal(first.block, second.block);
	assert_int_equal(bed_shown(b, "x.parquet"), second.block);
	s = bed_head(b, b->main, &id);
	assert_int_equal(s.operation, REC_OP_OVERWRITE);
	assert_string_equal(s.author, "ann");
	assert_int_equal(s.rows, A_ROWS + B_ROWS);
	assert_int_equal(s.blocks, 2);
	bed_check(b);
}

static void a_file_without_rows_makes_no_block(void **state)
{
	struct bed *b = *state;
	struct refs_put_result done = bed_put(b, EMPTY, "x.parquet");
	struct rec_snapshot s;
	uint64_t id;

	assert_int_equal(done.block, 0);
	assert_int_equal(done.snapshot, 0);
	assert_int_equal(bed_steps(b), 0);
	assert_int_equal(bed_objects(b), 0);
	bed_put(b, A, "x.parquet");
	bed_put(b, B, "y.parquet");
	done = bed_put(b, EMPTY, "x.parquet");
	assert_int_equal(done.block, 0);
	assert_int_equal(done.rows, 0);
	s = bed_head(b, b->main, &id);
	assert_int_equal(done.snapshot, id);
	assert_int_equal(s.operation, REC_OP_DELETE);
	assert_int_equal(s.rows, B_ROWS);
	assert_int_equal(bed_shown(b, "x.parquet"), 0);
	assert_int_equal(bed_objects(b), 2);
	bed_check(b);
}

/** Several puts, applied in one transaction as the mount's committer does. */
struct batch {
	struct refs_put *puts[WRITERS];
	int results[WRITERS];
};

static void prepare_all(struct bed *b, struct batch *t)
{
	for (unsigned i = 0; i < WRITERS; i++) {
		struct bough_error e = {0};

		t->results[i] = refs_put_prepare(t->puts[i], b->reader, &e);
		if (t->results[i])
			fail_msg("put %u: %d %s", i, t->results[i], e.message);
	}
}

static void commit_all(struct bed *b, struct batch *t)
{
	struct refs_txn *x auto_refs_txn = NULL;

	assert_int_equal(refs_begin(b->f->store, KV_WRITE, &x), 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		struct refs_txn *nested auto_refs_txn = NULL;
		struct bough_error e = {0};

		assert_int_equal(refs_nest(x, &nested), 0);
		t->results[i] = refs_put_apply(nested, t->puts[i], &e);
		if (!t->results[i])
			assert_int_equal(refs_commit(&nested, NULL), 0);
	}
	assert_int_equal(refs_commit(&x, NULL), 0);
}

static void expect_ended(struct batch *t, unsigned i, unsigned rows)
{
	struct refs_put_result done;

	refs_put_end(t->puts[i], t->results[i], &done);
	assert_int_equal(t->results[i], 0);
	assert_int_equal(done.rows, rows);
	assert_int_not_equal(done.block, 0);
	assert_int_not_equal(done.snapshot, 0);
}

static void a_batch_on_one_head_is_one_transaction(void **state)
{
	struct bed *b = *state;
	struct batch t;
	struct rec_snapshot s;
	uint64_t id;
	char name[32];

	for (unsigned round = 0; round < 4; round++) {
		bed_put(b, A, round ? "again.parquet" : "first.parquet");
		for (unsigned i = 0; i < WRITERS; i++) {
			snprintf(name, sizeof name, "%u-%u.parquet", round, i);
			t.puts[i] = bed_new(b, b->main, B, name);
		}
		prepare_all(b, &t);
		commit_all(b, &t);
		for (unsigned i = 0; i < WRITERS; i++)
			expect_ended(&t, i, B_ROWS);
	}
	s = bed_head(b, b->main, &id);
	assert_int_equal(s.blocks, 2 + 4 * WRITERS);
	assert_int_equal(s.rows, 2 * A_ROWS + 4 * WRITERS * B_ROWS);
	assert_int_equal(bed_steps(b), 4 + 4 * WRITERS);
	for (unsigned i = 0; i < WRITERS; i++) {
		snprintf(name, sizeof name, "3-%u.parquet", i);
		assert_int_not_equal(bed_shown(b, name), 0);
	}
	bed_check(b);
}

/* Whoever comes first decides the schema; the others are matched against it then. */
static void a_batch_on_an_empty_table(void **state)
{
	struct bed *b = *state;
	struct batch t;
	struct rec_snapshot s;
	uint64_t id;
	char name[32];

	for (unsigned i = 0; i < WRITERS; i++) {
		snprintf(name, sizeof name, "%u.parquet", i);
		t.puts[i] = bed_new(b, b->main, i % 2 ? B : A, name);
	}
	prepare_all(b, &t);
	commit_all(b, &t);
	assert_int_equal(t.results[0], 0);
	for (unsigned i = 1; i < WRITERS; i++)
		assert_int_equal(t.results[i], -EAGAIN);
	assert_int_equal(bed_objects(b), WRITERS);
	expect_ended(&t, 0, A_ROWS);
	for (unsigned i = 1; i < WRITERS; i++) /* no reader: it is not asked again */
		assert_int_equal(refs_put_prepare(t.puts[i], NULL, NULL), 0);
	t.puts[0] = bed_new(b, b->main, A, "last.parquet");
	prepare_all(b, &t);
	commit_all(b, &t);
	for (unsigned i = 0; i < WRITERS; i++)
		expect_ended(&t, i, i % 2 ? B_ROWS : A_ROWS);
	s = bed_head(b, b->main, &id);
	assert_int_equal(s.blocks, WRITERS + 1);
	assert_int_equal(bed_objects(b), WRITERS + 1);
	bed_check(b);
}

/* The last of those who write one name wins, and nothing of the others is left. */
static void a_batch_of_one_name(void **state)
{
	struct bed *b = *state;
	struct batch t;
	struct rec_snapshot s;
	uint64_t id, block = 0;

	bed_put(b, A, "y.parquet");
	for (unsigned i = 0; i < WRITERS; i++)
		t.puts[i] = bed_new(b, b->main, B, "x.parquet");
	for (unsigned left = 0; left < WRITERS; left++) {
		for (unsigned i = left; i < WRITERS; i++)
			assert_int_equal(refs_put_prepare(t.puts[i], b->reader, NULL), 0);
		for (unsigned i = left; i < WRITERS; i++) {
			struct bough_error e = {0};

			t.results[i] = refs_write(b->f->store, refs_put_apply, t.puts[i], &e);
			assert_int_equal(t.results[i], i == left ? 0 : -EAGAIN);
		}
		expect_ended(&t, left, B_ROWS);
		assert_int_not_equal(bed_shown(b, "x.parquet"), block);
		block = bed_shown(b, "x.parquet");
	}
	s = bed_head(b, b->main, &id);
	assert_int_equal(s.blocks, 2);
	assert_int_equal(s.operation, REC_OP_OVERWRITE);
	bed_check(b);
}

/* Files of one import may be called the same. */
static void import(struct bed *b, const char *const *names, size_t n)
{
	struct refs_file files[4];
	struct refs_import in = {.db = "d", .table = "t", .files = files, .n_files = n};
	struct refs_imported done;
	struct bough_error e = {0};

	for (size_t i = 0; i < n; i++)
		files[i] = (struct refs_file){.path = A, .name = (char *)(uintptr_t)names[i]};
	assert_int_equal(refs_import_run(b->f->store, &in, &done, &e), 0);
	assert_int_equal(done.blocks, n);
}

static int apply(struct bed *b, struct refs_put *p)
{
	return refs_write(b->f->store, refs_put_apply, p, NULL);
}

/* What is replaced need not be in the head that was: its segment must. */
static void a_replacement_goes_with_other_commits(void **state)
{
	static const char *const names[] = {"x.parquet", "y.parquet", "z.parquet"};
	struct bed *b = *state;
	struct refs_put *x, *y;
	uint64_t id;

	import(b, names, ARRAY_SIZE(names));
	x = bed_new(b, b->main, B, "x.parquet");
	y = bed_new(b, b->main, B, "y.parquet");
	assert_int_equal(refs_put_prepare(x, b->reader, NULL), 0);
	assert_int_equal(refs_put_prepare(y, b->reader, NULL), 0);
	bed_put(b, A, "other.parquet");
	assert_int_equal(apply(b, x), 0);
	refs_put_end(x, 0, NULL);
	assert_int_equal(apply(b, y), -EAGAIN); /* of the same segment */
	assert_int_equal(refs_put_prepare(y, NULL, NULL), 0);
	assert_int_equal(apply(b, y), 0);
	refs_put_end(y, 0, NULL);
	assert_int_equal(bed_head(b, b->main, &id).blocks, 4);
	assert_int_equal(bed_head(b, b->main, &id).rows, 2 * A_ROWS + 2 * B_ROWS);
	bed_check(b);
}

/* Of several with one name the oldest shows it. The others do not come forward when it goes. */
static void others_of_the_name_stay_as_they_are(void **state)
{
	static const char *const names[] = {"x.parquet", "x.parquet", "y.parquet", "x.parquet"};
	struct bed *b = *state;
	struct refs_put_result done;
	struct refs_put *p;
	uint64_t first, id;

	import(b, names, ARRAY_SIZE(names));
	first = bed_shown(b, "x.parquet");
	p = bed_new(b, b->main, B, "x.parquet");
	assert_int_equal(refs_put_prepare(p, b->reader, NULL), 0);
	import(b, names, 1);
	assert_int_equal(apply(b, p), -EAGAIN); /* one more of them */
	assert_int_equal(bed_run(b, p, &done, NULL), 0);
	assert_int_not_equal(done.block, first);
	assert_int_equal(bed_shown(b, "x.parquet"), done.block);
	assert_int_equal(bed_head(b, b->main, &id).rows, 4 * A_ROWS + B_ROWS);
	bed_put(b, EMPTY, "x.parquet");
	assert_int_equal(bed_shown(b, "x.parquet"), 0);
	assert_int_equal(bed_head(b, b->main, &id).rows, 4 * A_ROWS);
	done = bed_put(b, B, "x.parquet");
	assert_int_equal(bed_shown(b, "x.parquet"), done.block);
	bed_check(b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_object_is_the_file_itself),
		CASE(appends_fold),
		CASE(beside_others_folds_are_left_to_later_appends),
		CASE(a_name_that_is_there_is_replaced),
		CASE(a_file_without_rows_makes_no_block),
		CASE(a_batch_on_one_head_is_one_transaction),
		CASE(a_batch_on_an_empty_table),
		CASE(a_batch_of_one_name),
		CASE(a_replacement_goes_with_other_commits),
		CASE(others_of_the_name_stay_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
