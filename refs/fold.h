/*
 * Folding of segments, so that a ref has about one per 1,000 blocks. An append folds small ones
 * itself; what takes longer (classes 100-999 and above) is a commit of its own, made here.
 */
#pragma once
#include "refs/store.h"

struct refs_fold;

/**
 * refs_fold_prepare() - what folds on @ref as it is now, encoded and ready
 * @ret: refs_fold_free(); NULL: nothing is due
 *
 * Takes ids: never inside a write transaction.
 */
int refs_fold_prepare(
	struct refs_store *s, uint64_t ref, struct refs_fold **ret, struct bough_error *error);
void refs_fold_free(struct refs_fold *f);
DEFINE_CLEANUP(struct refs_fold *, refs_fold_free)
/** refs_fold_apply() - a refs_body. -EAGAIN the head has moved: prepare again. */
int refs_fold_apply(struct refs_txn *x, void *fold, struct bough_error *error);
/** refs_fold_large() - both, until it is done. 0 also if nothing was due. */
int refs_fold_large(struct refs_store *s, uint64_t ref, struct bough_error *error);
