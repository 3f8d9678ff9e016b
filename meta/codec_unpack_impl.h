/*
 * A bounded cursor over MessagePack from outside. It allocates nothing, and a declared count or
 * length is checked against the bytes that remain before anyone allocates for it. The first
 * failure sticks: all reads from then on give nothing, so check error once at the end.
 */
#pragma once
#include "objstore/base/base.h"

/* Levels of a value that is skipped or shown: 24 nested types of 5 levels each, and what holds
 * them. */
#define UNPACK_DEPTH_MAX 128

struct unpack {
	const uint8_t *p, *end;
	int error;	   /* 0, -EUCLEAN, -ENOMEM */
	const char *field; /* innermost named field that failed; NULL: none */
};

enum unpack_type {
	UNPACK_NIL,
	UNPACK_BOOL,
	UNPACK_UINT,
	UNPACK_INT, /* below zero */
	UNPACK_F32,
	UNPACK_F64,
	UNPACK_STR,
	UNPACK_BIN,
	UNPACK_EXT,
	UNPACK_ARRAY,
	UNPACK_MAP,
	UNPACK_INVALID
};

struct unpack_value {
	enum unpack_type type;
	union {
		bool b;
		uint64_t u;
		int64_t i;
		double f;
		struct slice bytes; /* STR, BIN, EXT (type byte first); borrowed */
		uint32_t n;	    /* ARRAY elements, MAP pairs: they follow */
	};
};

struct unpack unpack_of(struct slice s);
/** unpack_fail() - @code unless it failed already. Return: false. */
bool unpack_fail(struct unpack *u, int code);
/** unpack_next() - one value; of an array or a map its head. Return: success. */
bool unpack_next(struct unpack *u, struct unpack_value *ret);
/** unpack_peek() - type of the next value; UNPACK_INVALID at the end and after a failure. */
enum unpack_type unpack_peek(const struct unpack *u);

uint64_t unpack_u64(struct unpack *u);
int64_t unpack_i64(struct unpack *u);
double unpack_number(struct unpack *u); /* a float of either width, or an integer */
struct slice unpack_str(struct unpack *u);
struct slice unpack_bin(struct unpack *u);
/** unpack_array() - number of elements; each takes at least @bytes_min. */
uint32_t unpack_array(struct unpack *u, size_t bytes_min);
/** unpack_map() - number of pairs; each takes at least @bytes_min. */
uint32_t unpack_map(struct unpack *u, size_t bytes_min);
/** unpack_nil() - takes a nil if one is next. */
bool unpack_nil(struct unpack *u);
/** unpack_skip() - one value whole; at most UNPACK_DEPTH_MAX levels. */
void unpack_skip(struct unpack *u);
/** unpack_raw() - one value whole, as its bytes (borrowed). */
struct slice unpack_raw(struct unpack *u);
/** unpack_end() - 0 if all was read, else the error. */
int unpack_end(struct unpack *u);

/** A field of a map with text keys: how it is read, and into which member. */
struct unpack_field {
	const char *name;
	void (*read)(struct unpack *u, void *member);
	size_t offset;
	bool is_required;
};
/**
 * unpack_object() - a map with text keys into a struct
 *
 * Unknown keys are skipped; a key of @fields that comes twice, or a required one that does not
 * come, is a failure. At most 64 fields.
 */
void unpack_object(
	struct unpack *u, const struct unpack_field *fields, size_t n_fields, void *object);

/* Readers for unpack_field. */
void unpack_read_u64(struct unpack *u, void *uint64);
void unpack_read_u64_or_nil(struct unpack *u, void *uint64); /* nil: left alone */
void unpack_read_u32(struct unpack *u, void *uint32);
void unpack_read_u8(struct unpack *u, void *uint8);
void unpack_read_text(struct unpack *u, void *owned_string); /* UTF-8 without NUL */
void unpack_read_raw(struct unpack *u, void *buf);	     /* verbatim; empty for nil */
void unpack_read_time(struct unpack *u, void *unix_us);	     /* RFC 3339; 0 for nil */
