/* The outside of a v4 file: header, and one or two parts that may be compressed. */
#pragma once
#include "meta/codec.h"

enum codec_file_kind { CODEC_SNAPSHOT, CODEC_SEGMENT };

#define CODEC_SNAPSHOT_HEADER_BYTES 18
#define CODEC_SEGMENT_HEADER_BYTES 26

struct codec_file {
	enum codec_file_kind kind;
	enum codec_compression compression;
	struct slice parts[2]; /* payload; or blocks, summary. Borrowed, compressed */
};

/** A part, inflated where need be. */
struct codec_part {
	struct slice bytes; /* borrowed from the file or from owned */
	struct buf owned;
};

void codec_part_deinit(struct codec_part *p);
#define auto_part cleanup(codec_part_deinit)

/** codec_file_open() - tells by the header's sizes which of the two it is. */
int codec_file_open(struct slice file, struct codec_file *ret, struct bough_error *error);
/** codec_part_open() - bounded: a part may not be much larger than its file could make it. */
int codec_part_open(const struct codec_file *f, unsigned part, struct codec_part *ret,
	struct bough_error *error);
/**
 * codec_file_append() - header and parts of one file, to the end of @ret
 * @parts: encoded: 1 for a snapshot, 2 for a segment
 */
int codec_file_append(enum codec_file_kind kind, enum codec_compression compression,
	const struct buf *parts, struct buf *ret);
