/*
 * Objects as files below a directory.
 *
 * A put goes through these states; a crash or a failure in any of them leaves what is said:
 *
 *   nothing   directories made, each fsynced in its parent     at most empty directories
 *   key.tmp   locked, being filled, then fsynced               key.tmp; the next writer replaces it
 *   key       renamed, not yet durable                         taken back; by a crash: maybe there
 *   durable   the directory is fsynced, the caller has its 0   the object
 *
 * A file that is moved or linked in has its own name instead of key.tmp, and is filled already.
 * The lock on key.tmp tells a writer at work from a dead one. A name only counts as ours while it
 * leads to the inode we hold.
 */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "objstore/dir_impl.h"

#define COPY_CHUNK_BYTES (1u << 20)
#define DIR_MODE 0755

void dir_draft_deinit(struct draft *w)
{
	close_p(&w->fd);
	close_p(&w->dir_fd);
}

/* Errors of the file system in the words of objstore.h. */
static int lookup_error(int code)
{
	return code == -ENOTDIR ? -ENOENT : code;
}

int dir_write_error(int code)
{
	switch (code) {
	case -EDQUOT:
		return -ENOSPC;
	case -ENOTDIR:
		return -EEXIST;
	default:
		return code;
	}
}

/* After a failed fsync the kernel may have forgotten what it did not write: no later 0 is worth
 * anything. No room is an honest answer and may pass. */
int dir_sync_failed(struct objstore_dir *d, int r)
{
	int none = 0;

	if (r && r != -ENOSPC && r != -EDQUOT)
		atomic_compare_exchange_strong(&d->broken, &none, r);
	return r;
}

int dir_sync(struct objstore_dir *d, int fd)
{
	return dir_sync_failed(d, d->io->fsync(d->io, fd));
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool dir_is_durable(struct objstore_dir *d, const char *path)
{
	bool found;

	pthread_mutex_lock(&d->lock);
	found = tfind(path, &d->durable_dirs, compare_paths);
	pthread_mutex_unlock(&d->lock);
	return found;
}

/* Forgetting one for want of memory costs an fsync later, no more. */
static void remember_durable(struct objstore_dir *d, const char *path)
{
	char *copy = strdup(path);
	char **kept;

	if (!copy)
		return;
	pthread_mutex_lock(&d->lock);
	kept = tsearch(copy, &d->durable_dirs, compare_paths);
	if (!kept || *kept != copy)
		free(copy);
	pthread_mutex_unlock(&d->lock);
}

static int open_dir(struct objstore_dir *d, const char *path)
{
	return io_open_beneath(d->io, d->root_fd, path[0] ? path : ".", O_RDONLY | O_DIRECTORY, 0);
}

/*
 * Makes one directory whose parent is there. One that is there already may have been made by a
 * process that has not fsynced it yet, so its parent is fsynced in either case.
 */
static int make_dir(struct objstore_dir *d, char *path)
{
	char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	int parent cleanup(close_p) = -1, r;

	if (slash)
		*slash = 0;
	parent = open_dir(d, slash ? path : "");
	if (slash)
		*slash = '/';
	if (parent < 0)
		return parent;
	r = d->io->mkdir(d->io, parent, name, DIR_MODE);
	return r && r != -EEXIST ? r : dir_sync(d, parent);
}

static int make_dirs(struct objstore_dir *d, char *path)
{
	for (char *p = path;; p++) {
		char end = *p;
		int r = 0;

		if (end && end != '/')
			continue;
		*p = 0;
		if (!dir_is_durable(d, path))
			r = make_dir(d, path);
		if (!r)
			remember_durable(d, path);
		*p = end;
		if (r || !end)
			return r;
	}
}

/* Splits @key; @dir holds OBJSTORE_KEY_BYTES_MAX + 1 bytes. Returns the last part. */
static const char *split_key(const char *key, char *dir)
{
	const char *slash = strrchr(key, '/');
	size_t len = slash ? (size_t)(slash - key) : 0;

	memcpy(dir, key, len);
	dir[len] = 0;
	return slash ? slash + 1 : key;
}

static int open_dir_for_write(struct objstore_dir *d, char *path)
{
	int r;

	if (path[0] && !dir_is_durable(d, path)) {
		r = make_dirs(d, path);
		if (r)
			return r;
	}
	return open_dir(d, path);
}

/* Whether @name in @dir_fd leads to the very file that @fd has open. */
bool dir_names_inode(int dir_fd, const char *name, int fd)
{
	struct stat a, b;

	return !fstatat(dir_fd, name, &a, AT_SYMLINK_NOFOLLOW) && !fstat(fd, &b) &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A dead writer may have left a key.tmp that is read-only already. */
static int open_or_replace_tmp(struct objstore_dir *d, struct draft *w)
{
	const int flags = O_RDWR | O_CREAT;
	int fd = io_open_beneath(d->io, w->dir_fd, w->tmp, flags, 0600);

	if (fd != -EACCES || d->io->unlink(d->io, w->dir_fd, w->tmp))
		return fd;
	return io_open_beneath(d->io, w->dir_fd, w->tmp, flags, 0600);
}

/*
 * Opens key.tmp, locked and empty. Between open and lock another writer may have finished with the
 * same file: then the name has gone, and we begin again.
 */
int dir_draft_create(struct objstore_dir *d, struct draft *w)
{
	for (;;) {
		int fd cleanup(close_p) = open_or_replace_tmp(d, w), r;

		if (fd < 0)
			return fd;
		if (flock(fd, LOCK_EX | LOCK_NB))
			return errno == EWOULDBLOCK ? -EEXIST : -errno;
		if (!dir_names_inode(w->dir_fd, w->tmp, fd))
			continue;
		r = d->io->ftruncate(d->io, fd, 0);
		if (r)
			return r;
		w->fd = fd;
		fd = -1;
		return 0;
	}
}

int dir_draft_open(struct objstore_dir *d, const char *key, struct draft *w)
{
	char dir[OBJSTORE_KEY_BYTES_MAX + 1];
	int broken = atomic_load(&d->broken);

	if (broken)
		return broken;
	w->name = split_key(key, dir);
	snprintf(w->tmp, sizeof w->tmp, "%.*s" OBJSTORE_TMP_SUFFIX, OBJSTORE_PART_BYTES_MAX,
		w->name);
	w->dir_fd = open_dir_for_write(d, dir);
	return w->dir_fd < 0 ? w->dir_fd : 0;
}

/*
 * Makes @fd, now called @from, the object. When that fails the name goes back to @from, so that a
 * moved source is not lost.
 */
static int publish(struct objstore_dir *d, struct draft *w, int fd, int from_fd, const char *from)
{
	int r = fchmod(fd, OBJECT_MODE) ? -errno : dir_sync(d, fd);

	if (r)
		return r;
	r = d->io->rename(d->io, from_fd, from, w->dir_fd, w->name, true);
	if (r == -EEXIST)
		return r;
	if (!r)
		r = dir_sync(d, w->dir_fd);
	if (r && dir_names_inode(w->dir_fd, w->name, fd))
		d->io->rename(d->io, w->dir_fd, w->name, from_fd, from, true);
	return r;
}

/* Makes the filled key.tmp the object if @r is 0; removes it otherwise. */
static int draft_finish(struct objstore_dir *d, struct draft *w, int r)
{
	if (!r)
		r = publish(d, w, w->fd, w->dir_fd, w->tmp);
	if (r && dir_names_inode(w->dir_fd, w->tmp, w->fd))
		d->io->unlink(d->io, w->dir_fd, w->tmp);
	return r;
}

static int dir_put(struct objstore *s, const char *key, struct slice body)
{
	struct objstore_dir *d = dir_of(s);
	struct draft w cleanup(dir_draft_deinit) = {.dir_fd = -1, .fd = -1};
	int r = dir_draft_open(d, key, &w);

	if (!r)
		r = dir_draft_create(d, &w);
	if (r)
		return dir_write_error(r);
	r = d->io->pwrite_all(d->io, w.fd, body.data, body.len, 0);
	return dir_write_error(draft_finish(d, &w, r));
}

/* Hashes @from, and writes what was hashed to @to unless that is -1. */
static int copy_and_hash(
	struct objstore_dir *d, int from, int to, uint64_t *ret_bytes, uint8_t *ret_sha256)
{
	struct sha256 *hash cleanup(sha256_free_p) = sha256_new();
	uint8_t *chunk cleanup(free_p) = malloc(COPY_CHUNK_BYTES);
	uint64_t bytes = 0;

	if (!hash || !chunk)
		return -ENOMEM;
	for (;;) {
		ssize_t n = d->io->pread(d->io, from, chunk, COPY_CHUNK_BYTES, bytes);
		int r = n < 0 ? (int)n : sha256_update(hash, chunk, (size_t)n);

		if (!r && to >= 0)
			r = d->io->pwrite_all(d->io, to, chunk, (size_t)n, bytes);
		if (r)
			return r;
		bytes += (uint64_t)n;
		if (n < (ssize_t)COPY_CHUNK_BYTES)
			break;
	}
	*ret_bytes = bytes;
	return sha256_final(hash, ret_sha256);
}

static bool reflink_impossible(int code)
{
	return code == -EOPNOTSUPP || code == -EXDEV || code == -EINVAL;
}

static int check_unchanged(int fd, const struct stat *before, uint64_t bytes)
{
	struct stat now;

	if (fstat(fd, &now))
		return -errno;
	return (uint64_t)before->st_size == bytes && now.st_size == before->st_size &&
			       now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
			       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec
		       ? 0
		       : -EAGAIN;
}

/* A reflink is hashed from the clone: the source may go on changing. */
int dir_draft_fill(struct objstore_dir *d, int to, int from, uint8_t *ret_sha256)
{
	struct stat before;
	uint64_t bytes;
	int r;

	if (fstat(from, &before))
		return -errno;
	r = d->io->reflink(d->io, from, to);
	if (r && !reflink_impossible(r))
		return r;
	r = copy_and_hash(d, r ? from : to, r ? to : -1, &bytes, ret_sha256);
	return r ? r : check_unchanged(from, &before, bytes);
}

static int put_copy(struct objstore_dir *d, struct draft *w, int fd, uint8_t *ret_sha256)
{
	int r = dir_draft_create(d, w);

	return r ? r : draft_finish(d, w, dir_draft_fill(d, w->fd, fd, ret_sha256));
}

/* A file with a second name could be changed through it, so it is copied. */
static bool movable(int fd, const char *path)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	       dir_names_inode(AT_FDCWD, path, fd);
}

/* Its bytes are on their way to the disk while they are hashed. */
static int hash_in_place(
	struct objstore_dir *d, int fd, const struct stat *before, uint8_t *ret_sha256)
{
	uint64_t bytes;
	int r;

	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	r = copy_and_hash(d, fd, -1, &bytes, ret_sha256);
	return r ? r : check_unchanged(fd, before, bytes);
}

static int put_move(
	struct objstore_dir *d, struct draft *w, int fd, const char *path, uint8_t *ret_sha256)
{
	struct stat before;
	int r;

	if (fstat(fd, &before))
		return -errno;
	r = hash_in_place(d, fd, &before, ret_sha256);
	if (!r)
		r = publish(d, w, fd, AT_FDCWD, path);
	if (r)
		fchmod(fd, before.st_mode & 07777);
	return r;
}

/* Whoever hands it over vouches that no other name is written through. */
static bool linkable(int fd, const char *path)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && dir_names_inode(AT_FDCWD, path, fd);
}

/* As publish(), by a second name. */
static int publish_link(struct objstore_dir *d, struct draft *w, int fd, const char *path)
{
	int r = fchmod(fd, OBJECT_MODE) ? -errno : dir_sync(d, fd);

	if (!r)
		r = d->io->link(d->io, AT_FDCWD, path, w->dir_fd, w->name);
	if (r == -EEXIST)
		return r;
	if (!r)
		r = dir_sync(d, w->dir_fd);
	if (r && dir_names_inode(w->dir_fd, w->name, fd))
		d->io->unlink(d->io, w->dir_fd, w->name);
	return r;
}

/* @ret_sha256: NULL it is not wanted. */
static int put_link(
	struct objstore_dir *d, struct draft *w, int fd, const char *path, uint8_t *ret_sha256)
{
	struct stat before;
	int r = 0;

	if (fstat(fd, &before))
		return -errno;
	if (ret_sha256)
		r = hash_in_place(d, fd, &before, ret_sha256);
	if (!r)
		r = publish_link(d, w, fd, path);
	if (r)
		fchmod(fd, before.st_mode & 07777);
	return r;
}

/* Another device, a file system without second names, or too many of them: it is copied. */
static bool link_impossible(int code)
{
	return code == -EXDEV || code == -EPERM || code == -EMLINK || code == -EOPNOTSUPP;
}

static int take_file(struct objstore_dir *d, struct draft *w, int fd, const char *path,
	enum objstore_take take, uint8_t *ret_sha256)
{
	const bool is_hashed = take == OBJSTORE_LINK_HASHED;
	const bool is_link = take == OBJSTORE_LINK || is_hashed;
	int r = -EXDEV;

	if (take == OBJSTORE_MOVE && movable(fd, path))
		r = put_move(d, w, fd, path, ret_sha256);
	if (is_link && linkable(fd, path))
		r = put_link(d, w, fd, path, is_hashed ? NULL : ret_sha256);
	if (r != -EXDEV && !(is_link && link_impossible(r)))
		return r;
	r = put_copy(d, w, fd, ret_sha256);
	/* The object is safe; a source that cannot be removed is litter, not a failure. */
	if (!r && take == OBJSTORE_MOVE && dir_names_inode(AT_FDCWD, path, fd))
		d->io->unlink(d->io, AT_FDCWD, path);
	return r;
}

static int dir_put_file(struct objstore *s, const char *key, int fd, const char *path,
	enum objstore_take take, uint8_t ret_sha256[static SHA256_BYTES])
{
	struct objstore_dir *d = dir_of(s);
	struct draft w cleanup(dir_draft_deinit) = {.dir_fd = -1, .fd = -1};
	uint8_t sum[SHA256_BYTES];
	int r = dir_draft_open(d, key, &w);

	if (take == OBJSTORE_LINK_HASHED)
		memcpy(sum, ret_sha256, sizeof sum);
	if (!r)
		r = take_file(d, &w, fd, path, take, sum);
	if (!r)
		memcpy(ret_sha256, sum, sizeof sum);
	return dir_write_error(r);
}

static int open_object(struct objstore_dir *d, const char *key, struct stat *ret)
{
	int fd cleanup(close_p) = io_open_beneath(d->io, d->root_fd, key, O_RDONLY, 0);
	struct stat st;
	int opened = fd;

	if (fd < 0)
		return lookup_error(fd);
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	*ret = st;
	fd = -1;
	return opened;
}

static int dir_get(struct objstore *s, const char *key, size_t size_max, struct buf *ret)
{
	struct objstore_dir *d = dir_of(s);
	struct stat st;
	int fd cleanup(close_p) = open_object(d, key, &st);
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	if ((uint64_t)st.st_size > size_max)
		return -EFBIG;
	r = buf_reserve(ret, (size_t)st.st_size);
	if (r)
		return r;
	n = d->io->pread(d->io, fd, ret->data + ret->len, (size_t)st.st_size, 0);
	if (n < 0)
		return (int)n;
	if (n != st.st_size)
		return -EIO;
	ret->len += (size_t)n;
	return 0;
}

static ssize_t dir_get_range(
	struct objstore *s, const char *key, uint64_t offset, void *data, size_t len)
{
	struct objstore_dir *d = dir_of(s);
	struct stat st;
	int fd cleanup(close_p) = open_object(d, key, &st);

	return fd < 0 ? fd : d->io->pread(d->io, fd, data, len, offset);
}

static int dir_stat(struct objstore *s, const char *key, struct objstore_stat *ret)
{
	struct stat st;
	int fd cleanup(close_p) = open_object(dir_of(s), key, &st);

	if (fd < 0)
		return fd;
	*ret = dir_stat_of(&st);
	return 0;
}

static int dir_open_local(struct objstore *s, const char *key)
{
	struct stat st;

	return open_object(dir_of(s), key, &st);
}

/* Absent too is fsynced: an earlier delete may have ended between its two calls. */
static int dir_del(struct objstore *s, const char *key)
{
	struct objstore_dir *d = dir_of(s);
	char dir[OBJSTORE_KEY_BYTES_MAX + 1];
	const char *name = split_key(key, dir);
	int broken = atomic_load(&d->broken), unlinked, synced;
	int dir_fd cleanup(close_p) = -1;

	if (broken)
		return broken;
	dir_fd = open_dir(d, dir);
	if (dir_fd < 0)
		return lookup_error(dir_fd);
	unlinked = d->io->unlink(d->io, dir_fd, name);
	if (unlinked && unlinked != -ENOENT)
		return unlinked == -EISDIR ? -ENOENT : unlinked;
	synced = dir_sync(d, dir_fd);
	return synced ? synced : unlinked;
}

static void dir_close(struct objstore *s)
{
	struct objstore_dir *d = dir_of(s);

	tdestroy(d->durable_dirs, free);
	pthread_mutex_destroy(&d->lock);
	close_p(&d->root_fd);
	free(d);
}

int objstore_dir_open(const char *path, const struct io *io, struct objstore **ret)
{
	static const struct objstore_ops ops = {
		.put = dir_put,
		.put_file = dir_put_file,
		.put_files = dir_put_files,
		.get = dir_get,
		.get_range = dir_get_range,
		.stat = dir_stat,
		.open_local = dir_open_local,
		.del = dir_del,
		.list = dir_list,
		.close = dir_close,
	};
	struct objstore_dir *d = calloc(1, sizeof *d);
	int fd;

	if (!d)
		return -ENOMEM;
	fd = io->open(io, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0) {
		free(d);
		return fd;
	}
	d->base.ops = &ops;
	d->io = io;
	d->root_fd = fd;
	pthread_mutex_init(&d->lock, NULL);
	*ret = &d->base;
	return 0;
}
