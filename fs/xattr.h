/* Extended attributes, free of FUSE. */
#pragma once
#include "fs/tree.h"

#define FS_XATTR_PREFIX "user.bough."
#define FS_XATTR_RETAIN FS_XATTR_PREFIX "retain" /* can be set, not read: expire_at shows it */

/** Called for each attribute; non-zero ends and is returned. */
typedef int (*fs_xattr_fn)(void *arg, const char *name, const char *value);

/** fs_xattr_each() - all attributes of an inode: user.bough.store on every one. */
int fs_xattr_each(const struct fs_tree *t, uint64_t ino, fs_xattr_fn fn, void *arg);
/** fs_xattr_get() - one, appended to @ret. -ENODATA not there; -EOPNOTSUPP unknown. */
int fs_xattr_get(const struct fs_tree *t, uint64_t ino, const char *name, struct buf *ret);
/** fs_xattr_list() - all names, each with its NUL, appended to @ret. */
int fs_xattr_list(const struct fs_tree *t, uint64_t ino, struct buf *ret);
/**
 * fs_xattr_retain() - a value of user.bough.retain: "30s", "5m", "2h", "7d" or "0"
 * Errors, with words: -EINVAL; -EOPNOTSUPP @ino is no branch, tag or table.
 */
int fs_xattr_retain(uint64_t ino, struct slice value, uint64_t *ret_us, struct bough_error *error);
/**
 * fs_xattr_refuse() - why @name cannot be set
 * Return: always negative: -EPERM, with words; -EOPNOTSUPP unknown, or of a file: cp and mv try.
 */
int fs_xattr_refuse(uint64_t ino, const char *name, struct bough_error *error);
