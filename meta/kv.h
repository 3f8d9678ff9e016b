/*
 * Ordered transactional records behind one interface. Bodies of write transactions have no side
 * effects outside the transaction: they may be run again. Two databases: hot (ids, names, refs,
 * entries, snapshots, tables, clients, queue, changes) and bulk (nodes, segments, blocks, counts,
 * file names, holders), so that a small commit does not pay for the depth of the large one.
 *
 * Each stored value ends in a CRC-32C over key and value, which this layer adds and verifies:
 * a record that does not match is -EUCLEAN, never a wrong value.
 */
#pragma once
#include "objstore/base/base.h"
#include "objstore/base/clock.h"
#include "objstore/base/error.h"

struct kv;
struct kv_txn;
struct wake;

enum kv_db { KV_HOT, KV_BULK, KV_DBS };
enum kv_mode { KV_READ, KV_WRITE };

#define KV_KEY_BYTES_MAX 511
/** Where KV_HOT keeps the commit number; the value is the engine's own. */
#define KV_COMMIT_KEY "acommit"

/** Called for each record in key order; a non-zero return ends the scan and is returned. */
typedef int (*kv_scan_fn)(void *arg, struct slice key, struct slice value);

/** An engine. Callers use the functions below, never these. */
struct kv_ops {
	int (*begin)(struct kv *kv, enum kv_mode mode, struct kv_txn **ret_txn);
	int (*nest)(struct kv_txn *parent, struct kv_txn **ret_txn);
	int (*get)(struct kv_txn *txn, enum kv_db db, struct slice key, struct slice *ret_value);
	int (*put)(struct kv_txn *txn, enum kv_db db, struct slice key, struct slice value);
	int (*del)(struct kv_txn *txn, enum kv_db db, struct slice key);
	int (*scan)(struct kv_txn *txn, enum kv_db db, struct slice lo, struct slice hi, bool down,
		kv_scan_fn fn, void *arg);
	int (*commit)(struct kv_txn *txn);
	void (*abort)(struct kv_txn *txn);
	void (*close)(struct kv *kv);
};

/** Base of every engine's own struct. */
struct kv {
	const struct kv_ops *ops;
};
/** Base of every engine's own transaction. */
struct kv_txn {
	struct kv *kv;
	enum kv_mode mode;
	uint64_t commit; /* read: number of the last commit it sees; write: the one it will be */
	bool nested;
};

/** What kv_lmdb_open() may do. */
struct kv_lmdb_options {
	bool create;		 /* make an environment where there is none; else -ENOENT */
	uint64_t size_max_bytes; /* meta_max_size: beyond it writers get -ENOSPC; 0 = no limit */
	struct wake *wake; /* borrowed; names the writer, carries the sticky EIO; may be NULL */
	/** Called when the write lock was waited for longer than 1 s; @pid holds it (0 unknown). */
	void (*slow_writer)(void *arg, int pid);
	void *slow_writer_arg;
};

/**
 * kv_lmdb_open() - the embedded engine
 * @path: existing directory on a local file system; open after fork, close before exec
 *
 * No WRITEMAP, durable commits, NOTLS, maxreaders 4,096, map 1 TiB (or less where the address
 * space forbids it). Read transactions are pooled and renewed. In a write transaction SIGTSTP,
 * SIGINT and SIGTERM are blocked. A commit that failed with EIO stops all writing (-EIO, sticky,
 * in the wake page too) until the store is reopened by all; -ENOSPC does not.
 * Errors: -ENOENT; -EACCES; -EUCLEAN not an LMDB file, truncated or damaged; -EOPNOTSUPP the
 * directory is on a network file system; each with a message.
 */
int kv_lmdb_open(const char *path, const struct kv_lmdb_options *options, struct kv **ret_kv,
	struct bough_error *error);
/** kv_mem_open() - an engine in memory, for tests and models; one process, one writer. */
int kv_mem_open(struct kv **ret_kv);
/** kv_close() - takes NULL. */
void kv_close(struct kv *kv);
DEFINE_CLEANUP(struct kv *, kv_close)

/** kv_begin() - Errors: -EIO writing has stopped; -ENOSPC size_max_bytes is reached (write). */
int kv_begin(struct kv *kv, enum kv_mode mode, struct kv_txn **ret_txn);
/** kv_nest() - a transaction inside a write transaction; abort undoes only it. One at a time. */
int kv_nest(struct kv_txn *parent, struct kv_txn **ret_txn);
/** kv_get() - @ret_value lives until the transaction's next write or end. -ENOENT, -EUCLEAN. */
int kv_get(struct kv_txn *txn, enum kv_db db, struct slice key, struct slice *ret_value);
/** kv_put() - insert or replace. -ENOSPC. */
int kv_put(struct kv_txn *txn, enum kv_db db, struct slice key, struct slice value);
/** kv_del() - -ENOENT when it is not there. */
int kv_del(struct kv_txn *txn, enum kv_db db, struct slice key);
/**
 * kv_scan() - records with @lo <= key < @hi, upwards
 * @hi: empty means to the end
 *
 * @fn must not write into the database scanned. A damaged record ends the scan with -EUCLEAN.
 * Return: 0 at the end, or what @fn returned.
 */
int kv_scan(struct kv_txn *txn, enum kv_db db, struct slice lo, struct slice hi, kv_scan_fn fn,
	void *arg);
/** kv_scan_down() - the same, from the highest key below @hi downwards to @lo. */
int kv_scan_down(struct kv_txn *txn, enum kv_db db, struct slice lo, struct slice hi, kv_scan_fn fn,
	void *arg);
/**
 * kv_commit() - end the transaction, durable on return; consumes *@txn whatever is returned
 *
 * A top-level write transaction that wrote nothing is no commit. The commit number is a record of
 * ours in KV_HOT, raised here by 1. Errors: -ENOSPC, -EIO (sticky), -ESTALE conflict: run again.
 */
int kv_commit(struct kv_txn **txn);
/** kv_abort() - end without effect; takes NULL. Ends read transactions too. */
void kv_abort(struct kv_txn *txn);
DEFINE_CLEANUP(struct kv_txn *, kv_abort)
#define auto_kv_txn cleanup(kv_abort_p)
