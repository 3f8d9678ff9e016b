#include "refs/edit.h"
#include "refs/edit_impl.h"
#include "refs/name.h"
#include "refs/ref.h"
#include "refs/ref_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TRIES_MAX 10

struct refs_edit {
	struct refs_store *store;
	const struct refs_edit_options *options;
	struct edit_side sides[REFS_EDIT_REFS_MAX];
	size_t n;
	struct client_ids ids; /* of the new segments */
	uint64_t applied_us;
};

static const struct refs_edit_options no_options;

void refs_edit_free(struct refs_edit *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n; i++) {
		plan_deinit(&e->sides[i].plan);
		schema_deinit(&e->sides[i].schema);
		change_list_deinit(&e->sides[i].changes);
	}
	free(e);
}

static void planning_end(struct edit_planning *e)
{
	for (size_t i = 0; i < e->n_touched; i++)
		plan_items_deinit(&e->touched[i].items);
	free(e->touched);
	plan_items_deinit(&e->links);
	while (e->names) {
		struct edit_name *next = e->names->next;

		free(e->names);
		e->names = next;
	}
	planning_deinit(&e->p);
}

static int no_such(struct edit_planning *e, const struct refs_edit_op *op)
{
	if (op->given)
		return error_set(e->error, -ENOENT, "no file '%s' in '%s'", op->given, e->ref.name);
	return error_set(e->error, -ENOENT, "no block %012llx in '%s'",
		(unsigned long long)op->block, e->ref.name);
}

/* The block that @op is about, in the tree @root. */
int edit_find_op(struct edit_planning *e, const struct refs_edit_op *op, uint64_t root,
	struct refs_place *ret)
{
	uint64_t block = op->block;
	int r = 0;

	if (!block)
		r = refs_data_find(e->p.x, e->ref.table, root, op->given, &block, NULL);
	if (!r)
		r = refs_data_place(e->p.x, root, block, ret);
	return r == -ENOENT ? no_such(e, op) : r;
}

static int touch(struct edit_planning *e, uint64_t segment, struct edit_touched **ret)
{
	struct edit_touched *grown;
	int r;

	for (size_t i = 0; i < e->n_touched; i++)
		if (e->touched[i].source->id == segment) {
			*ret = &e->touched[i];
			return 0;
		}
	grown = reallocarray(e->touched, e->n_touched + 1, sizeof *grown);
	if (!grown)
		return -ENOMEM;
	e->touched = grown;
	*ret = &grown[e->n_touched++];
	**ret = (struct edit_touched){0};
	r = plan_load(&e->p, segment, &(*ret)->source);
	return r ? r : plan_items_add(&e->p, (*ret)->source, NULL, &(*ret)->items);
}

static int replace(
	struct edit_planning *e, struct plan_item *item, const struct commit_segment *with)
{
	struct plan_source *s;
	int r = plan_load_new(&e->p, with, &s);

	if (!r && with->rec.table != e->ref.table)
		r = -EXDEV;
	if (!r)
		*item = (struct plan_item){.b = with->blocks[0], .source = s};
	return r;
}

/* A name that is not @item's any more; and of others called so, one shows it now. */
static int name_goes(struct edit_planning *e, const struct plan_item *item)
{
	struct slice name = item->b.entry.name;
	char text[REC_NAME_BYTES_MAX + 1], own[ID_NAME_BYTES_MAX];
	struct change_list *l = &e->side->changes;
	uint64_t block = 0;
	unsigned n = 0;
	int r;

	snprintf(text, sizeof text, "%.*s", (int)name.len, (const char *)name.data);
	r = change_add_gone(l, CHANGE_IN_DATA, e->p.plan->ref, text);
	while (!r) {
		struct rec_block rec;

		r = refs_data_called(e->p.x, e->ref.table, e->p.plan->root, text, block, &block);
		if (!r && ++n == 1)
			continue; /* it alone shows the name */
		if (!r)
			r = rec_block_get(e->p.x->kv, block, &rec);
		if (r)
			break;
		refs_block_name(e->p.x->store, block, &rec, own);
		r = change_add_gone(l, CHANGE_IN_DATA, e->p.plan->ref, own);
	}
	return r == -ENOENT ? 0 : r;
}

/* The block at @place, to be changed; its name is free from now on. -ENOENT another op did that. */
static int take_block(struct edit_planning *e, const struct refs_place *place,
	struct edit_touched **ret, struct plan_item **ret_item)
{
	int r = touch(e, place->segment, ret);

	if (r)
		return r;
	*ret_item = &(*ret)->items.items[place->at];
	if ((*ret_item)->is_gone || (*ret_item)->b.id != place->entry.block)
		return -ENOENT;
	return name_goes(e, *ret_item);
}

/* @block gets the name that it is shown by already: that of its object. */
static int keep_own_name(struct edit_planning *e, uint64_t block)
{
	struct edit_name *own = calloc(1, sizeof *own);
	struct refs_place place;
	struct edit_touched *t;
	struct plan_item *item;
	int r = own ? refs_data_place(e->p.x, e->p.plan->root, block, &place) : -ENOMEM;

	if (own) {
		own->next = e->names;
		e->names = own;
	}
	if (!r)
		r = take_block(e, &place, &t, &item);
	if (r || item->b.state != COMMIT_BLOCK_SHARED)
		return r == -ENOENT ? 0 : r;
	refs_block_name(e->p.x->store, block, &item->b.rec, own->text);
	item->b.state = COMMIT_BLOCK_RENAMED;
	item->b.entry.name = slice_str(own->text);
	return 0;
}

/* Others that were given @name do not show it once it means @block, or one to come. */
static int keep_others(struct edit_planning *e, const char *name, uint64_t block)
{
	uint64_t other = 0;
	int r = 0;

	while (!r) {
		r = refs_data_called(e->p.x, e->ref.table, e->p.plan->root, name, other, &other);
		if (!r && other != block)
			r = keep_own_name(e, other);
	}
	return r == -ENOENT ? 0 : r;
}

/* What @name means in the head goes, unless it is @block itself, or nothing. */
int edit_remove_named(struct edit_planning *e, const char *name, uint64_t block)
{
	struct refs_place place;
	struct edit_touched *t;
	struct plan_item *item;
	uint64_t id = 0;
	int r = refs_data_find(e->p.x, e->ref.table, e->p.plan->root, name, &id, NULL);

	if (!r && id != block)
		r = refs_data_place(e->p.x, e->p.plan->root, id, &place);
	if (r || id == block)
		return r == -ENOENT ? 0 : r;
	r = take_block(e, &place, &t, &item);
	if (!r) {
		t->lost = item->is_gone = true;
		e->side->operation = REC_OP_OVERWRITE;
		r = keep_others(e, name, block);
	}
	return r == -ENOENT ? 0 : r;
}

static int change_block(struct edit_planning *e, const struct refs_edit_op *op)
{
	struct refs_place place;
	struct edit_touched *t;
	struct plan_item *item;
	int r = edit_find_op(e, op, e->p.plan->root, &place);

	if (r)
		return r;
	r = take_block(e, &place, &t, &item);
	if (r)
		return r == -ENOENT ? no_such(e, op) : r;
	if (op->kind == REFS_EDIT_REPLACE)
		return replace(e, item, op->with);
	if (op->kind == REFS_EDIT_REMOVE) {
		t->lost = item->is_gone = true;
		return 0;
	}
	r = name_check_file(op->name, e->error);
	item->b.state = COMMIT_BLOCK_RENAMED;
	item->b.entry.name = slice_str(op->name);
	return r || !op->replaces ? r : edit_remove_named(e, op->name, item->b.id);
}

/* Is @block of the head still called as it was, after this edit? */
static bool keeps_name(const struct edit_planning *e, uint64_t block)
{
	for (size_t i = 0; i < e->n_touched; i++) {
		const struct edit_touched *t = &e->touched[i];

		for (uint32_t k = 0; k < t->items.n; k++) {
			struct rec_segment_entry was;

			if (!rec_segment_entry_at(&t->source->rec, k, &was) && was.block == block)
				return !t->items.items[k].is_gone &&
				       t->items.items[k].b.state == COMMIT_BLOCK_SHARED;
		}
	}
	return true;
}

static int check_new_name(struct edit_planning *e, struct slice name)
{
	char text[REC_NAME_BYTES_MAX + 1];
	uint64_t block = 0;
	int r = 0;

	snprintf(text, sizeof text, "%.*s", (int)name.len, (const char *)name.data);
	while (!r) {
		r = refs_data_called(e->p.x, e->ref.table, e->p.plan->root, text, block, &block);
		if (!r && keeps_name(e, block))
			return error_set(
				e->error, -EEXIST, "'%s' is in '%s' already", text, e->ref.name);
	}
	return r == -ENOENT ? 0 : r;
}

/** The names that an edit gives. */
struct new_names {
	struct slice *names;
	size_t n;
};

static void new_names_deinit(struct new_names *l)
{
	free(l->names);
}

static int add_name(struct edit_planning *e, struct new_names *l, struct slice name)
{
	struct slice *grown = reallocarray(l->names, l->n + 1, sizeof *grown);

	if (!grown)
		return -ENOMEM;
	l->names = grown;
	for (size_t i = 0; i < l->n; i++)
		if (slice_equal(l->names[i], name))
			return error_set(e->error, -EEXIST, "'%.*s' twice", (int)name.len,
				(const char *)name.data);
	l->names[l->n++] = name;
	return check_new_name(e, name);
}

static int check_names(struct edit_planning *e)
{
	struct new_names l cleanup(new_names_deinit) = {0};
	int r = 0;

	for (size_t i = 0; i < e->n_touched; i++)
		for (size_t k = 0; k < e->touched[i].items.n && !r; k++) {
			const struct plan_item *item = &e->touched[i].items.items[k];

			if (!item->is_gone && item->b.state != COMMIT_BLOCK_SHARED)
				r = add_name(e, &l, item->b.entry.name);
		}
	for (size_t i = 0; i < e->links.n && !r; i++)
		r = add_name(e, &l, e->links.items[i].b.entry.name);
	return r;
}

/* What the operations are to whoever reads the log, or the snapshot as another format's. */
static enum rec_operation operation_of(const struct refs_edit_op *ops, size_t n, uint64_t ref)
{
	bool has[REFS_EDIT_LINK + 1] = {false};

	for (size_t i = 0; i < n; i++)
		if (ops[i].ref == ref)
			has[ops[i].kind] = true;
	if (has[REFS_EDIT_REPLACE] || (has[REFS_EDIT_REMOVE] && has[REFS_EDIT_LINK]))
		return REC_OP_OVERWRITE;
	if (has[REFS_EDIT_REMOVE])
		return REC_OP_DELETE;
	return has[REFS_EDIT_RENAME] ? REC_OP_REPLACE : REC_OP_APPEND;
}

static int plan_side(
	struct edit_planning *e, const struct refs_edit_op *ops, size_t n, uint64_t ref)
{
	int r = commit_open_ref(e->p.x, ref, &e->ref, e->error);

	if (!r)
		r = plan_begin(&e->p, ref, &e->ref);
	e->side->operation = operation_of(ops, n, ref);
	e->side->schema_id = e->ref.schema;
	for (size_t i = 0; i < n && !r; i++)
		if (ops[i].ref == ref)
			r = ops[i].kind == REFS_EDIT_LINK ? edit_link(e, &ops[i])
							  : change_block(e, &ops[i]);
	if (!r)
		r = check_names(e);
	if (!r)
		r = edit_build(e);
	return r ? r : schema_read(e->p.x, e->side->schema_id, &e->side->schema);
}

/* The refs that @ops change, each once. */
static int list_refs(
	const struct refs_edit_op *ops, size_t n, uint64_t ret[static REFS_EDIT_REFS_MAX])
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < found && ret[k] != ops[i].ref)
			k++;
		if (k == REFS_EDIT_REFS_MAX)
			return -EINVAL;
		if (k == found)
			ret[found++] = ops[i].ref;
	}
	return (int)found;
}

static int plan_all(
	struct refs_edit *e, const struct refs_edit_op *ops, size_t n, struct bough_error *error)
{
	struct refs_txn *x auto_refs_txn = NULL;
	uint64_t refs[REFS_EDIT_REFS_MAX];
	int r = refs_begin(e->store, KV_READ, &x), found = list_refs(ops, n, refs);

	if (found < 0)
		return found;
	while (!r && e->n < (size_t)found) {
		struct edit_side *side = &e->sides[e->n];
		struct edit_planning p cleanup(planning_end) = {
			.p = {.x = x, .plan = &side->plan}, .side = side, .error = error};

		e->n++;
		r = plan_side(&p, ops, n, refs[e->n - 1]);
	}
	if (!r && e->n > 1 && e->sides[0].plan.table != e->sides[1].plan.table)
		r = error_set(error, -EXDEV, "refs of two tables");
	return r;
}

static int take_ids(struct refs_edit *e)
{
	struct client_ids rest;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < e->n; i++)
		n += e->sides[i].plan.n_segments;
	if (!n)
		return 0;
	r = client_ids_take(e->store->client, e->sides[0].plan.table, n, &e->ids);
	rest = e->ids;
	for (size_t i = 0; i < e->n && !r; i++) {
		plan_give_ids(&e->sides[i].plan, &rest);
		rest.first += e->sides[i].plan.n_segments;
	}
	return r;
}

int refs_edit_prepare(struct refs_store *s, const struct refs_edit_op *ops, size_t n,
	const struct refs_edit_options *options, struct refs_edit **ret, struct bough_error *error)
{
	struct refs_edit *e cleanup(refs_edit_free_p) = calloc(1, sizeof *e);
	int r = e ? 0 : -ENOMEM;

	if (r)
		return r;
	e->store = s;
	e->options = options ? options : &no_options;
	r = plan_all(e, ops, n, error);
	if (!r)
		r = take_ids(e);
	if (!r)
		*ret = steal(&e);
	return r;
}

static int apply_side(
	struct refs_txn *x, struct refs_edit *e, struct edit_side *side, struct bough_error *error)
{
	const struct commit_change c = {.plan = &side->plan,
		.schema = &side->schema,
		.schema_id = side->schema_id,
		.operation = side->operation,
		.author = e->options->author,
		.message = e->options->message,
		.squash = e->n == 1 ? e->options->squash : NULL,
		.rebases = e->options->rebases};
	int r = commit_change(x, &c, &side->made, error);

	for (size_t i = 0; i < side->changes.n && !r; i++)
		r = change_add_gone(&x->changes, side->changes.items[i].dir,
			side->changes.items[i].id, side->changes.items[i].name);
	return !r && side->changes.overflow ? change_add(&x->changes, CHANGE_ALL, 0) : r;
}

int refs_edit_apply(struct refs_txn *x, void *edit, struct bough_error *error)
{
	struct refs_edit *e = edit;
	int r = e->ids.n ? client_fence(x, &e->ids) : 0;

	if (!r && e->options->ids)
		r = client_fence(x, e->options->ids);
	e->applied_us = x->store->clock->mono_us(x->store->clock);
	for (size_t i = 0; i < e->n && !r; i++)
		r = apply_side(x, e, &e->sides[i], error);
	return r;
}

static void go_on(struct refs_squash *q, const struct refs_edit *e)
{
	const struct edit_side *side = &e->sides[0];

	if (!side->made.squashed)
		q->began_us = e->applied_us;
	q->last_us = e->applied_us;
	q->snapshot = side->operation == REC_OP_DELETE ? side->made.snapshot : 0;
}

void refs_edit_done(struct refs_edit *e, struct refs_edited ret[static REFS_EDIT_REFS_MAX])
{
	for (size_t i = 0; i < REFS_EDIT_REFS_MAX; i++)
		ret[i] = (struct refs_edited){
			e->sides[i].made.snapshot, e->sides[i].made.timestamp_us};
	if (e->n == 1 && e->options->squash)
		go_on(e->options->squash, e);
}

int refs_edit_run(struct refs_store *s, const struct refs_edit_op *ops, size_t n,
	const struct refs_edit_options *options, struct refs_edited ret[static REFS_EDIT_REFS_MAX],
	struct bough_error *error)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < TRIES_MAX; i++) {
		struct refs_edit *e cleanup(refs_edit_free_p) = NULL;

		r = refs_edit_prepare(s, ops, n, options, &e, error);
		if (!r)
			r = refs_write(s, refs_edit_apply, e, error);
		if (!r)
			refs_edit_done(e, ret);
	}
	return r;
}
