#include "refs/client.h"
#include "tests/support/fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static unsigned count_records(struct fixture *f, enum key_kind kind);

static void epochs_follow_the_commits(void **state)
{
	struct fixture *f = *state;
	struct refs_client *c = f->store->client;
	struct wake *w = f->store->wake;
	uint64_t first = (fixture_table(f, "a", "t"), wake_commit(w)), second;
	int a = client_epoch_enter(c), b, d;

	assert_int_equal(wake_epoch_min(w), first);
	fixture_table(f, "b", "t");
	second = wake_commit(w);
	assert_true(second > first);
	b = client_epoch_enter(c); /* begins the newer generation */
	assert_int_equal(wake_epoch_min(w), first);
	client_epoch_leave(c, a);
	assert_int_equal(wake_epoch_min(w), second);
	d = client_epoch_enter(c);
	client_epoch_leave(c, b);
	assert_int_equal(wake_epoch_min(w), second);
	client_epoch_leave(c, d);
	assert_int_equal(wake_epoch_min(w), WAKE_EPOCH_IDLE);
}

static void a_busy_client_moves_on(void **state)
{
	struct fixture *f = *state;
	struct refs_client *c = f->store->client;
	uint64_t last = 0;
	int held = client_epoch_enter(c);

	for (int i = 0; i < 20; i++) {
		int next;
		char name[8] = {'d', (char)('a' + i), 0};

		fixture_table(f, name, "t");
		next = client_epoch_enter(c); /* never idle */
		client_epoch_leave(c, held);
		held = next;
		assert_true(wake_epoch_min(f->store->wake) > last);
		last = wake_epoch_min(f->store->wake);
	}
	client_epoch_leave(c, held);
}

static void ids_are_never_given_twice(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "a", "t"), u = fixture_table(f, "a", "u");
	static bool given[1 << 16];
	uint64_t top = 0;

	for (int i = 0; i < 300; i++) {
		struct client_ids ids;

		assert_int_equal(
			client_ids_take(f->store->client, i % 2 ? t : u, 1 + i % 7, &ids), 0);
		for (uint64_t id = ids.first; id < ids.first + ids.n; id++) {
			assert_true(id < ARRAY_SIZE(given) && !given[id]);
			given[id] = true;
		}
		if (ids.first + ids.n > top)
			top = ids.first + ids.n;
	}
	assert_int_equal(count_records(f, KEY_CLIENT), 1);
	fixture_reopen(f);
	assert_int_equal(count_records(f, KEY_CLIENT), 0);
	assert_int_equal(count_records(f, KEY_RANGE), 0);
	{
		struct client_ids ids;

		assert_int_equal(client_ids_take(f->store->client, u, 5000, &ids), 0);
		assert_true(ids.first >= top);
		assert_int_equal(ids.n, 5000);
	}
}

/* Next to each other, whatever others take in between. */
static void ids_apart_stay_together(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "a", "t");
	struct client_ids ids, apart, first;

	assert_int_equal(client_ids_take(f->store->client, t, 3, &ids), 0);
	assert_int_equal(client_ids_take_apart(f->store->client, t, 1, &first), 0);
	assert_true(first.range != ids.range);
	for (uint64_t i = 1; i < 10; i++) {
		assert_int_equal(client_ids_take(f->store->client, t, 3, &ids), 0);
		assert_true(ids.range != first.range);
		assert_int_equal(client_ids_take_apart(f->store->client, t, 1, &apart), 0);
		assert_int_equal(apart.first, first.first + i);
	}
}

/* One that took a range to itself does not end the one that others take from. */
static void what_is_left_of_a_range_is_used(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "a", "t");
	struct client_ids first, many, next;

	assert_int_equal(client_ids_take(f->store->client, t, 3, &first), 0);
	assert_int_equal(client_ids_take(f->store->client, t, 1000, &many), 0);
	assert_true(many.range != first.range);
	assert_int_equal(client_ids_take(f->store->client, t, 3, &next), 0);
	assert_int_equal(next.first, first.first + 3);
	client_forget(f->store->client, &many);
	client_forget(f->store->client, &first);
	assert_int_equal(client_ids_take(f->store->client, t, 3, &next), 0);
	assert_true(next.range != first.range && next.range != many.range);
}

static int one_more(void *arg, struct slice key, struct slice value)
{
	(void)key;
	(void)value;
	++*(unsigned *)arg;
	return 0;
}

static unsigned count_records(struct fixture *f, enum key_kind kind)
{
	struct kv_txn *t auto_kv_txn = NULL;
	struct key lo = key_make(kind), hi = key_next(&lo);
	unsigned n = 0;

	assert_int_equal(kv_begin(f->store->kv, KV_READ, &t), 0);
	assert_int_equal(kv_scan(t, KV_HOT, key_slice(&lo), key_slice(&hi), one_more, &n), 0);
	return n;
}

static void who_lost_its_range_is_fenced(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "a", "t");
	struct refs_txn *x = NULL;
	struct client_ids ids, none;

	assert_int_equal(client_ids_take(f->store->client, t, 3, &ids), 0);
	assert_int_equal(refs_begin(f->store, KV_WRITE, &x), 0);
	assert_int_equal(client_fence(x, &ids), 0);
	none = ids;
	none.n = 1000;
	assert_int_equal(client_fence(x, &none), -ESTALE);
	assert_int_equal(client_release(x, &ids), 0); /* as a sweep would */
	assert_int_equal(client_fence(x, &ids), -ESTALE);
	refs_abort(x);
}

static void a_killed_client_leaves_its_record(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "a", "t");
	int status;
	pid_t pid;

	refs_store_close(f->store);
	f->store = NULL;
	pid = fork();
	if (!pid) {
		struct client_ids ids;

		fixture_reopen(f);
		if (client_ids_take(f->store->client, t, 3, &ids))
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	fixture_reopen(f);
	assert_int_equal(count_records(f, KEY_CLIENT), 1);
	assert_int_equal(count_records(f, KEY_RANGE), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(epochs_follow_the_commits),
		T(a_busy_client_moves_on),
		T(ids_are_never_given_twice),
		T(ids_apart_stay_together),
		T(what_is_left_of_a_range_is_used),
		T(who_lost_its_range_is_fenced),
		T(a_killed_client_leaves_its_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
