#include "objstore/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define IO_PATH_BYTES_MAX 4096

static int system_open(const struct io *io, int dir_fd, const char *path, int flags, mode_t mode)
{
	int fd;

	(void)io;
	do
		fd = openat(dir_fd, path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

static int system_open_beneath(
	const struct io *io, int dir_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	long fd;

	(void)io;
	/* EAGAIN: a rename raced with the walk. */
	do
		fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return fd < 0 ? -errno : (int)fd;
}

static int system_pwrite_all(
	const struct io *io, int fd, const void *data, size_t len, uint64_t off)
{
	const char *p = data;

	(void)io;
	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static ssize_t system_pread(const struct io *io, int fd, void *data, size_t len, uint64_t off)
{
	size_t done = 0;

	(void)io;
	while (done < len) {
		ssize_t n = pread(fd, (char *)data + done, len - done, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Never retried, not even after EINTR: the second call may succeed over pages already lost. */
static int system_fsync(const struct io *io, int fd)
{
	(void)io;
	return fsync(fd) ? -errno : 0;
}

static int system_syncfs(const struct io *io, int fd)
{
	(void)io;
	return syncfs(fd) ? -errno : 0;
}

static int system_ftruncate(const struct io *io, int fd, uint64_t len)
{
	int r;

	(void)io;
	do
		r = ftruncate(fd, (off_t)len);
	while (r && errno == EINTR);
	return r ? -errno : 0;
}

static int system_rename(const struct io *io, int from_fd, const char *from, int to_fd,
	const char *to, bool noreplace)
{
	(void)io;
	return renameat2(from_fd, from, to_fd, to, noreplace ? RENAME_NOREPLACE : 0) ? -errno : 0;
}

static int system_link(
	const struct io *io, int from_fd, const char *from, int to_fd, const char *to)
{
	(void)io;
	return linkat(from_fd, from, to_fd, to, 0) ? -errno : 0;
}

static int system_unlink(const struct io *io, int dir_fd, const char *path)
{
	(void)io;
	return unlinkat(dir_fd, path, 0) ? -errno : 0;
}

static int system_mkdir(const struct io *io, int dir_fd, const char *path, mode_t mode)
{
	(void)io;
	return mkdirat(dir_fd, path, mode) ? -errno : 0;
}

static int system_reflink(const struct io *io, int from_fd, int to_fd)
{
	(void)io;
	if (!ioctl(to_fd, FICLONE, from_fd))
		return 0;
	/* What file systems without reflinks answer, each in its own way. */
	return errno == ENOTTY || errno == ENOSYS ? -EOPNOTSUPP : -errno;
}

const struct io *io_system(void)
{
	static const struct io system = {
		.open = system_open,
		.open_beneath = system_open_beneath,
		.pwrite_all = system_pwrite_all,
		.pread = system_pread,
		.fsync = system_fsync,
		.syncfs = system_syncfs,
		.ftruncate = system_ftruncate,
		.rename = system_rename,
		.link = system_link,
		.unlink = system_unlink,
		.mkdir = system_mkdir,
		.reflink = system_reflink,
	};

	return &system;
}

int io_open_beneath(const struct io *io, int dir_fd, const char *path, int flags, mode_t mode)
{
	return io->open_beneath(io, dir_fd, path, flags, mode);
}

/* Opens the directory that holds @path; @ret_name is the last part, within @path. */
static int open_parent(const struct io *io, int dir_fd, const char *path, const char **ret_name)
{
	char dir[IO_PATH_BYTES_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	int fd;

	if (len >= sizeof dir)
		return -ENAMETOOLONG;
	memcpy(dir, path, len);
	dir[len] = 0;
	fd = io_open_beneath(io, dir_fd, len ? dir : ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0)
		*ret_name = slash ? slash + 1 : path;
	return fd;
}

int io_fsync_parent(const struct io *io, int dir_fd, const char *path)
{
	const char *name;
	int fd cleanup(close_p) = open_parent(io, dir_fd, path, &name);

	return fd < 0 ? fd : io->fsync(io, fd);
}

int io_read_file(const struct io *io, int dir_fd, const char *path, size_t size_max,
	struct slice *ret, void **ret_owned)
{
	int fd cleanup(close_p) = io_open_beneath(io, dir_fd, path, O_RDONLY, 0);
	char *data cleanup(free_p) = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return -errno;
	if ((uint64_t)st.st_size > size_max)
		return -EFBIG;
	/* One byte more than it had, to see that it has not grown; it becomes the terminator. */
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	n = io->pread(io, fd, data, (size_t)st.st_size + 1, 0);
	if (n < 0)
		return (int)n;
	if (n > st.st_size)
		return -EAGAIN;
	data[n] = 0;
	*ret = (struct slice){data, (size_t)n};
	*ret_owned = steal(&data);
	return 0;
}

/* A temporary file of our own pid can only be left over from a dead process. */
static int create_temporary(
	const struct io *io, int dir_fd, const char *name, mode_t mode, char tmp[static NAME_MAX])
{
	static atomic_uint counter;
	int fd, n = snprintf(tmp, NAME_MAX, "%s.tmp-%d-%u", name, (int)getpid(), counter++);

	if (n < 0 || n >= NAME_MAX)
		return -ENAMETOOLONG;
	for (int tries = 0;; tries++) {
		fd = io_open_beneath(io, dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL, mode);
		if (fd != -EEXIST || tries)
			return fd;
		io->unlink(io, dir_fd, tmp);
	}
}

int io_write_file(const struct io *io, int dir_fd, const char *path, struct slice body, mode_t mode)
{
	char tmp[NAME_MAX];
	const char *name;
	int dir cleanup(close_p) = open_parent(io, dir_fd, path, &name);
	int fd cleanup(close_p) = -1, r;

	if (dir < 0)
		return dir;
	fd = create_temporary(io, dir, name, mode, tmp);
	if (fd < 0)
		return fd;
	r = io->pwrite_all(io, fd, body.data, body.len, 0);
	if (!r)
		r = io->fsync(io, fd);
	if (!r)
		r = io->rename(io, dir, tmp, dir, name, false);
	if (r) {
		io->unlink(io, dir, tmp);
		return r;
	}
	return io->fsync(io, dir);
}
