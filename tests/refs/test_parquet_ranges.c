/* A column of a table has a minimum and a maximum in every block, or in none. */
#include "refs/parquet_impl.h"
#include "tests/support/fault_alloc.h"
#include "tests/support/test.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static struct parquet_file described(const char *text)
{
	struct parquet_file f = {0};
	struct bough_error error = {0};
	struct json_object *j = json_tokener_parse(text);

	assert_non_null(j);
	if (parquet_describe(j, "x", &f, &error))
		fail_msg("%s: %s", text, error.message);
	json_object_put(j);
	return f;
}

/* Two rows of one column "a", @nulls of them NULL, the others between @min and @max. */
static struct parquet_file one_column(
	const char *type, const char *nulls, const char *min, const char *max)
{
	char text[800];

	snprintf(text, sizeof text,
		"{\"size\": 900, \"file\": {\"rows\": 2, \"row_groups\": 1, \"column_orders\": "
		"[\"TypeDefinedOrder()\"]}, \"schema\": [{\"name\": \"r\", \"num_children\": 1}, "
		"{\"name\": \"a\", \"repetition\": \"OPTIONAL\", \"type\": %s}], \"chunks\": "
		"[[0, 2, 0, 4, 90, 90, 2, \"ZSTD\", \"PLAIN\", %s, null, %s, %s]]}",
		type, nulls, min, max);
	return described(text);
}

static const struct stats_column *stats_of(const struct parquet_file *f, uint32_t leaf)
{
	for (size_t i = 0; i < f->groups->stats.n; i++)
		if (f->groups->stats.columns[i].leaf_id == leaf)
			return &f->groups->stats.columns[i];
	return NULL;
}

static bool has_range(const struct parquet_file *f, uint32_t leaf)
{
	return stats_of(f, leaf) && stats_of(f, leaf)->has_range;
}

static const struct {
	const char *type;
	bool has_ranges;
} types[] = {
	{"\"BOOLEAN\"", false},
	{"\"INT32\"", true},
	{"\"INT32\", \"converted\": \"DATE\"", true},
	{"\"INT32\", \"converted\": \"TIME_MILLIS\"", false},
	{"\"INT64\"", true},
	{"\"INT64\", \"converted\": \"UINT_64\"", true},
	{"\"INT64\", \"converted\": \"TIME_MICROS\"", false},
	{"\"INT64\", \"converted\": \"TIMESTAMP_MILLIS\"", true},
	{"\"INT64\", \"converted\": \"TIMESTAMP_MICROS\"", true},
	{"\"INT64\", \"logical\": \"TimestampType(NanoSeconds)\"", false},
	{"\"INT96\"", false},
	{"\"FLOAT\"", false},
	{"\"DOUBLE\"", false},
	{"\"BYTE_ARRAY\"", false},
	{"\"BYTE_ARRAY\", \"converted\": \"UTF8\"", true},
	{"\"BYTE_ARRAY\", \"converted\": \"JSON\"", true},
	{"\"FIXED_LEN_BYTE_ARRAY\", \"type_length\": 4", false},
	{"\"FIXED_LEN_BYTE_ARRAY\", \"type_length\": 16, \"logical\": \"UUIDType()\"", false},
	{"\"FIXED_LEN_BYTE_ARRAY\", \"type_length\": 2, \"logical\": \"Float16Type()\"", false},
	{"\"INT64\", \"converted\": \"DECIMAL\", \"precision\": 9, \"scale\": 2", true},
	{"\"FIXED_LEN_BYTE_ARRAY\", \"converted\": \"DECIMAL\", \"type_length\": 32, "
	 "\"precision\": 60, \"scale\": 2",
		false},
};

/* That all is NULL is a range, too: also of a file that has not got the column. */
static void test_all_null(void **state)
{
	struct schema_type other = {.kind = SCHEMA_BOOLEAN, .nullable = true};
	const uint32_t second = 1;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct parquet_file f = one_column(types[i].type, "2", "null", "null");
		struct parquet_file without = one_column("\"BOOLEAN\"", "0", "null", "null");
		struct schema table auto_schema = {0};

		if (has_range(&f, 0) != types[i].has_ranges)
			fail_msg("%s", types[i].type);
		assert_int_equal(schema_copy(&f.schema, &table), 0);
		assert_int_equal(schema_field_add(&table, "b", &other), 0);
		assert_int_equal(parquet_renumber(&without, &table, &second, 1), 0);
		if (has_range(&without, 0) != types[i].has_ranges)
			fail_msg("without: %s", types[i].type);
		assert_int_equal(parquet_renumber(&f, &table, (uint32_t[]){0}, 1), 0);
		assert_int_equal(has_range(&f, 0), types[i].has_ranges);
		parquet_file_deinit(&f);
		parquet_file_deinit(&without);
	}
}

/* A file's type has ranges, the table's has none: of floats nobody knows whether there are NaNs. */
static void test_other_type(void **state)
{
	static const enum schema_kind kinds[] = {
		SCHEMA_FLOAT32, SCHEMA_FLOAT64, SCHEMA_DECIMAL256, SCHEMA_INT64};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		for (int all_null = 0; all_null < 2; all_null++) {
			struct parquet_file f =
				one_column("\"INT32\"", all_null ? "2" : "0", "\"-7\"", "\"7\"");
			struct schema table auto_schema = {0};
			struct schema_type type = {
				.kind = kinds[i], .precision = 76, .nullable = true};

			assert_true(has_range(&f, 0));
			assert_int_equal(schema_field_add(&table, "a", &type), 0);
			assert_int_equal(parquet_renumber(&f, &table, (uint32_t[]){0}, 1), 0);
			assert_int_equal(has_range(&f, 0), kinds[i] == SCHEMA_INT64);
			assert_int_equal(stats_of(&f, 0)->null_count, all_null ? 2 : 0);
			parquet_file_deinit(&f);
		}
}

#define NODE(name, facts) "{\"name\": \"" name "\", \"repetition\": \"OPTIONAL\", " facts "}"
#define CHUNK(group, rows, leaf, facts)                                                            \
	"[" #group ", " #rows ", " #leaf ", 4, 90, 90, " #rows ", \"ZSTD\", \"PLAIN\", " facts "]"
#define UNKNOWN "null, null, null, null"
/* Of "a" one row group's range is known; an empty row group is between the two; "f" and "s.x" are
 * nobody's business. */
static const char lacking[] =
	"{\"size\": 900, \"file\": {\"rows\": 5, \"row_groups\": 3, \"column_orders\": "
	"[\"TypeDefinedOrder()\"]}, \"schema\": [{\"name\": \"r\", \"num_children\": 4}, " NODE(
		"f", "\"type\": \"DOUBLE\"") ", " NODE("a", "\"type\": \"INT32\"") ", " NODE("s",
		"\"num_children\": 1") ", " NODE("x", "\"type\": \"INT32\"") ", " NODE("t",
		"\"type\": \"BYTE_ARRAY\", \"converted\": \"UTF8\"") "], \"chunks\": [" CHUNK(0, 2,
		0, UNKNOWN) ", " CHUNK(0, 2, 1, "0, null, \"7\", \"8\"") ", " CHUNK(0, 2, 2,
		UNKNOWN) ", " CHUNK(0, 2, 3, UNKNOWN) ", " CHUNK(1, 0, 0, UNKNOWN) ", " CHUNK(1, 0,
		1, UNKNOWN) ", " CHUNK(1, 0, 2, UNKNOWN) ", " CHUNK(1, 0, 3, UNKNOWN) ", " CHUNK(2,
		3, 0, UNKNOWN) ", " CHUNK(2, 3, 1, UNKNOWN) ", " CHUNK(2, 3, 2,
		UNKNOWN) ", " CHUNK(2, 3, 3, "3, null, null, null") "]";

static struct parquet_file with_ranges(const char *ranges)
{
	char text[sizeof lacking + 500];

	snprintf(text, sizeof text, "%s, \"ranges\": %s}", lacking, ranges);
	return described(text);
}

static const struct stats_column *stats_at(const struct codec_block *b, uint32_t leaf)
{
	for (size_t i = 0; i < b->stats.n; i++)
		if (b->stats.columns[i].leaf_id == leaf)
			return &b->stats.columns[i];
	return NULL;
}

/* What is asked for: columns by their places, row groups that have rows. */
static void test_question(void **state)
{
	char text[sizeof lacking + 1];
	struct parquet_file f, known = one_column("\"INT32\"", "0", "\"-7\"", "\"7\"");
	struct parquet_file decimal = one_column("\"BYTE_ARRAY\", \"converted\": \"DECIMAL\", "
						 "\"precision\": 9, \"scale\": 2",
		"0", "\"1.00\"", "\"2.00\"");

	(void)state;
	snprintf(text, sizeof text, "%s}", lacking);
	f = described(text);
	assert_string_equal(
		f.question, "{\"fields\":4,\"columns\":[[1,0],[3,1]],\"groups\":[2,3]}");
	assert_int_equal(f.nulls[1], -1);
	assert_null(known.question);
	assert_non_null(decimal.question); /* whose order in footers depends on the writer */
	parquet_file_deinit(&f);
	parquet_file_deinit(&known);
	parquet_file_deinit(&decimal);
	f = with_ranges("null"); /* it was asked for, in vain */
	assert_null(f.question);
	assert_true(stats_at(&f.groups[0], 1)->has_range);
	assert_null(stats_at(&f.groups[1], 1));
	assert_string_equal(f.foreign_reason, "column a: its minimum and maximum cannot be told");
	parquet_file_deinit(&f);
}

static void test_answer(void **state)
{
	struct parquet_file f = with_ranges("[[1, 3, 2, \"-1\", \"5\", 0, null, null], "
					    "[0, 2, 2, \"1\", \"9\", 1, \"\\\\x\", \"\\\\x\"]]");
	const struct codec_block *first = &f.groups[0], *second = &f.groups[1];

	(void)state;
	assert_null(f.question);
	assert_false(f.is_foreign);
	assert_int_equal(stats_at(first, 1)->min.i, 7); /* known: stays */
	assert_int_equal(stats_at(second, 1)->min.i, -1);
	assert_int_equal(stats_at(second, 1)->max.i, 5);
	assert_int_equal(stats_at(second, 1)->null_count, 1);
	assert_int_equal(f.nulls[1], 1);
	assert_memory_equal(stats_at(first, 3)->min.bytes.data, "\\x", 2);
	assert_int_equal(stats_at(first, 3)->null_count, 1);
	assert_true(stats_at(second, 3)->min.is_null); /* by the footer */
	assert_int_equal(f.nulls[3], 4);
	assert_true(!stats_at(first, 0) && !stats_at(first, 2));
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 1; k < f.groups[i].stats.n; k++)
			assert_true(f.groups[i].stats.columns[k - 1].leaf_id <
				    f.groups[i].stats.columns[k].leaf_id);
	parquet_file_deinit(&f);
}

/* A helper that was taken over answers what it likes: then there is no range. */
static void test_nonsense(void **state)
{
	static const char *const answers[] = {
		"7",
		"[7]",
		"[[]]",
		"[[1]]",
		"[[1, 3]]",
		"[[1, 2, 2, \"1\", \"2\"]]",
		"[[2, 3, 2, \"1\", \"2\"]]",
		"[[-1, 3, 2, \"1\", \"2\"]]",
		"[[1, 3, 4, \"1\", \"2\"]]",
		"[[1, 3, -1, \"1\", \"2\"]]",
		"[[1, 3, \"2\", \"1\", \"2\"]]",
		"[[1, 3, 2, 1, 2]]",
		"[[1, 3, 2, null, \"2\"]]",
		"[[1, 3, 2, \"1\", null]]",
		"[[1, 3, 2, \"2\", \"1\"]]",
		"[[1, 3, 2, \"a\", \"b\"]]",
		"[[1, 3, 2, \"1\", \"3000000000\"]]",
		"[[0, 2, 0, null, null, 2, \"b\", \"a\"]]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct parquet_file f = with_ranges(answers[i]);

		if (stats_at(&f.groups[1], 1) || stats_at(&f.groups[0], 3))
			fail_msg("%s", answers[i]);
		assert_int_equal(f.nulls[1], -1);
		assert_true(f.is_foreign);
		parquet_file_deinit(&f);
	}
}

static void describe_without_memory(const char *ranges)
{
	char text[sizeof lacking + 500];
	struct json_object *j;
	unsigned hits = 1;
	int r;

	snprintf(text, sizeof text, "%s%s}", lacking, ranges);
	j = json_tokener_parse(text);
	assert_non_null(j);
	for (unsigned n = 1; hits; n++) {
		struct parquet_file f = {0};

		fault_alloc_arm(n);
		r = parquet_describe(j, "x", &f, NULL);
		hits = fault_alloc_hits();
		fault_alloc_arm(0);
		assert_true(r ? hits && r == -ENOMEM : !f.is_foreign);
		parquet_file_deinit(&f);
	}
	json_object_put(j);
}

static void test_memory(void **state)
{
	(void)state;
	describe_without_memory("");
	describe_without_memory(", \"ranges\": [[1, 3, 2, \"1\", \"5\", 0, null, null], "
				"[0, 2, 2, \"1\", \"9\", 1, \"a\", \"b\"]]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_all_null),
		cmocka_unit_test(test_other_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
