#include "meta/fault.h"

#include <errno.h>
#include <stdatomic.h>

struct kv_fault {
	struct kv base;
	struct kv *inner;
	struct fault fault;
	atomic_bool stopped; /* a commit gave -EIO */
};

struct kv_fault_txn {
	struct kv_txn base;
	struct kv_txn *inner;
	int error; /* first write made to fail: the transaction cannot commit */
};

static struct kv_fault *fault_of(struct kv *kv)
{
	return (struct kv_fault *)kv;
}

static struct kv_fault_txn *fault_txn(struct kv_txn *t)
{
	return (struct kv_fault_txn *)t;
}

static int txn_wrap(
	struct kv_fault *f, struct kv_txn **inner, struct kv_fault_txn *t, struct kv_txn **ret)
{
	t->base = **inner;
	t->base.kv = &f->base;
	t->inner = steal(inner);
	*ret = &t->base;
	return 0;
}

static int fault_begin(struct kv *kv, enum kv_mode mode, struct kv_txn **ret_txn)
{
	struct kv_fault *f = fault_of(kv);
	struct kv_fault_txn *t cleanup(free_p) = NULL;
	struct kv_txn *inner auto_kv_txn = NULL;
	int r;

	if (fault_is_due(&f->fault, mode == KV_READ ? KV_OP_BEGIN_READ : KV_OP_BEGIN_WRITE))
		return f->fault.plan.code;
	if (mode == KV_WRITE && atomic_load(&f->stopped))
		return -EIO;
	t = calloc(1, sizeof *t);
	r = t ? kv_begin(f->inner, mode, &inner) : -ENOMEM;
	return r ? r : txn_wrap(f, &inner, steal(&t), ret_txn);
}

static int fault_nest(struct kv_txn *parent, struct kv_txn **ret_txn)
{
	struct kv_fault *f = fault_of(parent->kv);
	struct kv_fault_txn *t cleanup(free_p) = NULL;
	struct kv_txn *inner auto_kv_txn = NULL;
	int r;

	if (fault_is_due(&f->fault, KV_OP_NEST))
		return f->fault.plan.code;
	t = calloc(1, sizeof *t);
	r = t ? kv_nest(fault_txn(parent)->inner, &inner) : -ENOMEM;
	return r ? r : txn_wrap(f, &inner, steal(&t), ret_txn);
}

static int fault_get(struct kv_txn *txn, enum kv_db db, struct slice key, struct slice *ret_value)
{
	struct kv_fault *f = fault_of(txn->kv);

	return fault_is_due(&f->fault, KV_OP_GET)
		       ? f->fault.plan.code
		       : kv_get(fault_txn(txn)->inner, db, key, ret_value);
}

/* A write that was made to fail spoils its transaction. */
static int write_failed(struct kv_fault_txn *t, int code)
{
	if (!t->error)
		t->error = code;
	return code;
}

static int fault_put(struct kv_txn *txn, enum kv_db db, struct slice key, struct slice value)
{
	struct kv_fault *f = fault_of(txn->kv);
	struct kv_fault_txn *t = fault_txn(txn);

	return fault_is_due(&f->fault, KV_OP_PUT) ? write_failed(t, f->fault.plan.code)
						  : kv_put(t->inner, db, key, value);
}

static int fault_del(struct kv_txn *txn, enum kv_db db, struct slice key)
{
	struct kv_fault *f = fault_of(txn->kv);
	struct kv_fault_txn *t = fault_txn(txn);

	return fault_is_due(&f->fault, KV_OP_DEL) ? write_failed(t, f->fault.plan.code)
						  : kv_del(t->inner, db, key);
}

static int fault_scan(struct kv_txn *txn, enum kv_db db, struct slice lo, struct slice hi,
	bool down, kv_scan_fn fn, void *arg)
{
	struct kv_fault *f = fault_of(txn->kv);
	bool fail = fault_is_due(&f->fault, KV_OP_SCAN);
	int r;

	if (fail && !f->fault.plan.applied)
		return f->fault.plan.code;
	r = (down ? kv_scan_down : kv_scan)(fault_txn(txn)->inner, db, lo, hi, fn, arg);
	return fail && !r ? f->fault.plan.code : r;
}

static int fault_commit(struct kv_txn *txn)
{
	struct kv_fault *f = fault_of(txn->kv);
	struct kv_fault_txn *t cleanup(free_p) = fault_txn(txn);
	bool fail = txn->mode == KV_WRITE && fault_is_due(&f->fault, KV_OP_COMMIT);
	int r = t->error;

	if (r || (fail && !f->fault.plan.applied))
		kv_abort(steal(&t->inner));
	else
		r = kv_commit(&t->inner);
	if (r || !fail)
		return r;
	if (f->fault.plan.code == -EIO && !txn->nested)
		atomic_store(&f->stopped, true);
	return f->fault.plan.code;
}

static void fault_abort(struct kv_txn *txn)
{
	kv_abort(fault_txn(txn)->inner);
	free(txn);
}

static void fault_close(struct kv *kv)
{
	kv_close(fault_of(kv)->inner);
	free(kv);
}

static const struct kv_ops fault_ops = {
	.begin = fault_begin,
	.nest = fault_nest,
	.get = fault_get,
	.put = fault_put,
	.del = fault_del,
	.scan = fault_scan,
	.commit = fault_commit,
	.abort = fault_abort,
	.close = fault_close,
};

int kv_fault_open(struct kv *inner, struct kv_fault **ret)
{
	struct kv_fault *f = calloc(1, sizeof *f);

	if (!f)
		return -ENOMEM;
	f->base.ops = &fault_ops;
	f->inner = inner;
	*ret = f;
	return 0;
}

struct kv *kv_fault_kv(struct kv_fault *f)
{
	return &f->base;
}

void kv_fault_arm(struct kv_fault *f, const struct fault_plan *plan)
{
	fault_arm(&f->fault, plan);
	atomic_store(&f->stopped, false);
}

unsigned kv_fault_calls(const struct kv_fault *f)
{
	return atomic_load(&f->fault.calls);
}

unsigned kv_fault_hits(const struct kv_fault *f)
{
	return atomic_load(&f->fault.hits);
}
