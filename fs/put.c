/*
 * States: waiting (for another commit of the file) -> queued -> frozen, prepared -> applied ->
 * thawed, done. What has nothing to commit is done when it would be frozen.
 */
#include "fs/put.h"
#include "fs/author.h"
#include "refs/put.h"
#include <errno.h>
#include <sys/stat.h>

static struct fs_put *put_of(struct fs_task *t)
{
	return (struct fs_put *)t;
}

static bool is_empty(struct fs_staged *f)
{
	struct stat st;

	return !fs_staged_stat(f, &st) && !st.st_size;
}

static int not_whole(struct bough_error *error)
{
	error_set(error, -EINVAL, "not a whole Parquet file");
	return error_hint(error, -EINVAL, "under a name that begins with '.' it may be anything");
}

/* Return: as fs_staged_freeze(), for what the caller wants of it. */
static int freeze(struct fs_put *p, const char **ret_path, struct bough_error *error)
{
	int r;

	if (p->why == FS_PUT_SYNC && !fs_name_commits(p->name)) {
		r = fs_staged_sync(p->file);
		return r ? r : 1;
	}
	r = fs_staged_freeze(p->file, ret_path);
	p->is_frozen = !r;
	if (r == 1 && p->why == FS_PUT_RENAME && is_empty(p->file))
		r = -EINVAL;
	if (r == -EINVAL && p->why == FS_PUT_SYNC) {
		r = fs_staged_sync(p->file);
		return r ? r : 1;
	}
	return r == -EINVAL ? not_whole(error) : r;
}

/* A rename holds the kernel's lock of the folder: what is slow is done before, at the close. */
static int ahead(struct fs_put *p)
{
	const char *path;
	int r = fs_staged_freeze(p->file, &path);

	p->is_frozen = !r;
	if (!r)
		fs_staged_hash(p->file);
	return r == -EBUSY ? r : 1;
}

static int begin(struct fs_put *p, struct bough_error *error)
{
	char author[REC_NAME_BYTES_MAX + 1];
	uint8_t sha256[SHA256_BYTES];
	struct refs_put_in in = {.ref = fs_ino_id(p->dir),
		.name = p->name,
		.label = p->name,
		.author = author,
		.no_replace = p->no_replace,
		.no_fold = fs_pool_is_shared(p->pool)};
	int r = p->why == FS_PUT_AHEAD ? ahead(p) : freeze(p, &in.path, error);

	if (r)
		return r;
	if (fs_staged_hashed(p->file, sha256))
		in.sha256 = sha256;
	fs_author(p->uid, author);
	return refs_put_new(p->tree->store, &in, &p->put);
}

static int prepare(struct fs_task *t, struct reader *reader, struct bough_error *error)
{
	struct fs_put *p = put_of(t);
	int r = p->put ? 0 : begin(p, error);

	if (r == -EBUSY && !p->is_frozen)
		return fs_staged_wait(p->file, &p->waiter) ? FS_TASK_PARKED : -EAGAIN;
	return r ? r : refs_put_prepare(p->put, reader, error);
}

static int apply(struct refs_txn *x, struct fs_task *t, struct bough_error *error)
{
	struct fs_put *p = put_of(t);

	p->commit = x->commit;
	if (p->applying)
		p->applying(p, x->commit);
	return refs_put_apply(x, p->put, error);
}

static void done(struct fs_task *t)
{
	struct fs_put *p = put_of(t);
	struct refs_put_result made = {0};

	if (p->put)
		refs_put_end(p->put, t->result, &made);
	if (t->result || !made.snapshot)
		p->commit = 0;
	if (p->is_frozen)
		fs_staged_thaw(p->file, p->why == FS_PUT_AHEAD ? -ECANCELED : t->result);
	if (!t->result && p->why == FS_PUT_RENAME)
		fs_spool_rename(p->spool, p->file, p->dir, p->name);
	p->done(p);
}

static void thawed(struct fs_waiter *w)
{
	struct fs_put *p = (struct fs_put *)((char *)w - offsetof(struct fs_put, waiter));

	fs_pool_submit(p->pool, &p->task);
}

void fs_put_submit(struct fs_put *p)
{
	p->task.prepare = prepare;
	p->task.apply = apply;
	p->task.done = done;
	p->waiter.run = thawed;
	if (!fs_staged_wait(p->file, &p->waiter))
		fs_pool_submit(p->pool, &p->task);
}
