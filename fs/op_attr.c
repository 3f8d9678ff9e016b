#include "fs/ops_impl.h"
#include <errno.h>

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = op_fs(req);
	struct fuse_entry_param e;
	struct fs_node n;
	int r = fs_tree_lookup(&fs->tree, parent, name, &n);

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
