/*
 * Names in data/. (table, name, block) is only an index of candidates: a block that no segment of
 * this head's tree holds is not in this directory, whatever it was called.
 */
#include "fs/tree_impl.h"
#include "meta/tree.h"
#include <errno.h>
#include <string.h>

#define FOUND 1 /* ends a scan */

/** Which segment of a tree holds a block. */
struct holder {
	struct refs_txn *x;
	uint64_t root, segment;
};

static int holder_of(void *arg, struct slice key, struct slice value)
{
	struct holder *h = arg;
	uint64_t segment = key_read_u64(key, 9);
	struct rec_segment rec;
	struct tree_entry e;
	int r = 0;

	(void)value;
	/* reading a segment means checking all of its bytes: tens of kilobytes */
	if (h->root)
		r = rec_segment_get(h->x->kv, segment, &rec);
	if (!r && h->root)
		r = tree_find(h->x->kv, h->root, rec.key, &e);
	if (r == -ENOENT || (!r && h->root && e.child != segment))
		return 0;
	h->segment = segment;
	return r ? r : FOUND;
}

/** @root 0: in any tree. */
static int find_holder(struct refs_txn *x, uint64_t root, uint64_t block, uint64_t *ret_segment)
{
	struct holder h = {.x = x, .root = root};
	struct key lo = key_u64(KEY_HOLDER, block), hi = key_next(&lo);
	int r = kv_scan(x->kv, KV_BULK, key_slice(&lo), key_slice(&hi), holder_of, &h);

	if (r != FOUND)
		return r ? r : -ENOENT;
	*ret_segment = h.segment;
	return 0;
}

/** Entries mostly rise by block, as imports write them: -ENOENT says nothing if they do not. */
static int find_rising(const struct rec_segment *g, uint64_t block, struct rec_segment_entry *ret)
{
	uint32_t lo = 0, hi = g->blocks;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int r = rec_segment_entry_at(g, mid, ret);

		if (r || ret->block == block)
			return r;
		if (ret->block < block)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -ENOENT;
}

static int find_entry(
	struct refs_txn *x, uint64_t segment, uint64_t block, struct rec_segment_entry *ret)
{
	struct rec_segment g;
	int r = rec_segment_get(x->kv, segment, &g);

	if (!r)
		r = find_rising(&g, block, ret);
	if (r != -ENOENT)
		return r;
	r = 0;
	for (uint32_t i = 0; !r && i < g.blocks; i++) {
		r = rec_segment_entry_at(&g, i, ret);
		if (!r && ret->block == block)
			return 0;
	}
	return r ? r : -EUCLEAN; /* the index says that it is there */
}

int fs_data_modified(struct refs_txn *x, uint64_t block, uint64_t *ret_us)
{
	struct rec_segment_entry e;
	uint64_t segment;
	int r = find_holder(x, 0, block, &segment);

	if (!r)
		r = find_entry(x, segment, block, &e);
	if (!r)
		*ret_us = e.modified_us;
	return r;
}

/** Candidates for one given name, oldest first. */
struct candidates {
	struct refs_txn *x;
	uint64_t root, found;
	struct slice name;
	uint64_t known; /* a block of the tree that has the name: no need to ask; 0 none */
};

/** 0: this tree has the block, and calls it so. -ENOENT. */
static int has_name(const struct candidates *c, uint64_t block)
{
	struct rec_segment_entry e;
	uint64_t segment;
	int r = find_holder(c->x, c->root, block, &segment);

	if (!r)
		r = find_entry(c->x, segment, block, &e);
	return r ? r : slice_equal(e.name, c->name) ? 0 : -ENOENT;
}

static int candidate(void *arg, struct slice key, struct slice value)
{
	struct candidates *c = arg;
	uint64_t block = key_read_u64(key, key.len - 8);
	int r = block == c->known ? 0 : has_name(c, block);

	(void)value;
	if (r)
		return r == -ENOENT ? 0 : r;
	c->found = block;
	return FOUND;
}

static int oldest_named(struct refs_txn *x, uint64_t table, uint64_t root, const char *name,
	uint64_t known, uint64_t *ret_block)
{
	struct candidates c = {.x = x, .root = root, .name = slice_str(name), .known = known};
	struct key lo = key_file_name(table, name), hi = key_next(&lo);
	int r = kv_scan(x->kv, KV_BULK, key_slice(&lo), key_slice(&hi), candidate, &c);

	if (r != FOUND)
		return r ? r : -ENOENT;
	*ret_block = c.found;
	return 0;
}

static bool name_can_show(struct slice name)
{
	static const char dots[] = "..";

	if (!name.len || name.len > FS_NAME_BYTES_MAX || memchr(name.data, '/', name.len) ||
		memchr(name.data, 0, name.len))
		return false;
	return name.len > 2 || memcmp(name.data, dots, name.len) != 0;
}

int fs_data_name(struct refs_txn *x, uint64_t table, uint64_t root,
	const struct rec_segment_entry *e, char ret[static FS_NAME_BYTES_MAX + 1])
{
	struct rec_block rec;
	uint64_t oldest = 0;
	int r = 0;

	if (name_can_show(e->name)) {
		memcpy(ret, e->name.data, e->name.len);
		ret[e->name.len] = 0;
		r = oldest_named(x, table, root, ret, e->block, &oldest);
		if (!r && oldest == e->block)
			return 0;
	}
	if (!r || r == -ENOENT)
		r = rec_block_get(x->kv, e->block, &rec);
	if (!r)
		refs_block_name(x->store, e->block, &rec, ret);
	return r == -ENOENT ? -EUCLEAN : r;
}

/** A block shown by its own name. */
static int find_by_own_name(
	struct refs_txn *x, uint64_t table, uint64_t root, const char *name, uint64_t *ret_block)
{
	char shown[FS_NAME_BYTES_MAX + 1];
	struct rec_segment_entry e;
	uint64_t block, segment;
	int r = fs_object_find(x, table, ID_BLOCK, name, &block);

	if (!r)
		r = find_holder(x, root, block, &segment);
	if (!r)
		r = find_entry(x, segment, block, &e);
	if (!r)
		r = fs_data_name(x, table, root, &e, shown);
	if (!r && strcmp(shown, name) != 0)
		r = -ENOENT;
	if (!r)
		*ret_block = block;
	return r;
}

int fs_data_find(
	struct refs_txn *x, uint64_t table, uint64_t root, const char *name, uint64_t *ret_block)
{
	int r = -ENOENT;

	if (!root || strlen(name) > FS_NAME_BYTES_MAX)
		return -ENOENT;
	r = oldest_named(x, table, root, name, 0, ret_block);
	return r == -ENOENT ? find_by_own_name(x, table, root, name, ret_block) : r;
}
