/* What real files and made-up descriptions become. */
#include "refs/parquet_impl.h"
#include "refs/reader.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static struct reader *reader;

static int setup(void **state)
{
	(void)state;
	return reader_open(0, &reader);
}

static int teardown(void **state)
{
	(void)state;
	reader_close(reader);
	return 0;
}

static int describe(const char *sample, struct parquet_file *ret, struct bough_error *error)
{
	char path[512];
	struct json_object *j = NULL;
	int fd cleanup(close_p) = -1, r;

	snprintf(path, sizeof path, "%s/parquet/%s.parquet", BOUGH_SAMPLES, sample);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	r = reader_inspect(reader, fd, sample, &j, error);
	if (!r)
		r = parquet_describe(j, sample, ret, error);
	json_object_put(j);
	return r;
}

static struct parquet_file described(const char *sample)
{
	struct parquet_file f = {0};
	struct bough_error error = {0};

	if (describe(sample, &f, &error))
		fail_msg("%s", error.message);
	return f;
}

static void expect_types(const struct parquet_file *f, const char *const types[][2], size_t n)
{
	assert_int_equal(f->schema.n_fields, n);
	for (size_t i = 0; i < n; i++) {
		struct buf text auto_buf = {0};

		assert_string_equal(f->schema.fields[i].name, types[i][0]);
		assert_int_equal(schema_type_text(&f->schema.fields[i].type, &text), 0);
		assert_int_equal(buf_append(&text, "", 1), 0);
		assert_string_equal((char *)text.data, types[i][1]);
	}
}

static const struct stats_column *stats_of(const struct codec_block *b, uint32_t leaf)
{
	for (size_t i = 0; i < b->stats.n; i++)
		if (b->stats.columns[i].leaf_id == leaf)
			return &b->stats.columns[i];
	return NULL;
}

/* Low half of a decimal, which must be the sign extension of it. */
static int64_t low_half(const struct stats_value *v)
{
	uint64_t low = 0;

	for (int i = 24; i < 32; i++)
		low = low << 8 | v->decimal[i];
	for (int i = 0; i < 24; i++)
		assert_int_equal(v->decimal[i], (int64_t)low < 0 ? 0xff : 0);
	return (int64_t)low;
}

static void test_types(void **state)
{
	static const char *const types[][2] = {{"i8", "INT8 NULL"}, {"u32", "UINT32 NULL"},
		{"u64", "UINT64 NULL"}, {"i64", "INT64 NULL"}, {"f32", "FLOAT32 NULL"},
		{"f64", "FLOAT64 NULL"}, {"bool", "BOOLEAN NULL"}, {"text", "STRING NULL"},
		{"hex", "STRING NULL"}, {"bin", "BINARY NULL"}, {"date", "DATE NULL"},
		{"us", "TIMESTAMP NULL"}, {"utc", "TIMESTAMP NULL"}, {"d4", "DECIMAL(4,2) NULL"},
		{"d18", "DECIMAL(18,6) NULL"}, {"d38", "DECIMAL(38,2) NULL"},
		{"list", "ARRAY(INT64 NULL) NULL"}, {"map", "MAP(STRING, INT32 NULL) NULL"},
		{"tuple", "TUPLE(x INT64 NULL, y STRING NULL) NULL"}};
	struct parquet_file f = described("types");

	(void)state;
	expect_types(&f, types, ARRAY_SIZE(types));
	assert_false(f.is_foreign);
	assert_int_equal(f.schema.metadata.len, 0);
	parquet_file_deinit(&f);
}

static void test_statistics(void **state)
{
	static const uint32_t none[] = {6, 8 /* but counts */, 9, 16, 17, 18};
	struct parquet_file f = described("types");
	const struct codec_block *b = &f.groups[0];

	(void)state;
	assert_int_equal(stats_of(b, 0)->min.i, -128);
	assert_int_equal(stats_of(b, 0)->max.i, 127);
	assert_int_equal(stats_of(b, 0)->null_count, 1);
	assert_true(stats_of(b, 1)->max.u == UINT32_MAX);
	assert_true(stats_of(b, 2)->max.u == UINT64_MAX);
	assert_true(stats_of(b, 3)->min.i == INT64_MIN && stats_of(b, 3)->max.i == INT64_MAX);
	assert_false(stats_of(b, 4)->has_range); /* a NaN may be there */
	assert_false(stats_of(b, 5)->has_range); /* as above, though there is none here */
	assert_int_equal(stats_of(b, 5)->null_count, 3);
	assert_memory_equal(stats_of(b, 7)->min.bytes.data, "zzzzzzzzzzzzzzzz", 16);
	assert_int_equal(stats_of(b, 7)->max.bytes.len, 4);
	assert_memory_equal(stats_of(b, 7)->max.bytes.data, "\xc3\xa4\0b", 4);
	assert_int_equal(stats_of(b, 10)->min.i, -800000);
	assert_int_equal(stats_of(b, 11)->min.i, -1);
	assert_int_equal(stats_of(b, 12)->max.i, INT64_C(1582934400123456));
	assert_int_equal(low_half(&stats_of(b, 13)->min), -5);
	assert_int_equal(low_half(&stats_of(b, 14)->max), 1500000);
	assert_int_equal(low_half(&stats_of(b, 15)->min), -150);
	assert_int_equal(stats_of(b, 15)->max.decimal[16], 0x4b); /* 10^38 - 1 */
	assert_int_equal(stats_of(b, 19)->max.i, 3);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_true(!stats_of(b, none[i]) || !stats_of(b, none[i])->has_range);
	assert_non_null(stats_of(b, 8));
	parquet_file_deinit(&f);
}

static void test_duckdb(void **state)
{
	static const char *const types[][2] = {{"i", "INT32 NULL"}, {"b", "BOOLEAN NULL"},
		{"t", "STRING NULL"}, {"d1", "DECIMAL(2,0) NULL"}, {"d9", "DECIMAL(9,2) NULL"},
		{"d", "DATE NULL"}, {"ts", "TIMESTAMP NULL"}, {"l", "ARRAY(INT64 NULL) NULL"},
		{"s", "TUPLE(x INT64 NULL) NULL"}, {"m", "MAP(STRING, INT64 NULL) NULL"},
		{"j", "STRING NULL"}, {"iv", "INTERVAL NULL"}};
	struct parquet_file f = described("duckdb");
	struct slice kept;

	(void)state;
	expect_types(&f, types, ARRAY_SIZE(types));
	assert_string_equal(f.foreign_reason, "column iv: Parquet intervals");
	assert_int_equal(schema_metadata_get(&f.schema, PARQUET_TYPE_KEY "11", &kept), 0);
	assert_true(slice_equal(kept, slice_str("JSON")));
	assert_int_equal(schema_metadata_get(&f.schema, PARQUET_TYPE_KEY "12", &kept), 0);
	assert_true(slice_equal(kept, slice_str("INTERVAL")));
	assert_int_equal(stats_of(f.groups, 5)->max.i, 19790);
	assert_int_equal(stats_of(f.groups, 6)->min.i, INT64_C(1709164799999999));
	parquet_file_deinit(&f);
}

static void test_foreign(void **state)
{
	static const char *const types[][2] = {{"time", "INT64 NULL"}, {"uuid", "BINARY NULL"},
		{"half", "FLOAT32 NULL"}, {"four", "BINARY NULL"}, {"ms", "TIMESTAMP NULL"},
		{"ns", "TIMESTAMP NULL"}, {"d1", "DECIMAL(2,0) NULL"},
		{"d60", "DECIMAL(60,2) NULL"}};
	static const char *const kept[] = {"TIME_MICROS", "UUID", "FLOAT16",
		"FIXED_LEN_BYTE_ARRAY(4)", "TIMESTAMP_MILLIS", "TIMESTAMP_NANOS"};
	struct parquet_file f = described("foreign");

	(void)state;
	expect_types(&f, types, ARRAY_SIZE(types));
	assert_true(f.is_foreign);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
		char key[64];
		struct slice value;

		snprintf(key, sizeof key, PARQUET_TYPE_KEY "%u", i);
		assert_int_equal(schema_metadata_get(&f.schema, key, &value), 0);
		assert_true(slice_equal(value, slice_str(kept[i])));
	}
	assert_int_equal(stats_of(f.groups, 4)->min.i, -1000);
	assert_false(stats_of(f.groups, 5)->has_range);
	assert_false(stats_of(f.groups, 7)->has_range);
	parquet_file_deinit(&f);
}

static void test_reasons(void **state)
{
	static const char *const reasons[][2] = {{"int96", "column t: INT96 timestamps"},
		{"brotli", "column a: compressed by BROTLI"},
		{"lz4", "column a: compressed by LZ4"},
		{"mixed", "column t: compressed by Zstd, others by Snappy"},
		{"two_levels", "column l: a list of two levels"}, {"small", ""}, {"required", ""},
		{"groups", ""}, {"no_stats", ""}, {"empty_group", ""}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		struct parquet_file f = described(reasons[i][0]);

		assert_string_equal(f.foreign_reason, reasons[i][1]);
		assert_int_equal(f.is_foreign, *reasons[i][1] != '\0');
		parquet_file_deinit(&f);
	}
}

static void test_groups(void **state)
{
	struct parquet_file f = described("groups"), empty = described("no_rows");
	struct parquet_file skipped = described("empty_group");
	uint64_t raw = 0;

	(void)state;
	assert_int_equal(f.n_groups, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct codec_block *b = &f.groups[i];

		assert_int_equal(b->row_count, i < 2 ? 4 : 2);
		assert_int_equal(b->file_size, f.size_bytes);
		assert_string_equal(b->compression, "Zstd");
		assert_int_equal(b->n_columns, 1);
		assert_int_equal(b->columns[0].num_values, b->row_count);
		assert_int_equal(stats_of(b, 0)->min.i, 4 * i);
		raw += b->block_size;
	}
	assert_int_equal(f.groups[0].columns[0].offset, 4); /* the dictionary's */
	assert_int_equal(f.groups[0].columns[0].len, f.groups[1].columns[0].offset - 4);
	assert_int_equal(f.raw_bytes, raw);
	assert_int_equal(f.rows, 10);
	assert_int_equal(empty.rows, 0);
	assert_int_equal(empty.n_groups, 0);
	assert_int_equal(empty.schema.n_fields, 2);
	assert_int_equal(skipped.n_groups, 1);
	assert_int_equal(skipped.groups[0].row_count, 3);
	parquet_file_deinit(&f);
	parquet_file_deinit(&empty);
	parquet_file_deinit(&skipped);
}

static void test_untrusted_bounds(void **state)
{
	struct parquet_file f = described("old_bounds");

	(void)state;
	assert_false(stats_of(f.groups, 0)->has_range);
	assert_false(stats_of(f.groups, 1)->has_range);
	assert_int_equal(stats_of(f.groups, 0)->null_count, 1);
	parquet_file_deinit(&f);
	f = described("no_orders");
	assert_false(stats_of(f.groups, 0)->has_range);
	parquet_file_deinit(&f);
	f = described(
		"not_exact"); /* a text's bound bounds, a number's is trusted as the maximum */
	assert_false(stats_of(f.groups, 0)->has_range);
	assert_true(stats_of(f.groups, 1)->has_range);
	parquet_file_deinit(&f);
	f = described("no_stats");
	assert_null(stats_of(f.groups, 0));
	parquet_file_deinit(&f);
	f = described("required");
	assert_int_equal(stats_of(f.groups, 0)->null_count, 0);
	assert_false(f.schema.fields[0].type.nullable);
	parquet_file_deinit(&f);
}

static void test_refused(void **state)
{
	static const char *const cases[][2] = {{"rows_differ", "row groups have 3 rows, it says 4"},
		{"rows_huge", "3 values for"}, {"far_offset", "lies outside the file"},
		{"twice", "there are two of this name"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parquet_file f = {0};
		struct bough_error error = {0};

		assert_int_equal(describe(cases[i][0], &f, &error), -EINVAL);
		assert_non_null(strstr(error.message, cases[i][1]));
		assert_null(f.schema.fields);
	}
}

static int describe_text(const char *text, struct parquet_file *ret, struct bough_error *error)
{
	struct json_object *j = json_tokener_parse(text);
	int r;

	assert_non_null(j);
	r = parquet_describe(j, "x", ret, error);
	json_object_put(j);
	return r;
}

#define FILE_FACTS "\"size\": 900, \"file\": {\"rows\": 2, \"row_groups\": 1}, "
#define ROOT "{\"name\": \"r\", \"num_children\": 1}, "
#define LEAF "{\"name\": \"a\", \"type\": \"INT32\", \"repetition\": \"OPTIONAL\"}"
#define CHUNK(facts) "\"chunks\": [[" facts "]]"
#define GOOD_CHUNK CHUNK("0, 2, 0, 4, 90, 90, 2, \"ZSTD\"")

/* A helper that was taken over answers what it likes. */
static void test_nonsense(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"size\": 900}",
		"{\"size\": 3, \"file\": {\"rows\": 0, \"row_groups\": 0}, \"schema\": [], "
		"\"chunks\": []}",
		"{" FILE_FACTS "\"schema\": 7, " GOOD_CHUNK "}",
		"{" FILE_FACTS "\"schema\": [], " GOOD_CHUNK "}",
		"{" FILE_FACTS "\"schema\": [7], " GOOD_CHUNK "}",
		"{" FILE_FACTS "\"schema\": [" LEAF "], " GOOD_CHUNK "}",
		"{" FILE_FACTS "\"schema\": [" ROOT LEAF ", " LEAF "], " GOOD_CHUNK "}",
		"{" FILE_FACTS "\"schema\": [{\"name\": \"r\", \"num_children\": 1}], " GOOD_CHUNK
		"}",
		"{" FILE_FACTS "\"schema\": [{\"name\": \"r\", \"num_children\": 99999999}, " LEAF
		"], " GOOD_CHUNK "}",
		"{" FILE_FACTS "\"schema\": [" ROOT "{\"name\": \"a\"}], " GOOD_CHUNK "}",
		"{" FILE_FACTS "\"schema\": [" ROOT
		"{\"name\": \"\", \"type\": \"INT32\"}], " GOOD_CHUNK "}",
		"{" FILE_FACTS "\"schema\": [" ROOT
		"{\"name\": \"a\", \"type\": \"INT33\"}], " GOOD_CHUNK "}",
		"{" FILE_FACTS "\"schema\": [" ROOT "{\"name\": \"a\", \"converted\": \"LIST\", "
		"\"num_children\": 1}, " LEAF "], " GOOD_CHUNK "}",
		"{" FILE_FACTS "\"schema\": [" ROOT "{\"name\": \"a\", \"type\": \"INT32\", "
		"\"converted\": \"DECIMAL\", \"precision\": 99, \"scale\": 2}], " GOOD_CHUNK "}",
		"{" FILE_FACTS "\"schema\": [" ROOT LEAF "], \"chunks\": []}",
		"{" FILE_FACTS "\"schema\": [" ROOT LEAF "], \"chunks\": [7]}",
		"{" FILE_FACTS "\"schema\": [" ROOT LEAF "], \"chunks\": [[]]}",
		"{" FILE_FACTS "\"schema\": [" ROOT LEAF "], " CHUNK("0, 2, 1, 4, 90, 90, 2") "}",
		"{" FILE_FACTS "\"schema\": [" ROOT LEAF "], " CHUNK("0, 2, 0, 0, 90, 90, 2") "}",
		"{" FILE_FACTS "\"schema\": [" ROOT LEAF "], " CHUNK("0, 2, 0, 4, 890, 90, 2") "}",
		"{" FILE_FACTS "\"schema\": [" ROOT LEAF "], " CHUNK("0, 2, 0, 4, 90, -1, 2") "}",
		"{" FILE_FACTS "\"schema\": [" ROOT LEAF
		"], " CHUNK("0, 2, 0, 9223372036854775807, 9223372036854775807, 1, 2") "}",
		"{" FILE_FACTS "\"schema\": [" ROOT LEAF "], " CHUNK("0, 2, 0, 4, 90, 90, 3") "}",
	};
	struct parquet_file f = {0};

	(void)state;
	assert_int_equal(
		describe_text(
			"{" FILE_FACTS "\"schema\": [" ROOT LEAF "], " GOOD_CHUNK "}", &f, NULL),
		0);
	parquet_file_deinit(&f);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct bough_error error = {0};

		if (describe_text(texts[i], &f, &error) != -EINVAL || !*error.message)
			fail_msg("%zu: %s", i, texts[i]);
	}
}

static void test_deep(void **state)
{
	struct buf text auto_buf = {0};
	struct parquet_file f = {0};
	struct bough_error error = {0};

	(void)state;
	buf_printf(&text, "{" FILE_FACTS "\"schema\": [");
	for (int i = 0; i < 100000; i++)
		buf_printf(&text, ROOT);
	buf_printf(&text, LEAF "], " GOOD_CHUNK "}%c", 0);
	assert_int_equal(describe_text((char *)text.data, &f, &error), -EINVAL);
	assert_non_null(strstr(error.message, "levels deep"));
}

static int parse(enum schema_kind kind, const char *text, struct stats_value *ret)
{
	struct parquet_leaf leaf = {.kind = kind, .precision = 6, .scale = 2};

	return parquet_value_parse(&leaf, slice_str(text), true, ret);
}

static const struct {
	enum schema_kind kind;
	const char *text;
} bad_values[] = {
	{SCHEMA_INT8, "128"},
	{SCHEMA_INT8, "-129"},
	{SCHEMA_INT8, ""},
	{SCHEMA_INT8, "-"},
	{SCHEMA_INT8, "1 "},
	{SCHEMA_INT8, "+1"},
	{SCHEMA_INT64, "9223372036854775808"},
	{SCHEMA_INT64, "18446744073709551617"},
	{SCHEMA_UINT64, "18446744073709551616"},
	{SCHEMA_UINT8, "-1"},
	{SCHEMA_INT64, "12:00:00"},
	{SCHEMA_DATE, "infinity"},
	{SCHEMA_DATE, "-infinity"},
	{SCHEMA_DATE, "2000-13-01"},
	{SCHEMA_DATE, "2000-01-00"},
	{SCHEMA_DATE, "2000-01"},
	{SCHEMA_DATE, "999999999-01-01"},
	{SCHEMA_TIMESTAMP, "infinity"},
	{SCHEMA_TIMESTAMP, "2000-01-01"},
	{SCHEMA_TIMESTAMP, "2000-01-01 00:00"},
	{SCHEMA_TIMESTAMP, "2000-01-01 00:00:00."},
	{SCHEMA_TIMESTAMP, "2000-01-01 00:00:00.1234567"},
	{SCHEMA_TIMESTAMP, "2000-01-01 00:00:00+01"},
	{SCHEMA_TIMESTAMP, "294247-01-10 04:00:54.775808"},
	{SCHEMA_DECIMAL128, "1.5"},
	{SCHEMA_DECIMAL128, "1"},
	{SCHEMA_DECIMAL128, "12345.00"},
	{SCHEMA_DECIMAL128, "1.5e3"},
	{SCHEMA_DECIMAL128, ""},
	{SCHEMA_FLOAT64, "1.5"},
	{SCHEMA_BOOLEAN, "true"},
	{SCHEMA_STRING, "\\xFF"},
	{SCHEMA_STRING, "ab\\xC3"},
};

static void test_values(void **state)
{
	static const struct {
		enum schema_kind kind;
		const char *text;
		int64_t value;
	} good[] = {
		{SCHEMA_INT8, "-128", -128},
		{SCHEMA_INT64, "-9223372036854775808", INT64_MIN},
		{SCHEMA_UINT8, "255", 255},
		{SCHEMA_DATE, "1970-01-01", 0},
		{SCHEMA_DATE, "1969-12-31", -1},
		{SCHEMA_DATE, "2000-02-29", 11016},
		{SCHEMA_DATE, "0001-01-01", -719162},
		{SCHEMA_DATE, "0001-12-31 (BC)", -719163},
		{SCHEMA_DATE, "0222-09-04 (BC)", -800000},
		{SCHEMA_DATE, "5477784-01-06", 2000000000},
		{SCHEMA_TIMESTAMP, "1970-01-01 00:00:00", 0},
		{SCHEMA_TIMESTAMP, "1969-12-31 23:59:59.9", -100000},
		{SCHEMA_TIMESTAMP, "1970-01-01 00:00:00.000001+00", 1},
		{SCHEMA_TIMESTAMP, "17721-01-06 (BC) 00:00:00", -621355968000000000},
		{SCHEMA_TIMESTAMP, "294247-01-10 04:00:54.775806", INT64_MAX - 1},
	};
	struct stats_value v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (parse(good[i].kind, good[i].text, &v) || v.i != good[i].value)
			fail_msg("%s: %" PRId64, good[i].text, v.i);
	for (size_t i = 0; i < ARRAY_SIZE(bad_values); i++)
		if (parse(bad_values[i].kind, bad_values[i].text, &v) != -EINVAL)
			fail_msg("%s is taken", bad_values[i].text);
	assert_int_equal(parse(SCHEMA_DECIMAL128, "-1234.05", &v), 0);
	assert_int_equal(low_half(&v), -123405);
	assert_int_equal(parse(SCHEMA_DECIMAL128, "-0.05", &v), 0);
	assert_int_equal(low_half(&v), -5);
}

/* A file of INT32 and text into a table of t, BIGINT and DECIMAL(20,3). */
static void test_renumber(void **state)
{
	struct parquet_file f = described("small"), same = described("small");
	struct schema table auto_schema = {0};
	struct schema_type text = {.kind = SCHEMA_STRING, .nullable = true};
	struct schema_type wide = {.kind = SCHEMA_INT64, .nullable = true};
	struct schema_type decimal = {
		.kind = SCHEMA_DECIMAL128, .precision = 20, .scale = 3, .nullable = true};
	const uint32_t to_wide[] = {1, 0}, to_decimal[] = {2, 0}, unchanged[] = {0, 1};

	(void)state;
	assert_int_equal(schema_field_add(&table, "t", &text), 0);
	assert_int_equal(schema_field_add(&table, "a", &wide), 0);
	assert_int_equal(schema_field_add(&table, "d", &decimal), 0);
	assert_int_equal(parquet_renumber(&same, &f.schema, unchanged, 2), 0);
	assert_false(same.is_foreign);
	assert_int_equal(parquet_renumber(&same, &table, to_decimal, 2), 0);
	assert_true(same.is_foreign);
	assert_int_equal(stats_of(same.groups, 2)->max.kind, SCHEMA_DECIMAL128);
	assert_int_equal(stats_of(same.groups, 2)->max.scale, 3);
	assert_int_equal(low_half(&stats_of(same.groups, 2)->max), 3000);
	assert_int_equal(parquet_renumber(&f, &table, to_wide, 1), -EINVAL);
	assert_int_equal(parquet_renumber(&f, &table, (uint32_t[]){7, 8}, 2), -EINVAL);
	assert_int_equal(parquet_renumber(&f, &table, to_wide, 2), 0);
	assert_string_equal(
		f.foreign_reason, "column a: INT32 NULL in the file, INT64 NULL in the table");
	assert_int_equal(f.groups[0].columns[0].leaf_id, 0);
	assert_int_equal(f.groups[0].columns[1].leaf_id, 1);
	assert_int_equal(f.groups[0].columns[1].offset, 4);
	assert_int_equal(f.groups[0].stats.columns[0].leaf_id, 0);
	assert_memory_equal(stats_of(f.groups, 0)->max.bytes.data, "b", 1);
	assert_int_equal(stats_of(f.groups, 1)->max.kind, SCHEMA_INT64);
	assert_int_equal(stats_of(f.groups, 1)->max.i, 3);
	/* what the file does not have is NULL throughout, which is known */
	assert_true(stats_of(f.groups, 2)->has_range);
	assert_true(stats_of(f.groups, 2)->min.is_null && stats_of(f.groups, 2)->max.is_null);
	assert_int_equal(stats_of(f.groups, 2)->null_count, f.groups[0].row_count);
	parquet_file_deinit(&f);
	parquet_file_deinit(&same);
}

static void test_widen(void **state)
{
	const struct schema_type f64 = {.kind = SCHEMA_FLOAT64}, i16 = {.kind = SCHEMA_INT16};
	const struct schema_type d76 = {.kind = SCHEMA_DECIMAL256, .precision = 76, .scale = 4};
	struct stats_value v = {.kind = SCHEMA_INT32, .i = -7}, ret;
	struct stats_value u = {.kind = SCHEMA_UINT32, .u = UINT32_MAX}, d = {0};

	(void)state;
	assert_int_equal(parquet_value_widen(&v, &f64, &ret), -EINVAL);
	assert_int_equal(parquet_value_widen(&v, &d76, &ret), 0);
	assert_int_equal(low_half(&ret), -70000);
	assert_int_equal(parquet_value_widen(&u, &d76, &ret), 0);
	assert_int_equal(low_half(&ret), INT64_C(42949672950000));
	assert_int_equal(parquet_value_widen(&u, &i16, &ret), -EINVAL);
	assert_int_equal(parse(SCHEMA_DECIMAL128, "-1.50", &d), 0);
	memset(d.decimal, 0xaa, 16); /* means nothing in a DECIMAL128 */
	assert_int_equal(parquet_value_widen(&d, &d76, &ret), 0);
	assert_int_equal(low_half(&ret), -15000);
	assert_int_equal(parquet_value_widen(&d, &f64, &ret), -EINVAL);
	v.is_null = true;
	assert_int_equal(parquet_value_widen(&v, &d76, &ret), 0);
	assert_true(ret.is_null && ret.kind == SCHEMA_DECIMAL256);
}

static void make_column(struct schema *s, enum schema_kind kind, const char *exact)
{
	struct schema_type t = {.kind = kind, .nullable = true};

	assert_int_equal(schema_field_add(s, "c", &t), 0);
	if (exact)
		assert_int_equal(schema_metadata_set(s, PARQUET_TYPE_KEY "0", exact), 0);
}

/* What looks alike in a schema but means something else is refused by name. */
static void test_exact_types(void **state)
{
	static const struct {
		enum schema_kind kind;
		const char *table, *file;
		int want;
	} cases[] = {
		{SCHEMA_INT64, NULL, NULL, 0},
		{SCHEMA_INT64, "TIME_MICROS", "TIME_MICROS", 0},
		{SCHEMA_INT64, NULL, "TIME_MICROS", -EINVAL},
		{SCHEMA_INT64, "TIME_MICROS", NULL, -EINVAL},
		{SCHEMA_INT64, "TIME_MICROS", "TIME_NANOS", -EINVAL},
		{SCHEMA_TIMESTAMP, NULL, "TIMESTAMP_MILLIS", 0},
		{SCHEMA_TIMESTAMP, "TIMESTAMP_MILLIS", NULL, -EINVAL},
		{SCHEMA_TIMESTAMP, NULL, "TIMESTAMP_NANOS", -EINVAL},
		{SCHEMA_STRING, "ENUM", NULL, 0},
		{SCHEMA_STRING, NULL, "JSON", 0},
		{SCHEMA_BINARY, NULL, "UUID", -EINVAL},
		{SCHEMA_FLOAT32, NULL, "FLOAT16", 0},
		{SCHEMA_FLOAT32, "FLOAT16", NULL, -EINVAL},
	};
	uint32_t leaf = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct schema table auto_schema = {0}, file auto_schema = {0};
		struct bough_error e = {0};

		make_column(&table, cases[i].kind, cases[i].table);
		make_column(&file, cases[i].kind, cases[i].file);
		assert_int_equal(parquet_match(&table, &file, &leaf, 1, &e), cases[i].want);
		if (cases[i].want)
			assert_non_null(strstr(e.message, "column 'c' is "));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_duckdb),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_untrusted_bounds),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_renumber),
		cmocka_unit_test(test_widen),
		cmocka_unit_test(test_exact_types),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
