/*
 * Changes of the blocks of a ref: removing, renaming, replacing, linking in. All of one edit is one
 * transaction, with one snapshot on each ref it changes. New segments are encoded before the
 * transaction, from the heads as they were then; where a head has moved the edit is prepared again.
 */
#pragma once
#include "refs/client.h"

#define REFS_EDIT_REFS_MAX 2

enum refs_edit_kind {
	REFS_EDIT_REMOVE,
	REFS_EDIT_RENAME,  /* to @name */
	REFS_EDIT_REPLACE, /* by @with, which takes its place */
	REFS_EDIT_LINK,	   /* append a block of the head of @source, as @name */
};

struct commit_segment;

struct refs_edit_op {
	enum refs_edit_kind kind;
	uint64_t ref;			   /* that changes */
	uint64_t block;			   /* 0: the one that @given means */
	const char *given;		   /* a name in data/ of @ref; LINK: of @source */
	const char *name;		   /* RENAME: new name; LINK: NULL keeps it */
	uint64_t source;		   /* LINK; 0: any ref of the table whose head has @block */
	bool replaces;			   /* RENAME, LINK: what @name means there goes */
	const struct commit_segment *with; /* REPLACE: one block, stored, not yet in any tree */
};

/**
 * The last removal of a run that one process makes on one ref: the next removal extends it, as a
 * new snapshot in its place (protocol: Squashing). Zeroed to begin with.
 */
struct refs_squash {
	uint64_t snapshot;
	uint64_t began_us, last_us; /* by the monotonic clock */
};

struct refs_edit_options {
	const char *author, *message;
	/** Of a single ref from which this edit only removes; brought up to date by
	 * refs_edit_done(). */
	struct refs_squash *squash;
	const struct client_ids *ids; /* of all @with */
	/** A head that has moved will do if it still has all segments that change: who applies it
	 * sees to the names. */
	bool rebases;
};

struct refs_edited {
	uint64_t snapshot, timestamp_us; /* snapshot 0: nothing changed there */
};

struct refs_edit;
/**
 * refs_edit_prepare() - what @ops do to the heads as they are now
 *
 * The ops are carried out together: one may remove the name that another one gives. Names are
 * looked up in the heads that are read here. Not inside a write transaction. Everything that @ops
 * and @options point to must outlive the edit.
 * Errors: -ENOENT no such block there; -EEXIST the ref holds it already, or a block of that name;
 * -EXDEV other table; -EINVAL bad name, or other schema; -EROFS (3905) a tag; -ESTALE expired.
 */
int refs_edit_prepare(struct refs_store *s, const struct refs_edit_op *ops, size_t n,
	const struct refs_edit_options *options, struct refs_edit **ret, struct bough_error *error);
void refs_edit_free(struct refs_edit *e);
DEFINE_CLEANUP(struct refs_edit *, refs_edit_free)
/** refs_edit_apply() - a refs_body. -EAGAIN a head has moved: prepare again. */
int refs_edit_apply(struct refs_txn *x, void *edit, struct bough_error *error);
/** refs_edit_done() - after the commit. @ret: of the first op's ref, then the other's. */
void refs_edit_done(struct refs_edit *e, struct refs_edited ret[static REFS_EDIT_REFS_MAX]);
/** refs_edit_run() - all of this, again where a head has moved. */
int refs_edit_run(struct refs_store *s, const struct refs_edit_op *ops, size_t n,
	const struct refs_edit_options *options, struct refs_edited ret[static REFS_EDIT_REFS_MAX],
	struct bough_error *error);
