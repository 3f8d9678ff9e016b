/* Snapshots, refs, their links, and the queue. */
#include "gc/fsck_impl.h"
#include "refs/ref.h"

#include <errno.h>
#include <string.h>

#define ID(id) ((unsigned long long)(id))

static bool same_sums(const struct rec_snapshot *r, const struct fsck_sums *s)
{
	return r->rows == s->rows && r->bytes == s->bytes && r->file_bytes == s->file_bytes &&
	       r->blocks == s->blocks && r->segments == s->segments && r->metas == s->metas;
}

static void check_root(
	struct fsck *f, uint64_t id, const struct rec_snapshot *rec, const char *label)
{
	struct fsck_mark *root = rec->root ? fsck_mark(f, rec->root) : NULL;
	struct fsck_sums none = {0}, *s = rec->root ? fsck_sums_find(f, rec->root) : &none;

	if (rec->root && (!root || root->kind != FSCK_NODE)) {
		fsck_say(f, "snapshot %012llx of %s: its node %012llx has no record", ID(id), label,
			ID(rec->root));
		return;
	}
	if (root)
		root->edges++;
	if (!s || s->is_broken)
		return;
	if (root && root->table && fsck_peek(f, id)->table != root->table)
		fsck_say(f, "snapshot %012llx of %s: its tree belongs to %s", ID(id), label,
			fsck_label(f, root->table));
	if (!same_sums(rec, s))
		fsck_say(f, "snapshot %012llx of %s: its sums are not those of its tree", ID(id),
			label);
}

static void use_schema(struct fsck *f, enum fsck_kind kind, uint64_t id, uint64_t schema)
{
	struct fsck_mark *m = fsck_mark(f, schema);

	if (m && m->kind == FSCK_SCHEMA)
		m->flags |= FSCK_USED;
	else
		fsck_say(f, "%s %012llx of %s: its schema %012llx has no record", fsck_word(kind),
			ID(id), fsck_label(f, fsck_peek(f, id)->table), ID(schema));
}

static int on_snapshot(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	const struct fsck_mark *m = fsck_peek(f, id);
	const char *label = fsck_label(f, m->table);
	struct rec_snapshot rec;
	struct rec_table table;

	(void)value;
	if (m->kind != FSCK_SNAPSHOT || m->flags & FSCK_DAMAGED || rec_snapshot_get(f->t, id, &rec))
		return 0;
	check_root(f, id, &rec, label);
	use_schema(f, FSCK_SNAPSHOT, id, rec.schema);
	if (rec_table_get(f->t, rec.table, &table)) {
		fsck_say(f, "snapshot %012llx: its table %012llx has no record", ID(id),
			ID(rec.table));
		return 0;
	}
	if (rec.seq >= table.next_snapshot_seq || rec.timestamp_us > table.last_timestamp_us) {
		fsck_say(f, "snapshot %012llx of %s: it is younger than the last of its table",
			ID(id), label);
		fsck_fix(f, FSCK_LAST, fsck_fix_table, rec.table, id);
	}
	return f->full ? fsck_snapshot_v4(f, id) : 0;
}

static void check_head(struct fsck *f, uint64_t id, const struct rec_ref *rec, const char *label)
{
	struct rec_snapshot head;
	const struct fsck_mark *m = fsck_peek(f, rec->head);
	int r = refs_link_exists(f->x, id, rec->head);

	if (m->kind != FSCK_SNAPSHOT) {
		fsck_say(f, "%s/%s: its head %012llx has no record", label, rec->name,
			ID(rec->head));
		return;
	}
	if (r) {
		fsck_say(f, "%s/%s: its head %012llx is not in its directory", label, rec->name,
			ID(rec->head));
		fsck_fix(f, FSCK_ADDS, fsck_fix_link, id, rec->head);
	}
	if (m->flags & FSCK_DAMAGED || rec_snapshot_get(f->t, rec->head, &head))
		return;
	if (head.table != rec->table)
		fsck_say(f, "%s/%s: its head %012llx belongs to %s", label, rec->name,
			ID(rec->head), fsck_label(f, m->table));
	if (head.schema != rec->schema) {
		fsck_say(f, "%s/%s: its schema is not that of its head", label, rec->name);
		fsck_fix(f, FSCK_LAST, fsck_fix_schema, id, 0);
	}
}

static void check_base(struct fsck *f, const struct rec_ref *rec, const char *label)
{
	struct fsck_mark *m = fsck_mark(f, rec->base);

	if (m && m->kind == FSCK_SNAPSHOT)
		m->edges++;
	else
		fsck_say(f, "%s/%s: its merge base %012llx has no record", label, rec->name,
			ID(rec->base));
}

/* A block stands in a snapshot at most once. */
static int stamp_segment(void *arg, const struct tree_entry *e)
{
	struct fsck *f = arg;
	struct rec_segment g;
	struct rec_segment_entry entry;

	if (!fsck_is(f, e->child, FSCK_SEGMENT) || rec_segment_get(f->t, e->child, &g))
		return 0;
	for (uint32_t i = 0; i < g.blocks; i++) {
		struct fsck_mark *m =
			rec_segment_entry_at(&g, i, &entry) ? NULL : fsck_mark(f, entry.block);

		if (m && m->links == f->stamp)
			fsck_say(f, "block %012llx of %s: one snapshot lists it twice",
				ID(entry.block), fsck_label(f, m->table));
		if (m)
			m->links = f->stamp;
	}
	return 0;
}

static int check_head_full(struct fsck *f, uint64_t head)
{
	struct rec_snapshot rec;
	const struct fsck_sums *s;
	int r = rec_snapshot_get(f->t, head, &rec);

	s = r ? NULL : fsck_sums_find(f, rec.root);
	f->stamp++;
	return !s || s->is_broken ? 0 : tree_walk(f->t, rec.root, 0, stamp_segment, f);
}

/* Where one ref alone is of the kind main, that is the table's. */
static void fix_main(struct fsck *f, uint64_t table)
{
	const struct fsck_table *t = &f->tables[fsck_table_of(f, table) - 1];

	if (t->mains == 1)
		fsck_fix(f, FSCK_LAST, fsck_fix_main, table, t->main);
}

static void say_main(struct fsck *f, const struct rec_ref *rec, const struct rec_table *table)
{
	fsck_say(f, "%s/%s: the table's main is ref %012llx",
		fsck_label(f, fsck_table_of(f, rec->table)), rec->name, ID(table->main_ref));
	fix_main(f, rec->table);
}

static int on_ref(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	const struct fsck_mark *m = fsck_peek(f, id);
	const char *label = fsck_label(f, m->table);
	struct rec_ref rec;
	struct rec_table table;

	(void)value;
	if (m->kind != FSCK_REF || m->flags & FSCK_DAMAGED || rec_ref_get(f->t, id, &rec))
		return 0;
	if (rec_table_get(f->t, rec.table, &table))
		fsck_say(f, "ref %012llx '%s': its table %012llx has no record", ID(id), rec.name,
			ID(rec.table));
	else if ((rec.kind == REC_REF_MAIN) != (table.main_ref == id))
		say_main(f, &rec, &table);
	if (rec.base)
		check_base(f, &rec, label);
	if (rec.schema)
		use_schema(f, FSCK_REF, id, rec.schema);
	if (!rec.head)
		return 0;
	check_head(f, id, &rec, label);
	if (!fsck_is(f, rec.head, FSCK_SNAPSHOT) || fsck_peek(f, rec.head)->flags & FSCK_DAMAGED)
		return 0;
	return f->full ? check_head_full(f, rec.head) : fsck_snapshot_v4(f, rec.head);
}

static int on_link(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t ref = key_read_u64(key, 1), id = key_read_u64(key, 9);
	struct fsck_mark *m = fsck_mark(f, id);

	(void)value;
	if (!fsck_is(f, ref, FSCK_REF) || !m || m->kind != FSCK_SNAPSHOT) {
		fsck_say(f, "link of ref %012llx to snapshot %012llx: one of them has no record",
			ID(ref), ID(id));
		return 0;
	}
	if (m->table != fsck_peek(f, ref)->table)
		fsck_say(f, "link of ref %012llx of %s to snapshot %012llx of %s", ID(ref),
			fsck_label(f, fsck_peek(f, ref)->table), ID(id), fsck_label(f, m->table));
	m->edges++;
	if (fsck_peek(f, ref)->links) /* in the trash: no name any more */
		return 0;
	m->links++;
	m->sum += fsck_mix(ref, 3);
	return 0;
}

static int on_link_of(struct fsck *f, struct slice key, struct slice value)
{
	struct fsck_mark *m = fsck_mark(f, key_read_u64(key, 1));

	(void)value;
	if (m && m->kind == FSCK_SNAPSHOT) {
		m->sum -= fsck_mix(key_read_u64(key, 9), 3);
	} else {
		fsck_say(f, "reverse link of snapshot %012llx, which has no record",
			ID(key_read_u64(key, 1)));
		fsck_fix_key(f, FSCK_LAST, fsck_fix_del, 0, key);
	}
	return 0;
}

static int on_queue(struct fsck *f, struct slice key, struct slice value)
{
	static const enum fsck_kind kinds[] = {[REC_QUEUE_SNAPSHOT] = FSCK_SNAPSHOT,
		[REC_QUEUE_NODE] = FSCK_NODE,
		[REC_QUEUE_SEGMENT] = FSCK_SEGMENT};
	unsigned long long at = ID(key_read_u64(key, 1));
	struct fsck_mark *m;
	struct rec_queue q;

	f->report.queue++;
	if (rec_queue_decode(value, &q)) {
		fsck_say(f, "queue entry %llu is damaged", at);
		return 0;
	}
	m = fsck_mark(f, q.id);
	if (m && m->kind == kinds[q.kind]) {
		m->edges++;
	} else {
		fsck_say(f, "queue entry %llu: its %s %012llx has no record", at,
			fsck_word(kinds[q.kind]), ID(q.id));
		fsck_fix_key(f, FSCK_LAST, fsck_fix_del, 0, key);
		return 0;
	}
	if (q.commit > f->x->commit) {
		fsck_say(f, "queue entry %llu: it is of commit %llu, which is still to come", at,
			ID(q.commit));
		fsck_fix_key(f, FSCK_ADDS, fsck_fix_requeue, 0, key);
	}
	return 0;
}

static int on_table(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	struct rec_table rec;

	(void)value;
	if (rec_table_get(f->t, id, &rec) || !*rec.name || fsck_is(f, rec.main_ref, FSCK_REF))
		return 0;
	fsck_say(f, "table %s: its main ref %012llx has no record",
		fsck_label(f, fsck_peek(f, id)->table), ID(rec.main_ref));
	fix_main(f, id);
	return 0;
}

int fsck_heads(struct fsck *f)
{
	static const struct {
		enum key_kind kind;
		fsck_record_fn fn;
	} all[] = {{KEY_SNAPSHOT, on_snapshot}, {KEY_TABLE, on_table}, {KEY_REF, on_ref},
		{KEY_LINK, on_link}, {KEY_LINK_OF, on_link_of}, {KEY_QUEUE, on_queue}};
	int r = 0;

	fsck_stage(f, "refs");
	for (size_t i = 0; i < ARRAY_SIZE(all) && !r; i++)
		r = fsck_scan(f, all[i].kind, all[i].fn);
	return r;
}
