#include "fs/exporter.h"
#include "fs/thread.h"
#include "objstore/base/log.h"
#include "refs/export.h"
#include <errno.h>
#include <time.h>

#define TICK_S 1

struct fs_exporter {
	struct refs_store *store;
	void (*tick)(void *arg);
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	atomic_bool is_stopping; /* set under lock */
	/* of the thread */
	uint64_t seen; /* the last commit announced before a pass that succeeded */
	bool has_pass, has_failed;
};

static void pass(struct fs_exporter *e)
{
	uint64_t commit = wake_commit(e->store->wake);
	struct refs_exported done;
	struct bough_error error = {0};
	int r;

	if (e->has_pass && commit == e->seen)
		return;
	r = refs_export_until(e->store, &e->is_stopping, &done, &error);
	if (!r) {
		e->seen = commit;
		e->has_pass = true;
		if (e->has_failed)
			log_info("exported again, up to commit %llu",
				(unsigned long long)done.commit);
		e->has_failed = false;
	} else if (r != -EAGAIN && r != -ECANCELED && !e->has_failed) {
		e->has_failed = true;
		log_warning("%s; trying again every second", error.message);
	}
}

/** Return: go on? */
static bool wait_tick(struct fs_exporter *e)
{
	struct timespec until;
	bool go_on;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += TICK_S;
	pthread_mutex_lock(&e->lock);
	while (!e->is_stopping)
		if (pthread_cond_timedwait(&e->stop, &e->lock, &until) == ETIMEDOUT)
			break;
	go_on = !e->is_stopping;
	pthread_mutex_unlock(&e->lock);
	return go_on;
}

static void *run(void *arg)
{
	struct fs_exporter *e = arg;

	do {
		if (e->tick)
			e->tick(e->arg);
		pass(e);
	} while (wait_tick(e));
	return NULL;
}

int fs_exporter_start(
	struct refs_store *store, void (*tick)(void *arg), void *arg, struct fs_exporter **ret)
{
	struct fs_exporter *e = calloc(1, sizeof *e);
	pthread_condattr_t monotonic;
	int r;

	if (!e)
		return -ENOMEM;
	e->store = store;
	e->tick = tick;
	e->arg = arg;
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&e->stop, &monotonic);
	pthread_condattr_destroy(&monotonic);
	r = fs_thread_start(&e->thread, "exporter", run, e);
	if (r) {
		free(e);
		return r;
	}
	*ret = e;
	return 0;
}

void fs_exporter_stop(struct fs_exporter *e)
{
	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->is_stopping = true;
	pthread_cond_signal(&e->stop);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	pthread_cond_destroy(&e->stop);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
