/* Objects as the mount shows them, made from records: v4 snapshots and segments. */
#pragma once
#include "refs/store.h"

/** refs_render_snapshot() - uncompressed v4 bytes, exactly rec_snapshot.v4_size of them. */
int refs_render_snapshot(struct refs_txn *x, uint64_t id, struct buf *ret);
/** refs_render_snapshot_object() - the same as it is exported: zstd. */
int refs_render_snapshot_object(struct refs_txn *x, uint64_t id, struct buf *ret);
/** refs_render_segment() - the object's bytes, exactly rec_segment.v4_size of them. */
int refs_render_segment(struct refs_txn *x, uint64_t id, struct buf *ret);
