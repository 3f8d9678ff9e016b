#include "meta/codec_unpack_impl.h"
#include "meta/utf8_impl.h"
#include "objstore/base/buf.h"
#include "objstore/base/clock.h"

#include <errno.h>
#include <string.h>

/* The forms 0xc0..0xdf: what they hold, and how many bytes of number or length follow. */
static const struct {
	uint8_t type, width;
} forms[32] = {{UNPACK_NIL, 0}, {UNPACK_INVALID, 0}, {UNPACK_BOOL, 0}, {UNPACK_BOOL, 0},
	{UNPACK_BIN, 1}, {UNPACK_BIN, 2}, {UNPACK_BIN, 4}, {UNPACK_EXT, 1}, {UNPACK_EXT, 2},
	{UNPACK_EXT, 4}, {UNPACK_F32, 4}, {UNPACK_F64, 8}, {UNPACK_UINT, 1}, {UNPACK_UINT, 2},
	{UNPACK_UINT, 4}, {UNPACK_UINT, 8}, {UNPACK_INT, 1}, {UNPACK_INT, 2}, {UNPACK_INT, 4},
	{UNPACK_INT, 8}, {UNPACK_EXT, 0}, {UNPACK_EXT, 0}, {UNPACK_EXT, 0}, {UNPACK_EXT, 0},
	{UNPACK_EXT, 0}, {UNPACK_STR, 1}, {UNPACK_STR, 2}, {UNPACK_STR, 4}, {UNPACK_ARRAY, 2},
	{UNPACK_ARRAY, 4}, {UNPACK_MAP, 2}, {UNPACK_MAP, 4}};

struct unpack unpack_of(struct slice s)
{
	return (struct unpack){.p = s.data, .end = (const uint8_t *)s.data + s.len};
}

bool unpack_fail(struct unpack *u, int code)
{
	if (!u->error)
		u->error = code;
	u->p = u->end;
	return false;
}

static size_t left(const struct unpack *u)
{
	return (size_t)(u->end - u->p);
}

enum unpack_type unpack_peek(const struct unpack *u)
{
	uint8_t b;

	if (u->error || u->p == u->end)
		return UNPACK_INVALID;
	b = *u->p;
	if (b < 0x80)
		return UNPACK_UINT;
	if (b >= 0xe0)
		return UNPACK_INT;
	if (b < 0xc0)
		return b < 0x90 ? UNPACK_MAP : b < 0xa0 ? UNPACK_ARRAY : UNPACK_STR;
	/* A signed form may hold a number that is not below zero. */
	if (forms[b - 0xc0].type == UNPACK_INT && left(u) > 1 && u->p[1] < 0x80)
		return UNPACK_UINT;
	return forms[b - 0xc0].type;
}

static bool take_big_endian(struct unpack *u, unsigned width, uint64_t *ret)
{
	uint64_t v = 0;

	if (left(u) < width)
		return unpack_fail(u, -EUCLEAN);
	for (unsigned i = 0; i < width; i++)
		v = v << 8 | *u->p++;
	*ret = v;
	return true;
}

static bool take_bytes(struct unpack *u, uint64_t len, struct slice *ret)
{
	if (len > left(u))
		return unpack_fail(u, -EUCLEAN);
	*ret = (struct slice){u->p, len};
	u->p += len;
	return true;
}

static bool take_count(struct unpack *u, uint64_t n, struct unpack_value *v)
{
	/* Each element is a byte at least: what does not fit is a lie, whoever would allocate. */
	if (n > left(u) / (v->type == UNPACK_MAP ? 2 : 1))
		return unpack_fail(u, -EUCLEAN);
	v->n = (uint32_t)n;
	return true;
}

static double float_of(uint64_t bits, unsigned width)
{
	uint32_t half = (uint32_t)bits;
	double d;
	float f;

	if (width == 4) {
		memcpy(&f, &half, sizeof f);
		return f;
	}
	memcpy(&d, &bits, sizeof d);
	return d;
}

/* A value whose first byte is in 0xc0..0xdf, which is taken already. */
static bool next_of_form(struct unpack *u, uint8_t b, struct unpack_value *v)
{
	unsigned width = forms[b - 0xc0].width;
	uint64_t n = 0;

	v->type = forms[b - 0xc0].type;
	if (!take_big_endian(u, width, &n))
		return false;
	switch (v->type) {
	case UNPACK_NIL:
		return true;
	case UNPACK_BOOL:
		v->b = b == 0xc3;
		return true;
	case UNPACK_UINT:
		v->u = n;
		return true;
	case UNPACK_INT: /* sign-extended */
		v->i = (int64_t)(n << (64 - 8 * width)) >> (64 - 8 * width);
		if (v->i >= 0)
			*v = (struct unpack_value){.type = UNPACK_UINT, .u = n};
		return true;
	case UNPACK_F32:
	case UNPACK_F64:
		v->f = float_of(n, width);
		return true;
	case UNPACK_EXT: /* fixext: 1, 2, 4, 8, 16 bytes; all with a byte of type before them */
		return take_bytes(u, (width ? n : UINT64_C(1) << (b - 0xd4)) + 1, &v->bytes);
	case UNPACK_STR:
	case UNPACK_BIN:
		return take_bytes(u, n, &v->bytes);
	case UNPACK_ARRAY:
	case UNPACK_MAP:
		return take_count(u, n, v);
	default:
		return unpack_fail(u, -EUCLEAN);
	}
}

bool unpack_next(struct unpack *u, struct unpack_value *ret)
{
	uint8_t b;

	*ret = (struct unpack_value){.type = UNPACK_INVALID};
	if (u->error || u->p == u->end)
		return unpack_fail(u, -EUCLEAN);
	b = *u->p++;
	if (b >= 0xc0 && b < 0xe0)
		return next_of_form(u, b, ret);
	if (b < 0x80) {
		*ret = (struct unpack_value){.type = UNPACK_UINT, .u = b};
		return true;
	}
	if (b >= 0xe0) {
		*ret = (struct unpack_value){.type = UNPACK_INT, .i = (int8_t)b};
		return true;
	}
	ret->type = b < 0x90 ? UNPACK_MAP : b < 0xa0 ? UNPACK_ARRAY : UNPACK_STR;
	if (ret->type == UNPACK_STR)
		return take_bytes(u, b & 0x1f, &ret->bytes);
	return take_count(u, b & 0x0f, ret);
}

/* One value of exactly @type, or a failure. */
static bool expect(struct unpack *u, enum unpack_type type, struct unpack_value *ret)
{
	return unpack_next(u, ret) && (ret->type == type || unpack_fail(u, -EUCLEAN));
}

uint64_t unpack_u64(struct unpack *u)
{
	struct unpack_value v;

	return expect(u, UNPACK_UINT, &v) ? v.u : 0;
}

int64_t unpack_i64(struct unpack *u)
{
	struct unpack_value v;

	if (!unpack_next(u, &v))
		return 0;
	if (v.type == UNPACK_INT)
		return v.i;
	if (v.type == UNPACK_UINT && v.u <= INT64_MAX)
		return (int64_t)v.u;
	unpack_fail(u, -EUCLEAN);
	return 0;
}

double unpack_number(struct unpack *u)
{
	struct unpack_value v;

	if (!unpack_next(u, &v))
		return 0;
	if (v.type == UNPACK_F32 || v.type == UNPACK_F64)
		return v.f;
	if (v.type == UNPACK_UINT)
		return (double)v.u;
	if (v.type == UNPACK_INT)
		return (double)v.i;
	unpack_fail(u, -EUCLEAN);
	return 0;
}

struct slice unpack_str(struct unpack *u)
{
	struct unpack_value v;

	return expect(u, UNPACK_STR, &v) ? v.bytes : (struct slice){"", 0};
}

struct slice unpack_bin(struct unpack *u)
{
	struct unpack_value v;

	return expect(u, UNPACK_BIN, &v) ? v.bytes : (struct slice){"", 0};
}

static uint32_t count_of(struct unpack *u, enum unpack_type type, size_t bytes_min)
{
	struct unpack_value v;

	if (!expect(u, type, &v))
		return 0;
	if (v.n <= left(u) / bytes_min)
		return v.n;
	unpack_fail(u, -EUCLEAN);
	return 0;
}

uint32_t unpack_array(struct unpack *u, size_t bytes_min)
{
	return count_of(u, UNPACK_ARRAY, bytes_min);
}

uint32_t unpack_map(struct unpack *u, size_t bytes_min)
{
	return count_of(u, UNPACK_MAP, bytes_min);
}

bool unpack_nil(struct unpack *u)
{
	if (unpack_peek(u) != UNPACK_NIL)
		return false;
	u->p++;
	return true;
}

void unpack_skip(struct unpack *u)
{
	uint64_t open[UNPACK_DEPTH_MAX]; /* values still to come, per level */
	unsigned depth = 0;

	open[0] = 1;
	for (;;) {
		struct unpack_value v;

		while (!open[depth]) {
			if (!depth--)
				return;
		}
		open[depth]--;
		if (!unpack_next(u, &v))
			return;
		if (v.type != UNPACK_ARRAY && v.type != UNPACK_MAP)
			continue;
		if (++depth == UNPACK_DEPTH_MAX) {
			unpack_fail(u, -EUCLEAN);
			return;
		}
		open[depth] = v.type == UNPACK_MAP ? UINT64_C(2) * v.n : v.n;
	}
}

struct slice unpack_raw(struct unpack *u)
{
	const uint8_t *start = u->p;

	unpack_skip(u);
	return u->error ? (struct slice){"", 0} : (struct slice){start, (size_t)(u->p - start)};
}

int unpack_end(struct unpack *u)
{
	if (!u->error && u->p != u->end)
		unpack_fail(u, -EUCLEAN);
	return u->error;
}

static void read_member(struct unpack *u, const struct unpack_field *f, void *object)
{
	f->read(u, (uint8_t *)object + f->offset);
	if (u->error && !u->field)
		u->field = f->name;
}

void unpack_object(
	struct unpack *u, const struct unpack_field *fields, size_t n_fields, void *object)
{
	uint64_t seen = 0;

	for (uint32_t n = unpack_map(u, 2); n && !u->error; n--) {
		struct slice key = unpack_str(u);
		size_t i = 0;

		while (i < n_fields && !slice_equal(key, slice_str(fields[i].name)))
			i++;
		if (i == n_fields) {
			unpack_skip(u);
			continue;
		}
		if (seen >> i & 1) {
			u->field = fields[i].name;
			unpack_fail(u, -EUCLEAN);
			break;
		}
		seen |= UINT64_C(1) << i;
		read_member(u, &fields[i], object);
	}
	for (size_t i = 0; i < n_fields && !u->error; i++) {
		if (!fields[i].is_required || seen >> i & 1)
			continue;
		u->field = fields[i].name;
		unpack_fail(u, -EUCLEAN);
	}
}

void unpack_read_u64(struct unpack *u, void *uint64)
{
	*(uint64_t *)uint64 = unpack_u64(u);
}

void unpack_read_u64_or_nil(struct unpack *u, void *uint64)
{
	if (!unpack_nil(u))
		unpack_read_u64(u, uint64);
}

void unpack_read_u32(struct unpack *u, void *uint32)
{
	uint64_t v = unpack_u64(u);

	if (v > UINT32_MAX)
		unpack_fail(u, -EUCLEAN);
	*(uint32_t *)uint32 = (uint32_t)v;
}

void unpack_read_u8(struct unpack *u, void *uint8)
{
	uint64_t v = unpack_u64(u);

	if (v > UINT8_MAX)
		unpack_fail(u, -EUCLEAN);
	*(uint8_t *)uint8 = (uint8_t)v;
}

void unpack_read_text(struct unpack *u, void *owned_string)
{
	struct slice s = unpack_str(u);

	if (u->error)
		return;
	if (memchr(s.data, 0, s.len) || !utf8_valid(s)) {
		unpack_fail(u, -EUCLEAN);
		return;
	}
	*(char **)owned_string = strndup(s.data, s.len);
	if (!*(char **)owned_string)
		unpack_fail(u, -ENOMEM);
}

void unpack_read_raw(struct unpack *u, void *buf)
{
	struct slice s;
	int r;

	if (unpack_nil(u))
		return;
	s = unpack_raw(u);
	r = u->error ? 0 : buf_append(buf, s.data, s.len);
	if (r)
		unpack_fail(u, r);
}

void unpack_read_time(struct unpack *u, void *unix_us)
{
	char text[64] = "";
	struct slice s;

	if (unpack_nil(u))
		return;
	s = unpack_str(u);
	if (u->error)
		return;
	if (s.len < sizeof text)
		memcpy(text, s.data, s.len);
	if (clock_parse_rfc3339(text, unix_us))
		unpack_fail(u, -EUCLEAN);
}
