/* Listings and names against the records they mirror. */
#include "gc/fsck_impl.h"
#include "refs/ref.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ID(id) ((unsigned long long)(id))

int fsck_home_of(struct fsck *f, uint64_t id, struct fsck_home *ret)
{
	struct rec_db db;
	struct rec_table table;
	struct rec_ref ref;
	const char *name = "";
	int r;

	switch (fsck_peek(f, id)->kind) {
	case FSCK_DB:
		r = rec_db_get(f->t, id, &db);
		ret->dir = REC_DIR_ROOT;
		name = db.name;
		break;
	case FSCK_TABLE:
		r = rec_table_get(f->t, id, &table);
		ret->dir = table.db;
		name = table.name;
		break;
	case FSCK_REF:
		r = rec_ref_get(f->t, id, &ref);
		ret->dir = ref.table;
		name = ref.kind == REC_REF_MAIN || ref.trash ? "" : ref.name;
		break;
	default:
		return -ENOENT;
	}
	if (!r)
		snprintf(ret->name, sizeof ret->name, "%s", name);
	return r;
}

static bool stands_in(struct fsck *f, uint64_t child, uint64_t dir, struct slice name)
{
	struct fsck_home home;

	if (fsck_peek(f, child)->flags & FSCK_DAMAGED)
		return true; /* said already */
	return !fsck_home_of(f, child, &home) && *home.name && home.dir == dir &&
	       slice_equal(slice_str(home.name), name);
}

static int on_entry(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t dir = key_read_u64(key, 1), child = key_read_u64(key, 9);

	if (stands_in(f, child, dir, value)) {
		fsck_mark(f, child)->flags |= FSCK_LISTED;
		return 0;
	}
	fsck_say(f, "entry '%.*s' of directory %012llx: %s %012llx does not stand there",
		(int)value.len, (const char *)value.data, ID(dir),
		fsck_word(fsck_peek(f, child)->kind), ID(child));
	fsck_fix_key(f, FSCK_LAST, fsck_fix_stray, child, key);
	return 0;
}

static int on_name(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t dir = key_read_u64(key, 1), child;
	struct slice text = {(const uint8_t *)key.data + 9, key.len - 9};
	char name[REC_NAME_BYTES_MAX + 1];

	(void)value;
	snprintf(name, sizeof name, "%.*s", (int)text.len, (const char *)text.data);
	if (rec_dir_lookup(f->t, dir, name, &child)) {
		fsck_say(f, "name '%s' of directory %012llx is damaged", name, ID(dir));
		return 0;
	}
	if (stands_in(f, child, dir, text)) {
		fsck_mark(f, child)->flags |= FSCK_NAMED;
		return 0;
	}
	fsck_say(f, "name '%s' of directory %012llx: %s %012llx is not called so there", name,
		ID(dir), fsck_word(fsck_peek(f, child)->kind), ID(child));
	fsck_fix_key(f, FSCK_LAST, fsck_fix_stray, child, key);
	return 0;
}

/* Of a block that no segment led to, too. */
static uint32_t block_table(struct fsck *f, struct fsck_mark *m, uint64_t id)
{
	struct rec_block rec;

	if (!m->table && !(m->flags & FSCK_DAMAGED)) {
		if (rec_block_get(f->t, id, &rec))
			fsck_unreadable(f, FSCK_BLOCK, id);
		else
			m->table = fsck_table_of(f, rec.table);
	}
	return m->table;
}

static int listed(struct fsck *f, struct slice key, enum fsck_kind kind, const char *where)
{
	uint64_t table = key_read_u64(key, 1), id = key_read_u64(key, 9);
	struct fsck_mark *m = fsck_mark(f, id);

	if (!m || m->kind != kind) {
		fsck_say(f, "%s of table %012llx lists %s %012llx, which has no record", where,
			ID(table), fsck_word(kind), ID(id));
		fsck_fix_key(f, FSCK_LAST, fsck_fix_del, 0, key);
		return 0;
	}
	if (kind == FSCK_BLOCK)
		block_table(f, m, id);
	if (m->flags & FSCK_DAMAGED || f->tables[m->table - 1].id == table) {
		m->flags |= FSCK_LISTED;
		return 0;
	}
	fsck_say(f, "%s of table %012llx lists %s %012llx of %s", where, ID(table), fsck_word(kind),
		ID(id), fsck_label(f, m->table));
	fsck_fix_key(f, FSCK_LAST, fsck_fix_del, 0, key);
	return 0;
}

static int on_block_in(struct fsck *f, struct slice key, struct slice value)
{
	(void)value;
	return listed(f, key, FSCK_BLOCK, "_b");
}

static int on_segment_in(struct fsck *f, struct slice key, struct slice value)
{
	(void)value;
	return listed(f, key, FSCK_SEGMENT, "_sg");
}

static int on_segment_v4(struct fsck *f, struct slice key, struct slice value)
{
	(void)value;
	if (!fsck_is(f, key_read_u64(key, 1), FSCK_SEGMENT))
		fsck_say(f, "v4 object of segment %012llx, which has no record",
			ID(key_read_u64(key, 1)));
	return 0;
}

static int on_holder(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t block = key_read_u64(key, 1), segment = key_read_u64(key, 9);
	struct fsck_mark *m = fsck_mark(f, block);

	(void)value;
	if (m && m->kind == FSCK_BLOCK && fsck_ids_has(&f->staged, segment)) {
		m->edges++; /* of a staged segment these are its references, so far */
	} else if (m && m->kind == FSCK_BLOCK) {
		m->sum -= fsck_mix(segment, 2);
	} else {
		fsck_say(f, "holder record of block %012llx, which has no record", ID(block));
		fsck_fix_key(f, FSCK_LAST, fsck_fix_del, 0, key);
	}
	return 0;
}

/* The parts of a KEY_FILE. Return: is it well formed? */
static bool split_file(
	struct slice key, uint64_t *ret_table, struct slice *ret_name, uint64_t *ret_block)
{
	const uint8_t *p = key.data;

	if (key.len < 18 || p[key.len - 9])
		return false;
	*ret_table = key_read_u64(key, 1);
	*ret_name = (struct slice){p + 9, key.len - 18};
	*ret_block = key_read_u64(key, key.len - 8);
	return true;
}

static int on_file(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t table, block;
	struct slice name;
	struct fsck_mark *m = NULL;

	(void)value;
	if (split_file(key, &table, &name, &block))
		m = fsck_mark(f, block);
	if (m && m->kind == FSCK_BLOCK) {
		m->sum -= fsck_mix_name(table, name);
	} else {
		fsck_say(f, "file name record of block %012llx, which has no record",
			ID(key_read_u64(key, key.len - 8)));
		fsck_fix_key(f, FSCK_LAST, fsck_fix_del, 0, key);
	}
	return 0;
}

/** Is there a holder before this segment that gives the block the same name? */
struct earlier {
	struct fsck *f;
	uint64_t segment, block;
	struct slice name;
};

static int same_name(void *arg, struct slice key, struct slice value)
{
	const struct earlier *e = arg;
	uint64_t segment = key_read_u64(key, 9);
	struct rec_segment g;
	struct rec_segment_entry entry;

	(void)value;
	if (!fsck_is(e->f, segment, FSCK_SEGMENT) || fsck_ids_has(&e->f->staged, segment) ||
		rec_segment_get(e->f->t, segment, &g))
		return 0;
	for (uint32_t i = 0; i < g.blocks; i++)
		if (!rec_segment_entry_at(&g, i, &entry) && entry.block == e->block &&
			slice_equal(entry.name, e->name))
			return 1;
	return 0;
}

/* A name counts once for a block, however many segments hold it under that name. */
static int expect_name(struct fsck *f, uint64_t segment, const struct rec_segment *g,
	const struct rec_segment_entry *e)
{
	struct fsck_mark *m = fsck_mark(f, e->block);
	struct earlier earlier = {f, segment, e->block, e->name};
	struct key lo = key_u64(KEY_HOLDER, e->block);
	struct key hi = key_u64_u64(KEY_HOLDER, e->block, segment);
	int r = 0;

	fsck_step(f);
	if (!m || m->kind != FSCK_BLOCK)
		return 0;
	if (m->edges > 1)
		r = kv_scan(f->t, KV_BULK, key_slice(&lo), key_slice(&hi), same_name, &earlier);
	if (!r)
		m->sum += fsck_mix_name(g->table, e->name);
	return r < 0 ? r : 0;
}

int fsck_indexes(struct fsck *f)
{
	static const struct {
		enum key_kind kind;
		fsck_record_fn fn;
	} all[] = {{KEY_ENTRY, on_entry}, {KEY_NAME, on_name}, {KEY_BLOCK_IN, on_block_in},
		{KEY_SEGMENT_IN, on_segment_in}, {KEY_SEGMENT_V4, on_segment_v4},
		{KEY_HOLDER, on_holder}, {KEY_FILE, on_file}};
	int r = 0;

	fsck_stage(f, "indexes");
	for (size_t i = 0; i < ARRAY_SIZE(all) && !r; i++)
		r = fsck_scan(f, all[i].kind, all[i].fn);
	return r ? r : fsck_entries(f, expect_name);
}
