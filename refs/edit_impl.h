/* An edit under way. Inside refs/ only. */
#pragma once
#include "refs/client.h"
#include "refs/data.h"
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

/** A name that is made up; owned. */
struct edit_name {
	struct edit_name *next;
	char text[ID_NAME_BYTES_MAX];
};

/** A side being planned. */
struct edit_planning {
	struct planning p;
	struct rec_ref ref;
	struct edit_side *side;
	struct edit_touched *touched; /* rising keys when grouped */
	size_t n_touched;
	struct plan_items links; /* appended */
	struct edit_name *names;
	struct bough_error *error;
};

/** edit_find_op() - where the block stands that @op is about, in the tree @root. */
int edit_find_op(struct edit_planning *e, const struct refs_edit_op *op, uint64_t root,
	struct refs_place *ret);
/** edit_remove_named() - what @name means in the head goes, unless it is @block, or nothing. */
int edit_remove_named(struct edit_planning *e, const char *name, uint64_t block);
/** edit_link() - REFS_EDIT_LINK. */
int edit_link(struct edit_planning *e, const struct refs_edit_op *op);
/** edit_build() - new segments of what was touched, joined with neighbours; then the links. */
int edit_build(struct edit_planning *e);
