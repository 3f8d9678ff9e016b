#include "fs/exporter.h"
#include "fs/thread.h"
#include "objstore/base/log.h"
#include "refs/export.h"
#include <errno.h>
#include <time.h>

#define TICK_S 1
#define LAST_PASS_S 10
#define PAUSE_US 20000
#define LATER "bough sync, or the next mount, does it"

struct fs_exporter {
	struct refs_store *store;
	void (*tick)(void *arg);
	void *arg;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* of the next two, set under lock */
	bool is_stopping, has_ended;
	atomic_bool is_late; /* the last pass has had its time */
	/* of the thread */
	uint64_t seen; /* the last commit announced before a pass that succeeded */
	bool has_pass, has_failed;
};

/* Return: as refs_export_until(). @then: what a failure is followed by, in words. */
static int pass(struct fs_exporter *e, const char *then)
{
	uint64_t commit = wake_commit(e->store->wake);
	struct refs_exported done;
	struct bough_error error = {0};
	int r;

	if (e->has_pass && commit == e->seen)
		return 0;
	r = refs_export_until(e->store, &e->is_late, &done, &error);
	if (!r) {
		e->seen = commit;
		e->has_pass = true;
		if (e->has_failed)
			log_info("exported again, up to commit %llu",
				(unsigned long long)done.commit);
		e->has_failed = false;
	} else if (r != -EAGAIN && r != -ECANCELED && !e->has_failed) {
		e->has_failed = true;
		log_warning("%s; %s", error.message, then);
	}
	return r;
}

/* Until @flag, one of those under lock, or for @seconds. */
static bool wait_for(struct fs_exporter *e, const bool *flag, unsigned seconds)
{
	struct timespec until;
	bool is_set;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&e->lock);
	while (!*flag)
		if (pthread_cond_timedwait(&e->changed, &e->lock, &until) == ETIMEDOUT)
			break;
	is_set = *flag;
	pthread_mutex_unlock(&e->lock);
	return is_set;
}

static void set(struct fs_exporter *e, bool *flag)
{
	pthread_mutex_lock(&e->lock);
	*flag = true;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

static void *run(void *arg)
{
	struct fs_exporter *e = arg;

	do {
		if (e->tick)
			e->tick(e->arg);
		pass(e, "trying again every second");
	} while (!wait_for(e, &e->is_stopping, TICK_S));
	while (pass(e, LATER) == -EAGAIN && !e->is_late)
		usleep(PAUSE_US); /* another one exports the same */
	set(e, &e->has_ended);
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
	pthread_cond_init(&e->changed, &monotonic);
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
	set(e, &e->is_stopping);
	if (!wait_for(e, &e->has_ended, LAST_PASS_S)) {
		log_warning("not all is exported: " LATER);
		atomic_store(&e->is_late, true);
	}
	pthread_join(e->thread, NULL);
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
