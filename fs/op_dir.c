#include "fs/ops_impl.h"
#include <errno.h>

/** An open directory. */
struct handle {
	struct fs_dir dir;
	_Atomic uint64_t listed;
};

static struct handle *handle_of(struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = op_fs(req);
	struct handle *h cleanup(free_p) = calloc(1, sizeof *h);
	bool keep, cache;
	int r = h ? fs_dir_open(&fs->tree, ino, &h->dir) : -ENOMEM;

	fs_report_count(fs->report, FS_COUNT_OPENDIR, 1);
	if (r) {
		op_fail(req, "opendir", ino, NULL, r, NULL);
		return;
	}
	fs_dircache_open(fs->dircache, ino, h->dir.version, &keep, &cache);
	fi->cache_readdir = cache && h->dir.entries_min <= FS_DIR_CACHED_MAX;
	fi->keep_cache = keep && fi->cache_readdir;
	fi->fh = (uint64_t)(uintptr_t)h;
	if (fuse_reply_open(req, fi))
		fs_dir_close(&fs->tree, &h->dir); /* interrupted: no release will come */
	else
		h = NULL;
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);

	(void)ino;
	fs_dir_close(&op_fs(req)->tree, &h->dir);
	free(h);
	fuse_reply_err(req, 0);
}

/** A page of a listing. */
struct page {
	fuse_req_t req;
	char *data;
	size_t size, used;
	uint64_t n;
	bool is_plus;
};

static int page_add(void *arg, const char *name, const struct fs_node *node, uint64_t cookie)
{
	struct page *p = arg;
	size_t left = p->size - p->used, n;
	struct fuse_entry_param e;

	if (p->is_plus) {
		op_entry(op_fs(p->req), node, &e);
		if (!node->st.st_nlink)
			e.ino = 0; /* attributes unknown: the kernel is to ask */
		n = fuse_add_direntry_plus(
			p->req, p->data + p->used, left, name, &e, (off_t)cookie);
	} else {
		n = fuse_add_direntry(
			p->req, p->data + p->used, left, name, &node->st, (off_t)cookie);
	}
	if (n > left)
		return 1;
	p->used += n;
	p->n++;
	return 0;
}

static void list(fuse_req_t req, size_t size, off_t off, struct handle *h, bool is_plus)
{
	struct fs *fs = op_fs(req);
	char *data cleanup(free_p) = malloc(size);
	struct page p = {.req = req, .data = data, .size = size, .is_plus = is_plus};
	int r = data ? fs_dir_list(&fs->tree, &h->dir, (uint64_t)off, is_plus, page_add, &p)
		     : -ENOMEM;

	fs_report_count(fs->report, FS_COUNT_READDIR, 1);
	h->listed += p.n;
	fs_dircache_read(fs->dircache, h->dir.ino, h->dir.version, h->listed);
	if (r < 0)
		op_fail(req, "readdir", h->dir.ino, NULL, r, NULL);
	else
		fuse_reply_buf(req, data, p.used);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	list(req, size, off, handle_of(fi), false);
}

void op_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	list(req, size, off, handle_of(fi), true);
}
