/* SHA-256 of objects, CRC-32C of records. */
#pragma once
#include "objstore/base/base.h"

#define SHA256_BYTES 32

struct sha256; /* a running hash */

/** sha256_new() - NULL when out of memory. */
struct sha256 *sha256_new(void);
int sha256_update(struct sha256 *h, const void *data, size_t len);
int sha256_final(struct sha256 *h, uint8_t ret_sha256[static SHA256_BYTES]);
void sha256_free(struct sha256 *h);
DEFINE_CLEANUP(struct sha256 *, sha256_free)
/** sha256_of() - of one run of bytes. Return: 0 or -ENOMEM. */
int sha256_of(struct slice data, uint8_t ret_sha256[static SHA256_BYTES]);

/** crc32c() - Castagnoli, continued from @crc (0 at first); by the CPU's instruction if there. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/** hex_encode() - 2 * @len lower-case digits and a NUL. */
void hex_encode(const void *data, size_t len, char *out);
/** hex_decode() - exactly 2 * @len lower-case digits. Return: 0 or -EINVAL. */
int hex_decode(const char *text, size_t len, void *out);
