/*
 * Folds as commits of their own: beside others who commit, given up, killed, and what they are in
 * the log. What happens between reading a head and changing it is done by the clock, which the
 * reading asks for the time.
 */
#include "gc/fsck.h"
#include "meta/tree.h"
#include "refs/fold.h"
#include "refs/stage.h"
#include "tests/support/fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define SEGMENTS 20
#define BLOCKS (SEGMENTS * 100)
#define SLICE_US 5000 /* more than a slice may take */

/** A table that has SEGMENTS segments of 100 blocks, which fold. */
struct world {
	struct clock clock; /* first */
	struct fixture *f;
	uint64_t table, ref;
	struct refs_folded done;
	struct bough_error error;
	/* the clock's doing */
	void (*act)(struct world *w); /* at each reading that begins */
	bool is_acting;
	unsigned acts;
	uint64_t ahead_us, mono_us;
	unsigned kill_at, stop_at; /* the n-th look at the monotonic clock; 0: never */
	unsigned looks;
	atomic_bool stop;
};

static uint64_t world_now(const struct clock *c)
{
	struct world *w = (struct world *)(uintptr_t)c;

	if (w->act && !w->is_acting && !wake_writer_pid(w->f->store->wake)) {
		w->is_acting = true;
		w->acts++;
		w->act(w);
		w->is_acting = false;
	}
	return clock_system()->now_us(clock_system()) + w->ahead_us;
}

/* Each look makes a slice end. */
static uint64_t world_mono(const struct clock *c)
{
	struct world *w = (struct world *)(uintptr_t)c;

	if (++w->looks == w->kill_at)
		raise(SIGKILL);
	if (w->looks == w->stop_at)
		w->stop = true;
	return w->mono_us += SLICE_US;
}

static void use_clock(struct world *w)
{
	w->clock = (struct clock){world_now, world_mono};
	w->f->store->clock = &w->clock;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	if (!w || fixture_setup((void **)&w->f))
		return -1;
	w->table = fixture_table(w->f, "d", "t");
	w->ref = fixture_main(w->f, w->table);
	for (int i = 0; i < SEGMENTS; i++)
		fixture_append(w->f, w->table, w->ref, 100);
	use_clock(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *f = w->f;
	int r = fixture_teardown(&f);

	free(w);
	return r;
}

static int fold(struct world *w, bool all)
{
	const struct refs_fold_options o = {.all = all, .stop = &w->stop};

	return refs_fold_run(w->f->store, w->ref, &o, &w->done, &w->error);
}

static void say(void *arg, const char *text)
{
	(void)arg;
	print_message("fsck: %s\n", text);
}

/* Return: how much is staged. */
static uint64_t check(struct world *w)
{
	const struct fsck_options options = {.finding = say};
	struct fsck_report report;

	assert_int_equal(fsck_run(w->f->path, &options, &report, &w->error), 0);
	assert_int_equal(report.errors, 0);
	return report.staged;
}

static bool has_marks(struct world *w)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct stage_list l cleanup(stage_list_deinit) = {0};

	assert_int_equal(refs_begin(w->f->store, KV_READ, &x), 0);
	assert_int_equal(refs_stage_list(x, w->table, &l), 0);
	return l.n;
}

static struct rec_snapshot head_of(struct world *w, uint64_t ref)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_snapshot head;
	struct rec_ref rec;

	assert_int_equal(refs_begin(w->f->store, KV_READ, &x), 0);
	assert_int_equal(rec_ref_get(x->kv, ref, &rec), 0);
	assert_int_equal(rec_snapshot_get(x->kv, rec.head, &head), 0);
	return head;
}

static int count_fold(void *arg, uint64_t id, const struct rec_snapshot *s)
{
	(void)id;
	*(unsigned *)arg += !strcmp(s->author, "bough") && s->operation == REC_OP_REPLACE;
	return 0;
}

/* Commits in the log that fold. */
static unsigned folds_of(struct world *w)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_ref rec;
	unsigned n = 0;

	assert_int_equal(refs_begin(w->f->store, KV_READ, &x), 0);
	assert_int_equal(rec_ref_get(x->kv, w->ref, &rec), 0);
	assert_int_equal(refs_log(x, rec.head, count_fold, &n), 0);
	return n;
}

static int take_first(void *arg, const struct tree_entry *e)
{
	*(uint64_t *)arg = e->child;
	return 1;
}

/* A block of the oldest segment. */
static void remove_one(struct world *w)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct refs_edit_op op = {.kind = REFS_EDIT_REMOVE, .ref = w->ref};
	struct refs_edited done[REFS_EDIT_REFS_MAX];
	struct rec_snapshot head = head_of(w, w->ref);
	struct rec_segment_entry e;
	struct rec_segment g;
	uint64_t oldest;

	assert_int_equal(refs_begin(w->f->store, KV_READ, &x), 0);
	assert_int_equal(tree_walk(x->kv, head.root, 0, take_first, &oldest), 1);
	assert_int_equal(rec_segment_get(x->kv, oldest, &g), 0);
	assert_int_equal(rec_segment_entry_at(&g, 0, &e), 0);
	op.block = e.block;
	assert_int_equal(refs_edit_run(w->f->store, &op, 1, NULL, done, &w->error), 0);
}

static void remove_first_time(struct world *w)
{
	if (w->acts == 1)
		remove_one(w);
}

static void append_one(struct world *w)
{
	fixture_append(w->f, w->table, w->ref, 1);
}

static void one_commit_of_its_own(void **state)
{
	struct world *w = *state;
	struct rec_snapshot before = head_of(w, w->ref), head;

	assert_int_equal(fold(w, false), 0);
	head = head_of(w, w->ref);
	assert_int_equal(w->done.commits, 1);
	assert_int_equal(w->done.gone, SEGMENTS);
	assert_int_equal(w->done.made, 2);
	assert_int_equal(head.segments, 2);
	assert_int_equal(head.blocks, before.blocks);
	assert_int_equal(head.rows, before.rows);
	assert_int_equal(head.file_bytes, before.file_bytes);
	assert_int_equal(head.seq, before.seq + 1);
	assert_string_equal(head.author, "bough");
	assert_string_equal(head.message, "fold segments");
	assert_int_equal(check(w), 0);
	assert_int_equal(fold(w, true), 0);
	assert_int_equal(w->done.commits, 0);
}

/* One commit, though @act comes between. Return: the head. */
static struct rec_snapshot fold_beside(struct world *w, void (*act)(struct world *w))
{
	w->act = act;
	assert_int_equal(fold(w, false), 0);
	w->act = NULL;
	assert_int_equal(w->done.commits, 1);
	assert_int_equal(check(w), 0);
	return head_of(w, w->ref);
}

static void appends_do_not_keep_it_from_being_done(void **state)
{
	struct world *w = *state;
	struct rec_snapshot head = fold_beside(w, append_one);

	assert_int_equal(w->acts, 2); /* it was planned once, and once nothing was left */
	assert_int_equal(head.blocks, BLOCKS + 2);
	assert_int_equal(head.segments, 4);
}

static void a_removal_makes_it_plan_again(void **state)
{
	struct world *w = *state;
	struct rec_snapshot head = fold_beside(w, remove_first_time);

	assert_int_equal(w->acts, 3);
	assert_int_equal(head.blocks, BLOCKS - 1);
	assert_true(head.segments < SEGMENTS - 5);
	assert_false(has_marks(w));
}

static void it_gives_up_and_takes_all_back(void **state)
{
	struct world *w = *state;

	w->act = remove_one;
	assert_int_equal(fold(w, true), -EAGAIN);
	w->act = NULL;
	assert_int_equal(w->done.commits, 0);
	assert_int_equal(folds_of(w), 0);
	assert_true(w->acts > 1);
	assert_int_equal(head_of(w, w->ref).blocks, BLOCKS - w->acts);
	assert_false(has_marks(w));
	assert_int_equal(check(w), 0);
	assert_int_equal(fold(w, true), 0);
	assert_int_equal(w->done.commits, 1);
	assert_int_equal(check(w), 0);
}

/* A block less in each of many segments is no reason to write all of them again. */
static void what_is_nearly_full_stays(void **state)
{
	struct world *w = *state;
	uint64_t table = fixture_table(w->f, "d", "u");

	w->ref = fixture_main(w->f, table);
	for (int i = 0; i < SEGMENTS; i++)
		fixture_append(w->f, table, w->ref, 1);
	for (int i = 0; i < 40; i++)
		fixture_append(w->f, table, w->ref, 990);
	assert_int_equal(fold(w, false), 0);
	assert_true(w->done.gone <= 40);
	assert_true(head_of(w, w->ref).segments >= SEGMENTS + 39);
}

static void stopped_it_takes_all_back(void **state)
{
	struct world *w = *state;

	w->stop_at = 5;
	assert_int_equal(fold(w, false), -ECANCELED);
	assert_true(w->looks > w->stop_at); /* it had something to take back */
	assert_false(has_marks(w));
	assert_int_equal(check(w), 0);
	assert_int_equal(head_of(w, w->ref).segments, SEGMENTS);
}

/* The store as a child leaves it that is killed in its @at-th slice. */
static void fold_and_die(struct world *w, unsigned at)
{
	pid_t pid;
	int status;

	refs_store_close(steal(&w->f->store));
	pid = fork();
	if (!pid) {
		fixture_reopen(w->f);
		use_clock(w);
		w->looks = 0;
		w->kill_at = at;
		fold(w, false);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	fixture_reopen(w->f);
	use_clock(w);
}

/* Whatever slice it dies in: what is there is counted, and of the head nothing is to be seen. */
static void killed_it_leaves_a_sound_store(void **state)
{
	static const unsigned looks[] = {2, 4, 9, 41}; /* two to a slice */
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		fold_and_die(w, looks[i]);
		assert_int_equal(check(w) > 0, i > 0);
		assert_int_equal(has_marks(w), i > 0);
		assert_int_equal(head_of(w, w->ref).segments, SEGMENTS);
		assert_int_equal(folds_of(w), 0);
	}
	assert_int_equal(fold(w, false), 0);
	assert_int_equal(w->done.commits, 1);
	check(w);
}

/* More than one commit can hold: all of them are one in the log. */
static void a_run_of_folds_is_one_snapshot(void **state)
{
	struct world *w = *state;
	struct rec_snapshot head;

	for (int i = SEGMENTS; i < 90; i++)
		fixture_append(w->f, w->table, w->ref, 100);
	w->f->store->clock = clock_system();
	assert_int_equal(fold(w, false), 0);
	head = head_of(w, w->ref);
	assert_true(w->done.commits > 1);
	assert_int_equal(head.segments, 9);
	assert_true(folds_of(w) >= 1);
	assert_int_equal(check(w), 0);
}

static void a_run_of_removals_is_spared(void **state)
{
	struct world *w = *state;
	const struct refs_fold_options o = {.spares_runs = true};

	remove_one(w);
	assert_int_equal(refs_fold_run(w->f->store, w->ref, &o, &w->done, &w->error), -EAGAIN);
	assert_int_equal(folds_of(w), 0);
	w->ahead_us = 10000000;
	assert_int_equal(refs_fold_run(w->f->store, w->ref, &o, &w->done, &w->error), 0);
	assert_int_equal(folds_of(w), 1);
	assert_int_equal(check(w), 0);
}

/* Two segments that fold are not worth a commit that everybody sees. */
static void little_is_left_alone(void **state)
{
	struct world *w = *state;
	uint64_t table = fixture_table(w->f, "d", "u");

	w->ref = fixture_main(w->f, table);
	fixture_append(w->f, table, w->ref, 1);
	fixture_append(w->f, table, w->ref, 500);
	assert_int_equal(fold(w, false), 0);
	assert_int_equal(w->done.commits, 0);
	assert_int_equal(fold(w, true), 0);
	assert_int_equal(w->done.commits, 1);
	assert_int_equal(head_of(w, w->ref).segments, 1);
	assert_int_equal(check(w), 0);
}

static int due(struct world *w, uint64_t ref)
{
	struct refs_txn *x auto_refs_txn = NULL;

	assert_int_equal(refs_begin(w->f->store, KV_READ, &x), 0);
	return refs_fold_due(x, ref);
}

static uint64_t make_tag(struct world *w)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct refs_create c = {
		.table = w->table, .name = "v1", .kind = REC_REF_TAG, .source_ref = w->ref};
	uint64_t id;

	assert_int_equal(refs_begin(w->f->store, KV_WRITE, &x), 0);
	assert_int_equal(refs_ref_create(x, &c, &id, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	return id;
}

/* A branch that nobody wrote to keeps the head it was made at. */
static void only_what_a_ref_committed_is_due(void **state)
{
	struct world *w = *state;
	uint64_t dev = fixture_branch(w->f, w->table, 0, "dev"), tag = make_tag(w);
	uint64_t empty = fixture_main(w->f, fixture_table(w->f, "d", "u"));

	assert_int_equal(due(w, w->ref), 1);
	assert_int_equal(due(w, dev), 0);
	assert_int_equal(due(w, tag), 0);
	assert_int_equal(due(w, empty), 0);
	assert_int_equal(due(w, 999999), 0);
	fixture_append(w->f, w->table, dev, 1);
	assert_int_equal(due(w, dev), 1);
	assert_int_equal(fold(w, false), 0);
	assert_int_equal(due(w, w->ref), 0);
	assert_int_equal(refs_fold_run(w->f->store, tag, NULL, &w->done, &w->error), -EROFS);
	assert_int_equal(refs_fold_run(w->f->store, dev, NULL, &w->done, &w->error), 0);
	assert_int_equal(head_of(w, dev).segments, 3);
	assert_int_equal(check(w), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(one_commit_of_its_own),
		T(appends_do_not_keep_it_from_being_done),
		T(a_removal_makes_it_plan_again),
		T(it_gives_up_and_takes_all_back),
		T(what_is_nearly_full_stays),
		T(stopped_it_takes_all_back),
		T(killed_it_leaves_a_sound_store),
		T(a_run_of_folds_is_one_snapshot),
		T(a_run_of_removals_is_spared),
		T(little_is_left_alone),
		T(only_what_a_ref_committed_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
