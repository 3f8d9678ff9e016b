#include "meta/kv.h"

#include <assert.h>

void kv_close(struct kv *kv)
{
	if (kv)
		kv->ops->close(kv);
}

int kv_begin(struct kv *kv, enum kv_mode mode, struct kv_txn **ret_txn)
{
	return kv->ops->begin(kv, mode, ret_txn);
}

int kv_nest(struct kv_txn *parent, struct kv_txn **ret_txn)
{
	assert(parent->mode == KV_WRITE);
	return parent->kv->ops->nest(parent, ret_txn);
}

static void check_key(struct slice key)
{
	assert(key.len && key.len <= KV_KEY_BYTES_MAX);
}

int kv_get(struct kv_txn *txn, enum kv_db db, struct slice key, struct slice *ret_value)
{
	check_key(key);
	return txn->kv->ops->get(txn, db, key, ret_value);
}

int kv_put(struct kv_txn *txn, enum kv_db db, struct slice key, struct slice value)
{
	assert(txn->mode == KV_WRITE);
	check_key(key);
	return txn->kv->ops->put(txn, db, key, value);
}

int kv_del(struct kv_txn *txn, enum kv_db db, struct slice key)
{
	assert(txn->mode == KV_WRITE);
	check_key(key);
	return txn->kv->ops->del(txn, db, key);
}

int kv_scan(struct kv_txn *txn, enum kv_db db, struct slice lo, struct slice hi, kv_scan_fn fn,
	void *arg)
{
	return txn->kv->ops->scan(txn, db, lo, hi, false, fn, arg);
}

int kv_scan_down(struct kv_txn *txn, enum kv_db db, struct slice lo, struct slice hi, kv_scan_fn fn,
	void *arg)
{
	return txn->kv->ops->scan(txn, db, lo, hi, true, fn, arg);
}

int kv_commit(struct kv_txn **txn)
{
	struct kv_txn *t = steal(txn);

	return t->kv->ops->commit(t);
}

void kv_abort(struct kv_txn *txn)
{
	if (txn)
		txn->kv->ops->abort(txn);
}
