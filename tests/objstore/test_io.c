#include "tests/support/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "objstore/base/io.h"
#include "tests/support/fault_io.h"

struct fixture {
	char path[TEST_PATH_BYTES_MAX];
	int fd;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	test_dir_make(f->path);
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY);
	*state = f;
	return f->fd < 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->fd);
	test_dir_remove(f->path);
	free(f);
	return 0;
}

static void assert_content(int dir_fd, const char *path, const char *want)
{
	void *owned cleanup(free_p) = NULL;
	struct slice got;

	assert_int_equal(io_read_file(io_system(), dir_fd, path, 1 << 20, &got, &owned), 0);
	assert_true(slice_equal(got, slice_str(want)));
	assert_string_equal(got.data, want);
}

static unsigned count_entries(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void writes_and_reads_whole_files(void **state)
{
	struct fixture *f = *state;
	const struct io *io = io_system();
	void *owned = NULL;
	struct slice got;

	assert_int_equal(io_write_file(io, f->fd, "a", slice_str("one"), 0600), 0);
	assert_int_equal(io_write_file(io, f->fd, "a", slice_str("second"), 0600), 0);
	assert_content(f->fd, "a", "second");
	assert_int_equal(io_write_file(io, f->fd, "empty", slice_str(""), 0600), 0);
	assert_content(f->fd, "empty", "");
	assert_int_equal(io_read_file(io, f->fd, "a", 5, &got, &owned), -EFBIG);
	assert_int_equal(io_read_file(io, f->fd, "b", 5, &got, &owned), -ENOENT);
	assert_null(owned);
	assert_int_equal(count_entries(f->fd), 2);
}

static void paths_do_not_escape(void **state)
{
	static const char *const out[] = {"../x", "sub/../../x", "/etc/passwd", "link/x", "abs"};
	struct fixture *f = *state;
	const struct io *io = io_system();

	assert_int_equal(io->mkdir(io, f->fd, "sub", 0700), 0);
	assert_int_equal(symlinkat("sub", f->fd, "link"), 0);
	assert_int_equal(symlinkat("/etc/passwd", f->fd, "abs"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(out); i++) {
		int fd = io_open_beneath(io, f->fd, out[i], O_RDONLY | O_CREAT, 0600);

		assert_true(fd == -EXDEV || fd == -ELOOP);
	}
	assert_int_equal(io_write_file(io, f->fd, "sub/x", slice_str("in"), 0600), 0);
	assert_content(f->fd, "sub/x", "in");
	assert_int_equal(io_fsync_parent(io, f->fd, "sub/x"), 0);
	assert_int_equal(io_fsync_parent(io, f->fd, "x"), 0);
	assert_int_equal(io_fsync_parent(io, f->fd, "none/x"), -ENOENT);
}

static void rename_can_refuse_to_replace(void **state)
{
	struct fixture *f = *state;
	const struct io *io = io_system();

	assert_int_equal(io_write_file(io, f->fd, "a", slice_str("a"), 0600), 0);
	assert_int_equal(io_write_file(io, f->fd, "b", slice_str("b"), 0600), 0);
	assert_int_equal(io->rename(io, f->fd, "a", f->fd, "b", true), -EEXIST);
	assert_content(f->fd, "b", "b");
	assert_int_equal(io->rename(io, f->fd, "a", f->fd, "b", false), 0);
	assert_content(f->fd, "b", "a");
}

static void a_link_never_replaces(void **state)
{
	struct fixture *f = *state;
	const struct io *io = io_system();

	assert_int_equal(io_write_file(io, f->fd, "a", slice_str("a"), 0600), 0);
	assert_int_equal(io_write_file(io, f->fd, "b", slice_str("b"), 0600), 0);
	assert_int_equal(io->link(io, f->fd, "a", f->fd, "b"), -EEXIST);
	assert_content(f->fd, "b", "b");
	assert_int_equal(io->link(io, f->fd, "a", f->fd, "c"), 0);
	assert_int_equal(io->unlink(io, f->fd, "a"), 0);
	assert_content(f->fd, "c", "a");
	assert_int_equal(io->link(io, f->fd, "a", f->fd, "d"), -ENOENT);
}

static void descriptors_are_closed_on_exec(void **state)
{
	struct fixture *f = *state;
	const struct io *io = io_system();
	int plain = io->open(io, f->fd, "x", O_RDWR | O_CREAT, 0600);
	int beneath = io_open_beneath(io, f->fd, "x", O_RDONLY, 0);

	assert_true(fcntl(plain, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(beneath, F_GETFD) & FD_CLOEXEC);
	close(plain);
	close(beneath);
}

static void pread_stops_at_the_end(void **state)
{
	struct fixture *f = *state;
	const struct io *io = io_system();
	int fd = io->open(io, f->fd, "x", O_RDWR | O_CREAT, 0600);
	char got[8];

	assert_int_equal(io->pwrite_all(io, fd, "hello", 5, 2), 0);
	assert_int_equal(io->pread(io, fd, got, sizeof got, 4), 3);
	assert_memory_equal(got, "llo", 3);
	assert_int_equal(io->pread(io, fd, got, sizeof got, 100), 0);
	assert_int_equal(io->ftruncate(io, fd, 3), 0);
	assert_int_equal(io->pread(io, fd, got, sizeof got, 0), 3);
	close(fd);
	assert_int_equal(io->fsync(io, fd), -EBADF);
}

/* Whatever call fails: the old content or the new one, nothing else, and no fsync twice. */
static void a_failed_write_leaves_the_old_file(void **state)
{
	struct fixture *f = *state;
	struct fault_io fault;
	unsigned n = 0;
	int r;

	fault_io_init(&fault, io_system());
	do {
		assert_int_equal(io_write_file(io_system(), f->fd, "a", slice_str("old"), 0600), 0);
		fault_io_arm(&fault, ++n, -EIO);
		r = io_write_file(&fault.io, f->fd, "a", slice_str("new"), 0600);
		assert_int_equal(r, fault.hit ? -EIO : 0);
		/* Only the last call, fsync of the directory, fails with the new bytes there. */
		assert_content(f->fd, "a", n < 6 ? "old" : "new");
		assert_int_equal(count_entries(f->fd), 1);
		assert_int_equal(fault.fsyncs_repeated, 0);
	} while (fault.hit);
	assert_int_equal(n, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_and_reads_whole_files, setup, teardown),
		cmocka_unit_test_setup_teardown(paths_do_not_escape, setup, teardown),
		cmocka_unit_test_setup_teardown(rename_can_refuse_to_replace, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_never_replaces, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptors_are_closed_on_exec, setup, teardown),
		cmocka_unit_test_setup_teardown(pread_stops_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_failed_write_leaves_the_old_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
