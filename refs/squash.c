/* Runs of removals, or of folds, are one snapshot (protocol: Squashing; model squash_model.py). */
#include "refs/commit_impl.h"
#include "refs/edit.h"
#include "refs/table.h"

#include <errno.h>
#include <string.h>

#define SILENCE_US 1000000
#define RUN_US (60 * 1000000)

bool squash_may(struct refs_txn *x, const struct refs_squash *q, uint64_t head_id,
	const struct rec_snapshot *head, const struct rec_snapshot *s)
{
	uint64_t now = x->store->clock->mono_us(x->store->clock);

	/* the run is this process's own: so the client is the same */
	return q->snapshot && q->snapshot == head_id && head->parent && head->count == 1 &&
	       head->nlink == 1 && head->operation == s->operation && head->ref == s->ref &&
	       !strcmp(head->author, s->author) && now >= q->last_us &&
	       now - q->last_us <= SILENCE_US && now - q->began_us <= RUN_US;
}

void squash_parent(const struct rec_snapshot *head, struct rec_snapshot *s)
{
	s->parent = head->parent;
	s->parent_timestamp_us = head->parent_timestamp_us;
	s->parent_incarnation = head->parent_incarnation;
}

/* Never changed under an id that somebody may know: the old one goes, as a whole. */
int squash_unlink(struct refs_txn *x, uint64_t ref, uint64_t old)
{
	struct key there = key_u64_u64(KEY_LINK, ref, old);
	struct key back = key_u64_u64(KEY_LINK_OF, old, ref);
	char name[ID_NAME_BYTES_MAX];
	struct rec_snapshot rec;
	int r = rec_snapshot_get(x->kv, old, &rec);

	if (r)
		return r;
	rec.nlink--;
	r = rec_snapshot_put(x->kv, old, &rec);
	if (!r)
		r = kv_del(x->kv, KV_HOT, key_slice(&there));
	if (!r)
		r = kv_del(x->kv, KV_HOT, key_slice(&back));
	if (!r)
		r = rec_queue_push(x->kv, REC_QUEUE_SNAPSHOT, old);
	refs_snapshot_name(x->store, old, &rec, name);
	if (!r)
		r = change_add_gone(&x->changes, CHANGE_IN_REF, ref, name);
	return r ? r : change_add(&x->changes, CHANGE_SNAPSHOT, old);
}
