/* What repairs do: each writes anew what follows from other records, which are sound. */
#include "gc/fsck_impl.h"
#include "refs/export.h"
#include "refs/ref.h"
#include "refs/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum kv_db db_of(const struct key *k)
{
	return rec_db_of((enum key_kind)k->bytes[0]);
}

/* -ENOENT is no failure: an earlier repair may have taken it. */
static int del(struct fsck *f, const struct key *k)
{
	int r = kv_del(f->t, db_of(k), key_slice(k));

	return r == -ENOENT ? 0 : r;
}

/* A record that a repair depends on may be missing or damaged: then there is no repair. */
static int unless_gone(int r)
{
	return r == -ENOENT || r == -EUCLEAN ? FSCK_CANNOT : r;
}

int fsck_fix_del(struct fsck *f, const struct fsck_fix *x)
{
	return del(f, x->key);
}

int fsck_fix_mark(struct fsck *f, const struct fsck_fix *x)
{
	return kv_put(f->t, db_of(x->key), key_slice(x->key), (struct slice){"", 0});
}

int fsck_fix_next(struct fsck *f, const struct fsck_fix *x)
{
	uint64_t next, first;
	int r = rec_id_peek(f->t, &next);

	return r || next >= x->a ? r : rec_next_id(f->t, x->a - next, &first);
}

int fsck_fix_count(struct fsck *f, const struct fsck_fix *x)
{
	enum fsck_kind kind = (enum fsck_kind)fsck_peek(f, x->a)->kind;
	struct rec_snapshot rec;
	int r;

	if (fsck_counted_as(kind))
		return rec_count_put(f->t, fsck_counted_as(kind), x->a, (uint32_t)x->b);
	r = rec_snapshot_get(f->t, x->a, &rec);
	rec.count = (uint32_t)x->b;
	return r ? unless_gone(r) : rec_snapshot_put(f->t, x->a, &rec);
}

int fsck_fix_nlink(struct fsck *f, const struct fsck_fix *x)
{
	struct rec_snapshot rec;
	int r = rec_snapshot_get(f->t, x->a, &rec);

	rec.nlink = (uint32_t)x->b;
	return r ? unless_gone(r) : rec_snapshot_put(f->t, x->a, &rec);
}

/* Both directions of a name; counts follow in the next round. */
static int put_link(struct fsck *f, uint64_t ref, const struct rec_ref *rec, uint64_t snapshot)
{
	struct key there = key_u64_u64(KEY_LINK, ref, snapshot);
	struct key back = key_u64_u64(KEY_LINK_OF, snapshot, ref);
	int r = rec_mark(f->t, &there);

	if (!r && !rec->trash)
		r = rec_mark(f->t, &back);
	return r ? r : rec_outbox_put(f->t, REC_OUTBOX_REF, ref, rec->table);
}

int fsck_fix_link(struct fsck *f, const struct fsck_fix *x)
{
	struct rec_snapshot head;
	struct rec_ref rec;
	int r = rec_ref_get(f->t, x->a, &rec);

	if (!r)
		r = rec_snapshot_get(f->t, x->b, &head);
	if (!r && head.table != rec.table)
		return FSCK_CANNOT;
	return r ? unless_gone(r) : put_link(f, x->a, &rec, x->b);
}

bool fsck_has_keeper(struct fsck *f, const struct rec_snapshot *s, struct rec_ref *ret)
{
	return fsck_is(f, s->ref, FSCK_REF) && !rec_ref_get(f->t, s->ref, ret) &&
	       ret->table == s->table && !ret->trash && ret->kind != REC_REF_TAG;
}

int fsck_fix_unlinked(struct fsck *f, const struct fsck_fix *x)
{
	struct rec_snapshot rec;
	struct rec_ref ref;
	int r = rec_snapshot_get(f->t, x->a, &rec);

	if (r)
		return unless_gone(r);
	return fsck_has_keeper(f, &rec, &ref) ? put_link(f, rec.ref, &ref, x->a) : FSCK_CANNOT;
}

int fsck_fix_queue(struct fsck *f, const struct fsck_fix *x)
{
	struct fsck_fix one = {.a = x->a, .b = 1};
	int r = fsck_fix_count(f, &one);

	return r ? r : rec_queue_push(f->t, (enum rec_queue_kind)x->b, x->a);
}

int fsck_fix_schema(struct fsck *f, const struct fsck_fix *x)
{
	struct rec_snapshot head;
	struct rec_ref rec;
	int r = rec_ref_get(f->t, x->a, &rec);

	if (!r)
		r = rec_snapshot_get(f->t, rec.head, &head);
	if (r || head.table != rec.table || !fsck_is(f, head.schema, FSCK_SCHEMA))
		return r ? unless_gone(r) : FSCK_CANNOT;
	rec.schema = head.schema;
	return rec_ref_put(f->t, x->a, &rec);
}

int fsck_fix_main(struct fsck *f, const struct fsck_fix *x)
{
	struct rec_table rec;
	int r = rec_table_get(f->t, x->a, &rec);

	rec.main_ref = x->b;
	if (!r)
		r = rec_table_put(f->t, x->a, &rec);
	return r ? unless_gone(r) : rec_outbox_put(f->t, REC_OUTBOX_TABLE, x->a, 0);
}

int fsck_fix_table(struct fsck *f, const struct fsck_fix *x)
{
	struct rec_snapshot s;
	struct rec_table rec;
	int r = rec_table_get(f->t, x->a, &rec);

	if (!r)
		r = rec_snapshot_get(f->t, x->b, &s);
	if (r || s.seq == UINT64_MAX)
		return r ? unless_gone(r) : FSCK_CANNOT;
	if (rec.next_snapshot_seq <= s.seq)
		rec.next_snapshot_seq = s.seq + 1;
	if (rec.last_timestamp_us < s.timestamp_us)
		rec.last_timestamp_us = s.timestamp_us;
	return rec_table_put(f->t, x->a, &rec);
}

/* Entry and name, as the record of @x->a says. */
int fsck_fix_home(struct fsck *f, const struct fsck_fix *x)
{
	enum fsck_kind kind = (enum fsck_kind)fsck_peek(f, x->a)->kind;
	struct key entry, name;
	struct fsck_home home;
	uint64_t taken;
	int r = fsck_home_of(f, x->a, &home);

	if (r || !*home.name ||
		(kind != FSCK_DB && !fsck_is(f, home.dir, kind == FSCK_REF ? FSCK_TABLE : FSCK_DB)))
		return r ? unless_gone(r) : FSCK_CANNOT;
	r = rec_dir_lookup(f->t, home.dir, home.name, &taken);
	if (!r && taken != x->a)
		return FSCK_WAITS;
	entry = key_u64_u64(KEY_ENTRY, home.dir, x->a);
	name = key_name(KEY_NAME, home.dir, home.name);
	r = del(f, &entry);
	if (!r)
		r = del(f, &name);
	return r ? r : rec_dir_add(f->t, home.dir, home.name, x->a);
}

static int found(void *arg, struct slice key, struct slice value)
{
	(void)arg;
	(void)key;
	(void)value;
	return 1;
}

/* Does any record know @id as a directory, or as a table? */
static int is_known(struct fsck *f, uint64_t id)
{
	static const enum key_kind kinds[] = {KEY_LINK, KEY_ENTRY, KEY_NAME, KEY_TRASH_IN};
	int r = 0;

	for (size_t i = 0; i < f->n_tables; i++)
		if (f->tables[i].id == id)
			return 1;
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !r; i++) {
		struct key lo = key_u64(kinds[i], id), hi = key_next(&lo);

		r = kv_scan(f->t, KV_HOT, key_slice(&lo), key_slice(&hi), found, NULL);
	}
	return r;
}

/* An entry or name goes where its child says that it stands elsewhere, or where none is left of
 * the child: a record that was lost would have left more than one name. */
int fsck_fix_stray(struct fsck *f, const struct fsck_fix *x)
{
	struct fsck_home home;
	int r = fsck_home_of(f, x->a, &home);

	if (r == -EUCLEAN)
		return FSCK_CANNOT;
	if (r == -ENOENT)
		r = is_known(f, x->a);
	if (r)
		return r < 0 ? r : FSCK_CANNOT;
	return del(f, x->key);
}

int fsck_fix_stage(struct fsck *f, const struct fsck_fix *x)
{
	uint64_t first = key_read_u64(key_slice(x->key), 9);
	struct slice value;
	struct dec d;
	uint64_t n;
	int r = kv_get(f->t, KV_HOT, key_slice(x->key), &value);

	if (r)
		return unless_gone(r);
	d = dec_of(value);
	n = dec_u64(&d);
	if (dec_end(&d) || n > f->next_id)
		return FSCK_CANNOT;
	for (uint64_t i = 0; i < n; i++)
		if (fsck_peek(f, first + i)->kind)
			return FSCK_CANNOT; /* it would show what was never complete */
	return del(f, x->key);
}

/* The client of ranges is gone: whoever sweeps after it must find that there was one. */
int fsck_fix_client(struct fsck *f, const struct fsck_fix *x)
{
	struct rec_client rec = {.role = "command", .started_us = f->x->now_us};
	int r = rec_client_get(f->t, x->a, &rec);

	if (r == -ENOENT && fsck_peek(f, x->a)->kind)
		return FSCK_CANNOT;
	rec.slot = WAKE_SLOTS - 1; /* given out last: nobody holds it */
	return r && r != -ENOENT ? unless_gone(r) : rec_client_put(f->t, x->a, &rec);
}

/* What was dropped waits a whole period more. */
int fsck_fix_trash(struct fsck *f, const struct fsck_fix *x)
{
	struct rec_trash e = {.kind = REC_TRASH_REF, .ref = x->b, .dropped_us = f->x->now_us};
	struct rec_ref ref;
	struct key in;
	int r = rec_ref_get(f->t, x->b, &ref);

	if (r || fsck_peek(f, x->a)->kind)
		return r ? unless_gone(r) : FSCK_CANNOT;
	e.table = ref.table;
	e.due_us = f->x->now_us + f->store->conf.trash_us;
	snprintf(e.name, sizeof e.name, "%s", ref.name);
	in = key_u64_u64(KEY_TRASH_IN, e.table, x->a);
	r = rec_trash_put(f->t, x->a, &e);
	return r ? r : rec_mark(f->t, &in);
}

int fsck_fix_requeue(struct fsck *f, const struct fsck_fix *x)
{
	struct slice value;
	struct rec_queue q;
	int r = kv_get(f->t, KV_HOT, key_slice(x->key), &value);

	if (!r)
		r = rec_queue_decode(value, &q);
	if (!r)
		r = del(f, x->key);
	return r ? unless_gone(r) : rec_queue_push(f->t, (enum rec_queue_kind)q.kind, q.id);
}

int fsck_fix_outbox(struct fsck *f, const struct fsck_fix *x)
{
	struct rec_ref ref = {0};
	int r;

	switch (fsck_peek(f, x->a)->kind) {
	case FSCK_REF:
		r = rec_ref_get(f->t, x->a, &ref);
		return r ? unless_gone(r) : rec_outbox_put(f->t, REC_OUTBOX_REF, x->a, ref.table);
	case FSCK_TABLE:
		return rec_outbox_put(f->t, REC_OUTBOX_TABLE, x->a, 0);
	case FSCK_DB:
		return rec_outbox_put(f->t, REC_OUTBOX_DB, x->a, 0);
	default:
		return FSCK_CANNOT; /* of one that is gone nobody knows any more what it was */
	}
}

int fsck_fix_owner(struct fsck *f, const struct fsck_fix *x)
{
	struct refs_store *s = f->store;

	(void)x;
	return refs_export_owner(s->objects, s->uuid, s->ids.incarnation, NULL);
}
