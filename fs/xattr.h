/* Extended attributes, free of FUSE. */
#pragma once
#include "fs/tree.h"

#define FS_XATTR_PREFIX "user.bough."

/** Called for each attribute; non-zero ends and is returned. */
typedef int (*fs_xattr_fn)(void *arg, const char *name, const char *value);

/** fs_xattr_each() - all attributes of an inode: user.bough.store on every one. */
int fs_xattr_each(const struct fs_tree *t, uint64_t ino, fs_xattr_fn fn, void *arg);
/** fs_xattr_get() - one, appended to @ret. -ENODATA not there; -EOPNOTSUPP not of user space. */
int fs_xattr_get(const struct fs_tree *t, uint64_t ino, const char *name, struct buf *ret);
/** fs_xattr_list() - all names, each with its NUL, appended to @ret. */
int fs_xattr_list(const struct fs_tree *t, uint64_t ino, struct buf *ret);
