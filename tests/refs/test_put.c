/* One file after another put into a ref, alone and in batches. BOUGH_DATA, BOUGH_TOOLS_DATA. */
#include "refs/put.h"
#include "gc/fsck.h"
#include "meta/tree.h"
#include "refs/data.h"
#include "tests/support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define A BOUGH_TOOLS_DATA "/a.parquet"
#define B BOUGH_TOOLS_DATA "/b.parquet"
#define EMPTY BOUGH_TOOLS_DATA "/empty.parquet"
#define OTHER BOUGH_TOOLS_DATA "/other.parquet"
#define A_ROWS 3
#define B_ROWS 2
#define WRITERS 8

struct bed {
	struct fixture *f;
	char spool[TEST_PATH_BYTES_MAX];
	struct reader *reader;
	uint64_t table, main;
	unsigned files; /* spooled so far */
};

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof *b);

	assert_int_equal(fixture_setup((void **)&b->f), 0);
	test_dir_make(b->spool);
	assert_int_equal(reader_open(0, &b->reader), 0);
	b->table = fixture_table(b->f, "d", "t");
	b->main = fixture_main(b->f, b->table);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bed *b = *state;

	reader_close(b->reader);
	test_dir_remove(b->spool);
	fixture_teardown((void **)&b->f);
	free(b);
	return 0;
}

static void say(void *arg, const char *text)
{
	(void)arg;
	print_message("fsck: %s\n", text);
}

static void check(struct bed *b)
{
	const struct fsck_options options = {.full = true, .finding = say};
	struct fsck_report report = {0};
	struct bough_error e = {0};

	assert_int_equal(fsck_run(b->f->path, &options, &report, &e), 0);
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.staged, 0);
}

static int count_key(void *arg, const char *key, const struct objstore_stat *stat)
{
	(void)stat;
	*(unsigned *)arg += strstr(key, "/_b/") != NULL;
	return 0;
}

static unsigned objects(struct bed *b)
{
	unsigned n = 0;

	assert_int_equal(objstore_list(b->f->store->objects, "", NULL, count_key, &n), 0);
	return n;
}

/* A copy of @from, as a writer leaves it. */
static void spool(struct bed *b, const char *from, char path[static TEST_PATH_BYTES_MAX + 32])
{
	struct slice body;
	void *owned cleanup(free_p) = NULL;
	int dir = open(b->spool, O_RDONLY | O_DIRECTORY);
	int data = open("/", O_RDONLY | O_DIRECTORY);
	char name[16];

	snprintf(name, sizeof name, "%u", b->files++);
	assert_int_equal(io_read_file(io_system(), data, from + 1, 1 << 20, &body, &owned), 0);
	assert_int_equal(io_write_file(io_system(), dir, name, body, 0640), 0);
	snprintf(path, TEST_PATH_BYTES_MAX + 32, "%s/%s", b->spool, name);
	close(data);
	close(dir);
}

static struct refs_put *new_put(struct bed *b, uint64_t ref, const char *from, const char *name)
{
	char path[TEST_PATH_BYTES_MAX + 32];
	const struct refs_put_in in = {
		.ref = ref, .path = path, .name = name, .label = "d/t/f", .author = "ann"};
	struct refs_put *p;

	spool(b, from, path);
	assert_int_equal(refs_put_new(b->f->store, &in, &p), 0);
	return p;
}

static int run_to_end(
	struct bed *b, struct refs_put *p, struct refs_put_result *ret, struct bough_error *e)
{
	int r = -EAGAIN;

	while (r == -EAGAIN) {
		r = refs_put_prepare(p, b->reader, e);
		if (!r)
			r = refs_write(b->f->store, refs_put_apply, p, e);
	}
	refs_put_end(p, r, ret);
	return r;
}

static struct refs_put_result put(struct bed *b, const char *from, const char *name)
{
	struct refs_put_result done;
	struct bough_error e = {0};
	int r = run_to_end(b, new_put(b, b->main, from, name), &done, &e);

	if (r)
		fail_msg("%s as %s: %d %s", from, name, r, e.message);
	return done;
}

static struct rec_snapshot head(struct bed *b, uint64_t ref, uint64_t *ret_id)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_snapshot s = {0};
	struct rec_ref rec;

	assert_int_equal(refs_begin(b->f->store, KV_READ, &x), 0);
	assert_int_equal(rec_ref_get(x->kv, ref, &rec), 0);
	if (rec.head)
		assert_int_equal(rec_snapshot_get(x->kv, rec.head, &s), 0);
	*ret_id = rec.head;
	return s;
}

/* The block that @name means on main; 0 none. */
static uint64_t shown(struct bed *b, const char *name)
{
	struct refs_txn *x auto_refs_txn = NULL;
	uint64_t block = 0, id;
	struct rec_snapshot s = head(b, b->main, &id);
	int r;

	assert_int_equal(refs_begin(b->f->store, KV_READ, &x), 0);
	r = refs_data_find(x, b->table, s.root, name, &block);
	assert_true(!r || r == -ENOENT);
	return r ? 0 : block;
}

static uint64_t steps(struct bed *b)
{
	uint64_t id, n = 0;
	struct rec_snapshot s = head(b, b->main, &id);
	struct refs_txn *x auto_refs_txn = NULL;

	assert_int_equal(refs_begin(b->f->store, KV_READ, &x), 0);
	for (; id; n++) {
		assert_int_equal(rec_snapshot_get(x->kv, id, &s), 0);
		id = s.parent;
	}
	return n;
}

static void the_object_is_the_file_itself(void **state)
{
	struct bed *b = *state;
	char key[OBJSTORE_KEY_BYTES_MAX + 1], path[TEST_PATH_BYTES_MAX + 32];
	struct refs_put_result done = put(b, A, "a.parquet");
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_block rec;
	struct stat source, object;
	uint64_t id;
	struct rec_snapshot s = head(b, b->main, &id);
	int fd;

	assert_int_equal(done.rows, A_ROWS);
	assert_int_equal(done.snapshot, id);
	assert_int_equal(done.timestamp_us, s.timestamp_us);
	assert_int_equal(s.operation, REC_OP_APPEND);
	assert_string_equal(s.author, "ann");
	assert_int_equal(shown(b, "a.parquet"), done.block);
	assert_int_equal(refs_begin(b->f->store, KV_READ, &x), 0);
	assert_int_equal(rec_block_get(x->kv, done.block, &rec), 0);
	assert_int_equal(refs_block_key(x, done.block, &rec, key), 0);
	fd = objstore_open_local(b->f->store->objects, key);
	assert_int_equal(fstat(fd, &object), 0);
	close(fd);
	snprintf(path, sizeof path, "%s/0", b->spool);
	assert_int_equal(stat(path, &source), 0);
	assert_true(source.st_ino == object.st_ino && source.st_dev == object.st_dev);
	check(b);
}

static void appends_fold(void **state)
{
	struct bed *b = *state;
	struct rec_snapshot s;
	uint64_t id;
	char name[32];

	for (unsigned i = 0; i < 25; i++) {
		snprintf(name, sizeof name, "%u.parquet", i);
		put(b, i % 2 ? B : A, name);
	}
	s = head(b, b->main, &id);
	assert_int_equal(s.blocks, 25);
	assert_int_equal(s.rows, 13 * A_ROWS + 12 * B_ROWS);
	assert_in_range(s.segments, 1, 7);
	assert_int_equal(steps(b), 25);
	check(b);
}

static void a_name_that_is_there_is_replaced(void **state)
{
	struct bed *b = *state;
	struct refs_put_result first = put(b, A, "x.parquet"), second;
	struct rec_snapshot s;
	uint64_t id;

	put(b, A, "y.parquet");
	second = put(b, B, "x.parquet");
	assert_int_not_equal(first.block, second.block);
	assert_int_equal(shown(b, "x.parquet"), second.block);
	s = head(b, b->main, &id);
	assert_int_equal(s.operation, REC_OP_OVERWRITE);
	assert_string_equal(s.author, "ann");
	assert_int_equal(s.rows, A_ROWS + B_ROWS);
	assert_int_equal(s.blocks, 2);
	check(b);
}

static void a_file_without_rows_makes_no_block(void **state)
{
	struct bed *b = *state;
	struct refs_put_result done = put(b, EMPTY, "x.parquet");
	struct rec_snapshot s;
	uint64_t id;

	assert_int_equal(done.block, 0);
	assert_int_equal(done.snapshot, 0);
	assert_int_equal(steps(b), 0);
	assert_int_equal(objects(b), 0);
	put(b, A, "x.parquet");
	put(b, B, "y.parquet");
	done = put(b, EMPTY, "x.parquet");
	assert_int_equal(done.block, 0);
	assert_int_equal(done.rows, 0);
	s = head(b, b->main, &id);
	assert_int_equal(done.snapshot, id);
	assert_int_equal(s.operation, REC_OP_DELETE);
	assert_int_equal(s.rows, B_ROWS);
	assert_int_equal(shown(b, "x.parquet"), 0);
	assert_int_equal(objects(b), 2);
	check(b);
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
		put(b, A, round ? "again.parquet" : "first.parquet");
		for (unsigned i = 0; i < WRITERS; i++) {
			snprintf(name, sizeof name, "%u-%u.parquet", round, i);
			t.puts[i] = new_put(b, b->main, B, name);
		}
		prepare_all(b, &t);
		commit_all(b, &t);
		for (unsigned i = 0; i < WRITERS; i++)
			expect_ended(&t, i, B_ROWS);
	}
	s = head(b, b->main, &id);
	assert_int_equal(s.blocks, 2 + 4 * WRITERS);
	assert_int_equal(s.rows, 2 * A_ROWS + 4 * WRITERS * B_ROWS);
	assert_int_equal(steps(b), 4 + 4 * WRITERS);
	for (unsigned i = 0; i < WRITERS; i++) {
		snprintf(name, sizeof name, "3-%u.parquet", i);
		assert_int_not_equal(shown(b, name), 0);
	}
	check(b);
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
		t.puts[i] = new_put(b, b->main, i % 2 ? B : A, name);
	}
	prepare_all(b, &t);
	commit_all(b, &t);
	assert_int_equal(t.results[0], 0);
	for (unsigned i = 1; i < WRITERS; i++)
		assert_int_equal(t.results[i], -EAGAIN);
	assert_int_equal(objects(b), WRITERS);
	expect_ended(&t, 0, A_ROWS);
	for (unsigned i = 1; i < WRITERS; i++) /* no reader: it is not asked again */
		assert_int_equal(refs_put_prepare(t.puts[i], NULL, NULL), 0);
	t.puts[0] = new_put(b, b->main, A, "last.parquet");
	prepare_all(b, &t);
	commit_all(b, &t);
	for (unsigned i = 0; i < WRITERS; i++)
		expect_ended(&t, i, i % 2 ? B_ROWS : A_ROWS);
	s = head(b, b->main, &id);
	assert_int_equal(s.blocks, WRITERS + 1);
	assert_int_equal(objects(b), WRITERS + 1);
	check(b);
}

/* The last of those who write one name wins, and nothing of the others is left. */
static void a_batch_of_one_name(void **state)
{
	struct bed *b = *state;
	struct batch t;
	struct rec_snapshot s;
	uint64_t id, block = 0;

	put(b, A, "y.parquet");
	for (unsigned i = 0; i < WRITERS; i++)
		t.puts[i] = new_put(b, b->main, B, "x.parquet");
	for (unsigned left = 0; left < WRITERS; left++) {
		for (unsigned i = left; i < WRITERS; i++)
			assert_int_equal(refs_put_prepare(t.puts[i], b->reader, NULL), 0);
		for (unsigned i = left; i < WRITERS; i++) {
			struct bough_error e = {0};

			t.results[i] = refs_write(b->f->store, refs_put_apply, t.puts[i], &e);
			assert_int_equal(t.results[i], i == left ? 0 : -EAGAIN);
		}
		expect_ended(&t, left, B_ROWS);
		assert_int_not_equal(shown(b, "x.parquet"), block);
		block = shown(b, "x.parquet");
	}
	s = head(b, b->main, &id);
	assert_int_equal(s.blocks, 2);
	assert_int_equal(s.operation, REC_OP_OVERWRITE);
	check(b);
}

static void who_must_not_replace_does_not(void **state)
{
	struct bed *b = *state;
	char path[TEST_PATH_BYTES_MAX + 32];
	const struct refs_put_in in = {
		.ref = b->main, .path = path, .name = "x.parquet", .no_replace = true};
	struct refs_put *early, *late;
	struct refs_put_result done;
	struct bough_error e = {0};

	spool(b, A, path);
	assert_int_equal(refs_put_new(b->f->store, &in, &early), 0);
	assert_int_equal(refs_put_prepare(early, b->reader, &e), 0);
	put(b, B, "x.parquet");
	assert_int_equal(refs_write(b->f->store, refs_put_apply, early, &e), -EEXIST);
	assert_string_equal(e.message, "'x.parquet' is in 'main' already");
	refs_put_end(early, -EEXIST, &done);
	assert_int_equal(done.snapshot, 0);
	assert_int_equal(refs_put_new(b->f->store, &in, &late), 0);
	assert_int_equal(refs_put_prepare(late, b->reader, NULL), -EEXIST);
	refs_put_end(late, -EEXIST, NULL);
	assert_int_equal(objects(b), 1);
	check(b);
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
	unsigned before = objects(b);
	int r = run_to_end(b, new_put(b, ref, file, name), &done, &e);

	if (r != code || !strstr(e.message, words) || e.code != code)
		fail_msg("%s: %d, %d %s", file, r, e.code, e.message);
	assert_int_equal(done.block, 0);
	assert_int_equal(objects(b), before);
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

	put(b, BOUGH_DATA "/strict.parquet", "x.parquet");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (unsigned k = 0; k < 2; k++)
			refuse(b, b->main, cases[i].file, k ? "x.parquet" : "y.parquet", -EINVAL,
				cases[i].words);
	put(b, BOUGH_DATA "/missing.parquet", "y.parquet"); /* a column that may be NULL */
	refuse(b, b->main, A, "a/b", -EINVAL, "a/b");
	refuse(b, b->main, A, "", -EINVAL, "");
	assert_int_equal(steps(b), 2);
	check(b);
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

	put(b, A, "x.parquet");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t ref = fixture_branch(b->f, b->table, 0, cases[i].name);
		struct refs_put *p = new_put(b, ref, B, "y.parquet");
		struct bough_error e = {0};

		assert_int_equal(refs_put_prepare(p, b->reader, &e), 0);
		assert_int_equal(refs_write(b->f->store, cases[i].body, &ref, &e), 0);
		assert_int_equal(refs_write(b->f->store, refs_put_apply, p, &e), cases[i].code);
		assert_int_equal(e.code, cases[i].code);
		refs_put_end(p, cases[i].code, NULL);
		assert_writable(b);
		refuse(b, ref, B, "y.parquet", cases[i].code, "");
	}
	assert_int_equal(objects(b), 1);
	check(b);
}

/* Applied, and then the transaction of all came to nothing. */
static void what_was_not_committed_is_taken_back(void **state)
{
	struct bed *b = *state;
	struct refs_put *p = new_put(b, b->main, A, "x.parquet");
	struct refs_txn *x;
	struct refs_put_result done;

	assert_int_equal(refs_put_prepare(p, b->reader, NULL), 0);
	assert_int_equal(objects(b), 1);
	assert_int_equal(refs_begin(b->f->store, KV_WRITE, &x), 0);
	assert_int_equal(refs_put_apply(x, p, NULL), 0);
	refs_abort(x);
	refs_put_end(p, -ENOSPC, &done);
	assert_int_equal(done.snapshot, 0);
	assert_int_equal(objects(b), 0);
	assert_writable(b);
	check(b);
}

/* An error after the commit: what it was to do then, not the commit, has failed. */
static void what_was_committed_stays_whatever_is_said(void **state)
{
	struct bed *b = *state;
	struct refs_put *p = new_put(b, b->main, A, "x.parquet");
	struct refs_put_result done;

	assert_int_equal(refs_put_prepare(p, b->reader, NULL), 0);
	assert_int_equal(refs_write(b->f->store, refs_put_apply, p, NULL), 0);
	refs_put_end(p, -ENOSPC, &done);
	assert_int_equal(done.rows, A_ROWS);
	assert_int_equal(shown(b, "x.parquet"), done.block);
	check(b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_object_is_the_file_itself),
		CASE(appends_fold),
		CASE(a_name_that_is_there_is_replaced),
		CASE(a_file_without_rows_makes_no_block),
		CASE(a_batch_on_one_head_is_one_transaction),
		CASE(a_batch_on_an_empty_table),
		CASE(a_batch_of_one_name),
		CASE(who_must_not_replace_does_not),
		CASE(bad_files_are_refused_and_stay),
		CASE(a_ref_that_goes),
		CASE(what_was_not_committed_is_taken_back),
		CASE(what_was_committed_stays_whatever_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
