/* Last look at every id: references found against the count that is stored. */
#include "gc/fsck_impl.h"

#include <errno.h>
#include <string.h>

#define ID(id) ((unsigned long long)(id))

static void differs(struct fsck *f, uint64_t id, const struct fsck_mark *m, uint32_t count)
{
	if (f->has_lost_edges && m->edges < count)
		return;
	fsck_say(f, "%s %012llx of %s: its count is %u, references are %u",
		fsck_word((enum fsck_kind)m->kind), ID(id), fsck_label(f, m->table), count,
		m->edges);
	fsck_fix(f, m->edges > count ? FSCK_ADDS : FSCK_LAST, fsck_fix_count, id, m->edges);
}

static int on_count(struct fsck *f, struct slice key, struct slice value)
{
	enum key_kind of = (enum key_kind)key_read_u8(key, 1);
	uint64_t id = key_read_u64(key, 2);
	struct key right = key_count(of, id);
	struct fsck_mark *m = fsck_mark(f, id);
	uint32_t count;

	(void)value;
	if (!m || of != fsck_counted_as((enum fsck_kind)m->kind) ||
		slice_compare(key, key_slice(&right))) {
		fsck_say(f, "count of %012llx, which has no record", ID(id));
		fsck_fix_key(f, FSCK_LAST, fsck_fix_del, 0, key);
		return 0;
	}
	m->flags |= FSCK_COUNTED;
	if (rec_count_get(f->t, of, id, &count)) {
		fsck_say(f, "count of %s %012llx is damaged", fsck_word((enum fsck_kind)m->kind),
			ID(id));
		fsck_fix(f, FSCK_LAST, fsck_fix_count, id, m->edges);
	} else if (count != m->edges) {
		differs(f, id, m, count);
	}
	return 0;
}

static void check_snapshot(struct fsck *f, uint64_t id, const struct fsck_mark *m)
{
	struct rec_snapshot rec;
	struct rec_ref ref;
	const char *label = fsck_label(f, m->table);

	if (rec_snapshot_get(f->t, id, &rec))
		return;
	if (rec.nlink != m->links) {
		fsck_say(f, "snapshot %012llx of %s: its nlink is %u, names are %u", ID(id), label,
			rec.nlink, m->links);
		fsck_fix(f, FSCK_ADDS, fsck_fix_nlink, id, m->links);
	}
	if (rec.count != m->edges) {
		differs(f, id, m, rec.count);
	} else if (!m->edges && !f->has_lost_edges) {
		fsck_say(f, "snapshot %012llx of %s: nothing refers to it", ID(id), label);
		if (fsck_has_keeper(f, &rec, &ref))
			fsck_fix(f, FSCK_ADDS, fsck_fix_unlinked, id, 0);
		else
			fsck_fix(f, FSCK_LAST, fsck_fix_queue, id, REC_QUEUE_SNAPSHOT);
	}
}

/* A node or segment goes the way of what was dropped; blocks wait for the collector. */
static void unreferenced(struct fsck *f, uint64_t id, const struct fsck_mark *m)
{
	if (f->has_lost_edges)
		return;
	fsck_say(f, "%s %012llx of %s: nothing refers to it", fsck_word((enum fsck_kind)m->kind),
		ID(id), fsck_label(f, m->table));
	if (m->kind != FSCK_BLOCK)
		fsck_fix(f, FSCK_LAST, fsck_fix_queue, id,
			m->kind == FSCK_NODE ? REC_QUEUE_NODE : REC_QUEUE_SEGMENT);
}

static void check_counted(struct fsck *f, uint64_t id, const struct fsck_mark *m)
{
	if (fsck_ids_has(&f->staged, id))
		f->report.staged++;
	else if (m->edges == 1 || m->flags & FSCK_COUNTED)
		return;
	else if (m->edges)
		differs(f, id, m, 1);
	else
		unreferenced(f, id, m);
}

static bool has_home(struct fsck *f, uint64_t id, enum fsck_kind kind)
{
	struct rec_ref ref;

	if (kind == FSCK_REF)
		return !rec_ref_get(f->t, id, &ref) && ref.kind != REC_REF_MAIN && !ref.trash;
	return kind == FSCK_DB || !f->tables[fsck_peek(f, id)->table - 1].is_gone;
}

static void check_home(struct fsck *f, uint64_t id, const struct fsck_mark *m)
{
	if (!has_home(f, id, (enum fsck_kind)m->kind))
		return;
	if (!(m->flags & FSCK_LISTED)) {
		fsck_say(f, "%s %012llx: no directory lists it", fsck_word((enum fsck_kind)m->kind),
			ID(id));
		fsck_fix(f, FSCK_ADDS, fsck_fix_home, id, 0);
	}
	if (!(m->flags & FSCK_NAMED)) {
		fsck_say(f, "%s %012llx: no name leads to it", fsck_word((enum fsck_kind)m->kind),
			ID(id));
		fsck_fix(f, FSCK_ADDS, fsck_fix_home, id, 0);
	}
}

static void check_schema(struct fsck *f, uint64_t id, const struct fsck_mark *m)
{
	struct key k = key_u64(KEY_SCHEMA, id);

	if (m->flags & FSCK_USED || f->report.queue || f->report.clients)
		return;
	fsck_say(f, "schema %012llx: nothing refers to it", ID(id));
	fsck_fix_key(f, FSCK_LAST, fsck_fix_del, 0, key_slice(&k));
}

/* In _b or _sg. */
static void check_listed(struct fsck *f, uint64_t id, const struct fsck_mark *m)
{
	bool is_block = m->kind == FSCK_BLOCK;
	struct key k;

	if (m->flags & FSCK_LISTED)
		return;
	fsck_say(f, "%s %012llx of %s: %s does not list it", fsck_word((enum fsck_kind)m->kind),
		ID(id), fsck_label(f, m->table), is_block ? "_b" : "_sg");
	if (!m->table)
		return;
	k = key_u64_u64(is_block ? KEY_BLOCK_IN : KEY_SEGMENT_IN, f->tables[m->table - 1].id, id);
	fsck_fix_key(f, FSCK_ADDS, fsck_fix_mark, 0, key_slice(&k));
}

static int check_mark(struct fsck *f, uint64_t id, struct fsck_mark *m)
{
	if (m->flags & FSCK_DAMAGED)
		return 0;
	switch (m->kind) {
	case FSCK_DB:
	case FSCK_TABLE:
	case FSCK_REF:
		check_home(f, id, m);
		break;
	case FSCK_SNAPSHOT:
		check_snapshot(f, id, m);
		break;
	case FSCK_SCHEMA:
		check_schema(f, id, m);
		break;
	case FSCK_SEGMENT:
	case FSCK_BLOCK:
		check_listed(f, id, m);
		check_counted(f, id, m);
		break;
	case FSCK_NODE:
		check_counted(f, id, m);
		break;
	}
	return 0;
}

int fsck_counts(struct fsck *f)
{
	int r;

	fsck_stage(f, "counts");
	r = fsck_scan(f, KEY_COUNT, on_count);
	return r ? r : fsck_each(f, check_mark);
}
