#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "objstore/base/buf.h"

static void appends_grow(void **state)
{
	struct buf b auto_buf = {0};

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(buf_append(&b, "abc", 3), 0);
	assert_int_equal(b.len, 3000);
	assert_true(b.capacity >= b.len);
	for (size_t i = 0; i < b.len; i++)
		assert_int_equal(b.data[i], "abc"[i % 3]);
}

static void arrays_grow(void **state)
{
	size_t capacity = 0, none = SIZE_MAX / 2;
	uint64_t *items cleanup(free_p) = NULL, *same;

	(void)state;
	for (size_t n = 0; n < 1000; n++) {
		assert_true(array_grow(items, n, capacity));
		items[n] = n;
	}
	assert_int_equal(capacity, 1024);
	for (size_t n = 0; n < 1000; n++)
		assert_int_equal(items[n], n);
	same = items;
	assert_false(array_grow(items, none, none)); /* more than there is */
	assert_ptr_equal(items, same);
	assert_true(none == SIZE_MAX / 2);
}

static void appending_nothing_is_fine(void **state)
{
	struct buf b auto_buf = {0};

	(void)state;
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_int_equal(buf_slice(&b).len, 0);
}

static void reserve_keeps_the_bytes(void **state)
{
	struct buf b auto_buf = {0};

	(void)state;
	assert_int_equal(buf_append(&b, "xyz", 3), 0);
	assert_int_equal(buf_reserve(&b, 1 << 20), 0);
	assert_true(b.capacity - b.len >= 1 << 20);
	assert_true(slice_equal(buf_slice(&b), slice_str("xyz")));
}

static void a_size_that_overflows_is_refused(void **state)
{
	struct buf b auto_buf = {0};

	(void)state;
	assert_int_equal(buf_append(&b, "x", 1), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2 + 1), -ENOMEM);
	assert_int_equal(b.len, 1);
}

static void printf_appends_without_terminator(void **state)
{
	struct buf b auto_buf = {0};

	(void)state;
	assert_int_equal(buf_printf(&b, "%d-%s", 7, "seven"), 0);
	assert_int_equal(buf_printf(&b, "%0200d", 8), 0);
	assert_int_equal(b.len, 7 + 200);
	assert_memory_equal(b.data, "7-seven0", 8);
	assert_int_equal(b.data[b.len - 1], '8');
}

static void slices_compare_by_bytes(void **state)
{
	(void)state;
	assert_true(slice_equal((struct slice){NULL, 0}, slice_str("")));
	assert_true(slice_equal(slice_str("ab"), slice_str("ab")));
	assert_false(slice_equal(slice_str("ab"), slice_str("ac")));
	assert_false(slice_equal(slice_str("ab"), slice_str("abc")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_grow),
		cmocka_unit_test(arrays_grow),
		cmocka_unit_test(appending_nothing_is_fine),
		cmocka_unit_test(reserve_keeps_the_bytes),
		cmocka_unit_test(a_size_that_overflows_is_refused),
		cmocka_unit_test(printf_appends_without_terminator),
		cmocka_unit_test(slices_compare_by_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
