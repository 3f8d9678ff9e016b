/* New segments out of the metas of old ones, which stay as they are encoded. */
#pragma once
#include "meta/codec.h"

/** An opened segment: where each of its metas lies, and its summary. */
struct codec_metas;
/** codec_metas_open() - as codec_segment_decode(); no meta is decoded. @file: not kept. */
int codec_metas_open(struct slice file, struct codec_metas **ret, struct bough_error *error);
void codec_metas_free(struct codec_metas *m);
DEFINE_CLEANUP(struct codec_metas *, codec_metas_free)
size_t codec_metas_count(const struct codec_metas *m);

/** A segment in the making; zeroed to begin with. */
struct codec_splice {
	struct buf metas;
	size_t n;
	struct codec_summary summary;
};
void codec_splice_deinit(struct codec_splice *s);
/** codec_splice_whole() - all metas of @from. */
int codec_splice_whole(struct codec_splice *s, const struct codec_metas *from);
/**
 * codec_splice_file() - the @n metas of one file, from @first on
 * @name: the given name it has from now on; NULL: as it was
 */
int codec_splice_file(struct codec_splice *s, const struct codec_metas *from, size_t first,
	size_t n, const char *name);
/** codec_splice_end() - the same bytes as codec_segment_encode() of all those metas. */
int codec_splice_end(struct codec_splice *s, enum codec_compression compression, struct buf *ret);
