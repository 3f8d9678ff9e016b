/*
 * Just enough of LMDB's pages to look up one small record (mdb.c: MDB_page, MDB_node): a header,
 * the offsets of its nodes in key order, the nodes. The bytes are not believed.
 */
#include "meta/lmdb_impl.h"

#include <errno.h>
#include <string.h>

#define DEPTH_MAX 32
#define PAGE_BYTES_MAX 65536
#define PAGE_AT_FLAGS 10
#define PAGE_AT_LOWER 12
#define PAGE_HEAD_BYTES 16
#define PAGE_IS_BRANCH 1
#define PAGE_IS_LEAF 2
#define NODE_HEAD_BYTES 8
#define NODE_IS_BIG 1
#define DB_AT_ROOT 40 /* in the record of a named database */
#define DB_BYTES 48

struct node {
	uint16_t words[3]; /* of a branch: page number; of a leaf: length (two), flags */
	struct slice key;
	const uint8_t *data;
	size_t left; /* bytes behind the key */
};

struct page {
	size_t bytes, n;
	uint16_t flags;
	uint8_t data[PAGE_BYTES_MAX];
};

static uint16_t read_u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static int page_read(int fd, uint64_t number, struct page *p)
{
	uint16_t lower;

	if (number > (uint64_t)INT64_MAX / p->bytes ||
		pread(fd, p->data, p->bytes, (off_t)(number * p->bytes)) != (ssize_t)p->bytes)
		return -EUCLEAN;
	p->flags = read_u16(p->data + PAGE_AT_FLAGS) & (PAGE_IS_BRANCH | PAGE_IS_LEAF);
	lower = read_u16(p->data + PAGE_AT_LOWER);
	if (lower <= PAGE_HEAD_BYTES || lower > p->bytes)
		return -EUCLEAN;
	p->n = (lower - PAGE_HEAD_BYTES) / sizeof(uint16_t);
	return p->n ? 0 : -EUCLEAN;
}

static int node_read(const struct page *p, size_t i, struct node *ret)
{
	size_t at = read_u16(p->data + PAGE_HEAD_BYTES + i * sizeof(uint16_t));
	size_t key_bytes;

	if (at > p->bytes - NODE_HEAD_BYTES)
		return -EUCLEAN;
	memcpy(ret->words, p->data + at, sizeof ret->words);
	key_bytes = read_u16(p->data + at + sizeof ret->words);
	at += NODE_HEAD_BYTES;
	if (key_bytes > p->bytes - at)
		return -EUCLEAN;
	ret->key = (struct slice){p->data + at, key_bytes};
	ret->data = p->data + at + key_bytes;
	ret->left = p->bytes - at - key_bytes;
	return 0;
}

/* The last node whose key is <= @key; of a branch the first one has no key and is below all. */
static int node_seek(const struct page *p, struct slice key, struct node *ret)
{
	struct node n;
	int r = node_read(p, 0, ret);

	for (size_t i = 1; i < p->n && !r; i++) {
		r = node_read(p, i, &n);
		if (!r && slice_compare(n.key, key) > 0)
			break;
		if (!r)
			*ret = n;
	}
	return r;
}

static int leaf_value(const struct node *n, struct slice key, struct slice *ret)
{
	size_t len = n->words[0] | (size_t)n->words[1] << 16;

	if (!slice_equal(n->key, key) || n->words[2] & NODE_IS_BIG || len > n->left)
		return -EUCLEAN;
	*ret = (struct slice){n->data, len};
	return 0;
}

/* The value of @key in the tree at page @root; it lies in @p. */
static int tree_get(int fd, struct page *p, uint64_t root, struct slice key, struct slice *ret)
{
	struct node n;

	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		int r = page_read(fd, root, p);

		if (!r)
			r = node_seek(p, key, &n);
		if (r)
			return r;
		if (p->flags == PAGE_IS_LEAF)
			return leaf_value(&n, key, ret);
		if (p->flags != PAGE_IS_BRANCH)
			return -EUCLEAN;
		root = n.words[0] | (uint64_t)n.words[1] << 16 | (uint64_t)n.words[2] << 32;
	}
	return -EUCLEAN;
}

int lmdb_page_txn_id(int fd, uint64_t page_bytes, uint64_t root, uint64_t *ret)
{
	struct page *p cleanup(free_p) = malloc(sizeof *p);
	struct slice key = slice_str(KV_COMMIT_KEY), value;
	uint64_t number;
	int r;

	if (!p)
		return -ENOMEM;
	p->bytes = page_bytes;
	r = tree_get(fd, p, root, slice_str("hot"), &value);
	if (!r && value.len != DB_BYTES)
		r = -EUCLEAN;
	if (r)
		return r;
	memcpy(&root, (const uint8_t *)value.data + DB_AT_ROOT, sizeof root);
	r = tree_get(fd, p, root, key, &value);
	if (!r)
		r = lmdb_unseal(key, value, &value);
	return r ? r : lmdb_commit_decode(value, &number, ret);
}
