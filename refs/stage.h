/*
 * Large appends and folds are written in slices, each a short transaction, and become visible with
 * the last one. Until then KEY_STAGE marks their ids: no listing and no look-up shows them.
 */
#pragma once
#include "refs/store.h"

/** Ids of one table that are being staged; rising. */
struct stage_list {
	size_t n;
	struct stage_ids {
		uint64_t first, end; /* end is not one of them */
	} * items;
};

/** refs_stage_list() - what is staged in @table now; usually nothing. @ret: stage_list_deinit(). */
int refs_stage_list(struct refs_txn *x, uint64_t table, struct stage_list *ret);
void stage_list_deinit(struct stage_list *l);
/** stage_list_has() - is @id among them? */
bool stage_list_has(const struct stage_list *l, uint64_t id);
