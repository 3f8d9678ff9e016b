#include "fs/ops_impl.h"
#include "fs/xattr.h"
#include <errno.h>
#include <string.h>

/** Value or list: @size 0 asks only how long it is. */
static void reply(fuse_req_t req, const char *operation, uint64_t ino, int r, const struct buf *b,
	size_t size)
{
	if (r)
		op_fail(req, operation, ino, NULL, r, NULL);
	else if (!size)
		fuse_reply_xattr(req, b->len);
	else if (size < b->len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, (const char *)b->data, b->len);
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct buf b auto_buf = {0};
	int r = fs_xattr_get(&op_fs(req)->tree, ino, name, &b);

	reply(req, "getxattr", ino, r, &b, size);
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct buf b auto_buf = {0};
	int r = fs_xattr_list(&op_fs(req)->tree, ino, &b);

	reply(req, "listxattr", ino, r, &b, size);
}

/** Ours are set by commands, for now all; others there are none. */
static void refuse(fuse_req_t req, const char *operation, uint64_t ino, const char *name)
{
	struct bough_error error = {0};
	int r = -EOPNOTSUPP;

	if (!strncmp(name, FS_XATTR_PREFIX, strlen(FS_XATTR_PREFIX)))
		r = error_set(&error, -EPERM,
			"this version does not set attributes through the mount yet");
	op_fail(req, operation, ino, NULL, r, &error);
}

void op_setxattr(
	fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	(void)value;
	(void)size;
	(void)flags;
	refuse(req, "setxattr", ino, name);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	refuse(req, "removexattr", ino, name);
}
