/*
 * Between FUSE and the tree. Each operation: decode, one call into a part that is free of FUSE,
 * one reply. Reads end their transaction before they reply; changes park their request with the
 * committer.
 */
#pragma once
#include "fs/change.h"
#include "fs/committer.h"
#include "fs/dircache.h"
#include "fs/edit.h"
#include "fs/notify.h"
#include "fs/passthrough.h"
#include "fs/pool.h"
#include "fs/spool.h"
#include "fs/tree.h"
#include <fuse_lowlevel.h>

/** One mount. The session's userdata; everything is set before the session runs. */
struct fs {
	struct fs_passthrough *passthrough; /* first: fs_passthrough_session(); NULL without */
	struct fs_tree tree;
	struct fs_report *report;
	struct fs_dircache *dircache;
	struct fs_committer *committer;
	struct fs_pool *edits; /* short work: what names and segments need */
	struct fs_pool *puts;  /* long work: files are looked into, hashed, stored */
	struct fs_squashes squashes;
	struct fs_exporter *exporter;
	struct fs_folder *folder; /* NULL: read-only */
	struct fs_notify *notify;
	struct fs_sink sink;
	int objects_fd; /* for statfs */
};

extern const struct fuse_lowlevel_ops fs_ops;

struct fs *op_fs(fuse_req_t req);
/** op_entry() - a node as the kernel wants it, with the times that it may be believed. */
void op_entry(const struct fs *fs, const struct fs_node *n, struct fuse_entry_param *ret);
/**
 * op_fail() - reply with an error
 *
 * Worth a line in .bough/errors and the log is what has a reason (@error), and what should not
 * happen; not a name that is not there.
 */
void op_fail(fuse_req_t req, const char *operation, uint64_t ino, const char *name, int r,
	const struct bough_error *error);

/** op_submit() - park the request with the pool of edits, which answers it. */
void op_submit(fuse_req_t req, const struct fs_change *change);

/* op_attr.c */
void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi);
void op_readlink(fuse_req_t req, fuse_ino_t ino);
void op_statfs(fuse_req_t req, fuse_ino_t ino);
/* op_dir.c */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
/* op_file.c */
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
/* op_write.c */
void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
	struct fuse_file_info *fi);
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int is_data, struct fuse_file_info *fi);
/** op_open_staged() - OPEN of a file of the spool. */
void op_open_staged(fuse_req_t req, struct fs *fs, uint64_t ino, struct fuse_file_info *fi);
/** op_open_truncating() - OPEN with O_TRUNC of a block. */
void op_open_truncating(fuse_req_t req, struct fs *fs, uint64_t ino);
void op_read_staged(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi);
void op_setattr_staged(
	fuse_req_t req, struct fs *fs, uint64_t ino, const struct stat *attr, int to_set);
/** op_rename_staged() - false: @name is none of the spool's. */
bool op_rename_staged(fuse_req_t req, fuse_ino_t dir, const char *name, fuse_ino_t to_dir,
	const char *to_name, bool no_replace);
/** op_close_staged() - a handle and a reference less. */
void op_close_staged(struct fs *fs, struct fs_staged *f);
/* op_change.c */
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to_parent,
	const char *to_name, unsigned flags);
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t dev);
/* op_xattr.c */
void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
	int flags);
void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);
