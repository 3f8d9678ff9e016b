/*
 * Links on their way. `ln -sfn SNAPSHOT HEAD` makes a symbolic link under a temporary name and
 * renames it over HEAD; `ln -f FILE data/NAME` does so with a hard link. Between the two they are
 * only here. In memory, of one mount.
 */
#pragma once
#include "fs/tree.h"

#define FS_HEADLINKS_MAX 64 /* of all refs; one more takes the oldest one's place */
#define FS_HEADLINK_BYTES_MAX 1023

struct fs_headlink {
	uint64_t id, dir;  /* id: of its FS_HEADLINK; 0 none */
	uint64_t snapshot; /* of one to HEAD */
	uint64_t block;	   /* of one in data/ */
	char name[FS_NAME_BYTES_MAX + 1], target[FS_HEADLINK_BYTES_MAX + 1];
};

struct fs_headlinks;
int fs_headlinks_new(struct fs_headlinks **ret);
/** fs_headlinks_free() - takes NULL. */
void fs_headlinks_free(struct fs_headlinks *l);
/** fs_headlink_put() - @link without its id, which is given. Replaces one of that name. */
void fs_headlink_put(struct fs_headlinks *l, const struct fs_headlink *link, uint64_t *ret_id);
/** fs_headlink_find() - -ENOENT. @l may be NULL: there are none. */
int fs_headlink_find(
	struct fs_headlinks *l, uint64_t dir, const char *name, struct fs_headlink *ret);
/** fs_headlink_get() - by its id. -ENOENT. */
int fs_headlink_get(struct fs_headlinks *l, uint64_t id, struct fs_headlink *ret);
/** fs_headlink_remove() - -ENOENT. */
int fs_headlink_remove(struct fs_headlinks *l, uint64_t dir, const char *name);

/**
 * fs_headlink_resolve() - the snapshot that a target of HEAD in @dir means
 *
 * "<snapshot>" of the directory itself, or a path that ends in any snapshot's name of the table.
 * Errors, with words: -EINVAL it is no snapshot's name; -ENOENT; -EXDEV of another table; -EROFS a
 * tag; -EPERM protected, or no directory of a ref; -ESTALE.
 */
int fs_headlink_resolve(struct refs_txn *x, uint64_t dir, const char *target,
	uint64_t *ret_snapshot, struct bough_error *error);
