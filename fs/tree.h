/*
 * The mounted tree, free of FUSE: numbers to attributes, names to numbers, listings, contents.
 * Each call is one read transaction of its own, ended before the call returns.
 * Errors of all: -ENOENT gone or never there; -ESTALE inside an expired ref; -EUCLEAN damaged.
 */
#pragma once
#include "fs/inode.h"
#include "fs/report.h"
#include "refs/store.h"

#define FS_TARGET_BYTES_MAX 1024 /* of a symbolic link */
#define FS_NAME_BYTES_MAX 255

struct fs_tree {
	struct refs_store *store; /* borrowed, as the next three */
	struct fs_report *report;
	struct fs_headlinks *headlinks; /* NULL none */
	struct fs_spool *spool;		/* NULL none: nothing is written */
	uid_t uid;
	gid_t gid;
};

#define FS_NEVER_BELIEVED 1 /* an fs_node.expire_at_us: each look-up of the name asks again */
/** What the kernel may know of an inode. */
struct fs_node {
	struct stat st;
	uint64_t generation;
	uint64_t version;      /* of a directory's listing: equal means nothing changed */
	uint64_t expire_at_us; /* until when the name looked up may be believed; 0 for ever */
	bool is_live;	       /* never to be cached */
};

/** fs_tree_stat() - attributes of an inode. */
int fs_tree_stat(const struct fs_tree *t, uint64_t ino, struct fs_node *ret);
/** fs_tree_lookup() - the child @name of directory @dir. */
int fs_tree_lookup(const struct fs_tree *t, uint64_t dir, const char *name, struct fs_node *ret);
/** fs_tree_readlink() - target of a HEAD, or of a link on its way to one. */
int fs_tree_readlink(const struct fs_tree *t, uint64_t ino, char ret[static FS_TARGET_BYTES_MAX]);
/** fs_tree_render() - the bytes of a snapshot, a segment or a file of .bough/. */
int fs_tree_render(const struct fs_tree *t, uint64_t ino, struct buf *ret);
/** fs_tree_block_key() - the object behind a block. */
int fs_tree_block_key(
	const struct fs_tree *t, uint64_t ino, char ret[static OBJSTORE_KEY_BYTES_MAX + 1]);
/** fs_tree_path() - "sales/orders/_refs/dev" for messages; @name may be NULL; "?" if unknown. */
int fs_tree_path(const struct fs_tree *t, uint64_t ino, const char *name, struct buf *ret);

/** An open directory. data/ keeps the head it was opened at; the others list what is there. */
struct fs_dir {
	uint64_t ino, version;
	uint64_t table, root; /* of data/ */
	uint64_t entries_min; /* it has at least so many */
	uint64_t expire_at_us;
	int epoch; /* token: keeps the pinned head's records from the collector; -1 none */
};

/** fs_dir_open() - pin it. */
int fs_dir_open(const struct fs_tree *t, uint64_t ino, struct fs_dir *ret);
/** fs_dir_close() - of an opened one. */
void fs_dir_close(const struct fs_tree *t, struct fs_dir *d);

/**
 * Called for each name; non-zero ends the listing and is returned.
 * @cookie: where to go on after this entry; it belongs to no handle
 */
typedef int (*fs_dir_fn)(void *arg, const char *name, const struct fs_node *node, uint64_t cookie);
/**
 * fs_dir_list() - the names after @cookie (0: from the start)
 * @with_attributes: fill the nodes; else only number and type
 *
 * @fn must not wait for anything: the transaction is open.
 */
int fs_dir_list(const struct fs_tree *t, const struct fs_dir *d, uint64_t cookie,
	bool with_attributes, fs_dir_fn fn, void *arg);
