/* Statistics of a leaf column in a block, a segment: minimum, maximum, counts. */
#pragma once
#include "meta/schema.h"

/** A value with exactly its column's type. */
struct stats_value {
	enum schema_kind kind;
	bool is_null; /* the column has only NULLs */
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
/** stats_value_compare() - <0, 0, >0; of one kind; NaN is highest, equal to itself. */
int stats_value_compare(const struct stats_value *a, const struct stats_value *b);
/** stats_merge() - @into covers @from too; a column without a range in either has none after. */
int stats_merge(struct stats *into, const struct stats *from);
/**
 * stats_string_bound() - a minimum or maximum as Databend stores it: at most 16 characters; the
 * last character of a cut maximum raised to U+10FFFF. Invalid UTF-8: -EINVAL (leave it out).
 */
int stats_string_bound(struct slice text, bool is_max, struct stats_value *ret);
