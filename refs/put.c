/*
 * What becomes of the object of a put:
 *
 *   nothing --prepare--> stored --apply--> in a transaction --commit--> named by a record
 *      ^                   |                       |
 *      `---- end: deleted -+---- end: no record ---+-- end: not known: kept, in a range that stays
 *
 * Between apply and end only the caller knows how the transaction ended; a record that is there
 * says more than any error.
 */
#include "refs/data.h"
#include "refs/put_impl.h"
#include "refs/table.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

static void put_free(struct refs_put *p)
{
	if (!p)
		return;
	refs_edit_free(p->edit);
	put_meaning_deinit(&p->meaning);
	free(p->ops);
	import_deinit(&p->im);
	json_object_put(p->description);
	close_p(&p->fd);
	free((char *)p->file.path);
	free(p->file.name);
	free(p->path);
	free(p->message);
	free(p);
}
DEFINE_CLEANUP(struct refs_put *, put_free)

int refs_put_new(struct refs_store *s, const struct refs_put_in *in, struct refs_put **ret)
{
	struct refs_put *p cleanup(put_free_p) = calloc(1, sizeof *p);

	if (!p)
		return -ENOMEM;
	p->fd = -1;
	p->in = (struct refs_import){.files = &p->file, .n_files = 1};
	p->im = (struct import){.store = s, .in = &p->in, .ref = in->ref};
	p->im.files = calloc(1, sizeof *p->im.files);
	p->path = strdup(in->path);
	p->file.path = strdup(in->label ? in->label : in->path);
	p->file.name = strdup(in->name);
	p->message = in->message ? strdup(in->message) : NULL;
	if (!p->im.files || !p->path || !p->file.path || !p->file.name ||
		(in->message && !p->message))
		return -ENOMEM;
	import_author(in->author, p->author);
	p->no_replace = in->no_replace;
	p->no_fold = in->no_fold;
	p->is_hashed = in->sha256;
	if (in->sha256)
		memcpy(p->sha256, in->sha256, sizeof p->sha256);
	*ret = steal(&p);
	return 0;
}

int put_open_ref(struct refs_txn *x, const struct refs_put *p, struct rec_ref *ret,
	struct bough_error *error)
{
	int r = commit_open_ref(x, p->im.ref, ret, error);

	if (r != -ENOENT)
		return r;
	if (error && error->code == -ENOENT)
		error->code = -ESTALE;
	return -ESTALE;
}

void put_meaning_deinit(struct put_meaning *m)
{
	free(m->others);
	*m = (struct put_meaning){0};
}

static int add_other(struct refs_txn *x, struct put_meaning *m, uint64_t block)
{
	struct put_other *grown = reallocarray(m->others, m->n + 1, sizeof *grown);
	struct rec_block rec;
	int r = grown ? rec_block_get(x->kv, block, &rec) : -ENOMEM;

	if (grown)
		m->others = grown;
	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	grown[m->n].block = block;
	refs_block_name(x->store, block, &rec, grown[m->n++].name);
	return 0;
}

int put_find(struct refs_txn *x, const struct refs_put *p, const struct rec_ref *ref,
	struct put_meaning *ret)
{
	const char *name = p->file.name;
	struct put_meaning m cleanup(put_meaning_deinit) = {0};
	struct rec_snapshot head = {0};
	uint64_t block;
	int r = ref->head ? rec_snapshot_get(x->kv, ref->head, &head) : 0;

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	r = refs_data_find(x, ref->table, head.root, name, &m.old, NULL);
	for (block = m.old; !r;) {
		r = refs_data_called(x, ref->table, head.root, name, block, &block);
		if (!r)
			r = add_other(x, &m, block);
	}
	if (r != -ENOENT)
		return r;
	*ret = m;
	m = (struct put_meaning){0};
	return 0;
}

int put_taken(const struct refs_put *p, const struct rec_ref *ref, struct bough_error *error)
{
	return error_set(error, -EEXIST, "'%s' is in '%s' already", p->file.name, ref->name);
}

static int append(struct refs_txn *x, struct refs_put *p, struct bough_error *error)
{
	struct import *im = &p->im;
	struct commit_append c = {.ref = im->ref,
		.schema_id = im->schema_id,
		.schema = &im->schema,
		.segments = im->segments,
		.n_segments = im->n_segments,
		.fold = &im->fold,
		.has_free_names = true,
		.author = p->author,
		.message = p->message};
	int r = client_fence(x, &im->ids);

	return r ? r : commit_append(x, &c, &p->snapshot, &p->timestamp_us, error);
}

static int edit(struct refs_txn *x, struct refs_put *p, struct bough_error *error)
{
	struct refs_edited made[REFS_EDIT_REFS_MAX];
	int r = refs_edit_apply(x, p->edit, error);

	if (r)
		return r;
	refs_edit_done(p->edit, made);
	p->snapshot = made[0].snapshot;
	p->timestamp_us = made[0].timestamp_us;
	return 0;
}

static bool same(const struct put_meaning *a, const struct put_meaning *b)
{
	bool r = a->old == b->old && a->n == b->n;

	for (size_t i = 0; i < a->n && r; i++)
		r = a->others[i].block == b->others[i].block;
	return r;
}

/* Is the ref as @p was prepared for, as far as it matters? */
static int check(struct refs_txn *x, struct refs_put *p, struct bough_error *error)
{
	struct put_meaning now cleanup(put_meaning_deinit) = {0};
	struct rec_ref ref;
	int r = put_open_ref(x, p, &ref, error);

	if (!r)
		r = put_find(x, p, &ref, &now);
	if (r)
		return r;
	if (now.old && p->no_replace)
		return put_taken(p, &ref, error);
	if (!p->is_matched || ref.schema != p->im.schema_id || !same(&now, &p->meaning))
		return -EAGAIN;
	return p->meaning.old && !p->edit ? -EAGAIN : 0; /* it left the head, and came back */
}

int refs_put_apply(struct refs_txn *x, void *put, struct bough_error *error)
{
	struct refs_put *p = put;
	int r = check(x, p, error);

	if (!r && p->meaning.old)
		r = edit(x, p, error);
	else if (!r && p->im.n_blocks)
		r = append(x, p, error);
	p->was_applied |= !r;
	return r;
}

enum fate { GONE, COMMITTED, UNKNOWN };

static enum fate find_record(const struct refs_put *p)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_block rec;
	int r = refs_begin(p->im.store, KV_READ, &x);

	if (!r)
		r = rec_block_get(x->kv, p->im.ids.first, &rec);
	return !r ? COMMITTED : r == -ENOENT ? GONE : UNKNOWN;
}

static enum fate fate_of(const struct refs_put *p, int result)
{
	assert(result || p->was_applied);
	if (!result)
		return COMMITTED;
	if (!p->was_applied)
		return GONE;
	return result == -EIO ? UNKNOWN : find_record(p);
}

/* Nobody knows it. */
static void take_back(struct refs_put *p)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	int r;

	import_block_key(&p->im, p->im.ids.first, key);
	r = objstore_del(p->im.store->objects, key);
	if (r && r != -ENOENT)
		client_keep(p->im.store->client, &p->im.ids);
	else
		fchmod(p->fd, p->st.st_mode & 07777);
}

static void tell(const struct refs_put *p, struct refs_put_result *ret)
{
	ret->snapshot = p->snapshot;
	ret->timestamp_us = p->timestamp_us;
	if (!p->im.n_blocks)
		return;
	ret->block = p->im.ids.first;
	ret->rows = p->im.files[0].rows;
}

void refs_put_end(struct refs_put *p, int result, struct refs_put_result *ret)
{
	struct refs_put_result done = {0};
	enum fate fate;

	if (!p)
		return;
	fate = fate_of(p, result);
	if (fate == UNKNOWN)
		client_keep(p->im.store->client, &p->im.ids);
	else if (p->was_tried && (fate == GONE || !p->im.n_blocks))
		take_back(p);
	if (fate == COMMITTED)
		tell(p, &done);
	if (ret)
		*ret = done;
	put_free(p);
}
