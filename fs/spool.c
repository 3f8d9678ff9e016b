/*
 * The table of staged files. It has a reference to each file that is kept:
 *
 * | a file                               | is kept until                                      |
 * |--------------------------------------|----------------------------------------------------|
 * | of a name that commits, or forgotten | its last handle goes                               |
 * | of a seen name                       | it is removed or replaced, or FS_STAGED_KEEP_US    |
 * |                                      | after its last handle has gone                     |
 * | pending (fs/spool_trunc.c)           | it is opened (then as the first), or FS_SPOOL_TRUNC_US |
 *
 * The last reference, never dropped under the lock, removes the bytes.
 */
#include "fs/spool_impl.h"
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define SUFFIX ".parquet"

bool fs_name_commits(const char *name)
{
	size_t len = strlen(name), suffix = strlen(SUFFIX);

	return len >= suffix && !strcasecmp(name + len - suffix, SUFFIX) && *name != '.' &&
	       *name != '_' && strncmp(name, "tmp_", 4);
}

int fs_spool_open(struct refs_store *s, struct fs_spool **ret, struct bough_error *error)
{
	struct fs_spool *p = calloc(1, sizeof *p);
	int r = p ? spool_folder_open(s, &p->folder, error) : -ENOMEM;

	if (r) {
		free(p);
		return r;
	}
	p->store = s;
	p->next_id = p->next_number = p->versions = 1;
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->sync_lock, NULL);
	*ret = p;
	return 0;
}

static void staged_free(struct fs_spool *p, struct fs_staged *f)
{
	spool_blob_free(p, f->blob);
	pthread_mutex_destroy(&f->lock);
	pthread_mutex_destroy(&f->write_lock);
	free(f);
}

void fs_spool_close(struct fs_spool *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < SPOOL_BUCKETS; i++) {
		struct fs_staged *next;
		struct spool_dir *next_dir;

		for (struct fs_staged *f = p->ids[i]; f; f = next) {
			next = f->next_id;
			staged_free(p, f);
		}
		for (struct spool_dir *d = p->dirs[i]; d; d = next_dir) {
			next_dir = d->next;
			free(d);
		}
	}
	spool_folder_close(&p->folder);
	pthread_mutex_destroy(&p->sync_lock);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

int spool_new(struct fs_spool *p, uint64_t dir, const char *name, struct fs_staged **ret)
{
	struct fs_staged *f cleanup(free_p) = NULL;
	int r;

	if (strlen(name) > FS_NAME_BYTES_MAX)
		return -ENAMETOOLONG;
	f = calloc(1, sizeof *f);
	if (!f)
		return -ENOMEM;
	r = spool_blob_new(p, &f->blob);
	if (r)
		return r;
	pthread_mutex_init(&f->write_lock, NULL);
	pthread_mutex_init(&f->lock, NULL);
	f->spool = p;
	f->refs = 1;
	f->last_waiter = &f->waiters;
	spool_bind(f, dir, name);
	*ret = steal(&f);
	return 0;
}

void spool_bind(struct fs_staged *f, uint64_t dir, const char *name)
{
	f->dir = dir;
	strcpy(f->name, name);
}

static void unref(struct fs_spool *p, struct fs_staged *f)
{
	bool is_last;

	pthread_mutex_lock(&p->lock);
	is_last = !--f->refs;
	pthread_mutex_unlock(&p->lock);
	if (is_last)
		staged_free(p, f);
}

void fs_staged_unref(struct fs_spool *p, struct fs_staged *f)
{
	if (f)
		unref(p, f);
}

void spool_unref_all(struct fs_spool *p, struct fs_staged *dropped)
{
	while (dropped) {
		struct fs_staged *next = dropped->next_dropped;

		unref(p, dropped);
		dropped = next;
	}
}

/* From here to spool_drop() all are under the lock. */
static size_t bucket_of(uint64_t hash)
{
	return (hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SPOOL_BUCKETS;
}

static size_t name_bucket(uint64_t dir, const char *name)
{
	uint64_t hash = dir;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return bucket_of(hash);
}

struct fs_staged *spool_by_id(struct fs_spool *p, uint64_t id)
{
	struct fs_staged *f = p->ids[bucket_of(id)];

	while (f && f->id != id)
		f = f->next_id;
	return f;
}

static struct fs_staged *by_name(struct fs_spool *p, uint64_t dir, const char *name)
{
	struct fs_staged *f = p->names[name_bucket(dir, name)];

	while (f && (f->dir != dir || strcmp(f->name, name)))
		f = f->next_name;
	return f;
}

/** The link to @dir's entry, or to NULL. */
static struct spool_dir **dir_link(struct fs_spool *p, uint64_t dir)
{
	struct spool_dir **d = &p->dirs[bucket_of(dir)];

	while (*d && (*d)->dir != dir)
		d = &(*d)->next;
	return d;
}

static struct spool_dir *dir_get(struct fs_spool *p, uint64_t dir)
{
	struct spool_dir **d = dir_link(p, dir);

	if (!*d) {
		*d = calloc(1, sizeof **d);
		if (*d)
			(*d)->dir = dir;
	}
	return *d;
}

/** After a change of what is seen there. */
static void dir_changed(struct fs_spool *p, uint64_t dir)
{
	struct spool_dir **link = dir_link(p, dir), *d = *link;

	if (d && d->first) {
		d->version = p->versions++;
	} else if (d) {
		*link = d->next;
		free(d);
	}
}

static void show(struct fs_spool *p, struct fs_staged *f, struct spool_dir *d)
{
	struct fs_staged **name = &p->names[name_bucket(f->dir, f->name)], *before = d->last;

	while (before && before->id > f->id)
		before = before->prev;
	f->seen = d;
	f->prev = before;
	f->next = before ? before->next : d->first;
	*(before ? &before->next : &d->first) = f;
	*(f->next ? &f->next->prev : &d->last) = f;
	f->next_name = *name;
	*name = f;
}

static void hide(struct fs_spool *p, struct fs_staged *f)
{
	struct fs_staged **name = &p->names[name_bucket(f->dir, f->name)];
	struct spool_dir *d = f->seen;

	if (!d)
		return;
	*(f->prev ? &f->prev->next : &d->first) = f->next;
	*(f->next ? &f->next->prev : &d->last) = f->prev;
	while (*name != f)
		name = &(*name)->next_name;
	*name = f->next_name;
	f->seen = NULL;
}

int spool_keep(struct fs_spool *p, struct fs_staged *f)
{
	struct fs_staged **id = &p->ids[bucket_of(p->next_id)];
	bool is_seen = !fs_name_commits(f->name);
	struct spool_dir *d = NULL;

	if (p->n == FS_STAGED_MAX)
		return -ENFILE;
	if (is_seen && by_name(p, f->dir, f->name))
		return -EEXIST;
	if (is_seen) {
		d = dir_get(p, f->dir);
		if (!d)
			return -ENOMEM;
	}
	f->id = p->next_id++;
	f->next_id = *id;
	*id = f;
	f->is_kept = true;
	f->refs++;
	p->n++;
	if (d) {
		show(p, f, d);
		dir_changed(p, f->dir);
	}
	return 0;
}

void spool_drop(struct fs_spool *p, struct fs_staged *f, struct fs_staged **dropped)
{
	struct fs_staged **id = &p->ids[bucket_of(f->id)];

	if (f->seen) {
		hide(p, f);
		dir_changed(p, f->dir);
	}
	while (*id != f)
		id = &(*id)->next_id;
	*id = f->next_id;
	f->is_kept = false;
	p->n--;
	f->next_dropped = *dropped;
	*dropped = f;
}

int fs_spool_create(struct fs_spool *p, uint64_t dir, const char *name, struct fs_staged **ret)
{
	struct fs_staged *f;
	int r = spool_new(p, dir, name, &f);

	if (r)
		return r;
	f->handles = 1;
	pthread_mutex_lock(&p->lock);
	r = spool_keep(p, f);
	pthread_mutex_unlock(&p->lock);
	if (r)
		unref(p, f);
	else
		*ret = f;
	return r;
}

struct fs_staged *fs_spool_get(struct fs_spool *p, uint64_t id)
{
	struct fs_staged *f;

	pthread_mutex_lock(&p->lock);
	f = spool_by_id(p, id);
	if (f)
		f->refs++;
	pthread_mutex_unlock(&p->lock);
	return f;
}

uint64_t fs_staged_id(const struct fs_staged *f)
{
	return f->id;
}

void fs_staged_where(
	struct fs_staged *f, uint64_t *ret_dir, char ret_name[static FS_NAME_BYTES_MAX + 1])
{
	pthread_mutex_lock(&f->spool->lock);
	*ret_dir = f->dir;
	strcpy(ret_name, f->name);
	pthread_mutex_unlock(&f->spool->lock);
}

int fs_spool_find(struct fs_spool *p, uint64_t dir, const char *name, uint64_t *ret_id)
{
	const struct fs_staged *f;

	pthread_mutex_lock(&p->lock);
	f = by_name(p, dir, name);
	if (f)
		*ret_id = f->id;
	pthread_mutex_unlock(&p->lock);
	return f ? 0 : -ENOENT;
}

/** One reference more. The one listed before is the way in; where it has gone: from the start. */
static struct fs_staged *next_seen(struct fs_spool *p, uint64_t dir, uint64_t after_id,
	char name[static FS_NAME_BYTES_MAX + 1])
{
	struct fs_staged *f;
	const struct spool_dir *d;

	pthread_mutex_lock(&p->lock);
	d = *dir_link(p, dir);
	f = spool_by_id(p, after_id);
	if (!f || f->seen != d)
		f = d ? d->first : NULL;
	while (f && f->id <= after_id)
		f = f->next;
	if (f) {
		f->refs++;
		strcpy(name, f->name);
	}
	pthread_mutex_unlock(&p->lock);
	return f;
}

int fs_spool_list(struct fs_spool *p, uint64_t dir, uint64_t after_id, fs_spool_fn fn, void *arg)
{
	char name[FS_NAME_BYTES_MAX + 1];
	struct fs_staged *f;
	int r = 0;

	while (!r && (f = next_seen(p, dir, after_id, name))) {
		after_id = f->id;
		r = fn(arg, f, name);
		unref(p, f);
	}
	return r;
}

uint64_t fs_spool_version(struct fs_spool *p, uint64_t dir)
{
	const struct spool_dir *d;
	uint64_t version;

	pthread_mutex_lock(&p->lock);
	d = *dir_link(p, dir);
	version = d ? d->version : 0;
	pthread_mutex_unlock(&p->lock);
	return version;
}

/** Under the lock. */
static void forget(struct fs_spool *p, struct fs_staged *f, struct fs_staged **dropped)
{
	if (f->seen) {
		hide(p, f);
		dir_changed(p, f->dir);
	}
	f->is_forgotten = true;
	if (f->is_kept && !f->handles)
		spool_drop(p, f, dropped);
}

/** Under the lock. */
static void bind_committed(struct fs_spool *p, struct fs_staged *f, uint64_t to_dir,
	const char *to_name, struct fs_staged **dropped)
{
	hide(p, f);
	dir_changed(p, f->dir);
	spool_bind(f, to_dir, to_name);
	if (!f->handles)
		spool_drop(p, f, dropped);
}

/** Under the lock. */
static int bind_seen(struct fs_spool *p, struct fs_staged *f, uint64_t to_dir, const char *to_name,
	struct fs_staged **dropped)
{
	struct fs_staged *old = by_name(p, to_dir, to_name);
	struct spool_dir *d = dir_get(p, to_dir);
	uint64_t from_dir = f->dir;

	if (!d)
		return -ENOMEM;
	if (old == f)
		return 0;
	hide(p, f);
	spool_bind(f, to_dir, to_name);
	show(p, f, d);
	dir_changed(p, from_dir);
	if (old)
		forget(p, old, dropped);
	else
		dir_changed(p, to_dir);
	return 0;
}

int fs_spool_rename(struct fs_spool *p, struct fs_staged *f, uint64_t to_dir, const char *to_name)
{
	struct fs_staged *dropped = NULL;
	int r = 0;

	if (strlen(to_name) > FS_NAME_BYTES_MAX)
		return -ENAMETOOLONG;
	pthread_mutex_lock(&p->lock);
	if (!f->seen)
		r = -ENOENT;
	else if (fs_name_commits(to_name))
		bind_committed(p, f, to_dir, to_name, &dropped);
	else
		r = bind_seen(p, f, to_dir, to_name, &dropped);
	pthread_mutex_unlock(&p->lock);
	spool_unref_all(p, dropped);
	return r;
}

int fs_spool_remove(struct fs_spool *p, uint64_t dir, const char *name)
{
	struct fs_staged *f, *dropped = NULL;

	pthread_mutex_lock(&p->lock);
	f = by_name(p, dir, name);
	if (f)
		forget(p, f, &dropped);
	pthread_mutex_unlock(&p->lock);
	spool_unref_all(p, dropped);
	return f ? 0 : -ENOENT;
}

void fs_spool_forget(struct fs_spool *p, struct fs_staged *f)
{
	struct fs_staged *dropped = NULL;

	pthread_mutex_lock(&p->lock);
	forget(p, f, &dropped);
	pthread_mutex_unlock(&p->lock);
	spool_unref_all(p, dropped);
}

int fs_spool_opened(struct fs_spool *p, struct fs_staged *f)
{
	bool is_kept;

	pthread_mutex_lock(&p->lock);
	is_kept = f->is_kept;
	f->handles += is_kept;
	f->is_pending = false;
	pthread_mutex_unlock(&p->lock);
	if (is_kept)
		staged_idle(f, false);
	return is_kept ? 0 : -ESTALE;
}

enum fs_release fs_spool_release(struct fs_spool *p, struct fs_staged *f)
{
	struct fs_staged *dropped = NULL;
	bool is_last, may_be_lost;

	pthread_mutex_lock(&p->lock);
	assert(f->handles);
	is_last = !--f->handles;
	may_be_lost = is_last && !f->is_forgotten && !f->seen;
	if (is_last && f->seen)
		f->closed_us = p->store->clock->mono_us(p->store->clock);
	else if (is_last)
		spool_drop(p, f, &dropped);
	pthread_mutex_unlock(&p->lock);
	may_be_lost = may_be_lost && staged_is_lost(f);
	if (is_last)
		staged_idle(f, true);
	spool_unref_all(p, dropped);
	return may_be_lost ? FS_RELEASE_DROPPED : FS_RELEASE_NONE;
}

/** Under the lock. */
static void expire_bucket(
	struct fs_spool *p, struct fs_staged *f, uint64_t now_us, struct fs_staged **dropped)
{
	while (f) {
		struct fs_staged *next = f->next_id;

		if (f->seen && !f->handles && now_us - f->closed_us >= FS_STAGED_KEEP_US)
			spool_drop(p, f, dropped);
		f = next;
	}
}

void fs_spool_expire(struct fs_spool *p)
{
	struct fs_staged *dropped = NULL;
	uint64_t now_us = p->store->clock->mono_us(p->store->clock);

	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < SPOOL_BUCKETS; i++)
		expire_bucket(p, p->ids[i], now_us, &dropped);
	spool_trunc_expire(p, &dropped);
	pthread_mutex_unlock(&p->lock);
	spool_unref_all(p, dropped);
}
