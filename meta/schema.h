/* A table's schema: named, numbered, typed columns. Types and encoding follow Databend's v4. */
#pragma once
#include "objstore/base/buf.h"
#include "objstore/base/error.h"

#define SCHEMA_FIELDS_MAX 10000 /* leaves of one schema */
#define SCHEMA_DEPTH_MAX 24

enum schema_kind {
	SCHEMA_BOOLEAN,
	SCHEMA_STRING,
	SCHEMA_BINARY,
	SCHEMA_DATE,
	SCHEMA_TIMESTAMP,
	SCHEMA_TIMESTAMP_TZ,
	SCHEMA_INTERVAL,
	SCHEMA_VARIANT,
	SCHEMA_INT8,
	SCHEMA_INT16,
	SCHEMA_INT32,
	SCHEMA_INT64,
	SCHEMA_UINT8,
	SCHEMA_UINT16,
	SCHEMA_UINT32,
	SCHEMA_UINT64,
	SCHEMA_FLOAT32,
	SCHEMA_FLOAT64,
	SCHEMA_DECIMAL128,
	SCHEMA_DECIMAL256,
	SCHEMA_VECTOR,
	SCHEMA_ARRAY,
	SCHEMA_MAP,
	SCHEMA_TUPLE, /* with children */
	SCHEMA_OTHER, /* a type this version does not know: kept verbatim */
	SCHEMA_KINDS
};

struct schema_type {
	enum schema_kind kind;
	bool nullable;
	uint8_t precision, scale;     /* decimals */
	uint64_t dimension;	      /* vectors */
	size_t n_children;	      /* array 1 (element), map 2 (key, value), tuple n */
	struct schema_type *children; /* owned */
	char **names;		      /* tuple: n_children, owned; else NULL */
	struct buf other;	      /* SCHEMA_OTHER: its MessagePack, verbatim */
};

struct schema_field {
	char *name; /* owned, UTF-8 */
	struct schema_type type;
	uint32_t column_id;					     /* of its first leaf */
	struct buf default_expr, computed_expr, auto_increment_expr; /* MessagePack, empty = nil */
};

struct schema {
	size_t n_fields;
	struct schema_field *fields; /* owned */
	struct buf metadata;	     /* MessagePack map, empty = {} */
	uint32_t next_column_id;
};

/** schema_deinit() - frees what it owns; takes a zeroed one. */
void schema_deinit(struct schema *s);
#define auto_schema cleanup(schema_deinit)
/** schema_copy() - deep. */
int schema_copy(const struct schema *s, struct schema *ret);
/** schema_field_add() - append a field with the next free ids (one per leaf). @type is consumed. */
int schema_field_add(struct schema *s, const char *name, struct schema_type *type);
void schema_type_deinit(struct schema_type *t);
int schema_type_copy(const struct schema_type *t, struct schema_type *ret);
bool schema_type_equal(const struct schema_type *a, const struct schema_type *b);
/** schema_type_leaves() - ids that the type takes. */
uint32_t schema_type_leaves(const struct schema_type *t);
/** schema_type_text() - "DECIMAL(15,2) NULL", for messages; appended to @ret. */
int schema_type_text(const struct schema_type *t, struct buf *ret);

/**
 * schema_metadata_set() - one text in the schema's metadata, in place of an older one
 * Errors: -ENOMEM; -EUCLEAN the metadata is no map with text keys.
 */
int schema_metadata_set(struct schema *s, const char *key, const char *value);
/** schema_metadata_get() - borrowed until the schema changes. -ENOENT; -EUCLEAN, also: no text. */
int schema_metadata_get(const struct schema *s, const char *key, struct slice *ret);

/** One leaf column in file order. */
struct schema_leaf {
	uint32_t column_id;
	const struct schema_type *type;	  /* borrowed */
	const struct schema_field *field; /* the top-level one, borrowed */
};
/** schema_leaves() - *@ret owned (free); in order of ids as the format counts them. */
int schema_leaves(const struct schema *s, struct schema_leaf **ret, size_t *ret_n);

/** schema_encode() - the MessagePack map of a v4 snapshot's "schema", appended to @ret. */
int schema_encode(const struct schema *s, struct buf *ret);
/** schema_decode() - -EUCLEAN with nothing to free. Unknown fields are ignored. */
int schema_decode(struct slice msgpack, struct schema *ret);

/**
 * schema_match() - may a file with schema @file be a block of a table with schema @table?
 *
 * By name, exactly, else without case if unique. A type must be equal, or widen losslessly
 * (Int32 -> Int64, Float32 -> Float64, UInt16 -> Int32, decimals of the same scale to a higher
 * precision ...). A missing column is allowed if it is nullable or has a default.
 * @ret_leaf_ids: owned; for each leaf of @file in file order the table's leaf id.
 * Errors: -EINVAL, with the column's name, its type and the wanted one in @error.
 */
int schema_match(const struct schema *table, const struct schema *file, uint32_t **ret_leaf_ids,
	size_t *ret_n, struct bough_error *error);
