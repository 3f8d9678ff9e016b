/*
 * Files being written: every descriptor of theirs is of an inode of its own in the spool, and is
 * never cached (README: invariants). fi->fh is the struct fs_staged, one reference.
 */
#include "fs/ops_impl.h"
#include "fs/put.h"
#include "refs/ref.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static struct fs_staged *file_of(const struct fuse_file_info *fi)
{
	return (struct fs_staged *)(uintptr_t)fi->fh;
}

/** An error of a file's own, told under the name it is written for. */
static void fail(fuse_req_t req, const char *operation, struct fs_staged *f, int r,
	const struct bough_error *error)
{
	char name[FS_NAME_BYTES_MAX + 1];
	uint64_t dir;

	fs_staged_where(f, &dir, name);
	op_fail(req, operation, dir, name, r, error);
}

static void use(struct fuse_file_info *fi, struct fs_staged *f)
{
	fi->fh = (uint64_t)(uintptr_t)f;
	fi->direct_io = 1;
	fi->noflush = 0;
}

void op_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct fs *fs = op_fs(req);
	struct bough_error error = {0};
	struct fuse_entry_param e;
	struct fs_staged *f = NULL;
	struct fs_node n;
	int r = fs_write_check(&fs->tree, parent, &error);

	(void)mode;
	if (!r)
		r = fs_spool_create(fs->tree.spool, parent, name, &f);
	if (!r)
		r = fs_tree_stat(&fs->tree, fs_ino(FS_STAGED, fs_staged_id(f)), &n);
	if (r) {
		op_fail(req, "create", parent, name, r, &error);
	} else {
		fs_report_count(fs->report, FS_COUNT_WRITES, 1);
		op_entry(fs, &n, &e);
		use(fi, f);
		if (!fuse_reply_create(req, &e, fi))
			return;
	}
	if (f)
		op_close_staged(fs, f);
}

void op_open_staged(fuse_req_t req, struct fs *fs, uint64_t ino, struct fuse_file_info *fi)
{
	struct fs_staged *f = fs_spool_get(fs->tree.spool, fs_ino_id(ino));
	uint32_t tid = (uint32_t)fuse_req_ctx(req)->pid;
	int r = f ? fs_spool_trunc_opened(fs->tree.spool, tid, fs_ino_id(ino)) : -ESTALE;

	if (r == -ENOENT) {
		r = fs_spool_opened(fs->tree.spool, f);
		if (!r && (fi->flags & O_TRUNC)) {
			r = fs_staged_truncate(f, 0);
			if (r)
				fs_spool_release(fs->tree.spool, f);
		}
	}
	if (r) {
		if (r == -EBUSY || r == -EMLINK)
			r = -ETXTBSY;
		op_fail(req, "open", ino, NULL, r, NULL);
		fs_staged_unref(fs->tree.spool, f);
		return;
	}
	fs_report_count(fs->report, FS_COUNT_WRITES, 1);
	use(fi, f);
	if (fuse_reply_open(req, fi))
		op_close_staged(fs, f);
}

void op_open_truncating(fuse_req_t req, struct fs *fs, uint64_t ino)
{
	struct bough_error error = {0};
	int r = fs_spool_trunc_begin(fs->tree.spool, (uint32_t)fuse_req_ctx(req)->pid, ino);

	if (r == -ESTALE) { /* the kernel looks its name up again: it finds a new file there */
		fuse_reply_err(req, ESTALE);
		return;
	}
	error_set(&error, r, "a committed file is not opened for writing here");
	op_fail(req, "open", ino, NULL, r, &error);
}

void op_read_staged(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi)
{
	char *data cleanup(free_p) = malloc(size);
	ssize_t n = data ? fs_staged_read(file_of(fi), data, size, (uint64_t)off) : -ENOMEM;

	if (n < 0)
		fail(req, "read", file_of(fi), (int)n, NULL);
	else
		fuse_reply_buf(req, data, (size_t)n);
}

/** A change of bytes that waits for a commit, or for a fresh copy after one. */
struct late {
	struct fs_task task; /* first */
	struct fs_waiter waiter;
	struct fs *fs;
	fuse_req_t req;
	struct fs_staged *file;
	uint64_t off;
	bool is_truncate;
	size_t len;
	char data[];
};

static void reply_attr(fuse_req_t req, struct fs *fs, struct fs_staged *f)
{
	struct fs_node n;
	int r = fs_tree_stat(&fs->tree, fs_ino(FS_STAGED, fs_staged_id(f)), &n);

	if (r)
		fail(req, "setattr", f, r, NULL);
	else
		fuse_reply_attr(req, &n.st, 0);
}

static void late_done(struct fs_task *t)
{
	struct late *l = (struct late *)t;

	if (t->result < 0)
		fail(l->req, l->is_truncate ? "truncate" : "write", l->file, t->result, NULL);
	else if (l->is_truncate)
		reply_attr(l->req, l->fs, l->file);
	else
		fuse_reply_write(l->req, l->len);
	fs_staged_unref(l->fs->tree.spool, l->file);
	free(l);
}

static int late_prepare(struct fs_task *t, struct reader *reader, struct bough_error *error)
{
	struct late *l = (struct late *)t;
	int r = fs_staged_renew(l->file);

	(void)reader;
	(void)error;
	if (!r && l->is_truncate)
		r = fs_staged_truncate(l->file, l->off);
	else if (!r)
		r = (int)fs_staged_write(l->file, l->data, l->len, l->off);
	if (r == -EBUSY)
		return fs_staged_wait(l->file, &l->waiter) ? FS_TASK_PARKED : -EAGAIN;
	if (r == -EMLINK) /* committed in between */
		return -EAGAIN;
	return r < 0 ? r : 1;
}

static void late_thawed(struct fs_waiter *w)
{
	struct late *l = (struct late *)((char *)w - offsetof(struct late, waiter));

	fs_pool_submit(l->fs->puts, &l->task);
}

/* Return: -ENOMEM; else the request is answered later. */
static int submit_late(fuse_req_t req, struct fs_staged *f, const char *data, size_t len,
	uint64_t off, bool is_truncate)
{
	struct fs *fs = op_fs(req);
	struct late *l = calloc(1, sizeof *l + len);

	if (!l)
		return -ENOMEM;
	l->fs = fs;
	l->req = req;
	l->file = fs_spool_get(fs->tree.spool, fs_staged_id(f));
	l->off = off;
	l->len = len;
	l->is_truncate = is_truncate;
	if (len)
		memcpy(l->data, data, len);
	if (!l->file) {
		free(l);
		return -ESTALE;
	}
	l->task.prepare = late_prepare;
	l->task.done = late_done;
	l->waiter.run = late_thawed;
	if (!fs_staged_wait(l->file, &l->waiter))
		fs_pool_submit(fs->puts, &l->task);
	return 0;
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	struct fs *fs = op_fs(req);
	struct fs_staged *f = file_of(fi);
	ssize_t n;

	if (fs_ino_kind(ino) != FS_STAGED) {
		fuse_reply_err(req, EBADF);
		return;
	}
	n = fs_staged_write(f, data, size, (uint64_t)off);
	if (n == -EBUSY || n == -EMLINK) {
		n = submit_late(req, f, data, size, (uint64_t)off, false);
		if (!n)
			return;
	}
	if (n < 0) {
		fail(req, "write", f, (int)n, NULL);
		return;
	}
	fs_report_count(fs->report, FS_COUNT_WRITTEN_BYTES, size);
	fuse_reply_write(req, (size_t)n);
}

static int set_times(struct fs_staged *f, const struct stat *attr, int to_set)
{
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};

	if (to_set & FUSE_SET_ATTR_ATIME)
		t[0] = attr->st_atim;
	if (to_set & FUSE_SET_ATTR_ATIME_NOW)
		t[0].tv_nsec = UTIME_NOW;
	if (to_set & FUSE_SET_ATTR_MTIME)
		t[1] = attr->st_mtim;
	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		t[1].tv_nsec = UTIME_NOW;
	return fs_staged_utimens(f, t);
}

/* Owner and mode are accepted and ignored, as of every file here. */
void op_setattr_staged(
	fuse_req_t req, struct fs *fs, uint64_t ino, const struct stat *attr, int to_set)
{
	struct fs_staged *f = fs_spool_get(fs->tree.spool, fs_ino_id(ino));
	bool is_late = false;
	int r = f ? set_times(f, attr, to_set) : -ESTALE;

	if (!r && (to_set & FUSE_SET_ATTR_SIZE))
		r = attr->st_size < 0 ? -EINVAL : fs_staged_truncate(f, (uint64_t)attr->st_size);
	if (r == -EBUSY || r == -EMLINK) {
		r = submit_late(req, f, NULL, 0, (uint64_t)attr->st_size, true);
		is_late = !r;
	}
	if (r && f)
		fail(req, "setattr", f, r, NULL);
	else if (r)
		op_fail(req, "setattr", ino, NULL, r, NULL);
	else if (!is_late)
		reply_attr(req, fs, f);
	fs_staged_unref(fs->tree.spool, f);
}

/** A commit on its way to its reply. */
struct put_op {
	struct fs_put put; /* first */
	struct fs_notify_waiter waiter;
	struct fs_flight flight; /* of a rename */
	bool is_rename;
	struct fs *fs;
	fuse_req_t req;
	char from[FS_NAME_BYTES_MAX + 1];
};

static void put_reply(struct put_op *op)
{
	static const char *const names[] = {[FS_PUT_CLOSE] = "close",
		[FS_PUT_AHEAD] = "close",
		[FS_PUT_SYNC] = "fsync",
		[FS_PUT_RENAME] = "rename"};
	struct fs_put *p = &op->put;

	if (p->task.result)
		op_fail(op->req, names[p->why], p->dir, p->name, p->task.result, &p->task.error);
	else
		fuse_reply_err(op->req, 0);
	if (op->is_rename)
		fs_notify_leave(op->fs->notify, &op->flight);
	fs_staged_unref(op->fs->tree.spool, p->file);
	free(op);
}

static void put_shown(struct fs_notify_waiter *w)
{
	put_reply((struct put_op *)((char *)w - offsetof(struct put_op, waiter)));
}

/* What a close replaced is forgotten before the writer goes on; a rename holds locks meanwhile. */
static void put_done(struct fs_put *p)
{
	struct put_op *op = (struct put_op *)p;

	if (op->is_rename || !p->commit) {
		put_reply(op);
		return;
	}
	op->waiter = (struct fs_notify_waiter){.commit = p->commit, .run = put_shown};
	fs_notify_then(op->fs->notify, &op->waiter);
}

static void put_applying(struct fs_put *p, uint64_t commit)
{
	struct put_op *op = (struct put_op *)p;

	fs_notify_commit(op->fs->notify, &op->flight, commit);
}

/* @f: the reference is taken over. */
static struct put_op *put_new(fuse_req_t req, struct fs_staged *f, enum fs_put_why why)
{
	struct fs *fs = op_fs(req);
	struct put_op *op = calloc(1, sizeof *op);

	if (!op) {
		fs_staged_unref(fs->tree.spool, f);
		fuse_reply_err(req, ENOMEM);
		return NULL;
	}
	op->fs = fs;
	op->req = req;
	op->put = (struct fs_put){.tree = &fs->tree,
		.pool = fs->puts,
		.spool = fs->tree.spool,
		.file = f,
		.uid = fuse_req_ctx(req)->uid,
		.why = why,
		.done = put_done};
	fs_staged_where(f, &op->put.dir, op->put.name);
	return op;
}

static void commit_if_due(
	fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, enum fs_put_why why)
{
	struct fs *fs = op_fs(req);
	struct fs_staged *f;
	struct put_op *op;

	if (fs_ino_kind(ino) != FS_STAGED) {
		fuse_reply_err(req, 0);
		return;
	}
	f = fs_spool_get(fs->tree.spool, fs_staged_id(file_of(fi)));
	if (!f) { /* its name was removed: nothing is to be committed */
		fuse_reply_err(req, 0);
		return;
	}
	op = put_new(req, f, why);
	if (op)
		fs_put_submit(&op->put);
}

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	char name[FS_NAME_BYTES_MAX + 1];
	enum fs_put_why why = FS_PUT_CLOSE;
	uint64_t dir;

	if (fs_ino_kind(ino) == FS_STAGED) {
		fs_staged_where(file_of(fi), &dir, name);
		if (!fs_name_commits(name))
			why = FS_PUT_AHEAD;
	}
	commit_if_due(req, ino, fi, why);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int is_data, struct fuse_file_info *fi)
{
	(void)is_data;
	commit_if_due(req, ino, fi, FS_PUT_SYNC);
}

bool op_rename_staged(fuse_req_t req, fuse_ino_t dir, const char *name, fuse_ino_t to_dir,
	const char *to_name, bool no_replace)
{
	struct fs *fs = op_fs(req);
	struct bough_error error = {0};
	struct fs_staged *f;
	struct put_op *op;
	uint64_t id;
	int r;

	if (!fs->tree.spool || fs_spool_find(fs->tree.spool, dir, name, &id))
		return false;
	f = fs_spool_get(fs->tree.spool, id);
	if (!f)
		return false;
	r = fs_write_check(&fs->tree, to_dir, &error);
	if (!r && strlen(to_name) > FS_NAME_BYTES_MAX)
		r = -ENAMETOOLONG;
	if (r || !fs_name_commits(to_name)) {
		if (!r)
			r = fs_spool_rename(fs->tree.spool, f, to_dir, to_name);
		fs_staged_unref(fs->tree.spool, f);
		if (r)
			op_fail(req, "rename", dir, name, r, &error);
		else
			fuse_reply_err(req, 0);
		return true;
	}
	op = put_new(req, f, FS_PUT_RENAME);
	if (!op)
		return true;
	strcpy(op->from, name);
	strcpy(op->put.name, to_name);
	op->put.dir = to_dir;
	op->put.no_replace = no_replace;
	op->put.applying = put_applying;
	op->is_rename = true;
	op->flight.at[0].dir = dir;
	op->flight.at[0].name = op->from;
	op->flight.at[1].dir = to_dir;
	op->flight.at[1].name = op->put.name;
	fs_notify_enter(fs->notify, &op->flight);
	fs_put_submit(&op->put);
	return true;
}

void op_close_staged(struct fs *fs, struct fs_staged *f)
{
	struct buf path auto_buf = {0};
	char name[FS_NAME_BYTES_MAX + 1];
	uint64_t dir;

	fs_staged_where(f, &dir, name);
	if (fs_spool_release(fs->tree.spool, f) == FS_RELEASE_DROPPED &&
		!fs_tree_path(&fs->tree, dir, name, &path))
		fs_report_error(fs->report, "close", (char *)path.data, -EINVAL,
			"dropped: it was never a whole Parquet file that fits the table");
	fs_staged_unref(fs->tree.spool, f);
}
