/*
 * Records in memory: a persistent treap per database. A change copies the nodes on its path and
 * shares the rest, so a transaction is two roots: a reader's stay as they were, a nested
 * transaction begins with its parent's, and abort forgets them. Nodes and records are counted and
 * never change once they are shared.
 */
#include "meta/kv.h"
#include "objstore/base/hash.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct record {
	atomic_uint refs;
	uint32_t priority; /* decided by the key alone */
	size_t key_len, value_len;
	uint8_t bytes[]; /* key, value */
};

struct node {
	atomic_uint refs;
	struct record *record;
	struct node *left, *right;
};

struct kv_mem {
	struct kv base;
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t writer_left;
	bool has_writer;
	uint64_t commit;
	struct node *roots[KV_DBS];
};

struct kv_mem_txn {
	struct kv_txn base;
	struct kv_mem_txn *parent;
	bool has_child, wrote;
	struct node *roots[KV_DBS];
};

static struct kv_mem *mem_of(struct kv *kv)
{
	return (struct kv_mem *)kv;
}

static struct kv_mem_txn *mem_txn(struct kv_txn *t)
{
	return (struct kv_mem_txn *)t;
}

static struct slice record_key(const struct record *r)
{
	return (struct slice){r->bytes, r->key_len};
}

static struct slice record_value(const struct record *r)
{
	return (struct slice){r->bytes + r->key_len, r->value_len};
}

static struct record *record_new(struct slice key, struct slice value)
{
	struct record *r = malloc(sizeof *r + key.len + value.len);

	if (!r)
		return NULL;
	atomic_init(&r->refs, 1);
	r->priority = crc32c(0, key.data, key.len) * UINT32_C(2654435769);
	r->key_len = key.len;
	r->value_len = value.len;
	memcpy(r->bytes, key.data, key.len);
	if (value.len)
		memcpy(r->bytes + key.len, value.data, value.len);
	return r;
}

static struct record *record_ref(struct record *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

static void record_unref(struct record *r)
{
	if (r && atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1)
		free(r);
}
DEFINE_CLEANUP(struct record *, record_unref)

static struct node *node_ref(struct node *n)
{
	if (n)
		atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
	return n;
}

static void node_unref(struct node *n)
{
	if (!n || atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) != 1)
		return;
	node_unref(n->left);
	node_unref(n->right);
	record_unref(n->record);
	free(n);
}
DEFINE_CLEANUP(struct node *, node_unref)

/* A node with a reference of its own to each of its parts. */
static struct node *node_new(struct record *r, struct node *left, struct node *right)
{
	struct node *n = malloc(sizeof *n);

	if (!n)
		return NULL;
	atomic_init(&n->refs, 1);
	n->record = record_ref(r);
	n->left = node_ref(left);
	n->right = node_ref(right);
	return n;
}

static bool above(const struct node *a, const struct node *b)
{
	return a && a->record->priority > b->record->priority;
}

/* Both are ours alone: @n's child on that side becomes the root. */
static struct node *rotate(struct node *n, bool left_up)
{
	struct node *up = left_up ? n->left : n->right;

	if (left_up) {
		n->left = up->right;
		up->right = n;
	} else {
		n->right = up->left;
		up->left = n;
	}
	return up;
}

/* Copies the path to @r's place; *@ret is a tree with @r. */
static int treap_put(struct node *n, struct record *r, struct node **ret)
{
	struct node *copy cleanup(node_unref_p) = NULL, *child = NULL;
	struct node **side;
	int c = n ? slice_compare(record_key(r), record_key(n->record)) : 0, e;

	if (!n || !c) {
		*ret = node_new(r, n ? n->left : NULL, n ? n->right : NULL);
		return *ret ? 0 : -ENOMEM;
	}
	e = treap_put(c < 0 ? n->left : n->right, r, &child);
	if (e)
		return e;
	copy = node_new(n->record, n->left, n->right);
	if (!copy) {
		node_unref(child);
		return -ENOMEM;
	}
	side = c < 0 ? &copy->left : &copy->right;
	node_unref(*side);
	*side = child;
	*ret = above(child, copy) ? rotate(steal(&copy), c < 0) : steal(&copy);
	return 0;
}

/* All of @a lies before all of @b. */
static int treap_join(struct node *a, struct node *b, struct node **ret)
{
	struct node *joined cleanup(node_unref_p) = NULL;
	int e;

	if (!a || !b) {
		*ret = node_ref(a ? a : b);
		return 0;
	}
	if (above(a, b)) {
		e = treap_join(a->right, b, &joined);
		*ret = e ? NULL : node_new(a->record, a->left, joined);
	} else {
		e = treap_join(a, b->left, &joined);
		*ret = e ? NULL : node_new(b->record, joined, b->right);
	}
	return *ret ? 0 : -ENOMEM;
}

static int treap_del(struct node *n, struct slice key, struct node **ret)
{
	struct node *child cleanup(node_unref_p) = NULL;
	int c, e;

	if (!n)
		return -ENOENT;
	c = slice_compare(key, record_key(n->record));
	if (!c)
		return treap_join(n->left, n->right, ret);
	e = treap_del(c < 0 ? n->left : n->right, key, &child);
	if (e)
		return e;
	*ret = c < 0 ? node_new(n->record, child, n->right) : node_new(n->record, n->left, child);
	return *ret ? 0 : -ENOMEM;
}

struct range {
	struct slice lo, hi;
	bool down;
	kv_scan_fn fn;
	void *arg;
};

static int treap_scan(struct node *n, const struct range *s)
{
	bool over_lo, under_hi;
	int r = 0;

	if (!n)
		return 0;
	over_lo = slice_compare(record_key(n->record), s->lo) >= 0;
	under_hi = !s->hi.len || slice_compare(record_key(n->record), s->hi) < 0;
	if (s->down ? under_hi : over_lo)
		r = treap_scan(s->down ? n->right : n->left, s);
	if (!r && over_lo && under_hi)
		r = s->fn(s->arg, record_key(n->record), record_value(n->record));
	if (!r && (s->down ? over_lo : under_hi))
		r = treap_scan(s->down ? n->left : n->right, s);
	return r;
}

static void roots_ref(struct node **to, struct node *const *from)
{
	for (int db = 0; db < KV_DBS; db++)
		to[db] = node_ref(from[db]);
}

static void roots_unref(struct node **roots)
{
	for (int db = 0; db < KV_DBS; db++)
		node_unref(roots[db]);
}

static int mem_begin(struct kv *kv, enum kv_mode mode, struct kv_txn **ret_txn)
{
	struct kv_mem *m = mem_of(kv);
	struct kv_mem_txn *t = calloc(1, sizeof *t);

	if (!t)
		return -ENOMEM;
	pthread_mutex_lock(&m->lock);
	while (mode == KV_WRITE && m->has_writer)
		pthread_cond_wait(&m->writer_left, &m->lock);
	if (mode == KV_WRITE)
		m->has_writer = true;
	t->base = (struct kv_txn){.kv = kv, .mode = mode, .commit = m->commit + (mode == KV_WRITE)};
	roots_ref(t->roots, m->roots);
	pthread_mutex_unlock(&m->lock);
	*ret_txn = &t->base;
	return 0;
}

static int mem_nest(struct kv_txn *parent, struct kv_txn **ret_txn)
{
	struct kv_mem_txn *p = mem_txn(parent), *t = calloc(1, sizeof *t);

	assert(!p->has_child);
	if (!t)
		return -ENOMEM;
	t->base = *parent;
	t->base.nested = true;
	t->parent = p;
	p->has_child = true;
	roots_ref(t->roots, p->roots);
	*ret_txn = &t->base;
	return 0;
}

static int mem_get(struct kv_txn *txn, enum kv_db db, struct slice key, struct slice *ret_value)
{
	const struct node *n = mem_txn(txn)->roots[db];

	while (n) {
		int c = slice_compare(key, record_key(n->record));

		if (!c) {
			*ret_value = record_value(n->record);
			return 0;
		}
		n = c < 0 ? n->left : n->right;
	}
	return -ENOENT;
}

static void root_replace(struct kv_mem_txn *t, enum kv_db db, struct node *root)
{
	node_unref(t->roots[db]);
	t->roots[db] = root;
	t->wrote = true;
}

static int mem_put(struct kv_txn *txn, enum kv_db db, struct slice key, struct slice value)
{
	struct kv_mem_txn *t = mem_txn(txn);
	struct record *record cleanup(record_unref_p) = record_new(key, value);
	struct node *root;
	int r = record ? treap_put(t->roots[db], record, &root) : -ENOMEM;

	assert(!t->has_child);
	if (!r)
		root_replace(t, db, root);
	return r;
}

static int mem_del(struct kv_txn *txn, enum kv_db db, struct slice key)
{
	struct kv_mem_txn *t = mem_txn(txn);
	struct node *root;
	int r = treap_del(t->roots[db], key, &root);

	assert(!t->has_child);
	if (!r)
		root_replace(t, db, root);
	return r;
}

static int mem_scan(struct kv_txn *txn, enum kv_db db, struct slice lo, struct slice hi, bool down,
	kv_scan_fn fn, void *arg)
{
	struct range s = {lo, hi, down, fn, arg};

	return treap_scan(mem_txn(txn)->roots[db], &s);
}

static void mem_abort(struct kv_txn *txn)
{
	struct kv_mem_txn *t = mem_txn(txn);
	struct kv_mem *m = mem_of(txn->kv);

	assert(!t->has_child);
	if (t->parent) {
		t->parent->has_child = false;
	} else if (txn->mode == KV_WRITE) {
		pthread_mutex_lock(&m->lock);
		m->has_writer = false;
		pthread_cond_signal(&m->writer_left);
		pthread_mutex_unlock(&m->lock);
	}
	roots_unref(t->roots);
	free(t);
}

static void roots_swap(struct node **a, struct node **b)
{
	for (int db = 0; db < KV_DBS; db++) {
		struct node *n = a[db];

		a[db] = b[db];
		b[db] = n;
	}
}

static int mem_commit(struct kv_txn *txn)
{
	struct kv_mem_txn *t = mem_txn(txn);
	struct kv_mem *m = mem_of(txn->kv);
	uint64_t number = htole64(txn->commit);
	int r = 0;

	if (t->wrote && t->parent) {
		roots_swap(t->roots, t->parent->roots);
		t->parent->wrote = true;
	} else if (t->wrote) {
		r = mem_put(txn, KV_HOT, slice_str(KV_COMMIT_KEY),
			(struct slice){&number, sizeof number});
		if (!r) {
			pthread_mutex_lock(&m->lock);
			roots_swap(t->roots, m->roots);
			m->commit = txn->commit;
			pthread_mutex_unlock(&m->lock);
		}
	}
	mem_abort(txn);
	return r;
}

static void mem_close(struct kv *kv)
{
	struct kv_mem *m = mem_of(kv);

	roots_unref(m->roots);
	pthread_cond_destroy(&m->writer_left);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static const struct kv_ops mem_ops = {
	.begin = mem_begin,
	.nest = mem_nest,
	.get = mem_get,
	.put = mem_put,
	.del = mem_del,
	.scan = mem_scan,
	.commit = mem_commit,
	.abort = mem_abort,
	.close = mem_close,
};

int kv_mem_open(struct kv **ret_kv)
{
	struct kv_mem *m = calloc(1, sizeof *m);

	if (!m)
		return -ENOMEM;
	m->base.ops = &mem_ops;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->writer_left, NULL);
	*ret_kv = &m->base;
	return 0;
}
