/*
 * Footer bounds: the text that DuckDB prints, back to a value of exactly the column's type. What
 * cannot be told exactly is left out, since maxima and pruning trust what is there.
 */
#include "refs/parquet_impl.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define TEXT_BYTES_MAX 320 /* 64 characters */
#define US_PER_SECOND 1000000
#define SECONDS_PER_DAY 86400

/* Unread text, NUL-terminated. */
struct cursor {
	const char *at;
};

static bool take(struct cursor *c, const char *literal)
{
	size_t n = strlen(literal);

	if (strncmp(c->at, literal, n))
		return false;
	c->at += n;
	return true;
}

/* At most 9 digits; -1: there are not @n_min. */
static int64_t take_digits(struct cursor *c, int n_min, int n_max)
{
	int64_t value = 0;
	int n = 0;

	for (; n < n_max && isdigit((unsigned char)*c->at); n++)
		value = value * 10 + (*c->at++ - '0');
	return n < n_min ? -1 : value;
}

/* Days from 1970-01-01, of the calendar continued in both directions. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

/* "2024-02-29", "0044-03-15 (BC)"; "infinity" is none. */
static bool take_date(struct cursor *c, int64_t *ret_days)
{
	int64_t year = take_digits(c, 4, 9);
	int64_t month = year >= 0 && take(c, "-") ? take_digits(c, 2, 2) : -1;
	int64_t day = month >= 1 && take(c, "-") ? take_digits(c, 2, 2) : -1;

	if (month > 12 || day < 1 || day > 31)
		return false;
	if (take(c, " (BC)"))
		year = 1 - year;
	*ret_days = days_of(year, month, day);
	return true;
}

/* "2024-02-29 12:34:56.789", also with "+00" behind. */
static bool take_timestamp(struct cursor *c, int64_t *ret_us)
{
	int64_t days, hour, minute, second, fraction = 0, us;
	const char *start;

	if (!take_date(c, &days) || !take(c, " "))
		return false;
	hour = take_digits(c, 2, 2);
	minute = hour >= 0 && take(c, ":") ? take_digits(c, 2, 2) : -1;
	second = minute >= 0 && take(c, ":") ? take_digits(c, 2, 2) : -1;
	if (second < 0 || hour > 23 || minute > 59 || second > 59)
		return false;
	if (take(c, ".")) {
		start = c->at;
		fraction = take_digits(c, 1, 6);
		for (long n = c->at - start; n < 6; n++)
			fraction *= 10;
	}
	take(c, "+00");
	us = ((hour * 60 + minute) * 60 + second) * US_PER_SECOND + fraction;
	return fraction >= 0 &&
	       !__builtin_mul_overflow(days, (int64_t)SECONDS_PER_DAY * US_PER_SECOND, ret_us) &&
	       !__builtin_add_overflow(*ret_us, us, ret_us);
}

static bool take_int(struct cursor *c, uint64_t *ret, bool *ret_negative)
{
	uint64_t value = 0;

	*ret_negative = take(c, "-");
	if (!isdigit((unsigned char)*c->at))
		return false;
	for (; isdigit((unsigned char)*c->at); c->at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (unsigned)(*c->at - '0'), &value))
			return false;
	*ret = value;
	return true;
}

/* Value bits of an integer type, without the sign; 0: none of them. */
static unsigned integer_bits(enum schema_kind kind)
{
	static const uint8_t bits[SCHEMA_KINDS] = {[SCHEMA_INT8] = 7,
		[SCHEMA_INT16] = 15,
		[SCHEMA_INT32] = 31,
		[SCHEMA_INT64] = 63,
		[SCHEMA_UINT8] = 8,
		[SCHEMA_UINT16] = 16,
		[SCHEMA_UINT32] = 32,
		[SCHEMA_UINT64] = 64};

	return bits[kind];
}

static bool is_unsigned(enum schema_kind kind)
{
	return kind >= SCHEMA_UINT8 && kind <= SCHEMA_UINT64;
}

/* @magnitude with a sign, if @v's kind has room for it. */
static int set_integer(struct stats_value *v, uint64_t magnitude, bool is_negative)
{
	unsigned bits = integer_bits(v->kind);
	uint64_t max = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;

	if (is_unsigned(v->kind)) {
		v->u = magnitude;
		return magnitude > max || (is_negative && magnitude) ? -EINVAL : 0;
	}
	v->i = (int64_t)(is_negative ? -magnitude : magnitude);
	return magnitude > max + is_negative ? -EINVAL : 0;
}

/* x = x * 10 + @digit, big-endian. False: an overflow. */
static bool times_ten(uint8_t x[static 32], unsigned digit)
{
	unsigned carry = digit;

	for (int i = 31; i >= 0; i--) {
		carry += x[i] * 10u;
		x[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return !carry && x[0] < 0x80;
}

static void negate(uint8_t x[static 32])
{
	unsigned carry = 1;

	for (int i = 31; i >= 0; i--) {
		carry += (uint8_t)~x[i];
		x[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

/* "-12.50": exactly @scale digits behind the point, at most @precision in all. */
static bool take_decimal(
	struct cursor *c, unsigned precision, unsigned scale, uint8_t ret[static 32])
{
	bool is_negative = take(c, "-"), seen_point = false;
	unsigned digits = 0, behind = 0;

	memset(ret, 0, 32);
	for (;; c->at++) {
		if (*c->at == '.' && !seen_point) {
			seen_point = true;
			continue;
		}
		if (!isdigit((unsigned char)*c->at))
			break;
		digits += digits || *c->at != '0'; /* leading zeros do not count */
		behind += seen_point;
		if (!times_ten(ret, (unsigned)(*c->at - '0')))
			return false;
	}
	if (is_negative)
		negate(ret);
	return digits <= precision && behind == scale;
}

/* DuckDB prints bytes that are not UTF-8 as \xAB, and cannot be told from a text that says so. */
static int set_string(struct stats_value *v, struct slice text, bool is_max)
{
	const char *s = text.data;

	for (size_t i = 0; i + 1 < text.len; i++)
		if (s[i] == '\\' && s[i + 1] == 'x')
			return -EINVAL;
	return stats_string_bound(text, is_max, v);
}

static bool take_value(struct cursor *c, const struct parquet_leaf *leaf, struct stats_value *v)
{
	uint64_t magnitude;
	bool is_negative;

	switch (leaf->kind) {
	case SCHEMA_DATE:
		return take_date(c, &v->i) && v->i >= INT32_MIN && v->i <= INT32_MAX;
	case SCHEMA_TIMESTAMP:
		return take_timestamp(c, &v->i);
	case SCHEMA_DECIMAL128:
	case SCHEMA_DECIMAL256:
		v->precision = leaf->precision;
		v->scale = leaf->scale;
		return take_decimal(c, leaf->precision, leaf->scale, v->decimal);
	default:
		return integer_bits(leaf->kind) && take_int(c, &magnitude, &is_negative) &&
		       !set_integer(v, magnitude, is_negative);
	}
}

int parquet_value_parse(
	const struct parquet_leaf *leaf, struct slice text, bool is_max, struct stats_value *ret)
{
	struct stats_value v = {.kind = leaf->kind};
	char copy[TEXT_BYTES_MAX];
	struct cursor c = {.at = copy};

	if (leaf->kind == SCHEMA_STRING)
		return set_string(ret, text, is_max);
	if (!text.len || text.len >= sizeof copy)
		return -EINVAL;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	if (!take_value(&c, leaf, &v) || c.at != copy + text.len)
		return -EINVAL;
	*ret = v;
	return 0;
}

/* An integer as a decimal of 256 bits. */
static void decimal_of(const struct stats_value *from, uint8_t ret[static 32])
{
	bool is_negative = !is_unsigned(from->kind) && from->i < 0;
	uint64_t bits = from->u;

	memset(ret, is_negative ? 0xff : 0, 32);
	for (int i = 31; i >= 24; i--, bits >>= 8)
		ret[i] = (uint8_t)bits;
}

static int to_decimal(
	const struct stats_value *from, const struct schema_type *to, struct stats_value *v)
{
	unsigned scale = 0;
	bool is_negative;

	if (integer_bits(from->kind)) {
		decimal_of(from, v->decimal);
	} else if (from->kind == SCHEMA_DECIMAL128 || from->kind == SCHEMA_DECIMAL256) {
		memcpy(v->decimal, from->decimal, sizeof v->decimal);
		if (from->kind == SCHEMA_DECIMAL128) /* whose first 16 bytes mean nothing */
			memset(v->decimal, from->decimal[16] & 0x80 ? 0xff : 0, 16);
		scale = from->scale;
	} else {
		return -EINVAL;
	}
	is_negative = v->decimal[0] & 0x80;
	if (is_negative)
		negate(v->decimal);
	for (; scale < to->scale; scale++)
		if (!times_ten(v->decimal, 0))
			return -EINVAL;
	if (is_negative)
		negate(v->decimal);
	v->precision = to->precision;
	v->scale = to->scale;
	return scale == to->scale ? 0 : -EINVAL;
}

static int to_number(const struct stats_value *from, enum schema_kind to, struct stats_value *v)
{
	bool is_negative = !is_unsigned(from->kind) && from->i < 0;

	if (!integer_bits(from->kind))
		return -EINVAL;
	return integer_bits(to) ? set_integer(v, is_negative ? -from->u : from->u, is_negative)
				: -EINVAL;
}

int parquet_value_widen(
	const struct stats_value *from, const struct schema_type *to, struct stats_value *ret)
{
	struct stats_value v = {.kind = to->kind, .is_null = from->is_null};
	int r = 0;

	if (from->is_null)
		r = 0;
	else if (to->kind == SCHEMA_DECIMAL128 || to->kind == SCHEMA_DECIMAL256)
		r = to_decimal(from, to, &v);
	else if (from->kind != to->kind)
		r = to_number(from, to->kind, &v);
	else
		return stats_value_copy(from, ret);
	if (!r)
		*ret = v;
	return r;
}
