/*
 * How the fields of a record lie in its value: one table per record serves writer and reader, so
 * that they cannot disagree. A value is a version byte, then the fields in the table's order.
 */
#pragma once
#include "meta/record.h"

enum field_type {
	FIELD_NUMBER, /* varint, at most max; in memory an unsigned of 1, 2, 4 or 8 bytes */
	FIELD_RAW,    /* size bytes as they are */
	FIELD_STRING, /* length, bytes; in memory with a NUL in size bytes */
};

struct field {
	enum field_type type;
	uint16_t at, size;
	uint64_t max;
};

struct layout {
	uint8_t version, n;
	uint16_t size; /* of the struct in memory */
	const struct field *fields;
};

#define FIELD_(kind, rec, name, limit)                                                             \
	{                                                                                          \
		.type = kind, .at = offsetof(struct rec, name),                                    \
		.size = sizeof(((struct rec *)0)->name), .max = limit                              \
	}
#define NUMBER(rec, name, limit) FIELD_(FIELD_NUMBER, rec, name, limit)
#define ID(rec, name) NUMBER(rec, name, ID_MAX)
#define TIME(rec, name) NUMBER(rec, name, UINT64_MAX)
#define SIZE(rec, name) NUMBER(rec, name, UINT64_MAX)
#define RAW(rec, name) FIELD_(FIELD_RAW, rec, name, 0)
#define STRING(rec, name) FIELD_(FIELD_STRING, rec, name, 0)
#define LAYOUT(v, rec, list)                                                                       \
	{                                                                                          \
		.version = v, .n = ARRAY_SIZE(list), .size = sizeof(struct rec), .fields = list    \
	}

/** layout_encode() - -EINVAL: a field is beyond its limit. */
int layout_encode(struct buf *b, const struct layout *l, const void *rec);
/** layout_decode() - fills @rec; failures show in @d. */
void layout_decode(struct dec *d, const struct layout *l, void *rec);

int record_get(struct kv_txn *t, const struct key *k, const struct layout *l, void *ret);
int record_put(struct kv_txn *t, const struct key *k, const struct layout *l, const void *rec);

/** number_get() - a value that is one number, at most @max. */
int number_get(struct kv_txn *t, const struct key *k, uint64_t max, uint64_t *ret);
int number_put(struct kv_txn *t, const struct key *k, uint64_t v);
