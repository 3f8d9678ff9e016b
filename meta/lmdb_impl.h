/*
 * The parts of the LMDB engine: its files (lmdb_file.c, lmdb_page.c), environment
 * (lmdb_env.c), records (lmdb_read.c), transactions and writing (lmdb.c).
 */
#pragma once
#include "meta/kv.h"
#include <lmdb.h>

/** What the newest meta page says. */
struct lmdb_head {
	uint64_t page_bytes, last_page, file_bytes;
};

/** lmdb_check_local() - -EOPNOTSUPP: @path is on a network file system. */
int lmdb_check_local(const char *path, struct bough_error *error);
/**
 * lmdb_check_file() - is @path/data.mdb one of LMDB's?
 *
 * -ENOENT none; -ENODATA empty; -EUCLEAN foreign or with damaged meta pages. Messages only for
 * -EUCLEAN and failing calls.
 */
int lmdb_check_file(const char *path, struct lmdb_head *ret, struct bough_error *error);

#define LMDB_META_BYTES 152 /* of a meta page, with its header */
/** The meta pages before a commit. */
struct lmdb_metas {
	uint8_t bytes[2][LMDB_META_BYTES];
	uint64_t page_bytes; /* 0: could not be read */
};
/** lmdb_metas_save() - under the writer's lock. */
void lmdb_metas_save(int fd, struct lmdb_metas *ret);
/**
 * lmdb_metas_restore() - after a commit that failed, still under the lock
 *
 * Where the write of its meta page failed LMDB puts the old number back, but not the old roots.
 */
void lmdb_metas_restore(int fd, const struct lmdb_metas *saved);

/**
 * lmdb_page_txn_id() - the transaction in KV_COMMIT_KEY of the tree of databases at page @root
 *
 * Reads the file itself, as LMDB shows only the newest tree. -EUCLEAN.
 */
int lmdb_page_txn_id(int fd, uint64_t page_bytes, uint64_t root, uint64_t *ret);

/**
 * lmdb_claim() - one environment per process: LMDB drops its locks when a second one is closed
 * @ret_claim: token for lmdb_release()
 *
 * -EBUSY: this process has @path/ open already.
 */
struct lmdb_claim;
int lmdb_claim(const char *path, struct lmdb_claim **ret_claim);
void lmdb_release(struct lmdb_claim *claim);

/*
 * Reading (lmdb_read.c): values without their checksums. Damage that hides a record, or leads past
 * one, is -EUCLEAN.
 */
#define LMDB_CRC_BYTES sizeof(uint32_t)
/** lmdb_checksum() - CRC-32C over key and value; little-endian behind a stored value. */
uint32_t lmdb_checksum(struct slice key, struct slice value);
/** lmdb_read_get() - as kv_get(); moves @c, and is fast where the record is close to it. */
int lmdb_read_get(MDB_cursor *c, struct slice key, struct slice *ret_value);
struct lmdb_range {
	struct slice lo, hi; /* @lo <= key < @hi; @hi empty: to the end */
	bool down;
};
/** lmdb_read_scan() - as kv_scan() and kv_scan_down(). */
int lmdb_read_scan(
	MDB_txn *txn, MDB_dbi dbi, const struct lmdb_range *range, kv_scan_fn fn, void *arg);
/** lmdb_unseal() - takes the checksum off a stored value. -EUCLEAN it does not match. */
int lmdb_unseal(struct slice key, struct slice stored, struct slice *ret);
/** lmdb_commit_decode() - a value of KV_COMMIT_KEY: number, and LMDB's own id. -EUCLEAN. */
int lmdb_commit_decode(struct slice value, uint64_t *ret_number, uint64_t *ret_txn_id);
/** lmdb_errno() - LMDB's codes are translated at this door. */
int lmdb_errno(int r);
/**
 * lmdb_env_open() - the environment at @path with its two databases, made if @create
 *
 * Errors as kv_lmdb_open(), each with a message.
 */
int lmdb_env_open(const char *path, bool create, MDB_env **ret_env, MDB_dbi ret_dbi[static KV_DBS],
	struct bough_error *error);
/** lmdb_env_check_size() - -ENOSPC: @limit bytes (0 = none) are in use. @txn: a write one. */
int lmdb_env_check_size(MDB_env *env, MDB_txn *txn, uint64_t limit);
