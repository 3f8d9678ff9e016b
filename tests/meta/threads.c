/* Readers beside a writer, in both engines; clients of one wake page from many threads. */
#include "tests/meta/engine.h"

#include "meta/key.h"
#include "meta/wake.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define READERS 3
#define KEYS 50

struct shared {
	struct engine *e;
	atomic_bool over;
	atomic_ulong reads;
};

/* Every commit writes its own number into all keys. */
static void write_all(struct kv *kv)
{
	struct kv_txn *t, *in;

	assert_int_equal(kv_begin(kv, KV_WRITE, &t), 0);
	for (uint64_t i = 0; i < KEYS; i++) {
		struct key k = key_u64(KEY_NODE, i);

		assert_int_equal(kv_put(t, KV_BULK, key_slice(&k),
					 (struct slice){&t->commit, sizeof t->commit}),
			0);
	}
	assert_int_equal(kv_nest(t, &in), 0);
	assert_int_equal(kv_put(in, KV_HOT, slice_str("x"), slice_str("y")), 0);
	kv_abort(in);
	assert_int_equal(kv_commit(&t), 0);
}

static int same_commit(void *arg, struct slice key, struct slice value)
{
	uint64_t commit;

	(void)key;
	memcpy(&commit, value.data, sizeof commit);
	return commit == *(uint64_t *)arg ? 0 : 1;
}

static void *read_all(void *arg)
{
	struct shared *s = arg;
	const struct slice all = {NULL, 0};

	do { /* once at least, however late this thread begins */
		struct kv_txn *t auto_kv_txn = NULL;
		int r = kv_begin(s->e->kv, KV_READ, &t);

		if (!r)
			r = kv_scan(t, KV_BULK, all, all, same_commit, &t->commit);
		if (r)
			return r < 0 ? strerror(-r) : "a reader saw more than one commit";
		atomic_fetch_add(&s->reads, 1);
	} while (!atomic_load(&s->over));
	return NULL;
}

static void *write_some(void *arg)
{
	struct shared *s = arg;

	for (uint64_t n = test_scale(50); n; n--)
		write_all(s->e->kv);
	return NULL;
}

static void join(pthread_t t)
{
	void *said;

	assert_int_equal(pthread_join(t, &said), 0);
	if (said)
		fail_msg("%s", (char *)said);
}

static void readers_beside_writers(void **state)
{
	struct shared s = {.e = *state};
	pthread_t readers[READERS], writers[2];

	for (size_t i = 0; i < READERS; i++)
		pthread_create(&readers[i], NULL, read_all, &s);
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		pthread_create(&writers[i], NULL, write_some, &s);
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		join(writers[i]);
	atomic_store(&s.over, true);
	for (size_t i = 0; i < READERS; i++)
		join(readers[i]);
	assert_true(atomic_load(&s.reads) > 0);
}

struct clients {
	struct wake *wake;
	unsigned counter; /* under the writer lock */
	atomic_bool over;
};

static void *announce(void *arg)
{
	struct clients *c = arg;

	for (uint64_t n = test_scale(300); n; n--) {
		if (wake_writer_lock(c->wake, NULL, NULL))
			return "no lock";
		c->counter++;
		wake_announce(c->wake, c->counter);
		wake_writer_unlock(c->wake);
		wake_epoch_publish(c->wake, n);
		wake_mount_wait(c->wake, n, 10);
	}
	return NULL;
}

static void *watch(void *arg)
{
	struct clients *c = arg;
	uint64_t seen = 0, now;

	while (!atomic_load(&c->over)) {
		now = wake_wait(c->wake, seen, 1000);
		if (now < seen)
			return "the number fell";
		seen = now;
		wake_mount_ack(c->wake, seen);
		wake_writer_pid(c->wake);
		if (wake_epoch_min(c->wake) > 1000000)
			return "no epoch";
	}
	return NULL;
}

static void one_page_many_threads(void **state)
{
	struct clients c = {0};
	char dir[TEST_PATH_BYTES_MAX];
	pthread_t writers[3], watchers[2];
	unsigned slot;

	(void)state;
	test_dir_make(dir);
	assert_int_equal(wake_open(dir, &c.wake, NULL), 0);
	assert_int_equal(wake_slot_take(c.wake, &slot), 0);
	wake_epoch_publish(c.wake, 1);
	wake_mount_set(c.wake, true);
	for (size_t i = 0; i < ARRAY_SIZE(watchers); i++)
		pthread_create(&watchers[i], NULL, watch, &c);
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		pthread_create(&writers[i], NULL, announce, &c);
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		join(writers[i]);
	assert_int_equal(wake_commit(c.wake), 3 * test_scale(300));
	atomic_store(&c.over, true);
	wake_kick(c.wake);
	for (size_t i = 0; i < ARRAY_SIZE(watchers); i++)
		join(watchers[i]);
	wake_close(c.wake);
	test_dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		engine_test(readers_beside_writers),
		cmocka_unit_test(one_page_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
