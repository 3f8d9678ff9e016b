/*
 * Handles (fi->fh): of a block 0 with passthrough, else its descriptor + 1; of what is being
 * written see op_write.c; of all others a rendered struct buf.
 */
#include "fs/ops_impl.h"
#include <errno.h>
#include <fcntl.h>

static bool is_block(uint64_t ino)
{
	return fs_ino_kind(ino) == FS_BLOCK;
}

static int open_object(struct fs *fs, uint64_t ino, int *ret_fd, struct bough_error *error)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	int r = fs_tree_block_key(&fs->tree, ino, key), fd;

	if (r)
		return r;
	fd = objstore_open_local(fs->tree.store->objects, key);
	if (fd == -ENOENT) {
		error_set(error, -EIO, "its object %s is missing", key);
		return error_hint(error, -EIO, "'bough fsck --full' names all that is lost");
	}
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

static void send_passthrough(fuse_req_t req, struct fs *fs, uint64_t ino, uint32_t id)
{
	fs_report_count(fs->report, FS_COUNT_OPEN_PASSTHROUGH, 1);
	if (fs_passthrough_send(req, id))
		fs_passthrough_close(fs->passthrough, ino);
}

static void open_block(fuse_req_t req, struct fs *fs, uint64_t ino, struct fuse_file_info *fi)
{
	int fd cleanup(close_p) = -1;
	uint32_t id = fs->passthrough ? fs_passthrough_join(fs->passthrough, ino) : 0;
	struct bough_error error = {0};
	int r = id ? 0 : open_object(fs, ino, &fd, &error);

	if (r) {
		op_fail(req, "open", ino, NULL, r, &error);
		return;
	}
	if (!id && fs->passthrough)
		id = fs_passthrough_open(fs->passthrough, ino, fd);
	if (id) {
		send_passthrough(req, fs, ino, id);
		return;
	}
	fi->fh = (uint64_t)fd + 1;
	fi->keep_cache = 1;
	if (!fuse_reply_open(req, fi))
		fd = -1;
	else if (fs->passthrough)
		fs_passthrough_close(fs->passthrough, ino);
}

static void open_rendered(fuse_req_t req, struct fs *fs, uint64_t ino, struct fuse_file_info *fi)
{
	struct buf *b = calloc(1, sizeof *b);
	int r = b ? fs_tree_render(&fs->tree, ino, b) : -ENOMEM;

	fi->fh = (uint64_t)(uintptr_t)b;
	fi->keep_cache = fs_ino_kind(ino) != FS_FILE;
	fi->direct_io = fs_ino_kind(ino) == FS_FILE;
	if (r)
		op_fail(req, "open", ino, NULL, r, NULL);
	else if (!fuse_reply_open(req, fi))
		return;
	if (b)
		buf_deinit(b);
	free(b);
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = op_fs(req);
	struct bough_error error = {0};

	fs_report_count(fs->report, FS_COUNT_OPEN, 1);
	if (fs_ino_kind(ino) == FS_STAGED) {
		op_open_staged(req, fs, ino, fi);
		return;
	}
	if (is_block(ino) && (fi->flags & O_TRUNC) && fs->tree.spool) {
		op_open_truncating(req, fs, ino);
		return;
	}
	if ((fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & O_TRUNC)) {
		op_fail(req, "open", ino, NULL, fs_refuse(&fs->tree, ino, &error), &error);
		return;
	}
	fi->noflush = 1;
	if (is_block(ino))
		open_block(req, fs, ino, fi);
	else
		open_rendered(req, fs, ino, fi);
}

static void read_block(
	fuse_req_t req, uint64_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fs *fs = op_fs(req);
	char *data cleanup(free_p) = malloc(size);
	ssize_t n = -1;

	if (!fi->fh || !data) {
		fuse_reply_err(req, data ? EIO : ENOMEM);
		return;
	}
	n = pread((int)(fi->fh - 1), data, size, off);
	if (n < 0) {
		op_fail(req, "read", ino, NULL, -errno, NULL);
		return;
	}
	fs_report_count(fs->report, FS_COUNT_READ_BYTES, (uint64_t)n);
	fuse_reply_buf(req, data, (size_t)n);
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct buf *b = (const struct buf *)(uintptr_t)fi->fh;
	size_t at;

	if (is_block(ino)) {
		read_block(req, ino, size, off, fi);
		return;
	}
	if (fs_ino_kind(ino) == FS_STAGED) {
		op_read_staged(req, size, off, fi);
		return;
	}
	at = (uint64_t)off < b->len ? (size_t)off : b->len;
	fuse_reply_buf(req, (const char *)b->data + at, size < b->len - at ? size : b->len - at);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = op_fs(req);

	if (is_block(ino)) {
		if (fs->passthrough)
			fs_passthrough_close(fs->passthrough, ino);
		if (fi->fh)
			close((int)(fi->fh - 1));
	} else if (fs_ino_kind(ino) == FS_STAGED) {
		op_close_staged(fs, (struct fs_staged *)(uintptr_t)fi->fh);
	} else {
		struct buf *b = (struct buf *)(uintptr_t)fi->fh;

		buf_deinit(b);
		free(b);
	}
	fuse_reply_err(req, 0);
}
