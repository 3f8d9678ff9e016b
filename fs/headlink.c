#include "fs/headlink.h"
#include "fs/change_impl.h"
#include "fs/tree_impl.h"
#include "refs/ref.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

struct fs_headlinks {
	pthread_mutex_t lock; /* guards the rest */
	uint64_t next_id;
	size_t next;
	struct fs_headlink items[FS_HEADLINKS_MAX];
};

int fs_headlinks_new(struct fs_headlinks **ret)
{
	struct fs_headlinks *l = calloc(1, sizeof *l);

	if (!l)
		return -ENOMEM;
	pthread_mutex_init(&l->lock, NULL);
	l->next_id = 1;
	*ret = l;
	return 0;
}

void fs_headlinks_free(struct fs_headlinks *l)
{
	if (!l)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/** Under the lock. */
static struct fs_headlink *named(struct fs_headlinks *l, uint64_t dir, const char *name)
{
	for (size_t i = 0; i < FS_HEADLINKS_MAX; i++) {
		struct fs_headlink *h = &l->items[i];

		if (h->id && h->dir == dir && !strcmp(h->name, name))
			return h;
	}
	return NULL;
}

void fs_headlink_put(struct fs_headlinks *l, const struct fs_headlink *link, uint64_t *ret_id)
{
	struct fs_headlink *h;

	pthread_mutex_lock(&l->lock);
	h = named(l, link->dir, link->name);
	if (!h) {
		h = &l->items[l->next];
		l->next = (l->next + 1) % FS_HEADLINKS_MAX;
	}
	*h = *link;
	h->id = l->next_id++;
	*ret_id = h->id;
	pthread_mutex_unlock(&l->lock);
}

int fs_headlink_find(
	struct fs_headlinks *l, uint64_t dir, const char *name, struct fs_headlink *ret)
{
	const struct fs_headlink *h;

	if (!l)
		return -ENOENT;
	pthread_mutex_lock(&l->lock);
	h = named(l, dir, name);
	if (h)
		*ret = *h;
	pthread_mutex_unlock(&l->lock);
	return h ? 0 : -ENOENT;
}

int fs_headlink_get(struct fs_headlinks *l, uint64_t id, struct fs_headlink *ret)
{
	int r = -ENOENT;

	if (!l || !id)
		return r;
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < FS_HEADLINKS_MAX && r; i++)
		if (l->items[i].id == id) {
			*ret = l->items[i];
			r = 0;
		}
	pthread_mutex_unlock(&l->lock);
	return r;
}

int fs_headlink_remove(struct fs_headlinks *l, uint64_t dir, const char *name)
{
	struct fs_headlink *h;

	if (!l)
		return -ENOENT;
	pthread_mutex_lock(&l->lock);
	h = named(l, dir, name);
	if (h)
		h->id = 0;
	pthread_mutex_unlock(&l->lock);
	return h ? 0 : -ENOENT;
}

int fs_dir_ref(struct refs_txn *x, uint64_t dir, uint64_t *ret_ref, struct bough_error *error)
{
	struct rec_table t;
	struct rec_ref ref;
	int r = 0;

	if (fs_ino_kind(dir) == FS_REF) {
		*ret_ref = fs_ino_id(dir);
	} else if (fs_ino_kind(dir) == FS_TABLE) {
		r = rec_table_get(x->kv, fs_ino_id(dir), &t);
		if (!r)
			*ret_ref = t.main_ref;
	} else {
		r = -EPERM;
	}
	if (!r)
		r = refs_ref_open(x, *ret_ref, &ref, error);
	if (r)
		return r;
	if (ref.kind == REC_REF_TAG)
		return change_is_tag(&ref, -EROFS, error);
	if (!ref.is_protected)
		return 0;
	error_set(error, -EPERM, "'%s' is protected", ref.name);
	return error_hint(error, -EPERM, "'bough branch unprotect' lifts that");
}

int fs_headlink_resolve(struct refs_txn *x, uint64_t dir, const char *target,
	uint64_t *ret_snapshot, struct bough_error *error)
{
	const char *slash = strrchr(target, '/'), *name = slash ? slash + 1 : target;
	struct rec_snapshot s;
	uint64_t ref, id = 0;
	int r = fs_dir_ref(x, dir, &ref, error);

	if (!r)
		r = fs_snapshot_named(x, name, &id);
	if (r == -EINVAL) {
		error_set(error, r, "'%.255s' is no name of a snapshot", target);
		return error_hint(error, r, "HEAD points to a snapshot of the table");
	}
	if (!r)
		r = change_snapshot_of(x, ref, id, &s, error);
	if (!r && !s.nlink)
		r = -ENOENT; /* only the trash still has it */
	if (!r && !slash)
		r = fs_ino_kind(dir) == FS_REF ? refs_link_exists(x, ref, id) : -ENOENT;
	if (r == -ENOENT && !slash) {
		error_set(error, r, "'%.255s' is not in this directory", target);
		error_hint(error, r, "name it by its path, such as ../../_ss/%.64s", name);
	}
	if (!r)
		*ret_snapshot = id;
	return r;
}
