/* What is changed of a ref by hand: its head, its snapshots, its kind, its expiry. */
#include "refs/commit_impl.h"
#include "refs/ref.h"
#include "refs/ref_impl.h"
#include "refs/table.h"

#include <errno.h>
#include <stdio.h>

#define ERROR_SNAPSHOT_GONE 2327
#define ERROR_NOT_POSSIBLE 2747

/* What may be changed: no tag, not expired, not protected. @what: "reset". */
static int open_changeable(struct refs_txn *x, uint64_t ref, const char *what, struct rec_ref *ret,
	struct bough_error *error)
{
	int r = commit_open_ref(x, ref, ret, error);

	if (r || !ret->is_protected)
		return r;
	error_set(error, -EPERM, "cannot %s '%s': it is protected", what, ret->name);
	return error_hint(error, -EPERM, "'bough branch unprotect' lifts that");
}

int refs_ref_reset(struct refs_txn *x, uint64_t ref, uint64_t snapshot, struct bough_error *error)
{
	struct rec_snapshot at;
	struct rec_ref rec;
	bool had_data;
	int r = open_changeable(x, ref, "reset", &rec, error);

	if (r || rec.head == snapshot)
		return r;
	/* condemned is final: an edge is only added to a record found in this transaction */
	r = rec_snapshot_get(x->kv, snapshot, &at);
	if (r == -ENOENT || (!r && at.table != rec.table)) {
		error_set(error, -ENOENT, "the snapshot that '%s' was to show is gone", rec.name);
		error_hint(error, -ENOENT, "'bough log --all' shows those that are there");
		error_number(error, ERROR_SNAPSHOT_GONE);
		return -ENOENT;
	}
	if (!r)
		r = refs_link_add(x, ref, snapshot);
	if (r)
		return r;
	had_data = rec.head;
	rec.head = snapshot;
	rec.schema = at.schema;
	r = ref_touch(x, ref, &rec);
	/* any name in data/ may mean another block now */
	return r || !had_data ? r : change_add(&x->changes, CHANGE_ALL, 0);
}

static int gone(struct refs_txn *x, uint64_t ref, uint64_t snapshot)
{
	char name[ID_NAME_BYTES_MAX];
	struct rec_snapshot rec;
	int r = rec_snapshot_get(x->kv, snapshot, &rec);

	if (r)
		return r;
	refs_snapshot_name(x->store, snapshot, &rec, name);
	return change_add_gone(&x->changes, CHANGE_IN_REF, ref, name);
}

int refs_link_remove(struct refs_txn *x, uint64_t ref, uint64_t snapshot, struct bough_error *error)
{
	struct rec_trash entry = {.kind = REC_TRASH_LINK, .ref = ref, .snapshot = snapshot};
	struct rec_ref rec;
	uint64_t id;
	int r = open_changeable(x, ref, "take a snapshot from", &rec, error);

	if (r)
		return r;
	if (rec.head == snapshot) {
		error_set(error, -EBUSY, "this is the head of '%s'", rec.name);
		return error_hint(
			error, -EBUSY, "reset it to another snapshot first, or drop it with rmdir");
	}
	entry.table = rec.table;
	snprintf(entry.name, sizeof entry.name, "%s", rec.name);
	r = link_take(x, ref, snapshot);
	if (!r)
		r = trash_put(x, &entry, &id); /* it owns the link's reference now */
	if (!r)
		r = gone(x, ref, snapshot);
	return r ? r : ref_touch(x, ref, &rec);
}

int refs_ref_freeze(struct refs_txn *x, uint64_t ref, struct bough_error *error)
{
	struct rec_ref rec;
	int r = refs_ref_open(x, ref, &rec, error);

	if (r || rec.kind == REC_REF_TAG)
		return r;
	if (rec.kind == REC_REF_MAIN) {
		error_set(error, -EPERM, "main cannot become a tag");
		return error_hint(error, -EPERM, "mkdir -m 555 _refs/NAME makes a tag of its head");
	}
	if (!rec.head) {
		error_set(
			error, -ENODATA, "'%s' cannot become a tag: it has no data yet", rec.name);
		error_number(error, ERROR_NOT_POSSIBLE);
		return error_hint(error, -ENODATA, "write a file into it first");
	}
	rec.kind = REC_REF_TAG;
	return ref_touch(x, ref, &rec);
}

int refs_ref_retain(struct refs_txn *x, uint64_t ref, uint64_t after_us, struct bough_error *error)
{
	struct rec_ref rec;
	uint64_t old;
	int r = refs_ref_open(x, ref, &rec, error);

	if (r)
		return r;
	if (rec.kind == REC_REF_MAIN) {
		error_set(error, -EPERM, "main never expires");
		return error_hint(error, -EPERM, "a branch or tag of it can");
	}
	old = rec.expire_at_us;
	rec.expire_at_us = after_us ? x->now_us + after_us : 0;
	r = ref_touch(x, ref, &rec);
	/* names in it may be believed for longer than it now lives */
	if (!r && after_us && (!old || rec.expire_at_us < old))
		r = change_add(&x->changes, CHANGE_ALL, 0);
	return r;
}
