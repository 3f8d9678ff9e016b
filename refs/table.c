/*
 * Databases and tables. A dropped table keeps its record, with an empty name and in no directory,
 * in the trash and then until the last of its objects is gone: their keys are made from it.
 */
#include "refs/table.h"
#include "refs/name.h"
#include "refs/ref.h"
#include "refs/ref_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ERROR_UNKNOWN_DB 1003
#define ERROR_UNKNOWN_TABLE 1025

int refs_dir_list(struct refs_txn *x, uint64_t dir, uint64_t after, refs_child_fn fn, void *arg)
{
	struct key lo = key_u64_u64(KEY_ENTRY, dir, after + 1), all = key_u64(KEY_ENTRY, dir);
	struct key hi = key_next(&all);
	struct dir_list l = {fn, arg};

	return kv_scan(x->kv, KV_HOT, key_slice(&lo), key_slice(&hi), dir_list_one, &l);
}

int dir_list_one(void *arg, struct slice key, struct slice value)
{
	struct dir_list *l = arg;
	char name[REC_NAME_BYTES_MAX + 1];

	if (value.len > REC_NAME_BYTES_MAX || key.len != 17)
		return -EUCLEAN;
	memcpy(name, value.data, value.len);
	name[value.len] = 0;
	return l->fn(l->arg, key_read_u64(key, 9), name);
}

/** Looks for a name without case. */
struct caseless {
	const char *name;
	uint64_t found;
	unsigned hits;
	char first[REC_NAME_BYTES_MAX + 1], second[REC_NAME_BYTES_MAX + 1];
};

static int compare_caseless(void *arg, uint64_t id, const char *name)
{
	struct caseless *c = arg;

	if (strcasecmp(c->name, name))
		return 0;
	c->found = id;
	snprintf(c->hits++ ? c->second : c->first, sizeof c->first, "%s", name);
	return c->hits == 2;
}

/* Exactly, else without case if that is unique. -ENOTUNIQ fills c->first and c->second. */
static int lookup(
	struct refs_txn *x, uint64_t dir, const char *name, uint64_t *ret, struct caseless *c)
{
	int r = rec_dir_lookup(x->kv, dir, name, ret);

	*c = (struct caseless){.name = name};
	if (r != -ENOENT)
		return r;
	r = refs_dir_list(x, dir, 0, compare_caseless, c);
	if (r < 0)
		return r;
	if (c->hits == 1)
		*ret = c->found;
	return c->hits == 1 ? 0 : c->hits ? -ENOTUNIQ : -ENOENT;
}

static int lookup_failed(int r, const char *what, const char *name, const struct caseless *c,
	int number, struct bough_error *error)
{
	if (r == -ENOENT) {
		error_set(error, r, "unknown %s '%.255s'", what, name);
	} else if (r == -ENOTUNIQ) {
		error_set(error, r, "%s '%.255s' could be '%s' or '%s'", what, name, c->first,
			c->second);
		error_hint(error, r, "write it exactly as one of them");
	} else {
		return error_set(
			error, r, "cannot look up %s '%.255s': %s", what, name, strerror(-r));
	}
	error_number(error, number);
	return r;
}

int refs_db_lookup(
	struct refs_txn *x, const char *name, uint64_t *ret_db, struct bough_error *error)
{
	struct caseless c;
	int r = lookup(x, REC_DIR_ROOT, name, ret_db, &c);

	return r ? lookup_failed(r, "database", name, &c, ERROR_UNKNOWN_DB, error) : 0;
}

int refs_table_lookup(struct refs_txn *x, uint64_t db, const char *name, uint64_t *ret_table,
	struct bough_error *error)
{
	struct caseless c;
	int r = lookup(x, db, name, ret_table, &c);

	return r ? lookup_failed(r, "table", name, &c, ERROR_UNKNOWN_TABLE, error) : 0;
}

/* A directory's list changed: its version is the number of this commit. */
static int touch_root(struct refs_txn *x)
{
	struct rec_store rec;
	int r = rec_store_get(x->kv, &rec);

	if (r)
		return r;
	rec.version = x->commit;
	rec.changed_us = x->now_us;
	r = rec_store_put(x->kv, &rec);
	return r ? r : change_add(&x->changes, CHANGE_ROOT, 0);
}

static int touch_db(struct refs_txn *x, uint64_t db)
{
	struct rec_db rec;
	int r = rec_db_get(x->kv, db, &rec);

	if (r)
		return r;
	rec.version = x->commit;
	rec.changed_us = x->now_us;
	r = rec_db_put(x->kv, db, &rec);
	return r ? r : change_add(&x->changes, CHANGE_DB, db);
}

int touch_table(struct refs_txn *x, uint64_t table)
{
	struct rec_table rec;
	int r = rec_table_get(x->kv, table, &rec);

	if (r)
		return r;
	rec.version = x->commit;
	rec.changed_us = x->now_us;
	r = rec_table_put(x->kv, table, &rec);
	return r ? r : change_add(&x->changes, CHANGE_TABLE, table);
}

static int exists(const char *what, const char *name, struct bough_error *error)
{
	return error_set(error, -EEXIST, "%s '%.255s' exists already", what, name);
}

int db_create_as(struct refs_txn *x, const char *name, uint64_t id, struct bough_error *error)
{
	struct rec_db rec = {
		.created_us = x->now_us, .version = x->commit, .changed_us = x->now_us};
	int r = name_check_object(name, "database", error);

	if (!r)
		r = rec_dir_add(x->kv, REC_DIR_ROOT, name, id);
	if (r == -EEXIST)
		return exists("database", name, error);
	if (r)
		return r;
	snprintf(rec.name, sizeof rec.name, "%s", name);
	r = rec_db_put(x->kv, id, &rec);
	return r ? r : touch_root(x);
}

int refs_db_create(
	struct refs_txn *x, const char *name, uint64_t *ret_db, struct bough_error *error)
{
	uint64_t id;
	int r = rec_next_id(x->kv, 1, &id);

	if (!r)
		r = db_create_as(x, name, id, error);
	if (!r)
		*ret_db = id;
	return r;
}

static int first_child(void *arg, uint64_t id, const char *name)
{
	(void)id;
	snprintf(arg, REC_NAME_BYTES_MAX + 1, "%s", name);
	return 1;
}

int refs_db_drop(struct refs_txn *x, uint64_t db, struct bough_error *error)
{
	char table[REC_NAME_BYTES_MAX + 1];
	struct rec_db rec;
	int r = rec_db_get(x->kv, db, &rec);

	if (!r)
		r = refs_dir_list(x, db, 0, first_child, table);
	if (r == 1) {
		error_set(error, -ENOTEMPTY, "database '%s' is not empty: it holds table '%s'",
			rec.name, table);
		return error_hint(error, -ENOTEMPTY, "drop its tables first");
	}
	if (!r)
		r = rec_dir_remove(x->kv, REC_DIR_ROOT, rec.name, db);
	if (!r)
		r = rec_del(x->kv, KEY_DB, db);
	if (!r)
		r = change_add_gone(&x->changes, CHANGE_IN_ROOT, 0, rec.name);
	return r ? r : touch_root(x);
}

int refs_db_rename(struct refs_txn *x, uint64_t db, const char *name, struct bough_error *error)
{
	struct rec_db rec;
	int r = name_check_object(name, "database", error);

	if (!r)
		r = rec_db_get(x->kv, db, &rec);
	if (!r)
		r = rec_dir_remove(x->kv, REC_DIR_ROOT, rec.name, db);
	if (!r)
		r = rec_dir_add(x->kv, REC_DIR_ROOT, name, db);
	if (r == -EEXIST)
		return exists("database", name, error);
	if (!r)
		r = change_add_gone(&x->changes, CHANGE_IN_ROOT, 0, rec.name);
	if (r)
		return r;
	snprintf(rec.name, sizeof rec.name, "%s", name);
	rec.changed_us = x->now_us;
	r = rec_db_put(x->kv, db, &rec);
	if (!r)
		r = rec_outbox_put(x->kv, REC_OUTBOX_DB, db, 0);
	if (!r)
		r = change_add(&x->changes, CHANGE_DB, db);
	return r ? r : touch_root(x);
}

int refs_table_create_as(struct refs_txn *x, uint64_t db, const char *name, uint64_t table,
	uint64_t main_ref, struct bough_error *error)
{
	struct rec_table rec = {.db = db,
		.home_db = db,
		.main_ref = main_ref,
		.created_us = x->now_us,
		.next_segment_key = 1,
		.next_snapshot_seq = 1,
		.version = x->commit,
		.changed_us = x->now_us,
		.objects_version = x->commit,
		.objects_changed_us = x->now_us};
	struct rec_ref ref = {.table = table,
		.created_us = x->now_us,
		.version = x->commit,
		.changed_us = x->now_us,
		.kind = REC_REF_MAIN,
		.name = REFS_MAIN};
	int r = name_check_object(name, "table", error);

	if (!r)
		r = rec_dir_add(x->kv, db, name, table);
	if (r == -EEXIST)
		return exists("table", name, error);
	if (r)
		return r;
	snprintf(rec.name, sizeof rec.name, "%s", name);
	r = rec_table_put(x->kv, table, &rec);
	if (!r)
		r = rec_ref_put(x->kv, main_ref, &ref);
	return r ? r : touch_db(x, db);
}

int refs_table_create(struct refs_txn *x, uint64_t db, const char *name, uint64_t *ret_table,
	struct bough_error *error)
{
	uint64_t first;
	int r = rec_next_id(x->kv, 2, &first);

	if (!r)
		r = refs_table_create_as(x, db, name, first, first + 1, error);
	if (!r)
		*ret_table = first;
	return r;
}

struct protection {
	struct refs_txn *x;
	struct bough_error *error;
};

static int check_unprotected(void *arg, uint64_t id, const char *name)
{
	struct protection *p = arg;
	struct rec_ref ref;
	int r = rec_ref_get(p->x->kv, id, &ref);

	if (r || !ref.is_protected)
		return r;
	error_set(p->error, -EPERM, "cannot drop the table: '%s' is protected", name);
	return error_hint(p->error, -EPERM, "'bough %s unprotect' lifts that",
		ref.kind == REC_REF_TAG ? "tag" : "branch");
}

/* Its refs stay in it: nothing leads to them while it has no name. */
int refs_table_drop(struct refs_txn *x, uint64_t table, struct bough_error *error)
{
	struct rec_trash entry = {.kind = REC_TRASH_TABLE, .table = table};
	struct protection check = {x, error};
	struct rec_table rec;
	struct rec_db db;
	int r = rec_table_get(x->kv, table, &rec);

	if (!r && !*rec.name)
		r = -ENOENT;
	if (!r)
		r = check_unprotected(&check, rec.main_ref, REFS_MAIN);
	if (!r)
		r = refs_dir_list(x, table, 0, check_unprotected, &check);
	if (!r)
		r = rec_db_get(x->kv, rec.db, &db);
	if (!r)
		r = rec_dir_remove(x->kv, rec.db, rec.name, table);
	if (!r)
		r = change_add_gone(&x->changes, CHANGE_IN_DB, rec.db, rec.name);
	if (r)
		return r;
	entry.db = rec.db;
	memcpy(entry.name, rec.name, sizeof entry.name);
	memcpy(entry.db_name, db.name, sizeof entry.db_name);
	rec.name[0] = 0;
	r = trash_put(x, &entry, &rec.trash);
	if (!r)
		r = rec_table_put(x->kv, table, &rec);
	if (!r)
		r = rec_outbox_put(x->kv, REC_OUTBOX_TABLE, table, 0);
	return r ? r : touch_db(x, rec.db);
}

int table_restore(struct refs_txn *x, uint64_t table, uint64_t db, const char *name,
	struct bough_error *error)
{
	struct rec_table rec;
	int r = name_check_object(name, "table", error);

	if (!r)
		r = rec_table_get(x->kv, table, &rec);
	if (!r)
		r = rec_dir_add(x->kv, db, name, table);
	if (r == -EEXIST)
		return exists("table", name, error);
	if (r)
		return r;
	rec.db = db;
	rec.trash = 0;
	snprintf(rec.name, sizeof rec.name, "%s", name);
	r = rec_table_put(x->kv, table, &rec);
	if (!r)
		r = rec_outbox_put(x->kv, REC_OUTBOX_TABLE, table, 0);
	return r ? r : touch_db(x, db);
}

int refs_table_rename(struct refs_txn *x, uint64_t table, uint64_t db, const char *name,
	struct bough_error *error)
{
	struct rec_table rec;
	uint64_t from;
	int r = name_check_object(name, "table", error);

	if (!r)
		r = rec_table_get(x->kv, table, &rec);
	if (!r)
		r = rec_dir_remove(x->kv, rec.db, rec.name, table);
	if (!r)
		r = rec_dir_add(x->kv, db, name, table);
	if (r == -EEXIST)
		return exists("table", name, error);
	if (!r)
		r = change_add_gone(&x->changes, CHANGE_IN_DB, rec.db, rec.name);
	if (r)
		return r;
	from = rec.db;
	rec.db = db;
	snprintf(rec.name, sizeof rec.name, "%s", name);
	r = rec_table_put(x->kv, table, &rec);
	if (!r)
		r = rec_outbox_put(x->kv, REC_OUTBOX_TABLE, table, 0);
	if (!r)
		r = touch_db(x, from);
	return r || from == db ? r : touch_db(x, db);
}
