/* A file put into a ref with every call of objects or metadata, or every allocation, failing once.
 */
#include "refs/put.h"
#include "tests/refs/faulty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define A BOUGH_DATA "/a.parquet"
#define EMPTY BOUGH_DATA "/empty.parquet"
#define TRIES_MAX 10

static char spool[TEST_PATH_BYTES_MAX];
static struct reader *reader;

static void copy(const char *from, char path[static TEST_PATH_BYTES_MAX + 32])
{
	static unsigned n;
	char body[4096];
	int in = open(from, O_RDONLY), out;
	ssize_t len = read(in, body, sizeof body);

	snprintf(path, TEST_PATH_BYTES_MAX + 32, "%s/%u", spool, n++);
	out = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(len > 0);
	assert_int_equal(write(out, body, (size_t)len), len);
	close(in);
	close(out);
}

/* As a writer does it, until it is said to have come through or not. */
static int put(struct faulty *t, const char *from, const char *name, struct bough_error *e)
{
	char path[TEST_PATH_BYTES_MAX + 32];
	const struct refs_put_in in = {.ref = t->main, .path = path, .name = name, .author = "ann"};
	struct refs_put_result done;
	struct refs_put *p;
	int r;

	copy(from, path);
	r = refs_put_new(t->f->store, &in, &p);
	if (r)
		return r;
	r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < TRIES_MAX; i++) {
		r = refs_put_prepare(p, reader, e);
		if (!r)
			r = refs_write(t->f->store, refs_put_apply, p, e);
	}
	refs_put_end(p, r, &done);
	assert_true(r || done.snapshot);
	return r;
}

static void prepare(struct faulty *t)
{
	t->table = fixture_table(t->f, "d", "t");
	t->main = fixture_main(t->f, t->table);
}

static void prepare_two(struct faulty *t)
{
	struct bough_error e = {0};

	prepare(t);
	assert_int_equal(put(t, A, "x.parquet", &e), 0);
	assert_int_equal(put(t, A, "y.parquet", &e), 0);
}

static int append(struct faulty *t, struct bough_error *e)
{
	static unsigned n;
	char name[32];

	snprintf(name, sizeof name, "%u.parquet", n++);
	return put(t, A, name, e);
}

static int replace(struct faulty *t, struct bough_error *e)
{
	return put(t, A, "x.parquet", e);
}

static int empty(struct faulty *t, struct bough_error *e)
{
	return put(t, EMPTY, "x.parquet", e);
}

enum { FIRST, PUT, REPLACE, EMPTIED };
static const struct faulty_scenario scenarios[] = {
	[FIRST] = {.name = "first put", .prepare = prepare, .run = append},
	[PUT] = {.name = "put", .prepare = prepare_two, .run = append},
	[REPLACE] = {.name = "put in place of another", .prepare = prepare_two, .run = replace},
	[EMPTIED] = {.name = "put of no rows in place of another",
		.prepare = prepare_two,
		.run = empty},
};

#define OPS(a) (1u << KV_OP_##a)
#define ALL OBJSTORE_OPS_ALL

static const struct faulty_fault of_all[] = {
	{.name = "EIO", .objects = {.ops = ALL, .code = -EIO}},
	{.name = "ENOSPC", .objects = {.ops = ALL, .code = -ENOSPC}},
	{.name = "EIO for good",
		.objects = {.ops = ALL, .code = -EIO, .sticky = true},
		.may_leave = true},
	{.name = "EIO after it", .objects = {.ops = ALL, .code = -EIO, .applied = true}},
	{.name = "EIO of metadata", .kv = {.ops = KV_OPS_ALL, .code = -EIO}, .may_leave = true},
	{.name = "EIO after the commit", .kv = {.ops = OPS(COMMIT), .code = -EIO, .applied = true}},
};

static const struct faulty_fault of_replacing[] = {
	{.name = "EUCLEAN at a read", .kv = {.ops = OPS(GET) | OPS(SCAN), .code = -EUCLEAN}},
	{.name = "ENOSPC at a write",
		.kv = {.ops = OPS(BEGIN_WRITE) | OPS(PUT) | OPS(DEL) | OPS(COMMIT),
			.code = -ENOSPC}},
	{.name = "ESTALE at the commit",
		.kv = {.ops = OPS(COMMIT), .code = -ESTALE},
		.may_pass = true},
};

static void all_or_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
		for (size_t j = 0; j < ARRAY_SIZE(of_all); j++) {
			struct faulty_fault fault = of_all[j];

			/* what it stored is deleted after the commit: nobody waits for that */
			fault.may_pass |= i == EMPTIED && fault.objects.ops;
			faulty_run(&scenarios[i], &fault);
		}
	for (size_t j = 0; j < ARRAY_SIZE(of_replacing); j++)
		faulty_run(&scenarios[REPLACE], &of_replacing[j]);
}

static void no_allocation_is_taken_for_granted(void **state)
{
	const struct faulty_fault fault = {.name = "ENOMEM", .memory = true, .may_pass = true};

	(void)state;
	faulty_run(&scenarios[FIRST], &fault);
	faulty_run(&scenarios[REPLACE], &fault);
}

static int setup(void **state)
{
	(void)state;
	test_dir_make(spool);
	return reader_open(0, &reader);
}

static int teardown(void **state)
{
	(void)state;
	reader_close(reader);
	test_dir_remove(spool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_or_nothing),
		cmocka_unit_test(no_allocation_is_taken_for_granted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
