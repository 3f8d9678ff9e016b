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

static void retain(fuse_req_t req, const char *operation, uint64_t ino, struct slice value)
{
	struct bough_error error = {0};
	uint64_t us = 0;
	int r = fs_xattr_retain(ino, value, &us, &error);

	if (r)
		op_fail(req, operation, ino, NULL, r, &error);
	else
		op_submit(req, &(struct fs_change){.what = FS_RETAIN,
				       .dir = ino,
				       .name = "",
				       .ino = ino,
				       .retain_us = us});
}

static void refuse(fuse_req_t req, const char *operation, uint64_t ino, const char *name)
{
	struct bough_error error = {0};
	int r = fs_xattr_refuse(ino, name, &error);

	op_fail(req, operation, ino, NULL, r, &error);
}

void op_setxattr(
	fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	(void)flags;
	if (strcmp(name, FS_XATTR_RETAIN))
		refuse(req, "setxattr", ino, name);
	else
		retain(req, "setxattr", ino, (struct slice){value, size});
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	if (strcmp(name, FS_XATTR_RETAIN))
		refuse(req, "removexattr", ino, name);
	else
		retain(req, "removexattr", ino, slice_str("0"));
}
