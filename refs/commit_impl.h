/*
 * Appends and changes of segments, encoded and ready: what imports, puts, edits and folds hand to
 * their transactions. Inside refs/ only.
 */
#pragma once
#include "meta/schema.h"
#include "refs/client.h"
#include "refs/store.h"
#include <stdatomic.h>

#define COMMIT_SEGMENT_BLOCKS_MAX 1000 /* files of a segment */
#define COMMIT_SEGMENT_METAS_MAX 2000  /* row groups of a segment */

struct plan;
struct refs_squash;

enum commit_block_state {
	COMMIT_BLOCK_NEW,     /* its record is to be put */
	COMMIT_BLOCK_SHARED,  /* it is there: one reference more */
	COMMIT_BLOCK_RENAMED, /* the same, under a name that is perhaps new to it */
};

struct commit_block {
	uint64_t id;
	enum commit_block_state state;
	struct rec_block rec;
	struct rec_segment_entry entry; /* name borrowed from the import */
};

struct commit_segment {
	uint64_t id;
	struct rec_segment rec;		   /* key is given inside the transaction */
	struct rec_segment_entry *entries; /* rec.blocks of them; owned */
	const struct commit_block *blocks; /* rec.blocks of them; borrowed */
	struct buf v4;			   /* the object; owned */
};

struct commit_append {
	uint64_t ref;
	uint64_t schema_id;	     /* the ref's when the files were matched; 0 none yet */
	const struct schema *schema; /* that schema, or the one to begin with */
	struct commit_segment *segments;
	size_t n_segments;
	const struct client_ids *staged; /* their records are there; NULL: they are put now */
	const struct plan *fold; /* the same blocks, folded; for one head only. NULL: none */
	bool has_free_names;	 /* no block of the head is called as one of theirs */
	const char *author, *message;
};

/** Segments of a head replaced by others. */
struct commit_change {
	const struct plan *plan;
	const struct schema *schema;
	uint64_t schema_id; /* of an empty ref too, which has none yet */
	enum rec_operation operation;
	const char *author, *message;
	const struct refs_squash *squash; /* NULL: a snapshot more */
	bool rebases;			  /* on any head that still has the segments that go */
};

struct commit_changed {
	uint64_t snapshot, timestamp_us;
	bool squashed; /* it took the place of the one before */
};

/** commit_check_kind() - -EROFS (3905): @ref is a tag. */
int commit_check_kind(const struct rec_ref *ref, struct bough_error *error);
/** commit_open_ref() - the record of a ref that may be written: -EROFS (3905) a tag, -ESTALE. */
int commit_open_ref(
	struct refs_txn *x, uint64_t ref, struct rec_ref *ret, struct bough_error *error);
/**
 * commit_append() - one snapshot more on a ref, whatever its head is now
 *
 * Appends always merge. Errors: -EAGAIN the schema is not the one matched against.
 */
int commit_append(struct refs_txn *x, const struct commit_append *c, uint64_t *ret_snapshot,
	uint64_t *ret_timestamp_us, struct bough_error *error);

/**
 * commit_change() - one snapshot more on the plan's ref, or one in place of the last removal
 *
 * Errors: -EAGAIN the head is not the one that the plan was made for (@rebases: has not its
 * segments any more).
 */
int commit_change(struct refs_txn *x, const struct commit_change *c, struct commit_changed *ret,
	struct bough_error *error);

/** squash_may() - may @s take the place of @head, of id @head_id? */
bool squash_may(struct refs_txn *x, const struct refs_squash *q, uint64_t head_id,
	const struct rec_snapshot *head, const struct rec_snapshot *s);
void squash_parent(const struct rec_snapshot *head, struct rec_snapshot *s);
/** squash_unlink() - @old, whose place was taken, leaves the directory; the queue owns it. */
int squash_unlink(struct refs_txn *x, uint64_t ref, uint64_t old);

/** commit_put_one() - block @at of a segment; @at == rec.blocks: the segment itself. */
int commit_put_one(struct kv_txn *t, const struct commit_segment *g, uint32_t at);
/**
 * commit_del_one() - the reverse, for what was staged and is given up; absent ones are fine
 *
 * -EBUSY: the segment alone holds a block by now, which only a collector may release.
 */
int commit_del_one(struct kv_txn *t, const struct commit_segment *g, uint32_t at);

/** An append written in slices. */
struct stage {
	struct refs_store *store;
	uint64_t table;
	const struct client_ids *ids; /* blocks and segments */
	struct commit_segment *segments;
	size_t n_segments;
	bool keeps_keys;	 /* they replace others; else they get keys above all */
	bool is_patient;	 /* gives way to others between two slices */
	const atomic_bool *stop; /* -ECANCELED before its next slice once it is set; NULL: never */
	bool begun;		 /* the mark is durable */
	size_t at;		 /* next segment, */
	uint32_t block;		 /* and its next record */
};
typedef int (*stage_step)(struct kv_txn *t, const struct commit_segment *g, uint32_t at);
/** stage_run() - all records by @step, in transactions of at most a few milliseconds. */
int stage_run(struct stage *g, stage_step step);
/** stage_mark(), stage_unmark() - the ids that no listing shows. */
int stage_mark(struct refs_txn *x, uint64_t table, const struct client_ids *ids);
int stage_unmark(struct refs_txn *x, uint64_t table, const struct client_ids *ids);
