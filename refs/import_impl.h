/* One import under way. Inside refs/ only. */
#pragma once
#include "refs/client.h"
#include "refs/commit.h"
#include "refs/plan_impl.h"

struct import_file {
	struct parquet_file desc;  /* leaf ids of the table once matched */
	uint64_t rows, size_bytes; /* of what was inspected */
	struct commit_block block; /* unset for a file of 0 rows */
};

struct import {
	struct refs_store *store;
	const struct refs_import *in;
	struct bough_error *error;

	/* where to: found, or reserved to be made by the commit */
	bool new_db, new_table;
	uint64_t db, home_db, table, main_ref, ref;
	uint64_t schema_id;   /* 0: the first file decides */
	struct schema schema; /* owned */
	bool has_schema;

	struct import_file *files; /* in->n_files; owned */
	size_t n_blocks;	   /* files with rows */
	struct client_ids ids;	   /* blocks first, then segments, then those of the fold */
	bool ids_taken;
	struct commit_block *blocks;	 /* those of files with rows, in order; owned */
	struct commit_segment *segments; /* owned */
	size_t n_segments;
	struct plan fold;   /* of a small import: its segment and those before it */
	struct stage stage; /* of a large import */
	uint64_t bytes_stored;
	bool is_unknown; /* the commit failed, but may have taken effect */
};

/** import_inspect() - describe every file and match it against the schema. */
int import_inspect(struct import *im);
/** import_take_ids() - ids for all blocks and segments, durable. */
int import_take_ids(struct import *im);
/** import_store() - every file with rows as an object; several at a time. */
int import_store(struct import *im);
/** import_unstore() - delete what import_store() wrote: nobody else knows it. What cannot be
 * deleted stays in a range of ours that outlives us. */
void import_unstore(struct import *im);
/** import_pack() - segments with their v4 objects, in memory. */
int import_pack(struct import *im);
/** import_folds() - is it so small that its commit folds? */
bool import_folds(const struct import *im);
/** import_stage() - the records of a large import, in slices; of a small one nothing. */
int import_stage(struct import *im);
/** import_unstage() - take them back; on failure what is left stays marked. */
int import_unstage(struct import *im);
/** import_progress() - @step of 2 * n_files. */
void import_progress(struct import *im, size_t step);
