/* Statistics of a leaf column in a block, a segment: minimum, maximum, counts. */
#pragma once
#include "meta/schema.h"

/** A value with exactly its column's type. */
struct stats_value {
	enum schema_kind kind;
	bool is_null;		  /* the column has only NULLs; kind does not matter */
	uint8_t precision, scale; /* DECIMAL*: of the column */
	union {
		int64_t i;	     /* INT*, DATE (days), TIMESTAMP (microseconds) */
		uint64_t u;	     /* UINT* */
		double f;	     /* FLOAT* */
		uint8_t decimal[32]; /* big-endian two's complement; DECIMAL128 uses the last 16 */
		struct {
			uint8_t *data; /* owned */
			size_t len;
		} bytes; /* STRING */
	};
};

struct stats_column {
	uint32_t leaf_id;
	bool has_range; /* min and max are known */
	struct stats_value min, max;
	uint64_t null_count, in_memory_size;
	int64_t distinct; /* -1 not known */
};

struct stats {
	size_t n;
	struct stats_column *columns; /* owned, rising leaf_id */
};

void stats_value_deinit(struct stats_value *v);
void stats_deinit(struct stats *s);
#define auto_stats cleanup(stats_deinit)
int stats_copy(const struct stats *s, struct stats *ret);
/** stats_value_copy() - deep. */
int stats_value_copy(const struct stats_value *v, struct stats_value *ret);
/**
 * stats_value_compare() - <0, 0, >0; of one kind (decimals: of one scale)
 *
 * NaN is highest, equal to itself; strings by their bytes; NULL is lowest.
 */
int stats_value_compare(const struct stats_value *a, const struct stats_value *b);
/**
 * stats_merge() - @into covers @from too
 *
 * A column without a range in either, or with ranges of different types, has none after; a column
 * that is missing in either is missing after, as nothing is known of its part there. So the first
 * of several is copied, not merged into an empty one. @into is unchanged after a failure.
 * Errors: -EINVAL counts.
 */
int stats_merge(struct stats *into, const struct stats *from);
/**
 * stats_string_bound() - a minimum or maximum as Databend stores it: at most 16 characters; the
 * character below U+10FFFF of a cut maximum raised to it, and the maximum ends there. Errors:
 * -EINVAL not UTF-8, or a maximum that cannot be raised (leave it out).
 */
int stats_string_bound(struct slice text, bool is_max, struct stats_value *ret);
