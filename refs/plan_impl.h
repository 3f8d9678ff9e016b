/*
 * Some segments of a head replaced by new ones: prepared in memory, from the head as read, before
 * the transaction that hangs them into its tree. Inside refs/ only.
 */
#pragma once
#include "meta/codec_splice.h"
#include "meta/tree.h"
#include "refs/commit_impl.h"

/** An old segment, or one to come, whose blocks go into new ones. */
struct plan_source {
	struct plan_source *next;
	uint64_t id;		   /* 0: it is in no tree */
	struct rec_segment rec;	   /* borrows from the transaction */
	struct slice v4;	   /* borrowed */
	struct codec_metas *metas; /* opened when first needed */
};

/** A block on its way into a new segment. */
struct plan_item {
	struct commit_block b; /* name borrowed */
	struct plan_source *source;
	size_t meta; /* its first one there */
	bool is_gone;
};

struct plan_items {
	struct plan_item *items;
	size_t n, capacity;
};

struct plan_segment {
	struct commit_segment g;
	bool takes_key; /* inside the transaction, above all others */
	struct commit_block *blocks;
	struct buf names; /* of all blocks */
};

/** An old segment that leaves the tree. */
struct plan_gone {
	uint64_t id;
	struct rec_segment rec; /* without entries */
};

/** What is to be hung into the tree of @head, and what goes out of it. */
struct plan {
	uint64_t ref, table, head, root;
	uint64_t schema;
	struct plan_segment *segments; /* in the order of their keys, those without last */
	size_t n_segments;
	struct plan_gone *gone; /* in the order of their keys */
	size_t n_gone;
	const struct client_ids *staged; /* its segments' records are there; NULL: put now */
};
void plan_deinit(struct plan *p);
#define auto_plan cleanup(plan_deinit)

/** Under way, inside a reading transaction. */
struct planning {
	struct refs_txn *x;
	struct plan *plan;
	struct plan_source *sources; /* all that were loaded; owned */
};
void planning_deinit(struct planning *p);
#define auto_planning cleanup(planning_deinit)

/** plan_begin() - of the head that @ref has now. */
int plan_begin(struct planning *p, uint64_t ref_id, const struct rec_ref *ref);
/** plan_load() - segment @id. */
int plan_load(struct planning *p, uint64_t id, struct plan_source **ret);
/** plan_load_once() - the same, of one that was not loaded before. */
int plan_load_once(struct planning *p, uint64_t id, struct plan_source **ret);
/** plan_load_new() - one that is in no tree yet; @g outlives the planning. */
int plan_load_new(struct planning *p, const struct commit_segment *g, struct plan_source **ret);
/** plan_items_add() - all blocks of @s; @new: their commit blocks, NULL for an old segment. */
int plan_items_add(struct planning *p, struct plan_source *s, const struct commit_block *new,
	struct plan_items *ret);
/** plan_item_push() - one block. */
int plan_item_push(struct plan_items *l, const struct plan_item *item);
void plan_items_deinit(struct plan_items *l);
#define auto_items cleanup(plan_items_deinit)
/** plan_drop() - @s leaves the tree. */
int plan_drop(struct planning *p, const struct plan_source *s);
/** plan_build() - a new segment of @n blocks under @key (0: above all); no block that is gone. */
int plan_build(struct planning *p, const struct plan_item *items, size_t n, uint64_t key);
/** plan_give_ids() - @ids: one for each segment of the plan. */
void plan_give_ids(struct plan *p, const struct client_ids *ids);
/** plan_stands() - does the tree @root have all that leaves it? -EAGAIN. */
int plan_stands(struct refs_txn *x, const struct plan *p, uint64_t root);
/**
 * plan_apply() - inside the transaction that found the head unchanged, or that the plan stands
 * @root: of the head
 * @s:    with the sums of the head; gets root and sums of the new one
 */
int plan_apply(struct refs_txn *x, const struct plan *p, uint64_t root, struct rec_table *table,
	struct rec_snapshot *s);

/** fold_class() - 0: 1-9 blocks, 1: 10-99, 2: 100-999, 3: full. */
unsigned fold_class(uint64_t blocks, uint64_t metas);
#define FOLD_CLASS_COMMIT 1 /* what a user's commit folds itself */
#define FOLD_CLASS_FULL 3
/**
 * fold_plan() - the folds that become due, of classes up to @class_max
 * @add: comes behind all others; NULL: only what is there
 *
 * A plan without segments: nothing folds.
 */
int fold_plan(struct planning *p, const struct commit_segment *add, unsigned class_max);
#define FOLD_WORK_MAX 4000 /* blocks that a plan of large folds writes again; may end above */
#define FOLD_SAVES_MIN 9   /* segments: what makes it worth a commit, */
#define FOLD_TAIL_MAX 32   /* or so many that are not full, or between such, */
#define FOLD_REST_MAX 27   /* or so many beside the full ones (model fold.py) */
/** fold_plan_large() - the oldest folds of all classes; @all: also what is worth little. */
int fold_plan_large(struct planning *p, const struct rec_snapshot *head, bool all);
/** fold_full() - segments that the blocks of @head take at least. */
uint64_t fold_full(const struct rec_snapshot *head);
/** FOLD_IDS - segments that an append may become, folded. */
#define FOLD_IDS 2
/**
 * fold_append() - the fold that comes with appending @g to @ref as it is now
 * @ids: FOLD_IDS of them, for the new segments
 * @ret: without segments: none, @g is appended as it is. plan_deinit()
 */
int fold_append(struct refs_store *s, uint64_t ref, const struct commit_segment *g,
	const struct client_ids *ids, struct plan *ret);
