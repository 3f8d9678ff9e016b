#include "fs/ops_impl.h"
#include "refs/data.h"
#include <errno.h>

/*
 * Does the thread that opens @begun with O_TRUNC look up the same file again? The block may have
 * another one in its place by now, if somebody else writes the file too.
 */
static bool is_same_file(
	struct fs *fs, uint64_t begun, uint64_t found, fuse_ino_t parent, const char *name)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_ref ref;

	if (!begun || begun == found || fs_ino_kind(parent) != FS_DATA)
		return begun;
	return !refs_begin(fs->tree.store, KV_READ, &x) &&
	       !rec_ref_get(x->kv, fs_ino_id(parent), &ref) &&
	       refs_data_was_called(x, ref.table, fs_ino_id(begun), name);
}

/* A block that the asking thread is about to open with O_TRUNC: a new file in its place. */
static int look_again(fuse_req_t req, fuse_ino_t parent, const char *name, struct fs_node *n)
{
	struct fs *fs = op_fs(req);
	uint32_t tid = (uint32_t)fuse_req_ctx(req)->pid;
	struct bough_error quiet = {0};
	uint64_t id, begun;
	int r;

	if (!fs->tree.spool || fs_ino_kind(n->st.st_ino) != FS_BLOCK)
		return 0;
	begun = fs_spool_trunc_block(fs->tree.spool, tid);
	if (!is_same_file(fs, begun, n->st.st_ino, parent, name))
		return 0;
	r = fs_write_check(&fs->tree, parent, &quiet);
	if (!r && !fs_name_commits(name))
		r = -EPERM;
	r = fs_spool_trunc_lookup(fs->tree.spool, tid, begun, parent, name, r, &id);
	if (r)
		return r == -ENOENT ? 0 : r;
	return fs_tree_stat(&fs->tree, fs_ino(FS_STAGED, id), n);
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = op_fs(req);
	struct fuse_entry_param e;
	struct fs_node n;
	int r = fs_tree_lookup(&fs->tree, parent, name, &n);

	if (!r)
		r = look_again(req, parent, name, &n);
	fs_report_count(fs->report, FS_COUNT_LOOKUP, 1);
	if (r) {
		/* an error is not cached, as "there is no such name" must not be */
		op_fail(req, "lookup", parent, name, r, NULL);
		return;
	}
	op_entry(fs, &n, &e);
	fuse_reply_entry(req, &e);
}

static void reply_attr(fuse_req_t req, const char *operation, uint64_t ino)
{
	struct fs *fs = op_fs(req);
	struct fuse_entry_param e;
	struct fs_node n;
	int r = fs_tree_stat(&fs->tree, ino, &n);

	fs_report_count(fs->report, FS_COUNT_GETATTR, 1);
	if (r) {
		op_fail(req, operation, ino, NULL, r, NULL);
		return;
	}
	op_entry(fs, &n, &e);
	fuse_reply_attr(req, &e.attr, e.attr_timeout);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	reply_attr(req, "getattr", ino);
}

/* Owners, times and modes of what is committed are accepted and ignored, as cp -p and tar want. */
void op_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
	struct fs *fs = op_fs(req);
	struct bough_error error = {0};
	int r = 0;

	(void)fi;
	if (fs_ino_kind(ino) == FS_STAGED) {
		op_setattr_staged(req, fs, ino, attr, to_set);
		return;
	}
	if (to_set & FUSE_SET_ATTR_SIZE)
		r = fs_refuse(&fs->tree, ino, &error);
	else if (to_set & FUSE_SET_ATTR_MODE)
		r = fs_chmod_check(&fs->tree, ino, attr->st_mode, &error);
	if (r == 1) { /* the kernel holds the lock of the directory itself */
		op_submit(req,
			&(struct fs_change){.what = FS_FREEZE, .dir = ino, .name = "", .ino = ino});
		return;
	}
	if (r)
		op_fail(req, to_set & FUSE_SET_ATTR_SIZE ? "truncate" : "chmod", ino, NULL, r,
			&error);
	else
		reply_attr(req, "setattr", ino);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[FS_TARGET_BYTES_MAX];
	int r = fs_tree_readlink(&op_fs(req)->tree, ino, target);

	if (r)
		op_fail(req, "readlink", ino, NULL, r, NULL);
	else
		fuse_reply_readlink(req, target);
}

void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	if (fstatvfs(op_fs(req)->objects_fd, &st)) {
		op_fail(req, "statfs", ino, NULL, -errno, NULL);
		return;
	}
	st.f_namemax = FS_NAME_BYTES_MAX;
	fuse_reply_statfs(req, &st);
}
