/*
 * One file put into a ref, as a writer through the mount does: prepared outside of any transaction,
 * then applied in one that may be shared with others. Under its name it is appended, or takes the
 * place of the block that the name means in the head of the ref.
 */
#pragma once
#include "refs/reader.h"
#include "refs/store.h"

struct refs_put_in {
	uint64_t ref;
	const char *path;   /* a whole file of ours; it stays, unchanged, until refs_put_end() */
	const char *name;   /* given name */
	const char *label;  /* what messages call the file; NULL: @path */
	const char *author; /* NULL: the user's login name */
	const char *message;
	const uint8_t *sha256; /* of the file, where it is known; else NULL */
	bool no_replace;       /* -EEXIST where the name means a block already */
	bool no_fold; /* small segments stay, for a later append or fold: others commit, too */
};

struct refs_put_result {
	uint64_t block;			 /* 0: the file has no rows */
	uint64_t snapshot, timestamp_us; /* snapshot 0: nothing changed */
	uint64_t rows;
};

struct refs_put;

/** refs_put_new() - nothing is looked at yet; texts are copied. -ENOMEM. */
int refs_put_new(struct refs_store *s, const struct refs_put_in *in, struct refs_put **ret);
/**
 * refs_put_prepare() - what the put does to the ref as it is now
 *
 * Not inside a write transaction: may be slow. The file is described by @reader and meanwhile
 * stored as an object (OBJSTORE_LINK: it becomes read-only); then it is matched, and encoded.
 * Again after refs_put_apply() said -EAGAIN: only what depends on the head is done again.
 *
 * A file of 0 rows makes no block; a block of its name is removed. The first file of a ref without
 * a schema decides it.
 * Errors: -EINVAL bad name, not Parquet, or other schema (names file and column); -ESTALE the ref
 * expired or was dropped; -EROFS (3905) a tag; -EEXIST; -ENOSPC; -EIO; those of reader_inspect().
 * After any of them: refs_put_end().
 */
int refs_put_prepare(struct refs_put *p, struct reader *reader, struct bough_error *error);
/**
 * refs_put_apply() - a refs_body: memory only, may run more than once
 *
 * An append also merges with a head that has moved. Errors: as above; -EAGAIN the schema, what the
 * name means, or what is replaced has changed: prepare again, in no transaction.
 */
int refs_put_apply(struct refs_txn *x, void *put, struct bough_error *error);
/**
 * refs_put_end() - once, after the commit or after giving up; frees @p
 * @result: 0 committed, else what prepare, apply or the commit said
 * @ret:    what became of it; zeroed when nothing did; may be NULL
 *
 * What was not committed is deleted again, and the file gets its mode back. What could not be
 * deleted, or may be committed (-EIO of a commit), stays, in a range that outlives its client.
 */
void refs_put_end(struct refs_put *p, int result, struct refs_put_result *ret);
