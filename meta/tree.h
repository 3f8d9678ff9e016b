/*
 * A snapshot is the root of a copy-on-write B-tree of segments. Path copying: a change writes
 * O(height) nodes and shares the rest. Every node, segment and block has an exact reference count
 * (KEY_COUNT, stored only when >= 2). The caller of a function that returns a new root owns one
 * reference to it; the old root keeps its own. Key: a per-table sequence number.
 */
#pragma once
#include "meta/record.h"

/*
 * Entries of a node, which also stays below 2,021 bytes. A commit counts all children of the nodes
 * that it copies: small ones keep it from slowing down where segments become many.
 */
#define TREE_FANOUT 24
#define TREE_HEIGHT_MAX 10

struct tree_entry {
	uint64_t key, child, rows, bytes; /* child: node, or segment in a leaf */
};

struct tree_node {
	uint16_t level, n; /* level 0: the children are segments */
	struct tree_entry e[TREE_FANOUT + 1];
};

/** Called for each leaf entry in key order; non-zero ends the walk and is returned. */
typedef int (*tree_fn)(void *arg, const struct tree_entry *e);

/** tree_node_get() - -EUCLEAN when it is missing or damaged (an edge points to it). */
int tree_node_get(struct kv_txn *t, uint64_t id, struct tree_node *ret);
/** tree_child_kind() - KEY_NODE, or KEY_SEGMENT in a leaf. */
enum key_kind tree_child_kind(const struct tree_node *n);
/**
 * tree_insert() - a new tree with @e added
 * @root: 0 for the empty tree
 *
 * @e->child's one reference (from the caller) goes to the new tree. -EEXIST: key is there.
 */
int tree_insert(struct kv_txn *t, uint64_t root, const struct tree_entry *e, uint64_t *ret_root);
enum tree_change_kind { TREE_INSERT, TREE_REPLACE, TREE_REMOVE };

/** Changes with rising keys. */
struct tree_changes {
	const struct tree_change {
		enum tree_change_kind kind;
		struct tree_entry e; /* TREE_REMOVE: only its key */
	} * c;
	size_t n;
};
/**
 * tree_edit() - a new tree with all of @c carried out; each path is copied once
 *
 * The one reference of each child put in (from the caller) goes to the new tree. *@ret_root 0: it
 * is empty. Errors: -EEXIST inserted key is there; -ENOENT; -EINVAL a key does not rise.
 */
int tree_edit(struct kv_txn *t, uint64_t root, struct tree_changes c, uint64_t *ret_root);
/**
 * tree_append() - @n entries with rising keys above all of the tree: one path copied, not n
 *
 * As tree_insert(). @n 0: the same tree, with one reference more. -EINVAL: a key does not rise.
 */
int tree_append(
	struct kv_txn *t, uint64_t root, const struct tree_entry *e, size_t n, uint64_t *ret_root);
/**
 * tree_replace() - a new tree in which the entry of e->key is @e. -ENOENT.
 *
 * @e->child's one reference (from the caller) goes to the new tree.
 */
int tree_replace(struct kv_txn *t, uint64_t root, const struct tree_entry *e, uint64_t *ret_root);
/** tree_remove() - a new tree without @key; *@ret_root 0 when it was the last. -ENOENT. */
int tree_remove(struct kv_txn *t, uint64_t root, uint64_t key, uint64_t *ret_root);
/** tree_find() - -ENOENT. */
int tree_find(struct kv_txn *t, uint64_t root, uint64_t key, struct tree_entry *ret);
/** tree_walk() - leaf entries with key >= @lo. @root 0: none. */
int tree_walk(struct kv_txn *t, uint64_t root, uint64_t lo, tree_fn fn, void *arg);
/** tree_walk_down() - from the newest to the oldest. */
int tree_walk_down(struct kv_txn *t, uint64_t root, tree_fn fn, void *arg);
/** tree_walk_below() - the same, leaf entries with key < @hi. */
int tree_walk_below(struct kv_txn *t, uint64_t root, uint64_t hi, tree_fn fn, void *arg);
/** tree_sums() - rows and bytes of all. */
int tree_sums(struct kv_txn *t, uint64_t root, uint64_t *ret_rows, uint64_t *ret_bytes);

/** Called with a child that lost its parent: the callee owns the reference the parent had. */
typedef int (*tree_orphan_fn)(void *arg, enum rec_queue_kind kind, uint64_t child);

/**
 * tree_node_release() - give up one reference to node @id
 *
 * When it was the last, the node's record is deleted and @fn called for each child
 * (REC_QUEUE_NODE or REC_QUEUE_SEGMENT): at most TREE_FANOUT. *@ret_last: was it? -EUCLEAN.
 */
int tree_node_release(struct kv_txn *t, uint64_t id, tree_orphan_fn fn, void *arg, bool *ret_last);
