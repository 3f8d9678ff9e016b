/* What only objects in a directory have: leftovers, links, the order of the durable calls. */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "objstore/objstore.h"

struct fixture {
	char path[TEST_PATH_BYTES_MAX];
	int fd;
	struct objstore *store;
	struct io io;	  /* io_system() with what changes the disk written down */
	struct buf trace; /* "mkdir 1 in .", ..., each with a ';' after it */
	int link_fails;	  /* its code; 0 it does not */
};

static struct fixture *traced; /* one test runs at a time */

/* The name of what @fd has open, below the store. */
static const char *name_of(int fd, char name[static 512])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, name, 511);
	name[n < 0 ? 0 : n] = 0;
	if (strncmp(name, traced->path, strlen(traced->path)))
		return "outside";
	return name[strlen(traced->path)] ? name + strlen(traced->path) + 1 : ".";
}

static int trace_mkdir(const struct io *io, int dir_fd, const char *path, mode_t mode)
{
	char dir[512];

	buf_printf(&traced->trace, "mkdir %s in %s;", path, name_of(dir_fd, dir));
	return io_system()->mkdir(io, dir_fd, path, mode);
}

static int trace_fsync(const struct io *io, int fd)
{
	char name[512];

	buf_printf(&traced->trace, "fsync %s;", name_of(fd, name));
	return io_system()->fsync(io, fd);
}

static int trace_rename(const struct io *io, int from_fd, const char *from, int to_fd,
	const char *to, bool noreplace)
{
	buf_printf(&traced->trace, "rename %s;", to);
	return io_system()->rename(io, from_fd, from, to_fd, to, noreplace);
}

static int trace_link(const struct io *io, int from_fd, const char *from, int to_fd, const char *to)
{
	buf_printf(&traced->trace, "link %s;", to);
	if (traced->link_fails)
		return traced->link_fails;
	return io_system()->link(io, from_fd, from, to_fd, to);
}

static int trace_unlink(const struct io *io, int dir_fd, const char *path)
{
	buf_printf(&traced->trace, "unlink %s;", path);
	return io_system()->unlink(io, dir_fd, path);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	*state = traced = f;
	test_dir_make(f->path);
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY);
	f->io = *io_system();
	f->io.mkdir = trace_mkdir;
	f->io.fsync = trace_fsync;
	f->io.rename = trace_rename;
	f->io.link = trace_link;
	f->io.unlink = trace_unlink;
	return objstore_dir_open(f->path, &f->io, &f->store);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	objstore_close(f->store);
	close(f->fd);
	test_dir_remove(f->path);
	buf_deinit(&f->trace);
	free(f);
	return 0;
}

static void assert_trace(struct fixture *f, const char *want)
{
	assert_int_equal(buf_append(&f->trace, "", 1), 0);
	assert_string_equal((char *)f->trace.data, want);
	f->trace.len = 0;
}

static void every_new_name_is_made_durable_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(objstore_put(f->store, "1/6/_b/x", slice_str("x")), 0);
	assert_trace(f, "mkdir 1 in .;fsync .;mkdir 6 in 1;fsync 1;mkdir _b in 1/6;fsync 1/6;"
			"fsync 1/6/_b/x.tmp;rename x;fsync 1/6/_b;");
	assert_int_equal(objstore_put(f->store, "1/6/_b/y", slice_str("y")), 0);
	assert_trace(f, "fsync 1/6/_b/y.tmp;rename y;fsync 1/6/_b;");
	assert_int_equal(objstore_put(f->store, "1/6/_sg/z", slice_str("z")), 0);
	assert_trace(f, "mkdir _sg in 1/6;fsync 1/6;fsync 1/6/_sg/z.tmp;rename z;fsync 1/6/_sg;");
	assert_int_equal(objstore_del(f->store, "1/6/_b/x"), 0);
	assert_trace(f, "unlink x;fsync 1/6/_b;");
	assert_int_equal(objstore_del(f->store, "1/6/_b/x"), -ENOENT);
	assert_trace(f, "unlink x;fsync 1/6/_b;");
}

/* Another process may have made it and not have come to the fsync. */
static void a_directory_found_there_is_fsynced_too(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdirat(f->fd, "1", 0755), 0);
	assert_int_equal(objstore_put(f->store, "1/x", slice_str("x")), 0);
	assert_trace(f, "mkdir 1 in .;fsync .;fsync 1/x.tmp;rename x;fsync 1;");
}

static void objects_are_read_only(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(objstore_put(f->store, "a", slice_str("x")), 0);
	assert_int_equal(fstatat(f->fd, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(st.st_nlink, 1);
}

static void a_dead_writers_file_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct buf got auto_buf = {0};

	assert_int_equal(
		io_write_file(io_system(), f->fd, "a.tmp", slice_str("half of it"), 0444), 0);
	assert_int_equal(objstore_put(f->store, "a", slice_str("new")), 0);
	assert_int_equal(objstore_get(f->store, "a", 100, &got), 0);
	assert_true(slice_equal(buf_slice(&got), slice_str("new")));
	assert_int_equal(faccessat(f->fd, "a.tmp", F_OK, 0), -1);
}

static void a_living_writers_file_is_left_alone(void **state)
{
	struct fixture *f = *state;
	int fd = openat(f->fd, "a.tmp", O_RDWR | O_CREAT, 0600);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(write(fd, "at work", 7), 7);
	assert_int_equal(objstore_put(f->store, "a", slice_str("new")), -EEXIST);
	assert_int_equal(lseek(fd, 0, SEEK_END), 7);
	close(fd);
	assert_int_equal(objstore_put(f->store, "a", slice_str("new")), 0);
}

static int count(void *arg, const char *key, const struct objstore_stat *st)
{
	(void)key;
	(void)st;
	++*(unsigned *)arg;
	return 0;
}

static void what_is_no_object_is_not_listed(void **state)
{
	static const char *const others[] = {"a.tmp", ".hidden", "has space", "x.tmp"};
	struct fixture *f = *state;
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(
			io_write_file(io_system(), f->fd, others[i], slice_str("x"), 0600), 0);
	assert_int_equal(symlinkat("a.tmp", f->fd, "link"), 0);
	assert_int_equal(mkfifoat(f->fd, "fifo", 0600), 0);
	assert_int_equal(objstore_put(f->store, "only", slice_str("x")), 0);
	assert_int_equal(objstore_list(f->store, "", NULL, count, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(objstore_del(f->store, "x.tmp"), 0);
	assert_int_equal(faccessat(f->fd, "x.tmp", F_OK, 0), -1);
}

static void links_are_not_followed(void **state)
{
	struct fixture *f = *state;
	struct buf got auto_buf = {0};
	char outside[TEST_PATH_BYTES_MAX];
	unsigned n = 0;

	test_dir_make(outside);
	assert_int_equal(symlinkat(outside, f->fd, "dir"), 0);
	assert_int_equal(symlinkat("/etc/passwd", f->fd, "file"), 0);
	assert_int_equal(symlinkat("/etc/passwd", f->fd, "b.tmp"), 0);
	assert_int_equal(objstore_put(f->store, "dir/x", slice_str("x")), -ELOOP);
	assert_int_equal(objstore_put(f->store, "b", slice_str("x")), -ELOOP);
	assert_int_equal(objstore_get(f->store, "file", SIZE_MAX, &got), -ELOOP);
	assert_int_equal(objstore_open_local(f->store, "file"), -ELOOP);
	assert_int_equal(objstore_del(f->store, "dir/x"), -ELOOP);
	assert_int_equal(objstore_list(f->store, "dir", NULL, count, &n), -ELOOP);
	assert_int_equal(objstore_put(f->store, "file", slice_str("x")), -EEXIST);
	test_dir_remove(outside);
}

static void a_moved_file_is_not_written_again(void **state)
{
	struct fixture *f = *state;
	char path[TEST_PATH_BYTES_MAX + 16];
	uint8_t sum[SHA256_BYTES];
	struct stat before, after;
	int fd;

	snprintf(path, sizeof path, "%s/source", f->path);
	assert_int_equal(io_write_file(io_system(), f->fd, "source", slice_str("x"), 0600), 0);
	fd = open(path, O_RDONLY);
	assert_int_equal(fstat(fd, &before), 0);
	assert_int_equal(objstore_put_file(f->store, "1/a", fd, path, OBJSTORE_MOVE, sum), 0);
	assert_int_equal(fstatat(f->fd, "1/a", &after, 0), 0);
	assert_true(before.st_ino == after.st_ino);
	close(fd);
}

static void assert_source(struct fixture *f, int mode, unsigned names, ino_t *ret_ino)
{
	struct stat st;

	assert_int_equal(fstatat(f->fd, "source", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	assert_int_equal(st.st_nlink, names);
	*ret_ino = st.st_ino;
}

/* @sum: of a hashed link what is given; else it is set. */
static void assert_linked(struct fixture *f, enum objstore_take take, uint8_t *sum)
{
	char path[TEST_PATH_BYTES_MAX + 16];
	struct stat object;
	ino_t source;
	int fd;

	snprintf(path, sizeof path, "%s/source", f->path);
	assert_int_equal(objstore_put(f->store, "1/x", slice_str("x")), 0);
	assert_int_equal(io_write_file(io_system(), f->fd, "source", slice_str("x"), 0640), 0);
	fd = open(path, O_RDONLY);
	f->trace.len = 0;
	assert_int_equal(objstore_put_file(f->store, "1/a", fd, path, take, sum), 0);
	assert_trace(f, "fsync source;link a;fsync 1;");
	assert_source(f, 0444, 2, &source);
	assert_int_equal(fstatat(f->fd, "1/a", &object, 0), 0);
	assert_true(source == object.st_ino);
	close(fd);
}

static void a_linked_file_is_the_object(void **state)
{
	uint8_t sum[SHA256_BYTES], want[SHA256_BYTES];

	assert_linked(*state, OBJSTORE_LINK, sum);
	assert_int_equal(sha256_of(slice_str("x"), want), 0);
	assert_memory_equal(sum, want, sizeof want);
}

/* The hash is given and the file not read; it is durable all the same. */
static void a_link_that_is_hashed_already(void **state)
{
	static const uint8_t given[SHA256_BYTES] = {1, 2, 3};
	uint8_t sum[SHA256_BYTES] = {1, 2, 3};

	assert_linked(*state, OBJSTORE_LINK_HASHED, sum);
	assert_memory_equal(sum, given, sizeof sum);
}

/* Where there can be no second name it is copied; another failure leaves it as it was. */
static void a_link_that_fails(void **state)
{
	static const int copied[] = {-EXDEV, -EPERM, -EMLINK, -EOPNOTSUPP};
	struct fixture *f = *state;
	char path[TEST_PATH_BYTES_MAX + 16], key[8];
	uint8_t sum[SHA256_BYTES];
	struct stat object;
	ino_t source;
	int fd;

	snprintf(path, sizeof path, "%s/source", f->path);
	assert_int_equal(io_write_file(io_system(), f->fd, "source", slice_str("x"), 0640), 0);
	fd = open(path, O_RDONLY);
	for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
		f->link_fails = copied[i];
		snprintf(key, sizeof key, "1/%zu", i);
		assert_int_equal(objstore_put_file(f->store, key, fd, path, OBJSTORE_LINK, sum), 0);
		assert_source(f, 0640, 1, &source);
		assert_int_equal(fstatat(f->fd, key, &object, 0), 0);
		assert_int_equal(object.st_mode & 07777, 0444);
		assert_true(source != object.st_ino);
	}
	f->link_fails = -ENOSPC;
	assert_int_equal(objstore_put_file(f->store, "1/a", fd, path, OBJSTORE_LINK, sum), -ENOSPC);
	assert_source(f, 0640, 1, &source);
	assert_int_equal(faccessat(f->fd, "1/a", F_OK, 0), -1);
	close(fd);
}

static void another_file_under_the_path_is_not_taken(void **state)
{
	static const enum objstore_take takes[] = {OBJSTORE_MOVE, OBJSTORE_LINK};
	struct fixture *f = *state;
	char path[TEST_PATH_BYTES_MAX + 16], key[8];
	struct buf got auto_buf = {0};
	uint8_t sum[SHA256_BYTES];
	int fd;

	snprintf(path, sizeof path, "%s/source", f->path);
	assert_int_equal(io_write_file(io_system(), f->fd, "source", slice_str("old"), 0600), 0);
	fd = open(path, O_RDONLY);
	assert_int_equal(io_write_file(io_system(), f->fd, "source", slice_str("new"), 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(takes); i++) {
		snprintf(key, sizeof key, "1/%zu", i);
		assert_int_equal(objstore_put_file(f->store, key, fd, path, takes[i], sum), 0);
		got.len = 0;
		assert_int_equal(objstore_get(f->store, key, 100, &got), 0);
		assert_true(slice_equal(buf_slice(&got), slice_str("old")));
		assert_int_equal(access(path, F_OK), 0);
	}
	close(fd);
}

static ssize_t growing_pread(const struct io *io, int fd, void *data, size_t len, uint64_t off)
{
	ssize_t n = io_system()->pread(io, fd, data, len, off);
	int again = openat(traced->fd, "source", O_WRONLY | O_APPEND);

	assert_int_equal(write(again, "more", 4), 4);
	close(again);
	return n;
}

static void a_source_that_grows_is_refused(void **state)
{
	static const enum objstore_take takes[] = {OBJSTORE_COPY, OBJSTORE_MOVE, OBJSTORE_LINK};
	struct fixture *f = *state;
	char path[TEST_PATH_BYTES_MAX + 16];
	uint8_t sum[SHA256_BYTES];
	unsigned n = 0;

	snprintf(path, sizeof path, "%s/source", f->path);
	for (size_t i = 0; i < ARRAY_SIZE(takes); i++) {
		int fd;

		assert_int_equal(
			io_write_file(io_system(), f->fd, "source", slice_str("old"), 0600), 0);
		fd = open(path, O_RDONLY);
		f->io.pread = growing_pread;
		assert_int_equal(
			objstore_put_file(f->store, "1/a", fd, path, takes[i], sum), -EAGAIN);
		assert_int_equal(access(path, F_OK), 0);
		close(fd);
	}
	f->io.pread = io_system()->pread;
	assert_int_equal(objstore_list(f->store, "1", NULL, count, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(faccessat(f->fd, "1/a.tmp", F_OK, 0), -1);
}

static void a_missing_root_is_refused(void **state)
{
	struct objstore *s = NULL;

	(void)state;
	assert_int_equal(objstore_dir_open("/nowhere/at/all", io_system(), &s), -ENOENT);
	assert_int_equal(objstore_dir_open("/dev/null", io_system(), &s), -ENOTDIR);
	assert_null(s);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_new_name_is_made_durable_once),
		CASE(a_directory_found_there_is_fsynced_too),
		CASE(objects_are_read_only),
		CASE(a_dead_writers_file_is_replaced),
		CASE(a_living_writers_file_is_left_alone),
		CASE(what_is_no_object_is_not_listed),
		CASE(links_are_not_followed),
		CASE(a_moved_file_is_not_written_again),
		CASE(a_linked_file_is_the_object),
		CASE(a_link_that_is_hashed_already),
		CASE(a_link_that_fails),
		CASE(another_file_under_the_path_is_not_taken),
		CASE(a_source_that_grows_is_refused),
		cmocka_unit_test(a_missing_root_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
