#include "refs/usage.h"
#include "meta/tree.h"
#include "refs/ref.h"

#include <errno.h>
#include <stdlib.h>

/** References given up so far, by id: open addressing, id 0 is free. */
struct trial {
	struct refs_txn *x;
	uint64_t looks_left, bytes;
	struct given {
		uint64_t id;
		uint32_t n;
	} * given; /* owned */
	size_t n, capacity;
};

static void trial_deinit(struct trial *t)
{
	free(t->given);
}

static struct given *slot_of(struct trial *t, uint64_t id)
{
	size_t at = (size_t)(id * UINT64_C(0x9e3779b97f4a7c15)) & (t->capacity - 1);

	while (t->given[at].id && t->given[at].id != id)
		at = (at + 1) & (t->capacity - 1);
	return &t->given[at];
}

static int grow(struct trial *t)
{
	struct trial bigger = {.capacity = t->capacity ? 2 * t->capacity : 256};

	bigger.given = calloc(bigger.capacity, sizeof *bigger.given);
	if (!bigger.given)
		return -ENOMEM;
	for (size_t i = 0; i < t->capacity; i++)
		if (t->given[i].id)
			*slot_of(&bigger, t->given[i].id) = t->given[i];
	free(t->given);
	t->given = bigger.given;
	t->capacity = bigger.capacity;
	return 0;
}

/* @n references to @id less. Return: how many it has given up by now, or an error. */
static int give_up(struct trial *t, uint64_t id, uint32_t n, uint32_t *ret_given)
{
	struct given *g;
	int r = 2 * t->n >= t->capacity ? grow(t) : 0;

	if (r)
		return r;
	if (!t->looks_left--)
		return -E2BIG;
	g = slot_of(t, id);
	t->n += !g->id;
	g->id = id;
	g->n += n;
	*ret_given = g->n;
	return 0;
}

/* Return: 1 it was the last reference, 0 others remain. */
static int drop_one(struct trial *t, enum key_kind of, uint64_t id)
{
	uint32_t given, count;
	int r = give_up(t, id, 1, &given);

	if (!r)
		r = rec_count_get(t->x->kv, of, id, &count);
	return r ? r : given == count;
}

static int drop_block(struct trial *t, uint64_t id)
{
	struct rec_block b;
	int r = drop_one(t, KEY_BLOCK, id);

	if (r <= 0)
		return r;
	r = rec_block_get(t->x->kv, id, &b);
	if (!r)
		t->bytes += b.size_bytes;
	return r;
}

static int drop_segment(struct trial *t, uint64_t id)
{
	struct rec_segment g;
	int r = drop_one(t, KEY_SEGMENT, id);

	if (r <= 0)
		return r;
	r = rec_segment_get(t->x->kv, id, &g);
	for (uint32_t i = 0; !r && i < g.blocks; i++) {
		struct rec_segment_entry e;

		r = rec_segment_entry_at(&g, i, &e);
		if (!r)
			r = drop_block(t, e.block);
	}
	return r;
}

static int drop_node(struct trial *t, uint64_t id, unsigned height)
{
	struct tree_node n;
	int r = drop_one(t, KEY_NODE, id);

	if (r <= 0)
		return r;
	r = height ? tree_node_get(t->x->kv, id, &n) : -EUCLEAN;
	for (unsigned i = 0; !r && i < n.n; i++)
		r = n.level ? drop_node(t, n.e[i].child, height - 1)
			    : drop_segment(t, n.e[i].child);
	return r;
}

static int drop_snapshot(void *arg, uint64_t id)
{
	struct trial *t = arg;
	struct rec_snapshot s;
	uint32_t given;
	int r = give_up(t, id, 1, &given);

	if (!r)
		r = rec_snapshot_get(t->x->kv, id, &s);
	if (r || given != s.count || !s.root)
		return r;
	return drop_node(t, s.root, TREE_HEIGHT_MAX);
}

int refs_exclusive_bytes(struct refs_txn *x, uint64_t ref, uint64_t looks_max, uint64_t *ret)
{
	struct trial t cleanup(trial_deinit) = {.x = x, .looks_left = looks_max};
	struct rec_ref rec;
	int r = rec_ref_get(x->kv, ref, &rec);

	/* the merge base first: its link then is what lets go of it */
	if (!r && rec.base)
		r = drop_snapshot(&t, rec.base);
	if (!r)
		r = refs_link_list(x, ref, 0, drop_snapshot, &t);
	if (!r)
		*ret = t.bytes;
	return r == -ENOENT ? -EUCLEAN : r;
}
