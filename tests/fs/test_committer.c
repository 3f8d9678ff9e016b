#include "fs/committer.h"
#include "tests/support/fixture.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define SUBMITTERS 6
#define JOBS_EACH 40

struct world {
	struct fixture *f;
	struct fs_report *report;
	struct fs_committer *c;
	_Atomic uint64_t shown;
	_Atomic int done;
};

struct job {
	struct fs_job job;
	struct world *w;
	char name[32];
	int fail_with, calls;
	uint64_t commit;
};

static void show(void *arg, uint64_t commit)
{
	struct world *w = arg;

	assert_true(commit > w->shown);
	w->shown = commit;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct fs_committer_conf conf = {.show = show, .arg = w};
	void *f = NULL;

	if (!w || fixture_setup(&f) || fs_report_new(clock_system(), &w->report))
		return -1;
	w->f = f;
	conf.store = w->f->store;
	conf.report = w->report;
	*state = w;
	return fs_committer_start(&conf, &w->c);
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *f = w->f;

	fs_committer_stop(w->c);
	fs_report_free(w->report);
	free(w);
	return fixture_teardown(&f);
}

/* A refused body has written before it fails: nothing of that may stay. */
static int body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct job *j = arg;
	uint64_t id;
	int r = refs_db_create(x, j->name, &id, error);

	j->commit = x->commit;
	return r ? r : j->fail_with ? error_set(error, j->fail_with, "on purpose") : 0;
}

static void done(struct fs_job *job)
{
	struct job *j = job->arg;

	assert_int_equal(j->calls++, 0);
	if (!job->result)
		assert_true(j->w->shown >= j->commit);
	j->w->done++;
}

static void submit(struct world *w, struct job *j, const char *name, int fail_with)
{
	*j = (struct job){.w = w, .fail_with = fail_with};
	snprintf(j->name, sizeof j->name, "%s", name);
	j->job = (struct fs_job){.body = body, .arg = j, .done = done};
	fs_committer_submit(w->c, &j->job);
}

static void wait_for(struct world *w, int n)
{
	for (int i = 0; i < 10000 && w->done < n; i++)
		usleep(1000);
	assert_int_equal(w->done, n);
}

static bool exists(struct world *w, const char *name)
{
	struct refs_txn *x auto_refs_txn = NULL;
	uint64_t id;

	assert_int_equal(refs_begin(w->f->store, KV_READ, &x), 0);
	return !rec_dir_lookup(x->kv, REC_DIR_ROOT, name, &id);
}

static void one_refusal_undoes_only_itself(void **state)
{
	struct world *w = *state;
	struct job j[4];

	submit(w, &j[0], "a", 0);
	submit(w, &j[1], "b", -EPERM);
	submit(w, &j[2], "a", 0);
	submit(w, &j[3], "c", 0);
	wait_for(w, 4);
	assert_int_equal(j[0].job.result, 0);
	assert_int_equal(j[1].job.result, -EPERM);
	assert_string_equal(j[1].job.error.message, "on purpose");
	assert_int_equal(j[2].job.result, -EEXIST);
	assert_int_equal(j[3].job.result, 0);
	assert_true(exists(w, "a"));
	assert_false(exists(w, "b"));
	assert_true(exists(w, "c"));
}

struct submitter {
	struct world *w;
	int index;
	struct job jobs[JOBS_EACH];
};

static void *submit_many(void *arg)
{
	struct submitter *s = arg;
	char name[32];

	for (int i = 0; i < JOBS_EACH; i++) {
		snprintf(name, sizeof name, "db%d-%d", s->index, i);
		submit(s->w, &s->jobs[i], name, i % 5 ? 0 : -EBUSY);
	}
	return NULL;
}

static void many_share_a_commit(void **state)
{
	static struct submitter s[SUBMITTERS];
	struct world *w = *state;
	pthread_t t[SUBMITTERS];
	uint64_t batches;

	for (int i = 0; i < SUBMITTERS; i++) {
		s[i] = (struct submitter){.w = w, .index = i};
		assert_int_equal(pthread_create(&t[i], NULL, submit_many, &s[i]), 0);
	}
	for (int i = 0; i < SUBMITTERS; i++)
		pthread_join(t[i], NULL);
	wait_for(w, SUBMITTERS * JOBS_EACH);
	for (int i = 0; i < SUBMITTERS; i++)
		for (int k = 0; k < JOBS_EACH; k++)
			assert_int_equal(exists(w, s[i].jobs[k].name), k % 5 != 0);
	batches = fs_report_counted(w->report, FS_COUNT_BATCHES);
	/* how many depends on who gets to run when */
	assert_true(batches < SUBMITTERS * JOBS_EACH * 4 / 5);
	assert_int_equal(
		fs_report_counted(w->report, FS_COUNT_COMMITTED), SUBMITTERS * JOBS_EACH * 4 / 5);
}

static void stopping_answers_what_was_submitted(void **state)
{
	static struct job j[30];
	struct world *w = *state;
	char name[32];

	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof name, "db%d", i);
		submit(w, &j[i], name, 0);
	}
	fs_committer_stop(w->c);
	w->c = NULL;
	assert_int_equal(w->done, 30);
	assert_true(exists(w, "db29"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(one_refusal_undoes_only_itself),
		T(many_share_a_commit),
		T(stopping_answers_what_was_submitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
