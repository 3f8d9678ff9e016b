/* Statistics as MessagePack, written and read. */
#include "meta/schema_impl.h"
#include "meta/stats_impl.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define COLUMN_BYTES_MIN 30 /* an id and a map with the names null_count and in_memory_size */
#define HEX256_BYTES_MAX 68 /* "-0x", 64 digits, NUL */

static bool is_negative(const uint8_t decimal[static 32])
{
	return decimal[0] >> 7;
}

static void negate(uint8_t decimal[static 32])
{
	unsigned carry = 1;

	for (int i = 31; i >= 0; i--) {
		carry += (uint8_t)~decimal[i];
		decimal[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

/* Sign and magnitude: "-0x1f", without leading zeros. */
static void hex256_format(const uint8_t decimal[static 32], char out[static HEX256_BYTES_MAX])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t d[32];
	bool is_zero = true;

	memcpy(d, decimal, sizeof d);
	if (is_negative(d)) {
		*out++ = '-';
		negate(d);
	}
	*out++ = '0';
	*out++ = 'x';
	for (int i = 0; i < 64; i++) {
		unsigned digit = d[i / 2] >> (i % 2 ? 0 : 4) & 15;

		is_zero = is_zero && !digit && i < 63;
		if (!is_zero)
			*out++ = digits[digit];
	}
	*out = 0;
}

static int hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex256_parse(struct slice text, uint8_t ret[static 32])
{
	const uint8_t *p = text.data, *end = p + text.len;
	bool is_minus = text.len && *p == '-';
	uint8_t d[32] = {0};

	p += is_minus;
	if (end - p < 3 || end - p > 66 || p[0] != '0' || p[1] != 'x')
		return false;
	p += 2;
	for (ptrdiff_t i = 64 - (end - p); p < end; i++, p++) {
		int digit = hex_digit(*p);

		if (digit < 0)
			return false;
		d[i / 2] |= (uint8_t)(digit << (i % 2 ? 0 : 4));
	}
	if (is_negative(d)) /* beyond 2^255: no decimal of 76 digits */
		return false;
	if (is_minus)
		negate(d);
	memcpy(ret, d, sizeof d);
	return true;
}

static void number_pack(struct pack *p, const struct stats_value *v)
{
	pack_map(p, 1);
	pack_str(p, "Number");
	pack_map(p, 1);
	pack_str(p, schema_kind_name(v->kind));
	if (v->kind == SCHEMA_FLOAT32)
		pack_f32(p, isnan(v->f) ? NAN : (float)v->f); /* one NaN: the same bytes always */
	else if (v->kind == SCHEMA_FLOAT64)
		pack_f64(p, isnan(v->f) ? NAN : v->f);
	else if (v->kind >= SCHEMA_UINT8)
		pack_u64(p, v->u);
	else
		pack_i64(p, v->i);
}

static void decimal_pack(struct pack *p, const struct stats_value *v)
{
	char hex[HEX256_BYTES_MAX];

	pack_map(p, 1);
	pack_str(p, "Decimal");
	pack_map(p, 1);
	pack_str(p, v->kind == SCHEMA_DECIMAL128 ? "Decimal128" : "Decimal256");
	pack_array(p, 2);
	if (v->kind == SCHEMA_DECIMAL128) {
		pack_bin(p, v->decimal + 16, 16);
	} else {
		hex256_format(v->decimal, hex);
		pack_str(p, hex);
	}
	pack_map(p, 2);
	pack_key_u64(p, "precision", v->precision);
	pack_key_u64(p, "scale", v->scale);
}

static void value_pack(struct pack *p, const struct stats_value *v)
{
	if (v->is_null) {
		pack_str(p, "Null");
		return;
	}
	if (schema_kind_is_number(v->kind)) {
		number_pack(p, v);
		return;
	}
	if (v->kind == SCHEMA_DECIMAL128 || v->kind == SCHEMA_DECIMAL256) {
		decimal_pack(p, v);
		return;
	}
	pack_map(p, 1);
	pack_str(p, schema_kind_name(v->kind));
	if (v->kind != SCHEMA_STRING) {
		pack_i64(p, v->i);
		return;
	}
	pack_array(p, v->bytes.len);
	for (size_t i = 0; i < v->bytes.len; i++)
		pack_u64(p, v->bytes.data[i]);
}

/* Can the format say it? Statistics of other kinds are nobody's to prune by. */
static bool can_pack(const struct stats_value *v)
{
	return v->is_null || schema_kind_is_number(v->kind) || v->kind == SCHEMA_STRING ||
	       v->kind == SCHEMA_DATE || v->kind == SCHEMA_TIMESTAMP ||
	       v->kind == SCHEMA_DECIMAL128 || v->kind == SCHEMA_DECIMAL256;
}

static bool has_range(const struct stats_column *c)
{
	return c->has_range && can_pack(&c->min) && can_pack(&c->max);
}

static void column_pack(struct pack *p, const struct stats_column *c)
{
	pack_u64(p, c->leaf_id);
	pack_map(p, has_range(c) ? 5 : 3);
	if (has_range(c)) {
		pack_str(p, "min");
		value_pack(p, &c->min);
		pack_str(p, "max");
		value_pack(p, &c->max);
	}
	pack_key_u64(p, "null_count", c->null_count);
	pack_key_u64(p, "in_memory_size", c->in_memory_size);
	if (c->distinct < 0)
		pack_key_nil(p, "distinct_of_values");
	else
		pack_key_u64(p, "distinct_of_values", (uint64_t)c->distinct);
}

static size_t count_ranges(const struct stats *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += has_range(&s->columns[i]);
	return n;
}

size_t stats_pack_fields(const struct stats *s)
{
	return count_ranges(s) == s->n ? 1 : 2;
}

void stats_pack(struct pack *p, const struct stats *s)
{
	size_t n = count_ranges(s);

	pack_str(p, "col_stats");
	pack_map(p, n);
	for (size_t i = 0; i < s->n; i++) {
		if (has_range(&s->columns[i]))
			column_pack(p, &s->columns[i]);
	}
	if (n == s->n)
		return;
	pack_str(p, "bough_col_stats");
	pack_map(p, s->n - n);
	for (size_t i = 0; i < s->n; i++) {
		if (!has_range(&s->columns[i]))
			column_pack(p, &s->columns[i]);
	}
}

/* Reading. A value of a kind without statistics stays SCHEMA_OTHER, and gives no range. */

static void read_signed(struct unpack *u, struct stats_value *v, unsigned bits)
{
	v->i = unpack_i64(u);
	if (bits < 64 && (v->i < -(INT64_C(1) << (bits - 1)) || v->i >= INT64_C(1) << (bits - 1)))
		unpack_fail(u, -EUCLEAN);
}

static void read_unsigned(struct unpack *u, struct stats_value *v, unsigned bits)
{
	v->u = unpack_u64(u);
	if (bits < 64 && v->u >> bits)
		unpack_fail(u, -EUCLEAN);
}

static void read_float(struct unpack *u, struct stats_value *v)
{
	v->f = unpack_number(u);
	if (v->kind == SCHEMA_FLOAT32 && !isnan(v->f) && (double)(float)v->f != v->f)
		unpack_fail(u, -EUCLEAN);
}

static void read_number(struct unpack *u, struct stats_value *v)
{
	enum schema_kind kind = SCHEMA_OTHER;

	if (unpack_map(u, 2) != 1)
		unpack_fail(u, -EUCLEAN);
	kind = schema_kind_named(unpack_str(u), true);
	if (u->error || kind == SCHEMA_OTHER) {
		unpack_skip(u);
		return;
	}
	v->kind = kind;
	if (kind == SCHEMA_FLOAT32 || kind == SCHEMA_FLOAT64)
		read_float(u, v);
	else if (kind >= SCHEMA_UINT8)
		read_unsigned(u, v, 8u << (kind - SCHEMA_UINT8));
	else
		read_signed(u, v, 8u << (kind - SCHEMA_INT8));
}

static const struct unpack_field decimal_size_fields[] = {
	{"precision", unpack_read_u8, offsetof(struct stats_value, precision), true},
	{"scale", unpack_read_u8, offsetof(struct stats_value, scale), true},
};

static void read_decimal128(struct unpack *u, struct stats_value *v)
{
	struct slice b = unpack_bin(u);

	if (b.len != 16) {
		unpack_fail(u, -EUCLEAN);
		return;
	}
	memcpy(v->decimal + 16, b.data, 16);
	memset(v->decimal, v->decimal[16] >> 7 ? 0xff : 0, 16);
}

static void read_decimal(struct unpack *u, struct stats_value *v)
{
	enum schema_kind kind = SCHEMA_OTHER;
	struct slice width;

	if (unpack_map(u, 2) != 1)
		unpack_fail(u, -EUCLEAN);
	width = unpack_str(u);
	if (slice_equal(width, slice_str("Decimal128")))
		kind = SCHEMA_DECIMAL128;
	else if (slice_equal(width, slice_str("Decimal256")))
		kind = SCHEMA_DECIMAL256;
	if (u->error || kind == SCHEMA_OTHER) {
		unpack_skip(u);
		return;
	}
	v->kind = kind;
	if (unpack_array(u, 1) != 2)
		unpack_fail(u, -EUCLEAN);
	if (kind == SCHEMA_DECIMAL128)
		read_decimal128(u, v);
	else if (!hex256_parse(unpack_str(u), v->decimal))
		unpack_fail(u, -EUCLEAN);
	unpack_object(u, decimal_size_fields, ARRAY_SIZE(decimal_size_fields), v);
	if (!schema_decimal_fits(kind, v->precision, v->scale))
		unpack_fail(u, -EUCLEAN);
}

static void read_bytes(struct unpack *u, struct stats_value *v)
{
	uint32_t n = unpack_array(u, 1);
	uint8_t *data = u->error ? NULL : malloc(n + 1u);

	if (!data) {
		unpack_fail(u, -ENOMEM);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		unpack_read_u8(u, &data[i]);
	v->kind = SCHEMA_STRING;
	v->bytes.data = data;
	v->bytes.len = n;
}

static void read_value(struct unpack *u, void *value)
{
	struct stats_value *v = value;
	struct slice word;

	if (unpack_peek(u) == UNPACK_STR) {
		v->is_null = slice_equal(unpack_str(u), slice_str("Null"));
		return;
	}
	if (unpack_peek(u) != UNPACK_MAP || unpack_map(u, 2) != 1) {
		unpack_fail(u, -EUCLEAN);
		return;
	}
	word = unpack_str(u);
	if (slice_equal(word, slice_str("Number"))) {
		read_number(u, v);
	} else if (slice_equal(word, slice_str("Decimal"))) {
		read_decimal(u, v);
	} else if (slice_equal(word, slice_str("String")) && unpack_peek(u) == UNPACK_ARRAY) {
		read_bytes(u, v);
	} else if (slice_equal(word, slice_str("Date"))) {
		v->kind = SCHEMA_DATE;
		read_signed(u, v, 32);
	} else if (slice_equal(word, slice_str("Timestamp"))) {
		v->kind = SCHEMA_TIMESTAMP;
		read_signed(u, v, 64);
	} else {
		unpack_skip(u);
	}
}

static void read_distinct(struct unpack *u, void *distinct)
{
	uint64_t v = 0;

	if (unpack_nil(u))
		return;
	v = unpack_u64(u);
	if (v > INT64_MAX)
		unpack_fail(u, -EUCLEAN);
	*(int64_t *)distinct = (int64_t)v;
}

static const struct unpack_field column_fields[] = {
	{"min", read_value, offsetof(struct stats_column, min), false},
	{"max", read_value, offsetof(struct stats_column, max), false},
	{"null_count", unpack_read_u64, offsetof(struct stats_column, null_count), true},
	{"in_memory_size", unpack_read_u64, offsetof(struct stats_column, in_memory_size), true},
	{"distinct_of_values", read_distinct, offsetof(struct stats_column, distinct), false},
};

/* A range that makes sense: two NULLs, or two values of one type, the lower one first. */
static bool is_range(const struct stats_value *min, const struct stats_value *max)
{
	if (min->is_null || max->is_null)
		return min->is_null && max->is_null;
	return min->kind != SCHEMA_OTHER && stats_value_same_type(min, max) &&
	       stats_value_compare(min, max) <= 0;
}

static void column_unpack(struct unpack *u, struct stats_column *c)
{
	*c = (struct stats_column){
		.distinct = -1, .min.kind = SCHEMA_OTHER, .max.kind = SCHEMA_OTHER};
	unpack_read_u32(u, &c->leaf_id);
	unpack_object(u, column_fields, ARRAY_SIZE(column_fields), c);
	c->has_range = !u->error && is_range(&c->min, &c->max);
	if (!c->has_range) {
		stats_value_deinit(&c->min);
		stats_value_deinit(&c->max);
	}
}

void stats_unpack(struct unpack *u, void *stats)
{
	struct stats *s = stats;
	uint32_t n = unpack_map(u, COLUMN_BYTES_MIN);
	struct stats_column *c;

	if (u->error || !n)
		return;
	c = reallocarray(s->columns, s->n + n, sizeof *c);
	if (!c) {
		unpack_fail(u, -ENOMEM);
		return;
	}
	s->columns = c;
	for (; n && !u->error; n--)
		column_unpack(u, &s->columns[s->n++]);
}

static int compare_leaves(const void *a, const void *b)
{
	uint32_t x = ((const struct stats_column *)a)->leaf_id;
	uint32_t y = ((const struct stats_column *)b)->leaf_id;

	return (x > y) - (x < y);
}

void stats_unpack_end(struct unpack *u, struct stats *s)
{
	if (s->n)
		qsort(s->columns, s->n, sizeof *s->columns, compare_leaves);
	for (size_t i = 1; i < s->n; i++) {
		if (s->columns[i].leaf_id == s->columns[i - 1].leaf_id)
			unpack_fail(u, -EUCLEAN);
	}
}
