/*
 * Full check of what is exported as JSON: each ref's newest version says what its records say, the
 * newest marker and the owner's object are there. Whatever waits in the outbox is still to come.
 */
#include "gc/fsck_impl.h"
#include "refs/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct fsck_version {
	uint64_t ref, commit, random, db, table;
};

int fsck_version_seen(struct fsck *f, const char *key)
{
	struct fsck_version v;

	if (sscanf(key, "%" SCNu64 "/%" SCNu64 "/_refs/%" SCNu64 "/r%16" SCNx64 "%16" SCNx64, &v.db,
		    &v.table, &v.ref, &v.commit, &v.random) != 5)
		return 0; /* a marker, or the owner's object */
	if (v.commit > f->x->commit)
		return 0; /* others go on while we look */
	if (!array_grow(f->versions, f->n_versions, f->versions_capacity))
		abort();
	f->versions[f->n_versions++] = v;
	return 0;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare(const void *a, const void *b)
{
	const struct fsck_version *v = a, *w = b;
	int d = compare_numbers(v->ref, w->ref);

	if (!d)
		d = compare_numbers(v->commit, w->commit);
	return d ? d : compare_numbers(v->random, w->random);
}

/* NULL: none. */
static const struct fsck_version *newest(const struct fsck *f, uint64_t ref)
{
	size_t lo = 0, hi = f->n_versions;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->versions[mid].ref <= ref)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && f->versions[lo - 1].ref == ref ? &f->versions[lo - 1] : NULL;
}

static bool waits(struct fsck *f, uint64_t id)
{
	struct key k = key_u64(KEY_OUTBOX, id);

	return rec_exists(f->t, &k) != -ENOENT;
}

static void says_otherwise(struct fsck *f, uint64_t ref, const char *name, const char *key, int r)
{
	if (r == -EBADMSG)
		fsck_say(f, "%s: its exported version %s is damaged", name, key);
	else if (r == -ESTALE)
		fsck_say(f, "%s: its exported version %s differs from its records", name, key);
	else if (r == -ENOENT)
		fsck_say(f, "%s: no exported version of it is there", name);
	else
		fsck_say(f, "%s: its exported version %s cannot be read: %s", name, key,
			strerror(-r));
	if (r == -EBADMSG || r == -ESTALE || r == -ENOENT)
		fsck_fix(f, FSCK_ADDS, fsck_fix_outbox, ref, 0);
}

static int check_version(
	struct fsck *f, uint64_t ref, uint64_t table, char key[static OBJSTORE_KEY_BYTES_MAX + 1])
{
	const struct fsck_version *v = newest(f, ref);
	struct buf text auto_buf = {0};
	int r;

	if (!v)
		return -ENOENT;
	snprintf(key, OBJSTORE_KEY_BYTES_MAX + 1,
		"%" PRIu64 "/%" PRIu64 "/_refs/%" PRIu64 "/r%016" PRIx64 "%016" PRIx64 ".json",
		v->db, v->table, ref, v->commit, v->random);
	r = objstore_get(f->store->objects, key, CODEC_PAYLOAD_BYTES_MAX, &text);
	return r ? r : refs_export_check_ref(f->x, ref, table, v->commit, buf_slice(&text));
}

static int on_mark(struct fsck *f, uint64_t id, struct fsck_mark *m)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1] = "", name[2 * REC_NAME_BYTES_MAX + 64];
	struct rec_table table;
	struct rec_ref ref;
	int r;

	if (m->kind != FSCK_REF || m->flags & FSCK_DAMAGED || rec_ref_get(f->t, id, &ref) ||
		rec_table_get(f->t, ref.table, &table))
		return 0; /* said elsewhere */
	if (waits(f, id) || waits(f, ref.table) || waits(f, table.db))
		return 0;
	fsck_step(f);
	snprintf(name, sizeof name, "%s/%s", fsck_label(f, m->table), ref.name);
	r = check_version(f, id, ref.table, key);
	if (r && r != -EUCLEAN) /* that is a record's damage: said elsewhere */
		says_otherwise(f, id, name, key, r);
	return 0;
}

static int stop(void *arg, struct slice key, struct slice value)
{
	(void)arg;
	(void)key;
	(void)value;
	return 1;
}

static bool has_outbox(struct fsck *f)
{
	struct key lo = key_make(KEY_OUTBOX), hi = key_next(&lo);

	return kv_scan(f->t, KV_HOT, key_slice(&lo), key_slice(&hi), stop, NULL);
}

/* The next pass that has something to export writes another one. */
static int check_marker(struct fsck *f)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1], *text cleanup(free_p) = NULL;
	struct buf there auto_buf = {0};
	uint64_t commit;
	int r = rec_marker_get(f->t, &commit);

	if (r || !commit || has_outbox(f))
		return 0;
	r = refs_export_marker(f->store, commit, key, &text);
	if (r)
		return r;
	r = objstore_get(f->store->objects, key, strlen(text), &there);
	if (!r && slice_equal(buf_slice(&there), slice_str(text)))
		return 0;
	if (r && r != -ENOENT && r != -EFBIG) {
		fsck_say(f, "the newest marker of what is exported, %s, cannot be read: %s", key,
			strerror(-r));
		return 0;
	}
	fsck_say(f, "the newest marker of what is exported, %s, is %s", key,
		r == -ENOENT ? "missing" : "damaged");
	for (size_t i = 0; i < f->n_tables; i++)
		if (!f->tables[i].is_gone) {
			fsck_fix(f, FSCK_ADDS, fsck_fix_outbox, f->tables[i].id, 0);
			break;
		}
	return 0;
}

static void check_owner(struct fsck *f)
{
	struct bough_error error = {0};
	int r = refs_export_check_owner(f->store, &error);

	if (r == -ENOENT)
		fsck_say(f, "the owner's object is missing");
	else if (r && *error.message)
		fsck_say(f, "%s", error.message);
	else if (r)
		fsck_say(f, "the owner's object cannot be read: %s", strerror(-r));
	if (r == -ENOENT)
		fsck_fix(f, FSCK_ADDS, fsck_fix_owner, 0, 0);
}

int fsck_versions(struct fsck *f)
{
	int r;

	if (!f->full)
		return 0;
	fsck_stage(f, "versions");
	if (f->n_versions)
		qsort(f->versions, f->n_versions, sizeof *f->versions, compare);
	check_owner(f);
	r = check_marker(f);
	return r ? r : fsck_each(f, on_mark);
}
