/* What snapshots and segments share. */
#pragma once
#include "meta/codec_frame_impl.h"
#include "meta/codec_pack_impl.h"
#include "meta/codec_unpack_impl.h"

#define CODEC_LOCATION_VERSION_SEGMENT 4
/* A path holds a UUID's 32 digits: what is shorter names no object, and could bomb us cheaply. */
#define CODEC_PATH_BYTES_MIN 32
#define CODEC_LOCATION_BYTES_MIN 36 /* [path, version] */
#define CODEC_BLOCK_BYTES_MIN 116   /* a map with the seven required names, and a path */

void codec_pack_location(struct pack *p, const struct codec_location *l);
void codec_unpack_location(struct unpack *u, void *location);
void codec_pack_summary(struct pack *p, const struct codec_summary *s);
void codec_unpack_summary(struct unpack *u, void *summary);
/** One block meta. codec_unpack_block(): @b is zeroed before, and deinitialised by the caller. */
void codec_pack_block(struct pack *p, const struct codec_block *b);
void codec_unpack_block(struct unpack *u, struct codec_block *b);
/** codec_unpack_error() - the end of a part, with words for a failure. @noun: "snapshot". */
int codec_unpack_error(struct unpack *u, const char *noun, struct bough_error *error);
