#include "tests/support/test.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "meta/stats_impl.h"

#define auto_value cleanup(stats_value_deinit)

static struct stats_value integer(enum schema_kind kind, int64_t i)
{
	return (struct stats_value){.kind = kind, .i = i};
}

static struct stats_value text(const char *s)
{
	struct stats_value v = {.kind = SCHEMA_STRING};

	v.bytes.data = (uint8_t *)strdup(s);
	v.bytes.len = strlen(s);
	return v;
}

static struct stats_value number(double f)
{
	return (struct stats_value){.kind = SCHEMA_FLOAT64, .f = f};
}

static struct stats_value null(void)
{
	return (struct stats_value){.is_null = true};
}

/* @v as a decimal of @kind, sign-extended. */
static struct stats_value decimal(enum schema_kind kind, int64_t v, unsigned precision)
{
	struct stats_value d = {.kind = kind, .precision = (uint8_t)precision, .scale = 2};

	for (int i = 0; i < 32; i++)
		d.decimal[31 - i] = (uint8_t)(i < 8 ? (uint64_t)v >> 8 * i : v < 0 ? 0xff : 0);
	return d;
}

static void add(struct stats *s, uint32_t leaf, struct stats_value min, struct stats_value max)
{
	s->columns = reallocarray(s->columns, s->n + 1, sizeof *s->columns);
	s->columns[s->n++] = (struct stats_column){.leaf_id = leaf,
		.has_range = true,
		.min = min,
		.max = max,
		.null_count = 1,
		.in_memory_size = 10,
		.distinct = 3};
}

static void values_are_ordered(void **state)
{
	struct stats_value rising[][2] = {
		{integer(SCHEMA_INT64, INT64_MIN), integer(SCHEMA_INT64, INT64_MAX)},
		{integer(SCHEMA_DATE, -1), integer(SCHEMA_DATE, 0)},
		{{.kind = SCHEMA_UINT64, .u = 1}, {.kind = SCHEMA_UINT64, .u = UINT64_MAX}},
		{number(-INFINITY), number(-1)},
		{number(INFINITY), number(NAN)},
		{decimal(SCHEMA_DECIMAL128, -2, 9), decimal(SCHEMA_DECIMAL128, -1, 9)},
		{decimal(SCHEMA_DECIMAL128, -1, 9), decimal(SCHEMA_DECIMAL128, 0, 9)},
		{decimal(SCHEMA_DECIMAL256, 255, 50), decimal(SCHEMA_DECIMAL256, 256, 50)},
		{null(), integer(SCHEMA_INT8, -128)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rising); i++) {
		assert_true(stats_value_compare(&rising[i][0], &rising[i][1]) < 0);
		assert_true(stats_value_compare(&rising[i][1], &rising[i][0]) > 0);
		assert_int_equal(stats_value_compare(&rising[i][0], &rising[i][0]), 0);
		assert_int_equal(stats_value_compare(&rising[i][1], &rising[i][1]), 0);
	}
}

static void strings_compare_by_bytes(void **state)
{
	struct stats_value a auto_value = text("ab"), b auto_value = text("abc");
	struct stats_value z auto_value = text("\xf0\x9f\xa6\x86");

	(void)state;
	assert_true(stats_value_compare(&a, &b) < 0);
	assert_true(stats_value_compare(&z, &b) > 0);
	assert_int_equal(stats_value_compare(&b, &b), 0);
}

/* The first 16 bytes of a 128-bit decimal are not looked at. */
static void decimal128_is_its_last_16_bytes(void **state)
{
	struct stats_value a = decimal(SCHEMA_DECIMAL128, -5, 9);
	struct stats_value b = a;

	(void)state;
	memset(b.decimal, 0, 16);
	assert_int_equal(stats_value_compare(&a, &b), 0);
}

static void merging_widens(void **state)
{
	struct stats a auto_stats = {0}, b auto_stats = {0};

	(void)state;
	add(&a, 1, integer(SCHEMA_INT32, 5), integer(SCHEMA_INT32, 7));
	add(&a, 2, text("m"), text("n"));
	add(&a, 4, number(1), number(2));
	add(&a, 6, null(), null());
	add(&b, 1, integer(SCHEMA_INT32, -3), integer(SCHEMA_INT32, 6));
	add(&b, 2, text("k"), text("z"));
	add(&b, 4, number(0), number(NAN));
	add(&b, 6, number(4), number(5));
	assert_int_equal(stats_merge(&a, &b), 0);
	assert_int_equal(a.n, 4);
	assert_int_equal(a.columns[0].min.i, -3);
	assert_int_equal(a.columns[0].max.i, 7);
	assert_int_equal(a.columns[0].null_count, 2);
	assert_int_equal(a.columns[0].in_memory_size, 20);
	assert_int_equal(a.columns[0].distinct, -1);
	assert_memory_equal(a.columns[1].min.bytes.data, "k", 1);
	assert_memory_equal(a.columns[1].max.bytes.data, "z", 1);
	assert_true(isnan(a.columns[2].max.f));
	assert_false(a.columns[3].min.is_null); /* NULLs bound nothing */
	assert_true(a.columns[3].min.f == 4);
}

static void what_one_side_does_not_know_is_not_known(void **state)
{
	struct stats a auto_stats = {0}, b auto_stats = {0};

	(void)state;
	add(&a, 1, integer(SCHEMA_INT32, 5), integer(SCHEMA_INT32, 7));
	add(&a, 2, integer(SCHEMA_INT32, 5), integer(SCHEMA_INT32, 7));
	add(&a, 3, decimal(SCHEMA_DECIMAL128, 1, 9), decimal(SCHEMA_DECIMAL128, 1, 9));
	add(&a, 5, integer(SCHEMA_INT32, 5), integer(SCHEMA_INT32, 7));
	add(&b, 0, integer(SCHEMA_INT32, 5), integer(SCHEMA_INT32, 7));
	add(&b, 1, integer(SCHEMA_INT64, 5), integer(SCHEMA_INT64, 7)); /* other type */
	add(&b, 3, decimal(SCHEMA_DECIMAL128, 1, 10), decimal(SCHEMA_DECIMAL128, 1, 10));
	add(&b, 5, integer(SCHEMA_INT32, 5), integer(SCHEMA_INT32, 7));
	b.columns[3].has_range = false;
	assert_int_equal(stats_merge(&a, &b), 0);
	assert_int_equal(a.n, 3); /* 0 and 2 are missing in one */
	for (size_t i = 0; i < a.n; i++) {
		assert_false(a.columns[i].has_range);
		assert_int_equal(a.columns[i].null_count, 2);
	}
}

static void counts_that_overflow_change_nothing(void **state)
{
	struct stats a auto_stats = {0}, b auto_stats = {0};

	(void)state;
	add(&a, 1, integer(SCHEMA_INT32, 5), integer(SCHEMA_INT32, 7));
	add(&b, 1, integer(SCHEMA_INT32, 4), integer(SCHEMA_INT32, 7));
	b.columns[0].null_count = UINT64_MAX;
	assert_int_equal(stats_merge(&a, &b), -EINVAL);
	assert_int_equal(a.columns[0].min.i, 5);
	assert_int_equal(a.columns[0].null_count, 1);
}

static void assert_bound(const char *s, bool is_max, const char *want)
{
	struct stats_value v auto_value = {0};

	assert_int_equal(stats_string_bound(slice_str(s), is_max, &v), 0);
	assert_int_equal(v.kind, SCHEMA_STRING);
	assert_int_equal(v.bytes.len, strlen(want));
	assert_memory_equal(v.bytes.data, want, v.bytes.len);
}

#define TOP "\xf4\x8f\xbf\xbf"

static void strings_are_cut_to_16_characters(void **state)
{
	struct stats_value v;

	(void)state;
	assert_bound("", true, "");
	assert_bound("0123456789abcdef", true, "0123456789abcdef");
	assert_bound("0123456789abcdefg", false, "0123456789abcdef");
	assert_bound("0123456789abcdefg", true, "0123456789abcde" TOP);
	/* characters, not bytes */
	assert_bound("\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87 0123456789a", true,
		"\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87 0123456789a");
	assert_bound("\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87 0123456789abc", true,
		"\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87 0123456789" TOP);
	/* a last character that cannot be raised: an earlier one is */
	assert_bound("0123456789abcde" TOP "x", true, "0123456789abcd" TOP);
	assert_bound(
		"0" TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP "x", true, TOP);
	assert_int_equal(stats_string_bound(slice_str(TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP
							    TOP TOP TOP TOP TOP "x"),
				 true, &v),
		-EINVAL);
	assert_int_equal(stats_string_bound(slice_str("\xff"), false, &v), -EINVAL);
	assert_int_equal(stats_string_bound(slice_str("\xed\xa0\x80"), false, &v), -EINVAL);
	assert_int_equal(stats_string_bound(slice_str("\xc0\x80"), false, &v), -EINVAL);
}

/* Whatever the text: the minimum is not above it, the maximum not below. */
static void bounds_are_bounds(void **state)
{
	static const char *const characters[] = {
		"a", "~", "\xc3\xbc", "\xe6\x97\xa5", "\xf0\x9f\xa6\x86", TOP, "\x01"};
	uint64_t seed = test_seed();

	(void)state;
	for (uint64_t n = test_scale(20000); n; n--) {
		struct stats_value min auto_value = {0}, max auto_value = {0}, all auto_value;
		char s[4 * 24 + 1] = "";

		for (uint64_t i = test_random(&seed) % 24; i; i--)
			strcat(s, characters[test_random(&seed) % ARRAY_SIZE(characters)]);
		all = text(s);
		assert_int_equal(stats_string_bound(slice_str(s), false, &min), 0);
		assert_true(stats_value_compare(&min, &all) <= 0);
		if (stats_string_bound(slice_str(s), true, &max))
			continue;
		assert_true(stats_value_compare(&max, &all) >= 0);
	}
}

/* The value of a statistics map of one column {0: {min: @v, max: @v, ..}}. */
static void encode_value(struct stats_value v, struct buf *ret)
{
	struct stats s auto_stats = {0};
	struct stats_value max = {0};
	struct pack p;

	assert_int_equal(stats_value_copy(&v, &max), 0);
	add(&s, 0, v, max);
	pack_init(&p, ret);
	assert_int_equal(stats_pack_fields(&s), 1);
	stats_pack(&p, &s);
	assert_int_equal(p.error, 0);
}

static void assert_encoded(struct stats_value v, const char *min, size_t len)
{
	struct buf b auto_buf = {0}, want auto_buf = {0};

	encode_value(v, &b);
	assert_int_equal(buf_printf(&want, "\xa3min"), 0);
	assert_int_equal(buf_append(&want, min, len), 0);
	assert_int_equal(buf_printf(&want, "\xa3max"), 0);
	assert_int_equal(buf_append(&want, min, len), 0);
	assert_non_null(memmem(b.data, b.len, want.data, want.len));
}
#define ASSERT_ENCODED(v, bytes) assert_encoded(v, bytes, sizeof(bytes) - 1)

static void values_are_written_with_their_type(void **state)
{
	(void)state;
	ASSERT_ENCODED(integer(SCHEMA_INT64, 1), "\x81\xa6"
						 "Number"
						 "\x81\xa5"
						 "Int64"
						 "\x01");
	ASSERT_ENCODED(integer(SCHEMA_INT32, -5), "\x81\xa6"
						  "Number"
						  "\x81\xa5"
						  "Int32"
						  "\xfb");
	ASSERT_ENCODED(((struct stats_value){.kind = SCHEMA_UINT64, .u = UINT64_MAX}),
		"\x81\xa6"
		"Number"
		"\x81\xa6"
		"UInt64"
		"\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
	ASSERT_ENCODED(((struct stats_value){.kind = SCHEMA_FLOAT32, .f = 1.5}),
		"\x81\xa6"
		"Number"
		"\x81\xa7"
		"Float32"
		"\xca\x3f\xc0\x00\x00");
	ASSERT_ENCODED(number(-NAN), "\x81\xa6"
				     "Number"
				     "\x81\xa7"
				     "Float64"
				     "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00");
	ASSERT_ENCODED(integer(SCHEMA_DATE, -1), "\x81\xa4"
						 "Date"
						 "\xff");
	ASSERT_ENCODED(integer(SCHEMA_TIMESTAMP, 200), "\x81\xa9"
						       "Timestamp"
						       "\xcc\xc8");
	ASSERT_ENCODED(text("a\xc3\xbc"), "\x81\xa6"
					  "String"
					  "\x93"
					  "a"
					  "\xcc\xc3\xcc\xbc");
	ASSERT_ENCODED(null(), "\xa4"
			       "Null");
}

static void decimals_are_written_with_their_type(void **state)
{
	(void)state;
	ASSERT_ENCODED(decimal(SCHEMA_DECIMAL128, -2, 15),
		"\x81\xa7"
		"Decimal"
		"\x81\xaa"
		"Decimal128"
		"\x92\xc4\x10"
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"
		"\x82\xa9"
		"precision"
		"\x0f\xa5"
		"scale"
		"\x02");
	ASSERT_ENCODED(decimal(SCHEMA_DECIMAL256, -31, 50), "\x81\xa7"
							    "Decimal"
							    "\x81\xaa"
							    "Decimal256"
							    "\x92\xa5"
							    "-0x1f"
							    "\x82\xa9"
							    "precision"
							    "\x32\xa5"
							    "scale"
							    "\x02");
	ASSERT_ENCODED(decimal(SCHEMA_DECIMAL256, 0, 50), "\x81\xa7"
							  "Decimal"
							  "\x81\xaa"
							  "Decimal256"
							  "\x92\xa3"
							  "0x0"
							  "\x82\xa9"
							  "precision"
							  "\x32\xa5"
							  "scale"
							  "\x02");
}

/* Takes the key off and reads the map. */
static int decode(const struct buf *b, struct stats *ret)
{
	struct unpack u = unpack_of(buf_slice(b));

	for (int pairs = 0; pairs < 2 && u.p < u.end; pairs++) {
		unpack_str(&u);
		stats_unpack(&u, ret);
	}
	stats_unpack_end(&u, ret);
	return unpack_end(&u);
}

static void values_survive(void **state)
{
	struct stats_value values[] = {integer(SCHEMA_INT8, -128), integer(SCHEMA_INT16, INT16_MIN),
		integer(SCHEMA_INT32, INT32_MAX), integer(SCHEMA_INT64, INT64_MIN),
		{.kind = SCHEMA_UINT8, .u = 255}, {.kind = SCHEMA_UINT16, .u = 65535},
		{.kind = SCHEMA_UINT32, .u = UINT32_MAX}, {.kind = SCHEMA_UINT64, .u = UINT64_MAX},
		{.kind = SCHEMA_FLOAT32, .f = -INFINITY}, number(NAN), number(0.1),
		integer(SCHEMA_DATE, INT32_MIN), integer(SCHEMA_TIMESTAMP, INT64_MAX), text(""),
		text("\xf0\x9f\xa6\x86"), null(), decimal(SCHEMA_DECIMAL128, INT64_MIN, 38),
		decimal(SCHEMA_DECIMAL256, INT64_MIN, 76), decimal(SCHEMA_DECIMAL256, 1, 76)};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct stats_value want auto_value = {0};
		struct buf b auto_buf = {0};
		struct stats s auto_stats = {0};

		assert_int_equal(stats_value_copy(&values[i], &want), 0);
		encode_value(values[i], &b);
		assert_int_equal(decode(&b, &s), 0);
		assert_int_equal(s.n, 1);
		assert_true(s.columns[0].has_range);
		assert_int_equal(s.columns[0].min.kind == want.kind || want.is_null, true);
		assert_int_equal(s.columns[0].min.precision, want.precision);
		assert_int_equal(stats_value_compare(&s.columns[0].min, &want), 0);
		assert_int_equal(stats_value_compare(&s.columns[0].max, &want), 0);
		assert_int_equal(s.columns[0].distinct, 3);
	}
}

/* In col_stats it would say that all is NULL; so it goes beside, and comes back. */
static void a_column_without_a_range_keeps_its_counts(void **state)
{
	struct stats s auto_stats = {0}, back auto_stats = {0};
	struct buf b auto_buf = {0};
	struct pack p;

	(void)state;
	add(&s, 1, integer(SCHEMA_INT8, 1), integer(SCHEMA_INT8, 2));
	add(&s, 2, null(), null());
	add(&s, 3, integer(SCHEMA_INT8, 1), integer(SCHEMA_INT8, 2));
	s.columns[1].has_range = false;
	s.columns[1].null_count = 77;
	pack_init(&p, &b);
	assert_int_equal(stats_pack_fields(&s), 2);
	stats_pack(&p, &s);
	assert_non_null(memmem(b.data, b.len,
		"\xa9"
		"col_stats"
		"\x82\x01",
		12));
	assert_int_equal(decode(&b, &back), 0);
	assert_int_equal(back.n, 3);
	assert_false(back.columns[1].has_range);
	assert_int_equal(back.columns[1].leaf_id, 2);
	assert_int_equal(back.columns[1].null_count, 77);
	assert_true(back.columns[2].has_range);
}

/* One column whose min is @min and whose max is @max. */
static int decode_range(
	const char *min, size_t min_len, const char *max, size_t max_len, struct stats *ret)
{
	struct buf b auto_buf = {0};
	struct pack p;

	pack_init(&p, &b);
	pack_str(&p, "col_stats");
	pack_map(&p, 1);
	pack_u64(&p, 9);
	pack_map(&p, 4);
	pack_str(&p, "min");
	pack_raw(&p, (struct slice){min, min_len});
	pack_str(&p, "max");
	pack_raw(&p, (struct slice){max, max_len});
	pack_key_u64(&p, "null_count", 0);
	pack_key_u64(&p, "in_memory_size", 0);
	return decode(&b, ret);
}
#define DECODE_RANGE(min, max, ret) decode_range(min, sizeof(min) - 1, max, sizeof(max) - 1, ret)

static void ranges_that_make_no_sense_are_not_known(void **state)
{
	struct stats s auto_stats = {0};

	(void)state;
	assert_int_equal(DECODE_RANGE("\x81\xa7"
				      "Boolean"
				      "\xc2",
				 "\x81\xa7"
				 "Boolean"
				 "\xc3",
				 &s),
		0);
	assert_false(s.columns[0].has_range);
	stats_deinit(&s);
	assert_int_equal(DECODE_RANGE("\x81\xa4"
				      "Date"
				      "\x02",
				 "\x81\xa4"
				 "Date"
				 "\x01",
				 &s),
		0);
	assert_false(s.columns[0].has_range);
	stats_deinit(&s);
	assert_int_equal(DECODE_RANGE("\xa4"
				      "Null",
				 "\x81\xa4"
				 "Date"
				 "\x01",
				 &s),
		0);
	assert_false(s.columns[0].has_range);
	stats_deinit(&s);
	assert_int_equal(DECODE_RANGE("\x81\xa4"
				      "Date"
				      "\x01",
				 "\x81\xa9"
				 "Timestamp"
				 "\x01",
				 &s),
		0);
	assert_false(s.columns[0].has_range);
}

static void values_beyond_their_type_are_refused(void **state)
{
	struct stats s auto_stats = {0};

	(void)state;
	assert_int_equal(DECODE_RANGE("\x81\xa6"
				      "Number"
				      "\x81\xa4"
				      "Int8"
				      "\x00",
				 "\x81\xa6"
				 "Number"
				 "\x81\xa4"
				 "Int8"
				 "\xcc\x80",
				 &s),
		-EUCLEAN);
	stats_deinit(&s);
	assert_int_equal(DECODE_RANGE("\x81\xa6"
				      "Number"
				      "\x81\xa5"
				      "UInt8"
				      "\x00",
				 "\x81\xa6"
				 "Number"
				 "\x81\xa5"
				 "UInt8"
				 "\xff",
				 &s),
		-EUCLEAN);
	stats_deinit(&s);
	assert_int_equal(DECODE_RANGE("\x81\xa6"
				      "String"
				      "\x91\xcd\x01\x00",
				 "\x81\xa6"
				 "String"
				 "\x90",
				 &s),
		-EUCLEAN);
	stats_deinit(&s);
	/* an array that says it has 2^32 - 1 elements */
	assert_int_equal(DECODE_RANGE("\x81\xa6"
				      "String"
				      "\xdd\xff\xff\xff\xff",
				 "\x81\xa6"
				 "String"
				 "\x90",
				 &s),
		-EUCLEAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_ordered),
		cmocka_unit_test(strings_compare_by_bytes),
		cmocka_unit_test(decimal128_is_its_last_16_bytes),
		cmocka_unit_test(merging_widens),
		cmocka_unit_test(what_one_side_does_not_know_is_not_known),
		cmocka_unit_test(counts_that_overflow_change_nothing),
		cmocka_unit_test(strings_are_cut_to_16_characters),
		cmocka_unit_test(bounds_are_bounds),
		cmocka_unit_test(values_are_written_with_their_type),
		cmocka_unit_test(decimals_are_written_with_their_type),
		cmocka_unit_test(values_survive),
		cmocka_unit_test(a_column_without_a_range_keeps_its_counts),
		cmocka_unit_test(ranges_that_make_no_sense_are_not_known),
		cmocka_unit_test(values_beyond_their_type_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
