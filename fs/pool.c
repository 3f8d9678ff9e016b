/*
 * A task: queued -> prepared (by a thread of the pool) -> committing (a job of the committer's)
 * -> done, or queued again where its commit says -EAGAIN. Parked it is nobody's here until it is
 * submitted again.
 * Who had a task last gets the next: its helper runs already, and its memory is warm.
 * Locks: fs_pool.lock guards the lists and the counts; a task taken belongs to who took it.
 */
#include "fs/pool.h"
#include "fs/thread.h"
#include <errno.h>
#include <string.h>

#define THREADS_MAX 16
#define TRIES_MAX 1000 /* each time another writer of the ref was faster */

struct worker {
	struct fs_pool *pool;
	pthread_t thread;
	pthread_cond_t wake;
	bool waits;	     /* lock; it is in the list */
	struct worker *next; /* lock; waits for longer */
};

struct fs_pool {
	struct fs_pool_conf conf;
	struct worker workers[THREADS_MAX];
	unsigned n_threads;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct worker *waiting;	       /* lock; the last that had a task first */
	struct fs_task *first, **last; /* lock */
	size_t n_tasks;		       /* lock; submitted and not done */
	bool is_stopping;	       /* lock */
};

static void leave(struct fs_pool *p)
{
	pthread_mutex_lock(&p->lock);
	if (!--p->n_tasks)
		pthread_cond_broadcast(&p->idle);
	pthread_mutex_unlock(&p->lock);
}

static void finish(struct fs_task *t)
{
	struct fs_pool *p = t->pool;

	t->done(t); /* and may be gone */
	leave(p);
}

/** Under the lock, as wait_for_task(). */
static void wake(struct fs_pool *p, struct worker *w)
{
	struct worker **at = &p->waiting;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	w->waits = false;
	pthread_cond_signal(&w->wake);
}

static void wait_for_task(struct fs_pool *p, struct worker *w)
{
	if (!w->waits) {
		w->next = p->waiting;
		p->waiting = w;
		w->waits = true;
	}
	pthread_cond_wait(&w->wake, &p->lock);
}

static void queue(struct fs_pool *p, struct fs_task *t)
{
	t->next = NULL;
	pthread_mutex_lock(&p->lock);
	*p->last = t;
	p->last = &t->next;
	if (p->waiting)
		wake(p, p->waiting);
	pthread_mutex_unlock(&p->lock);
}

static int job_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct fs_task *t = arg;

	return t->apply(x, t, error);
}

static void job_done(struct fs_job *job)
{
	struct fs_task *t = job->arg;

	if (job->result == -EAGAIN && t->prepare && ++t->tries < TRIES_MAX) {
		queue(t->pool, t);
		return;
	}
	t->result = job->result;
	t->error = job->error;
	if (t->result == -EAGAIN)
		t->result = error_set(
			&t->error, -EBUSY, "other writers of this ref were faster each time");
	finish(t);
}

static void commit(struct fs_task *t)
{
	t->job = (struct fs_job){.body = job_body, .arg = t, .done = job_done};
	fs_committer_submit(t->pool->conf.committer, &t->job);
}

static void run_task(struct fs_pool *p, struct fs_task *t, struct reader *reader)
{
	int r;

	t->error = (struct bough_error){0};
	r = t->prepare(t, reader, &t->error);
	if (r == FS_TASK_PARKED) { /* and may be another thread's already */
		leave(p);
	} else if (!r) {
		commit(t);
	} else if (r == -EAGAIN && ++t->tries < TRIES_MAX) {
		queue(p, t);
	} else {
		t->result = r < 0 ? r : 0;
		finish(t);
	}
}

/** Waits for a task. NULL: stopping. */
static struct fs_task *take(struct fs_pool *p, struct worker *w)
{
	struct fs_task *t;

	pthread_mutex_lock(&p->lock);
	while (!p->first && !p->is_stopping)
		wait_for_task(p, w);
	if (w->waits) /* nobody woke it */
		wake(p, w);
	t = p->first;
	if (t)
		p->first = t->next;
	if (!p->first)
		p->last = &p->first;
	pthread_mutex_unlock(&p->lock);
	return t;
}

/* A helper dies with the thread that started it: so each has its own. */
static void *run(void *arg)
{
	struct worker *w = arg;
	struct fs_pool *p = w->pool;
	struct reader *reader cleanup(reader_close_p) = NULL;
	struct fs_task *t;

	if (p->conf.has_readers && reader_open(p->conf.reader_memory_bytes, &reader))
		reader = NULL; /* no memory: whoever wants it is told so */
	while ((t = take(p, w)))
		run_task(p, t, reader);
	return NULL;
}

int fs_pool_start(const struct fs_pool_conf *conf, struct fs_pool **ret)
{
	struct fs_pool *p = calloc(1, sizeof *p);
	int r = 0;

	if (!p)
		return -ENOMEM;
	p->conf = *conf;
	p->last = &p->first;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->idle, NULL);
	while (p->n_threads < conf->threads && p->n_threads < THREADS_MAX && !r) {
		struct worker *w = &p->workers[p->n_threads];

		w->pool = p;
		pthread_cond_init(&w->wake, NULL);
		r = fs_thread_start(&w->thread, "prepare", run, w);
		p->n_threads += !r;
	}
	if (r)
		fs_pool_stop(p);
	else
		*ret = p;
	return r;
}

void fs_pool_submit(struct fs_pool *p, struct fs_task *t)
{
	t->pool = p;
	t->tries = 0;
	t->result = 0;
	pthread_mutex_lock(&p->lock);
	p->n_tasks++;
	pthread_mutex_unlock(&p->lock);
	if (t->prepare)
		queue(p, t);
	else
		commit(t);
}

bool fs_pool_is_shared(struct fs_pool *p)
{
	bool is_shared;

	pthread_mutex_lock(&p->lock);
	is_shared = p->n_tasks > 1;
	pthread_mutex_unlock(&p->lock);
	return is_shared;
}

void fs_pool_stop(struct fs_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	while (p->n_tasks)
		pthread_cond_wait(&p->idle, &p->lock);
	p->is_stopping = true;
	while (p->waiting)
		wake(p, p->waiting);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++) {
		pthread_join(p->workers[i].thread, NULL);
		pthread_cond_destroy(&p->workers[i].wake);
	}
	pthread_cond_destroy(&p->idle);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
