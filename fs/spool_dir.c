/*
 * Folders below STORE/spool: each belongs to the process that holds its lock, and one whose lock
 * can be had belongs to nobody. Making a folder and locking it are two steps; so both, and every
 * look for the dead, happen under the lock of STORE/spool itself.
 */
#include "fs/spool_impl.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

#define SPOOL "spool"
#define TRIES_MAX 8

static void closedir_p(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int lock(int fd, int operation)
{
	int r;

	do
		r = flock(fd, operation);
	while (r && errno == EINTR);
	return r ? -errno : 0;
}

/** As opendir, of an open folder. */
static int list(int fd, DIR **ret)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (copy < 0)
		return -errno;
	*ret = fdopendir(copy);
	if (*ret)
		return 0;
	close(copy);
	return -ENOMEM;
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/** What cannot be removed stays: the next who opens the spool tries again. */
static void remove_folder(const struct io *io, int root_fd, const char *name, int fd)
{
	DIR *files cleanup(closedir_p) = NULL;
	const struct dirent *e;

	if (list(fd, &files))
		return;
	while ((e = readdir(files)))
		if (!is_dots(e->d_name))
			io->unlink(io, fd, e->d_name);
	unlinkat(root_fd, name, AT_REMOVEDIR);
}

static void sweep(const struct io *io, int root_fd)
{
	DIR *folders cleanup(closedir_p) = NULL;
	const struct dirent *e;

	if (list(root_fd, &folders))
		return;
	while ((e = readdir(folders))) {
		int fd cleanup(close_p) = -1;

		if (is_dots(e->d_name))
			continue;
		fd = io_open_beneath(io, root_fd, e->d_name, O_RDONLY | O_DIRECTORY, 0);
		if (fd >= 0 && !lock(fd, LOCK_EX | LOCK_NB))
			remove_folder(io, root_fd, e->d_name, fd);
	}
}

static int make_named(const struct io *io, struct spool_folder *d)
{
	uint64_t random;
	int r;

	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return -EIO;
	snprintf(d->name, sizeof d->name, "%016" PRIx64, random);
	r = io->mkdir(io, d->root_fd, d->name, 0700);
	if (r)
		return r;
	d->fd = io_open_beneath(io, d->root_fd, d->name, O_RDONLY | O_DIRECTORY, 0);
	return d->fd < 0 ? d->fd : lock(d->fd, LOCK_EX | LOCK_NB);
}

static int make_own(const struct io *io, struct spool_folder *d)
{
	int r = -EEXIST;

	for (int i = 0; i < TRIES_MAX && r == -EEXIST; i++)
		r = make_named(io, d);
	return r;
}

static int open_root(const struct refs_store *s, int *ret)
{
	int r = s->io->mkdir(s->io, s->dir_fd, SPOOL, 0755), fd;

	if (r && r != -EEXIST)
		return r;
	fd = io_open_beneath(s->io, s->dir_fd, SPOOL, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	*ret = fd;
	return 0;
}

int spool_folder_open(struct refs_store *s, struct spool_folder *ret, struct bough_error *error)
{
	struct spool_folder d = {.store = s, .root_fd = -1, .fd = -1};
	int r = open_root(s, &d.root_fd);

	if (!r)
		r = lock(d.root_fd, LOCK_EX);
	if (!r) {
		sweep(s->io, d.root_fd);
		r = make_own(s->io, &d);
		lock(d.root_fd, LOCK_UN);
	}
	if (r) {
		spool_folder_close(&d);
		return error_set(error, r, "cannot make a folder in %s/" SPOOL ": %s", s->path,
			strerror(-r));
	}
	*ret = d;
	return 0;
}

void spool_folder_close(struct spool_folder *d)
{
	if (d->fd >= 0)
		remove_folder(d->store->io, d->root_fd, d->name, d->fd);
	close_p(&d->fd);
	close_p(&d->root_fd);
}

int spool_folder_create(const struct spool_folder *d, const char *name)
{
	return io_open_beneath(
		d->store->io, d->fd, name, O_RDWR | O_CREAT | O_EXCL, SPOOL_FILE_MODE);
}
