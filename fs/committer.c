/*
 * States of a job: queued (in the list) -> taken (in the batch) -> run (result of its body) ->
 * settled (result of the commit) -> done. Locks: fs_committer.lock guards the list; jobs taken
 * belong to the thread.
 */
#include "fs/committer.h"
#include "fs/thread.h"
#include "refs/export.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

#define BATCH_MAX 64
#define BATCH_US_MAX 4000 /* the write lock is everybody's */
#define TRIES_MAX 100

struct fs_committer {
	struct fs_committer_conf conf;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct fs_job *first, **last; /* lock */
	bool is_stopping;	      /* lock */
};

/** Waits for jobs. NULL: stopping and nothing left. */
static struct fs_job *take_all(struct fs_committer *c)
{
	struct fs_job *jobs;

	pthread_mutex_lock(&c->lock);
	while (!c->first && !c->is_stopping)
		pthread_cond_wait(&c->wake, &c->lock);
	jobs = steal(&c->first);
	c->last = &c->first;
	pthread_mutex_unlock(&c->lock);
	return jobs;
}

static void run_one(struct refs_txn *x, struct fs_job *job)
{
	struct refs_txn *nested auto_refs_txn = NULL;

	job->error = (struct bough_error){0};
	job->result = refs_nest(x, &nested);
	if (!job->result)
		job->result = job->body(nested, job->arg, &job->error);
	if (!job->result)
		job->result = refs_commit(&nested, NULL);
}

/** Runs the first jobs within the limits. Return: how many; *@ret_ok of them succeeded. */
static size_t run_bodies(struct fs_committer *c, struct refs_txn *x, struct fs_job *jobs,
	size_t limit, size_t *ret_ok)
{
	const struct clock *clock = c->conf.store->clock;
	uint64_t begin_us = clock->mono_us(clock);
	size_t n = 0;

	*ret_ok = 0;
	for (struct fs_job *j = jobs; j && n < limit; j = j->next, n++) {
		if (n && clock->mono_us(clock) - begin_us > BATCH_US_MAX)
			break;
		run_one(x, j);
		*ret_ok += !j->result;
	}
	return n;
}

static void fail(const struct refs_store *store, struct fs_job *job, int r)
{
	if (!job->result)
		job->result = refs_cannot_commit(store, r, &job->error);
}

/** One durable commit of the first jobs. Return: how many are settled by it. */
static size_t commit_batch(struct fs_committer *c, struct fs_job *jobs, uint64_t *ret_commit)
{
	size_t n = 1, ok = 0;
	int r = -ESTALE;

	*ret_commit = 0;
	for (int i = 0; i < TRIES_MAX && r == -ESTALE; i++) {
		struct refs_txn *x auto_refs_txn = NULL;

		r = refs_begin(c->conf.store, KV_WRITE, &x);
		if (r) {
			jobs->result = 0;
			break;
		}
		n = run_bodies(c, x, jobs, BATCH_MAX, &ok);
		if (!ok)
			break;
		r = refs_commit(&x, ret_commit);
	}
	for (size_t i = 0; i < n && r; i++, jobs = jobs->next)
		fail(c->conf.store, jobs, r);
	if (ok && !r)
		fs_report_count(c->conf.report, FS_COUNT_BATCHES, 1);
	return n;
}

/** Where bough.conf says so, a change is only done when it is exported too. */
static void publish(struct fs_committer *c, struct fs_job *jobs, size_t n)
{
	struct bough_error error = {0};
	int r = refs_export_commit(c->conf.store, &error);

	for (; r && n; n--, jobs = jobs->next)
		if (!jobs->result) {
			jobs->result = r;
			jobs->error = error;
		}
}

static struct fs_job *finish(struct fs_committer *c, struct fs_job *jobs, size_t n)
{
	for (; n; n--) {
		struct fs_job *next = jobs->next;

		fs_report_count(
			c->conf.report, jobs->result ? FS_COUNT_REFUSED : FS_COUNT_COMMITTED, 1);
		jobs->done(jobs); /* and may be gone */
		jobs = next;
	}
	return jobs;
}

static void *run(void *arg)
{
	struct fs_committer *c = arg;
	struct fs_job *jobs;

	while ((jobs = take_all(c)))
		while (jobs) {
			uint64_t commit;
			size_t n = commit_batch(c, jobs, &commit);

			if (commit && c->conf.show)
				c->conf.show(c->conf.arg, commit);
			if (commit)
				publish(c, jobs, n);
			jobs = finish(c, jobs, n);
		}
	return NULL;
}

int fs_committer_start(const struct fs_committer_conf *conf, struct fs_committer **ret)
{
	struct fs_committer *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return -ENOMEM;
	c->conf = *conf;
	c->last = &c->first;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	r = fs_thread_start(&c->thread, "committer", run, c);
	if (r) {
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void fs_committer_submit(struct fs_committer *c, struct fs_job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&c->lock);
	*c->last = job;
	c->last = &job->next;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

void fs_committer_stop(struct fs_committer *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->is_stopping = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
