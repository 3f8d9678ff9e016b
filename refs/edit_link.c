/* Blocks of other refs, linked in. */
#include "refs/edit_impl.h"
#include "refs/name.h"
#include "refs/ref.h"
#include "refs/table.h"

#include <errno.h>

/* Both read the block by the same columns. */
static int same_schema(struct refs_txn *x, uint64_t a, uint64_t b, bool *ret)
{
	struct key ka = key_u64(KEY_SCHEMA, a), kb = key_u64(KEY_SCHEMA, b);
	struct slice one, two;
	int r = kv_get(x->kv, KV_HOT, key_slice(&ka), &one);

	if (!r)
		r = kv_get(x->kv, KV_HOT, key_slice(&kb), &two);
	if (!r)
		*ret = slice_equal(one, two);
	return r == -ENOENT ? -EUCLEAN : r;
}

static int take_schema(struct edit_planning *e, const struct rec_ref *source)
{
	bool same = false;
	int r;

	if (!e->side->schema_id)
		e->side->schema_id = source->schema;
	if (e->side->schema_id == source->schema)
		return 0;
	/* each may have had a first file of its own */
	r = same_schema(e->p.x, e->side->schema_id, source->schema, &same);
	if (r || same)
		return r;
	error_set(e->error, -EINVAL, "'%s' and '%s' have different schemas", source->name,
		e->ref.name);
	return error_hint(e->error, -EINVAL, "cp the file: its columns are matched by name then");
}

/** A ref whose head has a block; one with the wanted schema, if there is one. */
struct holding {
	struct edit_planning *e;
	uint64_t block, found;
};

static int holds(void *arg, uint64_t id, const char *name)
{
	struct holding *h = arg;
	struct bough_error quiet = {0};
	struct rec_snapshot head = {0};
	struct refs_place place;
	struct rec_ref ref;
	int r = refs_ref_open(h->e->p.x, id, &ref, &quiet);

	(void)name;
	if (!r && ref.head)
		r = rec_snapshot_get(h->e->p.x->kv, ref.head, &head);
	if (!r)
		r = refs_data_place(h->e->p.x, head.root, h->block, &place);
	if (r)
		return r == -ENOENT || r == -ESTALE ? 0 : r;
	h->found = id;
	return !h->e->side->schema_id || h->e->side->schema_id == ref.schema;
}

static int find_source(struct edit_planning *e, uint64_t block, uint64_t *ret)
{
	struct holding h = {e, block, 0};
	struct rec_table table;
	int r = rec_table_get(e->p.x->kv, e->ref.table, &table);

	if (!r)
		r = holds(&h, table.main_ref, NULL);
	if (!r)
		r = refs_dir_list(e->p.x, e->ref.table, 0, holds, &h);
	*ret = h.found;
	return r < 0 ? r : 0;
}

static int open_source(
	struct edit_planning *e, const struct refs_edit_op *op, struct rec_ref *ret, uint64_t *root)
{
	struct rec_snapshot head = {0};
	struct rec_block rec;
	uint64_t source = op->source;
	int r = 0;

	if (!source) {
		r = rec_block_get(e->p.x->kv, op->block, &rec);
		if (!r && rec.table != e->ref.table)
			return error_set(e->error, -EXDEV, "this file is of another table");
		if (!r)
			r = find_source(e, op->block, &source);
		if (!r && !source)
			r = -ENOENT;
		if (r)
			return r == -ENOENT ? error_set(e->error, r,
						      "no branch or tag shows this file any more")
					    : r;
	}
	r = refs_ref_open(e->p.x, source, ret, e->error);
	if (!r && ret->table != e->ref.table)
		r = error_set(e->error, -EXDEV, "'%s' is of another table", ret->name);
	if (!r && ret->head)
		r = rec_snapshot_get(e->p.x->kv, ret->head, &head);
	*root = head.root;
	return r;
}

int edit_link(struct edit_planning *e, const struct refs_edit_op *op)
{
	struct plan_items all auto_items = {0};
	struct refs_place from, there;
	struct plan_source *s;
	struct plan_item *item;
	struct rec_ref source;
	uint64_t root = 0;
	int r = open_source(e, op, &source, &root);

	if (!r)
		r = edit_find_op(e, op, root, &from);
	if (!r)
		r = take_schema(e, &source);
	if (r)
		return r;
	r = refs_data_place(e->p.x, e->p.plan->root, from.entry.block, &there);
	if (!r)
		return error_set(e->error, -EEXIST, "'%s' holds that block already, as '%.*s'",
			e->ref.name, (int)there.entry.name.len,
			(const char *)there.entry.name.data);
	if (r == -ENOENT)
		r = plan_load(&e->p, from.segment, &s);
	if (!r)
		r = plan_items_add(&e->p, s, NULL, &all);
	if (r)
		return r;
	item = &all.items[from.at];
	if (op->name && op->replaces)
		r = edit_remove_named(e, op->name, 0);
	if (!r && op->name) {
		r = name_check_file(op->name, e->error);
		item->b.state = COMMIT_BLOCK_RENAMED;
		item->b.entry.name = slice_str(op->name);
	}
	for (size_t i = 0; i < e->links.n; i++)
		if (e->links.items[i].b.id == item->b.id)
			return error_set(e->error, -EEXIST, "the same block twice");
	return r ? r : plan_item_push(&e->links, item);
}
