/* The first half of a put: all that takes time. */
#include "refs/name.h"
#include "refs/put_impl.h"
#include "refs/ref_impl.h"

#include <errno.h>
#include <string.h>

/* What was matched against another schema is forgotten; the object stays as it is. */
static int take_schema(struct refs_txn *x, struct refs_put *p, uint64_t schema)
{
	struct import *im = &p->im;
	int r;

	if (p->is_matched && schema == im->schema_id)
		return 0;
	refs_edit_free(steal(&p->edit));
	plan_deinit(&im->fold);
	import_pack_undo(im);
	schema_deinit(&im->schema);
	p->is_matched = im->has_schema = false;
	im->schema_id = schema;
	r = schema ? schema_read(x, schema, &im->schema) : 0;
	im->has_schema = schema && !r;
	return r;
}

static int look(struct refs_put *p, struct bough_error *error)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct import *im = &p->im;
	struct rec_table table;
	struct rec_ref ref;
	int r = refs_begin(im->store, KV_READ, &x);

	if (!r)
		r = put_open_ref(x, p, &ref, error);
	if (!r)
		r = rec_table_get(x->kv, ref.table, &table);
	if (r)
		return r;
	im->table = ref.table;
	im->home_db = table.home_db;
	return take_schema(x, p, ref.schema);
}

static int take_ids(struct import *im)
{
	int r;

	if (im->ids_taken)
		return 0;
	r = client_ids_take(im->store->client, im->table, PUT_IDS, &im->ids);
	im->ids_taken = !r;
	return r;
}

static int open_file(struct refs_put *p, struct bough_error *error)
{
	int fd;

	if (p->fd >= 0)
		return 0;
	fd = import_open(p->path, &p->st, error);
	if (fd < 0)
		return fd;
	p->fd = fd;
	return 0;
}

static int store(struct refs_put *p)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1];

	import_block_key(&p->im, p->im.ids.first, key);
	p->was_tried = true;
	return objstore_put_file(p->im.store->objects, key, p->fd, p->path,
		p->is_hashed ? OBJSTORE_LINK_HASHED : OBJSTORE_LINK, p->sha256);
}

static int cannot_store(const struct refs_put *p, int r, struct bough_error *error)
{
	struct stat now;

	if (!r && fstat(p->fd, &now))
		r = -errno;
	if (r == -EAGAIN || (!r && now.st_size != p->st.st_size))
		return error_set(error, -EINVAL, "%s changed while it was stored", p->file.path);
	return r ? error_set(error, r, "cannot store %s: %s", p->file.path, strerror(-r)) : 0;
}

/* The helper describes while we store. */
static int take_in(struct refs_put *p, struct reader *reader, struct bough_error *error)
{
	int stored, r = open_file(p, error);

	if (r || (p->description && p->is_stored))
		return r;
	if (!reader)
		return -ENOMEM;
	if (!p->description)
		reader_ask(reader, p->fd);
	stored = store(p);
	if (!p->description)
		r = reader_inspect(reader, p->fd, p->file.path, &p->description, error);
	if (!r)
		r = cannot_store(p, stored, error);
	p->is_stored = !r;
	return r;
}

static int match(struct refs_put *p, struct reader *reader, struct bough_error *error)
{
	struct import *im = &p->im;
	int r;

	if (p->is_matched)
		return 0;
	im->error = error;
	r = import_take(im, reader, p->fd, p->description, 0, &p->st, error);
	if (!r)
		r = import_match(im, 0);
	if (!r)
		r = import_pack_end(im);
	memcpy(im->files[0].block.rec.sha256, p->sha256, sizeof p->sha256);
	if (!r)
		r = import_pack_blocks(im);
	im->error = NULL;
	p->is_matched = !r;
	return r;
}

static int find_old(struct refs_put *p, struct bough_error *error)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_ref ref;
	int r = refs_begin(p->im.store, KV_READ, &x);

	put_meaning_deinit(&p->meaning);
	if (!r)
		r = put_open_ref(x, p, &ref, error);
	if (!r)
		r = put_find(x, p, &ref, &p->meaning);
	return !r && p->meaning.old && p->no_replace ? put_taken(p, &ref, error) : r;
}

/* The old block goes; others that were given its name keep showing their own. */
static int make_ops(struct refs_put *p)
{
	const struct put_meaning *m = &p->meaning;
	struct refs_edit_op *ops = calloc(m->n + 1, sizeof *ops);

	if (!ops)
		return -ENOMEM;
	free(p->ops);
	p->ops = ops;
	ops[0] = (struct refs_edit_op){.kind = REFS_EDIT_REMOVE, .ref = p->im.ref, .block = m->old};
	for (size_t i = 0; i < m->n; i++)
		ops[i + 1] = (struct refs_edit_op){.kind = REFS_EDIT_RENAME,
			.ref = p->im.ref,
			.block = m->others[i].block,
			.name = m->others[i].name};
	if (p->im.n_blocks) {
		ops[0].kind = REFS_EDIT_REPLACE;
		ops[0].with = p->im.segments;
	}
	return 0;
}

/* -ENOENT: it left the head meanwhile; then there is no edit, and apply asks again. */
static int plan_edit(struct refs_put *p, struct bough_error *error)
{
	struct bough_error why = {0};
	int r = make_ops(p);

	if (r)
		return r;
	p->options = (struct refs_edit_options){.author = p->author,
		.message = p->message,
		.ids = p->im.n_blocks ? &p->im.ids : NULL,
		.rebases = true};
	r = refs_edit_prepare(p->im.store, p->ops, p->meaning.n + 1, &p->options, &p->edit, &why);
	if (r == -ENOENT)
		return 0;
	if (r && *why.message && error)
		*error = why;
	return r;
}

static int plan_append(struct import *im)
{
	struct client_ids ids = im->ids;

	if (!im->n_blocks)
		return 0;
	ids.first += PUT_IDS - FOLD_IDS;
	ids.n = FOLD_IDS;
	return fold_append(im->store, im->ref, im->segments, &ids, &im->fold);
}

/* What the head makes of it. */
static int plan(struct refs_put *p, struct bough_error *error)
{
	int r = find_old(p, error);

	refs_edit_free(steal(&p->edit));
	plan_deinit(&p->im.fold);
	if (r)
		return r;
	if (p->meaning.old)
		return plan_edit(p, error);
	return p->no_fold ? 0 : plan_append(&p->im);
}

int refs_put_prepare(struct refs_put *p, struct reader *reader, struct bough_error *error)
{
	int r = name_check_file(p->file.name, error);

	if (!r)
		r = look(p, error);
	if (!r)
		r = take_ids(&p->im);
	if (!r)
		r = take_in(p, reader, error);
	if (!r)
		r = match(p, reader, error);
	if (!r)
		r = plan(p, error);
	return r ? error_set(error, r, "cannot put %s: %s", p->file.path, strerror(-r)) : 0;
}
