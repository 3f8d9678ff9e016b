/* Columns of a file that could hold NULL, for columns of a table that cannot. */
#include "refs/parquet.h"
#include "tests/support/test.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#define DESCRIPTION                                                                                \
	"{\"size\": 900, \"file\": {\"rows\": 2, \"row_groups\": 1}, \"schema\": ["                \
	"{\"name\": \"r\", \"num_children\": 1}, "                                                 \
	"{\"name\": \"a\", \"type\": \"INT32\", \"repetition\": \"OPTIONAL\"}], "
#define CHUNK(nulls) "\"chunks\": [[0, 2, 0, 4, 90, 90, 2, \"ZSTD\", \"PLAIN\", " nulls "]]}"

static int describe_text(const char *text, struct parquet_file *ret, struct bough_error *error)
{
	struct json_object *j = json_tokener_parse(text);
	int r;

	assert_non_null(j);
	r = parquet_describe(j, "x", ret, error);
	json_object_put(j);
	return r;
}

/* What could be NULL and is not may stand in a column that must not be. */
static void test_not_null(void **state)
{
	static const struct {
		const char *chunks, *words;
		int want;
	} cases[] = {
		{CHUNK("0"), "", 0},
		{CHUNK("1"), "column 'a' has 1 NULL, and", -EINVAL},
		{CHUNK("2"), "column 'a' has 2 NULLs, and", -EINVAL},
		{CHUNK("null"), "column 'a' may have NULLs", -EINVAL},
	};
	struct schema table auto_schema = {0};
	struct schema_type type = {.kind = SCHEMA_INT32};

	(void)state;
	assert_int_equal(schema_field_add(&table, "A", &type), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parquet_file f = {0};
		struct bough_error error = {0};
		char text[500];

		snprintf(text, sizeof text, "%s%s", DESCRIPTION, cases[i].chunks);
		assert_int_equal(describe_text(text, &f, &error), 0);
		assert_false(f.is_foreign);
		assert_int_equal(parquet_drop_nullable(&f.schema, &f, &error), 0);
		assert_false(f.is_foreign);
		assert_int_equal(parquet_drop_nullable(&table, &f, &error), cases[i].want);
		assert_non_null(strstr(error.message, cases[i].words));
		assert_int_equal(f.is_foreign, !cases[i].want);
		assert_int_equal(f.schema.fields[0].type.nullable, cases[i].want != 0);
		parquet_file_deinit(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_not_null)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
