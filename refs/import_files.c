/* The files of an import: looked into, matched, stored. */
#include "refs/import_impl.h"
#include "refs/reader.h"
#include "refs/table.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <json-c/json.h>
#include <sys/stat.h>

#define STORE_THREADS 4
#define STORE_BATCH 32 /* three descriptors each, in each thread */
#define SMALL_FILE_BYTES (1 << 20)

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
		r = parquet_match(&im->schema, &d->schema, ids, n, &why);
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
	r = client_ids_take(im->store->client, im->table,
		im->n_blocks + im->n_segments + import_folds(im) * FOLD_IDS, &im->ids);
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

/** Files that one thread stores at once. */
struct store_batch {
	size_t n;
	struct import_file *files[STORE_BATCH];
	const struct refs_file *in[STORE_BATCH];
	struct objstore_file objects[STORE_BATCH];
	char keys[STORE_BATCH][OBJSTORE_KEY_BYTES_MAX + 1];
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
	int fd cleanup(close_p) = open_file(in->path, &st, error);

	if (fd < 0)
		return fd;
	if ((uint64_t)st.st_size != f->size_bytes)
		return error_set(error, -EINVAL, "%s changed while it was imported", in->path);
	f->block.rec = (struct rec_block){.table = im->table,
		.ms = im->ids.ms,
		.rows = f->rows,
		.size_bytes = f->size_bytes,
		.raw_bytes = f->desc.raw_bytes,
		.row_groups = (uint32_t)f->desc.n_groups,
		.incarnation = im->ids.incarnation,
		.flags = f->desc.is_foreign ? REC_BLOCK_FOREIGN : 0};
	f->block.entry =
		(struct rec_segment_entry){f->block.id, in->modified_us, slice_str(in->name)};
	block_key(im, f, b->keys[b->n]);
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

static int store_files(struct import *im, size_t first, size_t n, struct bough_error *error)
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

/** Threads that store files: each takes the next batch. */
struct storing {
	struct import *im;
	size_t step;	      /* files of a batch */
	pthread_mutex_t lock; /* all below */
	pthread_cond_t moved;
	size_t next, done, running;
	uint64_t bytes;
	int failed;
	struct bough_error error;
};

/* The next batch; 0: nothing is left to do. */
static size_t take_batch(struct storing *s, size_t *ret_first)
{
	size_t left = s->im->in->n_files - s->next, n = left < s->step ? left : s->step;

	if (s->failed)
		return 0;
	*ret_first = s->next;
	s->next += n;
	return n;
}

static void batch_done(struct storing *s, size_t first, size_t n, int r, struct bough_error *error)
{
	if (r && !s->failed) {
		s->failed = r;
		s->error = *error;
	}
	s->done += n;
	for (size_t i = first; i < first + n; i++)
		s->bytes += s->im->files[i].rows ? s->im->files[i].size_bytes : 0;
	pthread_cond_signal(&s->moved);
}

static void *store_thread(void *arg)
{
	struct storing *s = arg;
	size_t first, n;

	pthread_mutex_lock(&s->lock);
	while ((n = take_batch(s, &first))) {
		struct bough_error error = {0};
		int r;

		pthread_mutex_unlock(&s->lock);
		r = store_files(s->im, first, n, &error);
		pthread_mutex_lock(&s->lock);
		batch_done(s, first, n, r, &error);
	}
	s->running--;
	pthread_cond_signal(&s->moved);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Shows progress until the last thread is done, and that it is. */
static void watch(struct storing *s)
{
	bool running = true;

	pthread_mutex_lock(&s->lock);
	while (running) {
		if (s->running)
			pthread_cond_wait(&s->moved, &s->lock);
		running = s->running;
		s->im->bytes_stored = s->bytes;
		import_progress(s->im, s->im->in->n_files + s->done);
	}
	pthread_mutex_unlock(&s->lock);
}

/* Small files are flushed together; large ones are better spread over the threads. */
static size_t batch_size(const struct import *im)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < im->in->n_files; i++)
		bytes += im->files[i].size_bytes;
	return bytes / im->in->n_files < SMALL_FILE_BYTES ? STORE_BATCH : 1;
}

int import_store(struct import *im)
{
	struct storing s = {.im = im,
		.step = batch_size(im),
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
	int r;

	for (size_t i = 0; i < im->in->n_files; i++) {
		if (!im->files[i].block.id)
			continue;
		block_key(im, &im->files[i], key);
		r = objstore_del(im->store->objects, key);
		if (r && r != -ENOENT)
			client_keep(im->store->client, &im->ids);
	}
}
