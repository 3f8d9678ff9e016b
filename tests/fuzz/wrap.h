/* Inputs that are no whole file are taken as the payload of one, so that mutations reach it. */
#pragma once
#include "meta/codec_frame_impl.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

/** wrap_input() - @data itself if it begins as a v4 file, else a file of @kind around it. */
static inline struct slice wrap_input(
	enum codec_file_kind kind, const uint8_t *data, size_t len, struct buf *owned)
{
	/* The smallest summary: seven names, numbers that are 0, no statistics. */
	static const char summary[] = "\x87\xa9row_count\x00\xab"
				      "block_count\x00\xb3perfect_block_count\x00\xb6"
				      "uncompressed_byte_size\x00\xb4"
				      "compressed_byte_size\x00\xaaindex_size\x00\xa9"
				      "col_stats\x80";
	struct buf parts[2] = {{(uint8_t *)data, len, len},
		{(uint8_t *)summary, sizeof summary - 1, sizeof summary - 1}};

	if (len >= 8 && !memcmp(data, "\x04\0\0\0\0\0\0", 8))
		return (struct slice){data, len};
	FUZZ_CHECK(!codec_file_append(kind, CODEC_NONE, parts, owned));
	return buf_slice(owned);
}
