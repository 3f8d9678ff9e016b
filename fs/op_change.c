/* Changes: parked with the pool or the committer, answered when they are durable and shown. */
#include "fs/author.h"
#include "fs/edit.h"
#include "fs/headlink.h"
#include "fs/ops_impl.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/** A parked request. */
struct change_op {
	struct fs_task task;
	struct fs_flight flight;
	struct fs_change change;
	struct fs_edit edit; /* where the change takes one */
	struct fs *fs;
	fuse_req_t req;
	uid_t uid;
	char name[FS_NAME_BYTES_MAX + 1], to_name[FS_NAME_BYTES_MAX + 1];
	char target[FS_HEADLINK_BYTES_MAX + 1];
};

static const char *name_of(const struct fs_change *c)
{
	static const char *const names[] = {[FS_MKDIR] = "mkdir",
		[FS_RMDIR] = "rmdir",
		[FS_RENAME] = "rename",
		[FS_LINK] = "link",
		[FS_SET_HEAD] = "symlink",
		[FS_UNLINK] = "unlink",
		[FS_FREEZE] = "chmod",
		[FS_RETAIN] = "setxattr"};

	return names[c->what];
}

static struct change_op *op_of(struct fs_task *t)
{
	return (struct change_op *)((char *)t - offsetof(struct change_op, task));
}

static int prepare(struct fs_task *t, struct reader *reader, struct bough_error *error)
{
	struct change_op *op = op_of(t);

	(void)reader;
	if (!*op->edit.author)
		fs_author(op->uid, op->edit.author);
	return fs_edit_prepare(&op->edit, error);
}

static int apply(struct refs_txn *x, struct fs_task *t, struct bough_error *error)
{
	struct change_op *op = op_of(t);

	fs_notify_commit(op->fs->notify, &op->flight, x->commit);
	return op->edit.change ? fs_edit_apply(x, &op->edit, error)
			       : fs_change_run(x, &op->change, error);
}

static void reply(struct change_op *op)
{
	struct fuse_entry_param e;

	if (op->task.result) {
		op_fail(op->req, name_of(&op->change), op->change.dir, op->name, op->task.result,
			&op->task.error);
	} else if (op->change.made.st.st_ino) {
		op_entry(op->fs, &op->change.made, &e);
		if (op->change.what == FS_FREEZE)
			fuse_reply_attr(op->req, &e.attr, e.attr_timeout);
		else
			fuse_reply_entry(op->req, &e);
	} else {
		if (op->change.what == FS_RENAME) /* it is HEAD now */
			fs_headlink_remove(op->fs->tree.headlinks, op->change.dir, op->name);
		fuse_reply_err(op->req, 0);
	}
}

static void done(struct fs_task *t)
{
	struct change_op *op = op_of(t);

	if (op->edit.change)
		fs_edit_done(&op->edit, t->result);
	reply(op);
	fs_notify_leave(op->fs->notify, &op->flight);
	free(op);
}

static int op_new(fuse_req_t req, const struct fs_change *change, struct change_op **ret)
{
	struct change_op *op;

	if (strlen(change->name) > FS_NAME_BYTES_MAX ||
		(change->to_name && strlen(change->to_name) > FS_NAME_BYTES_MAX) ||
		(change->target && strlen(change->target) > FS_HEADLINK_BYTES_MAX))
		return -ENAMETOOLONG;
	op = calloc(1, sizeof *op);
	if (!op)
		return -ENOMEM;
	op->fs = op_fs(req);
	op->req = req;
	op->change = *change;
	op->change.tree = &op->fs->tree;
	op->change.name = strcpy(op->name, change->name);
	op->change.to_name = strcpy(op->to_name, change->to_name ? change->to_name : "");
	op->change.target = strcpy(op->target, change->target ? change->target : "");
	op->flight.at[0].dir = change->dir;
	op->flight.at[0].name = op->name;
	op->flight.at[1].dir = change->to_dir;
	op->flight.at[1].name = op->to_name;
	op->task = (struct fs_task){.apply = apply, .done = done};
	if (fs_is_edit(&op->change)) {
		op->uid = fuse_req_ctx(req)->uid;
		op->edit = (struct fs_edit){.change = &op->change, .squashes = &op->fs->squashes};
		op->task.prepare = prepare;
	}
	*ret = op;
	return 0;
}

void op_submit(fuse_req_t req, const struct fs_change *change)
{
	struct fs *fs = op_fs(req);
	struct change_op *op;
	int r = op_new(req, change, &op);

	fs_report_count(fs->report, FS_COUNT_CHANGES, 1);
	if (r) {
		op_fail(req, name_of(change), change->dir, NULL, r, NULL);
		return;
	}
	fs_notify_enter(fs->notify, &op->flight);
	fs_pool_submit(fs->edits, &op->task);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	/* FUSE_CAP_DONT_MASK: the mode asked for, so that no umask makes a tag */
	op_submit(req,
		&(struct fs_change){.what = FS_MKDIR, .dir = parent, .name = name, .mode = mode});
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	op_submit(req, &(struct fs_change){.what = FS_RMDIR, .dir = parent, .name = name});
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to_parent,
	const char *to_name, unsigned flags)
{
	if (flags & ~(unsigned)RENAME_NOREPLACE) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	if (op_rename_staged(req, parent, name, to_parent, to_name, flags & RENAME_NOREPLACE))
		return;
	op_submit(req, &(struct fs_change){.what = FS_RENAME,
			       .dir = parent,
			       .name = name,
			       .to_dir = to_parent,
			       .to_name = to_name,
			       .no_replace = flags & RENAME_NOREPLACE});
}

static void refuse(fuse_req_t req, const char *operation, fuse_ino_t dir, const char *name)
{
	struct bough_error error = {0};
	int r = fs_refuse(&op_fs(req)->tree, dir, &error);

	op_fail(req, operation, dir, name, r, &error);
}

/** Has this directory a HEAD? */
static bool is_head_dir(uint64_t dir)
{
	return fs_ino_kind(dir) == FS_REF || fs_ino_kind(dir) == FS_TABLE;
}

/** Can it hold hard links? */
static bool is_link_dir(uint64_t dir)
{
	return is_head_dir(dir) || fs_ino_kind(dir) == FS_DATA;
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = op_fs(req);

	if (!fs_headlink_remove(fs->tree.headlinks, parent, name) ||
		(fs->tree.spool && !fs_spool_remove(fs->tree.spool, parent, name)))
		fuse_reply_err(req, 0);
	else if (!is_link_dir(parent))
		refuse(req, "unlink", parent, name);
	else
		op_submit(req, &(struct fs_change){.what = FS_UNLINK, .dir = parent, .name = name});
}

/* Under a name that no committed file has it only waits here to be renamed to one. */
static int keep_file_link(
	struct fs *fs, struct fs_headlink *link, struct fs_node *ret, struct bough_error *error)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_block block;
	struct rec_ref ref;
	uint64_t id;
	int r = fs_write_check(&fs->tree, link->dir, error);

	if (!r)
		r = refs_begin(fs->tree.store, KV_READ, &x);
	if (!r)
		r = rec_ref_get(x->kv, fs_ino_id(link->dir), &ref);
	if (!r)
		r = rec_block_get(x->kv, link->block, &block);
	if (!r && block.table != ref.table) {
		r = error_set(error, -EXDEV, "this file is of another table");
		error_hint(error, r, "cp copies it");
	}
	if (r)
		return r;
	refs_abort(steal(&x));
	fs_headlink_put(fs->tree.headlinks, link, &id);
	return fs_tree_lookup(&fs->tree, link->dir, link->name, ret);
}

static void link_file(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct fs *fs = op_fs(req);
	struct fs_headlink link = {.dir = parent, .block = fs_ino_id(ino)};
	struct bough_error error = {0};
	struct fuse_entry_param e;
	struct fs_node n;
	int r = strlen(name) > FS_NAME_BYTES_MAX ? -ENAMETOOLONG : 0;

	if (!r) {
		strcpy(link.name, name);
		r = keep_file_link(fs, &link, &n, &error);
	}
	if (r) {
		op_fail(req, "link", parent, name, r, &error);
		return;
	}
	op_entry(fs, &n, &e);
	fuse_reply_entry(req, &e);
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	if (fs_ino_kind(parent) == FS_DATA && fs_ino_kind(ino) == FS_BLOCK &&
		!fs_name_commits(name))
		link_file(req, ino, parent, name);
	else if (!is_link_dir(parent))
		refuse(req, "link", parent, name);
	else
		op_submit(req, &(struct fs_change){
				       .what = FS_LINK, .dir = parent, .name = name, .ino = ino});
}

/* Under any name but HEAD it only waits here to be renamed to that. */
static int keep_link(
	struct fs *fs, struct fs_headlink *link, struct fs_node *ret, struct bough_error *error)
{
	struct refs_txn *x auto_refs_txn = NULL;
	uint64_t id;
	int r = refs_begin(fs->tree.store, KV_READ, &x);

	if (!r)
		r = fs_headlink_resolve(x, link->dir, link->target, &link->snapshot, error);
	if (r)
		return r;
	refs_abort(steal(&x));
	fs_headlink_put(fs->tree.headlinks, link, &id);
	return fs_tree_stat(&fs->tree, fs_ino(FS_HEADLINK, id), ret);
}

void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct fs *fs = op_fs(req);
	struct fs_headlink link = {.dir = parent};
	struct bough_error error = {0};
	struct fuse_entry_param e;
	struct fs_node n;
	int r = strlen(name) > FS_NAME_BYTES_MAX || strlen(target) > FS_HEADLINK_BYTES_MAX
			? -ENAMETOOLONG
			: 0;

	if (!is_head_dir(parent)) {
		refuse(req, "symlink", parent, name);
		return;
	}
	if (!strcmp(name, "HEAD")) {
		op_submit(req, &(struct fs_change){.what = FS_SET_HEAD,
				       .dir = parent,
				       .name = name,
				       .target = target});
		return;
	}
	if (!r) {
		strcpy(link.name, name);
		strcpy(link.target, target);
		r = keep_link(fs, &link, &n, &error);
	}
	if (r) {
		op_fail(req, "symlink", parent, name, r, &error);
		return;
	}
	op_entry(fs, &n, &e);
	fuse_reply_entry(req, &e);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t dev)
{
	(void)mode;
	(void)dev;
	refuse(req, "mknod", parent, name);
}
