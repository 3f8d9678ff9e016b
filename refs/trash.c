#include "refs/trash.h"
#include "refs/commit_impl.h"
#include "refs/name.h"
#include "refs/ref.h"
#include "refs/ref_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ERROR_UNKNOWN_DB 1003
#define ERROR_UNKNOWN_TABLE 1025
#define ERROR_UNKNOWN_REF 2745

int trash_put(struct refs_txn *x, struct rec_trash *entry, uint64_t *ret_id)
{
	bool is_table = entry->kind == REC_TRASH_TABLE;
	struct key in;
	uint64_t id;
	int r = rec_next_id(x->kv, 1, &id);

	if (r)
		return r;
	entry->dropped_us = x->now_us;
	entry->due_us = x->now_us + x->store->conf.trash_us;
	in = key_u64_u64(KEY_TRASH_IN, is_table ? entry->db : entry->table, id);
	r = rec_trash_put(x->kv, id, entry);
	if (!r)
		r = rec_mark(x->kv, &in);
	if (!r)
		*ret_id = id;
	return r;
}

static int remove_entry(struct refs_txn *x, uint64_t id, const struct rec_trash *e)
{
	bool is_table = e->kind == REC_TRASH_TABLE;
	struct key in = key_u64_u64(KEY_TRASH_IN, is_table ? e->db : e->table, id);
	int r = rec_del(x->kv, KEY_TRASH, id);

	return r ? r : kv_del(x->kv, KV_HOT, key_slice(&in));
}

int refs_trash_get(
	struct refs_txn *x, uint64_t id, struct rec_trash *ret, struct bough_error *error)
{
	int r = rec_trash_get(x->kv, id, ret);

	if (r != -ENOENT)
		return r;
	error_set(error, r, "the trash has no entry %llu", (unsigned long long)id);
	return error_hint(error, r, "'bough trash list' shows what it has");
}

/* Is the table there, or does an entry of its own hold it? */
static int table_is_live(struct refs_txn *x, uint64_t table, struct rec_table *ret)
{
	int r = rec_table_get(x->kv, table, ret);

	return r ? r : *ret->name ? 1 : 0;
}

struct entry_list {
	struct refs_txn *x;
	refs_trash_fn fn;
	void *arg;
};

static int list_entry(void *arg, struct slice key, struct slice value)
{
	struct entry_list *l = arg;
	uint64_t id = key_read_u64(key, 1);
	struct rec_trash e;
	struct rec_table table;
	int r = rec_trash_get(l->x->kv, id, &e);

	(void)value;
	if (r || e.is_emptying)
		return r;
	r = e.kind == REC_TRASH_TABLE ? 1 : table_is_live(l->x, e.table, &table);
	return r <= 0 ? r : l->fn(l->arg, id, &e);
}

int refs_trash_list(struct refs_txn *x, uint64_t after, refs_trash_fn fn, void *arg)
{
	struct key lo = key_u64(KEY_TRASH, after + 1), all = key_make(KEY_TRASH);
	struct key hi = key_next(&all);
	struct entry_list l = {x, fn, arg};

	return kv_scan(x->kv, KV_HOT, key_slice(&lo), key_slice(&hi), list_entry, &l);
}

struct wanted {
	struct refs_txn *x;
	enum rec_trash_kind kind;
	const char *name;
	uint64_t found;
};

static int match_entry(void *arg, struct slice key, struct slice value)
{
	struct wanted *w = arg;
	uint64_t id = key_read_u64(key, 9);
	struct rec_trash e;
	int r = rec_trash_get(w->x->kv, id, &e);

	(void)value;
	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	if (e.kind != w->kind || e.is_emptying || strcmp(e.name, w->name) != 0)
		return 0;
	w->found = id;
	return 1;
}

int refs_trash_find(struct refs_txn *x, uint64_t dir, enum rec_trash_kind kind, const char *name,
	uint64_t *ret_id, struct bough_error *error)
{
	struct key lo = key_u64(KEY_TRASH_IN, dir), hi = key_next(&lo);
	struct wanted w = {x, kind, name, 0};
	bool is_table = kind == REC_TRASH_TABLE;
	int r = kv_scan_down(x->kv, KV_HOT, key_slice(&lo), key_slice(&hi), match_entry, &w);

	if (r < 0)
		return r;
	if (r) {
		*ret_id = w.found;
		return 0;
	}
	error_set(error, -ENOENT, "the trash has no %s '%.255s'",
		is_table ? "table" : "branch or tag", name);
	error_number(error, is_table ? ERROR_UNKNOWN_TABLE : ERROR_UNKNOWN_REF);
	return error_hint(error, -ENOENT, "'bough trash list' shows what it has");
}

static int restore_ref(struct refs_txn *x, const struct rec_trash *e, const char *as, uint64_t *ret,
	struct bough_error *error)
{
	struct rec_table table;
	struct rec_ref ref;
	int r = name_check_ref(as, error), live;

	if (r)
		return r;
	live = table_is_live(x, e->table, &table);
	if (live < 0)
		return live;
	if (!live) {
		error_set(error, -ENOENT, "the table of '%s' was dropped too", e->name);
		return error_hint(error, -ENOENT, "restore that table: its refs come with it");
	}
	r = rec_ref_get(x->kv, e->ref, &ref);
	if (!r)
		r = rec_dir_add(x->kv, e->table, as, e->ref);
	if (r == -EEXIST)
		return ref_exists(as, error);
	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	snprintf(ref.name, sizeof ref.name, "%s", as);
	ref.trash = 0;
	ref.version = x->commit;
	ref.changed_us = x->now_us;
	r = rec_ref_put(x->kv, e->ref, &ref);
	if (!r)
		r = links_show(x, e->ref);
	if (!r)
		r = change_add(&x->changes, CHANGE_REF, e->ref);
	*ret = e->ref;
	return r ? r : touch_table(x, e->table);
}

/* Where a table goes back to: its database, or one that has its name now. */
static int home_db(struct refs_txn *x, const struct rec_trash *e, uint64_t wanted, uint64_t *ret,
	struct bough_error *error)
{
	uint64_t id = wanted ? wanted : e->db;
	struct rec_db db;
	int r = rec_db_get(x->kv, id, &db);

	if (r == -ENOENT)
		r = rec_dir_lookup(x->kv, REC_DIR_ROOT, e->db_name, &id);
	if (!r)
		*ret = id;
	if (r != -ENOENT)
		return r;
	error_set(error, r, "the database of '%s' was dropped: '%s'", e->name, e->db_name);
	error_number(error, ERROR_UNKNOWN_DB);
	return error_hint(error, r, "create it again, or name another with --as DB.TABLE");
}

static int restore_link(
	struct refs_txn *x, const struct rec_trash *e, uint64_t *ret, struct bough_error *error)
{
	struct rec_snapshot s;
	struct rec_ref ref;
	int r = refs_ref_open(x, e->ref, &ref, error);

	if (r == -ENOENT) {
		error_set(error, r, "'%s', whose snapshot this is, was dropped too", e->name);
		return error_hint(error, r, "restore that first");
	}
	if (!r)
		r = commit_check_kind(&ref, error); /* it has become one since */
	if (!r)
		r = refs_link_add(x, e->ref, e->snapshot);
	if (!r)
		r = rec_snapshot_get(x->kv, e->snapshot, &s);
	if (r)
		return r;
	s.count--; /* the entry's own reference */
	r = rec_snapshot_put(x->kv, e->snapshot, &s);
	if (!r)
		r = ref_touch(x, e->ref, &ref);
	*ret = e->ref;
	return r;
}

int refs_trash_restore(struct refs_txn *x, const struct refs_restore *restore, uint64_t *ret,
	struct bough_error *error)
{
	struct rec_trash e;
	uint64_t db = 0, id = 0;
	const char *as = restore->name;
	int r = refs_trash_get(x, restore->id, &e, error);

	if (r)
		return r;
	if (e.is_emptying) {
		error_set(error, -ESTALE, "'%s' is being removed for good", e.name);
		return error_hint(error, -ESTALE, "'bough trash list' shows what can come back");
	}
	as = as ? as : e.name;
	if (e.kind == REC_TRASH_REF)
		r = restore_ref(x, &e, as, &id, error);
	else if (e.kind == REC_TRASH_LINK)
		r = restore_link(x, &e, &id, error);
	else
		r = home_db(x, &e, restore->db, &db, error);
	if (!r && e.kind == REC_TRASH_TABLE) {
		r = table_restore(x, e.table, db, as, error);
		id = e.table;
	}
	if (r == -EEXIST)
		error_hint(error, r, "--as gives it another name");
	if (!r)
		r = remove_entry(x, restore->id, &e);
	if (!r && ret)
		*ret = id;
	return r;
}

/** One slice of emptying. */
struct slicer {
	struct refs_txn *x;
	struct refs_emptied *done;
	uint64_t until_us;
	bool all;
	uint64_t found; /* by a scan */
};

/* Return: 0 all of the ref is released, 1 time is up. */
static int empty_ref(struct slicer *s, uint64_t ref)
{
	return ref_release(s->x, ref, s->until_us, &s->done->references);
}

static int empty_link(struct slicer *s, const struct rec_trash *e)
{
	s->done->references++;
	return rec_queue_push(s->x->kv, REC_QUEUE_SNAPSHOT, e->snapshot);
}

static int first_entry(void *arg, struct slice key, struct slice value)
{
	(void)value;
	((struct slicer *)arg)->found = key_read_u64(key, 9);
	return 1;
}

static int empty_entry(struct slicer *s, uint64_t id);

/* What was in the trash when the table was dropped. */
static int empty_entries_of(struct slicer *s, uint64_t table)
{
	struct key lo = key_u64(KEY_TRASH_IN, table), hi = key_next(&lo);
	int r = 0, found;

	while (!r &&
		(found = kv_scan(s->x->kv, KV_HOT, key_slice(&lo), key_slice(&hi), first_entry, s)))
		r = found < 0 ? found : empty_entry(s, s->found);
	return r;
}

static int first_ref(void *arg, uint64_t id, const char *name)
{
	(void)name;
	((struct slicer *)arg)->found = id;
	return 1;
}

static int empty_table(struct slicer *s, uint64_t id)
{
	struct rec_table table;
	struct rec_ref ref;
	int r = rec_table_get(s->x->kv, id, &table), found;

	if (!r)
		r = empty_entries_of(s, id);
	while (!r && (found = refs_dir_list(s->x, id, 0, first_ref, s))) {
		r = found < 0 ? found : rec_ref_get(s->x->kv, s->found, &ref);
		if (!r)
			r = empty_ref(s, s->found);
		if (!r)
			r = rec_dir_remove(s->x->kv, id, ref.name, s->found);
	}
	if (!r)
		r = empty_ref(s, table.main_ref);
	if (r)
		return r;
	table.trash = 0;
	return rec_table_put(s->x->kv, id, &table);
}

/* Return: 0 the entry is gone, 1 time is up. */
static int empty_entry(struct slicer *s, uint64_t id)
{
	struct rec_trash e;
	int r = rec_trash_get(s->x->kv, id, &e);

	if (!r && e.kind == REC_TRASH_REF)
		r = empty_ref(s, e.ref);
	else if (!r && e.kind == REC_TRASH_TABLE)
		r = empty_table(s, e.table);
	else if (!r)
		r = empty_link(s, &e);
	if (r == 1) {
		e.is_emptying = true;
		r = rec_trash_put(s->x->kv, id, &e);
		return r ? r : 1;
	}
	if (!r)
		s->done->entries++;
	return r ? r : remove_entry(s->x, id, &e);
}

static int first_due(void *arg, struct slice key, struct slice value)
{
	struct slicer *s = arg;
	uint64_t id = key_read_u64(key, 1);
	struct rec_trash e;
	struct rec_table table;
	int r = rec_trash_get(s->x->kv, id, &e);

	(void)value;
	if (r)
		return r;
	/* what is in a dropped table goes with it, so at the later of the two times */
	r = e.kind == REC_TRASH_TABLE ? 1 : table_is_live(s->x, e.table, &table);
	if (r <= 0 || !(s->all || e.is_emptying || e.due_us <= s->x->now_us))
		return r < 0 ? r : 0;
	s->found = id;
	return 1;
}

int refs_trash_empty(struct refs_txn *x, bool all, struct refs_emptied *ret)
{
	const struct clock *clock = x->store->clock;
	struct key lo = key_make(KEY_TRASH), hi = key_next(&lo);
	struct refs_emptied done = *ret;
	struct slicer s = {.x = x,
		.done = &done,
		.until_us = clock->mono_us(clock) + TRASH_SLICE_US,
		.all = all};
	int r = 0, found = 1;

	while (!r && found) {
		found = kv_scan(x->kv, KV_HOT, key_slice(&lo), key_slice(&hi), first_due, &s);
		if (found < 0)
			return found;
		if (found)
			r = empty_entry(&s, s.found);
		if (!r && found && clock->mono_us(clock) >= s.until_us)
			r = 1;
	}
	if (r < 0)
		return r;
	done.is_done = !r;
	*ret = done;
	return 0;
}
