/*
 * The file system's durable calls behind one table, so that tests can fail, count and cut them.
 * All return 0 (or a count, a descriptor) or a negative errno; EINTR is retried inside, except by
 * fsync: no failed fsync is ever tried again.
 */
#pragma once
#include "objstore/base/base.h"
#include <sys/stat.h>

struct io {
	int (*open)(const struct io *io, int dir_fd, const char *path, int flags, mode_t mode);
	/** As open, but never through a symbolic link, ".." or an absolute path. */
	int (*open_beneath)(
		const struct io *io, int dir_fd, const char *path, int flags, mode_t mode);
	/** Writes all of it or fails; a short write is -ENOSPC or -EIO. */
	int (*pwrite_all)(const struct io *io, int fd, const void *data, size_t len, uint64_t off);
	/** Reads up to @len; fewer only at the end of the file. Return: bytes read. */
	ssize_t (*pread)(const struct io *io, int fd, void *data, size_t len, uint64_t off);
	int (*fsync)(const struct io *io, int fd);
	/** Everything of the file system that @fd is on; as durable as an fsync of each file. */
	int (*syncfs)(const struct io *io, int fd);
	int (*ftruncate)(const struct io *io, int fd, uint64_t len);
	/** @noreplace: -EEXIST when @to is there. */
	int (*rename)(const struct io *io, int from_fd, const char *from, int to_fd, const char *to,
		bool noreplace);
	/** A second name of a file. -EEXIST when @to is there. */
	int (*link)(const struct io *io, int from_fd, const char *from, int to_fd, const char *to);
	int (*unlink)(const struct io *io, int dir_fd, const char *path);
	int (*mkdir)(const struct io *io, int dir_fd, const char *path, mode_t mode);
	/** FICLONE: -EOPNOTSUPP, -EXDEV or -EINVAL where the file system cannot. */
	int (*reflink)(const struct io *io, int from_fd, int to_fd);
};

/** io_system() - the real calls; static. */
const struct io *io_system(void);
/**
 * io_open_beneath() - open @path below @dir_fd, never through a symbolic link or ".."
 * Return: descriptor (O_CLOEXEC) or -errno; -EXDEV and -ELOOP mean the path escapes.
 */
int io_open_beneath(const struct io *io, int dir_fd, const char *path, int flags, mode_t mode);
/** io_fsync_parent() - fsync the directory that holds @path (beneath @dir_fd). */
int io_fsync_parent(const struct io *io, int dir_fd, const char *path);
/**
 * io_read_file() - a whole small file
 * @ret:       its bytes; a NUL follows them
 * @ret_owned: to be freed by the caller; holds the bytes of @ret
 *
 * Errors: -ENOENT; -EFBIG above @size_max; -EAGAIN it grew meanwhile.
 */
int io_read_file(const struct io *io, int dir_fd, const char *path, size_t size_max,
	struct slice *ret, void **ret_owned);
/** io_write_file() - temporary name, fsync, rename over @path, fsync of the directory. */
int io_write_file(
	const struct io *io, int dir_fd, const char *path, struct slice body, mode_t mode);
