/*
 * The files of an import on their way, in order:
 *
 *   described (a thread for each reader) --> matched, packed (the caller) --> stored (threads)
 *
 * Each waits for the one before it only. The first file in order that is refused is the one
 * reported, whichever was found first.
 */
#include "refs/import_impl.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define STORE_THREADS 4
#define BATCH_BYTES (4 << 20) /* large files are better spread over the threads */
#define AHEAD_MAX 256	      /* files described and not yet matched: bounds memory */

struct flow {
	struct import *im;
	pthread_mutex_t lock; /* all below, and "described" of the files */
	pthread_cond_t moved;
	size_t described, matched, storing, stored; /* next file of each; stored: how many */
	size_t readers, storers;		    /* threads: started; still at work */
	size_t bad;				    /* first file that was refused so far */
	bool all_matched, stop;
	int failed; /* of file @bad, or of storing */
	bool cannot_store;
	uint64_t bytes;
	struct bough_error error;
};

static bool take_file(struct flow *s, size_t *ret)
{
	while (!s->stop && s->described >= s->matched + AHEAD_MAX)
		pthread_cond_wait(&s->moved, &s->lock);
	if (s->stop || s->failed || s->described == s->im->in->n_files)
		return false;
	*ret = s->described++;
	return true;
}

/* Files before @at may still be found to be bad; those behind it matter no more. */
static void file_described(struct flow *s, size_t at, int r, const struct bough_error *error)
{
	if (r && at < s->bad && !s->cannot_store) {
		s->bad = at;
		s->failed = r;
		s->error = *error;
	}
	s->im->files[at].described = true;
	pthread_cond_broadcast(&s->moved);
}

static void *describe_thread(void *arg)
{
	struct flow *s = arg;
	struct reader *reader;
	size_t at;

	pthread_mutex_lock(&s->lock);
	reader = s->im->readers->items[s->readers++];
	while (take_file(s, &at)) {
		struct bough_error error = {0};
		int r;

		pthread_mutex_unlock(&s->lock);
		r = import_describe(s->im, reader, at, &error);
		pthread_mutex_lock(&s->lock);
		file_described(s, at, r, &error);
	}
	pthread_mutex_unlock(&s->lock);
	reader_stop(reader); /* while others still store */
	return NULL;
}

/* Small files are flushed together. */
static size_t next_batch(const struct flow *s, bool *ret_full)
{
	uint64_t bytes = 0;
	size_t n = 0;

	while (s->storing + n < s->matched && n < IMPORT_BATCH && bytes < BATCH_BYTES)
		bytes += s->im->files[s->storing + n++].size_bytes;
	*ret_full = n == IMPORT_BATCH || bytes >= BATCH_BYTES;
	return n;
}

/* 0: nothing is left to do. */
static size_t take_batch(struct flow *s, size_t *ret_first)
{
	bool full;
	size_t n;

	for (;;) {
		if (s->stop || s->failed)
			return 0;
		n = next_batch(s, &full);
		if (full || s->all_matched)
			break;
		pthread_cond_wait(&s->moved, &s->lock);
	}
	*ret_first = s->storing;
	s->storing += n;
	return n;
}

static void batch_done(
	struct flow *s, size_t first, size_t n, int r, const struct bough_error *error)
{
	if (r && !s->failed) {
		s->cannot_store = true;
		s->failed = r;
		s->error = *error;
	}
	s->stored += n;
	for (size_t i = first; i < first + n; i++)
		s->bytes += s->im->files[i].rows ? s->im->files[i].size_bytes : 0;
	pthread_cond_broadcast(&s->moved);
}

static void *store_thread(void *arg)
{
	struct flow *s = arg;
	size_t first, n;

	pthread_mutex_lock(&s->lock);
	while ((n = take_batch(s, &first))) {
		struct bough_error error = {0};
		int r;

		pthread_mutex_unlock(&s->lock);
		r = import_store(s->im, first, n, &error);
		pthread_mutex_lock(&s->lock);
		batch_done(s, first, n, r, &error);
	}
	s->storers--;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void show(struct flow *s)
{
	size_t done;

	pthread_mutex_lock(&s->lock);
	done = s->matched + s->stored;
	s->im->bytes_stored = s->bytes;
	pthread_mutex_unlock(&s->lock);
	import_progress(s->im, done);
}

static int wait_described(struct flow *s, size_t at)
{
	int r;

	pthread_mutex_lock(&s->lock);
	while (!s->im->files[at].described && !s->cannot_store)
		pthread_cond_wait(&s->moved, &s->lock);
	r = s->cannot_store || s->bad == at ? s->failed : 0;
	if (r && s->error.code)
		*s->im->error = s->error;
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int match_all(struct flow *s)
{
	int r = 0;

	for (size_t i = 0; i < s->im->in->n_files && !r; i++) {
		r = wait_described(s, i);
		if (!r)
			r = import_match(s->im, i);
		if (r)
			break;
		pthread_mutex_lock(&s->lock);
		s->matched = i + 1;
		pthread_cond_broadcast(&s->moved);
		pthread_mutex_unlock(&s->lock);
		show(s);
	}
	return r ? r : import_pack_end(s->im);
}

/* Shows progress until the last file is stored, and that it is. */
static int wait_stored(struct flow *s)
{
	size_t storers = 1;
	int r;

	while (storers) {
		pthread_mutex_lock(&s->lock);
		if (s->storers)
			pthread_cond_wait(&s->moved, &s->lock);
		storers = s->storers;
		r = s->failed;
		if (r && s->error.code)
			*s->im->error = s->error;
		pthread_mutex_unlock(&s->lock);
		show(s);
	}
	return r;
}

static void begin_end(struct flow *s, int r)
{
	pthread_mutex_lock(&s->lock);
	s->stop = r;
	s->all_matched = !r;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

static size_t start(pthread_t *threads, size_t n, void *(*body)(void *), struct flow *s)
{
	size_t i = 0;

	while (i < n && !pthread_create(&threads[i], NULL, body, s))
		i++;
	return i;
}

int import_flow(struct import *im)
{
	struct flow s = {.im = im,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.moved = PTHREAD_COND_INITIALIZER,
		.storers = STORE_THREADS,
		.bad = SIZE_MAX};
	pthread_t threads[IMPORT_READERS_MAX + STORE_THREADS];
	size_t readers = start(threads, im->readers->n, describe_thread, &s);
	size_t storers = start(threads + readers, STORE_THREADS, store_thread, &s);
	int r = readers && storers ? 0 : -EAGAIN;

	pthread_mutex_lock(&s.lock);
	s.storers -= STORE_THREADS - storers;
	pthread_mutex_unlock(&s.lock);
	if (!r)
		r = match_all(&s);
	begin_end(&s, r);
	if (!r)
		r = wait_stored(&s);
	for (size_t i = 0; i < readers + storers; i++)
		pthread_join(threads[i], NULL);
	return r;
}
