/* How a node is written, for the two halves of tree: reading and changing. */
#pragma once
#include "meta/tree.h"

/** Above this, with checksum, a value costs LMDB a page of its own. */
#define TREE_NODE_BYTES_MAX (2021 - 4)

/** tree_entry_bytes() - of @e in a node after an entry with key @before (0: it is the first). */
size_t tree_entry_bytes(const struct tree_entry *e, uint64_t before);
/** tree_node_put() - @n entries as a new node; *@ret stands for it in its parent. */
int tree_node_put(struct kv_txn *t, uint16_t level, const struct tree_entry *e, size_t n,
	struct tree_entry *ret);
/** tree_node_seek() - the last entry whose key is <= @key; 0 if there is none. */
size_t tree_node_seek(const struct tree_node *n, uint64_t key);
/** tree_child_get() - child @at of @parent, one level lower. -EUCLEAN. */
int tree_child_get(
	struct kv_txn *t, const struct tree_node *parent, size_t at, struct tree_node *ret);

#define TREE_HEAD_BYTES 3 /* version, level, number of entries */
