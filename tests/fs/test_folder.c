/* The daemon's folds beside writers: what is due is folded, nothing of what they write is lost. */
#include "fs/folder.h"
#include "gc/fsck.h"
#include "refs/fold.h"
#include "refs/stage.h"
#include "tests/support/fixture.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define WRITERS 2
#define APPENDS 16
#define APPEND_BLOCKS 100
#define WAIT_US 20000
#define WAITS_MAX 3000

struct writer {
	struct fixture *f;
	uint64_t table, ref;
	pthread_t thread;
};

static void *write_some(void *arg)
{
	struct writer *w = arg;

	for (int i = 0; i < APPENDS; i++)
		fixture_append_folded(w->f, w->table, w->ref, APPEND_BLOCKS);
	return NULL;
}

static struct rec_snapshot head_of(struct fixture *f, uint64_t ref)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_snapshot head;
	struct rec_ref rec;

	assert_int_equal(refs_begin(f->store, KV_READ, &x), 0);
	assert_int_equal(rec_ref_get(x->kv, ref, &rec), 0);
	assert_int_equal(rec_snapshot_get(x->kv, rec.head, &head), 0);
	return head;
}

/* Until @ref has at most @n segments. */
static void wait_for(struct fixture *f, uint64_t ref, uint64_t n)
{
	int i = 0;

	while (head_of(f, ref).segments > n && i++ < WAITS_MAX)
		usleep(WAIT_US);
	assert_true(head_of(f, ref).segments <= n);
}

static void check(struct fixture *f)
{
	const struct fsck_options options = {0};
	struct fsck_report report;
	struct bough_error e = {0};

	assert_int_equal(fsck_run(f->path, &options, &report, &e), 0);
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.staged, 0);
}

/* What was there before, and what others write while it folds. */
static void folds_beside_writers(void **state)
{
	struct fixture *f = *state;
	struct writer w[WRITERS];
	struct fs_folder *folder = NULL;

	for (size_t i = 0; i < WRITERS; i++) {
		char name[8];

		snprintf(name, sizeof name, "t%zu", i);
		w[i] = (struct writer){.f = f, .table = fixture_table(f, "d", name)};
		w[i].ref = fixture_main(f, w[i].table);
		write_some(&w[i]);
	}
	assert_int_equal(fs_folder_start(f->store, &folder), 0);
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, write_some, &w[i]), 0);
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	for (size_t i = 0; i < WRITERS; i++)
		wait_for(f, w[i].ref, 2 * APPENDS * APPEND_BLOCKS / 1000 + 10);
	fs_folder_stop(folder);
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(head_of(f, w[i].ref).blocks, 2 * APPENDS * APPEND_BLOCKS);
	check(f);
}

/* At any moment: nothing half done is left. */
static void stops_at_once(void **state)
{
	struct fixture *f = *state;
	uint64_t table = fixture_table(f, "d", "t"), random = test_seed();
	struct writer w = {.f = f, .table = table, .ref = fixture_main(f, table)};

	write_some(&w);
	for (int i = 0; i < 3; i++) {
		struct fs_folder *folder = NULL;

		assert_int_equal(fs_folder_start(f->store, &folder), 0);
		usleep((useconds_t)(900000 + test_random(&random) % 200000));
		fs_folder_stop(folder);
		check(f);
		write_some(&w);
	}
	fs_folder_stop(NULL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {T(folds_beside_writers), T(stops_at_once)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
