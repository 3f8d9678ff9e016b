#include "meta/schema_impl.h"
#include "meta/utf8_impl.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static const char *const kind_names[SCHEMA_KINDS] = {
	[SCHEMA_BOOLEAN] = "Boolean",
	[SCHEMA_STRING] = "String",
	[SCHEMA_BINARY] = "Binary",
	[SCHEMA_DATE] = "Date",
	[SCHEMA_TIMESTAMP] = "Timestamp",
	[SCHEMA_TIMESTAMP_TZ] = "TimestampTz",
	[SCHEMA_INTERVAL] = "Interval",
	[SCHEMA_VARIANT] = "Variant",
	[SCHEMA_INT8] = "Int8",
	[SCHEMA_INT16] = "Int16",
	[SCHEMA_INT32] = "Int32",
	[SCHEMA_INT64] = "Int64",
	[SCHEMA_UINT8] = "UInt8",
	[SCHEMA_UINT16] = "UInt16",
	[SCHEMA_UINT32] = "UInt32",
	[SCHEMA_UINT64] = "UInt64",
	[SCHEMA_FLOAT32] = "Float32",
	[SCHEMA_FLOAT64] = "Float64",
};

const char *schema_kind_name(enum schema_kind kind)
{
	return kind_names[kind];
}

bool schema_kind_is_number(enum schema_kind kind)
{
	return kind >= SCHEMA_INT8 && kind <= SCHEMA_FLOAT64;
}

enum schema_kind schema_kind_named(struct slice name, bool is_number)
{
	for (enum schema_kind k = 0; k < SCHEMA_OTHER; k++) {
		if (kind_names[k] && schema_kind_is_number(k) == is_number &&
			slice_equal(name, slice_str(kind_names[k])))
			return k;
	}
	return SCHEMA_OTHER;
}

bool schema_decimal_fits(enum schema_kind kind, unsigned precision, unsigned scale)
{
	unsigned most = kind == SCHEMA_DECIMAL128 ? 38 : 76;

	return precision >= 1 && precision <= most && scale <= precision;
}

void schema_type_deinit(struct schema_type *t)
{
	for (size_t i = 0; i < t->n_children && t->children; i++)
		schema_type_deinit(&t->children[i]);
	for (size_t i = 0; i < t->n_children && t->names; i++)
		free(t->names[i]);
	free(t->children);
	free(t->names);
	buf_deinit(&t->other);
	*t = (struct schema_type){0};
}
#define auto_type cleanup(schema_type_deinit)

static void field_deinit(struct schema_field *f)
{
	free(f->name);
	schema_type_deinit(&f->type);
	buf_deinit(&f->default_expr);
	buf_deinit(&f->computed_expr);
	buf_deinit(&f->auto_increment_expr);
}

void schema_deinit(struct schema *s)
{
	for (size_t i = 0; i < s->n_fields && s->fields; i++)
		field_deinit(&s->fields[i]);
	free(s->fields);
	buf_deinit(&s->metadata);
	*s = (struct schema){0};
}

static int buf_copy(const struct buf *b, struct buf *ret)
{
	*ret = (struct buf){0};
	return b->len ? buf_append(ret, b->data, b->len) : 0;
}

static int names_copy(char *const *names, size_t n, char **ret)
{
	for (size_t i = 0; i < n; i++) {
		ret[i] = strdup(names[i]);
		if (!ret[i])
			return -ENOMEM;
	}
	return 0;
}

int schema_type_copy(const struct schema_type *t, struct schema_type *ret)
{
	struct schema_type c auto_type = {.kind = t->kind,
		.nullable = t->nullable,
		.precision = t->precision,
		.scale = t->scale,
		.dimension = t->dimension,
		.n_children = t->n_children};
	int r = buf_copy(&t->other, &c.other);

	if (!r && t->n_children) {
		c.children = calloc(t->n_children, sizeof *c.children);
		if (!c.children)
			return -ENOMEM;
	}
	for (size_t i = 0; i < t->n_children && !r; i++)
		r = schema_type_copy(&t->children[i], &c.children[i]);
	if (!r && t->names) {
		c.names = calloc(t->n_children, sizeof *c.names);
		r = c.names ? names_copy(t->names, t->n_children, c.names) : -ENOMEM;
	}
	if (r)
		return r;
	*ret = c;
	c = (struct schema_type){0};
	return 0;
}

static int field_copy(const struct schema_field *f, struct schema_field *ret)
{
	int r;

	ret->column_id = f->column_id;
	ret->name = strdup(f->name);
	r = ret->name ? schema_type_copy(&f->type, &ret->type) : -ENOMEM;
	if (!r)
		r = buf_copy(&f->default_expr, &ret->default_expr);
	if (!r)
		r = buf_copy(&f->computed_expr, &ret->computed_expr);
	if (!r)
		r = buf_copy(&f->auto_increment_expr, &ret->auto_increment_expr);
	return r;
}

int schema_copy(const struct schema *s, struct schema *ret)
{
	struct schema c auto_schema = {
		.n_fields = s->n_fields, .next_column_id = s->next_column_id};
	int r = buf_copy(&s->metadata, &c.metadata);

	if (!r && s->n_fields) {
		c.fields = calloc(s->n_fields, sizeof *c.fields);
		if (!c.fields)
			return -ENOMEM;
	}
	for (size_t i = 0; i < s->n_fields && !r; i++)
		r = field_copy(&s->fields[i], &c.fields[i]);
	if (r)
		return r;
	*ret = c;
	c = (struct schema){0};
	return 0;
}

bool schema_type_equal(const struct schema_type *a, const struct schema_type *b)
{
	if (a->kind != b->kind || a->nullable != b->nullable || a->precision != b->precision ||
		a->scale != b->scale || a->dimension != b->dimension ||
		a->n_children != b->n_children || !a->names != !b->names ||
		!slice_equal(buf_slice(&a->other), buf_slice(&b->other)))
		return false;
	for (size_t i = 0; i < a->n_children; i++) {
		if (!schema_type_equal(&a->children[i], &b->children[i]))
			return false;
		if (a->names && strcmp(a->names[i], b->names[i]))
			return false;
	}
	return true;
}

uint32_t schema_type_leaves(const struct schema_type *t)
{
	uint32_t n = 0;

	if (!t->n_children)
		return 1;
	for (size_t i = 0; i < t->n_children; i++)
		n += schema_type_leaves(&t->children[i]);
	return n;
}

/* Levels of a type; above the limit it is not counted further. */
static unsigned type_depth(const struct schema_type *t, unsigned limit)
{
	unsigned deepest = 0;

	for (size_t i = 0; i < t->n_children && limit; i++) {
		unsigned d = type_depth(&t->children[i], limit - 1);

		if (d > deepest)
			deepest = d;
	}
	return deepest + 1;
}

static uint64_t leaves_of(const struct schema *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->n_fields; i++)
		n += schema_type_leaves(&s->fields[i].type);
	return n;
}

static int field_add(struct schema *s, const char *name, struct schema_type *type)
{
	struct schema_field *f;

	if (!utf8_valid(slice_str(name)) || type_depth(type, SCHEMA_DEPTH_MAX) > SCHEMA_DEPTH_MAX)
		return -EINVAL;
	if (leaves_of(s) + schema_type_leaves(type) > SCHEMA_FIELDS_MAX ||
		s->next_column_id > UINT32_MAX - SCHEMA_FIELDS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < s->n_fields; i++) {
		if (!strcmp(s->fields[i].name, name))
			return -EEXIST;
	}
	f = reallocarray(s->fields, s->n_fields + 1, sizeof *f);
	if (!f)
		return -ENOMEM;
	s->fields = f;
	f += s->n_fields;
	*f = (struct schema_field){.name = strdup(name), .column_id = s->next_column_id};
	if (!f->name)
		return -ENOMEM;
	f->type = *type;
	*type = (struct schema_type){0};
	s->next_column_id += schema_type_leaves(&f->type);
	s->n_fields++;
	return 0;
}

int schema_field_add(struct schema *s, const char *name, struct schema_type *type)
{
	int r = field_add(s, name, type);

	schema_type_deinit(type);
	return r;
}

static void leaves_add(const struct schema_type *t, struct schema_leaf **at, uint32_t *id,
	const struct schema_field *field)
{
	if (!t->n_children)
		*(*at)++ = (struct schema_leaf){.column_id = (*id)++, .type = t, .field = field};
	for (size_t i = 0; i < t->n_children; i++)
		leaves_add(&t->children[i], at, id, field);
}

int schema_leaves(const struct schema *s, struct schema_leaf **ret, size_t *ret_n)
{
	uint64_t n = leaves_of(s);
	struct schema_leaf *leaves = calloc(n + 1, sizeof *leaves);
	struct schema_leaf *at = leaves;

	if (!leaves)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_fields; i++) {
		uint32_t id = s->fields[i].column_id;

		leaves_add(&s->fields[i].type, &at, &id, &s->fields[i]);
	}
	*ret = leaves;
	*ret_n = n;
	return 0;
}

static int compare_fields_by_id(const void *a, const void *b)
{
	uint32_t x = (*(const struct schema_field *const *)a)->column_id;
	uint32_t y = (*(const struct schema_field *const *)b)->column_id;

	return (x > y) - (x < y);
}

int schema_check(const struct schema *s)
{
	const struct schema_field **by_id cleanup(free_p) = calloc(s->n_fields + 1, sizeof *by_id);
	uint64_t next = 0;

	if (!by_id)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_fields; i++)
		by_id[i] = &s->fields[i];
	qsort(by_id, s->n_fields, sizeof *by_id, compare_fields_by_id);
	for (size_t i = 0; i < s->n_fields; i++) {
		if (by_id[i]->column_id < next)
			return -EUCLEAN;
		next = (uint64_t)by_id[i]->column_id + schema_type_leaves(&by_id[i]->type);
	}
	return next > s->next_column_id ? -EUCLEAN : 0;
}

/* The name inside an unknown type's MessagePack: its text, or its map's first key. */
static int other_text(const struct buf *other, struct buf *ret)
{
	struct unpack u = unpack_of(buf_slice(other));
	struct slice name;

	if (unpack_peek(&u) == UNPACK_MAP)
		unpack_map(&u, 2);
	name = unpack_str(&u);
	if (u.error || !utf8_valid(name))
		return buf_printf(ret, "(UNKNOWN)");
	return buf_append(ret, name.data, name.len);
}

static int children_text(const struct schema_type *t, const char *word, struct buf *ret)
{
	int r = buf_printf(ret, "%s(", word);

	for (size_t i = 0; i < t->n_children && !r; i++) {
		if (i)
			r = buf_printf(ret, ", ");
		if (!r && t->names)
			r = buf_printf(ret, "%s ", t->names[i]);
		if (!r)
			r = schema_type_text(&t->children[i], ret);
	}
	return r ? r : buf_printf(ret, ")");
}

static int upper_text(const char *word, struct buf *ret)
{
	int r = 0;

	for (; *word && !r; word++)
		r = buf_printf(ret, "%c", toupper((unsigned char)*word));
	return r;
}

static int bare_type_text(const struct schema_type *t, struct buf *ret)
{
	switch (t->kind) {
	case SCHEMA_DECIMAL128:
	case SCHEMA_DECIMAL256:
		return buf_printf(ret, "DECIMAL(%u,%u)", t->precision, t->scale);
	case SCHEMA_VECTOR:
		return buf_printf(ret, "VECTOR(%llu)", (unsigned long long)t->dimension);
	case SCHEMA_ARRAY:
		return children_text(t, "ARRAY", ret);
	case SCHEMA_MAP:
		return children_text(t, "MAP", ret);
	case SCHEMA_TUPLE:
		return children_text(t, "TUPLE", ret);
	case SCHEMA_OTHER:
		return other_text(&t->other, ret);
	default:
		return upper_text(kind_names[t->kind], ret);
	}
}

int schema_type_text(const struct schema_type *t, struct buf *ret)
{
	int r = bare_type_text(t, ret);

	return !r && t->nullable ? buf_printf(ret, " NULL") : r;
}
