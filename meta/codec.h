/* Databend's Fuse v4 snapshot and segment (formats: "Snapshot", "Segment"), written and read. */
#pragma once
#include "meta/id.h"
#include "meta/schema.h"
#include "meta/stats.h"
#include <json-c/json_types.h>

#define CODEC_PAYLOAD_BYTES_MAX (UINT64_C(1) << 30) /* a decompressed part */
#define CODEC_PATH_BYTES_MAX 255

enum codec_compression { CODEC_NONE = 0, CODEC_ZSTD = 1 };

struct codec_summary {
	uint64_t row_count, block_count, perfect_block_count;
	uint64_t uncompressed_byte_size, compressed_byte_size, index_size;
	struct stats stats; /* owned */
};

struct codec_location {
	char path[CODEC_PATH_BYTES_MAX + 1];
	uint64_t version;
};

struct codec_snapshot {
	uint8_t id[UUID_BYTES], prev_id[UUID_BYTES];
	bool has_prev;
	uint64_t prev_version, prev_table_seq; /* prev_table_seq 0 = nil */
	uint64_t timestamp_us;
	struct schema schema;	      /* owned */
	struct codec_summary summary; /* owned */
	size_t n_segments;
	struct codec_location *segments; /* newest first; owned */
};

struct codec_column {
	uint32_t leaf_id;
	uint64_t offset, len, num_values;
};

/** One block meta: a row group of a Parquet file. */
struct codec_block {
	uint64_t row_count, block_size, file_size, create_on_us; /* create_on 0 = nil */
	struct codec_location location;
	char compression[16]; /* "Zstd", "Lz4Raw", "Snappy", "Gzip", "None" */
	size_t n_columns;
	struct codec_column *columns; /* owned */
	struct stats stats;	      /* owned */
	/* Bough's extra fields, absent in Databend's files */
	char *given_name;     /* owned; NULL absent */
	uint64_t modified_us; /* 0 absent */
};

struct codec_segment {
	size_t n_blocks;
	struct codec_block *blocks;   /* owned */
	struct codec_summary summary; /* owned; counts metas */
};

void codec_snapshot_deinit(struct codec_snapshot *s);
void codec_block_deinit(struct codec_block *b);
void codec_segment_deinit(struct codec_segment *s);
void codec_summary_deinit(struct codec_summary *s);

/** codec_snapshot_encode() - version 4, MessagePack, to the end of @ret. */
int codec_snapshot_encode(
	const struct codec_snapshot *s, enum codec_compression compression, struct buf *ret);
/**
 * codec_snapshot_size() - bytes of codec_snapshot_encode(.., CODEC_NONE) with @n_segments
 * locations whose paths are each @path_bytes long, without making them (s->segments is not read)
 */
int codec_snapshot_size(const struct codec_snapshot *s, uint64_t n_segments, size_t path_bytes,
	uint64_t *ret_bytes);
/** codec_snapshot_decode() - any v4 file. -EUCLEAN, -EPROTONOSUPPORT other version; @error says. */
int codec_snapshot_decode(struct slice file, struct codec_snapshot *ret, struct bough_error *error);
/** codec_segment_encode() - the summary is computed from the blocks (s->summary is not read). */
int codec_segment_encode(
	const struct codec_segment *s, enum codec_compression compression, struct buf *ret);
/** codec_segment_decode() - as codec_snapshot_decode(). */
int codec_segment_decode(struct slice file, struct codec_segment *ret, struct bough_error *error);
/**
 * codec_show() - any v4 snapshot or segment file as JSON with the format's own field names
 *
 * UUIDs and binary as hex digits, NaN and infinities as "NaN", "Infinity", "-Infinity", unsigned
 * integers up to 2^64 - 1, map keys as strings; a segment as {"blocks": [..], "summary": {..}}.
 * @ret: owned (json_object_put). Errors: -EUCLEAN neither of the two, or damaged: @error says.
 */
int codec_show(struct slice file, struct json_object **ret, struct bough_error *error);
/**
 * codec_contexts_release() - free what this thread keeps to inflate and deflate the next file
 *
 * A thread that ends does it by itself.
 */
void codec_contexts_release(void);
