#include "refs/data.h"
#include "refs/table.h"

#include "meta/tree.h"
#include <errno.h>
#include <string.h>

#define FOUND 1 /* ends a scan */

/** Which segment of a tree holds a block. */
struct search {
	struct refs_txn *x;
	uint64_t root, block;
	bool in_any; /* tree */
	struct refs_place place;
};

/** Entries mostly rise by block, as imports write them: -ENOENT says nothing if they do not. */
static int find_rising(const struct rec_segment *g, uint64_t block, struct refs_place *ret)
{
	uint32_t lo = 0, hi = g->blocks;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int r = rec_segment_entry_at(g, mid, &ret->entry);

		ret->at = mid;
		if (r || ret->entry.block == block)
			return r;
		if (ret->entry.block < block)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -ENOENT;
}

static int find_entry(const struct rec_segment *g, uint64_t block, struct refs_place *ret)
{
	int r = find_rising(g, block, ret);

	if (r != -ENOENT)
		return r;
	r = 0;
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
	struct tree_entry e = {0};
	uint64_t id = key_read_u64(key, 9);
	int r = rec_segment_get(s->x->kv, id, &g);

	(void)value;
	if (!r && !s->in_any)
		r = tree_find(s->x->kv, s->root, g.key, &e);
	if (r == -ENOENT || (!r && !s->in_any && e.child != id))
		return 0;
	s->place.segment = id;
	if (!r)
		r = find_entry(&g, s->block, &s->place);
	return r ? r : FOUND;
}

static int scan_holders(struct search *s, struct refs_place *ret)
{
	struct key lo = key_u64(KEY_HOLDER, s->block), hi = key_next(&lo);
	int r = kv_scan(s->x->kv, KV_BULK, key_slice(&lo), key_slice(&hi), holder, s);

	if (r != FOUND)
		return r ? r : -ENOENT;
	*ret = s->place;
	return 0;
}

int refs_data_place(struct refs_txn *x, uint64_t root, uint64_t block, struct refs_place *ret)
{
	struct search s = {.x = x, .root = root, .block = block};
	int r;

	if (!root)
		return -ENOENT;
	if (x->found.block == block && x->found.root == root) {
		*ret = x->found.place;
		return 0;
	}
	r = scan_holders(&s, ret);
	/* each holder is a whole segment to be read; what a writer changes is looked up again */
	if (!r && x->kv->mode == KV_READ) {
		x->found.root = root;
		x->found.block = block;
		x->found.place = *ret;
	}
	return r;
}

int refs_data_anywhere(struct refs_txn *x, uint64_t block, struct refs_place *ret)
{
	struct search s = {.x = x, .block = block, .in_any = true};

	return scan_holders(&s, ret);
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
	struct refs_place place;
	int r = refs_data_place(c->x, c->root, block, &place);

	return r ? r : slice_equal(place.entry.name, c->name) ? 0 : -ENOENT;
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

static int scan_candidates(
	struct candidates *c, uint64_t table, const char *name, uint64_t after, uint64_t *ret_block)
{
	struct key lo = key_file(table, name, after + 1), all = key_file_name(table, name);
	struct key hi = key_next(&all);
	int r;

	if (!c->root)
		return -ENOENT;
	c->name = slice_str(name);
	r = kv_scan(c->x->kv, KV_BULK, key_slice(&lo), key_slice(&hi), candidate, c);
	if (r != FOUND)
		return r ? r : -ENOENT;
	*ret_block = c->found;
	return 0;
}

int refs_data_called(struct refs_txn *x, uint64_t table, uint64_t root, const char *name,
	uint64_t after, uint64_t *ret_block)
{
	struct candidates c = {.x = x, .root = root};

	return scan_candidates(&c, table, name, after, ret_block);
}

static bool name_can_show(struct slice name)
{
	static const char dots[] = "..";

	if (!name.len || name.len > REC_NAME_BYTES_MAX || memchr(name.data, '/', name.len) ||
		memchr(name.data, 0, name.len))
		return false;
	return name.len > 2 || memcmp(name.data, dots, name.len) != 0;
}

int refs_data_name(struct refs_txn *x, uint64_t table, uint64_t root,
	const struct rec_segment_entry *e, char ret[static REC_NAME_BYTES_MAX + 1])
{
	struct candidates c = {.x = x, .root = root, .known = e->block};
	struct rec_block rec;
	uint64_t oldest = 0;
	int r = 0;

	if (name_can_show(e->name)) {
		memcpy(ret, e->name.data, e->name.len);
		ret[e->name.len] = 0;
		r = scan_candidates(&c, table, ret, 0, &oldest);
		if (!r && oldest == e->block)
			return 0;
	}
	if (!r || r == -ENOENT)
		r = rec_block_get(x->kv, e->block, &rec);
	if (!r)
		refs_block_name(x->store, e->block, &rec, ret);
	return r == -ENOENT ? -EUCLEAN : r;
}

bool refs_data_is_shadowed(const struct rec_segment_entry *e, const char *name)
{
	return name_can_show(e->name) && !slice_equal(e->name, slice_str(name));
}

/** A block shown by its own name. */
static int find_by_own_name(struct refs_txn *x, uint64_t table, uint64_t root, const char *name,
	uint64_t *ret_block, bool *ret_is_shadowed)
{
	char shown[REC_NAME_BYTES_MAX + 1];
	struct refs_place place;
	uint64_t block;
	int r = refs_object_find(x, table, ID_BLOCK, name, &block);

	if (!r)
		r = refs_data_place(x, root, block, &place);
	if (!r)
		r = refs_data_name(x, table, root, &place.entry, shown);
	if (!r && strcmp(shown, name) != 0)
		r = -ENOENT;
	if (!r) {
		*ret_block = block;
		*ret_is_shadowed = refs_data_is_shadowed(&place.entry, name);
	}
	return r;
}

bool refs_data_was_called(struct refs_txn *x, uint64_t table, uint64_t block, const char *name)
{
	struct key given;
	uint64_t own;

	if (strlen(name) > REC_NAME_BYTES_MAX)
		return false;
	given = key_file(table, name, block);
	return !rec_exists(x->kv, &given) ||
	       (!refs_object_find(x, table, ID_BLOCK, name, &own) && own == block);
}

int refs_data_find(struct refs_txn *x, uint64_t table, uint64_t root, const char *name,
	uint64_t *ret_block, bool *ret_is_shadowed)
{
	bool is_shadowed = false;
	int r;

	if (!root || strlen(name) > REC_NAME_BYTES_MAX)
		return -ENOENT;
	r = refs_data_called(x, table, root, name, 0, ret_block);
	if (r == -ENOENT)
		r = find_by_own_name(x, table, root, name, ret_block, &is_shadowed);
	if (!r && ret_is_shadowed)
		*ret_is_shadowed = is_shadowed;
	return r;
}
