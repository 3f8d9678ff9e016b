#include "fs/folder.h"
#include "fs/thread.h"
#include "objstore/base/log.h"
#include "refs/fold.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define TICK_S 1
#define REFS_PER_READ 1000
#define SPARED_US (60 * 1000000) /* so long a run of removals may put a fold off */

struct due {
	uint64_t ref, since_us; /* of the monotonic clock */
};

struct fs_folder {
	struct refs_store *store;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	atomic_bool is_stopping; /* set under lock */
	/* of the thread */
	uint64_t seen; /* changes up to this commit were looked at */
	bool has_seen, has_failed;
	struct due *due; /* refs to be folded; owned */
	size_t n_due;
};

static int add_due(struct fs_folder *f, uint64_t ref)
{
	const struct clock *clock = f->store->clock;
	struct due *grown;

	for (size_t i = 0; i < f->n_due; i++)
		if (f->due[i].ref == ref)
			return 0;
	grown = reallocarray(f->due, f->n_due + 1, sizeof *grown);
	if (!grown)
		return -ENOMEM;
	f->due = grown;
	f->due[f->n_due++] = (struct due){ref, clock->mono_us(clock)};
	return 0;
}

static int look_at(struct fs_folder *f, struct refs_txn *x, uint64_t ref)
{
	int r = refs_fold_due(x, ref);

	/* fsck says what is damaged: it keeps no other ref from being folded */
	return r > 0 ? add_due(f, ref) : r == -EUCLEAN ? 0 : r;
}

/** One reading of a part of all refs. */
struct page {
	uint64_t last;
	size_t n;
	uint64_t refs[REFS_PER_READ];
};

static int add_to_page(void *arg, struct slice key, struct slice value)
{
	struct page *p = arg;

	(void)value;
	p->last = key_read_u64(key, 1);
	p->refs[p->n++] = p->last;
	return p->n == REFS_PER_READ;
}

static int look_at_page(struct fs_folder *f, struct page *p)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct key lo = key_u64(KEY_REF, p->last + 1), end = key_make(KEY_REF);
	struct key hi = key_next(&end);
	int r = refs_begin(f->store, KV_READ, &x);

	p->n = 0;
	if (!r)
		r = kv_scan(x->kv, KV_HOT, key_slice(&lo), key_slice(&hi), add_to_page, p);
	for (size_t i = 0; i < p->n && r >= 0; i++)
		r = look_at(f, x, p->refs[i]);
	return r < 0 ? r : 0;
}

static int look_at_all(struct fs_folder *f)
{
	struct page p = {.n = REFS_PER_READ};
	int r = 0;

	while (!r && p.n == REFS_PER_READ && !f->is_stopping)
		r = look_at_page(f, &p);
	return r;
}

/* What commits changed since; *@ret_all: they may have changed any ref. */
static int look_at_changes(struct fs_folder *f, bool *ret_all)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct change_list l cleanup(change_list_deinit) = {0};
	int r = refs_begin(f->store, KV_READ, &x);

	if (!r && !f->has_seen)
		f->seen = x->commit;
	*ret_all = !f->has_seen;
	f->has_seen |= !r;
	if (!r)
		r = change_read(x->kv, f->seen, &l, &f->seen);
	for (size_t i = 0; i < l.n && !r; i++) {
		if (l.items[i].kind == CHANGE_ALL)
			*ret_all = true;
		else if (l.items[i].kind == CHANGE_REF)
			r = look_at(f, x, l.items[i].id);
	}
	return r;
}

static int look(struct fs_folder *f)
{
	bool all;
	int r;

	if (f->has_seen && wake_commit(f->store->wake) <= f->seen)
		return 0;
	r = look_at_changes(f, &all);
	if (!r && all)
		r = look_at_all(f);
	if (r)
		f->has_seen = false; /* from the start */
	return r;
}

/* Return: -EAGAIN and -ECANCELED: it is still due. */
static int fold(struct fs_folder *f, const struct due *d, struct bough_error *error)
{
	const struct clock *clock = f->store->clock;
	const struct refs_fold_options options = {.stop = &f->is_stopping,
		.spares_runs = clock->mono_us(clock) - d->since_us < SPARED_US};
	struct refs_folded done;
	int r = refs_fold_run(f->store, d->ref, &options, &done, error);

	if (done.commits)
		log_info("folded %llu segments of ref %012llx into %llu",
			(unsigned long long)done.gone, (unsigned long long)d->ref,
			(unsigned long long)done.made);
	return r == -ENOENT || r == -ESTALE || r == -EROFS ? 0 : r;
}

/* A ref whose fold fails otherwise is left until it changes again. */
static int fold_all(struct fs_folder *f, struct bough_error *error)
{
	size_t kept = 0;
	int r = 0, failed = 0;

	for (size_t i = 0; i < f->n_due; i++) {
		r = f->is_stopping ? -ECANCELED : fold(f, &f->due[i], error);
		if (r == -EAGAIN || r == -ECANCELED)
			f->due[kept++] = f->due[i];
		else if (r)
			failed = r;
	}
	f->n_due = kept;
	return failed;
}

static void pass(struct fs_folder *f)
{
	struct bough_error error = {0};
	int r = look(f);

	if (!r)
		r = fold_all(f, &error);
	if (r && !f->has_failed)
		log_warning(
			"cannot fold segments: %s", *error.message ? error.message : strerror(-r));
	f->has_failed = r;
}

/** Return: go on? */
static bool wait_tick(struct fs_folder *f)
{
	struct timespec until;
	bool go_on;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += TICK_S;
	pthread_mutex_lock(&f->lock);
	while (!f->is_stopping)
		if (pthread_cond_timedwait(&f->stop, &f->lock, &until) == ETIMEDOUT)
			break;
	go_on = !f->is_stopping;
	pthread_mutex_unlock(&f->lock);
	return go_on;
}

static void *run(void *arg)
{
	struct fs_folder *f = arg;

	do
		pass(f);
	while (wait_tick(f));
	return NULL;
}

int fs_folder_start(struct refs_store *store, struct fs_folder **ret)
{
	struct fs_folder *f = calloc(1, sizeof *f);
	pthread_condattr_t monotonic;
	int r;

	if (!f)
		return -ENOMEM;
	f->store = store;
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&f->stop, &monotonic);
	pthread_condattr_destroy(&monotonic);
	r = fs_thread_start(&f->thread, "folder", run, f);
	if (r) {
		free(f);
		return r;
	}
	*ret = f;
	return 0;
}

void fs_folder_stop(struct fs_folder *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->is_stopping = true;
	pthread_cond_signal(&f->stop);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	pthread_cond_destroy(&f->stop);
	pthread_mutex_destroy(&f->lock);
	free(f->due);
	free(f);
}
