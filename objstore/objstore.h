/*
 * Immutable objects by key. An object is written once under a fresh name, never changed, and
 * deleted only by the garbage collector. Keys look like "1/6/_b/h0123.._v2.parquet": relative,
 * '/' between parts, no empty part, no part beginning with '.', [A-Za-z0-9._-] only,
 * at most OBJSTORE_PART_BYTES_MAX bytes in a part and OBJSTORE_KEY_BYTES_MAX in all; anything else
 * is -EINVAL. A key that ends in OBJSTORE_TMP_SUFFIX is what a dead writer may have left of the key
 * without it: it can be deleted, never written, and is not listed. No key is a directory of
 * another.
 */
#pragma once
#include "objstore/base/buf.h"
#include "objstore/base/clock.h"
#include "objstore/base/hash.h"
#include "objstore/base/io.h"

#define OBJSTORE_KEY_BYTES_MAX 255
#define OBJSTORE_PART_BYTES_MAX 250
#define OBJSTORE_TMP_SUFFIX ".tmp"

struct objstore;

/** How put_file() may take a local file. */
enum objstore_take {
	OBJSTORE_COPY, /* the source stays; a reflink where the file system can */
	OBJSTORE_MOVE, /* the source is ours: rename it in where possible; gone after success */
	/** The source is ours and stays, and nobody writes to it any more: a hard link where
	 * possible, and the object's mode is then the source's too. */
	OBJSTORE_LINK,
	OBJSTORE_LINK_HASHED, /* the same; @ret_sha256 of put_file() holds its hash already */
};

/** The calls of a store, for those that count, fail or trace them. */
enum objstore_op {
	OBJSTORE_OP_PUT,
	OBJSTORE_OP_PUT_FILE,
	OBJSTORE_OP_PUT_FILES,
	OBJSTORE_OP_GET,
	OBJSTORE_OP_GET_RANGE,
	OBJSTORE_OP_STAT,
	OBJSTORE_OP_OPEN_LOCAL,
	OBJSTORE_OP_DEL,
	OBJSTORE_OP_LIST,
	OBJSTORE_OPS
};

struct objstore_stat {
	uint64_t size_bytes;
	uint64_t modified_us;
};

/** One of several files to store. */
struct objstore_file {
	const char *key;
	int fd;			      /* open for reading; its whole content is copied */
	uint8_t sha256[SHA256_BYTES]; /* set: of the bytes taken */
};

/** Called for each key in byte order; a non-zero return ends the listing and is returned. */
typedef int (*objstore_list_fn)(void *arg, const char *key, const struct objstore_stat *stat);

/** A backend or a wrapper. Callers use the functions below, never these. Threads: all safe. */
struct objstore_ops {
	int (*put)(struct objstore *s, const char *key, struct slice body);
	int (*put_file)(struct objstore *s, const char *key, int fd, const char *path,
		enum objstore_take take, uint8_t ret_sha256[static SHA256_BYTES]);
	/** NULL: one after another by put_file. Else @n is at least 4. */
	int (*put_files)(
		struct objstore *s, struct objstore_file *files, size_t n, size_t *ret_failed);
	int (*get)(struct objstore *s, const char *key, size_t size_max, struct buf *ret);
	ssize_t (*get_range)(
		struct objstore *s, const char *key, uint64_t offset, void *data, size_t len);
	int (*stat)(struct objstore *s, const char *key, struct objstore_stat *ret);
	int (*open_local)(struct objstore *s, const char *key);
	int (*del)(struct objstore *s, const char *key);
	int (*list)(struct objstore *s, const char *prefix, const char *after, objstore_list_fn fn,
		void *arg);
	void (*close)(struct objstore *s);
};

struct objstore {
	const struct objstore_ops *ops;
};

/**
 * objstore_put() - write a new object, durable on return
 *
 * Create-only: of several writers of one key exactly one gets 0. After a failure there is nothing
 * under @key that was not there before. Errors: -EEXIST (the object that is there stays as it is,
 * or another writer is at work); -ENOSPC; -EIO. Where an fsync failed, every later write of this
 * store fails with its code until it is opened again.
 */
int objstore_put(struct objstore *s, const char *key, struct slice body);
/**
 * objstore_put_file() - write a local file as a new object, durable on return
 * @fd:         open for reading; its whole content is taken
 * @path:       of @fd; may be NULL with OBJSTORE_COPY
 * @ret_sha256: of the bytes taken; given and believed with OBJSTORE_LINK_HASHED
 *
 * Errors: as objstore_put(), and the source stays where it is; -EAGAIN the file changed while it
 * was read.
 */
int objstore_put_file(struct objstore *s, const char *key, int fd, const char *path,
	enum objstore_take take, uint8_t ret_sha256[static SHA256_BYTES]);
/**
 * objstore_put_files() - copies of several local files as new objects, all durable on return
 * @ret_failed: set on failure: index of the file that failed
 *
 * Flushes once for all of them. On failure any of them may be there: the caller deletes them.
 * Errors: as objstore_put_file().
 */
int objstore_put_files(
	struct objstore *s, struct objstore_file *files, size_t n, size_t *ret_failed);
/** objstore_get() - a whole object, appended to @ret. -ENOENT; -EFBIG above @size_max. */
int objstore_get(struct objstore *s, const char *key, size_t size_max, struct buf *ret);
/** objstore_get_range() - Return: bytes read, fewer only at the object's end; -ENOENT. */
ssize_t objstore_get_range(
	struct objstore *s, const char *key, uint64_t offset, void *data, size_t len);
/** objstore_stat() - -ENOENT. */
int objstore_stat(struct objstore *s, const char *key, struct objstore_stat *ret);
/**
 * objstore_open_local() - a read-only descriptor of the object's own local file
 * Return: descriptor; -EOPNOTSUPP the store is not local: use get_range; -ENOENT.
 */
int objstore_open_local(struct objstore *s, const char *key);
/** objstore_del() - delete, durable on return. -ENOENT when it is not there (which is no harm). */
int objstore_del(struct objstore *s, const char *key);
/**
 * objstore_list() - keys below a directory, in byte order
 * @prefix: whole parts without a last '/': "1/6" has "1/6/x", not "1/60/x" nor "1/6"; "" = all
 * @after:  only keys greater than this text; NULL = from the first
 *
 * @fn may delete what it is shown. Objects that come or go meanwhile may be missed or shown.
 * Return: 0, a negative errno, or what @fn returned.
 */
int objstore_list(
	struct objstore *s, const char *prefix, const char *after, objstore_list_fn fn, void *arg);
/** objstore_close() - takes NULL. */
void objstore_close(struct objstore *s);
DEFINE_CLEANUP(struct objstore *, objstore_close)

/** objstore_op_name() - "put", "get_range" ...; static. */
const char *objstore_op_name(enum objstore_op op);
/** objstore_key_valid() - the rule at the top of this file. */
bool objstore_key_valid(const char *key);

/**
 * objstore_dir_open() - objects as files below a directory
 * @path: existing directory on a local file system
 * @io:   io_system(), or a test's
 *
 * A write: key with ".tmp" appended (one writer per id), fsync, rename without replacing, fsync of
 * the directory; paths are opened beneath the root and never through symbolic links.
 */
int objstore_dir_open(const char *path, const struct io *io, struct objstore **ret);
/** objstore_mem_open() - objects in memory, for tests; first class. */
int objstore_mem_open(const struct clock *clock, struct objstore **ret);
