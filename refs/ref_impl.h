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
/** ref_touch() - directory or head of @ref changed; puts @rec. */
int ref_touch(struct refs_txn *x, uint64_t ref, struct rec_ref *rec);
/** ref_exists() - says that the name is taken. */
int ref_exists(const char *name, struct bough_error *error);
/** link_take() - the name goes, its reference is the caller's. -ENOENT: there is no such link. */
int link_take(struct refs_txn *x, uint64_t ref, uint64_t snapshot);
/** links_hide() - the names of a ref's links go, their references stay with KEY_LINK. */
int links_hide(struct refs_txn *x, uint64_t ref);
/** links_show() - the reverse. */
int links_show(struct refs_txn *x, uint64_t ref);

#define TRASH_SLICE_US 4000 /* of one transaction */
/**
 * ref_release() - remove a ref's record and links; what they held goes to the queue
 * @until_us: by the monotonic clock; added to *@references: how many
 *
 * Return: 0, or 1 when time is up: call again in a new transaction.
 */
int ref_release(struct refs_txn *x, uint64_t ref, uint64_t until_us, uint64_t *references);
/** trash_put() - a new entry; sets its times. */
int trash_put(struct refs_txn *x, struct rec_trash *entry, uint64_t *ret_id);
/** table_restore() - a dropped table's name comes back. -EEXIST, -EINVAL. */
int table_restore(struct refs_txn *x, uint64_t table, uint64_t db, const char *name,
	struct bough_error *error);

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
