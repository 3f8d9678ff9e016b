/*
 * Changes that take more than a transaction: prepared by a pool of threads (files are described,
 * hashed and stored, segments encoded), then applied by the committer; prepared again where the
 * ref has changed in between. So neither a FUSE worker nor the committer waits for a slow file.
 */
#pragma once
#include "fs/committer.h"
#include "refs/reader.h"

#define FS_TASK_PARKED 2

/** One such change. Owned by the one who submitted it, until @done. */
struct fs_task {
	/**
	 * Outside of any transaction; may be slow, and be called again. NULL: nothing to prepare.
	 * Return: 0 apply it; 1 it is done, without a commit; FS_TASK_PARKED: whoever holds it now
	 * submits it again; or a negative errno, -EAGAIN: call again, after others.
	 */
	int (*prepare)(struct fs_task *t, struct reader *reader, struct bough_error *error);
	/** In a transaction: memory only. -EAGAIN: prepare again. */
	int (*apply)(struct refs_txn *x, struct fs_task *t, struct bough_error *error);
	/** Called once, by a thread of the pool or the committer's, with the outcome. */
	void (*done)(struct fs_task *t);
	int result;		  /* set before @done: 0 or a negative errno */
	struct bough_error error; /* set before @done: the reason */
	/* the pool's */
	struct fs_job job;
	struct fs_pool *pool;
	struct fs_task *next;
	unsigned tries;
};

struct fs_pool_conf {
	struct fs_committer *committer;
	unsigned threads;
	bool has_readers; /* tasks look into files */
	uint64_t reader_memory_bytes;
};

struct fs_pool;

/** fs_pool_start() - the threads; each starts a bough-reader when first it needs one. */
int fs_pool_start(const struct fs_pool_conf *conf, struct fs_pool **ret);
/** fs_pool_submit() - never blocks. Without anything to prepare it goes to the committer. */
void fs_pool_submit(struct fs_pool *p, struct fs_task *t);
/** fs_pool_is_shared() - asked by a task of it: are there others, that may commit before? */
bool fs_pool_is_shared(struct fs_pool *p);
/**
 * fs_pool_stop() - all tasks submitted are done, then the threads end; takes NULL
 *
 * Nobody submits any more but what is to be tried again, or was parked. Before fs_committer_stop().
 */
void fs_pool_stop(struct fs_pool *p);
DEFINE_CLEANUP(struct fs_pool *, fs_pool_stop)
