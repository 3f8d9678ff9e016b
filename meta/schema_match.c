/* Which files fit a table, and which leaf of theirs is which of its. */
#include "meta/schema_impl.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/*
 * Numbers as ranges: an integer of @bits value bits (without the sign) goes into every type that
 * represents all of them; a float represents integers of as many bits as its mantissa has.
 */
static const struct {
	uint8_t bits, mantissa, digits; /* digits: of the largest value, in decimal */
	bool is_signed;
} numbers[SCHEMA_KINDS] = {
	[SCHEMA_INT8] = {7, 0, 3, true},
	[SCHEMA_INT16] = {15, 0, 5, true},
	[SCHEMA_INT32] = {31, 0, 10, true},
	[SCHEMA_INT64] = {63, 0, 19, true},
	[SCHEMA_UINT8] = {8, 0, 3, false},
	[SCHEMA_UINT16] = {16, 0, 5, false},
	[SCHEMA_UINT32] = {32, 0, 10, false},
	[SCHEMA_UINT64] = {64, 0, 20, false},
	[SCHEMA_FLOAT32] = {0, 24, 0, true},
	[SCHEMA_FLOAT64] = {0, 53, 0, true},
};

static bool is_decimal(enum schema_kind kind)
{
	return kind == SCHEMA_DECIMAL128 || kind == SCHEMA_DECIMAL256;
}

static bool is_integer(enum schema_kind kind)
{
	return numbers[kind].bits > 0;
}

static bool integer_widens(enum schema_kind from, const struct schema_type *to)
{
	enum schema_kind k = to->kind;

	if (is_decimal(k))
		return to->precision - to->scale >= numbers[from].digits;
	if (!is_integer(k))
		return numbers[k].mantissa >= numbers[from].bits;
	return numbers[k].bits >= numbers[from].bits &&
	       (numbers[k].is_signed || !numbers[from].is_signed);
}

static bool decimal_widens(const struct schema_type *from, const struct schema_type *to)
{
	return is_decimal(to->kind) && to->scale >= from->scale &&
	       to->precision - to->scale >= from->precision - from->scale;
}

static bool type_widens(const struct schema_type *from, const struct schema_type *to);

static bool children_widen(const struct schema_type *from, const struct schema_type *to)
{
	if (from->kind != to->kind || from->n_children != to->n_children)
		return false;
	for (size_t i = 0; i < from->n_children; i++) {
		if (from->names && strcmp(from->names[i], to->names[i]))
			return false;
		if (!type_widens(&from->children[i], &to->children[i]))
			return false;
	}
	return true;
}

/* Does every value of @from have exactly one equal value of @to? */
static bool type_widens(const struct schema_type *from, const struct schema_type *to)
{
	if (from->nullable && !to->nullable)
		return false;
	if (from->n_children)
		return children_widen(from, to);
	if (is_decimal(from->kind))
		return decimal_widens(from, to);
	if (is_integer(from->kind))
		return integer_widens(from->kind, to);
	if (from->kind == SCHEMA_FLOAT32 && to->kind == SCHEMA_FLOAT64)
		return true;
	return from->kind == to->kind && from->dimension == to->dimension &&
	       slice_equal(buf_slice(&from->other), buf_slice(&to->other));
}

/* The table's fields in order of their names without case: equal ones lie together. */
struct column {
	const struct schema_field *field;
	const struct schema_field *taken; /* the file's column that is this one */
};

static int compare_columns(const void *a, const void *b)
{
	const struct column *x = a, *y = b;

	return strcasecmp(x->field->name, y->field->name);
}

static const char *text_of(const struct schema_type *t, struct buf *b)
{
	return schema_type_text(t, b) || buf_append(b, "", 1) ? "?" : (const char *)b->data;
}

/* The columns called @name without case are [*ret_lo, *ret_hi). */
static void same_without_case(
	const struct column *c, size_t n, const char *name, size_t *ret_lo, size_t *ret_hi)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcasecmp(c[mid].field->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (hi < n && !strcasecmp(c[hi].field->name, name))
		hi++;
	*ret_lo = lo;
	*ret_hi = hi;
}

static int find_column(struct column *c, size_t n, const struct schema_field *f,
	struct column **ret, struct bough_error *error)
{
	struct buf type auto_buf = {0};
	size_t lo, hi;

	same_without_case(c, n, f->name, &lo, &hi);
	for (size_t i = lo; i < hi; i++) {
		if (!strcmp(c[i].field->name, f->name)) {
			*ret = &c[i];
			return 0;
		}
	}
	if (hi - lo == 1) {
		*ret = &c[lo];
		return 0;
	}
	if (hi > lo)
		error_set(error, -EINVAL, "column '%s' of the file could be '%s' or '%s'", f->name,
			c[lo].field->name, c[lo + 1].field->name);
	else
		error_set(error, -EINVAL, "column '%s' (%s) is not in the table", f->name,
			text_of(&f->type, &type));
	return -EINVAL;
}

static int match_column(struct column *c, const struct schema_field *f, struct bough_error *error)
{
	struct buf is auto_buf = {0}, wanted auto_buf = {0};

	if (c->taken)
		return error_set(error, -EINVAL,
			"columns '%s' and '%s' of the file are both column '%s' of the table",
			c->taken->name, f->name, c->field->name);
	c->taken = f;
	if (type_widens(&f->type, &c->field->type))
		return 0;
	return error_set(error, -EINVAL, "column '%s' is %s, and the table wants %s", f->name,
		text_of(&f->type, &is), text_of(&c->field->type, &wanted));
}

/* A column that the file lacks must have something to be read as. */
static int check_missing(const struct column *c, size_t n, struct bough_error *error)
{
	struct buf type auto_buf = {0};

	for (size_t i = 0; i < n; i++) {
		const struct schema_field *f = c[i].field;

		if (c[i].taken || f->type.nullable || f->default_expr.len || f->computed_expr.len)
			continue;
		return error_set(error, -EINVAL,
			"column '%s' (%s) is not in the file, and has neither NULL nor a default",
			f->name, text_of(&f->type, &type));
	}
	return 0;
}

int schema_match(const struct schema *table, const struct schema *file, uint32_t **ret_leaf_ids,
	size_t *ret_n, struct bough_error *error)
{
	struct column *columns cleanup(free_p) = calloc(table->n_fields + 1, sizeof *columns);
	uint32_t *ids cleanup(free_p) = NULL;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < file->n_fields; i++)
		n += schema_type_leaves(&file->fields[i].type);
	ids = calloc(n + 1, sizeof *ids);
	if (!columns || !ids)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_fields; i++)
		columns[i].field = &table->fields[i];
	qsort(columns, table->n_fields, sizeof *columns, compare_columns);
	n = 0;
	for (size_t i = 0; i < file->n_fields; i++) {
		const struct schema_field *f = &file->fields[i];
		struct column *c = NULL;

		r = find_column(columns, table->n_fields, f, &c, error);
		if (!r)
			r = match_column(c, f, error);
		if (r)
			return r;
		for (uint32_t k = 0; k < schema_type_leaves(&f->type); k++)
			ids[n++] = c->field->column_id + k;
	}
	r = check_missing(columns, table->n_fields, error);
	if (r)
		return r;
	*ret_leaf_ids = steal(&ids);
	*ret_n = n;
	return 0;
}
