#include "meta/key.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

static void key_append(struct key *k, const void *data, size_t len)
{
	assert(len <= sizeof k->bytes - k->len);
	memcpy(k->bytes + k->len, data, len);
	k->len += len;
}

static void key_append_u64(struct key *k, uint64_t v)
{
	uint64_t be = htobe64(v);

	key_append(k, &be, sizeof be);
}

static void key_append_name(struct key *k, const char *name)
{
	size_t len = strlen(name);

	assert(len <= 255);
	key_append(k, name, len);
}

struct key key_make(enum key_kind kind)
{
	struct key k;

	k.len = 1;
	k.bytes[0] = (uint8_t)kind;
	return k;
}

struct key key_meta(const char *name)
{
	struct key k = key_make(KEY_META);

	key_append_name(&k, name);
	return k;
}

struct key key_u64(enum key_kind kind, uint64_t a)
{
	struct key k = key_make(kind);

	key_append_u64(&k, a);
	return k;
}

struct key key_u64_u64(enum key_kind kind, uint64_t a, uint64_t b)
{
	struct key k = key_u64(kind, a);

	key_append_u64(&k, b);
	return k;
}

struct key key_name(enum key_kind kind, uint64_t a, const char *name)
{
	struct key k = key_u64(kind, a);

	key_append_name(&k, name);
	return k;
}

struct key key_count(enum key_kind of, uint64_t id)
{
	struct key k = key_make(KEY_COUNT);
	uint8_t byte = (uint8_t)of;

	key_append(&k, &byte, 1);
	key_append_u64(&k, id);
	return k;
}

struct key key_file_name(uint64_t table, const char *name)
{
	struct key k = key_name(KEY_FILE, table, name);

	key_append(&k, "", 1);
	return k;
}

struct key key_file(uint64_t table, const char *name, uint64_t block)
{
	struct key k = key_file_name(table, name);

	key_append_u64(&k, block);
	return k;
}

struct key key_next(const struct key *k)
{
	struct key next = *k;

	while (next.len && next.bytes[next.len - 1] == UINT8_MAX)
		next.len--;
	if (next.len)
		next.bytes[next.len - 1]++;
	return next;
}

struct slice key_slice(const struct key *k)
{
	return (struct slice){k->bytes, k->len};
}

uint8_t key_read_u8(struct slice key, size_t at)
{
	return at < key.len ? ((const uint8_t *)key.data)[at] : 0;
}

uint64_t key_read_u64(struct slice key, size_t at)
{
	uint64_t be;

	if (key.len < sizeof be || at > key.len - sizeof be)
		return 0;
	memcpy(&be, (const uint8_t *)key.data + at, sizeof be);
	return be64toh(be);
}
