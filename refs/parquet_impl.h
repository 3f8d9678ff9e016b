/* From the reader's JSON to schema and statistics: what the parquet*.c files share. */
#pragma once
#include "refs/parquet.h"

#define PARQUET_DECIMAL128_DIGITS 38
#define PARQUET_DECIMAL256_DIGITS 76

/** What statistics need to know of one leaf column, in file order. */
struct parquet_leaf {
	const char *column; /* the top-level one's name, borrowed from the JSON */
	enum schema_kind kind;
	uint8_t precision, scale; /* decimals */
	bool is_repeated;	  /* beneath a list or map: values are not rows */
	bool is_required;	  /* nothing from the root down may be NULL */
	bool is_unordered;	  /* its footer bounds are not to be trusted, its data are */
	bool has_ranges; /* its footer bounds are ordered as we order, and exact as text; else it
			    never has a range, not even that all is NULL */
};

/** parquet_foreign() - not for Databend; the first reason is kept. */
void parquet_foreign(struct parquet_file *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/**
 * parquet_schema_read() - the reader's "schema" to f->schema
 * @ret_leaves: owned (free)
 * Errors: -EINVAL as parquet_describe().
 */
int parquet_schema_read(struct json_object *nodes, const char *name, struct parquet_file *f,
	struct parquet_leaf **ret_leaves, size_t *ret_n, struct bough_error *error);
/**
 * parquet_ranges_read() - what the footer lacks: from the description's "ranges", or a question
 * @leaves: of the file; its groups have been read
 * Errors: -ENOMEM.
 */
int parquet_ranges_read(
	struct json_object *description, struct parquet_file *f, const struct parquet_leaf *leaves);
/** parquet_exact_type() - the Parquet type of a leaf, "" where its schema type says all. */
struct slice parquet_exact_type(const struct schema *s, uint32_t leaf);
/**
 * parquet_has_ranges() - has a table's column of @kind and @exact type minima and maxima?
 *
 * A column has them in all of its blocks or in none, wherever that can be: Databend 1.2.895 answers
 * min() and max() from those segments that have a range, and misses what others hold.
 */
bool parquet_has_ranges(enum schema_kind kind, struct slice exact);
/**
 * parquet_value_parse() - a footer bound, as DuckDB prints it, to a value of the leaf's very type
 *
 * Errors: -EINVAL it cannot be told exactly: leave it out.
 */
int parquet_value_parse(
	const struct parquet_leaf *leaf, struct slice text, bool is_max, struct stats_value *ret);
/** parquet_value_widen() - to the type of a table's column. -EINVAL: leave it out. */
int parquet_value_widen(
	const struct stats_value *from, const struct schema_type *to, struct stats_value *ret);

/** parquet_json_text() - of member @key; NULL not there, null, or with a NUL inside. */
const char *parquet_json_text(struct json_object *object, const char *key);
/** parquet_json_int() - of member @key; @missing not there or null. */
int64_t parquet_json_int(struct json_object *object, const char *key, int64_t missing);
