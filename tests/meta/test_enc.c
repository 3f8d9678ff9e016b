#include "tests/support/test.h"

#include "meta/enc.h"

#include <errno.h>

static void numbers_round_trip(void **state)
{
	static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX,
		UINT64_C(1) << 48, UINT64_MAX - 1, UINT64_MAX};
	struct buf b auto_buf = {0};
	struct dec d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		assert_int_equal(enc_varint(&b, values[i]), 0);
		assert_int_equal(enc_u64(&b, values[i]), 0);
		assert_int_equal(enc_u32(&b, (uint32_t)values[i]), 0);
		assert_int_equal(enc_u16(&b, (uint16_t)values[i]), 0);
		assert_int_equal(enc_u8(&b, (uint8_t)values[i]), 0);
	}
	d = dec_of(buf_slice(&b));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		assert_int_equal(dec_varint(&d), values[i]);
		assert_int_equal(dec_u64(&d), values[i]);
		assert_int_equal(dec_u32(&d), (uint32_t)values[i]);
		assert_int_equal(dec_u16(&d), (uint16_t)values[i]);
		assert_int_equal(dec_u8(&d), (uint8_t)values[i]);
	}
	assert_int_equal(dec_end(&d), 0);
}

static void layout_is_little_endian(void **state)
{
	struct buf b auto_buf = {0};

	(void)state;
	assert_int_equal(enc_u32(&b, 0x01020304), 0);
	assert_int_equal(enc_varint(&b, 300), 0);
	assert_int_equal(enc_str(&b, "ab"), 0);
	assert_int_equal(b.len, 9);
	assert_memory_equal(b.data,
		"\x04\x03\x02\x01\xac\x02\x02"
		"ab",
		9);
}

static void refuse_varint(const char *bytes, size_t len)
{
	struct dec d = dec_of((struct slice){bytes, len});

	assert_int_equal(dec_varint(&d), 0);
	assert_true(d.failed);
	assert_int_equal(dec_end(&d), -EUCLEAN);
}

static void bad_varints_are_refused(void **state)
{
	(void)state;
	refuse_varint("", 0);
	refuse_varint("\x80", 1);
	refuse_varint("\x80\x00", 2); /* not the shortest */
	refuse_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
	refuse_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
}

static void limits_hold(void **state)
{
	struct dec d = dec_of((struct slice){"\x05\x05", 2});

	(void)state;
	assert_int_equal(dec_varint_max(&d, 5), 5);
	assert_int_equal(dec_varint_max(&d, 4), 0);
	assert_true(d.failed);
}

static void failure_sticks(void **state)
{
	struct dec d = dec_of((struct slice){"\x01\x02\x03", 3});
	uint8_t raw[2] = {9, 9};

	(void)state;
	assert_int_equal(dec_u32(&d), 0);
	assert_int_equal(dec_u8(&d), 0);
	dec_raw(&d, raw, sizeof raw);
	assert_int_equal(raw[0] | raw[1], 0);
	assert_int_equal(dec_bytes(&d).len, 0);
	assert_int_equal(dec_end(&d), -EUCLEAN);
}

static void rest_is_refused(void **state)
{
	struct dec d = dec_of((struct slice){"\x01\x02", 2});

	(void)state;
	assert_int_equal(dec_u8(&d), 1);
	assert_int_equal(dec_end(&d), -EUCLEAN);
}

static void refuse_str(const char *bytes, size_t len, size_t size)
{
	struct dec d = dec_of((struct slice){bytes, len});
	char out[8] = "xxxxxxx";

	dec_str(&d, out, size);
	assert_string_equal(out, "");
	assert_true(d.failed);
}

static void strings_fit_or_fail(void **state)
{
	struct dec d = dec_of((struct slice){"\x03"
					     "abc",
		4});
	char out[4];

	(void)state;
	dec_str(&d, out, sizeof out);
	assert_string_equal(out, "abc");
	assert_int_equal(dec_end(&d), 0);
	refuse_str("\x03"
		   "abc",
		4, 3);
	refuse_str("\x03"
		   "a\0c",
		4, 8);
	refuse_str("\x03"
		   "ab",
		3, 8);
	refuse_str("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_round_trip),
		cmocka_unit_test(layout_is_little_endian),
		cmocka_unit_test(bad_varints_are_refused),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(failure_sticks),
		cmocka_unit_test(rest_is_refused),
		cmocka_unit_test(strings_fit_or_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
