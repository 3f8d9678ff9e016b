/*
 * The commit of a file that is being written, at its close, fsync or rename; free of FUSE. A task
 * of the pool: the file is frozen, put into its ref (refs/put.h), and thawed.
 */
#pragma once
#include "fs/pool.h"
#include "fs/spool.h"

struct refs_put;

struct fs_put {
	struct fs_task task; /* first */
	const struct fs_tree *tree;
	struct fs_pool *pool;
	struct fs_spool *spool;
	struct fs_staged *file; /* a reference of ours */
	uint64_t dir;		/* data/ of the ref */
	char name[FS_NAME_BYTES_MAX + 1];
	uid_t uid; /* who does it */
	enum fs_put_why {
		FS_PUT_CLOSE,
		FS_PUT_AHEAD, /* commits nothing: what is slow of a rename to come, whole or not */
		FS_PUT_SYNC,  /* what is not whole is made durable, and 0 */
		FS_PUT_RENAME /* to @dir and @name; what is empty is not whole */
	} why;
	bool no_replace;
	/** In the transaction, before anything else; may be NULL. */
	void (*applying)(struct fs_put *p, uint64_t commit);
	/** Once, by any thread, with task.result and task.error set; frees @p. */
	void (*done)(struct fs_put *p);
	uint64_t commit; /* of what was committed; 0 nothing was */
	/* its own */
	struct refs_put *put;
	struct fs_waiter waiter;
	bool is_frozen;
};

/** fs_put_submit() - never blocks; while another commit of the file is under way it waits. */
void fs_put_submit(struct fs_put *p);
