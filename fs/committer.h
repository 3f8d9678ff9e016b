/*
 * Group commit: one thread puts the waiting bodies into one durable transaction, each in a nested
 * one, so that one refusal undoes only itself. FUSE workers never begin a write transaction
 * (another process may hold the lock for long): they hand over a job and a parked request.
 */
#pragma once
#include "fs/report.h"
#include "refs/store.h"

/** One change that waits for its commit. Owned by the one who submitted it; see @done. */
struct fs_job {
	refs_body body; /* may run more than once */
	void *arg;
	/** Called once, by the committer's thread, when the outcome is durable and shown. */
	void (*done)(struct fs_job *job);
	int result;		  /* set before @done: 0 or a negative errno */
	struct bough_error error; /* set before @done: the reason */
	struct fs_job *next;	  /* the committer's */
};

struct fs_committer_conf {
	struct refs_store *store;
	struct fs_report *report;
	/** Called after each durable commit: returns when nothing older is shown. May be NULL. */
	void (*show)(void *arg, uint64_t commit);
	void *arg;
};

struct fs_committer;

/** fs_committer_start() - start the thread; it has all signals blocked. */
int fs_committer_start(const struct fs_committer_conf *conf, struct fs_committer **ret);
/** fs_committer_submit() - queue a job; never blocks. Threads: safe. */
void fs_committer_submit(struct fs_committer *c, struct fs_job *job);
/** fs_committer_stop() - all jobs submitted are done, then the thread ends; takes NULL. */
void fs_committer_stop(struct fs_committer *c);
DEFINE_CLEANUP(struct fs_committer *, fs_committer_stop)
