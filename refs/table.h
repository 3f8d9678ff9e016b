/* Databases and tables. All take part in the transaction @x. */
#pragma once
#include "refs/store.h"

/** refs_db_create() - -EEXIST; -EINVAL bad name. */
int refs_db_create(
	struct refs_txn *x, const char *name, uint64_t *ret_db, struct bough_error *error);
/** refs_db_lookup() - exactly, else without case if unique. -ENOENT (1003). */
int refs_db_lookup(
	struct refs_txn *x, const char *name, uint64_t *ret_db, struct bough_error *error);
/** refs_db_drop() - an empty one. -ENOTEMPTY names a table in it. */
int refs_db_drop(struct refs_txn *x, uint64_t db, struct bough_error *error);
/** refs_db_rename() - id kept. -EEXIST, -EINVAL. */
int refs_db_rename(struct refs_txn *x, uint64_t db, const char *name, struct bough_error *error);

/** refs_table_create() - empty: its first data decide its schema. */
int refs_table_create(struct refs_txn *x, uint64_t db, const char *name, uint64_t *ret_table,
	struct bough_error *error);
/** refs_table_create_as() - the same with ids reserved before (for objects already written). */
int refs_table_create_as(struct refs_txn *x, uint64_t db, const char *name, uint64_t table,
	uint64_t main_ref, struct bough_error *error);
/** refs_table_lookup() - exactly, else without case if unique. -ENOENT (1025). */
int refs_table_lookup(struct refs_txn *x, uint64_t db, const char *name, uint64_t *ret_table,
	struct bough_error *error);
/** refs_table_drop() - to the trash, with all its refs. -EPERM one of them is protected. */
int refs_table_drop(struct refs_txn *x, uint64_t table, struct bough_error *error);
/** refs_table_rename() - also to another database. -EEXIST, -EINVAL. */
int refs_table_rename(struct refs_txn *x, uint64_t table, uint64_t db, const char *name,
	struct bough_error *error);

/** Called for each child by id; non-zero ends. */
typedef int (*refs_child_fn)(void *arg, uint64_t id, const char *name);
/** refs_dir_list() - databases (REC_DIR_ROOT), tables of a db, refs of a table, ids above @after.
 */
int refs_dir_list(struct refs_txn *x, uint64_t dir, uint64_t after, refs_child_fn fn, void *arg);

/** refs_object_key() - key of an object: "<db>/<table>/_b/<name>" and so on. */
void refs_object_key(const struct refs_store *s, uint64_t db, uint64_t table, enum id_kind kind,
	uint16_t incarnation, uint64_t ms, uint64_t id,
	char ret[static OBJSTORE_KEY_BYTES_MAX + 1]);
/** refs_object_name() - the last part of the key. */
void refs_object_name(const struct refs_store *s, enum id_kind kind, uint16_t incarnation,
	uint64_t ms, uint64_t id, char ret[static ID_NAME_BYTES_MAX]);
/** refs_snapshot_name(), refs_block_name(), refs_segment_name() - of a record. */
void refs_snapshot_name(const struct refs_store *s, uint64_t id, const struct rec_snapshot *r,
	char ret[static ID_NAME_BYTES_MAX]);
void refs_segment_name(const struct refs_store *s, uint64_t id, const struct rec_segment *r,
	char ret[static ID_NAME_BYTES_MAX]);
void refs_block_name(const struct refs_store *s, uint64_t id, const struct rec_block *r,
	char ret[static ID_NAME_BYTES_MAX]);
/**
 * refs_object_find() - the segment or block of @table called @name: a whole name of ours
 * @kind: ID_SEGMENT or ID_BLOCK
 *
 * What is still being staged is not there. -ENOENT.
 */
int refs_object_find(
	struct refs_txn *x, uint64_t table, enum id_kind kind, const char *name, uint64_t *ret_id);
/** refs_snapshot_key() - in the folder of the ref that committed it. -EUCLEAN its table is missing.
 */
int refs_snapshot_key(struct refs_txn *x, uint64_t id, const struct rec_snapshot *r,
	char ret[static OBJSTORE_KEY_BYTES_MAX + 1]);
/** refs_segment_key() - key of a segment's object. -EUCLEAN its table is missing. */
int refs_segment_key(struct refs_txn *x, uint64_t id, const struct rec_segment *r,
	char ret[static OBJSTORE_KEY_BYTES_MAX + 1]);
/** refs_block_key() - key of a block's object. -EUCLEAN its table is missing. */
int refs_block_key(struct refs_txn *x, uint64_t id, const struct rec_block *r,
	char ret[static OBJSTORE_KEY_BYTES_MAX + 1]);
