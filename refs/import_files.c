/* The files of an import: looked into, matched, stored. */
#include "refs/import_impl.h"
#include "refs/reader.h"
#include "refs/table.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <json-c/json.h>
#include <sys/stat.h>

#define STORE_THREADS 4

static void json_put_p(struct json_object **j)
{
	json_object_put(*j);
}

/* A regular file, not a FIFO or a device that would block. */
static int open_file(const char *path, struct stat *ret, struct bough_error *error)
{
	int fd cleanup(close_p) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int taken;

	if (fd < 0 || fstat(fd, ret))
		return error_set(error, -errno, "cannot open %s: %s", path, strerror(errno));
	if (!S_ISREG(ret->st_mode))
		return error_set(error, -EINVAL, "%s is not a regular file", path);
	taken = fd;
	fd = -1;
	return taken;
}

static int describe(struct import *im, struct reader *reader, size_t at)
{
	struct import_file *f = &im->files[at];
	const char *path = im->in->files[at].path;
	struct json_object *j cleanup(json_put_p) = NULL;
	struct stat st;
	int fd cleanup(close_p) = open_file(path, &st, im->error);
	int r = fd < 0 ? fd : reader_inspect(reader, fd, path, &j, im->error);

	if (!r)
		r = parquet_describe(j, path, &f->desc, im->error);
	if (r)
		return r;
	f->rows = f->desc.rows;
	f->size_bytes = (uint64_t)st.st_size;
	im->in->files[at].modified_us =
		(uint64_t)st.st_mtim.tv_sec * 1000000 + (uint64_t)st.st_mtim.tv_nsec / 1000;
	return 0;
}

/* The first file of an empty table decides its schema; all others are matched against it. */
static int match(struct import *im, size_t at)
{
	struct parquet_file *d = &im->files[at].desc;
	struct bough_error why = {0};
	uint32_t *ids cleanup(free_p) = NULL;
	size_t n;
	int r;

	if (!im->has_schema) {
		r = schema_copy(&d->schema, &im->schema);
		im->has_schema = !r;
		return r;
	}
	r = schema_match(&im->schema, &d->schema, &ids, &n, &why);
	if (!r)
		return parquet_renumber(d, &im->schema, ids, n);
	if (*why.message) {
		error_set(im->error, r, "%s: %s", im->in->files[at].path, why.message);
		error_hint(im->error, r, "%s", why.hint);
	}
	return r;
}

int import_inspect(struct import *im)
{
	struct reader *reader cleanup(reader_close_p) = NULL;
	int r = reader_open(im->store->conf.reader_memory_bytes, &reader);

	for (size_t i = 0; i < im->in->n_files && !r; i++) {
		r = describe(im, reader, i);
		if (!r)
			r = match(im, i);
		if (im->files[i].rows)
			im->n_blocks++;
		import_progress(im, i + 1);
	}
	return r;
}

/* As many segments as files and row groups need: see import_pack(). */
static size_t count_segments(const struct import *im)
{
	size_t segments = 0, blocks = 0, metas = 0;

	for (size_t i = 0; i < im->in->n_files; i++) {
		size_t n = im->files[i].desc.n_groups;

		if (!im->files[i].rows)
			continue;
		if (!segments || blocks == COMMIT_SEGMENT_BLOCKS_MAX ||
			metas + n > COMMIT_SEGMENT_METAS_MAX) {
			segments++;
			blocks = metas = 0;
		}
		blocks++;
		metas += n;
	}
	return segments;
}

int import_take_ids(struct import *im)
{
	uint64_t id;
	int r;

	im->n_segments = count_segments(im);
	r = client_ids_take(im->store->client, im->table, im->n_blocks + im->n_segments, &im->ids);
	if (r)
		return r;
	im->ids_taken = true;
	id = im->ids.first;
	for (size_t i = 0; i < im->in->n_files; i++)
		if (im->files[i].rows)
			im->files[i].block.id = id++;
	return 0;
}

static void block_key(const struct import *im, const struct import_file *f,
	char ret[static OBJSTORE_KEY_BYTES_MAX + 1])
{
	refs_object_key(im->store, im->home_db, im->table, ID_BLOCK, im->ids.incarnation,
		im->ids.ms, f->block.id, ret);
}

static int store_one(struct import *im, size_t at, struct bough_error *error)
{
	struct import_file *f = &im->files[at];
	const struct refs_file *in = &im->in->files[at];
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	struct rec_block *b = &f->block.rec;
	struct stat st;
	int fd cleanup(close_p) = open_file(in->path, &st, error), r;

	if (fd < 0)
		return fd;
	if ((uint64_t)st.st_size != f->size_bytes)
		return error_set(error, -EINVAL, "%s changed while it was imported", in->path);
	*b = (struct rec_block){.table = im->table,
		.ms = im->ids.ms,
		.rows = f->rows,
		.size_bytes = f->size_bytes,
		.raw_bytes = f->desc.raw_bytes,
		.row_groups = (uint32_t)f->desc.n_groups,
		.incarnation = im->ids.incarnation,
		.flags = f->desc.is_foreign ? REC_BLOCK_FOREIGN : 0};
	f->block.entry =
		(struct rec_segment_entry){f->block.id, in->modified_us, slice_str(in->name)};
	block_key(im, f, key);
	r = objstore_put_file(im->store->objects, key, fd, in->path, im->in->take, b->sha256);
	return r ? error_set(error, r, "cannot store %s: %s", in->path, strerror(-r)) : 0;
}

/** Threads that store files: each takes the next. */
struct storing {
	struct import *im;
	atomic_size_t next;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t moved;
	size_t done, running;
	uint64_t bytes;
	int failed;
	struct bough_error error;
};

/* Return: false when the thread has nothing left to do. */
static bool store_next(struct storing *s)
{
	size_t at = atomic_fetch_add(&s->next, 1);
	struct bough_error error = {0};
	bool more = at < s->im->in->n_files;
	int r = more && s->im->files[at].rows ? store_one(s->im, at, &error) : 0;

	pthread_mutex_lock(&s->lock);
	if (r && !s->failed) {
		s->failed = r;
		s->error = error;
	}
	s->done += more;
	s->bytes += more ? s->im->files[at].size_bytes : 0;
	more = more && !s->failed;
	s->running -= !more;
	pthread_cond_signal(&s->moved);
	pthread_mutex_unlock(&s->lock);
	return more;
}

static void *store_thread(void *arg)
{
	while (store_next(arg))
		;
	return NULL;
}

/* Shows progress until the last thread is done. */
static void watch(struct storing *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->running) {
		pthread_cond_wait(&s->moved, &s->lock);
		s->im->bytes_stored = s->bytes;
		import_progress(s->im, s->im->in->n_files + s->done);
	}
	pthread_mutex_unlock(&s->lock);
}

int import_store(struct import *im)
{
	struct storing s = {.im = im,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.moved = PTHREAD_COND_INITIALIZER,
		.running = STORE_THREADS};
	pthread_t threads[STORE_THREADS];
	size_t n = 0;

	for (; n < STORE_THREADS; n++)
		if (pthread_create(&threads[n], NULL, store_thread, &s))
			break;
	pthread_mutex_lock(&s.lock);
	s.running -= STORE_THREADS - n; /* those that could not be started */
	if (!n)
		s.failed = -EAGAIN;
	pthread_mutex_unlock(&s.lock);
	watch(&s);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	if (s.failed && s.error.code)
		*im->error = s.error;
	return s.failed;
}

void import_unstore(struct import *im)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1];

	for (size_t i = 0; i < im->in->n_files; i++) {
		if (!im->files[i].block.id)
			continue;
		block_key(im, &im->files[i], key);
		objstore_del(im->store->objects, key); /* what stays is in our range and is swept */
	}
}
