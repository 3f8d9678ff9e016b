#include "fs/pool.h"
#include "refs/table.h"
#include "tests/support/fixture.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TASKS 200

struct world {
	struct fixture *f;
	struct fs_report *report;
	struct fs_committer *c;
	struct fs_pool *p;
	_Atomic int done, preparing, most, expected, asked;
};

struct task {
	struct fs_task task;
	struct world *w;
	char name[32];
	int prepared, applied, called;
	int prepare_says, apply_says, again;
	pthread_t thread;
	bool was_shared;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct fs_committer_conf conf = {0};
	struct fs_pool_conf pool = {.threads = 3};
	void *f = NULL;

	if (!w || fixture_setup(&f) || fs_report_new(clock_system(), &w->report))
		return -1;
	w->f = f;
	conf.store = w->f->store;
	conf.report = w->report;
	*state = w;
	if (fs_committer_start(&conf, &w->c))
		return -1;
	pool.committer = w->c;
	return fs_pool_start(&pool, &w->p);
}

static void stop(struct world *w)
{
	fs_pool_stop(w->p);
	w->p = NULL;
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *f = w->f;

	stop(w);
	fs_committer_stop(w->c);
	fs_report_free(w->report);
	free(w);
	return fixture_teardown(&f);
}

static int prepare(struct fs_task *t, struct reader *reader, struct bough_error *error)
{
	struct task *k = (struct task *)t;
	int now = ++k->w->preparing;

	(void)reader;
	if (now > k->w->most)
		k->w->most = now;
	if (k->prepare_says < 0)
		error_set(error, k->prepare_says, "prepare refused");
	k->prepared++;
	usleep(100);
	k->w->preparing--;
	return k->prepare_says;
}

static int apply(struct refs_txn *x, struct fs_task *t, struct bough_error *error)
{
	struct task *k = (struct task *)t;
	uint64_t id;

	k->applied++;
	if (k->again-- > 0)
		return -EAGAIN;
	return k->apply_says ? error_set(error, k->apply_says, "apply refused")
			     : refs_db_create(x, k->name, &id, error);
}

static void done(struct fs_task *t)
{
	struct task *k = (struct task *)t;

	assert_int_equal(k->called++, 0);
	k->w->done++;
}

static struct task *submit(struct world *w, struct task *k, const char *name)
{
	k->w = w;
	snprintf(k->name, sizeof k->name, "%s", name);
	k->task.apply = apply;
	k->task.done = done;
	fs_pool_submit(w->p, &k->task);
	return k;
}

static void each_outcome_is_told_once(void **state)
{
	struct world *w = *state;
	struct task plain = {0}, slow = {.task.prepare = prepare}, nothing = slow, refused = slow,
		    late = slow, again = slow, never = slow;

	nothing.prepare_says = 1;
	refused.prepare_says = -EINVAL;
	late.apply_says = -EROFS;
	again.again = 3;
	never.again = 1 << 20;
	submit(w, &plain, "plain");
	submit(w, &slow, "slow");
	submit(w, &nothing, "nothing");
	submit(w, &refused, "refused");
	submit(w, &late, "late");
	submit(w, &again, "again");
	submit(w, &never, "never");
	stop(w);
	assert_int_equal(w->done, 7);
	assert_int_equal(plain.task.result, 0);
	assert_int_equal(plain.prepared, 0);
	assert_int_equal(slow.task.result, 0);
	assert_int_equal(slow.prepared, 1);
	assert_int_equal(nothing.task.result, 0);
	assert_int_equal(nothing.applied, 0);
	assert_int_equal(refused.task.result, -EINVAL);
	assert_int_equal(refused.applied, 0);
	assert_string_equal(refused.task.error.message, "prepare refused");
	assert_int_equal(late.task.result, -EROFS);
	assert_string_equal(late.task.error.message, "apply refused");
	assert_int_equal(again.task.result, 0);
	assert_int_equal(again.prepared, 4);
	assert_int_equal(never.task.result, -EBUSY);
	assert_non_null(strstr(never.task.error.message, "faster"));
}

static void many_are_prepared_at_once_and_all_are_done(void **state)
{
	static struct task tasks[TASKS];
	struct world *w = *state;

	for (int i = 0; i < TASKS; i++) {
		char name[32];

		snprintf(name, sizeof name, "db%d", i);
		tasks[i] = (struct task){.task.prepare = prepare, .again = i % 3};
		submit(w, &tasks[i], name);
	}
	stop(w);
	assert_int_equal(w->done, TASKS);
	for (int i = 0; i < TASKS; i++)
		assert_int_equal(tasks[i].task.result, 0);
	assert_true(w->most > 1 && w->most <= 3);
	/* group commit: many in one */
	assert_true(fs_report_counted(w->report, FS_COUNT_BATCHES) < TASKS);
}

static int note_thread(struct fs_task *t, struct reader *reader, struct bough_error *error)
{
	struct task *k = (struct task *)t;

	(void)reader;
	(void)error;
	k->thread = pthread_self();
	return 0;
}

/* One after the other: their helper need not start in each thread. */
static void who_had_the_last_has_the_next(void **state)
{
	struct world *w = *state;
	pthread_t last = 0;
	int in_a_row = 0;

	for (int i = 0; i < TASKS && in_a_row < 20; i++) {
		struct task one = {.task.prepare = note_thread, .apply_says = -EINVAL};

		submit(w, &one, "one");
		while (w->done <= i)
			usleep(1000);
		usleep(1000); /* so that it waits again, mostly */
		in_a_row = pthread_equal(one.thread, last) ? in_a_row + 1 : 0;
		last = one.thread;
	}
	assert_int_equal(in_a_row, 20);
}

static int note_shared(struct fs_task *t, struct reader *reader, struct bough_error *error)
{
	struct task *k = (struct task *)t;

	(void)reader;
	(void)error;
	k->w->preparing++;
	while (k->w->preparing < k->w->expected)
		usleep(1000);
	k->was_shared = fs_pool_is_shared(k->w->p);
	k->w->asked++;
	while (k->w->asked < k->w->expected)
		usleep(1000);
	return 1;
}

static void a_task_knows_whether_it_is_alone(void **state)
{
	struct world *w = *state;
	struct task alone = {.task.prepare = note_shared}, one = alone, other = alone;

	w->expected = 1;
	submit(w, &alone, "alone");
	while (!w->done)
		usleep(1000);
	w->preparing = w->asked = 0;
	w->expected = 2;
	submit(w, &one, "one");
	submit(w, &other, "other");
	stop(w);
	assert_false(alone.was_shared);
	assert_true(one.was_shared && other.was_shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_outcome_is_told_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			many_are_prepared_at_once_and_all_are_done, setup, teardown),
		cmocka_unit_test_setup_teardown(who_had_the_last_has_the_next, setup, teardown),
		cmocka_unit_test_setup_teardown(a_task_knows_whether_it_is_alone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
