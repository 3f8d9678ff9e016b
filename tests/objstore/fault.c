/*
 * Each scenario runs with its first, second, third ... call of the file system failing, until it
 * passes without meeting the fault. After each run a store opened afresh must show either all of
 * what was asked or none, and all of it if the call returned 0.
 */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "objstore/objstore.h"
#include "tests/support/fault_io.h"

#define KEY "1/6/_b/x"

enum outcome { OBJECT_ABSENT, OBJECT_WHOLE };

struct run {
	char root[TEST_PATH_BYTES_MAX], path[TEST_PATH_BYTES_MAX + 16];
	struct buf body;
	struct objstore *store; /* whose calls fail */
	struct fault_io fault;
};

struct scenario {
	const char *name;
	int (*prepare)(struct run *t);
	int (*act)(struct run *t);
	enum outcome before, after;
	bool has_source;
};

static int nothing(struct run *t)
{
	(void)t;
	return 0;
}

static int put(struct run *t)
{
	return objstore_put(t->store, KEY, buf_slice(&t->body));
}

static int put_beside(struct run *t)
{
	return objstore_put(t->store, "1/6/_b/other", slice_str("x"));
}

static int put_file(struct run *t, enum objstore_take take)
{
	int fd cleanup(close_p) = open(t->path, O_RDONLY);
	uint8_t sum[SHA256_BYTES], want[SHA256_BYTES];
	int r = objstore_put_file(t->store, KEY, fd, t->path, take, sum);

	if (!r) {
		assert_int_equal(sha256_of(buf_slice(&t->body), want), 0);
		assert_memory_equal(sum, want, sizeof sum);
	}
	return r;
}

static int copy(struct run *t)
{
	return put_file(t, OBJSTORE_COPY);
}

static int move(struct run *t)
{
	return put_file(t, OBJSTORE_MOVE);
}

static int link_in(struct run *t)
{
	return put_file(t, OBJSTORE_LINK);
}

/* Five at once; the one looked at is in the middle. */
static int copy_batch(struct run *t)
{
	static const char *const keys[] = {"1/6/_b/v", "1/6/_b/w", KEY, "1/6/_b/y", "1/7/_b/z"};
	struct objstore_file files[ARRAY_SIZE(keys)];
	uint8_t want[SHA256_BYTES];
	size_t failed;
	int fd cleanup(close_p) = open(t->path, O_RDONLY), r;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		char path[TEST_PATH_BYTES_MAX + 32];

		/* What an earlier failure left is its caller's to delete. */
		snprintf(path, sizeof path, "%s/%s", t->root, keys[i]);
		if (strcmp(keys[i], KEY))
			unlink(path);
		files[i] = (struct objstore_file){.key = keys[i], .fd = fd};
	}
	r = objstore_put_files(t->store, files, ARRAY_SIZE(keys), &failed);
	if (r)
		return r;
	assert_int_equal(sha256_of(buf_slice(&t->body), want), 0);
	assert_memory_equal(files[4].sha256, want, sizeof want);
	return 0;
}

static int del(struct run *t)
{
	return objstore_del(t->store, KEY);
}

static const struct scenario scenarios[] = {
	{"put", nothing, put, OBJECT_ABSENT, OBJECT_WHOLE, false},
	{"put beside another", put_beside, put, OBJECT_ABSENT, OBJECT_WHOLE, false},
	{"copy", nothing, copy, OBJECT_ABSENT, OBJECT_WHOLE, true},
	{"copy of several", nothing, copy_batch, OBJECT_ABSENT, OBJECT_WHOLE, true},
	{"move", put_beside, move, OBJECT_ABSENT, OBJECT_WHOLE, true},
	{"link", put_beside, link_in, OBJECT_ABSENT, OBJECT_WHOLE, true},
	{"delete", put, del, OBJECT_WHOLE, OBJECT_ABSENT, false},
};

static const struct fault {
	const char *name;
	int code;
	bool sticky, applied;
} faults[] = {
	{"EIO", -EIO, false, false},
	{"ENOSPC", -ENOSPC, false, false},
	{"EIO for good", -EIO, true, false},
	{"EIO after the rename or link", -EIO, false, true},
};

static void start(struct run *t, const struct scenario *s)
{
	int dir;

	*t = (struct run){0};
	test_dir_make(t->root);
	snprintf(t->path, sizeof t->path, "%s/source", t->root);
	assert_int_equal(buf_reserve(&t->body, (1 << 20) + 5), 0);
	t->body.len = (1 << 20) + 5;
	for (size_t i = 0; i < t->body.len; i++)
		t->body.data[i] = (uint8_t)(i * 131 + i / 251);
	dir = open(t->root, O_RDONLY | O_DIRECTORY);
	if (s->has_source)
		assert_int_equal(
			io_write_file(io_system(), dir, "source", buf_slice(&t->body), 0600), 0);
	close(dir);
	fault_io_init(&t->fault, io_system());
	assert_int_equal(objstore_dir_open(t->root, &t->fault.io, &t->store), 0);
	assert_int_equal(s->prepare(t), 0);
}

static void finish(struct run *t)
{
	objstore_close(t->store);
	test_dir_remove(t->root);
	buf_deinit(&t->body);
}

static enum outcome look(struct run *t, struct objstore *fresh)
{
	struct buf got auto_buf = {0};
	int r = objstore_get(fresh, KEY, SIZE_MAX, &got);

	if (r == -ENOENT)
		return OBJECT_ABSENT;
	assert_int_equal(r, 0);
	assert_true(slice_equal(buf_slice(&got), buf_slice(&t->body)));
	return OBJECT_WHOLE;
}

/* A source given away must be whole in one of the two places. */
static void assert_source_kept(struct run *t)
{
	struct stat st;

	assert_int_equal(stat(t->path, &st), 0);
	assert_int_equal(st.st_size, t->body.len);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void check(struct run *t, const struct scenario *s, const struct fault *fault, int r)
{
	struct objstore *fresh cleanup(objstore_close_p) = NULL;
	enum outcome now;

	assert_int_equal(objstore_dir_open(t->root, io_system(), &fresh), 0);
	now = look(t, fresh);
	assert_int_equal(t->fault.fsyncs_repeated, 0);
	if (!r)
		assert_int_equal(now, s->after);
	/* A put that failed leaves nothing while the disk still obeys. */
	if (r && !fault->sticky && s->after == OBJECT_WHOLE)
		assert_int_equal(now, OBJECT_ABSENT);
	if (r && s->has_source && now == OBJECT_ABSENT)
		assert_source_kept(t);
	/* And it can be done again by the next one. */
	if (now == OBJECT_ABSENT && s->after == OBJECT_WHOLE) {
		objstore_close(t->store);
		t->store = steal(&fresh);
		assert_int_equal(s->act(t), 0);
		assert_int_equal(look(t, t->store), OBJECT_WHOLE);
	}
}

/* Return: whether the fault was met. */
static bool run(const struct scenario *s, const struct fault *fault, unsigned n)
{
	struct run t;
	bool hit;
	int r;

	start(&t, s);
	t.fault.sticky = fault->sticky;
	t.fault.applied = fault->applied;
	fault_io_arm(&t.fault, n, fault->code);
	r = s->act(&t);
	hit = t.fault.hit > 0;
	/* A source that stays behind after its object is safe is the one failure not told. */
	if (hit && r)
		assert_int_equal(r, fault->code);
	if (!hit)
		assert_int_equal(r, 0);
	check(&t, s, fault, r);
	finish(&t);
	return hit;
}

static void every_call_fails_once(void **state)
{
	unsigned hits = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
		for (size_t j = 0; j < ARRAY_SIZE(faults); j++) {
			unsigned n = 1;

			while (run(&scenarios[i], &faults[j], n))
				n++;
			print_message("%s, %s: %u calls failed\n", scenarios[i].name,
				faults[j].name, n - 1);
			assert_true(n > 3);
			hits += n - 1;
		}
	print_message("faults hit: %u\n", hits);
	assert_true(hits >= 120);
}

/* After a failed fsync the disk may have lost what it took: no later 0 is worth anything. */
static void a_failed_fsync_ends_all_writing(void **state)
{
	const struct scenario *s = &scenarios[0];
	struct run t;
	struct buf got auto_buf = {0};
	unsigned before;

	(void)state;
	start(&t, s);
	assert_int_equal(put_beside(&t), 0);
	/* Calls of a put into a known directory: open, open, truncate, write, fsync. */
	fault_io_arm(&t.fault, 5, -EIO);
	assert_int_equal(put(&t), -EIO);
	assert_int_equal(t.fault.hit, 1);
	before = t.fault.calls;
	assert_int_equal(put(&t), -EIO);
	assert_int_equal(objstore_del(t.store, "1/6/_b/other"), -EIO);
	assert_int_equal(t.fault.calls, before);
	assert_int_equal(objstore_get(t.store, "1/6/_b/other", 10, &got), 0);
	finish(&t);
}

static void a_full_disk_does_not_end_writing(void **state)
{
	struct run t;

	(void)state;
	start(&t, &scenarios[0]);
	assert_int_equal(put_beside(&t), 0);
	fault_io_arm(&t.fault, 5, -ENOSPC);
	assert_int_equal(put(&t), -ENOSPC);
	assert_int_equal(put(&t), 0);
	assert_int_equal(look(&t, t.store), OBJECT_WHOLE);
	finish(&t);
}

static void a_read_that_fails_gives_nothing(void **state)
{
	struct run t;
	struct buf got auto_buf = {0};
	char byte;

	(void)state;
	start(&t, &scenarios[0]);
	assert_int_equal(put(&t), 0);
	for (unsigned n = 1; n <= 2; n++) {
		fault_io_arm(&t.fault, n, -EIO);
		assert_int_equal(objstore_get(t.store, KEY, SIZE_MAX, &got), -EIO);
		assert_int_equal(got.len, 0);
		fault_io_arm(&t.fault, n, -EIO);
		assert_int_equal(objstore_get_range(t.store, KEY, 0, &byte, 1), -EIO);
	}
	finish(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_fails_once),
		cmocka_unit_test(a_failed_fsync_ends_all_writing),
		cmocka_unit_test(a_full_disk_does_not_end_writing),
		cmocka_unit_test(a_read_that_fails_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
