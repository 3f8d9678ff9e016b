/*
 * Folding (protocol: Folding; model fold.py, "monotone"). Size classes never rise towards the
 * newest end: a segment is first folded with all smaller ones directly before it; ten of a class
 * fold; results are cut at 1,000 blocks (and 2,000 row groups).
 *
 * A plan is made on sizes alone: the blocks of a run of old segments (and the one to come) are one
 * sequence, and pieces are cut out of it. Only pieces that are no old segment are then built.
 */
#include "refs/fold.h"
#include "refs/client.h"
#include "refs/ref_impl.h"
#include "refs/plan_impl.h"
#include "refs/ref.h"

#include <errno.h>
#include <string.h>

#define TENS 10
/* So many in a row that are nearly full: what lies before is left alone. Else a block removed from
 * each segment of a large table would bring all of them to be written again. */
#define FULL_RUN 32
#define FULL_NEARLY 900 /* blocks */
#define PIECES_MAX 64	/* of folds within folds */

/** An old segment, or the one to come, in the sequence. */
struct old {
	struct plan_source *source;
	const struct commit_segment *add; /* the one to come */
	uint64_t first;			  /* of its blocks, in the sequence */
	struct plan_items items;	  /* loaded when its row groups are asked for */
};

struct piece {
	uint64_t first, blocks, metas;
};

struct fold {
	struct planning *p;
	unsigned class_max;
	struct old *olds; /* oldest first */
	size_t n_olds;
	struct piece *pieces; /* what they become */
	size_t n;
	unsigned depth;
	uint64_t work;	       /* blocks that are written again by all folds so far */
	uint64_t work_max;     /* what goes beyond is left for later; 0: nothing */
	struct piece *part;    /* the pieces when that was reached, */
	size_t n_part, n_done; /* and how many olds they are made of; 0: it was not */
};

unsigned fold_class(uint64_t blocks, uint64_t metas)
{
	if (blocks >= COMMIT_SEGMENT_BLOCKS_MAX || metas >= COMMIT_SEGMENT_METAS_MAX / 2)
		return FOLD_CLASS_FULL;
	return blocks < 10 ? 0 : blocks < 100 ? 1 : 2;
}

static unsigned piece_class(const struct piece *q)
{
	return fold_class(q->blocks, q->metas);
}

static void fold_deinit(struct fold *f)
{
	for (size_t i = 0; i < f->n_olds; i++)
		plan_items_deinit(&f->olds[i].items);
	free(f->olds);
	free(f->pieces);
	free(f->part);
}

static int add_old(struct fold *f, const struct old *o)
{
	struct old *grown = reallocarray(f->olds, f->n_olds + 1, sizeof *grown);

	if (!grown)
		return -ENOMEM;
	f->olds = grown;
	f->olds[f->n_olds++] = *o;
	return 0;
}

/** Walking from the newest end. */
struct tail {
	struct fold *f;
	unsigned full;
};

static int take_tail(void *arg, const struct tree_entry *e)
{
	struct tail *t = arg;
	struct old o = {.add = NULL};
	unsigned class;
	int r = plan_load_once(t->f->p, e->child, &o.source);

	if (r)
		return r;
	class = fold_class(o.source->rec.blocks, o.source->rec.metas);
	t->full = class == FOLD_CLASS_FULL || o.source->rec.blocks >= FULL_NEARLY ? t->full + 1 : 0;
	if (class > t->f->class_max || t->full > FULL_RUN)
		return 1;
	return add_old(t->f, &o);
}

/* The end of the tree that folds may reach, oldest first, and the one to come. */
static int load_tail(struct fold *f, const struct commit_segment *add)
{
	struct tail t = {f, 0};
	uint64_t first = 0;
	int r = tree_walk_down(f->p->x->kv, f->p->plan->root, take_tail, &t);

	if (r < 0)
		return r;
	for (size_t i = 0; i < f->n_olds / 2; i++) {
		struct old o = f->olds[i];

		f->olds[i] = f->olds[f->n_olds - 1 - i];
		f->olds[f->n_olds - 1 - i] = o;
	}
	if (add) {
		struct old o = {.add = add};

		r = plan_load_new(f->p, add, &o.source);
		if (!r)
			r = add_old(f, &o);
	}
	for (size_t i = 0; i < f->n_olds && r >= 0; i++) {
		f->olds[i].first = first;
		first += f->olds[i].source->rec.blocks;
	}
	return r < 0 ? r : 0;
}

static int load_items(struct fold *f, struct old *o)
{
	if (o->items.n)
		return 0;
	return plan_items_add(f->p, o->source, o->add ? o->add->blocks : NULL, &o->items);
}

static struct old *old_at(struct fold *f, uint64_t block)
{
	size_t low = 0, high = f->n_olds; /* it is among [low, high) */

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (f->olds[middle].first > block)
			high = middle;
		else
			low = middle;
	}
	return &f->olds[low];
}

/* Row groups of one block of the sequence. */
static int metas_at(struct fold *f, uint64_t block, uint64_t *ret)
{
	struct old *o = old_at(f, block);
	int r = 0;

	if (o->source->rec.metas != o->source->rec.blocks)
		r = load_items(f, o);
	if (!r)
		*ret = o->items.n ? o->items.items[block - o->first].b.rec.row_groups : 1;
	return r;
}

static int add_piece(struct piece **list, size_t *n, struct piece q)
{
	struct piece *grown = reallocarray(*list, *n + 1, sizeof *grown);

	if (!grown)
		return -ENOMEM;
	*list = grown;
	grown[(*n)++] = q;
	return 0;
}

/* Cuts @whole into as few pieces as the limits allow. */
static int cut(struct fold *f, struct piece whole, struct piece **ret, size_t *ret_n)
{
	struct piece q = {.first = whole.first};
	int r = 0;

	if (whole.blocks <= COMMIT_SEGMENT_BLOCKS_MAX && whole.metas <= COMMIT_SEGMENT_METAS_MAX)
		return add_piece(ret, ret_n, whole);
	for (uint64_t at = whole.first; at < whole.first + whole.blocks && !r; at++) {
		uint64_t metas;

		r = metas_at(f, at, &metas);
		if (!r && q.blocks &&
			(q.blocks == COMMIT_SEGMENT_BLOCKS_MAX ||
				q.metas + metas > COMMIT_SEGMENT_METAS_MAX)) {
			r = add_piece(ret, ret_n, q);
			q = (struct piece){.first = at};
		}
		q.blocks++;
		q.metas += metas;
	}
	return r ? r : add_piece(ret, ret_n, q);
}

/* Where the pieces begin that fold together with the last one; f->n: none. */
static size_t due_from(const struct fold *f)
{
	size_t last = f->n - 1, k = last;
	unsigned class = piece_class(&f->pieces[last]);

	if (class > f->class_max)
		return f->n;
	while (k && piece_class(&f->pieces[k - 1]) < class)
		k--;
	if (k < last)
		return k;
	while (k && piece_class(&f->pieces[k - 1]) == class)
		k--;
	return class == FOLD_CLASS_FULL || f->n - k < TENS ? f->n : k;
}

static bool same_pieces(const struct piece *a, const struct piece *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].first != b[i].first || a[i].blocks != b[i].blocks)
			return false;
	return true;
}

static int push(struct fold *f, struct piece q)
{
	struct piece *cuts cleanup(free_p) = NULL, whole;
	size_t from, n = 0;
	int r = add_piece(&f->pieces, &f->n, q);

	from = r ? 0 : due_from(f);
	if (r || from == f->n || f->depth == PIECES_MAX)
		return r;
	whole = (struct piece){.first = f->pieces[from].first};
	for (size_t i = from; i < f->n; i++) {
		whole.blocks += f->pieces[i].blocks;
		whole.metas += f->pieces[i].metas;
	}
	r = cut(f, whole, &cuts, &n);
	if (r || (n == f->n - from && same_pieces(cuts, f->pieces + from, n)))
		return r;
	f->n = from;
	f->work += whole.blocks;
	f->depth++;
	for (size_t i = 0; i < n && !r; i++)
		r = push(f, cuts[i]);
	f->depth--;
	return r;
}

static bool is_old(const struct old *o, const struct piece *q)
{
	return !o->add && o->first == q->first && o->source->rec.blocks == q->blocks;
}

static int build_piece(struct fold *f, const struct piece *q, uint64_t key)
{
	struct plan_items all auto_items = {0};
	int r = 0;

	for (struct old *o = old_at(f, q->first);
		o < f->olds + f->n_olds && o->first < q->first + q->blocks && !r; o++) {
		r = load_items(f, o);
		for (size_t i = 0; i < o->items.n && !r; i++)
			if (o->first + i >= q->first && o->first + i < q->first + q->blocks)
				r = plan_item_push(&all, &o->items.items[i]);
	}
	return r ? r : plan_build(f->p, all.items, all.n, key);
}

/* Pieces and old segments side by side: each new piece takes the key of the next that leaves. */
static int build(struct fold *f)
{
	struct plan *plan = f->p->plan;
	size_t i = 0, k = 0, used = 0;
	int r = 0;

	for (; i < f->n_olds && !r; i++) {
		if (k < f->n && is_old(&f->olds[i], &f->pieces[k])) {
			k++;
			used = plan->n_gone; /* keys rise: what left before stays unused */
			continue;
		}
		if (!f->olds[i].add)
			r = plan_drop(f->p, f->olds[i].source);
		/* all pieces that end where this one does, or before: they are of what leaves */
		while (k < f->n && !r &&
			f->pieces[k].first + f->pieces[k].blocks <=
				f->olds[i].first + f->olds[i].source->rec.blocks) {
			r = build_piece(f, &f->pieces[k],
				used < plan->n_gone ? plan->gone[used].rec.key : 0);
			used++;
			k++;
		}
	}
	return r;
}

/* Enough for one commit: what the olds so far become. */
static int keep_part(struct fold *f, size_t n_done)
{
	f->part = calloc(f->n, sizeof *f->part);
	if (!f->part)
		return -ENOMEM;
	memcpy(f->part, f->pieces, f->n * sizeof *f->part);
	f->n_part = f->n;
	f->n_done = n_done;
	return 0;
}

static void take_part(struct fold *f)
{
	if (!f->n_done)
		return;
	free(f->pieces);
	f->pieces = steal(&f->part);
	f->n = f->n_part;
	while (f->n_olds > f->n_done)
		plan_items_deinit(&f->olds[--f->n_olds].items);
}

static int push_all(struct fold *f, const struct commit_segment *add)
{
	int r = load_tail(f, add);

	for (size_t i = 0; i < f->n_olds && !r; i++) {
		const struct rec_segment *rec = &f->olds[i].source->rec;

		r = push(f, (struct piece){f->olds[i].first, rec->blocks, rec->metas});
		if (!r && f->work_max && !f->n_done && f->work >= f->work_max)
			r = keep_part(f, i + 1);
	}
	return r;
}

static bool is_due(const struct fold *f)
{
	size_t i = 0;

	while (i < f->n && i < f->n_olds && f->pieces[i].first == f->olds[i].first)
		i++;
	return i < f->n || i < f->n_olds;
}

/* A fold that is a commit of its own, which everybody sees in the log, is to be worth that. */
static bool is_worth(const struct fold *f, const struct rec_snapshot *head)
{
	size_t full = 0; /* at the front of the tail: they stay as they are */

	while (full < f->n_olds && fold_class(f->olds[full].source->rec.blocks,
					   f->olds[full].source->rec.metas) == FOLD_CLASS_FULL)
		full++;
	return f->n + FOLD_SAVES_MIN <= f->n_olds || f->n_olds - full >= FOLD_TAIL_MAX ||
	       head->segments > fold_full(head) + FOLD_REST_MAX;
}

int fold_plan(struct planning *p, const struct commit_segment *add, unsigned class_max)
{
	struct fold f cleanup(fold_deinit) = {.p = p, .class_max = class_max};
	int r = push_all(&f, add);

	return r || !is_due(&f) ? r : build(&f);
}

uint64_t fold_full(const struct rec_snapshot *head)
{
	uint64_t most = head->blocks > head->metas / 2 ? head->blocks : head->metas / 2;

	return most / COMMIT_SEGMENT_BLOCKS_MAX;
}

int fold_plan_large(struct planning *p, const struct rec_snapshot *head, bool all)
{
	struct fold f cleanup(fold_deinit) = {
		.p = p, .class_max = FOLD_CLASS_FULL, .work_max = FOLD_WORK_MAX};
	int r = push_all(&f, NULL);

	if (r || !is_due(&f) || (!all && !is_worth(&f, head)))
		return r;
	take_part(&f);
	return build(&f);
}

int fold_append(struct refs_store *s, uint64_t ref, const struct commit_segment *g,
	const struct client_ids *ids, struct plan *ret)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct plan plan auto_plan = {0};
	struct planning p auto_planning = {.plan = &plan};
	struct rec_ref rec;
	int r;

	if (fold_class(g->rec.blocks, g->rec.metas) > FOLD_CLASS_COMMIT)
		return 0;
	r = refs_begin(s, KV_READ, &x);
	if (!r)
		r = rec_ref_get(x->kv, ref, &rec);
	p.x = x;
	if (!r)
		r = plan_begin(&p, ref, &rec);
	if (!r)
		r = fold_plan(&p, g, FOLD_CLASS_COMMIT);
	if (r || plan.n_segments > FOLD_IDS)
		return r == -ENOENT ? 0 : r; /* the commit says that the ref is gone */
	plan_give_ids(&plan, ids);
	*ret = plan;
	plan = (struct plan){0};
	return 0;
}
