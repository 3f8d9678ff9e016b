/* The files of an import as objects: a batch at a time. */
#include "refs/import_impl.h"
#include "refs/table.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void import_block_key(
	const struct import *im, uint64_t block, char ret[static OBJSTORE_KEY_BYTES_MAX + 1])
{
	refs_object_key(im->store, im->home_db, im->table, ID_BLOCK, im->ids.incarnation,
		im->ids.ms, block, ret);
}

/** Files that one thread stores at once. */
struct store_batch {
	size_t n;
	struct import_file *files[IMPORT_BATCH];
	const struct refs_file *in[IMPORT_BATCH];
	struct objstore_file objects[IMPORT_BATCH];
	char keys[IMPORT_BATCH][OBJSTORE_KEY_BYTES_MAX + 1];
};

static void batch_close(struct store_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		close_p(&b->objects[i].fd);
}

static int batch_add(struct import *im, struct store_batch *b, size_t at, struct bough_error *error)
{
	struct import_file *f = &im->files[at];
	const struct refs_file *in = &im->in->files[at];
	struct stat st;
	int fd cleanup(close_p) = import_open(in->path, &st, error);

	if (fd < 0)
		return fd;
	if ((uint64_t)st.st_size != f->size_bytes || import_modified_us(&st) != in->modified_us) {
		error_set(error, -EINVAL, "%s changed while it was imported", in->path);
		return error_hint(error, -EINVAL, "import it when nobody writes to it any more");
	}
	import_block_key(im, f->block.id, b->keys[b->n]);
	b->files[b->n] = f;
	b->in[b->n] = in;
	b->objects[b->n] = (struct objstore_file){.key = b->keys[b->n], .fd = fd};
	b->n++;
	fd = -1;
	return 0;
}

/* A file that is ours is moved, which no batch does. */
static int batch_put(struct import *im, struct store_batch *b, size_t *ret_failed)
{
	struct objstore *s = im->store->objects;

	if (im->in->take == OBJSTORE_COPY)
		return objstore_put_files(s, b->objects, b->n, ret_failed);
	for (size_t i = 0; i < b->n; i++) {
		struct objstore_file *o = &b->objects[i];
		int r = objstore_put_file(
			s, o->key, o->fd, b->in[i]->path, OBJSTORE_MOVE, o->sha256);

		*ret_failed = i;
		if (r)
			return r;
	}
	return 0;
}

int import_store(struct import *im, size_t first, size_t n, struct bough_error *error)
{
	struct store_batch b cleanup(batch_close) = {0};
	size_t failed = 0;
	int r = 0;

	for (size_t i = first; i < first + n && !r; i++)
		if (im->files[i].rows)
			r = batch_add(im, &b, i, error);
	if (r)
		return r;
	r = batch_put(im, &b, &failed);
	if (r)
		return error_set(error, r, "cannot store %s: %s", b.in[failed]->path, strerror(-r));
	for (size_t i = 0; i < b.n; i++)
		memcpy(b.files[i]->block.rec.sha256, b.objects[i].sha256, SHA256_BYTES);
	return 0;
}

void import_unstore(struct import *im)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	int r;

	for (size_t i = 0; i < im->in->n_files; i++) {
		if (!im->files[i].block.id)
			continue;
		import_block_key(im, im->files[i].block.id, key);
		r = objstore_del(im->store->objects, key);
		if (r && r != -ENOENT)
			client_keep(im->store->client, &im->ids);
	}
}
