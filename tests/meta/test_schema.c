#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "meta/schema_impl.h"

#define auto_type cleanup(schema_type_deinit)

static struct schema_type scalar(enum schema_kind kind, bool nullable)
{
	return (struct schema_type){.kind = kind, .nullable = nullable};
}

/* A container of @kind; takes the children over. */
static struct schema_type nest(enum schema_kind kind, const struct schema_type *children, size_t n,
	const char *const *names)
{
	struct schema_type t = {.kind = kind, .n_children = n};

	t.children = calloc(n, sizeof *t.children);
	memcpy(t.children, children, n * sizeof *children);
	if (names) {
		t.names = calloc(n, sizeof *t.names);
		for (size_t i = 0; i < n; i++)
			t.names[i] = strdup(names[i]);
	}
	return t;
}

static struct schema_type array_of(struct schema_type t)
{
	return nest(SCHEMA_ARRAY, &t, 1, NULL);
}

static struct schema_type map_of(struct schema_type key, struct schema_type value)
{
	return nest(SCHEMA_MAP, (struct schema_type[]){key, value}, 2, NULL);
}

static struct schema_type pair_of(struct schema_type x, struct schema_type y)
{
	return nest(SCHEMA_TUPLE, (struct schema_type[]){x, y}, 2, (const char *[]){"x", "y"});
}

static void add(struct schema *s, const char *name, struct schema_type t)
{
	assert_int_equal(schema_field_add(s, name, &t), 0);
	assert_null(t.children);
}

static struct schema_type other(const char *msgpack)
{
	struct schema_type t = {.kind = SCHEMA_OTHER};

	assert_int_equal(buf_append(&t.other, msgpack, strlen(msgpack)), 0);
	return t;
}

/* One column of every type there is, some of them nested. */
static void fill(struct schema *s)
{
	char name[16];

	for (enum schema_kind k = 0; k < SCHEMA_OTHER; k++) {
		snprintf(name, sizeof name, "c%d", k);
		if (schema_kind_name(k))
			add(s, name, scalar(k, k % 2));
	}
	add(s, "d", (struct schema_type){SCHEMA_DECIMAL128, true, 15, 2, 0, 0, 0, 0, {0}});
	add(s, "e", (struct schema_type){SCHEMA_DECIMAL256, false, 76, 38, 0, 0, 0, 0, {0}});
	add(s, "v", (struct schema_type){.kind = SCHEMA_VECTOR, .dimension = 768});
	add(s, "a", array_of(array_of(scalar(SCHEMA_INT32, true))));
	add(s, "t",
		pair_of(scalar(SCHEMA_DATE, true),
			pair_of(scalar(SCHEMA_STRING, false), scalar(SCHEMA_INT8, false))));
	add(s, "m", map_of(scalar(SCHEMA_STRING, false), array_of(scalar(SCHEMA_FLOAT64, true))));
	add(s, "b",
		other("\xa6"
		      "Bitmap"));
	add(s, "g",
		other("\x81\xa8"
		      "Geometry"
		      "\xcd\x10\xe6"));
}

static void assert_same_schema(const struct schema *a, const struct schema *b)
{
	assert_int_equal(a->n_fields, b->n_fields);
	assert_int_equal(a->next_column_id, b->next_column_id);
	assert_true(slice_equal(buf_slice(&a->metadata), buf_slice(&b->metadata)));
	for (size_t i = 0; i < a->n_fields; i++) {
		const struct schema_field *x = &a->fields[i], *y = &b->fields[i];

		assert_string_equal(x->name, y->name);
		assert_int_equal(x->column_id, y->column_id);
		assert_true(schema_type_equal(&x->type, &y->type));
		assert_true(slice_equal(buf_slice(&x->default_expr), buf_slice(&y->default_expr)));
	}
}

static void ids_count_leaves(void **state)
{
	struct schema s auto_schema = {0};
	struct schema_leaf *leaves cleanup(free_p) = NULL;
	size_t n = 0;

	(void)state;
	add(&s, "i", scalar(SCHEMA_INT64, false));
	add(&s, "t", pair_of(scalar(SCHEMA_INT32, true), array_of(scalar(SCHEMA_STRING, true))));
	add(&s, "m", map_of(scalar(SCHEMA_STRING, false), scalar(SCHEMA_INT32, true)));
	add(&s, "v", scalar(SCHEMA_VARIANT, true));
	assert_int_equal(s.fields[1].column_id, 1);
	assert_int_equal(s.fields[2].column_id, 3);
	assert_int_equal(s.fields[3].column_id, 5);
	assert_int_equal(s.next_column_id, 6);
	assert_int_equal(schema_leaves(&s, &leaves, &n), 0);
	assert_int_equal(n, 6);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(leaves[i].column_id, i);
	assert_int_equal(leaves[2].type->kind, SCHEMA_STRING);
	assert_ptr_equal(leaves[2].field, &s.fields[1]);
}

static void every_type_survives(void **state)
{
	struct schema s auto_schema = {0}, copy auto_schema = {0}, back auto_schema = {0};
	struct buf bytes auto_buf = {0}, again auto_buf = {0};

	(void)state;
	fill(&s);
	assert_int_equal(buf_append(&s.fields[0].default_expr,
				 "\xa4"
				 "1+1 ",
				 5),
		0);
	assert_int_equal(buf_append(&s.metadata, "\x81\xa1k\xa1v", 5), 0);
	assert_int_equal(schema_copy(&s, &copy), 0);
	assert_same_schema(&s, &copy);
	assert_int_equal(schema_encode(&s, &bytes), 0);
	assert_int_equal(schema_decode(buf_slice(&bytes), &back), 0);
	assert_same_schema(&s, &back);
	assert_int_equal(schema_encode(&back, &again), 0);
	assert_true(slice_equal(buf_slice(&bytes), buf_slice(&again)));
}

/* Each cut of a schema is refused with nothing to free. */
static void a_truncated_schema_is_refused(void **state)
{
	struct schema s auto_schema = {0}, back auto_schema = {0};
	struct buf bytes auto_buf = {0};

	(void)state;
	fill(&s);
	assert_int_equal(schema_encode(&s, &bytes), 0);
	for (size_t n = 0; n < bytes.len; n++) {
		uint8_t *cut cleanup(free_p) = malloc(n + 1);

		memcpy(cut, bytes.data, n);
		assert_int_equal(schema_decode((struct slice){cut, n}, &back), -EUCLEAN);
		assert_null(back.fields);
	}
}

/* A schema of one column "c" whose type is the MessagePack @type. */
static int decode_type(const char *type, size_t len, uint32_t next_id, struct schema *ret)
{
	struct buf b auto_buf = {0};
	struct pack p;

	pack_init(&p, &b);
	pack_map(&p, 3);
	pack_str(&p, "fields");
	pack_array(&p, 1);
	pack_map(&p, 3);
	pack_str(&p, "name");
	pack_str(&p, "c");
	pack_str(&p, "data_type");
	pack_raw(&p, (struct slice){type, len});
	pack_key_u64(&p, "column_id", 0);
	pack_str(&p, "metadata");
	pack_map(&p, 0);
	pack_key_u64(&p, "next_column_id", next_id);
	assert_int_equal(p.error, 0);
	return schema_decode(buf_slice(&b), ret);
}
#define DECODE_TYPE(text, next_id, ret) decode_type(text, sizeof text - 1, next_id, ret)

static void unknown_types_are_kept_verbatim(void **state)
{
	static const char *const types[] = {
		"\xa8"
		"Geometry",
		"\x81\xa8"
		"Nullable"
		"\x81\xa8"
		"Nullable"
		"\xa6"
		"String",
		"\x81\xa6"
		"Number"
		"\xa7"
		"Float16",
		"\x81\xa3"
		"Map"
		"\xa6"
		"String",
		"\x81\xa6"
		"Vector"
		"\x81\xa4"
		"Int8"
		"\x03",
		"\x81\xa7"
		"Decimal"
		"\x81\xa9"
		"Decimal64"
		"\x01",
		"\x82\xa1"
		"a"
		"\x01\xa1"
		"b"
		"\x02",
		"\x07",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct schema s auto_schema = {0};
		struct buf again auto_buf = {0};

		assert_int_equal(decode_type(types[i], strlen(types[i]), 1, &s), 0);
		assert_int_equal(s.fields[0].type.kind, SCHEMA_OTHER);
		assert_true(slice_equal(buf_slice(&s.fields[0].type.other), slice_str(types[i])));
		assert_int_equal(schema_encode(&s, &again), 0);
		assert_non_null(memmem(again.data, again.len, types[i], strlen(types[i])));
	}
}

static void malformed_types_are_refused(void **state)
{
	struct schema s auto_schema = {0};
	char deep[200];

	(void)state;
	/* precision 39; a scale above the precision; two names, one type; no such id left */
	assert_int_equal(DECODE_TYPE("\x81\xa7"
				     "Decimal"
				     "\x81\xaa"
				     "Decimal128"
				     "\x82\xa9"
				     "precision"
				     "\x27\xa5"
				     "scale"
				     "\x00",
				 1, &s),
		-EUCLEAN);
	assert_int_equal(DECODE_TYPE("\x81\xa7"
				     "Decimal"
				     "\x81\xaa"
				     "Decimal128"
				     "\x82\xa9"
				     "precision"
				     "\x02\xa5"
				     "scale"
				     "\x03",
				 1, &s),
		-EUCLEAN);
	assert_int_equal(DECODE_TYPE("\x81\xa5"
				     "Tuple"
				     "\x82\xab"
				     "fields_name"
				     "\x92\xa1x\xa1y\xab"
				     "fields_type"
				     "\x91\xa6"
				     "String",
				 2, &s),
		-EUCLEAN);
	assert_int_equal(DECODE_TYPE("\xa6"
				     "String",
				 0, &s),
		-EUCLEAN);
	/* a tuple that says it has 2^32 - 1 elements */
	assert_int_equal(DECODE_TYPE("\x81\xa5"
				     "Tuple"
				     "\x82\xab"
				     "fields_name"
				     "\xdd\xff\xff\xff\xff\xab"
				     "fields_type"
				     "\xdd\xff\xff\xff\xff",
				 1, &s),
		-EUCLEAN);
	/* an unknown type that nests deeper than anything may */
	memset(deep, 0x91, sizeof deep);
	deep[sizeof deep - 1] = 0;
	assert_int_equal(decode_type(deep, sizeof deep, 1, &s), -EUCLEAN);
	assert_null(s.fields);
}

static void ids_given_twice_are_refused(void **state)
{
	struct schema s auto_schema = {0}, back auto_schema = {0};
	struct buf bytes auto_buf = {0};

	(void)state;
	add(&s, "t", pair_of(scalar(SCHEMA_DATE, true), scalar(SCHEMA_DATE, true)));
	add(&s, "i", scalar(SCHEMA_INT8, true));
	s.fields[1].column_id = 1;
	assert_int_equal(schema_encode(&s, &bytes), 0);
	assert_int_equal(schema_decode(buf_slice(&bytes), &back), -EUCLEAN);
}

static struct schema_type arrays(unsigned levels)
{
	struct schema_type t = scalar(SCHEMA_INT8, true);

	while (levels-- > 1) {
		t = array_of(t);
		t.nullable = true;
	}
	return t;
}

static void depth_is_limited(void **state)
{
	struct schema s auto_schema = {0}, back auto_schema = {0};
	struct schema_type t = arrays(SCHEMA_DEPTH_MAX + 1);
	struct buf bytes auto_buf = {0};

	(void)state;
	assert_int_equal(schema_field_add(&s, "deeper", &t), -EINVAL);
	assert_null(t.children);
	add(&s, "deep", arrays(SCHEMA_DEPTH_MAX));
	assert_int_equal(schema_encode(&s, &bytes), 0);
	assert_int_equal(schema_decode(buf_slice(&bytes), &back), 0);
	assert_same_schema(&s, &back);
	/* one level more, put in by hand */
	s.fields[0].type = array_of(s.fields[0].type);
	bytes.len = 0;
	schema_deinit(&back);
	assert_int_equal(schema_encode(&s, &bytes), 0);
	assert_int_equal(schema_decode(buf_slice(&bytes), &back), -EUCLEAN);
}

static void leaves_are_limited(void **state)
{
	struct schema_type *many = calloc(SCHEMA_FIELDS_MAX, sizeof *many), t;
	const char **names = calloc(SCHEMA_FIELDS_MAX, sizeof *names);
	struct schema s auto_schema = {0}, back auto_schema = {0};
	struct buf bytes auto_buf = {0};

	(void)state;
	for (size_t i = 0; i < SCHEMA_FIELDS_MAX; i++)
		names[i] = "n";
	add(&s, "t", nest(SCHEMA_TUPLE, many, SCHEMA_FIELDS_MAX, names));
	t = scalar(SCHEMA_INT8, false);
	assert_int_equal(schema_field_add(&s, "one more", &t), -EINVAL);
	assert_int_equal(schema_encode(&s, &bytes), 0);
	assert_int_equal(schema_decode(buf_slice(&bytes), &back), 0);
	assert_int_equal(back.next_column_id, SCHEMA_FIELDS_MAX);
	schema_deinit(&back);
	s.fields[0].type = pair_of(s.fields[0].type, scalar(SCHEMA_INT8, false));
	s.next_column_id++;
	bytes.len = 0;
	assert_int_equal(schema_encode(&s, &bytes), 0);
	assert_int_equal(schema_decode(buf_slice(&bytes), &back), -EUCLEAN);
	free(many);
	free(names);
}

static void bad_names_are_refused(void **state)
{
	struct schema s auto_schema = {0};
	struct schema_type t = scalar(SCHEMA_INT8, false);

	(void)state;
	assert_int_equal(schema_field_add(&s, "not \xff utf-8", &t), -EINVAL);
	t = scalar(SCHEMA_INT8, false);
	add(&s, "a", t);
	assert_int_equal(schema_field_add(&s, "a", &t), -EEXIST);
}

static void assert_text(struct schema_type t, const char *text)
{
	struct schema_type owned auto_type = t;
	struct buf b auto_buf = {0};

	assert_int_equal(schema_type_text(&owned, &b), 0);
	assert_int_equal(b.len, strlen(text));
	assert_memory_equal(b.data, text, b.len);
}

static void types_read_as_sql(void **state)
{
	(void)state;
	assert_text((struct schema_type){SCHEMA_DECIMAL128, true, 15, 2, 0, 0, 0, 0, {0}},
		"DECIMAL(15,2) NULL");
	assert_text(scalar(SCHEMA_UINT16, false), "UINT16");
	assert_text(array_of(scalar(SCHEMA_STRING, true)), "ARRAY(STRING NULL)");
	assert_text(pair_of(scalar(SCHEMA_DATE, false), scalar(SCHEMA_INT8, true)),
		"TUPLE(x DATE, y INT8 NULL)");
	assert_text(map_of(scalar(SCHEMA_STRING, false), scalar(SCHEMA_INT8, false)),
		"MAP(STRING, INT8)");
	assert_text((struct schema_type){.kind = SCHEMA_VECTOR, .dimension = 3}, "VECTOR(3)");
	assert_text(other("\x81\xa8"
			  "Geometry"
			  "\x01"),
		"Geometry");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_count_leaves),
		cmocka_unit_test(every_type_survives),
		cmocka_unit_test(a_truncated_schema_is_refused),
		cmocka_unit_test(unknown_types_are_kept_verbatim),
		cmocka_unit_test(malformed_types_are_refused),
		cmocka_unit_test(ids_given_twice_are_refused),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(leaves_are_limited),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(types_read_as_sql),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
