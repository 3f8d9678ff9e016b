#include "refs/change.h"
#include "tests/support/test.h"

#include <string.h>

static void put_list(struct kv *kv, const struct change_list *l)
{
	struct kv_txn *t auto_kv_txn = NULL;

	assert_int_equal(kv_begin(kv, KV_WRITE, &t), 0);
	assert_int_equal(change_put(t, l), 0);
	assert_int_equal(kv_commit(&t), 0);
}

static uint64_t read_after(struct kv *kv, uint64_t after, struct change_list *ret)
{
	struct kv_txn *t auto_kv_txn = NULL;
	uint64_t last;

	assert_int_equal(kv_begin(kv, KV_READ, &t), 0);
	assert_int_equal(change_read(t, after, ret, &last), 0);
	return last;
}

static void what_is_put_is_read(void **state)
{
	struct change_list l = {0}, got = {0};
	uint64_t first;

	assert_int_equal(change_add(&l, CHANGE_REF, 7), 0);
	assert_int_equal(change_add(&l, CHANGE_REF, 7), 0);
	assert_int_equal(change_add_gone(&l, CHANGE_IN_REFS, 9, "dev"), 0);
	assert_int_equal(change_add_gone(&l, CHANGE_IN_REFS, 9, "dev"), 0);
	assert_int_equal(l.n, 2);
	put_list(*state, &l);
	first = read_after(*state, 0, &got);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.items[0].kind, CHANGE_REF);
	assert_int_equal(got.items[0].id, 7);
	assert_int_equal(got.items[1].dir, CHANGE_IN_REFS);
	assert_string_equal(got.items[1].name, "dev");
	change_list_deinit(&got);
	put_list(*state, &l);
	assert_int_equal(read_after(*state, first, &got), first + 1);
	assert_int_equal(got.n, 2);
	change_list_deinit(&got);
	assert_int_equal(read_after(*state, first + 1, &got), first + 1);
	assert_int_equal(got.n, 0);
	change_list_deinit(&l);
}

static void too_many_are_all(void **state)
{
	struct change_list l = {0}, got = {0};
	uint64_t before = read_after(*state, 0, &got);

	change_list_deinit(&got);
	for (uint64_t i = 0; i <= CHANGE_LIST_MAX; i++)
		assert_int_equal(change_add(&l, CHANGE_BLOCK, i), 0);
	put_list(*state, &l);
	read_after(*state, before, &got);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.items[0].kind, CHANGE_ALL);
	change_list_deinit(&got);
	change_list_deinit(&l);
}

static int count(void *arg, struct slice key, struct slice value)
{
	(void)key;
	(void)value;
	++*(unsigned *)arg;
	return 0;
}

static void only_the_last_are_kept(void **state)
{
	struct change_list l = {0}, got = {0};
	struct kv_txn *t auto_kv_txn = NULL;
	unsigned n = 0;

	assert_int_equal(change_add(&l, CHANGE_REF, 1), 0);
	for (int i = 0; i < CHANGE_KEEP + 200; i++)
		put_list(*state, &l);
	read_after(*state, 3, &got);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.items[0].kind, CHANGE_ALL);
	change_list_deinit(&got);
	change_list_deinit(&l);
	assert_int_equal(kv_begin(*state, KV_READ, &t), 0);
	assert_int_equal(kv_scan(t, KV_HOT, slice_str("c"), slice_str("d"), count, &n), 0);
	assert_in_range(n, CHANGE_KEEP, CHANGE_KEEP + 64);
}

static void lists_are_moved(void **state)
{
	struct change_list a = {0}, b = {0};

	(void)state;
	assert_int_equal(change_add(&a, CHANGE_REF, 1), 0);
	assert_int_equal(change_add(&b, CHANGE_REF, 1), 0);
	assert_int_equal(change_add_gone(&b, CHANGE_IN_DB, 1, "t"), 0);
	assert_int_equal(change_move(&a, &b), 0);
	assert_int_equal(a.n, 2);
	assert_int_equal(b.n, 0);
	change_list_deinit(&a);
}

static int setup(void **state)
{
	struct kv *kv;
	int r = kv_mem_open(&kv);

	*state = kv;
	return r;
}

static int teardown(void **state)
{
	kv_close(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_put_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_are_all, setup, teardown),
		cmocka_unit_test_setup_teardown(only_the_last_are_kept, setup, teardown),
		cmocka_unit_test(lists_are_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
