/* Parts of fs_change_run(), by what they change. */
#pragma once
#include "fs/change.h"

struct fs_headlink;

/** change_is_tag() - the words for a tag that should change. Return: @r. */
int change_is_tag(const struct rec_ref *ref, int r, struct bough_error *error);
/** change_snapshot_of() - snapshot @id; -EXDEV where it is not of @ref's table. */
int change_snapshot_of(struct refs_txn *x, uint64_t ref, uint64_t id, struct rec_snapshot *ret,
	struct bough_error *error);
/** change_refuse() - as fs_refuse(). */
int change_refuse(struct refs_txn *x, uint64_t dir, struct bough_error *error);

int change_link(struct refs_txn *x, struct fs_change *c, struct bough_error *error);
int change_set_head(struct refs_txn *x, struct fs_change *c, struct bough_error *error);
/** change_move_head() - FS_RENAME of a temporary link. */
int change_move_head(struct refs_txn *x, struct fs_change *c, const struct fs_headlink *link,
	struct bough_error *error);
int change_freeze(struct refs_txn *x, struct fs_change *c, struct bough_error *error);
int change_retain(struct refs_txn *x, struct fs_change *c, struct bough_error *error);
int change_unlink(struct refs_txn *x, struct fs_change *c, struct bough_error *error);
