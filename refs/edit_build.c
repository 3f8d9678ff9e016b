/*
 * What an edit makes of the segments it touched: each is replaced under its own key, or leaves the
 * tree when it is empty; one that lost blocks joins a neighbour if both fit and that one is not
 * much larger.
 *
 * Every block of a new segment costs: a reference, a holder. So of a large segment only the
 * blocks around those that change are taken out, to the newest end, together with what small
 * segment is last there. A run of rm, or of cp over what is there, then pays for a large segment
 * once in MOVE_BLOCKS times, and otherwise for a small one.
 */
#include "refs/edit_impl.h"

#include <errno.h>
#include <stdlib.h>

#define MOVE_BLOCKS 32 /* taken out of a large segment together */
#define MOVE_MIN (2 * MOVE_BLOCKS)
#define MOVE_LAST_MAX 99 /* with what is last: still a class that appends fold */

/** Segments that become one, next to each other in the tree. */
struct group {
	struct plan_source **sources;
	size_t n_sources;
	struct plan_items items;
	uint64_t blocks, metas; /* that stay */
	bool lost;
};

static void group_deinit(struct group *g)
{
	plan_items_deinit(&g->items);
	free(g->sources);
	*g = (struct group){0};
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = ((const struct edit_touched *)a)->source->rec.key;
	uint64_t y = ((const struct edit_touched *)b)->source->rec.key;

	return (x > y) - (x < y);
}

static int take_first(void *arg, const struct tree_entry *e)
{
	*(struct tree_entry *)arg = *e;
	return 1;
}

/* The neighbour in the old tree; child 0: none. */
static int neighbour(struct edit_planning *e, uint64_t key, bool is_left, struct tree_entry *ret)
{
	struct kv_txn *t = e->p.x->kv;
	uint64_t root = e->p.plan->root;
	int r;

	*ret = (struct tree_entry){0};
	r = is_left ? tree_walk_below(t, root, key, take_first, ret)
		    : tree_walk(t, root, key + 1, take_first, ret);
	return r < 0 ? r : 0;
}

static struct edit_touched *touched_at(struct edit_planning *e, uint64_t key)
{
	for (size_t i = 0; i < e->n_touched; i++)
		if (e->touched[i].source->rec.key == key)
			return &e->touched[i];
	return NULL;
}

static void count_live(const struct plan_items *l, uint64_t *ret_blocks, uint64_t *ret_metas)
{
	*ret_blocks = *ret_metas = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (l->items[i].is_gone)
			continue;
		++*ret_blocks;
		*ret_metas += l->items[i].b.rec.row_groups;
	}
}

static bool fits(const struct group *g, uint64_t blocks, uint64_t metas)
{
	return g->blocks + blocks <= COMMIT_SEGMENT_BLOCKS_MAX &&
	       g->metas + metas <= COMMIT_SEGMENT_METAS_MAX;
}

static int group_add(struct group *g, struct plan_source *s, const struct plan_items *items)
{
	struct plan_source **grown =
		reallocarray(g->sources, g->n_sources + 1, sizeof(struct plan_source *));
	uint64_t blocks, metas;
	int r = 0;

	if (!grown)
		return -ENOMEM;
	g->sources = grown;
	g->sources[g->n_sources++] = s;
	count_live(items, &blocks, &metas);
	g->blocks += blocks;
	g->metas += metas;
	for (size_t i = 0; i < items->n && !r; i++)
		r = plan_item_push(&g->items, &items->items[i]);
	return r;
}

/* Its blocks cost, too: a neighbour that is much larger stays as it is. */
static bool is_cheap(const struct group *g, const struct plan_source *s)
{
	return s->rec.blocks <= MOVE_LAST_MAX || s->rec.blocks <= 2 * g->blocks;
}

/* The untouched neighbour beside @key, if there is one and it fits; its items are in @ret. */
static int join(struct edit_planning *e, struct group *g, uint64_t key, bool is_left,
	uint64_t above, struct plan_source **ret, struct plan_items *items)
{
	struct tree_entry at;
	int r = neighbour(e, key, is_left, &at);

	*ret = NULL;
	if (r || !at.child || touched_at(e, at.key) || (is_left && at.key <= above))
		return r;
	r = plan_load(&e->p, at.child, ret);
	if (r || !fits(g, (*ret)->rec.blocks, (*ret)->rec.metas) || !is_cheap(g, *ret)) {
		*ret = NULL;
		return r;
	}
	return plan_items_add(&e->p, *ret, NULL, items);
}

static int join_left(struct edit_planning *e, struct group *g, uint64_t key, uint64_t above)
{
	struct plan_items items auto_items = {0};
	struct plan_source *s;
	int r = join(e, g, key, true, above, &s, &items);

	return r || !s ? r : group_add(g, s, &items);
}

static int join_right(struct edit_planning *e, struct group *g, uint64_t key)
{
	struct plan_items items auto_items = {0};
	struct plan_source *s;
	int r = join(e, g, key, false, 0, &s, &items);

	return r || !s ? r : group_add(g, s, &items);
}

static int build_live(struct edit_planning *e, const struct group *g)
{
	struct plan_items live auto_items = {0};
	int r = 0;

	for (size_t i = 0; i < g->items.n && !r; i++)
		if (!g->items.items[i].is_gone)
			r = plan_item_push(&live, &g->items.items[i]);
	if (!r && live.n)
		r = plan_build(&e->p, live.items, live.n, g->sources[0]->rec.key);
	return r;
}

/* *@last: the key of the last segment that was used up. */
static int flush(struct edit_planning *e, struct group *g, uint64_t *last)
{
	int r = 0;

	if (!g->n_sources)
		return 0;
	if (g->lost && g->blocks && g->n_sources == 1)
		r = join_right(e, g, g->sources[0]->rec.key);
	for (size_t i = 0; i < g->n_sources && !r; i++)
		r = plan_drop(&e->p, g->sources[i]);
	if (!r)
		r = build_live(e, g);
	*last = g->sources[g->n_sources - 1]->rec.key;
	group_deinit(g);
	return r;
}

/* Does @t go on where the group ends, with room in it? */
static int continues(
	struct edit_planning *e, const struct group *g, const struct edit_touched *t, bool *ret)
{
	uint64_t blocks, metas;
	struct tree_entry next;
	int r;

	*ret = false;
	if (!g->n_sources)
		return 0;
	r = neighbour(e, g->sources[g->n_sources - 1]->rec.key, false, &next);
	count_live(&t->items, &blocks, &metas);
	*ret = !r && next.key == t->source->rec.key && (g->lost || t->lost) &&
	       fits(g, blocks, metas);
	return r;
}

static int add_touched(
	struct edit_planning *e, struct group *g, const struct edit_touched *t, uint64_t *last)
{
	uint64_t blocks, metas;
	bool goes_on;
	int r = continues(e, g, t, &goes_on);

	if (!r && !goes_on)
		r = flush(e, g, last);
	count_live(&t->items, &blocks, &metas);
	if (!r && !g->n_sources && t->lost && blocks) {
		g->blocks = blocks; /* asks for room */
		g->metas = metas;
		r = join_left(e, g, t->source->rec.key, *last);
		g->blocks -= blocks;
		g->metas -= metas;
	}
	if (!r)
		r = group_add(g, t->source, &t->items);
	g->lost |= t->lost;
	return r;
}

static int build_touched(struct edit_planning *e)
{
	struct group g cleanup(group_deinit) = {0};
	uint64_t last = 0;
	int r = 0;

	if (e->n_touched)
		qsort(e->touched, e->n_touched, sizeof *e->touched, by_key);
	for (size_t i = 0; i < e->n_touched && !r; i++)
		r = add_touched(e, &g, &e->touched[i], &last);
	return r ? r : flush(e, &g, &last);
}

/* What is only linked is an append like any other: it folds. */
static int fold_links(struct edit_planning *e)
{
	struct plan *plan = e->p.plan, alone auto_plan = *plan;
	int r;

	*plan = (struct plan){.ref = alone.ref,
		.table = alone.table,
		.head = alone.head,
		.root = alone.root,
		.schema = alone.schema};
	r = fold_plan(&e->p, &alone.segments[0].g, FOLD_CLASS_COMMIT);
	if (!r && !plan->n_segments) {
		*plan = alone;
		alone = (struct plan){0};
	}
	return r;
}

static bool is_changed(const struct plan_item *item)
{
	return item->is_gone || item->b.state != COMMIT_BLOCK_SHARED;
}

/* The blocks to take out of @t: groups in which one changes. Return: how many. */
static size_t count_moved(const struct edit_touched *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->items.n; i += MOVE_BLOCKS) {
		size_t end = i + MOVE_BLOCKS < t->items.n ? i + MOVE_BLOCKS : t->items.n, k = i;

		while (k < end && !is_changed(&t->items.items[k]))
			k++;
		n += k < end ? end - i : 0;
	}
	return n;
}

static bool group_changes(const struct edit_touched *t, size_t at)
{
	size_t first = at - at % MOVE_BLOCKS, end = first + MOVE_BLOCKS;

	for (size_t i = first; i < end && i < t->items.n; i++)
		if (is_changed(&t->items.items[i]))
			return true;
	return false;
}

static int move_from(struct edit_touched *t, struct plan_items *moved)
{
	bool *moves cleanup(free_p) = calloc(t->items.n, sizeof *moves);
	int r = moves ? 0 : -ENOMEM;

	for (size_t i = 0; i < t->items.n && !r; i++)
		moves[i] = group_changes(t, i);
	for (size_t i = 0; i < t->items.n && !r; i++) {
		struct plan_item *item = &t->items.items[i];

		if (!moves[i])
			continue;
		if (!item->is_gone)
			r = plan_item_push(moved, item);
		t->lost = item->is_gone = true;
	}
	return r;
}

/* Takes what changes out of the large segments. */
static int move_changed(struct edit_planning *e, struct plan_items *moved)
{
	int r = 0;

	for (size_t i = 0; i < e->n_touched && !r; i++) {
		struct edit_touched *t = &e->touched[i];

		if (t->items.n > MOVE_MIN && count_moved(t) <= t->items.n / 2)
			r = move_from(t, moved);
	}
	return r;
}

/* The last segment of the tree, if it is small and untouched, goes along. */
static int join_last(struct edit_planning *e, struct plan_items *ret)
{
	struct tree_entry last = {0};
	struct plan_source *s;
	int r = tree_walk_down(e->p.x->kv, e->p.plan->root, take_first, &last);

	if (r < 0 || !last.child || touched_at(e, last.key))
		return r < 0 ? r : 0;
	r = plan_load(&e->p, last.child, &s);
	if (r || s->rec.blocks + ret->n > MOVE_LAST_MAX || s->rec.metas > MOVE_LAST_MAX)
		return r;
	for (size_t i = 0; i < e->p.plan->n_gone; i++)
		if (e->p.plan->gone[i].rec.key == last.key)
			return 0; /* it has joined another one */
	r = plan_drop(&e->p, s);
	return r ? r : plan_items_add(&e->p, s, NULL, ret);
}

int edit_build(struct edit_planning *e)
{
	struct plan_items last auto_items = {0};
	bool only_links = !e->n_touched;
	int r = move_changed(e, &last);

	if (!r)
		r = build_touched(e);
	if (!r && last.n)
		r = join_last(e, &last);
	for (size_t i = 0; i < e->links.n && !r; i++)
		r = plan_item_push(&last, &e->links.items[i]);
	if (r || !last.n)
		return r;
	r = plan_build(&e->p, last.items, last.n, 0);
	return r || !only_links ? r : fold_links(e);
}
