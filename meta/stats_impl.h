/* What the codecs share of statistics. */
#pragma once
#include "meta/codec_pack_impl.h"
#include "meta/codec_unpack_impl.h"
#include "meta/stats.h"

/** stats_value_same_type() - may the two be compared? NULL may with everything. */
bool stats_value_same_type(const struct stats_value *a, const struct stats_value *b);

/** stats_pack_fields() - how many pairs stats_pack() writes: 1, or 2. */
size_t stats_pack_fields(const struct stats *s);
/**
 * stats_pack() - the pair "col_stats", and "bough_col_stats" for columns without a range, which
 * the format cannot say (a missing range there means that all is NULL)
 */
void stats_pack(struct pack *p, const struct stats *s);
/** stats_unpack() - the value of either pair, added to a struct stats. */
void stats_unpack(struct unpack *u, void *stats);
/** stats_unpack_end() - after all pairs: puts the columns in order. */
void stats_unpack_end(struct unpack *u, struct stats *s);
