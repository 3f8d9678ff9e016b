/* An edit under way. Inside refs/ only. */
#pragma once
#include "refs/client.h"
#include "refs/edit.h"
#include "refs/plan_impl.h"

/** One ref of an edit. */
struct edit_side {
	struct plan plan;
	struct schema schema;
	uint64_t schema_id;
	enum rec_operation operation;
	struct change_list changes; /* names that go or mean something else */
	struct commit_changed made;
};

/** A segment of the head that changes. */
struct edit_touched {
	struct plan_source *source;
	struct plan_items items;
	bool lost; /* blocks */
};

/** Where a block stands in a tree. */
struct edit_place {
	uint64_t segment;
	uint32_t at;
	struct rec_segment_entry entry; /* borrows from the transaction */
};

/** A side being planned. */
struct edit_planning {
	struct planning p;
	struct rec_ref ref;
	struct edit_side *side;
	struct edit_touched *touched; /* rising keys when grouped */
	size_t n_touched;
	struct plan_items links; /* appended */
	struct bough_error *error;
};

/** edit_find_block() - in the tree @root. -ENOENT. */
int edit_find_block(struct refs_txn *x, uint64_t root, uint64_t block, struct edit_place *ret);
/** edit_find_name() - the oldest block above @after that is called @name in the tree. -ENOENT. */
int edit_find_name(struct refs_txn *x, uint64_t table, uint64_t root, const char *name,
	uint64_t after, uint64_t *ret_block);
/** edit_build() - new segments of what was touched, joined with neighbours; then the links. */
int edit_build(struct edit_planning *e);
