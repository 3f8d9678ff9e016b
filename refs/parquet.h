/* From bough-reader's description of a Parquet file to schema, row groups and statistics. */
#pragma once
#include "meta/codec.h"
#include "meta/schema.h"
#include "objstore/base/error.h"
#include "refs/reader.h"
#include <json-c/json_types.h>

/**
 * Key in a schema's metadata, followed by a leaf id: the Parquet type of a leaf whose Databend type
 * is only nearly one: "TIME_MICROS", "UUID", "JSON", "FIXED_LEN_BYTE_ARRAY(4)" ...
 */
#define PARQUET_TYPE_KEY "bough.parquet_type."

struct parquet_file {
	uint64_t rows, size_bytes, raw_bytes;
	struct schema schema;	    /* owned; ids 0.. in file order */
	size_t n_groups;	    /* row groups with rows */
	struct codec_block *groups; /* owned; leaf ids of schema; location and names not set */
	int64_t *nulls;		    /* of each leaf, by its statistics; -1 not known; owned */
	char *question;	 /* for reader_ranges(): what the footer lacks; NULL: nothing; owned */
	bool is_foreign; /* breaks a rule of Databend's */
	char foreign_reason[160]; /* which one, for "bough show" */
};

/**
 * parquet_describe() - what the reader's @description means
 *
 * A member "ranges" in it, if it is there, is reader_ranges()' answer to the question of an earlier
 * call, or null. Errors: -EINVAL a type that has no counterpart at all, or nonsense; @error says.
 */
int parquet_describe(struct json_object *description, const char *name, struct parquet_file *ret,
	struct bough_error *error);
/**
 * parquet_look() - parquet_describe(), and the reader once more, where the footer lacks ranges
 * @fd: of the file; its data are read then
 * @description: is given the answer, so that it is asked for once
 */
int parquet_look(struct reader *reader, int fd, struct json_object *description, const char *name,
	struct parquet_file *ret, struct bough_error *error);
/**
 * parquet_drop_nullable() - columns that could hold NULL but have none, for a table's NOT NULL ones
 *
 * They are nullable no more in @f, which is then not for Databend: its pages are as they were.
 * Errors: -EINVAL names a column that has NULLs, or may have.
 */
int parquet_drop_nullable(
	const struct schema *table, struct parquet_file *f, struct bough_error *error);
/**
 * parquet_match() - what schema_match() cannot see: times, UUIDs and other exact Parquet types
 * @leaf_ids: of schema_match(), @n of them
 *
 * Errors: -EINVAL names column and types.
 */
int parquet_match(const struct schema *table, const struct schema *file, const uint32_t *leaf_ids,
	size_t n, struct bough_error *error);
/**
 * parquet_renumber() - replace leaf ids in all groups by @leaf_ids (of schema_match()), and convert
 * statistics to the table's types (@table); statistics that cannot be converted are left out
 */
int parquet_renumber(
	struct parquet_file *f, const struct schema *table, const uint32_t *leaf_ids, size_t n);
void parquet_file_deinit(struct parquet_file *f);
