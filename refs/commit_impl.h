/* An append, encoded and ready: what import hands to the transaction. Inside refs/ only. */
#pragma once
#include "meta/schema.h"
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
