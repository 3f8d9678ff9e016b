#include "tests/support/fault_io.h"

static struct fault_io *fault_of(const struct io *io)
{
	return (struct fault_io *)(uintptr_t)io;
}

/* Counts a call and says whether it is one that fails. */
static bool fails(struct fault_io *f)
{
	f->calls++;
	if (!f->fail_at || f->calls < f->fail_at || (f->calls > f->fail_at && !f->sticky))
		return false;
	f->hit++;
	return true;
}

static int fault_open(const struct io *io, int dir_fd, const char *path, int flags, mode_t mode)
{
	struct fault_io *f = fault_of(io);

	return fails(f) ? f->code : f->inner->open(f->inner, dir_fd, path, flags, mode);
}

static int fault_open_beneath(
	const struct io *io, int dir_fd, const char *path, int flags, mode_t mode)
{
	struct fault_io *f = fault_of(io);

	return fails(f) ? f->code : f->inner->open_beneath(f->inner, dir_fd, path, flags, mode);
}

/* A failing write is a torn one: half of the bytes get there. */
static int fault_pwrite_all(const struct io *io, int fd, const void *data, size_t len, uint64_t off)
{
	struct fault_io *f = fault_of(io);

	if (!fails(f))
		return f->inner->pwrite_all(f->inner, fd, data, len, off);
	f->inner->pwrite_all(f->inner, fd, data, len / 2, off);
	return f->code;
}

static ssize_t fault_pread(const struct io *io, int fd, void *data, size_t len, uint64_t off)
{
	struct fault_io *f = fault_of(io);

	return fails(f) ? f->code : f->inner->pread(f->inner, fd, data, len, off);
}

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? (ino_t)-1 : st.st_ino;
}

static int fault_fsync(const struct io *io, int fd)
{
	struct fault_io *f = fault_of(io);
	ino_t inode = inode_of(fd);

	f->fsyncs_repeated += inode == f->failed_inode;
	if (!fails(f))
		return f->inner->fsync(f->inner, fd);
	f->failed_inode = inode;
	return f->code;
}

static int fault_syncfs(const struct io *io, int fd)
{
	struct fault_io *f = fault_of(io);

	return fails(f) ? f->code : f->inner->syncfs(f->inner, fd);
}

static int fault_ftruncate(const struct io *io, int fd, uint64_t len)
{
	struct fault_io *f = fault_of(io);

	return fails(f) ? f->code : f->inner->ftruncate(f->inner, fd, len);
}

static int fault_rename(const struct io *io, int from_fd, const char *from, int to_fd,
	const char *to, bool noreplace)
{
	struct fault_io *f = fault_of(io);
	bool fail = fails(f);

	if (fail && !f->applied)
		return f->code;
	int r = f->inner->rename(f->inner, from_fd, from, to_fd, to, noreplace);

	return fail ? f->code : r;
}

static int fault_link(const struct io *io, int from_fd, const char *from, int to_fd, const char *to)
{
	struct fault_io *f = fault_of(io);
	bool fail = fails(f);

	if (fail && !f->applied)
		return f->code;
	int r = f->inner->link(f->inner, from_fd, from, to_fd, to);

	return fail ? f->code : r;
}

static int fault_unlink(const struct io *io, int dir_fd, const char *path)
{
	struct fault_io *f = fault_of(io);

	return fails(f) ? f->code : f->inner->unlink(f->inner, dir_fd, path);
}

static int fault_mkdir(const struct io *io, int dir_fd, const char *path, mode_t mode)
{
	struct fault_io *f = fault_of(io);

	return fails(f) ? f->code : f->inner->mkdir(f->inner, dir_fd, path, mode);
}

static int fault_reflink(const struct io *io, int from_fd, int to_fd)
{
	struct fault_io *f = fault_of(io);

	return fails(f) ? f->code : f->inner->reflink(f->inner, from_fd, to_fd);
}

void fault_io_init(struct fault_io *f, const struct io *inner)
{
	*f = (struct fault_io){
		.io =
			{
				.open = fault_open,
				.open_beneath = fault_open_beneath,
				.pwrite_all = fault_pwrite_all,
				.pread = fault_pread,
				.fsync = fault_fsync,
				.syncfs = fault_syncfs,
				.ftruncate = fault_ftruncate,
				.rename = fault_rename,
				.link = fault_link,
				.unlink = fault_unlink,
				.mkdir = fault_mkdir,
				.reflink = fault_reflink,
			},
		.inner = inner,
	};
}

void fault_io_arm(struct fault_io *f, unsigned fail_at, int code)
{
	f->fail_at = fail_at;
	f->code = code;
	f->calls = f->hit = 0;
	f->fsyncs_repeated = 0;
	f->failed_inode = 0;
}
