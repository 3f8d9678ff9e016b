/*
 * Names in data/: which block of a head a name means. A block has the name that the head's own
 * segment gives it; of several with one name the oldest shows it, the others show their own. The
 * index (table, name, block) only has candidates: a block that no segment of this tree holds is not
 * in this directory, whatever it was called.
 */
#pragma once
#include "refs/store.h"

/** refs_data_place() - where @block stands in the tree @root, 0 being the empty one. -ENOENT. */
int refs_data_place(struct refs_txn *x, uint64_t root, uint64_t block, struct refs_place *ret);
/** refs_data_anywhere() - in any segment that there is. -ENOENT. */
int refs_data_anywhere(struct refs_txn *x, uint64_t block, struct refs_place *ret);
/** refs_data_called() - the oldest block above @after that was given @name in the tree. -ENOENT. */
int refs_data_called(struct refs_txn *x, uint64_t table, uint64_t root, const char *name,
	uint64_t after, uint64_t *ret_block);
/** refs_data_was_called() - was @block ever shown as @name, in any ref of @table? */
bool refs_data_was_called(struct refs_txn *x, uint64_t table, uint64_t block, const char *name);
/**
 * refs_data_find() - the block that data/ shows as @name in the tree @root. -ENOENT.
 * @ret_is_shadowed: @name is its own, as another block shows the one that it was given: with that
 *                   block @name goes too; may be NULL
 */
int refs_data_find(struct refs_txn *x, uint64_t table, uint64_t root, const char *name,
	uint64_t *ret_block, bool *ret_is_shadowed);
/** refs_data_is_shadowed() - the same of an entry that refs_data_name() calls @name. */
bool refs_data_is_shadowed(const struct rec_segment_entry *e, const char *name);
/**
 * refs_data_name() - the name of a block of the tree @root
 *
 * Its given name; its own where an older block of the tree shows that name, or where the given
 * name cannot be a file's.
 */
int refs_data_name(struct refs_txn *x, uint64_t table, uint64_t root,
	const struct rec_segment_entry *e, char ret[static REC_NAME_BYTES_MAX + 1]);
