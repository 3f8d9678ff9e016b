#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "meta/schema_impl.h"

/* Types to be tried against each other; what decides is computed here from the values. */
struct sample_type {
	enum schema_kind kind;
	uint8_t precision, scale;
	uint64_t dimension;
	const char *other;
};

static const struct sample_type types[] = {
	{SCHEMA_BOOLEAN, 0, 0, 0, NULL},
	{SCHEMA_STRING, 0, 0, 0, NULL},
	{SCHEMA_BINARY, 0, 0, 0, NULL},
	{SCHEMA_DATE, 0, 0, 0, NULL},
	{SCHEMA_TIMESTAMP, 0, 0, 0, NULL},
	{SCHEMA_TIMESTAMP_TZ, 0, 0, 0, NULL},
	{SCHEMA_INTERVAL, 0, 0, 0, NULL},
	{SCHEMA_VARIANT, 0, 0, 0, NULL},
	{SCHEMA_INT8, 0, 0, 0, NULL},
	{SCHEMA_INT16, 0, 0, 0, NULL},
	{SCHEMA_INT32, 0, 0, 0, NULL},
	{SCHEMA_INT64, 0, 0, 0, NULL},
	{SCHEMA_UINT8, 0, 0, 0, NULL},
	{SCHEMA_UINT16, 0, 0, 0, NULL},
	{SCHEMA_UINT32, 0, 0, 0, NULL},
	{SCHEMA_UINT64, 0, 0, 0, NULL},
	{SCHEMA_FLOAT32, 0, 0, 0, NULL},
	{SCHEMA_FLOAT64, 0, 0, 0, NULL},
	{SCHEMA_DECIMAL128, 2, 0, 0, NULL},
	{SCHEMA_DECIMAL128, 3, 0, 0, NULL},
	{SCHEMA_DECIMAL128, 9, 2, 0, NULL},
	{SCHEMA_DECIMAL128, 10, 0, 0, NULL},
	{SCHEMA_DECIMAL128, 10, 2, 0, NULL},
	{SCHEMA_DECIMAL128, 11, 2, 0, NULL},
	{SCHEMA_DECIMAL128, 18, 9, 0, NULL},
	{SCHEMA_DECIMAL128, 19, 0, 0, NULL},
	{SCHEMA_DECIMAL128, 20, 0, 0, NULL},
	{SCHEMA_DECIMAL128, 22, 2, 0, NULL},
	{SCHEMA_DECIMAL128, 38, 38, 0, NULL},
	{SCHEMA_DECIMAL256, 38, 2, 0, NULL},
	{SCHEMA_VECTOR, 0, 0, 3, NULL},
	{SCHEMA_VECTOR, 0, 0, 4, NULL},
	{SCHEMA_OTHER, 0, 0, 0,
		"\xa6"
		"Bitmap"},
	{SCHEMA_OTHER, 0, 0, 0,
		"\xa8"
		"Geometry"},
};

static void integer_range(enum schema_kind k, __int128 *min, __int128 *max)
{
	unsigned bits = 8u << ((k - SCHEMA_INT8) % 4);
	bool is_signed = k < SCHEMA_UINT8;

	*max = ((__int128)1 << (bits - is_signed)) - 1;
	*min = is_signed ? -*max - 1 : 0;
}

static __int128 power_of_ten(unsigned n)
{
	return n ? 10 * power_of_ten(n - 1) : 1;
}

static bool is_integer(const struct sample_type *t)
{
	return t->kind >= SCHEMA_INT8 && t->kind <= SCHEMA_UINT64;
}

static bool is_decimal(const struct sample_type *t)
{
	return t->kind == SCHEMA_DECIMAL128 || t->kind == SCHEMA_DECIMAL256;
}

static bool is_exact(enum schema_kind k, __int128 v)
{
	return k == SCHEMA_FLOAT32 ? (__int128)(float)v == v : (__int128)(double)v == v;
}

/* By the extreme values themselves, not by the code's table of bits. */
static bool integer_fits(const struct sample_type *from, const struct sample_type *to)
{
	__int128 min, max, to_min, to_max;

	integer_range(from->kind, &min, &max);
	if (is_integer(to)) {
		integer_range(to->kind, &to_min, &to_max);
		return to_min <= min && max <= to_max;
	}
	if (is_decimal(to))
		return -min < power_of_ten(to->precision - to->scale) &&
		       max < power_of_ten(to->precision - to->scale);
	if (to->kind != SCHEMA_FLOAT32 && to->kind != SCHEMA_FLOAT64)
		return false;
	return is_exact(to->kind, max) && is_exact(to->kind, max - 1) && is_exact(to->kind, min);
}

static bool fits(const struct sample_type *from, const struct sample_type *to)
{
	if (is_integer(from))
		return integer_fits(from, to);
	if (is_decimal(from)) /* its largest and its smallest step are both there */
		return is_decimal(to) && to->scale >= from->scale &&
		       power_of_ten(to->precision - to->scale) >=
			       power_of_ten(from->precision - from->scale);
	if (from->kind == SCHEMA_FLOAT32 && to->kind == SCHEMA_FLOAT64)
		return true;
	return from->kind == to->kind && from->dimension == to->dimension &&
	       (!from->other || !strcmp(from->other, to->other));
}

static void add(struct schema *s, const char *name, const struct sample_type *t, bool nullable)
{
	struct schema_type type = {.kind = t->kind,
		.nullable = nullable,
		.precision = t->precision,
		.scale = t->scale,
		.dimension = t->dimension};

	if (t->other)
		assert_int_equal(buf_append(&type.other, t->other, strlen(t->other)), 0);
	assert_int_equal(schema_field_add(s, name, &type), 0);
}

static int match(const struct schema *table, const struct schema *file, struct bough_error *error)
{
	uint32_t *ids cleanup(free_p) = NULL;
	size_t n = 0;

	return schema_match(table, file, &ids, &n, error);
}

static void every_pair_of_types(void **state)
{
	unsigned allowed = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types) * ARRAY_SIZE(types) * 4; i++) {
		const struct sample_type *from = &types[i / 4 / ARRAY_SIZE(types)];
		const struct sample_type *to = &types[i / 4 % ARRAY_SIZE(types)];
		bool from_null = i & 1, to_null = i & 2;
		bool want = fits(from, to) && (to_null || !from_null);
		struct schema table auto_schema = {0}, file auto_schema = {0};
		struct bough_error error = {0};

		add(&table, "c", to, to_null);
		add(&file, "c", from, from_null);
		if (match(&table, &file, &error) != (want ? 0 : -EINVAL))
			fail_msg("%zu into %zu should %s: %s", from - types, to - types,
				want ? "fit" : "not fit", error.message);
		allowed += want;
	}
	print_message("%u of %zu pairs fit\n", allowed, ARRAY_SIZE(types) * ARRAY_SIZE(types) * 4);
	assert_true(allowed > 3 * ARRAY_SIZE(types));
}

static const struct sample_type int32 = {SCHEMA_INT32, 0, 0, 0, NULL};
static const struct sample_type int64 = {SCHEMA_INT64, 0, 0, 0, NULL};
static const struct sample_type text = {SCHEMA_STRING, 0, 0, 0, NULL};
static const struct sample_type money = {SCHEMA_DECIMAL128, 15, 2, 0, NULL};

static struct schema_type array_of(enum schema_kind kind)
{
	struct schema_type t = {.kind = SCHEMA_ARRAY, .n_children = 1};

	t.children = calloc(1, sizeof *t.children);
	t.children->kind = kind;
	return t;
}

static struct schema_type pair_of(const char *first, const char *second)
{
	struct schema_type t = {.kind = SCHEMA_TUPLE, .n_children = 2};

	t.children = calloc(2, sizeof *t.children);
	t.children[0].kind = t.children[1].kind = SCHEMA_INT8;
	t.names = calloc(2, sizeof *t.names);
	t.names[0] = strdup(first);
	t.names[1] = strdup(second);
	return t;
}

static void add_type(struct schema *s, const char *name, struct schema_type t)
{
	assert_int_equal(schema_field_add(s, name, &t), 0);
}

static void leaves_get_the_tables_ids(void **state)
{
	struct schema table auto_schema = {0}, file auto_schema = {0};
	uint32_t *ids cleanup(free_p) = NULL;
	struct bough_error error = {0};
	size_t n = 0;

	(void)state;
	add(&table, "id", &int64, false);	       /* 0 */
	add_type(&table, "p", pair_of("x", "y"));      /* 1, 2 */
	add(&table, "Name", &text, true);	       /* 3 */
	add(&table, "extra", &text, true);	       /* 4 */
	add_type(&table, "a", array_of(SCHEMA_INT64)); /* 5 */
	add_type(&file, "a", array_of(SCHEMA_INT16));
	add(&file, "name", &text, true);
	add_type(&file, "p", pair_of("x", "y"));
	add(&file, "ID", &int32, false);
	assert_int_equal(schema_match(&table, &file, &ids, &n, &error), 0);
	assert_int_equal(n, 5);
	assert_memory_equal(ids, ((uint32_t[]){5, 3, 1, 2, 0}), n * sizeof *ids);
}

static void nested_types_widen_inside_only(void **state)
{
	struct schema table auto_schema = {0}, narrower auto_schema = {0}, named auto_schema = {0};
	struct schema scalar auto_schema = {0};

	(void)state;
	add_type(&table, "a", array_of(SCHEMA_INT32));
	add_type(&narrower, "a", array_of(SCHEMA_INT64));
	assert_int_equal(match(&table, &narrower, NULL), -EINVAL);
	assert_int_equal(match(&narrower, &table, NULL), 0);
	add(&scalar, "a", &int32, false);
	assert_int_equal(match(&table, &scalar, NULL), -EINVAL);
	assert_int_equal(match(&scalar, &table, NULL), -EINVAL);
	schema_deinit(&table);
	add_type(&table, "p", pair_of("x", "y"));
	add_type(&named, "p", pair_of("y", "x"));
	assert_int_equal(match(&table, &named, NULL), -EINVAL);
}

static void an_exact_name_wins(void **state)
{
	struct schema table auto_schema = {0}, file auto_schema = {0};
	uint32_t *ids cleanup(free_p) = NULL;
	struct bough_error error = {0};
	size_t n = 0;

	(void)state;
	add(&table, "A", &int64, true);
	add(&table, "a", &int64, true);
	add(&file, "a", &int64, true);
	assert_int_equal(schema_match(&table, &file, &ids, &n, &error), 0);
	assert_int_equal(ids[0], 1);
	schema_deinit(&file);
	schema_deinit(&table);
	add(&table, "Ab", &int64, true);
	add(&table, "aB", &int64, true);
	add(&file, "ab", &int64, true);
	assert_int_equal(match(&table, &file, &error), -EINVAL);
	assert_string_equal(error.message, "column 'ab' of the file could be 'Ab' or 'aB'");
}

static void messages_name_what_is_wrong(void **state)
{
	struct schema table auto_schema = {0}, wrong auto_schema = {0}, more auto_schema = {0};
	struct schema less auto_schema = {0}, twice auto_schema = {0};
	struct bough_error e[4] = {0};

	(void)state;
	add(&table, "price", &money, true);
	add(&table, "id", &int64, false);
	add(&wrong, "Price", &text, true);
	assert_int_equal(match(&table, &wrong, &e[0]), -EINVAL);
	assert_string_equal(e[0].message,
		"column 'Price' is STRING NULL, and the table wants DECIMAL(15,2) NULL");
	add(&more, "colour", &int32, true);
	assert_int_equal(match(&table, &more, &e[1]), -EINVAL);
	assert_string_equal(e[1].message, "column 'colour' (INT32 NULL) is not in the table");
	add(&less, "price", &money, true);
	assert_int_equal(match(&table, &less, &e[2]), -EINVAL);
	assert_string_equal(e[2].message,
		"column 'id' (INT64) is not in the file, and has neither NULL nor a default");
	assert_int_equal(buf_append(&table.fields[1].default_expr,
				 "\xa1"
				 "0",
				 2),
		0);
	assert_int_equal(match(&table, &less, NULL), 0);
	add(&twice, "ID", &int64, false);
	add(&twice, "Id", &int64, false);
	assert_int_equal(match(&table, &twice, &e[3]), -EINVAL);
	assert_string_equal(e[3].message,
		"columns 'ID' and 'Id' of the file are both column 'id' of the table");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_of_types),
		cmocka_unit_test(leaves_get_the_tables_ids),
		cmocka_unit_test(nested_types_widen_inside_only),
		cmocka_unit_test(an_exact_name_wins),
		cmocka_unit_test(messages_name_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
