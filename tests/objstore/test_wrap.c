/* What the wrappers do when they are told to: fault fails what it should, trace tells of all. */
#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "objstore/fault.h"
#include "objstore/trace.h"

static int setup_fault(void **state)
{
	struct objstore_fault *f;
	struct objstore *mem;

	if (objstore_mem_open(clock_system(), &mem) || objstore_fault_open(mem, &f))
		return -1;
	*state = f;
	return 0;
}

static int teardown_fault(void **state)
{
	objstore_close(objstore_fault_store(*state));
	return 0;
}

static int put(struct objstore_fault *f, const char *key)
{
	return objstore_put(objstore_fault_store(f), key, slice_str("0123456789"));
}

static int size_of(struct objstore_fault *f, const char *key)
{
	struct objstore_stat st;
	int r = objstore_stat(objstore_fault_store(f), key, &st);

	return r ? r : (int)st.size_bytes;
}

static void only_the_nth_of_the_chosen_calls_fails(void **state)
{
	const struct fault_plan plan = {
		.ops = 1u << OBJSTORE_OP_PUT, .fail_at = 2, .code = -ENOSPC};

	objstore_fault_arm(*state, &plan);
	assert_int_equal(put(*state, "a"), 0);
	assert_int_equal(size_of(*state, "a"), 10);
	assert_int_equal(put(*state, "b"), -ENOSPC);
	assert_int_equal(size_of(*state, "b"), -ENOENT);
	assert_int_equal(put(*state, "b"), 0);
	assert_int_equal(objstore_fault_calls(*state), 3);
	assert_int_equal(objstore_fault_hits(*state), 1);
}

static void a_fault_for_good_stays(void **state)
{
	const struct fault_plan plan = {
		.ops = OBJSTORE_OPS_ALL, .fail_at = 2, .code = -EIO, .sticky = true};

	objstore_fault_arm(*state, &plan);
	assert_int_equal(put(*state, "a"), 0);
	assert_int_equal(size_of(*state, "a"), -EIO);
	assert_int_equal(put(*state, "b"), -EIO);
	assert_int_equal(objstore_del(objstore_fault_store(*state), "a"), -EIO);
	assert_int_equal(objstore_fault_hits(*state), 3);
}

static void a_lost_answer_took_effect(void **state)
{
	const struct fault_plan plan = {.ops = OBJSTORE_OPS_WRITE,
		.fail_at = 1,
		.code = -EIO,
		.sticky = true,
		.applied = true};
	struct objstore *s = objstore_fault_store(*state);

	objstore_fault_arm(*state, &plan);
	assert_int_equal(put(*state, "a"), -EIO);
	assert_int_equal(size_of(*state, "a"), 10);
	assert_int_equal(objstore_del(s, "a"), -EIO);
	assert_int_equal(size_of(*state, "a"), -ENOENT);
}

static void reads_can_be_short(void **state)
{
	const struct fault_plan plan = {.ops = OBJSTORE_OPS_ALL, .fail_at = 2};
	struct objstore *s = objstore_fault_store(*state);
	char data[10];

	objstore_fault_arm(*state, &plan);
	assert_int_equal(put(*state, "a"), 0); /* not counted: without a code it cannot fail */
	assert_int_equal(objstore_get_range(s, "a", 0, data, sizeof data), 10);
	assert_int_equal(objstore_get_range(s, "a", 0, data, sizeof data), 5);
	assert_int_equal(objstore_get_range(s, "a", 0, data, sizeof data), 10);
}

struct heard {
	char text[512];
};

static void hear(void *arg, const struct objstore_call *c)
{
	struct heard *h = arg;
	size_t used = strlen(h->text);

	assert_int_equal(c->taken_us, 0); /* the clock stands */
	snprintf(h->text + used, sizeof h->text - used, "%s %s %llu %llu %lld\n",
		objstore_op_name(c->op), c->key, (unsigned long long)c->calls,
		(unsigned long long)c->bytes, (long long)c->result);
}

static uint64_t stands(const struct clock *c)
{
	(void)c;
	return 7;
}

static int ignore(void *arg, const char *key, const struct objstore_stat *stat)
{
	(void)arg;
	(void)key;
	(void)stat;
	return 0;
}

static void every_call_is_told(void **state)
{
	const struct clock clock = {stands, stands};
	struct heard h = {0};
	struct buf body auto_buf = {0};
	struct objstore_stat st;
	struct objstore *mem, *s;
	char data[4];

	(void)state;
	assert_int_equal(objstore_mem_open(&clock, &mem), 0);
	assert_int_equal(objstore_trace_open(mem, &clock, hear, &h, &s), 0);
	assert_int_equal(objstore_put(s, "d/a", slice_str("0123456789")), 0);
	assert_int_equal(objstore_put(s, "d/a", slice_str("x")), -EEXIST);
	assert_int_equal(objstore_get(s, "d/a", 100, &body), 0);
	assert_int_equal(objstore_get_range(s, "d/a", 8, data, sizeof data), 2);
	assert_int_equal(objstore_stat(s, "d/a", &st), 0);
	assert_int_equal(objstore_put(s, "d/b", slice_str("")), 0);
	assert_int_equal(objstore_list(s, "d", NULL, ignore, NULL), 0);
	assert_int_equal(objstore_del(s, "d/a"), 0);
	assert_int_equal(objstore_get(s, "d/a", 100, &body), -ENOENT);
	objstore_close(s);
	assert_string_equal(h.text, "put d/a 1 10 0\nput d/a 1 0 -17\nget d/a 1 10 0\n"
				    "get_range d/a 1 2 2\nstat d/a 1 0 0\nput d/b 1 0 0\n"
				    "list d 2 0 0\ndel d/a 1 0 0\nget d/a 1 0 -2\n");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup_fault, teardown_fault)
	const struct CMUnitTest tests[] = {
		T(only_the_nth_of_the_chosen_calls_fails),
		T(a_fault_for_good_stays),
		T(a_lost_answer_took_effect),
		T(reads_can_be_short),
		cmocka_unit_test(every_call_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
