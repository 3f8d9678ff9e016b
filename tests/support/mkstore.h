/* Stores of any size, made from nothing: for unit tests and benchmarks. */
#pragma once
#include "objstore/base/error.h"

#define MKSTORE_DB "bench"
#define MKSTORE_TABLE "t"
#define MKSTORE_SEGMENT_BLOCKS 1000
#define MKSTORE_COLUMNS 8

struct mkstore_options {
	uint64_t blocks;
	uint64_t segment_blocks; /* 0: MKSTORE_SEGMENT_BLOCKS, the most */
	bool has_objects;	 /* of object_bytes, no Parquet; else no object is written */
	uint64_t object_bytes;	 /* 0: about a hundred */
	/** After each slice; may be NULL. */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *progress_arg;
};

struct mkstore_made {
	uint64_t table, main_ref, snapshot, segments;
};

/**
 * mkstore_run() - a new store at @path with table bench.t of @options->blocks blocks
 *
 * One snapshot on main, @options->segment_blocks blocks in a segment, statistics for
 * MKSTORE_COLUMNS columns in the segments' v4 objects: the records that imports would leave,
 * written in transactions of bounded size. It passes fsck (without objects: not --full).
 */
int mkstore_run(const char *path, const struct mkstore_options *options, struct mkstore_made *ret,
	struct bough_error *error);
