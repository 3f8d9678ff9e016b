/* Explicit encoding of records: little-endian numbers, varints, length-prefixed bytes. */
#pragma once
#include "objstore/base/buf.h"

/** enc_* append to a buffer; -ENOMEM. */
int enc_u8(struct buf *b, uint8_t v);
int enc_u16(struct buf *b, uint16_t v);
int enc_u32(struct buf *b, uint32_t v);
int enc_u64(struct buf *b, uint64_t v);
int enc_varint(struct buf *b, uint64_t v);		    /* LEB128 */
int enc_bytes(struct buf *b, const void *data, size_t len); /* varint length, bytes */
int enc_str(struct buf *b, const char *s);

/**
 * A bounded cursor. The first read beyond the end sets failed, and all reads from then on give 0:
 * check once at the end.
 */
struct dec {
	const uint8_t *p;
	size_t left;
	bool failed;
};

struct dec dec_of(struct slice s);
uint8_t dec_u8(struct dec *d);
uint16_t dec_u16(struct dec *d);
uint32_t dec_u32(struct dec *d);
uint64_t dec_u64(struct dec *d);
uint64_t dec_varint(struct dec *d); /* only the shortest form is accepted */
/** dec_varint_max() - fails above @max. */
uint64_t dec_varint_max(struct dec *d, uint64_t max);
struct slice dec_bytes(struct dec *d);		    /* borrowed */
void dec_raw(struct dec *d, void *out, size_t len); /* fixed length */
/** dec_str() - copies to @out with a NUL; fails if it does not fit or holds a NUL. */
void dec_str(struct dec *d, char *out, size_t size);
/** dec_end() - 0 if all was read and nothing failed, else -EUCLEAN. */
int dec_end(const struct dec *d);
