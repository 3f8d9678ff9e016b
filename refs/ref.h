/* Branches and tags: a named head and its directory of hard links to snapshots. */
#pragma once
#include "refs/store.h"

#define REFS_MAIN "main"

/** refs_ref_lookup() - by name; "main" or NULL is the main ref. -ENOENT (2745). */
int refs_ref_lookup(struct refs_txn *x, uint64_t table, const char *name, uint64_t *ret_ref,
	struct bough_error *error);
/**
 * refs_ref_open() - the record, for use now
 * Errors: -ESTALE (2749) it has expired; -ENOENT it was dropped, or its table.
 */
int refs_ref_open(struct refs_txn *x, uint64_t ref, struct rec_ref *ret, struct bough_error *error);
/** refs_ref_expired() - at this transaction's time. */
bool refs_ref_expired(const struct refs_txn *x, const struct rec_ref *r);

struct refs_create {
	uint64_t table;
	const char *name;
	enum rec_ref_kind kind; /* branch or tag */
	uint64_t source_ref;	/* whose history @at was found in; 0 = main */
	uint64_t at;		/* snapshot; 0 = the source's head */
	uint64_t expire_at_us;	/* 0 never */
};
/**
 * refs_ref_create() - O(1) in the size of the table
 *
 * Ref record, directory entry, one hard link to the snapshot, count + 2 (name and merge base).
 * Errors: -EEXIST (2746) name taken, also by an expired ref; -EINVAL bad name; -ENOENT (2327) the
 * snapshot is gone; -ENODATA (2747) tag of a table without data.
 * Source: Databend, table branching; protocol: "Condemned is final".
 */
int refs_ref_create(struct refs_txn *x, const struct refs_create *c, uint64_t *ret_ref,
	struct bough_error *error);
/** refs_ref_drop() - to the trash, O(its own links). -EPERM protected or main. */
int refs_ref_drop(struct refs_txn *x, uint64_t ref, struct bough_error *error);
/** refs_ref_rename() - id kept. -EEXIST (2746), -EINVAL, -EPERM protected or main. */
int refs_ref_rename(struct refs_txn *x, uint64_t ref, const char *name, struct bough_error *error);
/** refs_ref_protect() - a protected ref cannot be dropped, renamed or reset. */
int refs_ref_protect(
	struct refs_txn *x, uint64_t ref, bool is_protected, struct bough_error *error);

/**
 * refs_ref_reset() - move the head to any snapshot of the table, which is linked in if need be
 *
 * The old head stays in the directory. Main too. Errors: -EROFS (3905) a tag; -EPERM protected;
 * -ESTALE (2749); -ENOENT (2327) the snapshot is gone, or of another table.
 */
int refs_ref_reset(struct refs_txn *x, uint64_t ref, uint64_t snapshot, struct bough_error *error);
/**
 * refs_link_remove() - take a snapshot from a ref's directory, into the trash
 *
 * Errors: -EBUSY the head; -ENOENT not in it; else as refs_ref_reset().
 */
int refs_link_remove(
	struct refs_txn *x, uint64_t ref, uint64_t snapshot, struct bough_error *error);

/** refs_ref_freeze() - a branch becomes a tag, for ever. -EPERM main; -ENODATA (2747); -ESTALE. */
int refs_ref_freeze(struct refs_txn *x, uint64_t ref, struct bough_error *error);
/**
 * refs_ref_retain() - it expires @after_us from now; 0: never. -EPERM main; -ESTALE it has expired.
 */
int refs_ref_retain(struct refs_txn *x, uint64_t ref, uint64_t after_us, struct bough_error *error);

/** refs_link_add() - snapshot into a ref's directory, nlink and count + 1; there already: 0. */
int refs_link_add(struct refs_txn *x, uint64_t ref, uint64_t snapshot);
/** refs_link_exists() - 0 or -ENOENT. */
int refs_link_exists(struct refs_txn *x, uint64_t ref, uint64_t snapshot);
/** refs_link_list() - snapshots of a ref's directory, ids above @after, rising. */
typedef int (*refs_link_fn)(void *arg, uint64_t snapshot);
int refs_link_list(struct refs_txn *x, uint64_t ref, uint64_t after, refs_link_fn fn, void *arg);

/** refs_log() - the head's chain as far as records go, newest first. */
typedef int (*refs_log_fn)(void *arg, uint64_t id, const struct rec_snapshot *r);
int refs_log(struct refs_txn *x, uint64_t head, refs_log_fn fn, void *arg);
/**
 * refs_moment() - "X" of ref@X: a snapshot prefix (>= 4 hex digits, with or without h), an RFC 3339
 * time, or "-2h": the newest snapshot of the ref's chain not younger than that.
 * Errors: -EINVAL; -ENOENT (2013) none there; -ENOTUNIQ the prefix fits several, names them.
 */
int refs_moment(struct refs_txn *x, uint64_t ref, const char *moment, uint64_t *ret_snapshot,
	struct bough_error *error);
