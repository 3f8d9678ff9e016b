/* Truncating opens of committed blocks, between their two OPENs. */
#include "fs/spool_impl.h"
#include <errno.h>
#include <string.h>

static uint64_t now(const struct fs_spool *p)
{
	return p->store->clock->mono_us(p->store->clock);
}

/** Under the lock, as all below that take @dropped. */
static void clear(struct fs_spool *p, struct spool_trunc *t, struct fs_staged **dropped)
{
	struct fs_staged *f = t->id ? spool_by_id(p, t->id) : NULL;

	if (f && f->is_pending)
		spool_drop(p, f, dropped);
	*t = (struct spool_trunc){0};
}

void spool_trunc_expire(struct fs_spool *p, struct fs_staged **dropped)
{
	uint64_t now_us = now(p);

	for (size_t i = 0; i < FS_SPOOL_TRUNCS_MAX; i++)
		if (p->truncs[i].tid && now_us - p->truncs[i].since_us >= FS_SPOOL_TRUNC_US)
			clear(p, &p->truncs[i], dropped);
}

static struct spool_trunc *of_tid(struct fs_spool *p, uint32_t tid)
{
	for (size_t i = 0; i < FS_SPOOL_TRUNCS_MAX; i++)
		if (p->truncs[i].tid == tid)
			return &p->truncs[i];
	return NULL;
}

static struct spool_trunc *oldest(struct fs_spool *p)
{
	struct spool_trunc *t = p->truncs;

	for (size_t i = 1; i < FS_SPOOL_TRUNCS_MAX; i++)
		if (p->truncs[i].since_us < t->since_us)
			t = &p->truncs[i];
	return t;
}

static int begin(struct fs_spool *p, uint32_t tid, uint64_t block_ino, struct fs_staged **dropped)
{
	struct spool_trunc *t = of_tid(p, tid);
	int refusal = t && t->block == block_ino ? t->refusal : 0;

	if (!t)
		t = of_tid(p, 0);
	if (!t)
		t = oldest(p);
	clear(p, t, dropped);
	if (refusal)
		return refusal;
	*t = (struct spool_trunc){.tid = tid, .block = block_ino, .since_us = now(p)};
	return -ESTALE;
}

int fs_spool_trunc_begin(struct fs_spool *p, uint32_t tid, uint64_t block_ino)
{
	struct fs_staged *dropped = NULL;
	int r;

	if (!tid)
		return -EPERM;
	pthread_mutex_lock(&p->lock);
	spool_trunc_expire(p, &dropped);
	r = begin(p, tid, block_ino, &dropped);
	pthread_mutex_unlock(&p->lock);
	spool_unref_all(p, dropped);
	return r;
}

uint64_t fs_spool_trunc_block(struct fs_spool *p, uint32_t tid)
{
	const struct spool_trunc *t;
	uint64_t ino;

	pthread_mutex_lock(&p->lock);
	t = tid ? of_tid(p, tid) : NULL;
	ino = t ? t->block : 0;
	pthread_mutex_unlock(&p->lock);
	return ino;
}

/** Return: 0 with W's id; 1 it is to be made; -ENOENT. */
static int look_up(struct fs_spool *p, const struct spool_trunc *key, uint64_t dir,
	const char *name, uint64_t *ret_id, struct fs_staged **dropped)
{
	struct spool_trunc *t = of_tid(p, key->tid);
	struct fs_staged *f;

	if (!t || t->block != key->block)
		return -ENOENT;
	if (key->refusal) {
		uint64_t since_us = t->since_us;

		clear(p, t, dropped);
		*t = *key;
		t->since_us = since_us;
		return -ENOENT;
	}
	t->refusal = 0;
	f = t->id ? spool_by_id(p, t->id) : NULL;
	if (!f || !f->is_pending)
		return 1;
	spool_bind(f, dir, name); /* the same block by another of its names */
	*ret_id = f->id;
	return 0;
}

/** What began may have ended while W was made; then W goes. */
static int keep(struct fs_spool *p, const struct spool_trunc *key, struct fs_staged *f)
{
	struct spool_trunc *t = of_tid(p, key->tid);
	int r;

	if (!t || t->block != key->block || t->id)
		return -ENOENT;
	f->is_pending = true;
	r = spool_keep(p, f);
	if (r)
		return r;
	t->id = f->id;
	t->since_us = now(p);
	return 0;
}

static int make(struct fs_spool *p, const struct spool_trunc *key, uint64_t dir, const char *name,
	uint64_t *ret_id)
{
	struct fs_staged *f;
	int r = spool_new(p, dir, name, &f);

	if (r)
		return r;
	pthread_mutex_lock(&p->lock);
	r = keep(p, key, f);
	pthread_mutex_unlock(&p->lock);
	if (!r)
		*ret_id = f->id;
	fs_staged_unref(p, f);
	return r;
}

int fs_spool_trunc_lookup(struct fs_spool *p, uint32_t tid, uint64_t block_ino, uint64_t dir,
	const char *name, int refusal, uint64_t *ret_id)
{
	struct spool_trunc key = {.tid = tid, .block = block_ino, .refusal = refusal};
	struct fs_staged *dropped = NULL;
	int r;

	if (!tid)
		return -ENOENT;
	if (strlen(name) > FS_NAME_BYTES_MAX)
		return -ENAMETOOLONG;
	if (!refusal && !fs_name_commits(name))
		key.refusal =
			-EPERM; /* it would be a file beside the block, not one in its place */
	pthread_mutex_lock(&p->lock);
	spool_trunc_expire(p, &dropped);
	r = look_up(p, &key, dir, name, ret_id, &dropped);
	pthread_mutex_unlock(&p->lock);
	spool_unref_all(p, dropped);
	return r == 1 ? make(p, &key, dir, name, ret_id) : r;
}

int fs_spool_trunc_opened(struct fs_spool *p, uint32_t tid, uint64_t id)
{
	struct spool_trunc *t;
	struct fs_staged *f = NULL;

	if (!tid || !id)
		return -ENOENT;
	pthread_mutex_lock(&p->lock);
	t = of_tid(p, tid);
	if (t && t->id == id) {
		f = spool_by_id(p, id);
		*t = (struct spool_trunc){0};
	}
	if (f) {
		f->is_pending = false;
		f->handles++;
	}
	pthread_mutex_unlock(&p->lock);
	return f ? 0 : -ENOENT;
}
