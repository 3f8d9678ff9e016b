/*
 * Changing a tree by path copying. The functions for one node return the entries that take its
 * place ("list"), not yet written: the parent decides how to cut them into nodes, and may join
 * them with a neighbour's. Whoever puts an entry of an old node into a list adds the reference
 * that the new node will hold; entries just made bring theirs along.
 */
#include "meta/tree_impl.h"

#include <errno.h>
#include <string.h>

/* Of a node that was cut because the tree grows at its end: the rest is left for what follows. */
#define APPEND_FILL (TREE_FANOUT * 9 / 10)
#define UNDERFULL (TREE_FANOUT / 2)

struct list {
	struct tree_entry *e;
	size_t n, capacity;
};

static void list_deinit(struct list *l)
{
	free(l->e);
}
#define auto_list cleanup(list_deinit)

static int list_add(struct list *l, const struct tree_entry *e, size_t n)
{
	if (l->n + n > l->capacity) {
		size_t capacity = 2 * (l->n + n);
		struct tree_entry *grown = realloc(l->e, capacity * sizeof *grown);

		if (!grown)
			return -ENOMEM;
		l->e = grown;
		l->capacity = capacity;
	}
	if (n)
		memcpy(l->e + l->n, e, n * sizeof *e);
	l->n += n;
	return 0;
}

static int share_child(struct kv_txn *t, const struct tree_node *n, size_t at)
{
	return rec_count_add(t, tree_child_kind(n), n->e[at].child);
}

/* Entries of a node that stays: each child has one parent more. */
static int list_share(
	struct kv_txn *t, struct list *l, const struct tree_node *n, size_t from, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && !r; i++)
		r = share_child(t, n, from + i);
	return r ? r : list_add(l, n->e + from, count);
}

/* How many of @n entries fit into one node. */
static size_t fitting(const struct tree_entry *e, size_t n)
{
	size_t bytes = TREE_HEAD_BYTES, i;

	for (i = 0; i < n && i < TREE_FANOUT; i++) {
		bytes += tree_entry_bytes(&e[i], i ? e[i - 1].key : 0);
		if (bytes > TREE_NODE_BYTES_MAX)
			break;
	}
	return i;
}

/* Cuts @l into nodes of @level and appends them to @ret. */
static int list_write(
	struct kv_txn *t, const struct list *l, uint16_t level, bool grows, struct list *ret)
{
	int r = level < TREE_HEIGHT_MAX ? 0 : -EFBIG;

	for (size_t at = 0; at < l->n && !r;) {
		size_t left = l->n - at, n = fitting(l->e + at, left), cut;
		struct tree_entry made;

		cut = grows ? APPEND_FILL : (left + 1) / 2;
		if (n < left && cut < n)
			n = cut;
		r = tree_node_put(t, level, l->e + at, n, &made);
		if (!r)
			r = list_add(ret, &made, 1);
		at += n;
	}
	return r;
}

/* A root above one child is that child; what the root held is ours then. */
static int root_shrink(struct kv_txn *t, uint64_t *root)
{
	struct tree_node n;
	uint32_t left;
	int r;

	for (;;) {
		r = tree_node_get(t, *root, &n);
		if (r || !n.level || n.n > 1)
			return r;
		r = rec_count_sub(t, KEY_NODE, *root, &left);
		if (!r)
			r = left ? share_child(t, &n, 0) : rec_del(t, KEY_NODE, *root);
		if (r)
			return r;
		*root = n.e[0].child;
	}
}

/* Makes a root over @l, entries of @level. */
static int root_write(struct kv_txn *t, struct list *l, uint16_t level, bool grows, uint64_t *ret)
{
	struct list above auto_list = {0};
	int r;

	if (!l->n) {
		*ret = 0;
		return 0;
	}
	if (l->n == 1 && level) {
		uint64_t root = l->e[0].child;

		r = root_shrink(t, &root);
		if (!r)
			*ret = root;
		return r;
	}
	r = list_write(t, l, level, grows, &above);
	if (r)
		return r;
	if (above.n > 1)
		return root_write(t, &above, (uint16_t)(level + 1), grows, ret);
	*ret = above.e[0].child;
	return 0;
}

/* The changes that belong to child @at of @n, off the front of *@c. */
static struct tree_changes take_of_child(
	struct tree_changes *c, const struct tree_node *n, size_t at)
{
	struct tree_changes taken = {c->c, 0};
	bool is_last = at + 1 == n->n;

	while (taken.n < c->n && (is_last || c->c[taken.n].e.key < n->e[at + 1].key))
		taken.n++;
	c->c += taken.n;
	c->n -= taken.n;
	return taken;
}

static int leaf_edit(
	struct kv_txn *t, const struct tree_node *n, struct tree_changes c, struct list *ret)
{
	size_t at = 0;
	int r = 0;

	for (size_t i = 0; i < c.n && !r; i++) {
		const struct tree_entry *e = &c.c[i].e;
		size_t from = at;
		bool found;

		while (at < n->n && n->e[at].key < e->key)
			at++;
		found = at < n->n && n->e[at].key == e->key;
		if (found == (c.c[i].kind == TREE_INSERT))
			return found ? -EEXIST : -ENOENT;
		r = list_share(t, ret, n, from, at - from);
		if (!r && c.c[i].kind != TREE_REMOVE)
			r = list_add(ret, e, 1);
		at += found;
	}
	return r ? r : list_share(t, ret, n, at, n->n - at);
}

/* Joins @l, too few for a node, with the neighbour @at of @parent if both fit into one. */
static int join(struct kv_txn *t, const struct tree_node *parent, size_t at, bool is_left,
	struct list *l, bool *ret_joined)
{
	struct list both auto_list = {0};
	struct tree_node n;
	int r = tree_child_get(t, parent, at, &n);

	*ret_joined = false;
	if (r || l->n + n.n > TREE_FANOUT)
		return r;
	r = is_left ? list_add(&both, n.e, n.n) : list_add(&both, l->e, l->n);
	if (!r)
		r = is_left ? list_add(&both, l->e, l->n) : list_add(&both, n.e, n.n);
	if (r || fitting(both.e, both.n) < both.n)
		return r;
	for (size_t i = 0; i < n.n && !r; i++)
		r = share_child(t, &n, i);
	if (r)
		return r;
	list_deinit(l);
	*l = both;
	both = (struct list){0};
	*ret_joined = true;
	return 0;
}

static int node_edit(struct kv_txn *t, const struct tree_node *n, struct tree_changes c, bool grows,
	struct list *ret);

/* The children of @n from *@at on that change one after the other, as entries of their level. */
static int edit_run(struct kv_txn *t, const struct tree_node *n, size_t *at, struct tree_changes *c,
	bool grows, struct list *below)
{
	int r = 0;

	while (*at < n->n && !r) {
		struct tree_changes mine = take_of_child(c, n, *at);
		struct tree_node child;

		if (!mine.n)
			break;
		r = tree_child_get(t, n, *at, &child);
		++*at;
		if (!r)
			r = node_edit(t, &child, mine, grows && *at == n->n, below);
	}
	return r;
}

/* By runs of children that change; what became too small joins a neighbour. */
static int inner_edit(struct kv_txn *t, const struct tree_node *n, struct tree_changes c,
	bool grows, struct list *ret)
{
	int r = 0;

	for (size_t at = 0, from = 0; from < n->n && !r; from = at) {
		struct list below auto_list = {0};
		bool joined = false;
		size_t first;

		while (c.n && at + 1 < n->n && n->e[at + 1].key <= c.c[0].e.key)
			at++;
		first = at = c.n ? at : n->n;
		r = edit_run(t, n, &at, &c, grows, &below);
		if (!r && !grows && below.n && below.n < UNDERFULL && first > from) {
			r = join(t, n, first - 1, true, &below, &joined);
			first -= joined;
		}
		if (!r && !grows && !joined && below.n && below.n < UNDERFULL && at < n->n) {
			r = join(t, n, at, false, &below, &joined);
			at += joined;
		}
		if (!r)
			r = list_share(t, ret, n, from, first - from);
		if (!r)
			r = list_write(t, &below, (uint16_t)(n->level - 1), grows, ret);
	}
	return r;
}

static int node_edit(struct kv_txn *t, const struct tree_node *n, struct tree_changes c, bool grows,
	struct list *ret)
{
	return n->level ? inner_edit(t, n, c, grows, ret) : leaf_edit(t, n, c, ret);
}

/* Do all changes lie behind the last entry? Then nodes are cut as for an append. */
static int all_behind(struct kv_txn *t, const struct tree_node *top, uint64_t key, bool *ret)
{
	struct tree_node n = *top, child;
	int r = 0;

	while (n.level && !r) {
		r = tree_child_get(t, &n, n.n - 1, &child);
		if (!r)
			n = child;
	}
	*ret = n.e[n.n - 1].key < key;
	return r;
}

int tree_edit(struct kv_txn *t, uint64_t root, struct tree_changes c, uint64_t *ret_root)
{
	struct list l auto_list = {0};
	struct tree_node n;
	bool grows = false;
	int r = 0;

	for (size_t i = 0; i < c.n; i++) {
		if (i && c.c[i].e.key <= c.c[i - 1].e.key)
			return -EINVAL;
		if (!root && c.c[i].kind != TREE_INSERT)
			return -ENOENT;
	}
	if (!c.n)
		return tree_append(t, root, NULL, 0, ret_root);
	for (size_t i = 0; !root && i < c.n && !r; i++)
		r = list_add(&l, &c.c[i].e, 1);
	if (!root)
		return r ? r : root_write(t, &l, 0, true, ret_root);
	r = tree_node_get(t, root, &n);
	if (!r && c.c[0].kind == TREE_INSERT)
		r = all_behind(t, &n, c.c[0].e.key, &grows);
	if (!r)
		r = node_edit(t, &n, c, grows, &l);
	return r ? r : root_write(t, &l, n.level, grows, ret_root);
}

static int edit_one(struct kv_txn *t, uint64_t root, enum tree_change_kind kind,
	const struct tree_entry *e, uint64_t *ret_root)
{
	const struct tree_change c = {kind, *e};

	return tree_edit(t, root, (struct tree_changes){&c, 1}, ret_root);
}

int tree_insert(struct kv_txn *t, uint64_t root, const struct tree_entry *e, uint64_t *ret_root)
{
	return edit_one(t, root, TREE_INSERT, e, ret_root);
}

int tree_replace(struct kv_txn *t, uint64_t root, const struct tree_entry *e, uint64_t *ret_root)
{
	return edit_one(t, root, TREE_REPLACE, e, ret_root);
}

int tree_remove(struct kv_txn *t, uint64_t root, uint64_t key, uint64_t *ret_root)
{
	return edit_one(t, root, TREE_REMOVE, &(struct tree_entry){.key = key}, ret_root);
}

static int node_append(struct kv_txn *t, const struct tree_node *n, const struct tree_entry *e,
	size_t count, struct list *ret)
{
	struct list below auto_list = {0};
	struct tree_node child;
	int r;

	if (!n->level) {
		if (e[0].key <= n->e[n->n - 1].key)
			return -EINVAL;
		r = list_share(t, ret, n, 0, n->n);
		return r ? r : list_add(ret, e, count);
	}
	r = tree_child_get(t, n, n->n - 1, &child);
	if (!r)
		r = node_append(t, &child, e, count, &below);
	if (!r)
		r = list_share(t, ret, n, 0, n->n - 1);
	return r ? r : list_write(t, &below, child.level, true, ret);
}

int tree_append(
	struct kv_txn *t, uint64_t root, const struct tree_entry *e, size_t n, uint64_t *ret_root)
{
	struct list l auto_list = {0};
	struct tree_node top = {.level = 0};
	int r = 0;

	for (size_t i = 1; i < n; i++)
		if (e[i].key <= e[i - 1].key)
			return -EINVAL;
	if (!n) {
		r = root ? rec_count_add(t, KEY_NODE, root) : 0;
		if (!r)
			*ret_root = root;
		return r;
	}
	if (root)
		r = tree_node_get(t, root, &top);
	if (!r)
		r = root ? node_append(t, &top, e, n, &l) : list_add(&l, e, n);
	return r ? r : root_write(t, &l, top.level, true, ret_root);
}

int tree_node_release(struct kv_txn *t, uint64_t id, tree_orphan_fn fn, void *arg, bool *ret_last)
{
	struct tree_node n;
	uint32_t left;
	int r = tree_node_get(t, id, &n);

	if (!r)
		r = rec_count_sub(t, KEY_NODE, id, &left);
	if (!r && !left)
		r = rec_del(t, KEY_NODE, id);
	for (size_t i = 0; !r && !left && i < n.n; i++)
		r = fn(arg, n.level ? REC_QUEUE_NODE : REC_QUEUE_SEGMENT, n.e[i].child);
	if (!r)
		*ret_last = !left;
	return r;
}
