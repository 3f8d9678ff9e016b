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

/** edit_build() - new segments of what was touched, joined with neighbours; then the links. */
int edit_build(struct edit_planning *e);
