#include "fs/ops_impl.h"
#include "objstore/base/log.h"
#include <errno.h>
#include <string.h>

#define REQUEST_BYTES_MAX (1u << 20)
#define BACKGROUND_MAX 64

struct fs *op_fs(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

void op_entry(const struct fs *fs, const struct fs_node *n, struct fuse_entry_param *ret)
{
	double timeout_s = fs_notify_timeout_s(fs->notify);

	*ret = (struct fuse_entry_param){
		.ino = n->st.st_ino,
		.generation = n->generation,
		.attr = n->st,
		.attr_timeout = n->is_live ? 0 : timeout_s,
		.entry_timeout = timeout_s,
	};
	if (n->expire_at_us) {
		const struct clock *clock = fs->tree.store->clock;
		uint64_t now_us = clock->now_us(clock);
		double left_s =
			n->expire_at_us > now_us ? (double)(n->expire_at_us - now_us) / 1e6 : 0;

		if (left_s < timeout_s)
			ret->entry_timeout = left_s;
	}
}

static const char *reason_of(int r)
{
	switch (r) {
	case -ESTALE:
		return "it has expired";
	case -EUCLEAN:
		return "metadata damaged: run bough fsck";
	case -EBADMSG:
		return "bytes do not match their checksum: run bough fsck --full";
	case -ENOSPC:
		return "the store is full";
	default:
		return strerror(-r);
	}
}

void op_fail(fuse_req_t req, const char *operation, uint64_t ino, const char *name, int r,
	const struct bough_error *error)
{
	struct fs *fs = op_fs(req);
	struct buf path auto_buf = {0};
	const char *reason = error && error->message[0] ? error->message : NULL;

	if ((reason || (r != -ENOENT && r != -ENODATA && r != -EOPNOTSUPP && r != -EINVAL)) &&
		!fs_tree_path(&fs->tree, ino, name, &path)) {
		reason = reason ? reason : reason_of(r);
		fs_report_error(fs->report, operation, (char *)path.data, r, reason);
		log_warning("%s %s: %s%s%s", operation, (char *)path.data, reason,
			error && error->hint[0] ? "; " : "", error ? error->hint : "");
	}
	fuse_reply_err(req, -r);
}

static void op_init(void *userdata, struct fuse_conn_info *c)
{
	(void)userdata;
	c->want |= c->capable & (FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ |
					FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_READDIRPLUS |
					FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_EXPLICIT_INVAL_DATA |
					FUSE_CAP_DONT_MASK | FUSE_CAP_ATOMIC_O_TRUNC);
	c->want &= ~(unsigned)(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_WRITEBACK_CACHE);
	c->max_write = c->max_readahead = REQUEST_BYTES_MAX;
	c->max_background = BACKGROUND_MAX;
	c->congestion_threshold = BACKGROUND_MAX * 3 / 4;
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	(void)ino;
	(void)n;
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *forgets)
{
	(void)n;
	(void)forgets;
	fuse_reply_none(req);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.statfs = op_statfs,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_releasedir,
	.open = op_open,
	.read = op_read,
	.release = op_release,
	.create = op_create,
	.write = op_write,
	.flush = op_flush,
	.fsync = op_fsync,
	.mkdir = op_mkdir,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.unlink = op_unlink,
	.link = op_link,
	.symlink = op_symlink,
	.mknod = op_mknod,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.setxattr = op_setxattr,
	.removexattr = op_removexattr,
};
