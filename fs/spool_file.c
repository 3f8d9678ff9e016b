/*
 * One staged file.
 *
 * | state  | from   | by                 | bytes change               | its name in the folder |
 * |--------|--------|--------------------|----------------------------|------------------------|
 * | OPEN   |        | new                | by writes                  | there                  |
 * | FROZEN | OPEN   | freeze             | never: -EBUSY              | there, or moved        |
 * | OPEN   | FROZEN | thaw(error)        | by writes                  | there                  |
 * | TAKEN  | FROZEN | thaw(0)            | never: -EMLINK             | gone                   |
 * | TAKEN  | FROZEN | thaw(error), moved | never: -EMLINK; is_changed | gone                   |
 * | OPEN   | TAKEN  | renew              | by writes                  | there, another one     |
 *
 * Renewing puts another blob in the place of the old one; who uses that one at the time goes on
 * with it, and the last one closes it.
 */
#include "fs/spool_impl.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COPY_CHUNK_BYTES ((size_t)1 << 20)
#define PARQUET_BYTES_MIN 12 /* magic, length of the footer, magic */

static const struct io *io_of(const struct fs_staged *f)
{
	return f->spool->store->io;
}

int spool_blob_new(struct fs_spool *p, struct spool_blob **ret)
{
	struct spool_blob *b cleanup(free_p) = NULL;
	size_t len = strlen(p->store->path) + sizeof "/spool//" + sizeof p->folder.name + 21;
	uint64_t number;
	int n;

	b = calloc(1, sizeof *b + len);
	if (!b)
		return -ENOMEM;
	pthread_mutex_lock(&p->lock);
	number = p->next_number++;
	pthread_mutex_unlock(&p->lock);
	n = snprintf(b->path, len, "%s/spool/%s/", p->store->path, p->folder.name);
	b->name = b->path + n;
	snprintf(b->path + n, len - (size_t)n, "%" PRIu64, number);
	b->fd = spool_folder_create(&p->folder, b->name);
	if (b->fd < 0)
		return b->fd;
	*ret = steal(&b);
	return 0;
}

/* A name that a commit took is not there; what cannot be removed goes with the folder. */
void spool_blob_free(struct fs_spool *p, struct spool_blob *b)
{
	if (!b)
		return;
	p->store->io->unlink(p->store->io, p->folder.fd, b->name);
	close_p(&b->fd);
	free(b);
}

/** Under the lock. Without its name it could not be opened again. */
static void close_idle(struct fs_staged *f)
{
	if (!f->is_idle || f->state != STAGED_OPEN || f->blob->users)
		return;
	close_p(&f->blob->fd);
	f->blob->fd = -1;
}

void staged_idle(struct fs_staged *f, bool is_idle)
{
	pthread_mutex_lock(&f->lock);
	f->is_idle = is_idle;
	close_idle(f);
	pthread_mutex_unlock(&f->lock);
}

int staged_use(struct fs_staged *f, struct spool_blob **ret)
{
	struct spool_blob *b;
	int r = 0;

	pthread_mutex_lock(&f->lock);
	b = f->blob;
	if (b->fd < 0)
		b->fd = io_open_beneath(io_of(f), f->spool->folder.fd, b->name, O_RDWR, 0);
	if (b->fd < 0)
		r = b->fd;
	else
		b->users++;
	pthread_mutex_unlock(&f->lock);
	if (!r)
		*ret = b;
	return r;
}

void staged_done(struct fs_staged *f, struct spool_blob *b)
{
	bool is_last;

	pthread_mutex_lock(&f->lock);
	is_last = !--b->users && b != f->blob;
	close_idle(f);
	pthread_mutex_unlock(&f->lock);
	if (is_last)
		spool_blob_free(f->spool, b);
}

int fs_staged_stat(struct fs_staged *f, struct stat *ret)
{
	struct spool_blob *b;
	struct stat st;
	int r = staged_use(f, &b);

	if (r)
		return r;
	r = fstat(b->fd, &st) ? -errno : 0;
	staged_done(f, b);
	if (!r)
		*ret = st;
	return r;
}

ssize_t fs_staged_read(struct fs_staged *f, void *data, size_t len, uint64_t off)
{
	struct spool_blob *b;
	ssize_t n = staged_use(f, &b);

	if (n)
		return n;
	n = io_of(f)->pread(io_of(f), b->fd, data, len, off);
	staged_done(f, b);
	return n;
}

static void get_state(struct fs_staged *f, enum staged_state *ret_state, bool *ret_changed)
{
	pthread_mutex_lock(&f->lock);
	*ret_state = f->state;
	*ret_changed = f->is_changed;
	pthread_mutex_unlock(&f->lock);
}

/** Under write_lock, so that no freeze comes between this and the change. */
static int check_open(struct fs_staged *f)
{
	enum staged_state state;
	bool is_changed;

	get_state(f, &state, &is_changed);
	return state == STAGED_FROZEN ? -EBUSY : state == STAGED_TAKEN ? -EMLINK : 0;
}

static int use_open(struct fs_staged *f, struct spool_blob **ret)
{
	int r = check_open(f);

	return r ? r : staged_use(f, ret);
}

static void set_changed(struct fs_staged *f)
{
	pthread_mutex_lock(&f->lock);
	f->is_changed = true;
	f->is_hashed = false;
	pthread_mutex_unlock(&f->lock);
}

static int write_locked(struct fs_staged *f, const void *data, size_t len, uint64_t off)
{
	struct spool_blob *b;
	int r = use_open(f, &b);

	if (r)
		return r;
	set_changed(f); /* also by a write that fails on its way */
	r = io_of(f)->pwrite_all(io_of(f), b->fd, data, len, off);
	staged_done(f, b);
	return r;
}

ssize_t fs_staged_write(struct fs_staged *f, const void *data, size_t len, uint64_t off)
{
	int r;

	if (!len)
		return 0;
	pthread_mutex_lock(&f->write_lock);
	r = write_locked(f, data, len, off);
	pthread_mutex_unlock(&f->write_lock);
	return r ? r : (ssize_t)len;
}

static int truncate_locked(struct fs_staged *f, uint64_t size)
{
	struct spool_blob *b;
	int r = use_open(f, &b);

	if (r)
		return r;
	r = io_of(f)->ftruncate(io_of(f), b->fd, size);
	staged_done(f, b);
	if (!r)
		set_changed(f);
	return r;
}

int fs_staged_truncate(struct fs_staged *f, uint64_t size)
{
	int r;

	pthread_mutex_lock(&f->write_lock);
	r = truncate_locked(f, size);
	pthread_mutex_unlock(&f->write_lock);
	return r;
}

/** While a commit reads the file its times must not move: it would be taken for changed. */
static bool put_off(struct fs_staged *f, const struct timespec times[2])
{
	enum staged_state state;

	pthread_mutex_lock(&f->lock);
	state = f->state;
	for (int i = 0; i < 2 && state == STAGED_FROZEN; i++) {
		if (!f->has_times)
			f->times[i].tv_nsec = UTIME_OMIT;
		if (times[i].tv_nsec != UTIME_OMIT)
			f->times[i] = times[i];
	}
	f->has_times |= state == STAGED_FROZEN;
	pthread_mutex_unlock(&f->lock);
	return state != STAGED_OPEN;
}

static int set_times(struct fs_staged *f, const struct timespec times[2])
{
	struct spool_blob *b;
	int r = staged_use(f, &b);

	if (r)
		return r;
	r = futimens(b->fd, times) ? -errno : 0;
	staged_done(f, b);
	return r;
}

int fs_staged_utimens(struct fs_staged *f, const struct timespec times[2])
{
	int r;

	pthread_mutex_lock(&f->write_lock);
	r = put_off(f, times) ? 0 : set_times(f, times);
	pthread_mutex_unlock(&f->write_lock);
	return r;
}

static int sync_folder(struct fs_spool *p)
{
	int r;

	pthread_mutex_lock(&p->sync_lock);
	if (!p->sync_error)
		p->sync_error = p->store->io->fsync(p->store->io, p->folder.fd);
	r = p->sync_error;
	pthread_mutex_unlock(&p->sync_lock);
	return r;
}

/** Under write_lock: two fsyncs at once, and one of them would not hear of the error. */
static int sync_locked(struct fs_staged *f)
{
	struct spool_blob *b;
	int r = f->sync_error;

	if (!r)
		r = staged_use(f, &b);
	if (r)
		return r;
	f->sync_error = io_of(f)->fsync(io_of(f), b->fd);
	staged_done(f, b);
	return f->sync_error ? f->sync_error : sync_folder(f->spool);
}

int fs_staged_sync(struct fs_staged *f)
{
	enum staged_state state;
	bool is_changed;
	int r = 0;

	pthread_mutex_lock(&f->write_lock);
	get_state(f, &state, &is_changed);
	if (state != STAGED_TAKEN || is_changed) /* else the commit was durable */
		r = sync_locked(f);
	pthread_mutex_unlock(&f->write_lock);
	return r;
}

static int copy_all(const struct io *io, int from, int to)
{
	uint8_t *chunk cleanup(free_p) = malloc(COPY_CHUNK_BYTES);
	uint64_t off = 0;
	ssize_t n = 0;
	int r = chunk ? 0 : -ENOMEM;

	while (!r) {
		n = io->pread(io, from, chunk, COPY_CHUNK_BYTES, off);
		if (n <= 0)
			return (int)n;
		r = io->pwrite_all(io, to, chunk, (size_t)n, off);
		off += (uint64_t)n;
	}
	return r;
}

static int carry_over(const struct io *io, int from, int to)
{
	struct stat st;
	int r = io->reflink(io, from, to);

	if (r == -EOPNOTSUPP || r == -EXDEV || r == -EINVAL)
		r = copy_all(io, from, to);
	if (!r && fstat(from, &st))
		r = -errno;
	if (!r && futimens(to, (struct timespec[2]){st.st_atim, st.st_mtim}))
		r = -errno;
	return r;
}

/** Under write_lock. */
static int renew_locked(struct fs_staged *f)
{
	struct spool_blob *old, *b;
	int r = spool_blob_new(f->spool, &b);

	if (r)
		return r;
	r = staged_use(f, &old);
	if (!r) {
		r = carry_over(io_of(f), old->fd, b->fd);
		if (!r) {
			pthread_mutex_lock(&f->lock);
			f->blob = b;
			f->state = STAGED_OPEN;
			pthread_mutex_unlock(&f->lock);
		}
		staged_done(f, old);
	}
	if (r)
		spool_blob_free(f->spool, b);
	return r;
}

int fs_staged_renew(struct fs_staged *f)
{
	int r;

	pthread_mutex_lock(&f->write_lock);
	r = check_open(f);
	if (r == -EMLINK)
		r = renew_locked(f);
	pthread_mutex_unlock(&f->write_lock);
	return r;
}

/** With "PARE" its footer is encrypted: whole, and the reader's to refuse. */
static bool ends_well(const uint8_t head[4], const uint8_t tail[8], uint64_t size)
{
	uint64_t footer = tail[0] | (uint64_t)tail[1] << 8 | (uint64_t)tail[2] << 16 |
			  (uint64_t)tail[3] << 24;
	bool is_encrypted = !memcmp(tail + 4, "PARE", 4);

	if (!is_encrypted && memcmp(tail + 4, "PAR1", 4))
		return false;
	if (memcmp(head, "PAR1", 4) && !(is_encrypted && !memcmp(head, "PARE", 4)))
		return false;
	return footer <= size - PARQUET_BYTES_MIN;
}

/** Return: 0; 1 empty; -EINVAL. */
static int check_whole(const struct io *io, int fd)
{
	uint8_t head[4], tail[8];
	struct stat st;
	uint64_t size;
	ssize_t n;

	if (fstat(fd, &st))
		return -errno;
	size = (uint64_t)st.st_size;
	if (size < PARQUET_BYTES_MIN)
		return size ? -EINVAL : 1;
	n = io->pread(io, fd, head, sizeof head, 0);
	if (n == sizeof head)
		n = io->pread(io, fd, tail, sizeof tail, size - sizeof tail);
	if (n < 0)
		return (int)n;
	return n == sizeof tail && ends_well(head, tail, size) ? 0 : -EINVAL;
}

/** Under write_lock. */
static int freeze_locked(struct fs_staged *f, const char **ret_path)
{
	struct spool_blob *b;
	enum staged_state state;
	bool is_changed;
	int r;

	get_state(f, &state, &is_changed);
	if (state == STAGED_FROZEN)
		return -EBUSY;
	if (!is_changed)
		return 1;
	r = f->sync_error;
	if (!r && state == STAGED_TAKEN)
		r = renew_locked(f);
	if (!r)
		r = staged_use(f, &b);
	if (r)
		return r;
	r = check_whole(io_of(f), b->fd);
	if (!r) {
		pthread_mutex_lock(&f->lock);
		f->state = STAGED_FROZEN;
		pthread_mutex_unlock(&f->lock);
		*ret_path = b->path;
	}
	staged_done(f, b);
	return r;
}

int fs_staged_freeze(struct fs_staged *f, const char **ret_path)
{
	bool is_forgotten;
	int r;

	pthread_mutex_lock(&f->spool->lock);
	is_forgotten = f->is_forgotten;
	pthread_mutex_unlock(&f->spool->lock);
	if (is_forgotten)
		return 1;
	pthread_mutex_lock(&f->write_lock);
	r = freeze_locked(f, ret_path);
	pthread_mutex_unlock(&f->write_lock);
	return r;
}

static int hash_all(const struct io *io, int fd, uint8_t ret_sha256[static SHA256_BYTES])
{
	struct sha256 *hash cleanup(sha256_free_p) = sha256_new();
	uint8_t *chunk cleanup(free_p) = malloc(COPY_CHUNK_BYTES);
	uint64_t off = 0;
	ssize_t n = 0;
	int r = hash && chunk ? 0 : -ENOMEM;

	while (!r) {
		n = io->pread(io, fd, chunk, COPY_CHUNK_BYTES, off);
		if (n <= 0)
			return n ? (int)n : sha256_final(hash, ret_sha256);
		r = sha256_update(hash, chunk, (size_t)n);
		off += (uint64_t)n;
	}
	return r;
}

void fs_staged_hash(struct fs_staged *f)
{
	uint8_t sha256[SHA256_BYTES];
	struct spool_blob *b;
	int r;

	if (fs_staged_hashed(f, sha256) || staged_use(f, &b))
		return;
	sync_file_range(b->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	r = hash_all(io_of(f), b->fd, sha256);
	staged_done(f, b);
	if (r || fs_staged_sync(f))
		return;
	pthread_mutex_lock(&f->lock);
	memcpy(f->sha256, sha256, sizeof sha256);
	f->is_hashed = true;
	pthread_mutex_unlock(&f->lock);
}

bool fs_staged_hashed(struct fs_staged *f, uint8_t ret_sha256[static SHA256_BYTES])
{
	bool is_hashed;

	pthread_mutex_lock(&f->lock);
	is_hashed = f->is_hashed;
	memcpy(ret_sha256, f->sha256, sizeof f->sha256);
	pthread_mutex_unlock(&f->lock);
	return is_hashed;
}

/**
 * A commit that failed may have made the file an object before, by moving it or by a second name.
 * If not, it may have got an object's mode.
 */
static bool is_moved(struct fs_staged *f, const struct spool_blob *b)
{
	struct stat ours, named;

	return fstat(b->fd, &ours) ||
	       fstatat(f->spool->folder.fd, b->name, &named, AT_SYMLINK_NOFOLLOW) ||
	       ours.st_dev != named.st_dev || ours.st_ino != named.st_ino || ours.st_nlink != 1 ||
	       fchmod(b->fd, SPOOL_FILE_MODE);
}

static void run_all(struct fs_waiter *w)
{
	while (w) {
		struct fs_waiter *next = w->next;

		w->run(w); /* and may be gone */
		w = next;
	}
}

/** Puts the state right. @times: what was asked for meanwhile. Return: the waiters. */
static struct fs_waiter *settle(struct fs_staged *f, bool is_taken, bool is_committed,
	struct timespec times[2], bool *ret_has_times)
{
	struct fs_waiter *waiters;

	pthread_mutex_lock(&f->lock);
	assert(f->state == STAGED_FROZEN);
	f->state = is_taken ? STAGED_TAKEN : STAGED_OPEN;
	f->is_changed = !is_committed;
	waiters = steal(&f->waiters);
	f->last_waiter = &f->waiters;
	memcpy(times, f->times, sizeof f->times);
	*ret_has_times = f->has_times && !is_taken;
	f->has_times = false;
	close_idle(f);
	pthread_mutex_unlock(&f->lock);
	return waiters;
}

void fs_staged_thaw(struct fs_staged *f, int result)
{
	const struct spool_blob *b = f->blob; /* nobody changes it while it is frozen */
	struct timespec times[2];
	struct fs_waiter *waiters;
	bool has_times, is_taken = !result || is_moved(f, b);

	if (is_taken)
		io_of(f)->unlink(io_of(f), f->spool->folder.fd, b->name);
	waiters = settle(f, is_taken, !result, times, &has_times);
	if (has_times)
		fs_staged_utimens(f, times);
	run_all(waiters);
}

bool fs_staged_wait(struct fs_staged *f, struct fs_waiter *w)
{
	bool is_frozen;

	pthread_mutex_lock(&f->lock);
	is_frozen = f->state == STAGED_FROZEN;
	if (is_frozen) {
		w->next = NULL;
		*f->last_waiter = w;
		f->last_waiter = &w->next;
	}
	pthread_mutex_unlock(&f->lock);
	return is_frozen;
}

bool staged_is_lost(struct fs_staged *f)
{
	enum staged_state state;
	struct stat st;
	bool is_changed;

	get_state(f, &state, &is_changed);
	return is_changed && state != STAGED_FROZEN && !fs_staged_stat(f, &st) && st.st_size;
}
