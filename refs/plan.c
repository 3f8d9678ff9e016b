#include "refs/plan_impl.h"

#include <errno.h>
#include <string.h>

void plan_deinit(struct plan *p)
{
	for (size_t i = 0; i < p->n_segments; i++) {
		free(p->segments[i].g.entries);
		buf_deinit(&p->segments[i].g.v4);
		free(p->segments[i].blocks);
		buf_deinit(&p->segments[i].names);
	}
	free(p->segments);
	free(p->gone);
	*p = (struct plan){0};
}

void planning_deinit(struct planning *p)
{
	while (p->sources) {
		struct plan_source *s = p->sources;

		p->sources = s->next;
		codec_metas_free(s->metas);
		free(s);
	}
}

void plan_items_deinit(struct plan_items *l)
{
	free(l->items);
	*l = (struct plan_items){0};
}

int plan_begin(struct planning *p, uint64_t ref_id, const struct rec_ref *ref)
{
	struct rec_snapshot head = {0};
	int r = ref->head ? rec_snapshot_get(p->x->kv, ref->head, &head) : 0;

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	*p->plan = (struct plan){.ref = ref_id,
		.table = ref->table,
		.head = ref->head,
		.root = head.root,
		.schema = ref->schema};
	return 0;
}

static struct plan_source *add_source(struct planning *p)
{
	struct plan_source *s = calloc(1, sizeof *s);

	if (s) {
		s->next = p->sources;
		p->sources = s;
	}
	return s;
}

int plan_load(struct planning *p, uint64_t id, struct plan_source **ret)
{
	struct plan_source *s = p->sources;

	while (s && s->id != id)
		s = s->next;
	if (s) {
		*ret = s;
		return 0;
	}
	return plan_load_once(p, id, ret);
}

int plan_load_once(struct planning *p, uint64_t id, struct plan_source **ret)
{
	struct plan_source *s = add_source(p);
	int r;

	if (!s)
		return -ENOMEM;
	r = rec_segment_get(p->x->kv, id, &s->rec);
	s->id = id;
	if (!r)
		*ret = s;
	return r == -ENOENT ? -EUCLEAN : r;
}

int plan_load_new(struct planning *p, const struct commit_segment *g, struct plan_source **ret)
{
	struct plan_source *s = add_source(p);

	if (!s)
		return -ENOMEM;
	s->rec = g->rec;
	s->v4 = buf_slice(&g->v4);
	*ret = s;
	return 0;
}

static int open_metas(struct planning *p, struct plan_source *s)
{
	struct key k = key_u64(KEY_SEGMENT_V4, s->id);
	int r = 0;

	if (s->metas)
		return 0;
	if (s->id)
		r = kv_get(p->x->kv, KV_BULK, key_slice(&k), &s->v4);
	if (!r)
		r = codec_metas_open(s->v4, &s->metas, NULL);
	if (!r && codec_metas_count(s->metas) != s->rec.metas)
		r = -EUCLEAN;
	return r == -ENOENT ? -EUCLEAN : r;
}

int plan_item_push(struct plan_items *l, const struct plan_item *item)
{
	if (!array_grow(l->items, l->n, l->capacity))
		return -ENOMEM;
	l->items[l->n++] = *item;
	return 0;
}

static int old_block(
	struct planning *p, const struct plan_source *s, uint32_t at, struct commit_block *ret)
{
	int r = rec_segment_entry_at(&s->rec, at, &ret->entry);

	ret->id = ret->entry.block;
	ret->state = COMMIT_BLOCK_SHARED;
	if (!r)
		r = rec_block_get(p->x->kv, ret->id, &ret->rec);
	return r == -ENOENT ? -EUCLEAN : r;
}

int plan_items_add(struct planning *p, struct plan_source *s, const struct commit_block *new,
	struct plan_items *ret)
{
	size_t meta = 0;
	int r = 0;

	for (uint32_t i = 0; i < s->rec.blocks && !r; i++) {
		struct plan_item item = {.source = s, .meta = meta};

		if (new)
			item.b = new[i];
		else
			r = old_block(p, s, i, &item.b);
		meta += item.b.rec.row_groups;
		if (!r)
			r = plan_item_push(ret, &item);
	}
	return !r && meta != s->rec.metas ? -EUCLEAN : r;
}

int plan_drop(struct planning *p, const struct plan_source *s)
{
	struct plan *plan = p->plan;
	struct plan_gone *gone = reallocarray(plan->gone, plan->n_gone + 1, sizeof *plan->gone);

	if (!gone)
		return -ENOMEM;
	plan->gone = gone;
	gone[plan->n_gone] = (struct plan_gone){s->id, s->rec};
	gone[plan->n_gone++].rec.entries = (struct slice){0};
	return 0;
}

/* How many of @n items are their source's blocks, all of them and unchanged. */
static size_t whole_source(const struct plan_item *items, size_t n)
{
	const struct plan_source *s = items[0].source;
	size_t i, meta = 0;

	for (i = 0; i < n && i < s->rec.blocks; i++) {
		if (items[i].source != s || items[i].meta != meta || items[i].is_gone ||
			items[i].b.state == COMMIT_BLOCK_RENAMED)
			return 0;
		meta += items[i].b.rec.row_groups;
	}
	return i == s->rec.blocks ? i : 0;
}

static int splice_one(struct codec_splice *c, const struct plan_item *item)
{
	struct slice name = item->b.entry.name;
	char text[REC_NAME_BYTES_MAX + 1];

	if (item->b.state != COMMIT_BLOCK_RENAMED)
		return codec_splice_file(
			c, item->source->metas, item->meta, item->b.rec.row_groups, NULL);
	memcpy(text, name.data, name.len);
	text[name.len] = 0;
	return codec_splice_file(c, item->source->metas, item->meta, item->b.rec.row_groups, text);
}

static int splice(struct planning *p, const struct plan_item *items, size_t n, struct buf *ret)
{
	struct codec_splice c cleanup(codec_splice_deinit) = {0};
	int r = 0;

	for (size_t i = 0; i < n && !r;) {
		size_t whole = whole_source(items + i, n - i);

		if (!items[i].is_gone)
			r = open_metas(p, items[i].source);
		if (!r && whole)
			r = codec_splice_whole(&c, items[i].source->metas);
		else if (!r && !items[i].is_gone)
			r = splice_one(&c, &items[i]);
		i += whole ? whole : 1;
	}
	return r ? r : codec_splice_end(&c, CODEC_ZSTD, ret);
}

/* Copies names, as the records that they lie in now will not stay. */
static int add_block(struct plan_segment *s, const struct commit_block *b)
{
	struct rec_segment *rec = &s->g.rec;
	struct slice name = b->entry.name;
	uint8_t *copy = s->names.data + s->names.len; /* there is room for all: it does not move */
	int r = buf_append(&s->names, name.data, name.len);

	if (r)
		return r;
	s->blocks[rec->blocks] = *b;
	s->blocks[rec->blocks].entry.name = (struct slice){copy, name.len};
	s->g.entries[rec->blocks] = s->blocks[rec->blocks].entry;
	rec->blocks++;
	rec->metas += b->rec.row_groups;
	rec->rows += b->rec.rows;
	rec->bytes += b->rec.raw_bytes;
	rec->file_bytes += b->rec.size_bytes;
	return 0;
}

static int fill_segment(struct plan_segment *s, const struct plan_item *items, size_t n)
{
	size_t bytes = 1;
	int r;

	for (size_t i = 0; i < n; i++)
		bytes += items[i].b.entry.name.len;
	s->g.entries = calloc(n + 1, sizeof *s->g.entries);
	s->blocks = calloc(n + 1, sizeof *s->blocks);
	s->g.blocks = s->blocks;
	r = s->g.entries && s->blocks ? buf_reserve(&s->names, bytes) : -ENOMEM;
	for (size_t i = 0; i < n && !r; i++)
		if (!items[i].is_gone)
			r = add_block(s, &items[i].b);
	return r;
}

int plan_build(struct planning *p, const struct plan_item *items, size_t n, uint64_t key)
{
	struct plan *plan = p->plan;
	struct plan_segment *s =
		reallocarray(plan->segments, plan->n_segments + 1, sizeof *plan->segments);
	int r;

	if (!s)
		return -ENOMEM;
	plan->segments = s;
	s += plan->n_segments++;
	*s = (struct plan_segment){.g.rec = {.table = plan->table, .key = key}, .takes_key = !key};
	r = fill_segment(s, items, n);
	if (!r)
		r = splice(p, items, n, &s->g.v4);
	s->g.rec.v4_size = s->g.v4.len;
	return r;
}

void plan_give_ids(struct plan *p, const struct client_ids *ids)
{
	for (size_t i = 0; i < p->n_segments; i++) {
		struct commit_segment *g = &p->segments[i].g;

		g->id = ids->first + i;
		g->rec.ms = ids->ms;
		g->rec.incarnation = ids->incarnation;
	}
}

static int put_segment(struct refs_txn *x, struct plan_segment *s, struct rec_table *table)
{
	struct commit_segment *g = &s->g;
	int r = 0;

	if (s->takes_key)
		g->rec.key = table->next_segment_key++;
	for (uint32_t i = 0; i <= g->rec.blocks && !r; i++) {
		r = commit_put_one(x->kv, g, i);
		if (!r && i < g->rec.blocks && g->blocks[i].state != COMMIT_BLOCK_NEW)
			r = change_add(&x->changes, CHANGE_BLOCK, g->blocks[i].id);
	}
	return r;
}

static void add_sums(struct rec_snapshot *s, const struct rec_segment *g)
{
	s->rows += g->rows;
	s->bytes += g->bytes;
	s->file_bytes += g->file_bytes;
	s->blocks += g->blocks;
	s->metas += g->metas;
	s->segments++;
}

static void take_sums(struct rec_snapshot *s, const struct rec_segment *g)
{
	s->rows -= g->rows;
	s->bytes -= g->bytes;
	s->file_bytes -= g->file_bytes;
	s->blocks -= g->blocks;
	s->metas -= g->metas;
	s->segments--;
}

/* Keys of both sides rise: one that is in both is replaced. */
static struct tree_changes merge_changes(const struct plan *p, struct tree_change *ret)
{
	size_t n = 0, i = 0, k = 0;

	while (i < p->n_gone || k < p->n_segments) {
		const struct rec_segment *gone = i < p->n_gone ? &p->gone[i].rec : NULL;
		const struct commit_segment *g = k < p->n_segments ? &p->segments[k].g : NULL;
		bool takes = gone && (!g || gone->key <= g->rec.key);
		bool puts = g && (!gone || g->rec.key <= gone->key);

		if (puts)
			ret[n].e = (struct tree_entry){
				g->rec.key, g->id, g->rec.rows, g->rec.file_bytes};
		else
			ret[n].e = (struct tree_entry){.key = gone->key};
		ret[n++].kind = !puts ? TREE_REMOVE : takes ? TREE_REPLACE : TREE_INSERT;
		i += takes;
		k += puts;
	}
	return (struct tree_changes){ret, n};
}

int plan_stands(struct refs_txn *x, const struct plan *p, uint64_t root)
{
	struct tree_entry e;
	int r = 0;

	for (size_t i = 0; i < p->n_gone && !r; i++) {
		r = tree_find(x->kv, root, p->gone[i].rec.key, &e);
		if (r == -ENOENT || (!r && e.child != p->gone[i].id))
			r = -EAGAIN;
	}
	return r;
}

/* What was staged is there, edges and all: it only becomes visible. Too many to name one by one. */
static int show_staged(struct refs_txn *x, const struct plan *p)
{
	int r = stage_unmark(x, p->table, p->staged);

	return r ? r : change_add(&x->changes, CHANGE_ALL, 0);
}

int plan_apply(struct refs_txn *x, const struct plan *p, uint64_t root, struct rec_table *table,
	struct rec_snapshot *s)
{
	struct tree_change *c cleanup(free_p) = calloc(p->n_gone + p->n_segments + 1, sizeof *c);
	int r = !c ? -ENOMEM : p->staged ? show_staged(x, p) : 0;

	for (size_t i = 0; i < p->n_gone; i++)
		take_sums(s, &p->gone[i].rec);
	for (size_t i = 0; i < p->n_segments && !r; i++) {
		r = p->staged ? 0 : put_segment(x, &p->segments[i], table);
		add_sums(s, &p->segments[i].g.rec);
	}
	return r ? r : tree_edit(x->kv, root, merge_changes(p, c), &s->root);
}
