/* Parts of the tree, inside one transaction. */
#pragma once
#include "fs/tree.h"
#include "refs/table.h"

/** fs_node_stat() - as fs_tree_stat(). */
int fs_node_stat(const struct fs_tree *t, struct refs_txn *x, uint64_t ino, struct fs_node *ret);
/** fs_node_block() - a block whose modification time is known already; 0: look it up. */
int fs_node_block(const struct fs_tree *t, struct refs_txn *x, uint64_t block, uint64_t modified_us,
	struct fs_node *ret);
/** fs_node_parent() - the directory that shows an inode, for ".." and paths. */
int fs_node_parent(struct refs_txn *x, uint64_t ino, uint64_t *ret_ino);
/** fs_node_name() - the name under which that directory shows it. */
int fs_node_name(struct refs_txn *x, uint64_t ino, char ret[static FS_NAME_BYTES_MAX + 1]);

/** A ref as a directory: its record, and whether it is the table's main. */
struct fs_ref {
	uint64_t id;
	struct rec_ref rec;
	bool is_main;
};
/** fs_ref_get() - -ESTALE expired. */
int fs_ref_get(struct refs_txn *x, uint64_t id, struct fs_ref *ret);
/** fs_ref_root() - tree of its head; 0 without data. */
int fs_ref_root(struct refs_txn *x, const struct rec_ref *ref, uint64_t *ret_root);

/** fs_snapshot_find() - the snapshot @name in the directory of @ref. */
int fs_snapshot_find(struct refs_txn *x, uint64_t ref, const char *name, uint64_t *ret_id);
/** fs_snapshot_named() - any snapshot by its whole name. -EINVAL it is no such name; -ENOENT. */
int fs_snapshot_named(struct refs_txn *x, const char *name, uint64_t *ret_id);
/**
 * fs_dir_ref() - the ref whose HEAD stands in @dir (a table's is main), if it may be changed
 * Errors: -EPERM no such directory, or protected; -EROFS a tag; -ESTALE; -ENOENT.
 */
int fs_dir_ref(struct refs_txn *x, uint64_t dir, uint64_t *ret_ref, struct bough_error *error);
/** fs_trash_name() - of an entry in .bough/trash/. */
int fs_trash_name(struct refs_txn *x, uint64_t id, char ret[static FS_NAME_BYTES_MAX + 1]);
/** fs_trash_find() - the inverse. */
int fs_trash_find(struct refs_txn *x, const char *name, uint64_t *ret_id);

/** fs_text() - contents of a file of .bough/. */
int fs_text(const struct fs_tree *t, enum fs_file file, struct buf *ret);
