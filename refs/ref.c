#include "refs/ref.h"
#include "refs/name.h"
#include "refs/ref_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ERROR_SNAPSHOT_GONE 2327
#define ERROR_UNKNOWN_REF 2745
#define ERROR_REF_EXISTS 2746
#define ERROR_NOT_POSSIBLE 2747
#define ERROR_EXPIRED 2749

static int numbered(struct bough_error *error, int r, int number)
{
	error_number(error, number);
	return r;
}

int refs_ref_lookup(struct refs_txn *x, uint64_t table, const char *name, uint64_t *ret_ref,
	struct bough_error *error)
{
	struct rec_table rec;
	int r;

	if (name && strcmp(name, REFS_MAIN)) {
		r = rec_dir_lookup(x->kv, table, name, ret_ref);
		if (r != -ENOENT)
			return r;
		error_set(error, r, "unknown branch or tag '%.255s'", name);
		return numbered(error, r, ERROR_UNKNOWN_REF);
	}
	r = rec_table_get(x->kv, table, &rec);
	if (!r)
		*ret_ref = rec.main_ref;
	return r;
}

bool refs_ref_expired(const struct refs_txn *x, const struct rec_ref *r)
{
	return r->expire_at_us && r->expire_at_us <= x->now_us;
}

int refs_ref_open(struct refs_txn *x, uint64_t ref, struct rec_ref *ret, struct bough_error *error)
{
	struct rec_ref rec;
	struct rec_table table;
	char when[28];
	int r = rec_ref_get(x->kv, ref, &rec);

	if (!r)
		r = rec_table_get(x->kv, rec.table, &table);
	if (!r && (rec.trash || !*table.name))
		r = -ENOENT;
	if (r)
		return r;
	if (refs_ref_expired(x, &rec)) {
		clock_format_rfc3339(rec.expire_at_us, when);
		error_set(error, -ESTALE, "'%s' expired at %s", rec.name, when);
		error_hint(error, -ESTALE, "it can still be dropped");
		return numbered(error, -ESTALE, ERROR_EXPIRED);
	}
	*ret = rec;
	return 0;
}

/* Finds what the new ref is to point to and copies it to @ref. */
static int resolve_source(struct refs_txn *x, const struct refs_create *c, struct rec_ref *ref,
	struct bough_error *error)
{
	struct rec_table table;
	struct rec_ref source;
	struct rec_snapshot at;
	int r = rec_table_get(x->kv, c->table, &table);

	ref->base_ref = c->source_ref ? c->source_ref : table.main_ref;
	if (!r)
		r = refs_ref_open(x, ref->base_ref, &source, error);
	if (r)
		return r;
	ref->head = ref->base = c->at ? c->at : source.head;
	ref->schema = source.schema;
	if (!ref->head)
		return 0;
	/* condemned is final: an edge is only added to a record that is found in this transaction
	 */
	r = rec_snapshot_get(x->kv, ref->head, &at);
	if (r == -ENOENT || (!r && at.table != c->table)) {
		error_set(error, -ENOENT, "the snapshot that '%.255s' was to point to is gone",
			c->name);
		error_hint(error, -ENOENT, "'bough log --all' shows those that are there");
		return numbered(error, -ENOENT, ERROR_SNAPSHOT_GONE);
	}
	if (!r)
		ref->schema = at.schema;
	return r;
}

/* The name and the merge base hold a reference each. */
static int hold_head(struct refs_txn *x, uint64_t id, const struct rec_ref *ref)
{
	struct rec_snapshot at;
	int r = refs_link_add(x, id, ref->head);

	if (!r)
		r = rec_snapshot_get(x->kv, ref->base, &at);
	if (r)
		return r;
	at.count++;
	return rec_snapshot_put(x->kv, ref->base, &at);
}

int ref_exists(const char *name, struct bough_error *error)
{
	error_set(error, -EEXIST, "a branch or tag '%.255s' exists already", name);
	return numbered(error, -EEXIST, ERROR_REF_EXISTS);
}

int refs_ref_create(struct refs_txn *x, const struct refs_create *c, uint64_t *ret_ref,
	struct bough_error *error)
{
	struct rec_ref ref = {.table = c->table,
		.created_us = x->now_us,
		.version = x->commit,
		.changed_us = x->now_us,
		.expire_at_us = c->expire_at_us,
		.kind = (uint8_t)c->kind};
	uint64_t id;
	int r = name_check_ref(c->name, error);

	if (!r)
		r = resolve_source(x, c, &ref, error);
	if (!r && !ref.head && c->kind == REC_REF_TAG) {
		error_set(error, -ENODATA, "cannot make tag '%.255s': the table has no data yet",
			c->name);
		error_hint(error, -ENODATA, "import into it first; a branch can be made now");
		return numbered(error, -ENODATA, ERROR_NOT_POSSIBLE);
	}
	if (!r)
		r = rec_next_id(x->kv, 1, &id);
	if (!r)
		r = rec_dir_add(x->kv, c->table, c->name, id);
	if (r == -EEXIST)
		return ref_exists(c->name, error);
	if (r)
		return r;
	snprintf(ref.name, sizeof ref.name, "%s", c->name);
	r = rec_ref_put(x->kv, id, &ref);
	if (!r && ref.head)
		r = hold_head(x, id, &ref);
	if (!r)
		r = touch_table(x, c->table);
	if (!r)
		*ret_ref = id;
	return r;
}

/* What is neither main nor protected. @what: "drop", "rename". */
static int open_free(struct refs_txn *x, uint64_t ref, const char *what, struct rec_ref *ret,
	struct bough_error *error)
{
	int r = rec_ref_get(x->kv, ref, ret);

	if (!r && ret->trash)
		r = -ENOENT;
	if (r)
		return r;
	if (ret->kind == REC_REF_MAIN) {
		error_set(error, -EPERM, "cannot %s main: it is the table itself", what);
		return error_hint(
			error, -EPERM, "'bough table %s' does it to the whole table", what);
	}
	if (!ret->is_protected)
		return 0;
	error_set(error, -EPERM, "cannot %s '%s': it is protected", what, ret->name);
	return error_hint(error, -EPERM, "'bough %s unprotect' lifts that",
		ret->kind == REC_REF_TAG ? "tag" : "branch");
}

int refs_ref_drop(struct refs_txn *x, uint64_t ref, struct bough_error *error)
{
	struct rec_trash entry = {.kind = REC_TRASH_REF, .ref = ref};
	struct rec_ref rec;
	int r = open_free(x, ref, "drop", &rec, error);

	if (!r)
		r = rec_dir_remove(x->kv, rec.table, rec.name, ref);
	if (!r)
		r = change_add_gone(&x->changes, CHANGE_IN_REFS, rec.table, rec.name);
	if (!r)
		r = links_hide(x, ref);
	if (r)
		return r;
	entry.table = rec.table;
	snprintf(entry.name, sizeof entry.name, "%s", rec.name);
	r = trash_put(x, &entry, &rec.trash);
	rec.drops++;
	if (!r)
		r = rec_ref_put(x->kv, ref, &rec);
	return r ? r : touch_table(x, rec.table);
}

int ref_touch(struct refs_txn *x, uint64_t ref, struct rec_ref *rec)
{
	int r;

	rec->version = x->commit;
	rec->changed_us = x->now_us;
	r = rec_ref_put(x->kv, ref, rec);
	return r ? r : change_add(&x->changes, CHANGE_REF, ref);
}

int refs_ref_rename(struct refs_txn *x, uint64_t ref, const char *name, struct bough_error *error)
{
	struct rec_ref rec;
	int r = name_check_ref(name, error);

	if (!r)
		r = open_free(x, ref, "rename", &rec, error);
	if (!r && !strcmp(rec.name, name))
		return 0;
	if (!r)
		r = rec_dir_remove(x->kv, rec.table, rec.name, ref);
	if (!r)
		r = rec_dir_add(x->kv, rec.table, name, ref);
	if (r == -EEXIST)
		return ref_exists(name, error);
	if (!r)
		r = change_add_gone(&x->changes, CHANGE_IN_REFS, rec.table, rec.name);
	if (r)
		return r;
	snprintf(rec.name, sizeof rec.name, "%s", name);
	r = rec_ref_put(x->kv, ref, &rec);
	if (!r)
		r = change_add(&x->changes, CHANGE_REF, ref);
	return r ? r : touch_table(x, rec.table);
}

int refs_ref_protect(struct refs_txn *x, uint64_t ref, bool is_protected, struct bough_error *error)
{
	struct rec_ref rec;
	int r = refs_ref_open(x, ref, &rec, error);

	if (r || rec.is_protected == is_protected)
		return r;
	rec.is_protected = is_protected;
	r = rec_ref_put(x->kv, ref, &rec);
	return r ? r : change_add(&x->changes, CHANGE_REF, ref);
}
