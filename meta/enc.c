#include "meta/enc.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

int enc_u8(struct buf *b, uint8_t v)
{
	return buf_append(b, &v, 1);
}

int enc_u16(struct buf *b, uint16_t v)
{
	uint16_t le = htole16(v);

	return buf_append(b, &le, sizeof le);
}

int enc_u32(struct buf *b, uint32_t v)
{
	uint32_t le = htole32(v);

	return buf_append(b, &le, sizeof le);
}

int enc_u64(struct buf *b, uint64_t v)
{
	uint64_t le = htole64(v);

	return buf_append(b, &le, sizeof le);
}

int enc_varint(struct buf *b, uint64_t v)
{
	uint8_t out[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	return buf_append(b, out, n);
}

int enc_bytes(struct buf *b, const void *data, size_t len)
{
	int r = enc_varint(b, len);

	return r ? r : buf_append(b, data, len);
}

int enc_str(struct buf *b, const char *s)
{
	return enc_bytes(b, s, strlen(s));
}

struct dec dec_of(struct slice s)
{
	return (struct dec){.p = s.data, .left = s.len};
}

/* The next @len bytes, or NULL and failed. */
static const uint8_t *dec_take(struct dec *d, size_t len)
{
	const uint8_t *p = d->p;

	if (d->failed || len > d->left) {
		d->failed = true;
		return NULL;
	}
	d->p += len;
	d->left -= len;
	return p;
}

void dec_raw(struct dec *d, void *out, size_t len)
{
	const uint8_t *p = dec_take(d, len);

	if (!len)
		return;
	if (p)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

uint8_t dec_u8(struct dec *d)
{
	uint8_t v;

	dec_raw(d, &v, sizeof v);
	return v;
}

uint16_t dec_u16(struct dec *d)
{
	uint16_t v;

	dec_raw(d, &v, sizeof v);
	return le16toh(v);
}

uint32_t dec_u32(struct dec *d)
{
	uint32_t v;

	dec_raw(d, &v, sizeof v);
	return le32toh(v);
}

uint64_t dec_u64(struct dec *d)
{
	uint64_t v;

	dec_raw(d, &v, sizeof v);
	return le64toh(v);
}

uint64_t dec_varint(struct dec *d)
{
	uint64_t v = 0;
	size_t n = 0;

	for (unsigned shift = 0; !d->failed && n < d->left && shift < 64; shift += 7) {
		uint8_t byte = d->p[n++];
		uint64_t bits = byte & 0x7f;

		if (bits << shift >> shift != bits || (n > 1 && !byte))
			break;
		v |= bits << shift;
		if (byte < 0x80) {
			d->p += n;
			d->left -= n;
			return v;
		}
	}
	d->failed = true;
	return 0;
}

uint64_t dec_varint_max(struct dec *d, uint64_t max)
{
	uint64_t v = dec_varint(d);

	if (v <= max)
		return v;
	d->failed = true;
	return 0;
}

struct slice dec_bytes(struct dec *d)
{
	uint64_t len = dec_varint_max(d, SIZE_MAX);
	const uint8_t *p = dec_take(d, len);

	return p ? (struct slice){p, len} : (struct slice){"", 0};
}

void dec_str(struct dec *d, char *out, size_t size)
{
	struct slice s = dec_bytes(d);

	if (s.len >= size || memchr(s.data, 0, s.len)) {
		d->failed = true;
		s.len = 0;
	}
	memcpy(out, s.data, s.len);
	out[s.len] = 0;
}

int dec_end(const struct dec *d)
{
	return d->failed || d->left ? -EUCLEAN : 0;
}
