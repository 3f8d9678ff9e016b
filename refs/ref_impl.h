/* Shared inside refs/ only. */
#pragma once
#include "meta/codec.h"
#include "refs/table.h"

struct dir_list {
	refs_child_fn fn;
	void *arg;
};
/** dir_list_one() - one KEY_ENTRY record, for kv_scan(). */
int dir_list_one(void *arg, struct slice key, struct slice value);

/** db_create_as() - with an id reserved before. */
int db_create_as(struct refs_txn *x, const char *name, uint64_t id, struct bough_error *error);
/** touch_table() - the list of a table's refs changed in this commit. */
int touch_table(struct refs_txn *x, uint64_t table);
/** ref_release() - remove a ref's record and links; what they held goes to the queue. */
int ref_release(struct refs_txn *x, uint64_t ref);

/**
 * snapshot_codec() - a snapshot's v4 form without its list of segments
 * @rec:    of @id, whose table record is @table
 * @schema: copied
 * @ret:    owned; codec_snapshot_deinit()
 */
int snapshot_codec(const struct refs_store *s, uint64_t id, const struct rec_snapshot *rec,
	const struct schema *schema, struct codec_snapshot *ret);
/** segment_path_bytes() - length of the key of any segment of @table. */
size_t segment_path_bytes(const struct refs_store *s, uint64_t table, const struct rec_table *rec);
/** schema_read() - by its id. -EUCLEAN missing. @ret: owned. */
int schema_read(struct refs_txn *x, uint64_t schema, struct schema *ret);
