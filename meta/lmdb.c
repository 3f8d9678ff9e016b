/*
 * The key-value interface over LMDB: databases "hot" and "bulk", NOTLS, durable commits.
 *
 * A value is stored with a CRC-32C over key and value behind it. KV_COMMIT_KEY holds the commit
 * number and LMDB's transaction id: a reader whose transaction id is another has been led to an
 * old tree by a damaged meta page and is refused.
 *
 * Writers of all processes: wake's lock (tells who holds it), then LMDB's own.
 */
#include "meta/enc.h"
#include "meta/kv.h"
#include "meta/lmdb_impl.h"
#include "meta/wake.h"
#include "objstore/base/hash.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/statvfs.h>

#define POOL_MAX 64 /* idle read transactions kept */
#define DISK_FULL_BYTES (UINT64_C(4) << 20)
#define RENEWS_MAX 8
#define FIRST_TXN_ID 1 /* of a new environment, and of a compacting copy */

struct kv_lmdb {
	struct kv base;
	struct kv_lmdb_options options;
	struct lmdb_claim *claim;
	MDB_env *env;
	MDB_dbi dbi[KV_DBS];
	atomic_bool failed;	   /* a commit gave EIO: no more writing */
	struct buf scratch;	   /* value and checksum; of the one writer */
	pthread_mutex_t pool_lock; /* of the two below */
	struct kv_lmdb_txn *pool;
	size_t pooled;
};

struct kv_lmdb_txn {
	struct kv_txn base;
	MDB_txn *txn;
	struct kv_lmdb_txn *parent; /* nested */
	struct kv_lmdb_txn *next;   /* in the pool */
	/* For single records, NULL not yet: the next one is often close to the last. */
	MDB_cursor *cursors[KV_DBS];
	bool is_renewed[KV_DBS]; /* of a reader that came out of the pool: its cursor did, too */
	bool has_child, wrote;
	int error;		 /* first failed write: the transaction cannot commit */
	struct lmdb_metas metas; /* of a writer: as they were when it began */
	sigset_t signals;
};

static struct kv_lmdb *lmdb_of(struct kv *kv)
{
	return (struct kv_lmdb *)kv;
}

static struct kv_lmdb_txn *lmdb_txn(struct kv_txn *t)
{
	return (struct kv_lmdb_txn *)t;
}

static MDB_val val(struct slice s)
{
	return (MDB_val){s.len, (void *)s.data};
}

/* The stored form of @value; lives until the next call. A copy, as @value may lie in the tree. */
static int seal(struct kv_lmdb *l, struct slice key, struct slice value, MDB_val *ret)
{
	struct buf *b = &l->scratch;
	int r;

	b->len = 0;
	r = buf_append(b, value.data, value.len);
	if (!r)
		r = enc_u32(b, lmdb_checksum(key, value));
	if (!r)
		*ret = val(buf_slice(b));
	return r;
}

/* After a failed write LMDB refuses the rest with MDB_BAD_TXN: the first reason is the one told. */
static int write_result(struct kv_lmdb_txn *t, int r)
{
	if (r && r != -ENOENT && !t->error)
		t->error = r;
	else if (!r)
		t->wrote = true;
	return r && r != -ENOENT ? t->error : r;
}

static int cursor_of(struct kv_lmdb_txn *t, enum kv_db db, MDB_cursor **ret)
{
	int r = 0;

	if (!t->cursors[db])
		r = mdb_cursor_open(t->txn, lmdb_of(t->base.kv)->dbi[db], &t->cursors[db]);
	else if (t->base.mode == KV_READ && !t->is_renewed[db])
		r = mdb_cursor_renew(t->txn, t->cursors[db]);
	t->is_renewed[db] = !r;
	*ret = t->cursors[db];
	return lmdb_errno(r);
}

/* LMDB closes a writer's cursors with its transaction, a reader's not. */
static void cursors_close(struct kv_lmdb_txn *t)
{
	for (size_t i = 0; i < KV_DBS; i++) {
		if (t->cursors[i])
			mdb_cursor_close(t->cursors[i]);
		t->cursors[i] = NULL;
	}
}

static int lmdb_put(struct kv_txn *txn, enum kv_db db, struct slice key, struct slice value)
{
	struct kv_lmdb_txn *t = lmdb_txn(txn);
	MDB_val k = val(key), v;
	MDB_cursor *c;
	int r = seal(lmdb_of(txn->kv), key, value, &v);

	assert(!t->has_child);
	if (!r)
		r = cursor_of(t, db, &c);
	if (!r)
		r = lmdb_errno(mdb_cursor_put(c, &k, &v, 0));
	return write_result(t, r);
}

static int lmdb_get(struct kv_txn *txn, enum kv_db db, struct slice key, struct slice *ret_value)
{
	MDB_cursor *c;
	int r = cursor_of(lmdb_txn(txn), db, &c);

	return r ? r : lmdb_read_get(c, key, ret_value);
}

static int lmdb_scan(struct kv_txn *txn, enum kv_db db, struct slice lo, struct slice hi, bool down,
	kv_scan_fn fn, void *arg)
{
	const struct lmdb_range range = {lo, hi, down};

	return lmdb_read_scan(lmdb_txn(txn)->txn, lmdb_of(txn->kv)->dbi[db], &range, fn, arg);
}

static int lmdb_del(struct kv_txn *txn, enum kv_db db, struct slice key)
{
	struct kv_lmdb_txn *t = lmdb_txn(txn);
	MDB_val k = val(key);

	assert(!t->has_child);
	cursors_close(t); /* none to be mended where pages join */
	return write_result(t, lmdb_errno(mdb_del(t->txn, lmdb_of(txn->kv)->dbi[db], &k, NULL)));
}

int lmdb_commit_decode(struct slice value, uint64_t *ret_number, uint64_t *ret_txn_id)
{
	struct dec d = dec_of(value);

	*ret_number = dec_u64(&d);
	*ret_txn_id = dec_u64(&d);
	return dec_end(&d);
}

/* The number in KV_COMMIT_KEY, if @t sees the tree that it was written with. */
static int commit_number(struct kv_lmdb_txn *t, uint64_t *ret)
{
	uint64_t number, seen = mdb_txn_id(t->txn) - (t->base.mode == KV_WRITE), written;
	struct slice value;
	int r = lmdb_get(&t->base, KV_HOT, slice_str(KV_COMMIT_KEY), &value);

	if (r == -ENOENT && seen == FIRST_TXN_ID) {
		*ret = 0;
		return 0;
	}
	if (!r)
		r = lmdb_commit_decode(value, &number, &written);
	if (!r && written != seen && seen != FIRST_TXN_ID)
		r = -EUCLEAN;
	if (!r)
		*ret = number;
	return r == -ENOENT ? -EUCLEAN : r;
}

static int commit_number_put(struct kv_lmdb_txn *t, uint64_t number)
{
	struct buf b auto_buf = {0};
	int r = enc_u64(&b, number);

	if (!r)
		r = enc_u64(&b, mdb_txn_id(t->txn));
	return r ? r : lmdb_put(&t->base, KV_HOT, slice_str(KV_COMMIT_KEY), buf_slice(&b));
}

/* A transaction of LMDB's; slots of dead readers are taken back when all are in use. */
static int mdb_begin(struct kv_lmdb *l, MDB_txn *parent, unsigned flags, MDB_txn **ret)
{
	int dead, r = mdb_txn_begin(l->env, parent, flags, ret);

	if (r == MDB_READERS_FULL && !mdb_reader_check(l->env, &dead) && dead)
		r = mdb_txn_begin(l->env, parent, flags, ret);
	return lmdb_errno(r);
}

static struct kv_lmdb_txn *pool_take(struct kv_lmdb *l)
{
	struct kv_lmdb_txn *t;

	pthread_mutex_lock(&l->pool_lock);
	t = l->pool;
	if (t) {
		l->pool = t->next;
		l->pooled--;
	}
	pthread_mutex_unlock(&l->pool_lock);
	return t;
}

static void reader_free(struct kv_lmdb_txn *t)
{
	cursors_close(t);
	mdb_txn_abort(t->txn);
	free(t);
}

static void read_end(struct kv_lmdb_txn *t)
{
	struct kv_lmdb *l = lmdb_of(t->base.kv);
	bool kept;

	mdb_txn_reset(t->txn);
	memset(t->is_renewed, 0, sizeof t->is_renewed);
	pthread_mutex_lock(&l->pool_lock);
	kept = l->pooled < POOL_MAX;
	if (kept) {
		t->next = l->pool;
		l->pool = t;
		l->pooled++;
	}
	pthread_mutex_unlock(&l->pool_lock);
	if (!kept)
		reader_free(t);
}

/*
 * LMDB takes a reader's transaction id first and copies the meta page after: two commits between
 * give the newer tree under the older id. That is sound for LMDB, and gone at the next try; damage
 * stays.
 */
static int read_commit_number(struct kv_lmdb_txn *t)
{
	int r = commit_number(t, &t->base.commit);

	for (int tries = 0; r == -EUCLEAN && tries < RENEWS_MAX; tries++) {
		mdb_txn_reset(t->txn);
		memset(t->is_renewed, 0, sizeof t->is_renewed);
		r = lmdb_errno(mdb_txn_renew(t->txn));
		if (!r)
			r = commit_number(t, &t->base.commit);
	}
	return r;
}

static int read_begin(struct kv_lmdb *l, struct kv_txn **ret_txn)
{
	struct kv_lmdb_txn *t = pool_take(l);
	int r;

	if (t) {
		r = lmdb_errno(mdb_txn_renew(t->txn));
	} else {
		t = calloc(1, sizeof *t);
		if (!t)
			return -ENOMEM;
		t->base = (struct kv_txn){.kv = &l->base, .mode = KV_READ};
		r = mdb_begin(l, NULL, MDB_RDONLY, &t->txn);
	}
	if (r) {
		reader_free(t);
		return r;
	}
	r = read_commit_number(t);
	if (r)
		read_end(t);
	else
		*ret_txn = &t->base;
	return r;
}

/* Who waits longer for the lock than a second: tell the owner, and let signals in for a moment. */
struct waiting {
	struct kv_lmdb *kv;
	const sigset_t *signals;
	bool told;
};

static void slow_writer(void *arg, int pid)
{
	struct waiting *w = arg;
	const struct kv_lmdb_options *o = &w->kv->options;
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, w->signals, &blocked);
	if (!w->told && o->slow_writer)
		o->slow_writer(o->slow_writer_arg, pid);
	w->told = true;
	pthread_sigmask(SIG_SETMASK, &blocked, NULL);
}

static bool has_failed(struct kv_lmdb *l)
{
	return atomic_load(&l->failed) || (l->options.wake && wake_failed(l->options.wake));
}

static int writer_lock(struct kv_lmdb_txn *t)
{
	struct kv_lmdb *l = lmdb_of(t->base.kv);
	struct waiting waiting = {.kv = l, .signals = &t->signals};
	sigset_t block;
	int r = 0;

	sigemptyset(&block);
	sigaddset(&block, SIGTSTP);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &block, &t->signals);
	if (l->options.wake)
		r = wake_writer_lock(l->options.wake, slow_writer, &waiting);
	if (r)
		pthread_sigmask(SIG_SETMASK, &t->signals, NULL);
	return r;
}

static void writer_unlock(struct kv_lmdb_txn *t)
{
	struct kv_lmdb *l = lmdb_of(t->base.kv);

	if (l->options.wake)
		wake_writer_unlock(l->options.wake);
	pthread_sigmask(SIG_SETMASK, &t->signals, NULL);
}

static int write_begin(struct kv_lmdb *l, struct kv_txn **ret_txn)
{
	struct kv_lmdb_txn *t cleanup(free_p) = calloc(1, sizeof *t);
	uint64_t last;
	int r, fd;

	if (!t)
		return -ENOMEM;
	t->base = (struct kv_txn){.kv = &l->base, .mode = KV_WRITE};
	r = writer_lock(t);
	if (r)
		return r;
	r = has_failed(l) ? -EIO : mdb_begin(l, NULL, 0, &t->txn);
	if (!r && !mdb_env_get_fd(l->env, &fd))
		lmdb_metas_save(fd, &t->metas);
	if (!r)
		r = commit_number(t, &last);
	if (!r)
		r = lmdb_env_check_size(l->env, t->txn, l->options.size_max_bytes);
	if (r) {
		mdb_txn_abort(t->txn);
		writer_unlock(t);
		return r;
	}
	t->base.commit = last + 1;
	*ret_txn = &steal(&t)->base;
	return 0;
}

static int lmdb_begin(struct kv *kv, enum kv_mode mode, struct kv_txn **ret_txn)
{
	return mode == KV_READ ? read_begin(lmdb_of(kv), ret_txn)
			       : write_begin(lmdb_of(kv), ret_txn);
}

static int lmdb_nest(struct kv_txn *parent, struct kv_txn **ret_txn)
{
	struct kv_lmdb_txn *p = lmdb_txn(parent), *t cleanup(free_p) = calloc(1, sizeof *t);
	int r;

	assert(!p->has_child);
	if (!t)
		return -ENOMEM;
	if (p->error)
		return p->error;
	cursors_close(p); /* else LMDB keeps a copy of each for an abort */
	r = mdb_begin(lmdb_of(parent->kv), p->txn, 0, &t->txn);
	if (r)
		return r;
	t->base = *parent;
	t->base.nested = true;
	t->parent = p;
	p->has_child = true;
	*ret_txn = &steal(&t)->base;
	return 0;
}

/* After LMDB ended it. */
static void txn_end(struct kv_lmdb_txn *t)
{
	if (t->parent)
		t->parent->has_child = false;
	else
		writer_unlock(t);
	free(t);
}

static void lmdb_abort(struct kv_txn *txn)
{
	struct kv_lmdb_txn *t = lmdb_txn(txn);

	assert(!t->has_child);
	if (txn->mode == KV_READ) {
		read_end(t);
		return;
	}
	mdb_txn_abort(t->txn);
	txn_end(t);
}

/* LMDB calls a write cut short by a full disk EIO. */
static bool disk_full(struct kv_lmdb *l)
{
	struct statvfs fs;
	int fd;

	return !mdb_env_get_fd(l->env, &fd) && !fstatvfs(fd, &fs) &&
	       (uint64_t)fs.f_bavail * fs.f_frsize < DISK_FULL_BYTES;
}

static int commit_failed(struct kv_lmdb *l, const struct lmdb_metas *before, int r)
{
	int fd;

	if (!mdb_env_get_fd(l->env, &fd))
		lmdb_metas_restore(fd, before);
	if (r == -ENOSPC || r == -ENOMEM || (r == -EIO && disk_full(l)))
		return r == -ENOMEM ? r : -ENOSPC;
	atomic_store(&l->failed, true);
	if (l->options.wake)
		wake_set_failed(l->options.wake);
	return -EIO;
}

static int commit_top(struct kv_lmdb_txn *t)
{
	struct kv_lmdb *l = lmdb_of(t->base.kv);
	int r = lmdb_errno(mdb_txn_commit(t->txn));

	if (r)
		return commit_failed(l, &t->metas, r);
	if (l->options.wake)
		wake_announce(l->options.wake, t->base.commit);
	return 0;
}

static int lmdb_commit(struct kv_txn *txn)
{
	struct kv_lmdb_txn *t = lmdb_txn(txn);
	int r = t->error;

	assert(!t->has_child);
	if (!r && t->wrote && !t->parent)
		r = commit_number_put(t, txn->commit);
	if (r || !t->wrote) {
		lmdb_abort(txn);
		return r;
	}
	if (t->parent) {
		r = lmdb_errno(mdb_txn_commit(t->txn));
		write_result(t->parent, r);
	} else {
		r = commit_top(t);
	}
	txn_end(t);
	return r;
}

static void lmdb_close(struct kv *kv)
{
	struct kv_lmdb *l = lmdb_of(kv);
	struct kv_lmdb_txn *t;

	while ((t = pool_take(l)))
		reader_free(t);
	mdb_env_close(l->env);
	lmdb_release(l->claim);
	buf_deinit(&l->scratch);
	pthread_mutex_destroy(&l->pool_lock);
	free(l);
}

static const struct kv_ops lmdb_ops = {
	.begin = lmdb_begin,
	.nest = lmdb_nest,
	.get = lmdb_get,
	.put = lmdb_put,
	.del = lmdb_del,
	.scan = lmdb_scan,
	.commit = lmdb_commit,
	.abort = lmdb_abort,
	.close = lmdb_close,
};

/* A first read: what cannot be read at all is refused here. */
static int first_read(struct kv_lmdb *l, const char *path, struct bough_error *error)
{
	struct kv_txn *t auto_kv_txn = NULL;
	int r = read_begin(l, &t);

	if (r)
		return error_set(error, r,
			r == -EUCLEAN ? "%s: metadata are damaged" : "%s: cannot be read", path);
	if (l->options.wake)
		wake_announce(l->options.wake, t->commit);
	return 0;
}

int kv_lmdb_open(const char *path, const struct kv_lmdb_options *options, struct kv **ret_kv,
	struct bough_error *error)
{
	struct kv_lmdb *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return -ENOMEM;
	l->base.ops = &lmdb_ops;
	l->options = *options;
	pthread_mutex_init(&l->pool_lock, NULL);
	r = lmdb_claim(path, &l->claim);
	if (r)
		error_set(error, r, "%s: %s", path,
			r == -EBUSY ? "already open in this process" : strerror(-r));
	if (!r)
		r = lmdb_env_open(path, options->create, &l->env, l->dbi, error);
	if (!r)
		r = first_read(l, path, error);
	if (r)
		lmdb_close(&l->base);
	else
		*ret_kv = &l->base;
	return r;
}
