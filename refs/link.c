/*
 * A ref's directory: hard links to snapshots, indexed both ways. Each link is a name: one of the
 * snapshot's nlink and one of its count.
 */
#include "refs/ref.h"
#include "refs/ref_impl.h"

#include <errno.h>
#include <stdlib.h>

int refs_link_exists(struct refs_txn *x, uint64_t ref, uint64_t snapshot)
{
	struct key k = key_u64_u64(KEY_LINK, ref, snapshot);

	return rec_exists(x->kv, &k);
}

int refs_link_add(struct refs_txn *x, uint64_t ref, uint64_t snapshot)
{
	struct key there = key_u64_u64(KEY_LINK, ref, snapshot);
	struct key back = key_u64_u64(KEY_LINK_OF, snapshot, ref);
	struct rec_snapshot rec;
	int r = rec_exists(x->kv, &there);

	if (r != -ENOENT)
		return r;
	r = rec_snapshot_get(x->kv, snapshot, &rec);
	if (r)
		return r;
	rec.nlink++;
	rec.count++;
	r = rec_snapshot_put(x->kv, snapshot, &rec);
	if (!r)
		r = rec_mark(x->kv, &there);
	if (!r)
		r = rec_mark(x->kv, &back);
	return r ? r : change_add(&x->changes, CHANGE_SNAPSHOT, snapshot);
}

struct link_list {
	refs_link_fn fn;
	void *arg;
};

static int list_one(void *arg, struct slice key, struct slice value)
{
	struct link_list *l = arg;

	(void)value;
	return l->fn(l->arg, key_read_u64(key, 9));
}

int refs_link_list(struct refs_txn *x, uint64_t ref, uint64_t after, refs_link_fn fn, void *arg)
{
	struct key lo = key_u64_u64(KEY_LINK, ref, after + 1), all = key_u64(KEY_LINK, ref);
	struct key hi = key_next(&all);
	struct link_list l = {fn, arg};

	return kv_scan(x->kv, KV_HOT, key_slice(&lo), key_slice(&hi), list_one, &l);
}

/** Snapshots of a directory, collected so that their records can be changed. */
struct ids {
	uint64_t *ids; /* owned */
	size_t n, capacity;
};

static void ids_deinit(struct ids *l)
{
	free(l->ids);
}

static int collect(void *arg, uint64_t id)
{
	struct ids *l = arg;

	if (!array_grow(l->ids, l->n, l->capacity))
		return -ENOMEM;
	l->ids[l->n++] = id;
	return 0;
}

/* A name more or less. @by: 1 or -1. */
static int count_name(struct refs_txn *x, uint64_t snapshot, int by)
{
	struct rec_snapshot rec;
	int r = rec_snapshot_get(x->kv, snapshot, &rec);

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	if (by < 0 && !rec.nlink)
		return -EUCLEAN;
	rec.nlink += (uint32_t)by;
	r = rec_snapshot_put(x->kv, snapshot, &rec);
	return r ? r : change_add(&x->changes, CHANGE_SNAPSHOT, snapshot);
}

static int hide(struct refs_txn *x, uint64_t ref, uint64_t snapshot)
{
	struct key back = key_u64_u64(KEY_LINK_OF, snapshot, ref);
	int r = count_name(x, snapshot, -1);

	return r ? r : kv_del(x->kv, KV_HOT, key_slice(&back));
}

int link_take(struct refs_txn *x, uint64_t ref, uint64_t snapshot)
{
	struct key there = key_u64_u64(KEY_LINK, ref, snapshot);
	int r = kv_del(x->kv, KV_HOT, key_slice(&there));

	return r ? r : hide(x, ref, snapshot);
}

int links_hide(struct refs_txn *x, uint64_t ref)
{
	struct ids l cleanup(ids_deinit) = {0};
	int r = refs_link_list(x, ref, 0, collect, &l);

	for (size_t i = 0; i < l.n && !r; i++)
		r = hide(x, ref, l.ids[i]);
	return r;
}

int links_show(struct refs_txn *x, uint64_t ref)
{
	struct ids l cleanup(ids_deinit) = {0};
	int r = refs_link_list(x, ref, 0, collect, &l);

	for (size_t i = 0; i < l.n && !r; i++) {
		struct key back = key_u64_u64(KEY_LINK_OF, l.ids[i], ref);

		r = count_name(x, l.ids[i], 1);
		if (!r)
			r = rec_mark(x->kv, &back);
	}
	return r;
}

static int take_one(void *arg, uint64_t snapshot)
{
	*(uint64_t *)arg = snapshot;
	return 1;
}

/* The queue owns the reference until it is drained. */
static int link_to_queue(struct refs_txn *x, uint64_t ref, uint64_t snapshot, bool is_hidden)
{
	struct key there = key_u64_u64(KEY_LINK, ref, snapshot);
	int r = is_hidden ? 0 : hide(x, ref, snapshot);

	if (!r)
		r = kv_del(x->kv, KV_HOT, key_slice(&there));
	return r ? r : rec_queue_push(x->kv, REC_QUEUE_SNAPSHOT, snapshot);
}

int ref_release(struct refs_txn *x, uint64_t ref, uint64_t until_us, uint64_t *references)
{
	const struct clock *clock = x->store->clock;
	struct rec_ref rec;
	uint64_t snapshot;
	int r = rec_ref_get(x->kv, ref, &rec), found = 0;

	if (!r && rec.base) {
		r = rec_queue_push(x->kv, REC_QUEUE_SNAPSHOT, rec.base);
		++*references;
	}
	rec.head = rec.base = rec.schema = 0; /* it may be left half released */
	if (!r)
		r = rec_ref_put(x->kv, ref, &rec);
	while (!r && (found = refs_link_list(x, ref, 0, take_one, &snapshot)) > 0) {
		r = link_to_queue(x, ref, snapshot, rec.trash);
		++*references;
		if (!r && clock->mono_us(clock) >= until_us)
			return 1;
	}
	if (r || found < 0)
		return r ? r : found;
	r = rec_outbox_put(x->kv, REC_OUTBOX_REF, ref, rec.table);
	return r ? r : rec_del(x->kv, KEY_REF, ref);
}
