/*
 * Several objects with one flush of the file system and one fsync of each directory, instead of two
 * flushes each: hundreds of small files a second where there were dozens. The states of each are
 * those of dir.c; all go through a state before the first goes on to the next.
 */
#include <errno.h>
#include <string.h>

#include "objstore/dir_impl.h"

struct batch {
	struct objstore_dir *d;
	struct objstore_file *files;
	struct draft *drafts;
	size_t n;
	size_t failed;
};

static int fill_all(struct batch *b)
{
	int r = 0;

	for (size_t i = 0; i < b->n && !r; i++) {
		struct draft *w = &b->drafts[i];
		struct objstore_file *f = &b->files[i];

		b->failed = i;
		r = dir_draft_open(b->d, f->key, w);
		if (!r)
			r = dir_draft_create(b->d, w);
		if (!r)
			r = dir_draft_fill(b->d, w->fd, f->fd, f->sha256);
		if (!r && fchmod(w->fd, OBJECT_MODE))
			r = -errno;
	}
	return r;
}

static int rename_all(struct batch *b)
{
	const struct io *io = b->d->io;
	int r = 0;

	for (size_t i = 0; i < b->n && !r; i++) {
		struct draft *w = &b->drafts[i];

		b->failed = i;
		r = io->rename(io, w->dir_fd, w->tmp, w->dir_fd, w->name, true);
	}
	return r;
}

static bool same_dir(const struct objstore_file *a, const struct objstore_file *b)
{
	const char *x = strrchr(a->key, '/'), *y = strrchr(b->key, '/');
	size_t n = x ? (size_t)(x - a->key) : 0, m = y ? (size_t)(y - b->key) : 0;

	return n == m && !memcmp(a->key, b->key, n);
}

static int sync_dirs(struct batch *b)
{
	int r = 0;

	for (size_t i = 0; i < b->n && !r; i++) {
		b->failed = i;
		if (!i || !same_dir(&b->files[i - 1], &b->files[i]))
			r = dir_sync(b->d, b->drafts[i].dir_fd);
	}
	return r;
}

/* Takes back whatever name leads to a file of ours; a rename may have failed after it was done. */
static void undo(struct batch *b)
{
	const struct io *io = b->d->io;

	for (size_t i = 0; i < b->n; i++) {
		struct draft *w = &b->drafts[i];

		if (w->fd < 0)
			continue;
		if (dir_names_inode(w->dir_fd, w->name, w->fd))
			io->unlink(io, w->dir_fd, w->name);
		else if (dir_names_inode(w->dir_fd, w->tmp, w->fd))
			io->unlink(io, w->dir_fd, w->tmp);
	}
}

static int run(struct batch *b)
{
	int r = fill_all(b);

	if (!r)
		r = dir_sync_failed(b->d, b->d->io->syncfs(b->d->io, b->drafts[0].fd));
	if (!r)
		r = rename_all(b);
	if (!r)
		r = sync_dirs(b);
	if (r)
		undo(b);
	return r;
}

int dir_put_files(struct objstore *s, struct objstore_file *files, size_t n, size_t *ret_failed)
{
	struct batch b = {.d = dir_of(s), .files = files, .n = n};
	int r;

	b.drafts = calloc(n, sizeof *b.drafts);
	if (!b.drafts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		b.drafts[i] = (struct draft){.dir_fd = -1, .fd = -1};
	r = run(&b);
	for (size_t i = 0; i < n; i++)
		dir_draft_deinit(&b.drafts[i]);
	free(b.drafts);
	if (r)
		*ret_failed = b.failed;
	return dir_write_error(r);
}
