/* First stage: every record of the small database is read, every id gets its kind. */
#include "gc/fsck_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The mark of a record's own id; says so where the id cannot be, or is taken. */
static struct fsck_mark *claim(struct fsck *f, enum fsck_kind kind, struct slice key)
{
	uint64_t id = key_read_u64(key, 1);
	struct fsck_mark *m = key.len == 9 ? fsck_mark(f, id) : NULL;

	if (!m) {
		fsck_say(f, "%s %012llx: its id was never given out (the next is %012llx)",
			fsck_word(kind), (unsigned long long)id, (unsigned long long)f->next_id);
		if (key.len == 9 && id >= f->next_id && id < FSCK_ID_RAISE_MAX)
			fsck_fix(f, FSCK_ADDS, fsck_fix_next, id + 1, 0);
		return NULL;
	}
	if (m->kind) {
		fsck_say(f, "%s %012llx: its id is that of a %s too", fsck_word(kind),
			(unsigned long long)id, fsck_word(m->kind));
		return NULL;
	}
	m->kind = (uint8_t)kind;
	return m;
}

/* For a record that was claimed: @r is what reading it gave. Return: go on with it? */
static bool readable(struct fsck *f, enum fsck_kind kind, struct slice key, int r)
{
	if (r)
		fsck_unreadable(f, kind, key_read_u64(key, 1));
	return !r;
}

static int on_db(struct fsck *f, struct slice key, struct slice value)
{
	struct rec_db rec;

	(void)value;
	f->report.databases++;
	if (claim(f, FSCK_DB, key))
		readable(f, FSCK_DB, key, rec_db_get(f->t, key_read_u64(key, 1), &rec));
	return 0;
}

static char *table_label(struct fsck *f, const struct rec_table *rec, uint64_t id)
{
	struct rec_db db;
	char *label = NULL;
	int r = rec_db_get(f->t, rec->db, &db);

	if (!*rec->name)
		r = asprintf(&label, "dropped table %012llx", (unsigned long long)id);
	else
		r = asprintf(&label, "%s.%s", r ? "?" : db.name, rec->name);
	if (r < 0)
		abort();
	return label;
}

static int on_table(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	struct fsck_mark *m = claim(f, FSCK_TABLE, key);
	struct rec_table rec;

	(void)value;
	f->report.tables++;
	if (!m || !readable(f, FSCK_TABLE, key, rec_table_get(f->t, id, &rec)))
		return 0;
	fsck_table_add(f, id, rec.home_db, table_label(f, &rec, id));
	m->table = (uint32_t)f->n_tables;
	f->tables[f->n_tables - 1].is_gone = !*rec.name;
	return 0;
}

static int on_ref(struct fsck *f, struct slice key, struct slice value)
{
	struct fsck_mark *m = claim(f, FSCK_REF, key);
	struct rec_ref rec;

	(void)value;
	f->report.refs++;
	if (m && readable(f, FSCK_REF, key, rec_ref_get(f->t, key_read_u64(key, 1), &rec))) {
		m->table = fsck_table_of(f, rec.table);
		m->links = rec.trash != 0;
		if (rec.kind == REC_REF_MAIN) {
			f->tables[m->table - 1].main = key_read_u64(key, 1);
			f->tables[m->table - 1].mains++;
		}
	}
	return 0;
}

static int on_trash(struct fsck *f, struct slice key, struct slice value)
{
	struct rec_trash rec;

	(void)value;
	if (claim(f, FSCK_TRASH, key))
		readable(f, FSCK_TRASH, key, rec_trash_get(f->t, key_read_u64(key, 1), &rec));
	return 0;
}

static int on_snapshot(struct fsck *f, struct slice key, struct slice value)
{
	struct fsck_mark *m = claim(f, FSCK_SNAPSHOT, key);
	struct rec_snapshot rec;
	int r = m ? rec_snapshot_get(f->t, key_read_u64(key, 1), &rec) : 0;

	(void)value;
	f->report.snapshots++;
	if (m && readable(f, FSCK_SNAPSHOT, key, r))
		m->table = fsck_table_of(f, rec.table);
	return 0;
}

static int on_schema(struct fsck *f, struct slice key, struct slice value)
{
	struct schema schema auto_schema = {0};

	f->report.schemas++;
	if (claim(f, FSCK_SCHEMA, key))
		readable(f, FSCK_SCHEMA, key, schema_decode(value, &schema));
	return 0;
}

static int on_client(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	struct rec_client rec;

	(void)value;
	f->report.clients++;
	if (!claim(f, FSCK_CLIENT, key) ||
		!readable(f, FSCK_CLIENT, key, rec_client_get(f->t, id, &rec)))
		return 0;
	if (rec.slot < WAKE_SLOTS) {
		f->report.dead_clients += !wake_slot_alive(f->store->wake, rec.slot);
		return 0;
	}
	fsck_say(f, "client %012llx: there is no slot %u", (unsigned long long)id, rec.slot);
	fsck_fix(f, FSCK_ADDS, fsck_fix_client, id, 0);
	return 0;
}

static bool is_range(const struct fsck *f, uint64_t start, uint64_t length)
{
	return length && start >= REC_ID_FIRST && start + length <= f->next_id;
}

static int on_range(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t client = key_read_u64(key, 1), start = key_read_u64(key, 9), end;
	struct rec_range rec = {0};
	const char *what = NULL;
	int r = rec_range_get(f->t, client, start, &rec);

	(void)value;
	end = start + rec.length;
	if (r)
		what = "it is damaged";
	else if (!fsck_is(f, client, FSCK_CLIENT))
		what = "its client has no record";
	else if (!is_range(f, start, rec.length))
		what = "it holds ids that were never given out";
	else if (rec.incarnation > f->store->ids.incarnation)
		what = "it is of an incarnation to come";
	else if (!fsck_ids_add(&f->ranges, start, end))
		what = "it overlaps another range";
	if (!what)
		return 0;
	fsck_say(f, "range %012llx of client %012llx: %s", (unsigned long long)start,
		(unsigned long long)client, what);
	if (!r && fsck_mark(f, client) && !fsck_peek(f, client)->kind)
		fsck_fix(f, FSCK_ADDS, fsck_fix_client, client, 0);
	else if (!r && start >= REC_ID_FIRST && end > f->next_id && end <= FSCK_ID_RAISE_MAX)
		fsck_fix(f, FSCK_ADDS, fsck_fix_next, end, 0);
	return 0;
}

/* The mark on ids that are being staged: each lies in a client's range. */
static int on_stage(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t start = key_read_u64(key, 9);
	struct dec d = dec_of(value);
	uint64_t n = dec_u64(&d), end = start + n;

	if (!dec_end(&d) && n && end > start && fsck_ids_has(&f->ranges, start) &&
		fsck_ids_has(&f->ranges, end - 1) && fsck_ids_add(&f->staged, start, end))
		return 0;
	fsck_say(f, "mark of staged ids from %012llx on: they are in no client's range",
		(unsigned long long)start);
	fsck_fix_key(f, FSCK_ADDS, fsck_fix_stage, 0, key);
	return 0;
}

static int on_node(struct fsck *f, struct slice key, struct slice value)
{
	(void)value;
	f->report.nodes++;
	claim(f, FSCK_NODE, key);
	return 0;
}

static int on_segment(struct fsck *f, struct slice key, struct slice value)
{
	(void)value;
	f->report.segments++;
	claim(f, FSCK_SEGMENT, key);
	return 0;
}

static int on_block(struct fsck *f, struct slice key, struct slice value)
{
	(void)value;
	f->report.blocks++;
	claim(f, FSCK_BLOCK, key);
	return 0;
}

/* Keys that begin with no kind at all. */
static int on_stranger(void *arg, struct slice key, struct slice value)
{
	struct fsck *f = arg;
	char hex[2 * KV_KEY_BYTES_MAX + 1];

	(void)value;
	hex_encode(key.data, key.len, hex);
	fsck_say(f, "record of an unknown kind: key %.80s", hex);
	return 0;
}

static int scan_strangers(struct fsck *f, enum kv_db db)
{
	static const char kinds[][20] = {[KV_HOT] = "LRSTUacdelnopqrstx", [KV_BULK] = "BEGNbfghik"};
	struct key lo = {.len = 1}, hi;
	int r = 0;

	for (const char *k = kinds[db]; *k && !r; k++) {
		hi = key_make((enum key_kind) * k);
		r = kv_scan(f->t, db, key_slice(&lo), key_slice(&hi), on_stranger, f);
		lo = key_next(&hi);
	}
	return r ? r : kv_scan(f->t, db, key_slice(&lo), (struct slice){"", 0}, on_stranger, f);
}

/* Only the store's own record and counters; without them nothing else can be judged. */
static int read_counters(struct fsck *f)
{
	struct rec_store rec;
	struct change_list changes = {0};
	uint64_t after, from = f->x->commit >= CHANGE_KEEP ? f->x->commit - CHANGE_KEEP + 1 : 0;
	int r = rec_store_get(f->t, &rec);

	if (!r)
		r = rec_id_peek(f->t, &f->next_id);
	if (r) {
		fsck_say(f, "the store's own record is damaged");
		return -EUCLEAN;
	}
	if (change_read(f->t, from, &changes, &after))
		fsck_say(f, "the list of changes is damaged");
	change_list_deinit(&changes);
	return 0;
}

int fsck_registers(struct fsck *f)
{
	static const struct {
		enum key_kind kind;
		fsck_record_fn fn;
	} all[] = {{KEY_DB, on_db}, {KEY_TABLE, on_table}, {KEY_REF, on_ref}, {KEY_TRASH, on_trash},
		{KEY_SNAPSHOT, on_snapshot}, {KEY_SCHEMA, on_schema}, {KEY_CLIENT, on_client},
		{KEY_RANGE, on_range}, {KEY_STAGE, on_stage}, {KEY_NODE, on_node},
		{KEY_SEGMENT, on_segment}, {KEY_BLOCK, on_block}};
	int r;

	fsck_stage(f, "records");
	r = read_counters(f);
	if (!r)
		r = scan_strangers(f, KV_HOT);
	if (!r)
		r = scan_strangers(f, KV_BULK);
	for (size_t i = 0; i < ARRAY_SIZE(all) && !r; i++)
		r = fsck_scan(f, all[i].kind, all[i].fn);
	return r;
}
