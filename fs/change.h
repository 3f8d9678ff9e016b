/* What the mount changes, free of FUSE: bodies for the committer, and why something is refused. */
#pragma once
#include "fs/tree.h"

/** An operation on directories. Names are owned by the one who made it. */
struct fs_change {
	const struct fs_tree *tree;
	enum {
		FS_MKDIR,
		FS_RMDIR,
		FS_RENAME,
		FS_LINK,
		FS_SET_HEAD,
		FS_UNLINK,
		FS_FREEZE,
		FS_RETAIN
	} what;
	uint64_t dir;
	const char *name;
	uint64_t to_dir; /* FS_RENAME, as the next two */
	const char *to_name;
	bool no_replace;
	mode_t mode;	     /* FS_MKDIR: as asked for, the umask not taken off */
	uint64_t ino;	     /* FS_LINK, and what has no name: the flight's dir is the same */
	uint64_t retain_us;  /* FS_RETAIN */
	const char *target;  /* FS_SET_HEAD */
	struct fs_node made; /* all but FS_RMDIR, FS_RENAME, FS_UNLINK, FS_RETAIN: set on success */
};

/**
 * fs_change_run() - carry it out in @x
 *
 * mkdir makes databases, tables, branches, and tags (where @mode has no write bit); rmdir drops
 * empty databases, tables without data, and refs whole; rename renames them in place, or brings one
 * back from the trash, or sets HEAD. A snapshot linked in becomes the head; one that is not the
 * head can be removed. Errors, with words: -EBUSY, -EEXIST, -EINVAL bad name, -ENOENT, -ENOTEMPTY,
 * -EPERM, -EROFS, -EXDEV.
 */
int fs_change_run(struct refs_txn *x, struct fs_change *c, struct bough_error *error);

/**
 * fs_refuse() - why files cannot be made, removed or changed in directory @dir, or @dir itself
 *
 * Return: always negative: -EROFS where nothing ever changes by hand (_b, _sg, _ss, tags), -ESTALE
 * in an expired ref, else -EPERM.
 */
int fs_refuse(const struct fs_tree *t, uint64_t dir, struct bough_error *error);
/**
 * fs_write_check() - may files be made in directory @dir?
 *
 * Errors, with words: those of fs_refuse(); -EROFS a tag, or a mount without a spool; -ESTALE.
 */
int fs_write_check(const struct fs_tree *t, uint64_t dir, struct bough_error *error);
/** fs_chmod_check() - 0: nothing happens; 1: @ino is to become a tag; -EPERM a tag is one for ever.
 */
int fs_chmod_check(const struct fs_tree *t, uint64_t ino, mode_t mode, struct bough_error *error);
