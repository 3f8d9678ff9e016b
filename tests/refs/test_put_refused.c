/* What becomes of a file that is not put into a ref. BOUGH_DATA: tests/refs/data. */
#include "gc/fsck.h"
#include "tests/refs/putbed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void who_must_not_replace_does_not(void **state)
{
	struct bed *b = *state;
	char path[TEST_PATH_BYTES_MAX + 32];
	const struct refs_put_in in = {
		.ref = b->main, .path = path, .name = "x.parquet", .no_replace = true};
	struct refs_put *early, *late;
	struct refs_put_result done;
	struct bough_error e = {0};

	bed_spool(b, A, path);
	assert_int_equal(refs_put_new(b->f->store, &in, &early), 0);
	assert_int_equal(refs_put_prepare(early, b->reader, &e), 0);
	bed_put(b, B, "x.parquet");
	assert_int_equal(refs_write(b->f->store, refs_put_apply, early, &e), -EEXIST);
	assert_string_equal(e.message, "'x.parquet' is in 'main' already");
	refs_put_end(early, -EEXIST, &done);
	assert_int_equal(done.snapshot, 0);
	assert_int_equal(refs_put_new(b->f->store, &in, &late), 0);
	assert_int_equal(refs_put_prepare(late, b->reader, NULL), -EEXIST);
	refs_put_end(late, -EEXIST, NULL);
	assert_int_equal(bed_objects(b), 1);
	bed_check(b);
}

static void assert_writable(struct bed *b)
{
	char path[TEST_PATH_BYTES_MAX + 32];
	struct stat st;

	snprintf(path, sizeof path, "%s/%u", b->spool, b->files - 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_nlink, 1);
}

static void refuse(struct bed *b, uint64_t ref, const char *file, const char *name, int code,
	const char *words)
{
	struct refs_put_result done = {.block = 1};
	struct bough_error e = {0};
	unsigned before = bed_objects(b);
	int r = bed_run(b, bed_new(b, ref, file, name), &done, &e);

	if (r != code || !strstr(e.message, words) || e.code != code)
		fail_msg("%s: %d, %d %s", file, r, e.code, e.message);
	assert_int_equal(done.block, 0);
	assert_int_equal(bed_objects(b), before);
	assert_writable(b);
}

static void bad_files_are_refused_and_stay(void **state)
{
	static const struct {
		const char *file, *words;
	} cases[] = {
		{BOUGH_TOOLS_DATA "/broken.parquet", "d/t/f"},
		{BOUGH_DATA "/truncated.parquet", "d/t/f is truncated"},
		{BOUGH_DATA "/damaged.parquet", "d/t/f is damaged"},
		{BOUGH_DATA "/type.parquet", "d/t/f: column 'id'"},
		{BOUGH_DATA "/extra.parquet", "d/t/f: column 'more'"},
		{BOUGH_DATA "/nulls.parquet", "d/t/f: column 'id' has 1 NULL"},
		{BOUGH_DATA "/no_id.parquet", "d/t/f: column 'id'"},
		{OTHER, "d/t/f: column"},
	};
	struct bed *b = *state;

	bed_put(b, BOUGH_DATA "/strict.parquet", "x.parquet");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (unsigned k = 0; k < 2; k++)
			refuse(b, b->main, cases[i].file, k ? "x.parquet" : "y.parquet", -EINVAL,
				cases[i].words);
	bed_put(b, BOUGH_DATA "/missing.parquet", "y.parquet"); /* a column that may be NULL */
	refuse(b, b->main, A, "a/b", -EINVAL, "a/b");
	refuse(b, b->main, A, "", -EINVAL, "");
	assert_int_equal(bed_steps(b), 2);
	bed_check(b);
}

static int drop(struct refs_txn *x, void *ref, struct bough_error *e)
{
	return refs_ref_drop(x, *(uint64_t *)ref, e);
}

static int expire(struct refs_txn *x, void *ref, struct bough_error *e)
{
	return refs_ref_retain(x, *(uint64_t *)ref, 1, e);
}

static int freeze(struct refs_txn *x, void *ref, struct bough_error *e)
{
	return refs_ref_freeze(x, *(uint64_t *)ref, e);
}

/* What happens to the branch before the put, between its halves. */
static void a_ref_that_goes(void **state)
{
	static const struct {
		refs_body body;
		int code;
		const char *name;
	} cases[] = {{drop, -ESTALE, "dropped"}, {expire, -ESTALE, "expired"},
		{freeze, -EROFS, "frozen"}};
	struct bed *b = *state;

	bed_put(b, A, "x.parquet");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t ref = fixture_branch(b->f, b->table, 0, cases[i].name);
		struct refs_put *p = bed_new(b, ref, B, "y.parquet");
		struct bough_error e = {0};

		assert_int_equal(refs_put_prepare(p, b->reader, &e), 0);
		assert_int_equal(refs_write(b->f->store, cases[i].body, &ref, &e), 0);
		assert_int_equal(refs_write(b->f->store, refs_put_apply, p, &e), cases[i].code);
		assert_int_equal(e.code, cases[i].code);
		refs_put_end(p, cases[i].code, NULL);
		assert_writable(b);
		refuse(b, ref, B, "y.parquet", cases[i].code, "");
	}
	assert_int_equal(bed_objects(b), 1);
	bed_check(b);
}

/* Applied, and then the transaction of all came to nothing. */
static void what_was_not_committed_is_taken_back(void **state)
{
	struct bed *b = *state;
	struct refs_put *p = bed_new(b, b->main, A, "x.parquet");
	struct refs_txn *x;
	struct refs_put_result done;

	assert_int_equal(refs_put_prepare(p, b->reader, NULL), 0);
	assert_int_equal(bed_objects(b), 1);
	assert_int_equal(refs_begin(b->f->store, KV_WRITE, &x), 0);
	assert_int_equal(refs_put_apply(x, p, NULL), 0);
	refs_abort(x);
	refs_put_end(p, -ENOSPC, &done);
	assert_int_equal(done.snapshot, 0);
	assert_int_equal(bed_objects(b), 0);
	assert_writable(b);
	bed_check(b);
}

/* Only the disk knows whether this commit is there: a sweep will judge, not we. */
static void what_may_be_committed_is_kept(void **state)
{
	struct bed *b = *state;
	struct refs_put *p = bed_new(b, b->main, A, "x.parquet");
	const struct fsck_options options = {.full = true};
	struct fsck_report report = {0};
	struct bough_error e = {0};
	struct refs_txn *x;

	assert_int_equal(refs_put_prepare(p, b->reader, NULL), 0);
	assert_int_equal(refs_begin(b->f->store, KV_WRITE, &x), 0);
	assert_int_equal(refs_put_apply(x, p, NULL), 0);
	refs_abort(x);
	refs_put_end(p, -EIO, NULL);
	assert_int_equal(bed_objects(b), 1);
	fixture_reopen(b->f); /* the range stays, as that of one who was killed */
	assert_int_equal(fsck_run(b->f->path, &options, &report, &e), 0);
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.staged, 1);
}

/* An error after the commit: what it was to do then, not the commit, has failed. */
static void what_was_committed_stays_whatever_is_said(void **state)
{
	struct bed *b = *state;
	struct refs_put *p = bed_new(b, b->main, A, "x.parquet");
	struct refs_put_result done;

	assert_int_equal(refs_put_prepare(p, b->reader, NULL), 0);
	assert_int_equal(refs_write(b->f->store, refs_put_apply, p, NULL), 0);
	refs_put_end(p, -ENOSPC, &done);
	assert_int_equal(done.rows, A_ROWS);
	assert_int_equal(bed_shown(b, "x.parquet"), done.block);
	bed_check(b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_must_not_replace_does_not),
		CASE(bad_files_are_refused_and_stay),
		CASE(a_ref_that_goes),
		CASE(what_was_not_committed_is_taken_back),
		CASE(what_may_be_committed_is_kept),
		CASE(what_was_committed_stays_whatever_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
