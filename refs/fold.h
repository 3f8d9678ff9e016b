/*
 * Folding of segments, so that a ref has about one per 1,000 blocks (tests/models/fold.py). An
 * append folds small ones itself; what takes longer (classes 100-999 and above) is done here, by
 * commits of their own: the daemon's.
 */
#pragma once
#include "refs/edit.h"
#include <stdatomic.h>

struct refs_fold_options {
	bool all;		 /* whatever is due; else what is worth a commit in the log */
	bool spares_runs;	 /* not while somebody removes blocks one by one: -EAGAIN */
	const atomic_bool *stop; /* -ECANCELED soon after it is set; NULL: never */
};

struct refs_folded {
	uint64_t commits, snapshot; /* the last of them; 0 */
	uint64_t gone, made;	    /* segments */
};

/**
 * refs_fold_due() - may a fold be worth a commit on @ref? A look at the sums of its head.
 *
 * Not of a tag, of what is dropped or expired, nor of a head that another ref committed: that is
 * folded when @ref goes on from it. Return: 1 or 0, or a negative errno.
 */
int refs_fold_due(struct refs_txn *x, uint64_t ref);
/**
 * refs_fold_run() - until nothing folds on @ref any more
 * @options: NULL: all
 * @ret: what was done, also before an error
 *
 * New segments are written in slices, unseen; a small transaction hangs them into the tree of
 * whatever head still has all that they replace. What cannot be used is taken back. Never inside a
 * transaction. Errors: -EAGAIN others changed the same segments each time; -EROFS a tag; -ENOENT
 * and -ESTALE the ref is gone; -ECANCELED.
 */
int refs_fold_run(struct refs_store *s, uint64_t ref, const struct refs_fold_options *options,
	struct refs_folded *ret, struct bough_error *error);
