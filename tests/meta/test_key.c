#include "tests/support/test.h"

#include "meta/key.h"

#include <string.h>

static void expect(struct key k, const char *bytes, size_t len)
{
	assert_int_equal(k.len, len);
	assert_memory_equal(k.bytes, bytes, len);
}

static void keys_are_kind_then_big_endian(void **state)
{
	struct key k;

	(void)state;
	expect(key_make(KEY_NODE), "N", 1);
	expect(key_meta("next"), "anext", 5);
	expect(key_meta("commit"), KV_COMMIT_KEY, strlen(KV_COMMIT_KEY));
	expect(key_u64(KEY_NODE, 0x0102), "N\0\0\0\0\0\0\1\2", 9);
	expect(key_u64_u64(KEY_LINK, 1, UINT64_MAX),
		"l\0\0\0\0\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xff", 17);
	expect(key_name(KEY_NAME, 1, "ab"), "n\0\0\0\0\0\0\0\1ab", 11);
	expect(key_file(1, "ab", 2), "f\0\0\0\0\0\0\0\1ab\0\0\0\0\0\0\0\0\2", 20);
	expect(key_file_name(1, "ab"), "f\0\0\0\0\0\0\0\1ab\0", 12);
	k = key_u64_u64(KEY_LINK, 7, 9);
	assert_int_equal(key_read_u64(key_slice(&k), 1), 7);
	assert_int_equal(key_read_u64(key_slice(&k), 9), 9);
	assert_int_equal(key_read_u64(key_slice(&k), 10), 0);
	assert_int_equal(key_read_u64(slice_str("short"), 0), 0);
}

static void next_bounds_a_prefix(void **state)
{
	struct key k = key_u64(KEY_NODE, 1), n;

	(void)state;
	expect(key_next(&k), "N\0\0\0\0\0\0\0\2", 9);
	k = key_u64(KEY_NODE, 0xff);
	expect(key_next(&k), "N\0\0\0\0\0\0\1", 8);
	k = key_u64(KEY_NODE, UINT64_MAX);
	expect(key_next(&k), "O", 1);
	n = (struct key){.len = 2, .bytes = {0xff, 0xff}};
	assert_int_equal(key_next(&n).len, 0); /* to the end */
}

static void longest_name_fits(void **state)
{
	char name[256];

	(void)state;
	memset(name, 'x', 255);
	name[255] = 0;
	assert_int_equal(key_file(1, name, 2).len, 1 + 8 + 255 + 1 + 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_kind_then_big_endian),
		cmocka_unit_test(next_bounds_a_prefix),
		cmocka_unit_test(longest_name_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
