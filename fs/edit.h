/*
 * What rm, mv and ln do to the files of data/: prepared outside of a transaction, from the heads as
 * they are then, and applied in one; free of FUSE. A run of rm is one step of history (protocol:
 * Squashing).
 */
#pragma once
#include "fs/change.h"
#include "refs/edit.h"

#define FS_SQUASHES 64

/**
 * Runs of removals of this mount; of refs whose ids fall together the last one's. The committer's
 * thread alone reads and writes them.
 */
struct fs_squashes {
	struct refs_squash items[FS_SQUASHES];
};

struct fs_edit {
	struct fs_change *change; /* borrowed */
	struct fs_squashes *squashes;
	char author[REC_NAME_BYTES_MAX + 1];
	struct refs_edit_op ops[2];
	struct refs_edit_options options;
	struct refs_edit *edit; /* owned */
};

/** fs_is_edit() - does this change take an edit, and not fs_change_run()? */
bool fs_is_edit(const struct fs_change *c);
/**
 * fs_edit_prepare() - again after -EAGAIN of fs_edit_apply()
 *
 * Errors, with words: -ENOENT; -EEXIST the ref has that block already, or RENAME_NOREPLACE;
 * -EINVAL a name that no committed file may have, or other schema; -EROFS a tag; -ESTALE expired;
 * -EXDEV another table.
 */
int fs_edit_prepare(struct fs_edit *e, struct bough_error *error);
/** fs_edit_apply() - sets what the change made. -EAGAIN. */
int fs_edit_apply(struct refs_txn *x, struct fs_edit *e, struct bough_error *error);
/** fs_edit_done() - after the outcome; on the committer's thread if @result is 0. */
void fs_edit_done(struct fs_edit *e, int result);
