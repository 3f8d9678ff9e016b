#include "fs/notify.h"
#include "tests/support/fixture.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LOG_MAX 4096

/** A kernel that notes what it is told, and whose directory locks a test can hold. */
struct kernel {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t inodes[LOG_MAX];
	struct {
		uint64_t dir;
		char name[64];
	} entries[LOG_MAX];
	size_t n_inodes, n_entries;
	int n_all;
	bool can_forget_all;
	uint64_t locked_dir, blocked_in; /* a worker waits for locked_dir */
};

struct world {
	struct fixture *f;
	struct fs_tree t;
	struct fs_sink sink;
	struct kernel k;
	struct fs_notify *n;
	uint64_t table, main;
};

static int told_inode(void *arg, uint64_t ino, bool contents)
{
	struct kernel *k = arg;

	assert_int_equal(contents, fs_ino_kind(ino) == FS_HEAD);
	pthread_mutex_lock(&k->lock);
	k->inodes[k->n_inodes++ % LOG_MAX] = ino;
	pthread_mutex_unlock(&k->lock);
	return 0;
}

static int told_entry(void *arg, uint64_t dir, const char *name)
{
	struct kernel *k = arg;

	pthread_mutex_lock(&k->lock);
	while (k->locked_dir == dir) {
		k->blocked_in = dir;
		pthread_cond_broadcast(&k->changed);
		pthread_cond_wait(&k->changed, &k->lock);
	}
	k->blocked_in = 0;
	k->entries[k->n_entries % LOG_MAX].dir = dir;
	snprintf(k->entries[k->n_entries++ % LOG_MAX].name, 64, "%s", name);
	pthread_mutex_unlock(&k->lock);
	return 0;
}

static int told_all(void *arg)
{
	struct kernel *k = arg;

	pthread_mutex_lock(&k->lock);
	k->n_all++;
	pthread_mutex_unlock(&k->lock);
	return k->can_forget_all ? 0 : -EINVAL;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	void *f = NULL;

	if (!w || fixture_setup(&f) || fs_report_new(clock_system(), &w->t.report))
		return -1;
	w->f = f;
	w->t.store = w->f->store;
	w->table = fixture_table(w->f, "sales", "orders");
	w->main = fixture_main(w->f, w->table);
	fixture_append(w->f, w->table, w->main, 2);
	pthread_mutex_init(&w->k.lock, NULL);
	pthread_cond_init(&w->k.changed, NULL);
	w->k.can_forget_all = true;
	w->sink = (struct fs_sink){told_inode, told_entry, told_all, &w->k};
	*state = w;
	return fs_notify_start(&w->t, &w->sink, &w->n);
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *f = w->f;

	fs_notify_stop(w->n);
	fs_report_free(w->t.report);
	free(w);
	return fixture_teardown(&f);
}

static bool knows_inode(struct kernel *k, uint64_t ino)
{
	bool found = false;

	pthread_mutex_lock(&k->lock);
	for (size_t i = 0; i < k->n_inodes && i < LOG_MAX; i++)
		found |= k->inodes[i] == ino;
	pthread_mutex_unlock(&k->lock);
	return found;
}

static bool knows_entry(struct kernel *k, uint64_t dir, const char *name)
{
	bool found = false;

	pthread_mutex_lock(&k->lock);
	for (size_t i = 0; i < k->n_entries && i < LOG_MAX; i++)
		found |= k->entries[i].dir == dir && !strcmp(k->entries[i].name, name);
	pthread_mutex_unlock(&k->lock);
	return found;
}

static bool soon(bool (*check)(struct kernel *, uint64_t, const char *), struct kernel *k,
	uint64_t dir, const char *name)
{
	for (int i = 0; i < 3000; i++) {
		if (check(k, dir, name))
			return true;
		usleep(1000);
	}
	return false;
}

static bool is_blocked(struct kernel *k, uint64_t dir, const char *name)
{
	bool result;

	(void)name;
	pthread_mutex_lock(&k->lock);
	result = k->blocked_in == dir;
	pthread_mutex_unlock(&k->lock);
	return result;
}

static void set_locked(struct kernel *k, uint64_t dir)
{
	pthread_mutex_lock(&k->lock);
	k->locked_dir = dir;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
}

/** Drops a ref and announces it, as another process would. Return: the commit. */
static uint64_t drop_ref(struct world *w, uint64_t ref, struct fs_flight *own)
{
	struct refs_txn *x auto_refs_txn = NULL;
	uint64_t commit;

	assert_int_equal(refs_begin(w->f->store, KV_WRITE, &x), 0);
	if (own)
		fs_notify_commit(w->n, own, x->commit);
	assert_int_equal(refs_ref_drop(x, ref, NULL), 0);
	assert_int_equal(refs_commit(&x, &commit), 0);
	return commit;
}

static void a_commit_reaches_the_kernel(void **state)
{
	struct world *w = *state;
	uint64_t snapshot = fixture_append(w->f, w->table, w->main, 1), commit;
	struct refs_txn *x = NULL;

	assert_int_equal(refs_begin(w->f->store, KV_READ, &x), 0);
	commit = x->commit;
	refs_abort(x);
	fs_notify_wait(w->n, commit);
	assert_true(knows_inode(&w->k, fs_ino(FS_DATA, w->main)));
	assert_true(knows_inode(&w->k, fs_ino(FS_HEAD, w->main)));
	assert_true(knows_inode(&w->k, fs_ino(FS_TABLE, w->table)));
	assert_true(knows_inode(&w->k, fs_ino(FS_SS, w->table)));
	assert_true(knows_inode(&w->k, fs_ino(FS_B, w->table)));
	assert_true(knows_inode(&w->k, fs_ino(FS_SG, w->table)));
	assert_true(knows_inode(&w->k, fs_ino(FS_SNAPSHOT, snapshot)));
	assert_int_equal(w->k.n_all, 1); /* the probe */
}

static void gone_names_are_forgotten(void **state)
{
	struct world *w = *state;
	uint64_t dev = fixture_branch(w->f, w->table, 0, "dev");

	drop_ref(w, dev, NULL);
	assert_true(soon(knows_entry, &w->k, fs_ino(FS_REFS, w->table), "dev"));
	assert_true(knows_inode(&w->k, fs_ino(FS_REFS, w->table)));
}

/* The kernel itself takes away what its own rmdir dropped; doing it again later could hit a new
 * directory of that name, and whoever works in it. */
static void own_names_are_left_alone(void **state)
{
	struct world *w = *state;
	uint64_t dev = fixture_branch(w->f, w->table, 0, "dev"), refs = fs_ino(FS_REFS, w->table),
		 commit;
	uint64_t other = fixture_branch(w->f, w->table, 0, "other");
	struct fs_flight f = {.at = {{refs, "dev"}}};

	fs_notify_enter(w->n, &f);
	commit = drop_ref(w, dev, &f);
	fs_notify_wait(w->n, commit);
	fs_notify_leave(w->n, &f);
	drop_ref(w, other, NULL);
	assert_true(soon(knows_entry, &w->k, refs, "other"));
	assert_false(knows_entry(&w->k, refs, "dev"));
}

/* Another mount waits for us while our own operation waits for it: names in its directory wait. */
static void a_directory_in_flight_is_not_waited_for(void **state)
{
	struct world *w = *state;
	uint64_t dev = fixture_branch(w->f, w->table, 0, "dev"), refs = fs_ino(FS_REFS, w->table),
		 commit;
	struct fs_flight f = {.at = {{refs, "mine"}}};

	set_locked(&w->k, refs);
	fs_notify_enter(w->n, &f);
	commit = drop_ref(w, dev, NULL);
	fs_notify_wait(w->n, commit);
	usleep(20000);
	assert_false(knows_entry(&w->k, refs, "dev"));
	assert_false(is_blocked(&w->k, refs, NULL));
	assert_true(fs_notify_shown(w->n) >= commit);
	set_locked(&w->k, 0);
	fs_notify_leave(w->n, &f);
	assert_true(soon(knows_entry, &w->k, refs, "dev"));
}

struct then {
	struct fs_notify_waiter waiter; /* first */
	_Atomic int runs;
};

static void then_runs(struct fs_notify_waiter *w)
{
	((struct then *)w)->runs++;
}

static bool has_run(struct then *t)
{
	for (int i = 0; i < 3000 && !t->runs; i++)
		usleep(1000);
	return t->runs == 1;
}

/* A writer's close goes on only when nobody believes what it replaced, wherever that name waits. */
static void a_close_waits_for_names_in_flight_too(void **state)
{
	struct world *w = *state;
	uint64_t dev = fixture_branch(w->f, w->table, 0, "dev"), refs = fs_ino(FS_REFS, w->table);
	struct fs_flight f = {.at = {{refs, "mine"}}};
	struct then early = {.waiter.run = then_runs}, late = early, never = early;

	set_locked(&w->k, refs);
	fs_notify_enter(w->n, &f);
	late.waiter.commit = drop_ref(w, dev, NULL);
	fs_notify_wait(w->n, late.waiter.commit);
	early.waiter.commit = 1;
	never.waiter.commit = late.waiter.commit + 100;
	fs_notify_then(w->n, &early.waiter);
	fs_notify_then(w->n, &never.waiter);
	fs_notify_then(w->n, &late.waiter);
	assert_true(has_run(&early));
	usleep(20000);
	assert_int_equal(late.runs, 0);
	fs_notify_leave(w->n, &f);
	assert_true(soon(is_blocked, &w->k, refs, NULL));
	assert_int_equal(late.runs, 0);
	set_locked(&w->k, 0);
	assert_true(has_run(&late));
	assert_int_equal(never.runs, 0);
	fs_notify_stop(w->n); /* nobody is left waiting */
	w->n = NULL;
	assert_int_equal(never.runs, 1);
}

/* The same, but our operation begins when the name is already being forgotten. */
static void an_operation_may_begin_too_late(void **state)
{
	struct world *w = *state;
	uint64_t dev = fixture_branch(w->f, w->table, 0, "dev"), refs = fs_ino(FS_REFS, w->table),
		 commit;
	struct fs_flight f = {.at = {{refs, "mine"}}};

	set_locked(&w->k, refs);
	commit = drop_ref(w, dev, NULL);
	assert_true(soon(is_blocked, &w->k, refs, NULL));
	fs_notify_wait(w->n, commit);
	assert_true(fs_notify_shown(w->n) < commit);
	fs_notify_enter(w->n, &f);
	assert_true(fs_notify_shown(w->n) >= commit);
	set_locked(&w->k, 0);
	fs_notify_leave(w->n, &f);
	assert_true(soon(knows_entry, &w->k, refs, "dev"));
}

/* One directory's lock is held for long: names elsewhere are forgotten all the same. */
static void a_blocked_worker_does_not_stop_the_other(void **state)
{
	struct world *w = *state;
	uint64_t dev = fixture_branch(w->f, w->table, 0, "dev"), refs = fs_ino(FS_REFS, w->table);
	uint64_t table2 = fixture_table(w->f, "sales", "items");
	uint64_t dev2 = fixture_branch(w->f, table2, 0, "dev2");

	set_locked(&w->k, refs);
	drop_ref(w, dev, NULL);
	assert_true(soon(is_blocked, &w->k, refs, NULL));
	drop_ref(w, dev2, NULL);
	assert_true(soon(knows_entry, &w->k, fs_ino(FS_REFS, table2), "dev2"));
	assert_false(knows_entry(&w->k, refs, "dev"));
	set_locked(&w->k, 0);
	assert_true(soon(knows_entry, &w->k, refs, "dev"));
}

static void add_branches(struct world *w, unsigned n)
{
	struct refs_txn *x auto_refs_txn = NULL;
	char name[32];

	assert_int_equal(refs_begin(w->f->store, KV_WRITE, &x), 0);
	for (unsigned i = 0; i < n; i++) {
		struct refs_create c = {.table = w->table, .name = name, .kind = REC_REF_BRANCH};
		uint64_t id;

		snprintf(name, sizeof name, "b%u", i);
		assert_int_equal(refs_ref_create(x, &c, &id, NULL), 0);
	}
	assert_int_equal(refs_commit(&x, NULL), 0);
}

static int drop_one(void *arg, uint64_t id, const char *name)
{
	uint64_t *ids = arg;

	(void)name;
	ids[++ids[0]] = id;
	return 0;
}

static uint64_t drop_all_refs(struct world *w)
{
	struct refs_txn *x auto_refs_txn = NULL;
	uint64_t ids[1000] = {0}, commit;

	assert_int_equal(refs_begin(w->f->store, KV_WRITE, &x), 0);
	assert_int_equal(refs_dir_list(x, w->table, 0, drop_one, ids), 0);
	for (uint64_t i = 1; i <= ids[0]; i++)
		assert_int_equal(refs_ref_drop(x, ids[i], NULL), 0);
	assert_int_equal(refs_commit(&x, &commit), 0);
	return commit;
}

static void many_changes_forget_everything(void **state)
{
	struct world *w = *state;
	size_t before;
	uint64_t commit;

	add_branches(w, 300);
	commit = drop_all_refs(w);
	fs_notify_wait(w->n, commit);
	assert_int_equal(w->k.n_all, 2);
	before = w->k.n_entries;
	assert_true(knows_inode(&w->k, fs_ino(FS_REFS, w->table)));
	usleep(20000);
	assert_int_equal(before, 0);
	assert_int_equal(w->k.n_entries, 0);
}

/* Without the kernel's help each name is forgotten, and timeouts are short. */
static void an_old_kernel_is_told_each_name(void **state)
{
	struct world *w = *state;
	uint64_t refs = fs_ino(FS_REFS, w->table);

	fs_notify_stop(w->n);
	w->k.can_forget_all = false;
	assert_int_equal(fs_notify_start(&w->t, &w->sink, &w->n), 0);
	assert_true(fs_notify_timeout_s(w->n) <= 1.0);
	add_branches(w, 300);
	drop_all_refs(w);
	assert_true(soon(knows_entry, &w->k, refs, "b0"));
	assert_true(soon(knows_entry, &w->k, refs, "b299"));
}

struct committer {
	struct world *w;
	int index;
};

static void *make_and_drop(void *arg)
{
	struct committer *c = arg;
	struct world *w = c->w;
	char name[32];

	for (int i = 0; i < 30; i++) {
		struct fs_flight f = {.at = {{fs_ino(FS_REFS, w->table), name}}};
		uint64_t ref;

		snprintf(name, sizeof name, "t%d-%d", c->index, i);
		ref = fixture_branch(w->f, w->table, 0, name);
		fs_notify_enter(w->n, &f);
		fs_notify_wait(w->n, drop_ref(w, ref, i % 2 ? &f : NULL));
		fs_notify_leave(w->n, &f);
	}
	return NULL;
}

static void threads_agree(void **state)
{
	struct world *w = *state;
	struct committer c[3];
	pthread_t t[3];

	for (int i = 0; i < 3; i++) {
		c[i] = (struct committer){w, i};
		assert_int_equal(pthread_create(&t[i], NULL, make_and_drop, &c[i]), 0);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 3; i++) {
		char name[32];

		snprintf(name, sizeof name, "t%d-28", i);
		assert_true(soon(knows_entry, &w->k, fs_ino(FS_REFS, w->table), name));
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_commit_reaches_the_kernel),
		T(gone_names_are_forgotten),
		T(own_names_are_left_alone),
		T(a_directory_in_flight_is_not_waited_for),
		T(an_operation_may_begin_too_late),
		T(a_close_waits_for_names_in_flight_too),
		T(a_blocked_worker_does_not_stop_the_other),
		T(many_changes_forget_everything),
		T(an_old_kernel_is_told_each_name),
		T(threads_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
