/*
 * A pass goes through these states; whatever ends it, what was not cleared is done again:
 *
 *   epoch published     nothing is deleted that we may read
 *   read                one transaction: the outbox, and each ref in it as a text
 *   objects             segments, snapshots: under names that follow from their ids
 *   refs                fresh names; they do not count before the marker
 *   marker              now they count
 *   cleared             the outbox, where nothing changed since; marks of what is exported
 */
#include "refs/client.h"
#include "refs/export_impl.h"
#include "refs/table.h"

#include <errno.h>
#include <search.h>
#include <string.h>

#define MARKS_MAX 500 /* of one transaction */
#define WAIT_US 10000000
#define PAUSE_US 20000

static void export_deinit(struct export *e)
{
	for (size_t i = 0; i < e->n_refs; i++)
		free(e->refs[i].text);
	free(e->refs);
	free(e->outbox);
	free(e->snapshots.items);
	export_marks_deinit(e);
}

static int take_entry(void *arg, struct slice key, struct slice value)
{
	struct export *e = arg;
	int r = array_grow(e->outbox, e->n_outbox, e->outbox_capacity) ? 0 : -ENOMEM;

	if (!r)
		r = rec_outbox_decode(key, value, &e->outbox[e->n_outbox]);
	e->n_outbox += !r;
	return r;
}

static int read_outbox(struct export *e, struct refs_txn *x)
{
	struct key lo = key_make(KEY_OUTBOX), hi = key_next(&lo);

	return kv_scan(x->kv, KV_HOT, key_slice(&lo), key_slice(&hi), take_entry, e);
}

/** The refs beneath tables and databases that were renamed. */
struct children {
	struct export_ids ids;
};

static int take_child(void *arg, uint64_t id, const char *name)
{
	struct children *c = arg;

	(void)name;
	return export_ids_add(&c->ids, id);
}

static bool in_outbox(const struct export *e, uint64_t id)
{
	const struct rec_outbox *o = e->outbox;
	size_t lo = 0, hi = e->n_outbox;

	while (lo < hi) { /* the scan gave them by rising id */
		size_t mid = lo + (hi - lo) / 2;

		if (o[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < e->n_outbox && o[lo].id == id;
}

/* All refs of a table that was renamed, dropped or brought back, and that are not in the outbox
 * themselves. */
static int read_table(struct export *e, struct refs_txn *x, uint64_t table)
{
	struct children c = {0};
	struct rec_table rec;
	int r = rec_table_get(x->kv, table, &rec);

	if (r)
		return r == -ENOENT ? 0 : r;
	r = export_ids_add(&c.ids, rec.main_ref);
	if (!r)
		r = refs_dir_list(x, table, 0, take_child, &c);
	for (size_t i = 0; i < c.ids.n && !r; i++)
		if (!in_outbox(e, c.ids.items[i]))
			r = export_ref_read(e, x, c.ids.items[i], table);
	free(c.ids.items);
	return r;
}

static int read_db(struct export *e, struct refs_txn *x, uint64_t db)
{
	struct children c = {0};
	int r = refs_dir_list(x, db, 0, take_child, &c);

	for (size_t i = 0; i < c.ids.n && !r; i++)
		if (!in_outbox(e, c.ids.items[i])) /* else the table itself was renamed too */
			r = read_table(e, x, c.ids.items[i]);
	free(c.ids.items);
	return r;
}

static int read_entry(struct export *e, struct refs_txn *x, const struct rec_outbox *o)
{
	int r;

	if (o->kind == REC_OUTBOX_TABLE)
		return read_table(e, x, o->id);
	if (o->kind == REC_OUTBOX_DB)
		return read_db(e, x, o->id);
	r = export_ref_read(e, x, o->id, o->table);
	return r == -ENOENT ? 0 : r; /* no table any more: nothing is left that it could name */
}

/* All refs at one moment. */
static int read_refs(struct export *e)
{
	struct refs_txn *x auto_refs_txn = NULL;
	int r = refs_begin(e->store, KV_READ, &x);

	if (r)
		return r;
	e->commit = e->done.commit = x->commit;
	r = rec_marker_get(x->kv, &e->done.marker);
	if (!r)
		r = read_outbox(e, x);
	for (size_t i = 0; i < e->n_outbox && !r; i++)
		r = read_entry(e, x, &e->outbox[i]);
	return r;
}

static int put_refs(struct export *e)
{
	int r = 0;

	for (size_t i = 0; i < e->n_refs && !r; i++) {
		r = export_put(e, e->refs[i].key, slice_str(e->refs[i].text));
		e->done.refs += !r;
	}
	return r;
}

static int put_marker(struct export *e)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1], *text cleanup(free_p) = NULL;
	int r = refs_export_marker(e->store, e->commit, key, &text);

	return r ? r : export_put(e, key, slice_str(text));
}

/* Takes out what is still as it was read. */
static int clear_entry(struct refs_txn *x, const struct rec_outbox *o)
{
	struct key k = key_u64(KEY_OUTBOX, o->id);
	struct rec_outbox now;
	struct slice value;
	int r = kv_get(x->kv, KV_HOT, key_slice(&k), &value);

	if (!r)
		r = rec_outbox_decode(key_slice(&k), value, &now);
	if (r || now.commit != o->commit)
		return r == -ENOENT ? 0 : r;
	return kv_del(x->kv, KV_HOT, key_slice(&k));
}

static int put_mark(struct refs_txn *x, const struct export_mark *m)
{
	struct key k = key_u64(KEY_EXPORTED, m->id);

	return kv_put(x->kv, KV_BULK, key_slice(&k), slice_str(m->key));
}

/** What is left to be written down, in transactions of bounded size. */
struct clearing {
	struct export *e;
	struct export_mark **marks;
	size_t n_marks, at_mark, at_entry;
};

static void gather_mark(const void *node, VISIT which, void *arg)
{
	struct clearing *c = arg;

	if (which == postorder || which == leaf)
		c->marks[c->n_marks++] = *(struct export_mark **)(uintptr_t)node;
}

static int clear_slice(struct clearing *c)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct export *e = c->e;
	size_t n = 0;
	int r = refs_begin(e->store, KV_WRITE, &x);

	for (; !r && c->at_mark < c->n_marks && n < MARKS_MAX; n++)
		r = put_mark(x, c->marks[c->at_mark++]);
	for (; !r && c->at_entry < e->n_outbox && n < MARKS_MAX; n++)
		r = clear_entry(x, &e->outbox[c->at_entry++]);
	if (!r)
		r = rec_marker_put(x->kv, e->commit);
	return r ? r : refs_commit(&x, NULL);
}

static int clear(struct export *e)
{
	struct clearing c = {.e = e};
	int r = 0;

	c.marks = calloc(e->n_marks + 1, sizeof *c.marks);
	if (!c.marks)
		return -ENOMEM;
	twalk_r(e->marks, gather_mark, &c);
	while (!r && (c.at_mark < c.n_marks || c.at_entry < e->n_outbox))
		r = clear_slice(&c);
	free(c.marks);
	return r;
}

static int write_all(struct export *e)
{
	struct refs_store *s = e->store;
	int r = refs_export_owner(s->objects, s->uuid, s->ids.incarnation, e->error);

	if (!r)
		r = export_snapshots(e);
	if (!r)
		r = put_refs(e);
	if (!r)
		r = put_marker(e);
	if (!r)
		r = clear(e);
	if (!r)
		e->done.marker = e->commit;
	return r;
}

int refs_export_run(struct refs_store *s, struct refs_exported *ret, struct bough_error *error)
{
	return refs_export_until(s, NULL, ret, error);
}

int refs_export_until(struct refs_store *s, const atomic_bool *stop, struct refs_exported *ret,
	struct bough_error *error)
{
	struct export e cleanup(export_deinit) = {.store = s, .error = error, .stop = stop};
	int epoch = client_epoch_enter(s->client), r = read_refs(&e);

	if (!r && e.n_outbox)
		r = write_all(&e);
	client_epoch_leave(s->client, epoch);
	if (r)
		return error_set(
			error, r, "cannot export the refs of %s: %s", s->path, strerror(-r));
	*ret = e.done;
	return 0;
}

int refs_export_wait(struct refs_store *s, struct refs_exported *ret, struct bough_error *error)
{
	uint64_t until = s->clock->mono_us(s->clock) + WAIT_US;

	for (;;) {
		struct bough_error why = {0};
		int r = refs_export_run(s, ret, &why);

		if (r != -EAGAIN || s->clock->mono_us(s->clock) >= until) {
			if (r && error)
				*error = why;
			return r;
		}
		usleep(PAUSE_US);
	}
}

int refs_export_leave(struct refs_store *s, struct bough_error *error)
{
	struct refs_exported done;

	return wake_mount_alive(s->wake) ? 0 : refs_export_wait(s, &done, error);
}

int refs_export_commit(struct refs_store *s, struct bough_error *error)
{
	struct refs_exported done;
	struct bough_error why = {0};
	int r = s->conf.publish_commit ? refs_export_wait(s, &done, &why) : 0;

	if (!r)
		return 0;
	if (r == -EAGAIN) /* it would say: make the change again */
		r = -EBUSY;
	error_set(error, r, "committed, but not exported: %s", why.message);
	return error_hint(error, r, "the next commit or 'bough sync' tries again");
}
