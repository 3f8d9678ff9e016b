/* Segments and nodes: what they hold, in which order, and what it sums up to. */
#include "gc/fsck_impl.h"

#include <errno.h>
#include <string.h>

#define ID(id) ((unsigned long long)(id))

/* One reference to @id, which should be a @kind of @table. Return: is it? */
static bool add_edge(struct fsck *f, uint64_t id, enum fsck_kind kind, uint32_t table,
	const char *from, uint64_t from_id)
{
	struct fsck_mark *m = fsck_mark(f, id);

	if (!m || m->kind != kind) {
		fsck_say(f, "%s %012llx of %s: its %s %012llx has no record", from, ID(from_id),
			fsck_label(f, table), fsck_word(kind), ID(id));
		return false;
	}
	m->edges++;
	if (m->flags & FSCK_DAMAGED)
		return false;
	if (m->table && m->table != table) {
		fsck_say(f, "%s %012llx of %s: its %s %012llx belongs to %s", from, ID(from_id),
			fsck_label(f, table), fsck_word(kind), ID(id), fsck_label(f, m->table));
		return false;
	}
	return true;
}

/* Counts a block of a segment; adds what it holds to @s. */
static void add_block(struct fsck *f, struct fsck_sums *s, uint32_t stamp, uint64_t id)
{
	struct fsck_mark *m = fsck_mark(f, id);
	struct rec_block rec;

	if (m && m->kind == FSCK_BLOCK && !m->table && !(m->flags & FSCK_DAMAGED)) {
		if (rec_block_get(f->t, id, &rec))
			fsck_unreadable(f, FSCK_BLOCK, id);
		else
			m->table = fsck_table_of(f, rec.table);
	}
	if (!add_edge(f, id, FSCK_BLOCK, s->table, "segment", s->id)) {
		s->is_broken = true;
		return;
	}
	if (m->links == stamp)
		fsck_say(f, "segment %012llx of %s: it lists block %012llx twice", ID(s->id),
			fsck_label(f, s->table), ID(id));
	m->links = stamp;
	if (rec_block_get(f->t, id, &rec)) {
		s->is_broken = true;
		return;
	}
	s->rows += rec.rows;
	s->bytes += rec.raw_bytes;
	s->file_bytes += rec.size_bytes;
	s->metas += rec.row_groups;
	s->blocks++;
}

static void add_entries(struct fsck *f, struct fsck_sums *s, const struct rec_segment *g)
{
	for (uint32_t i = 0; i < g->blocks; i++) {
		struct rec_segment_entry e;
		struct fsck_mark *m;

		if (rec_segment_entry_at(g, i, &e)) {
			s->is_broken = true;
			fsck_unreadable(f, FSCK_SEGMENT, s->id);
			return;
		}
		fsck_step(f);
		add_block(f, s, f->stamp, e.block);
		m = fsck_mark(f, e.block);
		if (m)
			m->sum += fsck_mix(s->id, 2);
	}
}

/* A staged one may be half written, or half taken back: only its damage counts. */
static bool is_complete(struct fsck *f, uint64_t id, const struct rec_segment *g)
{
	if (fsck_ids_has(&f->staged, id))
		return false;
	if (fsck_is(f, g->table, FSCK_TABLE))
		return true;
	fsck_say(f, "segment %012llx: its table %012llx has no record", ID(id), ID(g->table));
	return false;
}

static int on_segment(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	struct fsck_mark *m = fsck_mark(f, id);
	struct fsck_sums *s;
	struct rec_segment g;

	(void)value;
	if (!m || m->kind != FSCK_SEGMENT)
		return 0;
	f->stamp++;
	s = fsck_sums_add(f, id);
	s->level = -1;
	s->is_broken = m->flags & FSCK_DAMAGED;
	if (s->is_broken)
		return 0;
	if (rec_segment_get(f->t, id, &g)) {
		s->is_broken = true;
		fsck_unreadable(f, FSCK_SEGMENT, id);
		return 0;
	}
	s->table = m->table = fsck_table_of(f, g.table);
	s->first_key = s->last_key = g.key;
	s->segments = 1;
	s->is_broken = !is_complete(f, id, &g);
	if (s->is_broken)
		return 0;
	add_entries(f, s, &g);
	if (!s->is_broken && (s->rows != g.rows || s->bytes != g.bytes ||
				     s->file_bytes != g.file_bytes || s->metas != g.metas))
		fsck_say(f, "segment %012llx of %s: its sums are not those of its blocks", ID(id),
			fsck_label(f, s->table));
	s->rows = g.rows;
	s->bytes = g.bytes;
	s->file_bytes = g.file_bytes;
	s->metas = g.metas;
	return s->is_broken ? 0 : fsck_segment_v4(f, id, &g);
}

int fsck_segments(struct fsck *f)
{
	fsck_stage(f, "segments");
	return fsck_scan(f, KEY_SEGMENT, on_segment);
}

static int on_entries(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	struct rec_segment g;
	struct rec_segment_entry e;
	int r = 0;

	(void)value;
	if (!fsck_is(f, id, FSCK_SEGMENT) || fsck_peek(f, id)->flags & FSCK_DAMAGED ||
		fsck_ids_has(&f->staged, id) || rec_segment_get(f->t, id, &g))
		return 0;
	for (uint32_t i = 0; i < g.blocks && !r; i++)
		if (!rec_segment_entry_at(&g, i, &e))
			r = f->entry_fn(f, id, &g, &e);
	return r;
}

int fsck_entries(struct fsck *f, fsck_entry_fn fn)
{
	f->entry_fn = fn;
	return fsck_scan(f, KEY_SEGMENT, on_entries);
}

static void sums_of(struct fsck *f, uint64_t id, struct fsck_sums *ret);

/* One entry of a node: the child's kind, level, keys and sums. */
static void add_child(struct fsck *f, struct fsck_sums *s, const struct tree_node *n, unsigned at)
{
	const struct tree_entry *e = &n->e[at];
	enum fsck_kind kind = n->level ? FSCK_NODE : FSCK_SEGMENT;
	struct fsck_sums child;

	if (!fsck_is(f, e->child, kind)) {
		add_edge(f, e->child, kind, s->table, "node", s->id);
		s->is_broken = true;
		return;
	}
	sums_of(f, e->child, &child);
	if (!s->table)
		s->table = child.table;
	add_edge(f, e->child, kind, s->table, "node", s->id);
	if (child.is_broken || child.level != n->level - 1) {
		if (!child.is_broken)
			fsck_say(f, "node %012llx of %s: its child %012llx is of level %d",
				ID(s->id), fsck_label(f, s->table), ID(e->child), child.level);
		s->is_broken = true;
		return;
	}
	if (child.rows != e->rows || child.file_bytes != e->bytes)
		fsck_say(f, "node %012llx of %s: the sums of entry %u are not those of %s %012llx",
			ID(s->id), fsck_label(f, s->table), at, fsck_word(kind), ID(e->child));
	if (child.first_key < e->key || (!n->level && child.first_key != e->key) ||
		(at + 1 < n->n && child.last_key >= n->e[at + 1].key))
		fsck_say(f, "node %012llx of %s: the key of entry %u is not that of %s %012llx",
			ID(s->id), fsck_label(f, s->table), at, fsck_word(kind), ID(e->child));
	s->rows += child.rows;
	s->bytes += child.bytes;
	s->file_bytes += child.file_bytes;
	s->blocks += child.blocks;
	s->segments += child.segments;
	s->metas += child.metas;
	if (!at)
		s->first_key = child.first_key;
	s->last_key = child.last_key;
}

/* Of a node or segment; a node is counted and checked when it is first asked for. */
static void sums_of(struct fsck *f, uint64_t id, struct fsck_sums *ret)
{
	struct fsck_sums s = {.id = id}, *known = fsck_sums_find(f, id);
	struct fsck_mark *m = fsck_mark(f, id);
	struct tree_node n;

	if (known) {
		*ret = *known;
		return;
	}
	/* known from now on: a circle ends here, at a level that does not fit */
	s.level = INT16_MAX;
	*fsck_sums_add(f, id) = s;
	s.is_broken = tree_node_get(f->t, id, &n); /* which knows levels and rising keys */
	if (s.is_broken)
		fsck_unreadable(f, FSCK_NODE, id);
	else
		s.level = (int16_t)n.level;
	for (unsigned i = 0; !(m->flags & FSCK_DAMAGED) && i < n.n; i++)
		add_child(f, &s, &n, i);
	m->table = s.table;
	*fsck_sums_find(f, id) = s;
	*ret = s;
}

static int on_node(struct fsck *f, struct slice key, struct slice value)
{
	struct fsck_sums s;
	uint64_t id = key_read_u64(key, 1);

	(void)value;
	if (fsck_is(f, id, FSCK_NODE) && !(fsck_peek(f, id)->flags & FSCK_DAMAGED))
		sums_of(f, id, &s);
	return 0;
}

int fsck_trees(struct fsck *f)
{
	fsck_stage(f, "trees");
	return fsck_scan(f, KEY_NODE, on_node);
}
