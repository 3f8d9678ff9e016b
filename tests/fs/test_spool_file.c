/* One staged file: its states, failing calls, and who waits for whom. */
#include "tests/fs/spool_world.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char *freeze(struct fs_staged *f)
{
	const char *path = NULL;

	assert_int_equal(fs_staged_freeze(f, &path), 0);
	assert_non_null(path);
	return path;
}

static void commit(struct fs_staged *f)
{
	freeze(f);
	fs_staged_thaw(f, 0);
}

static int freeze_result(struct fs_staged *f)
{
	const char *path = NULL;
	int r = fs_staged_freeze(f, &path);

	if (r)
		assert_null(path);
	return r;
}

static void assert_bytes(struct fs_staged *f, uint64_t off, const char *bytes)
{
	char data[32];

	assert_int_equal(fs_staged_read(f, data, strlen(bytes), off), strlen(bytes));
	assert_memory_equal(data, bytes, strlen(bytes));
}

static void written_read_and_truncated(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");
	struct stat st;
	char data[8];

	assert_int_equal(fs_staged_write(f, "hello", 5, 3), 5);
	assert_int_equal(fs_staged_read(f, data, 8, 0), 8);
	assert_memory_equal(data, "\0\0\0hello", 8);
	assert_int_equal(fs_staged_read(f, data, 8, 6), 2);
	assert_int_equal(fs_staged_read(f, data, 8, 100), 0);
	assert_int_equal(fs_staged_truncate(f, 4), 0);
	assert_int_equal(spool_world_size(f), 4);
	assert_int_equal(fs_staged_truncate(f, 100000), 0);
	assert_int_equal(fs_staged_stat(f, &st), 0);
	assert_int_equal(st.st_size, 100000);
	assert_true(st.st_blocks * 512 < 100000);
	assert_int_equal(fs_staged_write(f, "", 0, 5), 0);
	spool_world_close(w, f);
}

static void only_whole_parquet_files_are_frozen(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int result;
	} cases[] = {
		{"PAR1\0\0\0\0PAR1", 12, 0},
		{"PAR1....\4\0\0\0PAR1", 16, 0},
		{"PAR1....\5\0\0\0PAR1", 16, -EINVAL},
		{"PAR1....\0\0\0\377PAR1", 16, -EINVAL},
		{"PAR1....\0\1\0\0PAR1", 16, -EINVAL},
		{"PAR1\0\0\0PAR1", 11, -EINVAL},
		{"PAR1", 4, -EINVAL},
		{"PAR2\0\0\0\0PAR1", 12, -EINVAL},
		{"PAR1\0\0\0\0PAR2", 12, -EINVAL},
		{"PAR1\0\0\0\0PARE", 12, 0},
		{"PARE\0\0\0\0PARE", 12, 0},
		{"PARE\0\0\0\0PAR1", 12, -EINVAL},
	};
	struct spool_world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");

		assert_int_equal(fs_staged_write(f, cases[i].bytes, cases[i].len, 0), cases[i].len);
		assert_int_equal(freeze_result(f), cases[i].result);
		if (!cases[i].result)
			fs_staged_thaw(f, -EINVAL);
		assert_int_equal(fs_staged_write(f, "more", 4, 12), 4); /* it stays writable */
		spool_world_close(w, f);
	}
}

static void nothing_to_commit(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");

	assert_int_equal(freeze_result(f), 1);
	assert_int_equal(fs_staged_write(f, "x", 1, 0), 1);
	assert_int_equal(fs_staged_truncate(f, 0), 0);
	assert_int_equal(freeze_result(f), 1);
	spool_world_fill(f, 12);
	commit(f);
	assert_int_equal(freeze_result(f), 1);
	assert_int_equal(fs_staged_renew(f), 0);
	assert_int_equal(freeze_result(f), 1);
	assert_int_equal(spool_world_close(w, f), FS_RELEASE_NONE);
}

static void frozen_it_does_not_change(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");
	struct stat st;

	spool_world_fill(f, 20);
	assert_int_equal(stat(freeze(f), &st), 0);
	assert_int_equal(st.st_size, 20);
	assert_int_equal(fs_staged_write(f, "x", 1, 5), -EBUSY);
	assert_int_equal(fs_staged_truncate(f, 5), -EBUSY);
	assert_int_equal(fs_staged_renew(f), -EBUSY);
	assert_int_equal(freeze_result(f), -EBUSY);
	assert_int_equal(spool_world_size(f), 20);
	assert_bytes(f, 0, "PAR1");
	assert_int_equal(fs_staged_sync(f), 0);
	fs_staged_thaw(f, -ENOSPC);
	freeze(f); /* as changed as before */
	fs_staged_thaw(f, -ENOSPC);
	assert_int_equal(fs_staged_write(f, "x", 1, 5), 1);
	assert_int_equal(fs_staged_renew(f), 0);
	assert_bytes(f, 5, "x");
	assert_int_equal(spool_world_close(w, f), FS_RELEASE_DROPPED);
}

static void its_hash_is_kept_until_it_changes(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, ".f.parquet");
	uint8_t sum[SHA256_BYTES], want[SHA256_BYTES];
	uint8_t body[20];

	spool_world_fill(f, sizeof body);
	assert_int_equal(fs_staged_read(f, body, sizeof body, 0), sizeof body);
	assert_int_equal(sha256_of((struct slice){body, sizeof body}, want), 0);
	freeze(f);
	assert_false(fs_staged_hashed(f, sum));
	fs_staged_hash(f);
	assert_true(fs_staged_hashed(f, sum));
	assert_memory_equal(sum, want, sizeof want);
	fs_staged_thaw(f, -ECANCELED);
	freeze(f); /* for its commit */
	assert_true(fs_staged_hashed(f, sum));
	fs_staged_thaw(f, -ENOSPC);
	assert_int_equal(fs_staged_write(f, "x", 1, 5), 1);
	assert_false(fs_staged_hashed(f, sum));
	freeze(f);
	fs_staged_hash(f);
	assert_true(fs_staged_hashed(f, sum));
	assert_memory_not_equal(sum, want, sizeof want);
	fs_staged_thaw(f, -ECANCELED);
	assert_int_equal(fs_staged_truncate(f, 12), 0);
	assert_false(fs_staged_hashed(f, sum));
	assert_int_equal(spool_world_close(w, f), FS_RELEASE_NONE);
}

static void committed_it_goes_on_in_a_copy(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");
	char first[300];
	struct stat before, st;

	spool_world_fill(f, 3000000);
	snprintf(first, sizeof first, "%s", freeze(f));
	fs_staged_thaw(f, 0);
	assert_int_equal(access(first, F_OK), -1);
	assert_int_equal(spool_world_entries(w, NULL), 0);
	assert_int_equal(fs_staged_stat(f, &before), 0);
	assert_int_equal(fs_staged_write(f, "x", 1, 5), -EMLINK);
	assert_int_equal(fs_staged_truncate(f, 5), -EMLINK);
	assert_bytes(f, 0, "PAR1");
	assert_int_equal(fs_staged_renew(f), 0);
	assert_int_equal(spool_world_entries(w, NULL), 1);
	assert_int_equal(fs_staged_stat(f, &st), 0);
	assert_int_equal(st.st_size, 3000000);
	assert_int_not_equal(st.st_ino, before.st_ino);
	assert_int_equal(st.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	assert_bytes(f, 3000000 - 4, "PAR1");
	assert_int_equal(fs_staged_write(f, "x", 1, 5), 1);
	assert_string_not_equal(freeze(f), first);
	fs_staged_thaw(f, 0);
	assert_int_equal(spool_world_close(w, f), FS_RELEASE_NONE);
}

static void cloned_where_the_file_system_can(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");

	w->gate.has_reflink = true;
	spool_world_fill(f, 20);
	commit(f);
	assert_int_equal(fs_staged_renew(f), 0);
	assert_int_equal(w->gate.reflinks, 1);
	assert_bytes(f, 16, "PAR1");
	spool_world_close(w, f);
}

/* The object store takes a file by moving it or by a second name; and then the commit fails. */
static void a_commit_that_failed_may_have_taken_the_bytes(void **state)
{
	for (int moves = 0; moves < 2; moves++) {
		struct spool_world *w = *state;
		struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");
		char object[TEST_PATH_BYTES_MAX + 8], data[4];
		const char *path;
		int fd;

		snprintf(object, sizeof object, "%s/object%d", w->path, moves);
		spool_world_fill(f, 20);
		path = freeze(f);
		assert_int_equal(moves ? rename(path, object) : link(path, object), 0);
		fs_staged_thaw(f, -ESTALE);
		assert_int_equal(fs_staged_write(f, "x", 1, 4), -EMLINK);
		path = freeze(f); /* by itself in a copy */
		assert_int_equal(access(path, R_OK), 0);
		fs_staged_thaw(f, -ESTALE);
		assert_int_equal(fs_staged_write(f, "x", 1, 0), 1);
		fd = open(object, O_RDONLY);
		assert_int_equal(read(fd, data, 4), 4);
		assert_memory_equal(data, "PAR1", 4);
		close(fd);
		assert_int_equal(spool_world_close(w, f), FS_RELEASE_DROPPED);
		assert_int_equal(spool_world_entries(w, NULL), 0);
	}
}

/* An object's mode stays behind, where the second name was taken back. */
static void a_commit_that_failed_leaves_no_mode(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.tmp");
	struct stat st;

	spool_world_fill(f, 20);
	assert_int_equal(chmod(freeze(f), 0444), 0);
	fs_staged_thaw(f, -ESTALE);
	assert_int_equal(fs_staged_stat(f, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	spool_world_close(w, f);
}

static int64_t mtime_of(struct fs_staged *f)
{
	struct stat st;

	assert_int_equal(fs_staged_stat(f, &st), 0);
	return st.st_mtim.tv_sec;
}

static void times_are_kept(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	const struct timespec omit[2] = {{.tv_sec = 3000}, {.tv_nsec = UTIME_OMIT}};
	const struct timespec now[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");
	struct stat st;

	assert_int_equal(fs_staged_utimens(f, old), 0);
	assert_int_equal(mtime_of(f), 2000);
	assert_int_equal(freeze_result(f), 1); /* that is no change */
	assert_int_equal(fs_staged_utimens(f, now), 0);
	assert_true(mtime_of(f) > 2000);
	spool_world_fill(f, 20);
	freeze(f);
	assert_int_equal(fs_staged_utimens(f, old), 0);
	assert_int_equal(fs_staged_utimens(f, omit), 0);
	assert_true(mtime_of(f) > 2000); /* not under the commit's eyes */
	fs_staged_thaw(f, -EINVAL);
	assert_int_equal(fs_staged_stat(f, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(st.st_atim.tv_sec, 3000);
	commit(f);
	assert_int_equal(fs_staged_utimens(f, now), 0);
	assert_int_equal(mtime_of(f), 2000);
	assert_int_equal(fs_staged_renew(f), 0);
	assert_int_equal(mtime_of(f), 2000);
	spool_world_close(w, f);
}

static void writes_fail_and_say_so(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");

	spool_world_fill(f, 20);
	commit(f);
	assert_int_equal(fs_staged_renew(f), 0);
	fault_io_arm(&w->fault, 1, -EIO);
	assert_int_equal(fs_staged_truncate(f, 5), -EIO);
	assert_int_equal(freeze_result(f), 1);
	fault_io_arm(&w->fault, 1, -ENOSPC);
	assert_int_equal(fs_staged_write(f, "abcd", 4, 4), -ENOSPC);
	commit(f); /* half of it was written: a change */
	fault_io_arm(&w->fault, 1, -EIO);
	assert_int_equal(fs_staged_read(f, (char[4]){0}, 4, 0), -EIO);
	spool_world_close(w, f);
}

static void a_failed_fsync_is_for_ever(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");

	spool_world_fill(f, 20);
	assert_int_equal(fs_staged_sync(f), 0);
	fault_io_arm(&w->fault, 1, -EIO);
	assert_int_equal(fs_staged_sync(f), -EIO);
	assert_int_equal(w->fault.calls, 1);
	assert_int_equal(fs_staged_sync(f), -EIO);
	assert_int_equal(w->fault.calls, 1);
	assert_int_equal(freeze_result(f), -EIO);
	assert_int_equal(w->fault.fsyncs_repeated, 0);
	spool_world_close(w, f);
}

static void a_failed_fsync_of_the_folder_too(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");
	struct fs_staged *g = spool_world_create(w, DIR_A, "g.parquet");

	spool_world_fill(f, 20);
	fault_io_arm(&w->fault, 2, -EIO);
	assert_int_equal(fs_staged_sync(f), -EIO);
	assert_int_equal(fs_staged_sync(g), -EIO);
	assert_int_equal(w->fault.fsyncs_repeated, 0);
	commit(f); /* of which the folder's is no part */
	assert_int_equal(fs_staged_sync(f), 0);
	spool_world_close(w, f);
	spool_world_close(w, g);
}

static void renewing_fails_at_each_call(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");
	int r = -1;

	spool_world_fill(f, 20);
	commit(f);
	for (unsigned n = 1; r && n < 20; n++) {
		fault_io_arm(&w->fault, n, -ENOSPC);
		r = fs_staged_renew(f);
		fault_io_arm(&w->fault, 0, 0);
		assert_true(!r || r == -ENOSPC);
		if (r)
			assert_int_equal(fs_staged_write(f, "x", 1, 0), -EMLINK);
		assert_int_equal(spool_world_entries(w, NULL), r ? 0 : 1);
		assert_bytes(f, 16, "PAR1");
	}
	assert_int_equal(r, 0);
	spool_world_close(w, f);
}

static void freezing_fails_at_each_call(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");

	spool_world_fill(f, 20);
	for (unsigned n = 1; n < 3; n++) {
		fault_io_arm(&w->fault, n, -EIO);
		assert_int_equal(freeze_result(f), -EIO);
		assert_int_equal(w->fault.hit, 1);
	}
	fault_io_arm(&w->fault, 0, 0);
	freeze(f);
	fault_io_arm(&w->fault, 1, -EIO);
	fs_staged_thaw(f, 0); /* a name that stays is litter, which goes later */
	fault_io_arm(&w->fault, 0, 0);
	assert_int_equal(freeze_result(f), 1);
	spool_world_close(w, f);
	assert_int_equal(spool_world_entries(w, NULL), 0);
}

struct waiting {
	struct fs_waiter w;
	struct fs_staged *f;
	char *order, name;
};

static void run_waiter(struct fs_waiter *w)
{
	struct waiting *x = (struct waiting *)w;

	strncat(x->order, &x->name, 1);
	if (x->name == 'a') /* no lock is held */
		assert_int_equal(fs_staged_write(x->f, "x", 1, 30), 1);
	if (x->name == 'b') {
		assert_int_equal(fs_staged_truncate(x->f, 20), 0);
		freeze(x->f);
	}
	if (x->name == 'c') /* which is frozen again by then */
		assert_true(fs_staged_wait(x->f, w));
	x->name -= 32;
}

static void who_waits_is_run_once_after_the_thaw(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");
	char order[16] = "";
	struct waiting x[3];

	for (int i = 0; i < 3; i++)
		x[i] = (struct waiting){{.run = run_waiter}, f, order, (char)('a' + i)};
	spool_world_fill(f, 20);
	assert_false(fs_staged_wait(f, &x[0].w));
	freeze(f);
	for (int i = 0; i < 3; i++)
		assert_true(fs_staged_wait(f, &x[i].w));
	assert_string_equal(order, "");
	fs_staged_thaw(f, -EINVAL);
	assert_string_equal(order, "abc");
	fs_staged_thaw(f, 0);
	assert_string_equal(order, "abcC");
	assert_false(fs_staged_wait(f, &x[0].w));
	spool_world_close(w, f);
}

struct slow {
	struct fs_staged *f;
	int (*run)(struct fs_staged *f);
	int result;
};

static void *run_slow(void *arg)
{
	struct slow *s = arg;

	s->result = s->run(s->f);
	return NULL;
}

static int slow_write(struct fs_staged *f)
{
	return fs_staged_write(f, "x", 1, 4) == 1 ? 0 : -1;
}

static int slow_freeze(struct fs_staged *f)
{
	const char *path;

	return fs_staged_freeze(f, &path);
}

/* While one call hangs, all that a look at the file needs goes on; else this test hangs. */
static void assert_hangs_alone(struct spool_world *w, struct fs_staged *f,
	int (*run)(struct fs_staged *f), _Atomic bool *stops)
{
	struct slow s = {.f = f, .run = run, .result = -1};
	struct fs_staged *again;
	pthread_t thread;
	uint64_t id;

	*stops = true;
	assert_int_equal(pthread_create(&thread, NULL, run_slow, &s), 0);
	sem_wait(&w->gate.entered);
	*stops = false;
	assert_int_equal(spool_world_size(f), 20);
	assert_bytes(f, 16, "PAR1");
	again = fs_spool_get(w->p, fs_staged_id(f));
	fs_staged_unref(w->p, again);
	assert_int_equal(fs_spool_find(w->p, DIR_A, "f", &id), -ENOENT);
	spool_world_close(w, spool_world_create(w, DIR_B, "other.parquet"));
	sem_post(&w->gate.go);
	pthread_join(thread, NULL);
	assert_int_equal(s.result, 0);
}

static void a_look_waits_for_nobody(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");

	w->store.io = &w->gate.io; /* the other one counts, for one thread */
	spool_world_fill(f, 20);
	assert_hangs_alone(w, f, slow_write, &w->gate.pwrite);
	assert_hangs_alone(w, f, fs_staged_sync, &w->gate.fsync);
	assert_hangs_alone(w, f, slow_freeze, &w->gate.pread);
	fs_staged_thaw(f, 0);
	assert_hangs_alone(w, f, fs_staged_renew, &w->gate.reflink);
	spool_world_close(w, f);
	assert_int_equal(spool_world_entries(w, NULL), 0);
}

int main(void)
{
#define SPOOL_TEST(f) cmocka_unit_test_setup_teardown(f, spool_world_setup, spool_world_teardown)
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(written_read_and_truncated),
		SPOOL_TEST(only_whole_parquet_files_are_frozen),
		SPOOL_TEST(nothing_to_commit),
		SPOOL_TEST(frozen_it_does_not_change),
		SPOOL_TEST(its_hash_is_kept_until_it_changes),
		SPOOL_TEST(committed_it_goes_on_in_a_copy),
		SPOOL_TEST(cloned_where_the_file_system_can),
		SPOOL_TEST(a_commit_that_failed_may_have_taken_the_bytes),
		SPOOL_TEST(a_commit_that_failed_leaves_no_mode),
		SPOOL_TEST(times_are_kept),
		SPOOL_TEST(writes_fail_and_say_so),
		SPOOL_TEST(a_failed_fsync_is_for_ever),
		SPOOL_TEST(a_failed_fsync_of_the_folder_too),
		SPOOL_TEST(renewing_fails_at_each_call),
		SPOOL_TEST(freezing_fails_at_each_call),
		SPOOL_TEST(who_waits_is_run_once_after_the_thaw),
		SPOOL_TEST(a_look_waits_for_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
