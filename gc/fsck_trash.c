/* The trash: entries, what they hold, and the index of where it was. */
#include "gc/fsck_impl.h"

#include <errno.h>

#define ID(id) ((unsigned long long)(id))

/* Is what the entry holds there, and does it know that it is held? */
static bool holds_ref(struct fsck *f, uint64_t id, const struct rec_trash *e)
{
	struct rec_ref ref;

	if (fsck_peek(f, e->ref)->flags & FSCK_DAMAGED)
		return true; /* said already */
	return !rec_ref_get(f->t, e->ref, &ref) && ref.trash == id && ref.table == e->table;
}

static bool holds_table(struct fsck *f, uint64_t id, const struct rec_trash *e)
{
	struct rec_table table;

	if (fsck_peek(f, e->table)->flags & FSCK_DAMAGED)
		return true;
	return !rec_table_get(f->t, e->table, &table) && table.trash == id && !*table.name;
}

static bool holds_link(struct fsck *f, const struct rec_trash *e)
{
	struct fsck_mark *m = fsck_mark(f, e->snapshot);

	if (!m || m->kind != FSCK_SNAPSHOT)
		return false;
	m->edges++;
	return m->flags & FSCK_DAMAGED || f->tables[m->table - 1].id == e->table;
}

static int on_entry(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	struct rec_trash e;
	struct key in;
	bool holds = false;

	(void)value;
	if (!fsck_is(f, id, FSCK_TRASH) || rec_trash_get(f->t, id, &e))
		return 0;
	if (e.kind == REC_TRASH_REF)
		holds = holds_ref(f, id, &e);
	else if (e.kind == REC_TRASH_TABLE)
		holds = holds_table(f, id, &e);
	else if (e.kind == REC_TRASH_LINK)
		holds = holds_link(f, &e);
	if (!holds)
		fsck_say(f, "trash entry %012llx '%s': what it holds is not there", ID(id), e.name);
	in = key_u64_u64(KEY_TRASH_IN, e.kind == REC_TRASH_TABLE ? e.db : e.table, id);
	if (!rec_exists(f->t, &in))
		return 0;
	fsck_say(f, "trash entry %012llx '%s': no index leads to it", ID(id), e.name);
	fsck_fix_key(f, FSCK_ADDS, fsck_fix_mark, 0, key_slice(&in));
	return 0;
}

static int on_index(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t dir = key_read_u64(key, 1), id = key_read_u64(key, 9);
	struct rec_trash e;

	(void)value;
	if (fsck_is(f, id, FSCK_TRASH) &&
		(rec_trash_get(f->t, id, &e) ||
			(e.kind == REC_TRASH_TABLE ? e.db : e.table) == dir))
		return 0;
	fsck_say(f, "index of the trash: entry %012llx was not in %012llx", ID(id), ID(dir));
	fsck_fix_key(f, FSCK_LAST, fsck_fix_del, 0, key);
	return 0;
}

/* What says that an entry holds it. */
static void check_held(struct fsck *f, uint64_t id, uint64_t entry, enum fsck_kind kind)
{
	struct rec_trash e;
	int r = fsck_is(f, entry, FSCK_TRASH) ? rec_trash_get(f->t, entry, &e) : -ENOENT;

	if (r != -ENOENT && (r || id == (kind == FSCK_REF ? e.ref : e.table)))
		return;
	fsck_say(f, "%s %012llx: trash entry %012llx does not hold it", fsck_word(kind), ID(id),
		ID(entry));
	/* a dropped table has no name any more but in its entry */
	if (kind == FSCK_REF && fsck_mark(f, entry) && !fsck_peek(f, entry)->kind)
		fsck_fix(f, FSCK_ADDS, fsck_fix_trash, entry, id);
}

static int on_ref(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	struct rec_ref rec;

	(void)value;
	if (!rec_ref_get(f->t, id, &rec) && rec.trash)
		check_held(f, id, rec.trash, FSCK_REF);
	return 0;
}

static int on_table(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	struct rec_table rec;

	(void)value;
	if (!rec_table_get(f->t, id, &rec) && rec.trash)
		check_held(f, id, rec.trash, FSCK_TABLE);
	return 0;
}

int fsck_trash(struct fsck *f)
{
	static const struct {
		enum key_kind kind;
		fsck_record_fn fn;
	} all[] = {{KEY_TRASH, on_entry}, {KEY_TRASH_IN, on_index}, {KEY_REF, on_ref},
		{KEY_TABLE, on_table}};
	int r = 0;

	fsck_stage(f, "trash");
	for (size_t i = 0; i < ARRAY_SIZE(all) && !r; i++)
		r = fsck_scan(f, all[i].kind, all[i].fn);
	return r;
}
