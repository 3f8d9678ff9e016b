#include "meta/lmdb_impl.h"

#include "objstore/base/io.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* LMDB's meta page on 64-bit machines (mdb.c: MDB_meta): two of them begin the file. */
#define META_MAGIC UINT32_C(0xBEEFC0DE)
#define META_VERSION 1
#define META_AT_MAGIC 16
#define META_AT_VERSION 20
#define META_AT_PAGE_BYTES 40
#define META_AT_ROOT 128 /* of the named databases */
#define META_AT_LAST_PAGE 136
#define META_AT_TXN_ID 144
#define FIRST_TXN_ID 1 /* makes the databases, and no record */
#define PAGE_BYTES_MIN 512
#define PAGE_BYTES_MAX 65536

static const struct {
	uint32_t magic;
	const char *name;
} network_systems[] = {
	{0x6969, "NFS"},
	{0x517b, "SMB"},
	{0xff534d42, "CIFS"},
	{0xfe534d42, "SMB2"},
	{0x01021997, "9p"},
	{0x00c36400, "Ceph"},
	{0x5346414f, "AFS"},
	{0x6b414653, "AFS"},
	{0x73757245, "Coda"},
	{0x0bd00bd0, "Lustre"},
	{0x47504653, "GPFS"},
	{0x65735546, "FUSE"},
};

int lmdb_check_local(const char *path, struct bough_error *error)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return error_set(error, -errno, "%s: %s", path, strerror(errno));
	for (size_t i = 0; i < ARRAY_SIZE(network_systems); i++)
		if ((uint32_t)fs.f_type == network_systems[i].magic) {
			error_set(error, -EOPNOTSUPP, "%s is on a %s file system", path,
				network_systems[i].name);
			return error_hint(
				error, -EOPNOTSUPP, "A store's meta/ must lie on a local disk.");
		}
	return 0;
}

struct meta {
	uint64_t page_bytes, root, last_page, txn_id;
};

static uint32_t read_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static uint64_t read_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static bool page_size_valid(uint64_t n)
{
	return n >= PAGE_BYTES_MIN && n <= PAGE_BYTES_MAX && !(n & (n - 1));
}

/* Reads meta page @which. Return: false if it is none. */
static bool meta_read(int fd, unsigned which, uint64_t page_bytes, struct meta *ret)
{
	uint8_t p[LMDB_META_BYTES];

	if (pread(fd, p, sizeof p, (off_t)(which * page_bytes)) != sizeof p)
		return false;
	if (read_u32(p + META_AT_MAGIC) != META_MAGIC ||
		read_u32(p + META_AT_VERSION) != META_VERSION)
		return false;
	ret->page_bytes = read_u32(p + META_AT_PAGE_BYTES);
	ret->root = read_u64(p + META_AT_ROOT);
	ret->last_page = read_u64(p + META_AT_LAST_PAGE);
	ret->txn_id = read_u64(p + META_AT_TXN_ID);
	return page_size_valid(ret->page_bytes);
}

static bool metas_read(int fd, struct meta ret[static 2])
{
	memset(ret, 0, 2 * sizeof *ret);
	return meta_read(fd, 0, 0, &ret[0]) && meta_read(fd, 1, ret[0].page_bytes, &ret[1]) &&
	       ret[0].page_bytes == ret[1].page_bytes;
}

void lmdb_metas_save(int fd, struct lmdb_metas *ret)
{
	struct meta first;
	bool readable = meta_read(fd, 0, 0, &first);

	ret->page_bytes = readable ? first.page_bytes : 0;
	for (unsigned i = 0; i < 2 && ret->page_bytes; i++)
		if (pread(fd, ret->bytes[i], LMDB_META_BYTES, (off_t)(i * ret->page_bytes)) !=
			LMDB_META_BYTES)
			ret->page_bytes = 0;
}

void lmdb_metas_restore(int fd, const struct lmdb_metas *saved)
{
	const struct io *io = io_system();
	uint8_t now[LMDB_META_BYTES];
	bool wrote = false;

	for (unsigned i = 0; i < 2 && saved->page_bytes; i++) {
		off_t at = (off_t)(i * saved->page_bytes);

		if (pread(fd, now, sizeof now, at) == sizeof now &&
			!memcmp(now, saved->bytes[i], sizeof now))
			continue;
		wrote |= !io->pwrite_all(io, fd, saved->bytes[i], sizeof now, (uint64_t)at);
	}
	if (wrote)
		io->fsync(io, fd); /* nothing is left to be done if this fails too */
}

/* A meta page says which transaction made its tree, and so does the tree's KV_COMMIT_KEY. */
static bool meta_agrees(int fd, const struct meta *m)
{
	uint64_t made_by;

	if (m->txn_id <= FIRST_TXN_ID)
		return true;
	return !lmdb_page_txn_id(fd, m->page_bytes, m->root, &made_by) && made_by == m->txn_id;
}

/* The two stand for the last two transactions, or for none yet. */
static bool metas_agree(int fd, const struct meta m[static 2])
{
	uint64_t a = m[0].txn_id, b = m[1].txn_id;

	return ((!a && !b) || a + 1 == b || b + 1 == a) && meta_agrees(fd, &m[0]) &&
	       meta_agrees(fd, &m[1]);
}

/*
 * A flipped bit in the newer one's transaction id would make LMDB show the older tree, which is
 * whole. Both trees are untouched as long as the meta pages are: if a writer changed those
 * meanwhile, look again.
 */
static bool metas_check(int fd, struct meta ret[static 2])
{
	struct meta again[2];
	bool readable = metas_read(fd, ret);

	while (!readable || !metas_agree(fd, ret)) {
		readable = metas_read(fd, again);
		if (!memcmp(again, ret, sizeof again))
			return false;
		memcpy(ret, again, sizeof again);
	}
	return true;
}

static int head_read(int fd, struct lmdb_head *ret)
{
	struct meta metas[2], *newest;
	struct stat st;

	if (!metas_check(fd, metas))
		return -EUCLEAN;
	/* After the pages: a writer extends the file before it says so. */
	if (fstat(fd, &st))
		return -errno;
	newest = &metas[metas[1].txn_id > metas[0].txn_id];
	*ret = (struct lmdb_head){.page_bytes = newest->page_bytes,
		.last_page = newest->last_page,
		.file_bytes = (uint64_t)st.st_size};
	return 0;
}

int lmdb_check_file(const char *path, struct lmdb_head *ret, struct bough_error *error)
{
	char *file cleanup(free_p) = NULL;
	int fd cleanup(close_p) = -1;
	struct stat st;
	int r;

	if (asprintf(&file, "%s/data.mdb", path) < 0) {
		file = NULL;
		return -ENOMEM;
	}
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st))
		return error_set(error, -errno, "%s: %s", file, strerror(errno));
	if (S_ISREG(st.st_mode) && !st.st_size)
		return -ENODATA;
	r = S_ISREG(st.st_mode) ? head_read(fd, ret) : -EUCLEAN;
	if (r == -EUCLEAN)
		return error_set(error, r, "%s is damaged, or not an LMDB file", file);
	return r ? error_set(error, r, "%s: %s", file, strerror(-r)) : 0;
}

struct lmdb_claim {
	dev_t dev;
	ino_t ino;
	pid_t pid; /* a forked child inherits the list, not the environments */
	struct lmdb_claim *next;
};

static pthread_mutex_t claims_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lmdb_claim *claims; /* under claims_lock */

static bool claimed(const struct lmdb_claim *wanted)
{
	for (const struct lmdb_claim *c = claims; c; c = c->next)
		if (c->dev == wanted->dev && c->ino == wanted->ino && c->pid == wanted->pid)
			return true;
	return false;
}

int lmdb_claim(const char *path, struct lmdb_claim **ret_claim)
{
	struct lmdb_claim *c cleanup(free_p) = calloc(1, sizeof *c);
	struct stat st;
	bool busy;

	if (!c)
		return -ENOMEM;
	if (stat(path, &st))
		return -errno;
	*c = (struct lmdb_claim){.dev = st.st_dev, .ino = st.st_ino, .pid = getpid()};
	pthread_mutex_lock(&claims_lock);
	busy = claimed(c);
	if (!busy) {
		c->next = claims;
		claims = c;
		*ret_claim = steal(&c);
	}
	pthread_mutex_unlock(&claims_lock);
	return busy ? -EBUSY : 0;
}

void lmdb_release(struct lmdb_claim *claim)
{
	if (!claim)
		return;
	pthread_mutex_lock(&claims_lock);
	for (struct lmdb_claim **at = &claims; *at; at = &(*at)->next)
		if (*at == claim) {
			*at = claim->next;
			break;
		}
	pthread_mutex_unlock(&claims_lock);
	free(claim);
}
