/* Transactions of a store: epochs around reads, change records and announcements around writes. */
#include "refs/client.h"
#include "refs/export.h"
#include "refs/store.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define CONFLICTS_MAX 100
#define SETTLE_MS 1000

int refs_begin(struct refs_store *s, enum kv_mode mode, struct refs_txn **ret)
{
	struct refs_txn *x = calloc(1, sizeof *x);
	int r;

	if (!x)
		return -ENOMEM;
	x->store = s;
	/* rule publish_first: the epoch stands in the shared page before the read begins */
	x->epoch = mode == KV_READ ? client_epoch_enter(s->client) : -1;
	r = kv_begin(s->kv, mode, &x->kv);
	if (r) {
		refs_abort(x);
		return r;
	}
	x->commit = x->kv->commit;
	x->now_us = s->clock->now_us(s->clock);
	*ret = x;
	return 0;
}

int refs_nest(struct refs_txn *parent, struct refs_txn **ret)
{
	struct refs_txn *x = calloc(1, sizeof *x);
	int r = x ? kv_nest(parent->kv, &x->kv) : -ENOMEM;

	if (r) {
		free(x);
		return r;
	}
	x->store = parent->store;
	x->commit = parent->commit;
	x->now_us = parent->now_us;
	x->parent = parent;
	x->epoch = -1;
	*ret = x;
	return 0;
}

void refs_abort(struct refs_txn *x)
{
	if (!x)
		return;
	kv_abort(x->kv);
	if (x->epoch >= 0)
		client_epoch_leave(x->store->client, x->epoch);
	change_list_deinit(&x->changes);
	free(x);
}

int refs_commit(struct refs_txn **px, uint64_t *ret_commit)
{
	struct refs_txn *x auto_refs_txn = steal(px);
	bool changed = x->changes.n || x->changes.overflow;
	int r = 0;

	assert(x->epoch < 0);
	if (changed && !x->parent)
		r = change_put(x->kv, &x->changes);
	if (!r)
		r = kv_commit(&x->kv);
	if (r)
		return r;
	if (x->parent)
		return change_move(&x->parent->changes, &x->changes);
	if (changed)
		wake_announce(x->store->wake, x->commit);
	if (ret_commit)
		*ret_commit = changed ? x->commit : 0;
	return 0;
}

void refs_settle(struct refs_store *s, uint64_t commit)
{
	if (commit)
		wake_mount_wait(s->wake, commit, SETTLE_MS);
}

int refs_cannot_commit(const struct refs_store *s, int r, struct bough_error *error)
{
	error_set(error, r, "cannot commit to the store %s: %s", s->path, strerror(-r));
	if (r == -ENOSPC && s->conf.meta_size_max_bytes)
		error_hint(error, r,
			"nothing was changed; the disk is full, or the metadata have reached "
			"meta_max_size of bough.conf");
	return r;
}

int refs_write(struct refs_store *s, refs_body body, void *arg, struct bough_error *error)
{
	uint64_t commit = 0;
	int r = -ESTALE;

	for (int i = 0; r == -ESTALE && i < CONFLICTS_MAX; i++) {
		struct refs_txn *x auto_refs_txn = NULL;

		r = refs_begin(s, KV_WRITE, &x);
		if (r)
			break;
		r = body(x, arg, error);
		if (r)
			return r;
		r = refs_commit(&x, &commit);
		if (r == -EIO)
			error_hint(error, r,
				"the change may be there all the same: look before trying again");
	}
	if (r)
		return refs_cannot_commit(s, r, error);
	refs_settle(s, commit);
	return refs_export_commit(s, error);
}
