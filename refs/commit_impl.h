/* An append, encoded and ready: what import hands to the transaction. Inside refs/ only. */
#pragma once
#include "meta/schema.h"
#include "refs/client.h"
#include "refs/store.h"

#define COMMIT_SEGMENT_BLOCKS_MAX 1000 /* files of a segment */
#define COMMIT_SEGMENT_METAS_MAX 2000  /* row groups of a segment */

struct commit_block {
	uint64_t id;
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
	const char *author, *message;
};

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

/** commit_put_one() - block @at of a segment; @at == rec.blocks: the segment itself. */
int commit_put_one(struct kv_txn *t, const struct commit_segment *g, uint32_t at);
/** commit_del_one() - the reverse, for what was staged and is given up; absent ones are fine. */
int commit_del_one(struct kv_txn *t, const struct commit_segment *g, uint32_t at);

/** An append written in slices. */
struct stage {
	struct refs_store *store;
	uint64_t table;
	const struct client_ids *ids; /* blocks and segments */
	struct commit_segment *segments;
	size_t n_segments;
	bool begun;	/* the mark is durable */
	size_t at;	/* next segment, */
	uint32_t block; /* and its next record */
};
typedef int (*stage_step)(struct kv_txn *t, const struct commit_segment *g, uint32_t at);
/** stage_run() - all records by @step, in transactions of at most a few milliseconds. */
int stage_run(struct stage *g, stage_step step);
/** stage_mark(), stage_unmark() - the ids that no listing shows. */
int stage_mark(struct refs_txn *x, uint64_t table, const struct client_ids *ids);
int stage_unmark(struct refs_txn *x, uint64_t table, const struct client_ids *ids);
