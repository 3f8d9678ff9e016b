/* Schemas as MessagePack, written and read. */
#include "meta/schema_impl.h"

#include <errno.h>
#include <string.h>

#define FIELD_BYTES_MIN 29 /* a map with the names name, data_type, column_id */

static void type_pack(struct pack *p, const struct schema_type *t);

static void pack_tuple(struct pack *p, const struct schema_type *t)
{
	static const char *const map_names[] = {"key", "value"};

	pack_map(p, 1);
	pack_str(p, "Tuple");
	pack_map(p, 2);
	pack_str(p, "fields_name");
	pack_array(p, t->n_children);
	for (size_t i = 0; i < t->n_children; i++)
		pack_str(p, t->kind == SCHEMA_MAP ? map_names[i] : t->names[i]);
	pack_str(p, "fields_type");
	pack_array(p, t->n_children);
	for (size_t i = 0; i < t->n_children; i++)
		type_pack(p, &t->children[i]);
}

static void pack_decimal(struct pack *p, const struct schema_type *t)
{
	pack_map(p, 1);
	pack_str(p, "Decimal");
	pack_map(p, 1);
	pack_str(p, t->kind == SCHEMA_DECIMAL128 ? "Decimal128" : "Decimal256");
	pack_map(p, 2);
	pack_key_u64(p, "precision", t->precision);
	pack_key_u64(p, "scale", t->scale);
}

static void pack_one(struct pack *p, const char *key)
{
	pack_map(p, 1);
	pack_str(p, key);
}

static void type_pack(struct pack *p, const struct schema_type *t)
{
	if (t->nullable)
		pack_one(p, "Nullable");
	switch (t->kind) {
	case SCHEMA_DECIMAL128:
	case SCHEMA_DECIMAL256:
		pack_decimal(p, t);
		return;
	case SCHEMA_VECTOR:
		pack_one(p, "Vector");
		pack_map(p, 1);
		pack_key_u64(p, "Float32", t->dimension);
		return;
	case SCHEMA_ARRAY:
		pack_one(p, "Array");
		type_pack(p, t->children);
		return;
	case SCHEMA_MAP:
		pack_one(p, "Map");
		pack_tuple(p, t);
		return;
	case SCHEMA_TUPLE:
		pack_tuple(p, t);
		return;
	case SCHEMA_OTHER:
		pack_raw(p, buf_slice(&t->other));
		return;
	default:
		if (schema_kind_is_number(t->kind))
			pack_one(p, "Number");
		pack_str(p, schema_kind_name(t->kind));
	}
}

static void field_pack(struct pack *p, const struct schema_field *f)
{
	pack_map(p, 6);
	pack_str(p, "name");
	pack_str(p, f->name);
	pack_key_raw(p, "default_expr", &f->default_expr);
	pack_str(p, "data_type");
	type_pack(p, &f->type);
	pack_key_u64(p, "column_id", f->column_id);
	pack_key_raw(p, "computed_expr", &f->computed_expr);
	pack_key_raw(p, "auto_increment_expr", &f->auto_increment_expr);
}

void schema_pack(struct pack *p, const struct schema *s)
{
	pack_map(p, 3);
	pack_str(p, "fields");
	pack_array(p, s->n_fields);
	for (size_t i = 0; i < s->n_fields; i++)
		field_pack(p, &s->fields[i]);
	pack_str(p, "metadata");
	if (s->metadata.len)
		pack_raw(p, buf_slice(&s->metadata));
	else
		pack_map(p, 0);
	pack_key_u64(p, "next_column_id", s->next_column_id);
}

int schema_encode(const struct schema *s, struct buf *ret)
{
	struct pack p;

	pack_init(&p, ret);
	schema_pack(&p, s);
	return p.error;
}

/*
 * Reading. Each reader of a known word returns whether the type has the shape that goes with it;
 * where it has not, the whole type is kept verbatim.
 */
struct room {
	unsigned levels, leaves; /* that may still come */
};

static void type_unpack(struct unpack *u, struct schema_type *t, struct room *room);

/* Takes a map of one pair up to its text key. */
static bool take_one(struct unpack *u, struct slice *ret_key)
{
	if (unpack_peek(u) != UNPACK_MAP || unpack_map(u, 2) != 1 || unpack_peek(u) != UNPACK_STR)
		return false;
	*ret_key = unpack_str(u);
	return true;
}

static bool take_one_named(struct unpack *u, const char *key)
{
	struct slice k;

	return take_one(u, &k) && slice_equal(k, slice_str(key));
}

static bool children_new(struct unpack *u, struct schema_type *t, uint32_t n, struct room *room)
{
	if (!n || n - 1 > room->leaves)
		return unpack_fail(u, -EUCLEAN);
	room->leaves -= n - 1;
	t->children = calloc(n, sizeof *t->children);
	t->n_children = t->children ? n : 0;
	return t->children || unpack_fail(u, -ENOMEM);
}

static bool read_array(struct unpack *u, struct schema_type *t, struct room *room)
{
	t->kind = SCHEMA_ARRAY;
	if (children_new(u, t, 1, room))
		type_unpack(u, t->children, room);
	return true;
}

/* {fields_name: [..], fields_type: [..]}, in either order. */
struct tuple {
	struct slice names, types;
};

static void read_span(struct unpack *u, void *slice)
{
	*(struct slice *)slice = unpack_raw(u);
}

static const struct unpack_field tuple_fields[] = {
	{"fields_name", read_span, offsetof(struct tuple, names), true},
	{"fields_type", read_span, offsetof(struct tuple, types), true},
};

static int children_unpack(const struct tuple *spans, struct schema_type *t, struct room *room)
{
	struct unpack names = unpack_of(spans->names), types = unpack_of(spans->types);
	uint32_t n = unpack_array(&names, 1);

	if (n != unpack_array(&types, 1) || !children_new(&types, t, n, room))
		return types.error ? types.error : -EUCLEAN;
	t->names = calloc(n, sizeof *t->names);
	if (!t->names)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && !names.error; i++) {
		unpack_read_text(&names, &t->names[i]);
		type_unpack(&types, &t->children[i], room);
	}
	return names.error ? names.error : types.error;
}

static bool read_tuple(struct unpack *u, struct schema_type *t, struct room *room)
{
	struct tuple spans = {0};
	int r;

	t->kind = SCHEMA_TUPLE;
	unpack_object(u, tuple_fields, ARRAY_SIZE(tuple_fields), &spans);
	r = u->error ? 0 : children_unpack(&spans, t, room);
	if (r)
		unpack_fail(u, r);
	return true;
}

static bool read_map(struct unpack *u, struct schema_type *t, struct room *room)
{
	if (!take_one_named(u, "Tuple") || !read_tuple(u, t, room) || t->n_children != 2)
		return false;
	for (int i = 0; i < 2 && t->names; i++)
		free(t->names[i]);
	free(t->names);
	t->names = NULL; /* always "key" and "value" */
	t->kind = SCHEMA_MAP;
	return true;
}

static const struct unpack_field decimal_fields[] = {
	{"precision", unpack_read_u8, offsetof(struct schema_type, precision), true},
	{"scale", unpack_read_u8, offsetof(struct schema_type, scale), true},
};

static bool read_decimal(struct unpack *u, struct schema_type *t, struct room *room)
{
	struct slice width;

	(void)room;
	if (!take_one(u, &width))
		return false;
	if (slice_equal(width, slice_str("Decimal128")))
		t->kind = SCHEMA_DECIMAL128;
	else if (slice_equal(width, slice_str("Decimal256")))
		t->kind = SCHEMA_DECIMAL256;
	else
		return false;
	unpack_object(u, decimal_fields, ARRAY_SIZE(decimal_fields), t);
	if (!schema_decimal_fits(t->kind, t->precision, t->scale))
		unpack_fail(u, -EUCLEAN);
	return true;
}

static bool read_vector(struct unpack *u, struct schema_type *t, struct room *room)
{
	(void)room;
	if (!take_one_named(u, "Float32"))
		return false;
	t->kind = SCHEMA_VECTOR;
	t->dimension = unpack_u64(u);
	return true;
}

static bool read_number(struct unpack *u, struct schema_type *t, struct room *room)
{
	(void)room;
	if (unpack_peek(u) == UNPACK_STR)
		t->kind = schema_kind_named(unpack_str(u), true);
	return t->kind != SCHEMA_OTHER;
}

static bool read_nullable(struct unpack *u, struct schema_type *t, struct room *room)
{
	struct unpack ahead = *u;

	if (take_one_named(&ahead, "Nullable"))
		return false; /* twice: no meaning that we know */
	room->levels++;	      /* being nullable is no level of its own */
	type_unpack(u, t, room);
	room->levels--;
	t->nullable = true;
	return true;
}

static const struct {
	const char *name;
	bool (*read)(struct unpack *u, struct schema_type *t, struct room *room);
} words[] = {
	{"Nullable", read_nullable},
	{"Number", read_number},
	{"Decimal", read_decimal},
	{"Array", read_array},
	{"Map", read_map},
	{"Tuple", read_tuple},
	{"Vector", read_vector},
};

/* Return: is it a type that this version knows? */
static bool read_known(struct unpack *u, struct schema_type *t, struct room *room)
{
	struct slice word;

	if (unpack_peek(u) == UNPACK_STR) {
		t->kind = schema_kind_named(unpack_str(u), false);
		return t->kind != SCHEMA_OTHER;
	}
	if (!take_one(u, &word))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (slice_equal(word, slice_str(words[i].name)))
			return words[i].read(u, t, room);
	}
	return false;
}

static void type_unpack(struct unpack *u, struct schema_type *t, struct room *room)
{
	struct unpack start = *u;

	*t = (struct schema_type){.kind = SCHEMA_OTHER};
	if (!room->levels) {
		unpack_fail(u, -EUCLEAN);
		return;
	}
	room->levels--;
	if (!read_known(u, t, room) && !u->error) {
		schema_type_deinit(t);
		t->kind = SCHEMA_OTHER;
		*u = start;
		unpack_read_raw(u, &t->other);
		if (!t->other.len)
			unpack_fail(u, -EUCLEAN);
	}
	room->levels++;
}

static void read_type(struct unpack *u, void *type)
{
	struct room room = {SCHEMA_DEPTH_MAX, SCHEMA_FIELDS_MAX - 1};

	type_unpack(u, type, &room);
}

static const struct unpack_field field_fields[] = {
	{"name", unpack_read_text, offsetof(struct schema_field, name), true},
	{"data_type", read_type, offsetof(struct schema_field, type), true},
	{"column_id", unpack_read_u32, offsetof(struct schema_field, column_id), true},
	{"default_expr", unpack_read_raw, offsetof(struct schema_field, default_expr), false},
	{"computed_expr", unpack_read_raw, offsetof(struct schema_field, computed_expr), false},
	{"auto_increment_expr", unpack_read_raw, offsetof(struct schema_field, auto_increment_expr),
		false},
};

static void read_fields(struct unpack *u, void *schema)
{
	struct schema *s = schema;
	uint32_t n = unpack_array(u, FIELD_BYTES_MIN);
	uint32_t leaves = 0;

	if (n > SCHEMA_FIELDS_MAX)
		unpack_fail(u, -EUCLEAN);
	if (u->error || !n)
		return;
	s->fields = calloc(n, sizeof *s->fields);
	if (!s->fields) {
		unpack_fail(u, -ENOMEM);
		return;
	}
	s->n_fields = n;
	for (uint32_t i = 0; i < n && !u->error; i++) {
		unpack_object(u, field_fields, ARRAY_SIZE(field_fields), &s->fields[i]);
		leaves += schema_type_leaves(&s->fields[i].type);
		if (leaves > SCHEMA_FIELDS_MAX)
			unpack_fail(u, -EUCLEAN);
	}
}

static void read_metadata(struct unpack *u, void *buf)
{
	struct unpack start = *u;

	if (unpack_peek(u) != UNPACK_NIL && !unpack_map(u, 2))
		return; /* {} is kept as nothing */
	*u = start;
	unpack_read_raw(u, buf);
}

static const struct unpack_field schema_fields[] = {
	{"fields", read_fields, 0, true},
	{"metadata", read_metadata, offsetof(struct schema, metadata), true},
	{"next_column_id", unpack_read_u32, offsetof(struct schema, next_column_id), true},
};

void schema_unpack(struct unpack *u, void *schema)
{
	int r;

	unpack_object(u, schema_fields, ARRAY_SIZE(schema_fields), schema);
	r = u->error ? 0 : schema_check(schema);
	if (r)
		unpack_fail(u, r);
}

int schema_decode(struct slice msgpack, struct schema *ret)
{
	struct schema s auto_schema = {0};
	struct unpack u = unpack_of(msgpack);
	int r;

	schema_unpack(&u, &s);
	r = unpack_end(&u);
	if (r)
		return r;
	*ret = s;
	s = (struct schema){0};
	return 0;
}
