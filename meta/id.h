/*
 * Ids and names. An id is below 2^48, from one counter of the store, never reused. An object's
 * UUID v7 is arithmetic: 48 bits milliseconds, version, 12 bits incarnation of the store, variant,
 * 14 bits hash of the store's own UUID, 48 bits id. So name <-> id needs no index.
 */
#pragma once
#include "objstore/base/base.h"

#define ID_MAX ((UINT64_C(1) << 48) - 1)
#define ID_NAME_BYTES_MAX 64
#define UUID_BYTES 16

enum id_kind { ID_SNAPSHOT, ID_SEGMENT, ID_BLOCK };

/** What of an object's UUID the store decides. */
struct id_space {
	uint16_t incarnation; /* 12 bits; raised by rebuild, restore and adoption */
	uint16_t store_hash;  /* 14 bits */
};

/** id_store_hash() - the 14 bits of a store's own UUID. */
uint16_t id_store_hash(const uint8_t store_uuid[static UUID_BYTES]);
/** id_uuid() - the UUID of an object. @ms: Unix milliseconds. */
void id_uuid(struct id_space space, uint64_t ms, uint64_t id, uint8_t ret[static UUID_BYTES]);
/** id_of_uuid() - the parts. -EINVAL not a UUID of this arithmetic (version, variant). */
int id_of_uuid(const uint8_t uuid[static UUID_BYTES], struct id_space *ret_space, uint64_t *ret_ms,
	uint64_t *ret_id);
/** id_uuid_random() - a version 4 UUID from getrandom(2). Return: 0 or -errno. */
int id_uuid_random(uint8_t ret[static UUID_BYTES]);
/** id_name() - "h<32 hex>_v4.mpk" or "h<32 hex>_v2.parquet". */
void id_name(enum id_kind kind, const uint8_t uuid[static UUID_BYTES],
	char ret[static ID_NAME_BYTES_MAX]);
/**
 * id_of_name() - the inverse, exact (whole name, lower case); -ENOENT for any other text
 *
 * Snapshots and segments are named alike, their folders tell: *@ret_kind is ID_SNAPSHOT for both.
 */
int id_of_name(const char *name, enum id_kind *ret_kind, uint8_t ret_uuid[static UUID_BYTES]);
