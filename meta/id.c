#include "meta/id.h"

#include "objstore/base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define MS_MAX ((UINT64_C(1) << 48) - 1)
#define NAME_OBJECT "_v4.mpk"
#define NAME_BLOCK "_v2.parquet"
#define HEX_DIGITS (2 * UUID_BYTES)

static void put_be(uint8_t *out, uint64_t v, size_t len)
{
	while (len--) {
		out[len] = (uint8_t)v;
		v >>= 8;
	}
}

static uint64_t get_be(const uint8_t *in, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++)
		v = v << 8 | in[i];
	return v;
}

uint16_t id_store_hash(const uint8_t store_uuid[static UUID_BYTES])
{
	return crc32c(0, store_uuid, UUID_BYTES) & 0x3fff;
}

void id_uuid(struct id_space space, uint64_t ms, uint64_t id, uint8_t ret[static UUID_BYTES])
{
	put_be(ret, ms & MS_MAX, 6);
	put_be(ret + 6, 0x7000 | (space.incarnation & 0xfff), 2);
	put_be(ret + 8, 0x8000 | (space.store_hash & 0x3fff), 2);
	put_be(ret + 10, id & ID_MAX, 6);
}

int id_of_uuid(const uint8_t uuid[static UUID_BYTES], struct id_space *ret_space, uint64_t *ret_ms,
	uint64_t *ret_id)
{
	uint64_t version = get_be(uuid + 6, 2), variant = get_be(uuid + 8, 2);

	if (version >> 12 != 7 || variant >> 14 != 2)
		return -EINVAL;
	ret_space->incarnation = version & 0xfff;
	ret_space->store_hash = variant & 0x3fff;
	*ret_ms = get_be(uuid, 6);
	*ret_id = get_be(uuid + 10, 6);
	return 0;
}

int id_uuid_random(uint8_t ret[static UUID_BYTES])
{
	ssize_t n;

	do
		n = getrandom(ret, UUID_BYTES, 0);
	while (n < 0 && errno == EINTR);
	if (n != UUID_BYTES)
		return n < 0 ? -errno : -EIO;
	ret[6] = 0x40 | (ret[6] & 0x0f);
	ret[8] = 0x80 | (ret[8] & 0x3f);
	return 0;
}

void id_name(enum id_kind kind, const uint8_t uuid[static UUID_BYTES],
	char ret[static ID_NAME_BYTES_MAX])
{
	ret[0] = 'h';
	hex_encode(uuid, UUID_BYTES, ret + 1);
	strcpy(ret + 1 + HEX_DIGITS, kind == ID_BLOCK ? NAME_BLOCK : NAME_OBJECT);
}

int id_of_name(const char *name, enum id_kind *ret_kind, uint8_t ret_uuid[static UUID_BYTES])
{
	char digits[HEX_DIGITS + 1];
	uint8_t uuid[UUID_BYTES];
	const char *tail;
	bool is_block;

	if (name[0] != 'h' || strlen(name) <= 1 + HEX_DIGITS)
		return -ENOENT;
	tail = name + 1 + HEX_DIGITS;
	is_block = !strcmp(tail, NAME_BLOCK);
	if (!is_block && strcmp(tail, NAME_OBJECT))
		return -ENOENT;
	memcpy(digits, name + 1, HEX_DIGITS);
	digits[HEX_DIGITS] = 0;
	if (hex_decode(digits, UUID_BYTES, uuid))
		return -ENOENT;
	memcpy(ret_uuid, uuid, UUID_BYTES);
	*ret_kind = is_block ? ID_BLOCK : ID_SNAPSHOT;
	return 0;
}
