#include "meta/stats_impl.h"
#include "meta/utf8_impl.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define BOUND_CHARACTERS_MAX 16

static const char highest_character[] = "\xf4\x8f\xbf\xbf"; /* U+10FFFF */

static bool owns_bytes(const struct stats_value *v)
{
	return v->kind == SCHEMA_STRING && !v->is_null;
}

void stats_value_deinit(struct stats_value *v)
{
	if (owns_bytes(v))
		free(v->bytes.data);
	*v = (struct stats_value){0};
}

static void column_deinit(struct stats_column *c)
{
	stats_value_deinit(&c->min);
	stats_value_deinit(&c->max);
}

void stats_deinit(struct stats *s)
{
	for (size_t i = 0; i < s->n && s->columns; i++)
		column_deinit(&s->columns[i]);
	free(s->columns);
	*s = (struct stats){0};
}

int stats_value_copy(const struct stats_value *v, struct stats_value *ret)
{
	struct stats_value c = *v;

	if (owns_bytes(v)) {
		c.bytes.data = malloc(v->bytes.len + 1);
		if (!c.bytes.data)
			return -ENOMEM;
		if (v->bytes.len)
			memcpy(c.bytes.data, v->bytes.data, v->bytes.len);
	}
	*ret = c;
	return 0;
}

static int column_copy(const struct stats_column *c, struct stats_column *ret)
{
	struct stats_column copy = *c;
	int r;

	copy.min = copy.max = (struct stats_value){0};
	r = c->has_range ? stats_value_copy(&c->min, &copy.min) : 0;
	if (!r && c->has_range)
		r = stats_value_copy(&c->max, &copy.max);
	if (r)
		column_deinit(&copy);
	else
		*ret = copy;
	return r;
}

int stats_copy(const struct stats *s, struct stats *ret)
{
	struct stats c auto_stats = {0};

	c.columns = calloc(s->n + 1, sizeof *c.columns);
	if (!c.columns)
		return -ENOMEM;
	for (; c.n < s->n; c.n++) {
		int r = column_copy(&s->columns[c.n], &c.columns[c.n]);

		if (r)
			return r;
	}
	*ret = c;
	c = (struct stats){0};
	return 0;
}

static int compare_floats(double a, double b)
{
	if (isnan(a) || isnan(b))
		return !!isnan(a) - !!isnan(b);
	return (a > b) - (a < b);
}

/* Big-endian two's complement: the sign is in the first byte, all others weigh as they are. */
static int compare_decimals(const struct stats_value *a, const struct stats_value *b)
{
	size_t at = a->kind == SCHEMA_DECIMAL128 ? 16 : 0;
	int x = (int8_t)a->decimal[at], y = (int8_t)b->decimal[at];

	return x != y ? x - y : memcmp(a->decimal + at, b->decimal + at, 32 - at);
}

static int compare_bytes(const struct stats_value *a, const struct stats_value *b)
{
	size_t n = a->bytes.len < b->bytes.len ? a->bytes.len : b->bytes.len;
	int r = n ? memcmp(a->bytes.data, b->bytes.data, n) : 0;

	return r ? r : (a->bytes.len > b->bytes.len) - (a->bytes.len < b->bytes.len);
}

int stats_value_compare(const struct stats_value *a, const struct stats_value *b)
{
	if (a->is_null || b->is_null)
		return b->is_null - a->is_null;
	switch (a->kind) {
	case SCHEMA_STRING:
		return compare_bytes(a, b);
	case SCHEMA_DECIMAL128:
	case SCHEMA_DECIMAL256:
		return compare_decimals(a, b);
	case SCHEMA_FLOAT32:
	case SCHEMA_FLOAT64:
		return compare_floats(a->f, b->f);
	case SCHEMA_UINT8:
	case SCHEMA_UINT16:
	case SCHEMA_UINT32:
	case SCHEMA_UINT64:
		return (a->u > b->u) - (a->u < b->u);
	default:
		return (a->i > b->i) - (a->i < b->i);
	}
}

bool stats_value_same_type(const struct stats_value *a, const struct stats_value *b)
{
	if (a->is_null || b->is_null)
		return true;
	if (a->kind != b->kind)
		return false;
	return (a->kind != SCHEMA_DECIMAL128 && a->kind != SCHEMA_DECIMAL256) ||
	       (a->precision == b->precision && a->scale == b->scale);
}

/* The one of @a and @b that bounds both; NULLs bound nothing. */
static const struct stats_value *outer(
	const struct stats_value *a, const struct stats_value *b, bool is_max)
{
	if (a->is_null || b->is_null)
		return a->is_null ? b : a;
	return (stats_value_compare(a, b) > 0) == is_max ? a : b;
}

static int column_merge(
	const struct stats_column *a, const struct stats_column *b, struct stats_column *ret)
{
	struct stats_column c = {.leaf_id = a->leaf_id, .distinct = -1};
	int r = 0;

	if (__builtin_add_overflow(a->null_count, b->null_count, &c.null_count) ||
		__builtin_add_overflow(a->in_memory_size, b->in_memory_size, &c.in_memory_size))
		return -EINVAL;
	c.has_range = a->has_range && b->has_range && stats_value_same_type(&a->min, &b->min) &&
		      stats_value_same_type(&a->max, &b->max);
	if (c.has_range)
		r = stats_value_copy(outer(&a->min, &b->min, false), &c.min);
	if (!r && c.has_range)
		r = stats_value_copy(outer(&a->max, &b->max, true), &c.max);
	if (r)
		column_deinit(&c);
	else
		*ret = c;
	return r;
}

int stats_merge(struct stats *into, const struct stats *from)
{
	struct stats m auto_stats = {0};

	m.columns = calloc(into->n + 1, sizeof *m.columns);
	if (!m.columns)
		return -ENOMEM;
	for (size_t i = 0, k = 0; i < into->n; i++) {
		const struct stats_column *a = &into->columns[i];
		int r;

		while (k < from->n && from->columns[k].leaf_id < a->leaf_id)
			k++;
		if (k == from->n || from->columns[k].leaf_id != a->leaf_id)
			continue;
		r = column_merge(a, &from->columns[k], &m.columns[m.n]);
		if (r)
			return r;
		m.n++;
	}
	stats_deinit(into);
	*into = m;
	m = (struct stats){0};
	return 0;
}

static int string_value(struct slice head, struct slice tail, struct stats_value *ret)
{
	uint8_t *data = malloc(head.len + tail.len + 1);

	if (!data)
		return -ENOMEM;
	if (head.len)
		memcpy(data, head.data, head.len);
	memcpy(data + head.len, tail.data, tail.len);
	*ret = (struct stats_value){
		.kind = SCHEMA_STRING, .bytes = {.data = data, .len = head.len + tail.len}};
	return 0;
}

int stats_string_bound(struct slice text, bool is_max, struct stats_value *ret)
{
	const struct slice nothing = {"", 0}, highest = slice_str(highest_character);
	const uint8_t *p = text.data;
	size_t at = 0, raised_at = SIZE_MAX;

	if (!utf8_valid(text))
		return -EINVAL;
	for (int i = 0; i < BOUND_CHARACTERS_MAX && at < text.len; i++) {
		size_t n = utf8_char(p + at, text.len - at);

		if (!slice_equal((struct slice){p + at, n}, highest))
			raised_at = at;
		at += n;
	}
	if (at == text.len || !is_max)
		return string_value((struct slice){p, at}, nothing, ret);
	if (raised_at == SIZE_MAX)
		return -EINVAL;
	return string_value((struct slice){p, raised_at}, highest, ret);
}
