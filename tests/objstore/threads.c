/* Many writers of one key, of one directory, of one store: `threads mem`, `threads dir`. */
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "objstore/objstore.h"

#define WRITERS 8
#define BODY_BYTES 20000

static struct objstore *store;
static char dir[TEST_PATH_BYTES_MAX];
static pthread_barrier_t barrier;
static unsigned rounds;
static atomic_uint unexpected;

struct writer {
	pthread_t thread;
	unsigned number;
	bool *won; /* per round */
};

static void expect(bool truth)
{
	if (!truth)
		atomic_fetch_add(&unexpected, 1);
}

/* Shared keys in directories that do not exist yet; every object is looked at by everyone. */
static void *write_and_read(void *arg)
{
	struct writer *w = arg;
	char key[64];
	uint8_t body[BODY_BYTES];

	memset(body, (int)w->number + 1, sizeof body);
	for (unsigned i = 0; i < rounds; i++) {
		struct buf got auto_buf = {0};
		int r;

		pthread_barrier_wait(&barrier);
		snprintf(key, sizeof key, "%u/%u/shared", i / 4, i);
		r = objstore_put(store, key, (struct slice){body, sizeof body});
		expect(!r || r == -EEXIST);
		w->won[i] = !r;
		r = objstore_get(store, key, SIZE_MAX, &got);
		expect(!r || r == -ENOENT);
		for (size_t j = 1; !r && j < got.len; j++)
			expect(got.data[j] == got.data[0]);
		expect(r || got.len == sizeof body);
		snprintf(key, sizeof key, "%u/%u/own-%u", i / 4, i, w->number);
		expect(!objstore_put(store, key, (struct slice){body, 10}));
		expect(i % 2 || !objstore_del(store, key));
	}
	return NULL;
}

static int tally(void *arg, const char *key, const struct objstore_stat *st)
{
	(void)key;
	(void)st;
	++*(unsigned *)arg;
	return 0;
}

static void one_writer_wins_each_round(void **state)
{
	struct writer writers[WRITERS] = {0};
	unsigned listed = 0;

	(void)state;
	rounds = (unsigned)test_scale(40);
	pthread_barrier_init(&barrier, NULL, WRITERS);
	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i].number = i;
		writers[i].won = calloc(rounds, sizeof(bool));
		assert_int_equal(
			pthread_create(&writers[i].thread, NULL, write_and_read, &writers[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
	assert_int_equal(unexpected, 0);
	for (unsigned i = 0; i < rounds; i++) {
		unsigned winner = WRITERS, winners = 0;
		char key[64];
		uint8_t first;

		for (unsigned j = 0; j < WRITERS; j++)
			if (writers[j].won[i]) {
				winner = j;
				winners++;
			}
		assert_int_equal(winners, 1);
		snprintf(key, sizeof key, "%u/%u/shared", i / 4, i);
		assert_int_equal(objstore_get_range(store, key, 0, &first, 1), 1);
		assert_int_equal(first, winner + 1);
	}
	assert_int_equal(objstore_list(store, "", NULL, tally, &listed), 0);
	assert_int_equal(listed, rounds + rounds / 2 * WRITERS);
	for (unsigned i = 0; i < WRITERS; i++)
		free(writers[i].won);
	pthread_barrier_destroy(&barrier);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(one_writer_wins_each_round)};
	int r = -EINVAL;

	if (argc == 2 && !strcmp(argv[1], "mem"))
		r = objstore_mem_open(clock_system(), &store);
	if (argc == 2 && !strcmp(argv[1], "dir")) {
		test_dir_make(dir);
		r = objstore_dir_open(dir, io_system(), &store);
	}
	if (r) {
		fprintf(stderr, "usage: %s mem|dir\n", argv[0]);
		return 2;
	}
	r = cmocka_run_group_tests(tests, NULL, NULL);
	objstore_close(store);
	test_dir_remove(dir);
	return r;
}
