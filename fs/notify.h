/*
 * What other processes, and this mount itself, commit: the kernel is told to forget it. Timeouts
 * are long, so nothing here may be left out; and a notification may block in the kernel for as
 * long as an operation on the same directory is in flight, so nothing that such an operation waits
 * for may wait for it (README: threads).
 */
#pragma once
#include "fs/tree.h"

/** Where notifications go: the kernel, or a test. Negative errno; -ENOENT: it knew nothing. */
struct fs_sink {
	/** Forget the attributes of @ino, and what it cached of its contents. Never blocks. */
	int (*inode)(void *arg, uint64_t ino, bool contents);
	/** Forget a name. Blocks while an operation that changes @dir is in flight. */
	int (*entry)(void *arg, uint64_t dir, const char *name);
	/** Forget all names. Never blocks. -EINVAL: this kernel cannot. */
	int (*all)(void *arg);
	void *arg;
};

#define FS_INVALIDATE_MAX 256 /* more at once: forget all names */

/** Timeouts: for ever, or where the kernel cannot forget all names at once. */
#define FS_TIMEOUT_S 86400.0
#define FS_TIMEOUT_SHORT_S 1.0

struct fs_notify;

/**
 * fs_notify_start() - from now on; what is committed already counts as shown
 * @tree, @sink: borrowed
 *
 * Call when the kernel has opened the connection: the sink is probed.
 */
int fs_notify_start(const struct fs_tree *tree, const struct fs_sink *sink, struct fs_notify **ret);
/** fs_notify_stop() - takes NULL. After the kernel has let go of the connection. */
void fs_notify_stop(struct fs_notify *n);
DEFINE_CLEANUP(struct fs_notify *, fs_notify_stop)

/** fs_notify_timeout_s() - how long the kernel may believe us. */
double fs_notify_timeout_s(const struct fs_notify *n);
/** fs_notify_wait() - until no attribute older than @commit is believed; at most 1 s. */
void fs_notify_wait(struct fs_notify *n, uint64_t commit);

/** Who waits until names are forgotten, too. */
struct fs_notify_waiter {
	uint64_t commit;
	void (*run)(struct fs_notify_waiter *w); /* once, under no lock; any thread */
	struct fs_notify_waiter *next;		 /* notify's */
};
/**
 * fs_notify_then() - @w->run() as soon as nothing older than @w->commit is believed by anybody
 *
 * Also of names in directories in which an operation is in flight: only for an operation that the
 * kernel holds no directory's lock for.
 */
void fs_notify_then(struct fs_notify *n, struct fs_notify_waiter *w);

/** fs_notify_shown() - nothing older than this commit can be seen any more. */
uint64_t fs_notify_shown(struct fs_notify *n);

/** An operation of this mount that changes directories: the kernel holds their locks. */
struct fs_flight {
	struct {
		uint64_t dir;	  /* 0 none */
		const char *name; /* the kernel itself brings this name up to date */
	} at[2];
	uint64_t commit;	  /* of the operation, once it is known; notify's lock */
	struct fs_item *deferred; /* notify's */
	struct fs_flight *next;	  /* notify's */
};

/** fs_notify_enter() - before the operation is handed to the committer. Names are borrowed. */
void fs_notify_enter(struct fs_notify *n, struct fs_flight *f);
/** fs_notify_commit() - inside its transaction: the commit it will be part of. */
void fs_notify_commit(struct fs_notify *n, struct fs_flight *f, uint64_t commit);
/** fs_notify_leave() - after its reply: what waited for the directory is done now. */
void fs_notify_leave(struct fs_notify *n, struct fs_flight *f);
