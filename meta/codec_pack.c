#include "meta/codec_pack_impl.h"
#include "objstore/base/clock.h"

#include <errno.h>
#include <string.h>

static int append(void *data, const char *bytes, size_t len)
{
	struct pack *p = data;

	p->bytes += len;
	if (p->out && !p->error)
		p->error = buf_append(p->out, bytes, len);
	return p->error;
}

void pack_init(struct pack *p, struct buf *out)
{
	*p = (struct pack){.out = out};
	msgpack_packer_init(&p->packer, p, append);
}

void pack_nil(struct pack *p)
{
	msgpack_pack_nil(&p->packer);
}

void pack_u64(struct pack *p, uint64_t v)
{
	msgpack_pack_uint64(&p->packer, v);
}

void pack_i64(struct pack *p, int64_t v)
{
	msgpack_pack_int64(&p->packer, v);
}

void pack_f32(struct pack *p, float v)
{
	msgpack_pack_float(&p->packer, v);
}

void pack_f64(struct pack *p, double v)
{
	msgpack_pack_double(&p->packer, v);
}

/* MessagePack counts with 32 bits; the library would cut a larger count silently. */
static bool countable(struct pack *p, size_t n)
{
	if (n > UINT32_MAX && !p->error)
		p->error = -EINVAL;
	return n <= UINT32_MAX;
}

void pack_map(struct pack *p, size_t n)
{
	if (countable(p, n))
		msgpack_pack_map(&p->packer, n);
}

void pack_array(struct pack *p, size_t n)
{
	if (countable(p, n))
		msgpack_pack_array(&p->packer, n);
}

void pack_str_header(struct pack *p, size_t len)
{
	if (countable(p, len))
		msgpack_pack_str(&p->packer, len);
}

void pack_str(struct pack *p, const char *s)
{
	size_t len = strlen(s);

	pack_str_header(p, len);
	append(p, s, len);
}

void pack_bin(struct pack *p, const void *data, size_t len)
{
	if (countable(p, len))
		msgpack_pack_bin(&p->packer, len);
	append(p, data, len);
}

void pack_raw(struct pack *p, struct slice s)
{
	append(p, s.data, s.len);
}

void pack_key_u64(struct pack *p, const char *key, uint64_t v)
{
	pack_str(p, key);
	pack_u64(p, v);
}

void pack_key_nil(struct pack *p, const char *key)
{
	pack_str(p, key);
	pack_nil(p);
}

void pack_key_raw(struct pack *p, const char *key, const struct buf *b)
{
	pack_str(p, key);
	if (b->len)
		pack_raw(p, buf_slice(b));
	else
		pack_nil(p);
}

void pack_key_time(struct pack *p, const char *key, uint64_t unix_us)
{
	char text[28];

	if (!unix_us) {
		pack_key_nil(p, key);
		return;
	}
	clock_format_rfc3339(unix_us, text);
	pack_str(p, key);
	pack_str(p, text);
}
