/* Writing MessagePack, or only counting its bytes. The first failure sticks: check error once. */
#pragma once
#include "objstore/base/buf.h"
#include <msgpack/pack.h>

struct pack {
	struct buf *out; /* NULL: count only */
	uint64_t bytes;
	int error;
	msgpack_packer packer; /* points to this struct: it must not move */
};

void pack_init(struct pack *p, struct buf *out);
void pack_nil(struct pack *p);
void pack_u64(struct pack *p, uint64_t v);
void pack_i64(struct pack *p, int64_t v);
void pack_f32(struct pack *p, float v);
void pack_f64(struct pack *p, double v);
void pack_map(struct pack *p, size_t n);
void pack_array(struct pack *p, size_t n);
void pack_str(struct pack *p, const char *s);
void pack_str_header(struct pack *p, size_t len);
void pack_bin(struct pack *p, const void *data, size_t len);
/** pack_raw() - bytes that are MessagePack already. */
void pack_raw(struct pack *p, struct slice s);
void pack_key_u64(struct pack *p, const char *key, uint64_t v);
void pack_key_nil(struct pack *p, const char *key);
/** pack_key_raw() - nil where @b is empty. */
void pack_key_raw(struct pack *p, const char *key, const struct buf *b);
/** pack_key_time() - RFC 3339 text; nil for 0. */
void pack_key_time(struct pack *p, const char *key, uint64_t unix_us);
