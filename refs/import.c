#include "refs/export.h"
#include "refs/import_impl.h"
#include "refs/name.h"
#include "refs/ref.h"
#include "refs/ref_impl.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRIES_MAX 10
#define FILES_OF_A_READER 16
#define PASSWD_BYTES_MAX 4096
#define STAGE_BLOCKS_MIN 256 /* up to here the records fit into the commit */

void import_progress(struct import *im, size_t step)
{
	if (im->in->progress)
		im->in->progress(im->in->progress_arg, step, 2 * im->in->n_files, im->bytes_stored);
}

/* db and table by name; what does not exist is to be made by the commit. */
static int find_table(struct refs_txn *x, struct import *im)
{
	struct bough_error quiet = {0};
	struct rec_table table;
	int r = refs_db_lookup(x, im->in->db, &im->db, &quiet);

	im->new_db = r == -ENOENT;
	if (!r)
		r = refs_table_lookup(x, im->db, im->in->table, &im->table, &quiet);
	im->new_table = r == -ENOENT;
	if (im->new_table)
		return 0;
	if (r == -ENOTUNIQ) {
		error_set(im->error, r, "%s", quiet.message);
		return error_hint(im->error, r, "%s", quiet.hint);
	}
	if (!r)
		r = rec_table_get(x->kv, im->table, &table);
	if (!r)
		im->home_db = table.home_db;
	return r;
}

static int find_ref(struct refs_txn *x, struct import *im)
{
	struct rec_ref ref;
	int r = refs_ref_lookup(x, im->table, im->in->ref, &im->ref, im->error);

	if (!r)
		r = commit_open_ref(x, im->ref, &ref, im->error);
	if (r || !ref.schema)
		return r;
	im->schema_id = ref.schema;
	r = schema_read(x, ref.schema, &im->schema);
	im->has_schema = !r;
	return r;
}

static int check_new_names(struct import *im)
{
	int r = name_check_object(im->in->db, "database", im->error);

	if (!r)
		r = name_check_object(im->in->table, "table", im->error);
	if (r || !im->in->ref || !strcmp(im->in->ref, REFS_MAIN))
		return r;
	error_set(im->error, -ENOENT, "unknown table '%s.%s'", im->in->db, im->in->table);
	return error_hint(im->error, -ENOENT,
		"import into the table first, then make the branch '%s'", im->in->ref);
}

static int find_target(struct import *im)
{
	struct refs_txn *x auto_refs_txn = NULL;
	uint64_t first;
	int r = refs_begin(im->store, KV_READ, &x);

	if (!r)
		r = find_table(x, im);
	if (!r && !im->new_table)
		return find_ref(x, im);
	if (!r)
		r = check_new_names(im);
	refs_abort(steal(&x));
	if (!r)
		r = client_reserve(im->store->client, 3, &first);
	if (r)
		return r;
	if (im->new_db)
		im->db = first;
	im->home_db = im->db;
	im->table = first + 1;
	im->main_ref = im->ref = first + 2;
	return 0;
}

/* What find_target() did not find; -EAGAIN: somebody made it in the meantime. */
static int make_target(struct refs_txn *x, struct import *im)
{
	struct bough_error quiet = {0};
	struct rec_db db;
	int r = im->new_db ? db_create_as(x, im->in->db, im->db, &quiet)
			   : rec_db_get(x->kv, im->db, &db);

	if (!r)
		r = refs_table_create_as(x, im->db, im->in->table, im->table, im->main_ref, &quiet);
	return r == -EEXIST || r == -ENOENT ? -EAGAIN : r;
}

void import_author(const char *given, char ret[static REC_NAME_BYTES_MAX + 1])
{
	struct passwd entry, *p = NULL;
	char text[PASSWD_BYTES_MAX];

	if (!given && !getpwuid_r(geteuid(), &entry, text, sizeof text, &p) && p)
		given = p->pw_name;
	snprintf(ret, REC_NAME_BYTES_MAX + 1, "%s", given ? given : "");
}

static int commit_body(struct refs_txn *x, struct import *im, struct refs_imported *ret)
{
	char author[REC_NAME_BYTES_MAX + 1];
	struct commit_append c = {.ref = im->ref,
		.schema_id = im->schema_id,
		.schema = &im->schema,
		.segments = im->segments,
		.n_segments = im->n_segments,
		.staged = im->stage.begun ? &im->ids : NULL,
		.fold = &im->fold,
		.message = im->in->message};
	int r = client_fence(x, &im->ids);

	if (r == -ESTALE) {
		error_set(im->error, r, "this process was taken for dead; its files are not used");
		return error_hint(im->error, r, "import them again");
	}
	import_author(im->in->author, author);
	c.author = author;
	if (!r && im->new_table)
		r = make_target(x, im);
	if (!r)
		r = commit_append(x, &c, &ret->snapshot, &ret->timestamp_us, im->error);
	if (!r && im->store->role == REFS_ROLE_CLI)
		r = client_release(x, &im->ids);
	return r;
}

static int commit(struct import *im, struct refs_imported *ret)
{
	struct refs_txn *x auto_refs_txn = NULL;
	int r = refs_begin(im->store, KV_WRITE, &x);

	if (!r)
		r = commit_body(x, im, ret);
	if (r)
		return r;
	r = refs_commit(&x, &ret->commit);
	im->is_unknown = r == -EIO;
	if (im->is_unknown)
		error_hint(im->error, r,
			"the commit may be there all the same: look at bough log before trying "
			"again");
	if (r)
		return r;
	if (im->store->role == REFS_ROLE_CLI)
		client_forget(im->store->client, &im->ids);
	ret->incarnation = im->store->ids.incarnation;
	ret->blocks = im->n_blocks;
	ret->bytes = im->bytes_stored;
	for (size_t i = 0; i < im->in->n_files; i++)
		ret->rows += im->files[i].rows;
	return 0;
}

/* Is it so small that its commit folds? */
static bool folds(const struct import *im)
{
	return !im->new_table && im->n_segments == 1 && im->n_blocks <= STAGE_BLOCKS_MIN;
}

static int fold(struct import *im)
{
	struct client_ids ids = im->ids;

	if (!folds(im))
		return 0;
	ids.first += 2 * im->in->n_files;
	return fold_append(im->store, im->ref, &im->segments[0], &ids, &im->fold);
}

int import_stage(struct import *im)
{
	if (im->n_blocks <= STAGE_BLOCKS_MIN)
		return 0;
	im->stage = (struct stage){.store = im->store,
		.table = im->table,
		.ids = &im->ids,
		.segments = im->segments,
		.n_segments = im->n_segments};
	return stage_run(&im->stage, commit_put_one);
}

int import_unstage(struct import *im)
{
	struct refs_txn *x auto_refs_txn = NULL;
	int r = stage_run(&im->stage, commit_del_one);

	if (!r)
		r = refs_begin(im->store, KV_WRITE, &x);
	if (!r)
		r = stage_unmark(x, im->table, &im->ids);
	return r ? r : refs_commit(&x, NULL);
}

/*
 * After a failure. An object is deleted only when no record can name it; else all of it stays, in
 * a range that outlives us, and a sweep judges.
 */
static void take_back(struct import *im)
{
	if (im->is_unknown || (im->stage.begun && import_unstage(im)))
		client_keep(im->store->client, &im->ids);
	else
		import_unstore(im);
}

void import_deinit(struct import *im)
{
	import_pack_undo(im);
	plan_deinit(&im->fold);
	free(im->files);
	schema_deinit(&im->schema);
}

/* As many as could be needed: how many files have rows is not known yet. */
static int take_ids(struct import *im)
{
	int r = client_ids_take(
		im->store->client, im->table, 2 * im->in->n_files + FOLD_IDS, &im->ids);

	im->ids_taken = !r;
	return r;
}

static int attempt(struct refs_store *s, const struct refs_import *in,
	const struct import_readers *readers, struct refs_imported *ret, struct bough_error *error)
{
	struct import im cleanup(import_deinit) = {
		.store = s, .readers = readers, .in = in, .error = error};
	int r;

	im.files = calloc(in->n_files + 1, sizeof *im.files);
	r = im.files ? find_target(&im) : -ENOMEM;
	if (!r)
		r = take_ids(&im);
	if (!r)
		r = import_flow(&im);
	if (!r && !im.n_blocks)
		return 0;
	if (!r)
		r = import_pack_blocks(&im);
	if (!r)
		r = fold(&im);
	if (!r)
		r = import_stage(&im);
	if (!r)
		r = commit(&im, ret);
	if (r && im.ids_taken)
		take_back(&im);
	return r;
}

static void readers_close(struct import_readers *readers)
{
	for (size_t i = 0; i < readers->n; i++)
		reader_close(readers->items[i]);
}

/*
 * One for so many files that it does more than its start costs, which goes on while the target is
 * looked up. Started by this thread, which outlives the import: they die with who started them.
 */
static int readers_open(const struct refs_store *s, size_t n_files, struct import_readers *ret)
{
	size_t most = n_files / FILES_OF_A_READER + 1;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r = 0;

	if (most > IMPORT_READERS_MAX)
		most = IMPORT_READERS_MAX;
	if (cpus > 0 && most > (size_t)cpus)
		most = (size_t)cpus;
	while (ret->n < most && !r) {
		r = reader_open(s->conf.reader_memory_bytes, &ret->items[ret->n]);
		if (!r)
			reader_start(ret->items[ret->n++]);
	}
	return r;
}

int refs_import_run(struct refs_store *s, const struct refs_import *in, struct refs_imported *ret,
	struct bough_error *error)
{
	struct import_readers readers cleanup(readers_close) = {0};
	struct refs_imported done = {0};
	int r = readers_open(s, in->n_files, &readers);

	if (r)
		return r;
	r = -EAGAIN;
	for (int i = 0; (r == -EAGAIN || (r == -ESTALE && !error->code)) && i < TRIES_MAX; i++)
		r = attempt(s, in, &readers, &done, error);
	if (r == -EAGAIN) {
		error_set(error, r, "other writers changed %s.%s each time", in->db, in->table);
		error_hint(error, r, "nothing was imported: try again");
	}
	if (r == -ENOSPC)
		return refs_cannot_commit(s, r, error);
	if (r)
		return error_set(
			error, r, "import into %s.%s failed: %s", in->db, in->table, strerror(-r));
	*ret = done;
	refs_settle(s, done.commit);
	return refs_export_commit(s, error);
}
