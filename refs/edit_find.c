/* Blocks of a tree: by id through their holders, by name through the index of candidates. */
#include "refs/edit_impl.h"

#include <errno.h>

#define FOUND 1 /* ends a scan */

/** Which segment of a tree holds a block. */
struct search {
	struct refs_txn *x;
	uint64_t root, block;
	struct edit_place place;
};

static int find_entry(const struct rec_segment *g, uint64_t block, struct edit_place *ret)
{
	int r = 0;

	for (ret->at = 0; ret->at < g->blocks && !r; ret->at++) {
		r = rec_segment_entry_at(g, ret->at, &ret->entry);
		if (!r && ret->entry.block == block)
			return 0;
	}
	return r ? r : -EUCLEAN; /* the index says that it is there */
}

static int holder(void *arg, struct slice key, struct slice value)
{
	struct search *s = arg;
	struct rec_segment g;
	struct tree_entry e;
	uint64_t id = key_read_u64(key, 9);
	int r = rec_segment_get(s->x->kv, id, &g);

	(void)value;
	if (!r)
		r = tree_find(s->x->kv, s->root, g.key, &e);
	if (r == -ENOENT || (!r && e.child != id))
		return 0;
	s->place.segment = id;
	if (!r)
		r = find_entry(&g, s->block, &s->place);
	return r ? r : FOUND;
}

int edit_find_block(struct refs_txn *x, uint64_t root, uint64_t block, struct edit_place *ret)
{
	struct search s = {.x = x, .root = root, .block = block};
	struct key lo = key_u64(KEY_HOLDER, block), hi = key_next(&lo);
	int r = kv_scan(x->kv, KV_BULK, key_slice(&lo), key_slice(&hi), holder, &s);

	if (r != FOUND)
		return r ? r : -ENOENT;
	*ret = s.place;
	return 0;
}

/** Candidates for a name, oldest first. */
struct candidates {
	struct refs_txn *x;
	uint64_t root, found;
	struct slice name;
};

static int candidate(void *arg, struct slice key, struct slice value)
{
	struct candidates *c = arg;
	uint64_t block = key_read_u64(key, key.len - 8);
	struct edit_place place;
	int r = edit_find_block(c->x, c->root, block, &place);

	(void)value;
	if (r == -ENOENT || (!r && !slice_equal(place.entry.name, c->name)))
		return 0;
	c->found = block;
	return r ? r : FOUND;
}

int edit_find_name(struct refs_txn *x, uint64_t table, uint64_t root, const char *name,
	uint64_t after, uint64_t *ret_block)
{
	struct candidates c = {.x = x, .root = root, .name = slice_str(name)};
	struct key lo = key_file(table, name, after + 1), all = key_file_name(table, name);
	struct key hi = key_next(&all);
	int r = kv_scan(x->kv, KV_BULK, key_slice(&lo), key_slice(&hi), candidate, &c);

	if (r != FOUND)
		return r ? r : -ENOENT;
	*ret_block = c.found;
	return 0;
}

int refs_edit_find(struct refs_txn *x, uint64_t ref, const char *name, uint64_t *ret_block)
{
	struct rec_snapshot head = {0};
	struct rec_ref rec;
	int r = rec_ref_get(x->kv, ref, &rec);

	if (!r && rec.head)
		r = rec_snapshot_get(x->kv, rec.head, &head);
	return r ? r : edit_find_name(x, rec.table, head.root, name, 0, ret_block);
}
