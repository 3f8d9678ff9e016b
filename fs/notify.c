/*
 * Threads: the reader waits for commits, reads what they changed, forgets attributes and queues
 * names; two workers forget names (each may block in the kernel on one directory's lock).
 *
 *   item:   queued -> current -> done          its directory is free
 *           queued -> deferred -> queued       an operation of ours is in flight there
 *
 * Shown (acknowledged to committers) is every commit all of whose attributes are forgotten and
 * none of whose names is queued or current; a deferred name, or one whose directory has an
 * operation in flight, does not count: two mounts would wait for each other. For a waiter of
 * fs_notify_then(), whom no directory's lock is held for, these count too.
 * fs_notify.lock guards everything but the fields set before the threads start. No lock is held
 * over a call of the sink.
 */
#include "fs/notify_impl.h"
#include "fs/thread.h"
#include "meta/wake.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define WORKERS 2
#define POLL_MS 1000
#define WAIT_S 1

struct fs_notify {
	const struct fs_tree *tree;
	const struct fs_sink *sink;
	bool can_forget_all;
	pthread_t reader, workers[WORKERS];
	size_t n_workers; /* started, as the next */
	bool has_reader;
	pthread_mutex_t lock;
	pthread_cond_t work, attributes_done;
	struct fs_item *first, **last;
	struct fs_item *current[WORKERS];
	struct fs_flight *flights;
	uint64_t attributes, shown; /* commit numbers */
	struct fs_notify_waiter *waiters;
	bool is_stopping;
};

struct worker_arg {
	struct fs_notify *n;
	size_t index;
};

static bool touches(const struct fs_flight *f, uint64_t dir)
{
	return f->at[0].dir == dir || f->at[1].dir == dir;
}

static struct fs_flight *flight_in(struct fs_notify *n, uint64_t dir)
{
	struct fs_flight *f = n->flights;

	while (f && !touches(f, dir))
		f = f->next;
	return f;
}

/** Under the lock: raise what is shown as far as can be said. */
static void update_shown(struct fs_notify *n)
{
	uint64_t shown = n->attributes;

	for (size_t i = 0; i < WORKERS; i++) {
		const struct fs_item *c = n->current[i];

		if (c && c->before < shown && !flight_in(n, c->dir))
			shown = c->before;
	}
	for (const struct fs_item *i = n->first; i; i = i->next)
		if (i->before < shown)
			shown = i->before;
	if (shown <= n->shown)
		return;
	n->shown = shown;
	wake_mount_ack(n->tree->store->wake, shown);
}

/** Under the lock: nothing older than this is believed, wherever it is. */
static uint64_t forgotten(const struct fs_notify *n)
{
	uint64_t all = n->attributes;

	for (size_t i = 0; i < WORKERS; i++)
		if (n->current[i] && n->current[i]->before < all)
			all = n->current[i]->before;
	for (const struct fs_item *i = n->first; i; i = i->next)
		if (i->before < all)
			all = i->before;
	for (const struct fs_flight *f = n->flights; f; f = f->next)
		for (const struct fs_item *i = f->deferred; i; i = i->next)
			if (i->before < all)
				all = i->before;
	return all;
}

/** Runs those whose time has come. Not under the lock. */
static void run_waiters(struct fs_notify *n)
{
	struct fs_notify_waiter *due = NULL, **p;
	uint64_t all;

	pthread_mutex_lock(&n->lock);
	all = n->is_stopping ? UINT64_MAX : n->waiters ? forgotten(n) : 0;
	for (p = &n->waiters; *p;) {
		struct fs_notify_waiter *w = *p;

		if (w->commit > all) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		w->next = due;
		due = w;
	}
	pthread_mutex_unlock(&n->lock);
	while (due) {
		struct fs_notify_waiter *w = due;

		due = w->next;
		w->run(w);
	}
}

static void push(struct fs_notify *n, struct fs_item *item)
{
	item->next = NULL;
	*n->last = item;
	n->last = &item->next;
	pthread_cond_signal(&n->work);
}

/** Under the lock: the next item whose directory is free; the others are deferred. */
static struct fs_item *pop(struct fs_notify *n)
{
	while (n->first) {
		struct fs_item *item = n->first;
		struct fs_flight *f = flight_in(n, item->dir);

		n->first = item->next;
		if (!n->first)
			n->last = &n->first;
		if (!f)
			return item;
		item->next = f->deferred;
		f->deferred = item;
		update_shown(n);
	}
	return NULL;
}

static void *work(void *arg)
{
	struct worker_arg *a = arg;
	struct fs_notify *n = a->n;
	size_t index = a->index;

	free(a);
	pthread_mutex_lock(&n->lock);
	while (!n->is_stopping) {
		struct fs_item *item = pop(n);

		if (!item) {
			pthread_cond_wait(&n->work, &n->lock);
			continue;
		}
		n->current[index] = item;
		pthread_mutex_unlock(&n->lock);
		n->sink->entry(n->sink->arg, item->dir, item->name);
		fs_report_count(n->tree->report, FS_COUNT_INVAL_ENTRY, 1);
		pthread_mutex_lock(&n->lock);
		n->current[index] = NULL;
		free(item);
		update_shown(n);
		if (!n->waiters)
			continue;
		pthread_mutex_unlock(&n->lock);
		run_waiters(n);
		pthread_mutex_lock(&n->lock);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

/** Reads all changes above @after. */
static int plan_read(struct fs_notify *n, uint64_t after, struct notify_plan *p, uint64_t *ret_upto)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct change_list l cleanup(change_list_deinit) = {0};
	int r = refs_begin(n->tree->store, KV_READ, &x);

	*ret_upto = after;
	if (!r && x->commit > after)
		r = change_read(x->kv, after, &l, ret_upto);
	for (size_t i = 0; i < l.n && !r; i++)
		r = notify_plan_change(p, x, &l.items[i], after);
	if (p->n_inodes + p->n_items > FS_INVALIDATE_MAX && n->can_forget_all)
		p->all = true;
	return r;
}

/** Did the operation behind @f itself change this name, between the commits? */
static bool is_own(const struct fs_flight *f, const struct fs_item *i, uint64_t upto)
{
	if (f->commit <= i->before || f->commit > upto)
		return false;
	for (size_t k = 0; k < ARRAY_SIZE(f->at); k++)
		if (f->at[k].dir == i->dir && !strcmp(f->at[k].name, i->name))
			return true;
	return false;
}

/** Queues the names, but for those that the kernel itself changes at our reply. */
static void queue_items(struct fs_notify *n, struct notify_plan *p, uint64_t upto)
{
	pthread_mutex_lock(&n->lock);
	while (p->items) {
		struct fs_item *item = p->items;
		struct fs_flight *f = n->flights;

		p->items = item->next;
		while (f && !is_own(f, item, upto))
			f = f->next;
		if (f)
			free(item);
		else
			push(n, item);
	}
	pthread_mutex_unlock(&n->lock);
}

static bool is_dropped_with_names(uint64_t ino)
{
	enum fs_kind kind = fs_ino_kind(ino);

	return kind == FS_BLOCK || kind == FS_SNAPSHOT;
}

static void forget(struct fs_notify *n, struct notify_plan *p)
{
	const struct fs_sink *s = n->sink;
	uint64_t sent = 0;

	if (p->all)
		fs_report_count(n->tree->report, FS_COUNT_INVAL_ALL, 1);
	if (p->all && s->all(s->arg)) {
		/* nothing says what to forget: what is believed ends by itself */
		struct timespec t = {.tv_sec = (time_t)FS_TIMEOUT_SHORT_S};

		nanosleep(&t, NULL);
	}
	for (size_t i = 0; i < p->n_inodes; i++) {
		if (p->all && (is_dropped_with_names(p->inodes[i]) || sent > FS_INVALIDATE_MAX))
			continue;
		s->inode(s->arg, p->inodes[i], fs_ino_kind(p->inodes[i]) == FS_HEAD);
		sent++;
	}
	fs_report_count(n->tree->report, FS_COUNT_INVAL_INODE, sent);
}

static uint64_t show_changes(struct fs_notify *n, uint64_t after)
{
	struct notify_plan p cleanup(notify_plan_deinit) = {0};
	uint64_t upto;

	if (plan_read(n, after, &p, &upto)) {
		/* unreadable changes: forget everything rather than show what is old */
		p.all = true;
		upto = after;
	}
	if (!p.all)
		queue_items(n, &p, upto);
	forget(n, &p);
	pthread_mutex_lock(&n->lock);
	n->attributes = upto;
	pthread_cond_broadcast(&n->attributes_done);
	update_shown(n);
	pthread_mutex_unlock(&n->lock);
	run_waiters(n);
	return upto;
}

static bool stopping(struct fs_notify *n)
{
	bool result;

	pthread_mutex_lock(&n->lock);
	result = n->is_stopping;
	pthread_mutex_unlock(&n->lock);
	return result;
}

static void *read_commits(void *arg)
{
	struct fs_notify *n = arg;
	uint64_t after = n->attributes, seen = 0;

	while (!stopping(n)) {
		after = show_changes(n, after);
		/* the time is for a committer that died between its commit and its word of it */
		seen = wake_wait(n->tree->store->wake, seen, POLL_MS);
	}
	return NULL;
}

static int start_threads(struct fs_notify *n)
{
	int r;

	for (; n->n_workers < WORKERS; n->n_workers++) {
		struct worker_arg *a = malloc(sizeof *a);

		if (!a)
			return -ENOMEM;
		*a = (struct worker_arg){n, n->n_workers};
		r = fs_thread_start(&n->workers[n->n_workers], "notify-names", work, a);
		if (r) {
			free(a);
			return r;
		}
	}
	r = fs_thread_start(&n->reader, "notify", read_commits, n);
	n->has_reader = !r;
	return r;
}

int fs_notify_start(const struct fs_tree *tree, const struct fs_sink *sink, struct fs_notify **ret)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct fs_notify *n = calloc(1, sizeof *n);
	pthread_condattr_t monotonic;
	int r = n ? refs_begin(tree->store, KV_READ, &x) : -ENOMEM;

	if (r) {
		free(n);
		return r;
	}
	n->tree = tree;
	n->sink = sink;
	n->can_forget_all = !sink->all(sink->arg);
	n->last = &n->first;
	n->attributes = n->shown = x->commit;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->work, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&n->attributes_done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	wake_mount_ack(tree->store->wake, n->shown);
	wake_mount_set(tree->store->wake, true);
	r = start_threads(n);
	if (r)
		fs_notify_stop(n);
	else
		*ret = n;
	return r;
}

static void join_or_leave(pthread_t thread, bool *all)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	if (pthread_timedjoin_np(thread, NULL, &until))
		*all = false;
}

void fs_notify_stop(struct fs_notify *n)
{
	bool all = true;

	if (!n)
		return;
	wake_mount_set(n->tree->store->wake, false);
	pthread_mutex_lock(&n->lock);
	n->is_stopping = true;
	pthread_cond_broadcast(&n->work);
	pthread_mutex_unlock(&n->lock);
	wake_kick(n->tree->store->wake);
	if (n->has_reader)
		pthread_join(n->reader, NULL);
	run_waiters(n);
	for (size_t i = 0; i < n->n_workers; i++)
		join_or_leave(n->workers[i], &all);
	if (!all)
		return; /* one is stuck in the kernel: the process ends anyway, and it with it */
	notify_plan_deinit(&(struct notify_plan){.items = n->first});
	pthread_cond_destroy(&n->work);
	pthread_cond_destroy(&n->attributes_done);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

double fs_notify_timeout_s(const struct fs_notify *n)
{
	return n->can_forget_all ? FS_TIMEOUT_S : FS_TIMEOUT_SHORT_S;
}

void fs_notify_wait(struct fs_notify *n, uint64_t commit)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&n->lock);
	while (n->attributes < commit && !n->is_stopping)
		if (pthread_cond_timedwait(&n->attributes_done, &n->lock, &until))
			break;
	pthread_mutex_unlock(&n->lock);
}

void fs_notify_then(struct fs_notify *n, struct fs_notify_waiter *w)
{
	pthread_mutex_lock(&n->lock);
	w->next = n->waiters;
	n->waiters = w;
	pthread_mutex_unlock(&n->lock);
	run_waiters(n);
}

uint64_t fs_notify_shown(struct fs_notify *n)
{
	uint64_t shown;

	pthread_mutex_lock(&n->lock);
	shown = n->shown;
	pthread_mutex_unlock(&n->lock);
	return shown;
}

void fs_notify_enter(struct fs_notify *n, struct fs_flight *f)
{
	f->commit = 0;
	f->deferred = NULL;
	pthread_mutex_lock(&n->lock);
	f->next = n->flights;
	n->flights = f;
	update_shown(n); /* a worker may be blocked by this very operation */
	pthread_mutex_unlock(&n->lock);
}

void fs_notify_commit(struct fs_notify *n, struct fs_flight *f, uint64_t commit)
{
	pthread_mutex_lock(&n->lock);
	f->commit = commit;
	pthread_mutex_unlock(&n->lock);
}

void fs_notify_leave(struct fs_notify *n, struct fs_flight *f)
{
	pthread_mutex_lock(&n->lock);
	for (struct fs_flight **p = &n->flights; *p; p = &(*p)->next)
		if (*p == f) {
			*p = f->next;
			break;
		}
	while (f->deferred) {
		struct fs_item *item = f->deferred;

		f->deferred = item->next;
		push(n, item);
	}
	pthread_mutex_unlock(&n->lock);
}
