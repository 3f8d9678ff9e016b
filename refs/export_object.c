/* Segments and snapshots as objects. Their records are read in transactions shorter than a PUT. */
#include "meta/tree.h"
#include "refs/export_impl.h"
#include "refs/render.h"
#include "refs/table.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

int export_ids_add(struct export_ids *l, uint64_t id)
{
	if (!array_grow(l->items, l->n, l->capacity))
		return -ENOMEM;
	l->items[l->n++] = id;
	return 0;
}

int export_put(struct export *e, const char *key, struct slice body)
{
	struct buf there auto_buf = {0};
	int r = e->stop && atomic_load(e->stop) ? -ECANCELED
						: objstore_put(e->store->objects, key, body);

	if (r != -EEXIST)
		return r;
	r = objstore_get(e->store->objects, key, body.len, &there);
	if (r == -ENOENT)
		return -EAGAIN; /* another exporter is writing it */
	if (r == -EFBIG || (!r && !slice_equal(buf_slice(&there), body)))
		return error_set(e->error, -EUCLEAN,
			"object %s is there already, with other bytes than it must have", key);
	return r;
}

static int compare_marks(const void *a, const void *b)
{
	const struct export_mark *m = a, *n = b;

	return m->id < n->id ? -1 : m->id > n->id;
}

static int mark(struct export *e, uint64_t id, const char *key)
{
	struct export_mark *m cleanup(free_p) = calloc(1, sizeof *m), **kept;

	if (!m)
		return -ENOMEM;
	m->id = id;
	snprintf(m->key, sizeof m->key, "%s", key);
	kept = tsearch(m, &e->marks, compare_marks);
	if (!kept)
		return -ENOMEM;
	if (*kept == m) {
		e->n_marks++;
		m = NULL;
	}
	return 0;
}

void export_marks_deinit(struct export *e)
{
	tdestroy(e->marks, free);
	e->marks = NULL;
}

/* 0: it is there; -ENOENT: it is to be written. */
static int is_exported(struct export *e, struct refs_txn *x, uint64_t id)
{
	struct export_mark m = {.id = id};
	struct key k = key_u64(KEY_EXPORTED, id);
	struct slice key;

	return tfind(&m, &e->marks, compare_marks) ? 0
						   : kv_get(x->kv, KV_BULK, key_slice(&k), &key);
}

/** The segments of a snapshot that have no object yet. */
struct missing {
	struct export *e;
	struct refs_txn *x;
	struct export_ids ids;
};

static int look_at_segment(void *arg, const struct tree_entry *entry)
{
	struct missing *m = arg;
	int r = is_exported(m->e, m->x, entry->child);

	return r == -ENOENT ? export_ids_add(&m->ids, entry->child) : r;
}

static int read_segment(struct export *e, uint64_t id, char *ret_key, struct buf *ret)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_segment rec;
	int r = refs_begin(e->store, KV_READ, &x);

	if (!r)
		r = rec_segment_get(x->kv, id, &rec);
	if (!r)
		r = refs_segment_key(x, id, &rec, ret_key);
	return r ? r : refs_render_segment(x, id, ret);
}

static int put_segment(struct export *e, uint64_t id)
{
	struct buf b auto_buf = {0};
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	int r = read_segment(e, id, key, &b);

	if (!r)
		r = export_put(e, key, buf_slice(&b));
	if (!r)
		r = mark(e, id, key);
	e->done.segments += !r;
	return r;
}

static int read_snapshot(
	struct export *e, uint64_t id, struct missing *m, char *ret_key, struct buf *ret)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_snapshot rec;
	int r = refs_begin(e->store, KV_READ, &x);

	if (!r)
		r = is_exported(e, x, id);
	if (!r)
		return 0; /* nothing to do: no bytes */
	if (r == -ENOENT)
		r = rec_snapshot_get(x->kv, id, &rec);
	m->x = x;
	if (!r)
		r = refs_snapshot_key(x, id, &rec, ret_key);
	if (!r)
		r = tree_walk(x->kv, rec.root, 0, look_at_segment, m);
	return r ? r : refs_render_snapshot_object(x, id, ret);
}

static int put_snapshot(struct export *e, uint64_t id)
{
	struct missing m = {.e = e};
	struct buf b auto_buf = {0};
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	int r = read_snapshot(e, id, &m, key, &b);

	for (size_t i = 0; i < m.ids.n && !r; i++)
		r = put_segment(e, m.ids.items[i]);
	free(m.ids.items);
	if (r || !b.len)
		return r;
	r = export_put(e, key, buf_slice(&b));
	if (!r)
		r = mark(e, id, key);
	e->done.snapshots += !r;
	return r;
}

int export_snapshots(struct export *e)
{
	int r = 0;

	for (size_t i = 0; i < e->snapshots.n && !r; i++)
		r = put_snapshot(e, e->snapshots.items[i]);
	/* what was read before is gone: the refs have changed again */
	return r == -ENOENT ? -EAGAIN : r;
}
