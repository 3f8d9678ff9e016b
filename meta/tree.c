/*
 * A node's value: version, level, number of entries; for each entry its key (as the distance from
 * the one before), child, rows, bytes as varints.
 */
#include "meta/tree_impl.h"

#include <errno.h>

#define NODE_VERSION 1

static size_t varint_bytes(uint64_t v)
{
	return v ? (70 - (size_t)__builtin_clzll(v)) / 7 : 1;
}

size_t tree_entry_bytes(const struct tree_entry *e, uint64_t before)
{
	return varint_bytes(e->key - before) + varint_bytes(e->child) + varint_bytes(e->rows) +
	       varint_bytes(e->bytes);
}

static int entry_encode(struct buf *b, const struct tree_entry *e, uint64_t before)
{
	int r = enc_varint(b, e->key - before);

	if (!r)
		r = enc_varint(b, e->child);
	if (!r)
		r = enc_varint(b, e->rows);
	return r ? r : enc_varint(b, e->bytes);
}

static void entry_decode(struct dec *d, uint64_t before, struct tree_entry *ret)
{
	ret->key = before + dec_varint_max(d, UINT64_MAX - before);
	ret->child = dec_varint_max(d, ID_MAX);
	ret->rows = dec_varint(d);
	ret->bytes = dec_varint(d);
}

static int node_encode(struct buf *b, uint16_t level, const struct tree_entry *e, size_t n)
{
	int r = buf_reserve(b, TREE_NODE_BYTES_MAX);

	if (!r)
		r = enc_u8(b, NODE_VERSION);
	if (!r)
		r = enc_u8(b, (uint8_t)level);
	if (!r)
		r = enc_u8(b, (uint8_t)n);
	for (size_t i = 0; i < n && !r; i++)
		r = entry_encode(b, &e[i], i ? e[i - 1].key : 0);
	return r;
}

int tree_node_put(struct kv_txn *t, uint16_t level, const struct tree_entry *e, size_t n,
	struct tree_entry *ret)
{
	struct buf b auto_buf = {0};
	struct tree_entry made = {.key = e[0].key};
	struct key k;
	int r = rec_next_id(t, 1, &made.child);

	for (size_t i = 0; i < n; i++) {
		made.rows += e[i].rows;
		made.bytes += e[i].bytes;
	}
	if (!r)
		r = node_encode(&b, level, e, n);
	k = key_u64(KEY_NODE, made.child);
	if (!r)
		r = kv_put(t, KV_BULK, key_slice(&k), buf_slice(&b));
	if (!r)
		*ret = made;
	return r;
}

static int node_decode(struct slice value, struct tree_node *ret)
{
	struct dec d = dec_of(value);
	bool rising = true;

	if (dec_u8(&d) != NODE_VERSION)
		return -EUCLEAN;
	ret->level = dec_u8(&d);
	ret->n = dec_u8(&d);
	if (ret->level >= TREE_HEIGHT_MAX || !ret->n || ret->n > TREE_FANOUT)
		return -EUCLEAN;
	for (size_t i = 0; i < ret->n; i++) {
		entry_decode(&d, i ? ret->e[i - 1].key : 0, &ret->e[i]);
		rising &= !i || ret->e[i].key > ret->e[i - 1].key;
	}
	return rising ? dec_end(&d) : -EUCLEAN;
}

int tree_node_get(struct kv_txn *t, uint64_t id, struct tree_node *ret)
{
	struct key k = key_u64(KEY_NODE, id);
	struct slice value;
	int r = kv_get(t, KV_BULK, key_slice(&k), &value);

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	return node_decode(value, ret);
}

int tree_child_get(
	struct kv_txn *t, const struct tree_node *parent, size_t at, struct tree_node *ret)
{
	int r = tree_node_get(t, parent->e[at].child, ret);

	return !r && ret->level + 1 != parent->level ? -EUCLEAN : r;
}

enum key_kind tree_child_kind(const struct tree_node *n)
{
	return n->level ? KEY_NODE : KEY_SEGMENT;
}

size_t tree_node_seek(const struct tree_node *n, uint64_t key)
{
	size_t lo = 0, hi = n->n;

	while (hi - lo > 1) {
		size_t mid = (lo + hi) / 2;

		if (n->e[mid].key <= key)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

int tree_find(struct kv_txn *t, uint64_t root, uint64_t key, struct tree_entry *ret)
{
	struct tree_node n, child;
	size_t at;
	int r = root ? tree_node_get(t, root, &n) : -ENOENT;

	while (!r) {
		at = tree_node_seek(&n, key);
		if (!n.level)
			break;
		r = tree_child_get(t, &n, at, &child);
		if (!r)
			n = child;
	}
	if (r)
		return r;
	if (n.e[at].key != key)
		return -ENOENT;
	*ret = n.e[at];
	return 0;
}

static int walk_up(struct kv_txn *t, const struct tree_node *n, uint64_t lo, tree_fn fn, void *arg)
{
	struct tree_node child;
	int r = 0;

	for (size_t i = tree_node_seek(n, lo); i < n->n && !r; i++) {
		if (n->level) {
			r = tree_child_get(t, n, i, &child);
			if (!r)
				r = walk_up(t, &child, lo, fn, arg);
		} else if (n->e[i].key >= lo) {
			r = fn(arg, &n->e[i]);
		}
	}
	return r;
}

int tree_walk(struct kv_txn *t, uint64_t root, uint64_t lo, tree_fn fn, void *arg)
{
	struct tree_node n;
	int r = root ? tree_node_get(t, root, &n) : 0;

	return r || !root ? r : walk_up(t, &n, lo, fn, arg);
}

static int walk_down(
	struct kv_txn *t, const struct tree_node *n, uint64_t hi, tree_fn fn, void *arg)
{
	struct tree_node child;
	int r = 0;

	for (size_t i = tree_node_seek(n, hi) + 1; i-- > 0 && !r;) {
		if (n->level) {
			r = tree_child_get(t, n, i, &child);
			if (!r)
				r = walk_down(t, &child, hi, fn, arg);
		} else if (n->e[i].key < hi) {
			r = fn(arg, &n->e[i]);
		}
	}
	return r;
}

int tree_walk_below(struct kv_txn *t, uint64_t root, uint64_t hi, tree_fn fn, void *arg)
{
	struct tree_node n;
	int r = root ? tree_node_get(t, root, &n) : 0;

	return r || !root ? r : walk_down(t, &n, hi, fn, arg);
}

int tree_walk_down(struct kv_txn *t, uint64_t root, tree_fn fn, void *arg)
{
	return tree_walk_below(t, root, UINT64_MAX, fn, arg);
}

int tree_sums(struct kv_txn *t, uint64_t root, uint64_t *ret_rows, uint64_t *ret_bytes)
{
	struct tree_node n;
	uint64_t rows = 0, bytes = 0;
	int r = root ? tree_node_get(t, root, &n) : 0;

	if (r)
		return r;
	for (size_t i = 0; root && i < n.n; i++) {
		rows += n.e[i].rows;
		bytes += n.e[i].bytes;
	}
	*ret_rows = rows;
	*ret_bytes = bytes;
	return 0;
}
