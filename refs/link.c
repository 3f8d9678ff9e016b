/*
 * A ref's directory: hard links to snapshots, indexed both ways. Each link is a name: one of the
 * snapshot's nlink and one of its count.
 */
#include "refs/ref.h"
#include "refs/ref_impl.h"

#include <errno.h>

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

/* The name goes now; its reference goes to the queue, which owns it until it is drained. */
static int link_to_queue(struct refs_txn *x, uint64_t ref, uint64_t snapshot)
{
	struct key there = key_u64_u64(KEY_LINK, ref, snapshot);
	struct key back = key_u64_u64(KEY_LINK_OF, snapshot, ref);
	struct rec_snapshot rec;
	int r = rec_snapshot_get(x->kv, snapshot, &rec);

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	if (!rec.nlink)
		return -EUCLEAN;
	rec.nlink--;
	r = rec_snapshot_put(x->kv, snapshot, &rec);
	if (!r)
		r = kv_del(x->kv, KV_HOT, key_slice(&there));
	if (!r)
		r = kv_del(x->kv, KV_HOT, key_slice(&back));
	if (!r)
		r = rec_queue_push(x->kv, REC_QUEUE_SNAPSHOT, snapshot);
	return r ? r : change_add(&x->changes, CHANGE_SNAPSHOT, snapshot);
}

static int take_one(void *arg, uint64_t snapshot)
{
	*(uint64_t *)arg = snapshot;
	return 1;
}

int ref_release(struct refs_txn *x, uint64_t ref)
{
	struct rec_ref rec;
	uint64_t snapshot;
	int r = rec_ref_get(x->kv, ref, &rec), found;

	if (r)
		return r;
	while (!r && (found = refs_link_list(x, ref, 0, take_one, &snapshot)))
		r = found < 0 ? found : link_to_queue(x, ref, snapshot);
	if (!r && rec.base)
		r = rec_queue_push(x->kv, REC_QUEUE_SNAPSHOT, rec.base);
	return r ? r : rec_del(x->kv, KEY_REF, ref);
}
