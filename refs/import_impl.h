/* One import under way. Inside refs/ only. */
#pragma once
#include "refs/client.h"
#include "refs/commit.h"
#include "refs/plan_impl.h"
#include "refs/reader.h"
#include <sys/stat.h>

#define IMPORT_READERS_MAX 4
#define IMPORT_BATCH 32 /* files stored together: three descriptors each */

struct import_file {
	struct parquet_file *desc; /* until its segment is packed; leaf ids of the table; owned */
	bool described;		   /* or refused */
	uint64_t rows, size_bytes; /* of what was inspected */
	struct commit_block block; /* unset for a file of 0 rows */
};

/** A segment that takes more files. */
struct import_pack {
	bool is_open;
	size_t first;		   /* file: descriptions before it are forgotten */
	struct codec_block *metas; /* borrowed from descriptions; the array is owned */
	size_t n_metas, capacity;
};

/** The helpers, over all attempts. */
struct import_readers {
	size_t n;
	struct reader *items[IMPORT_READERS_MAX];
};

struct import {
	struct refs_store *store;
	const struct import_readers *readers;
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
	struct client_ids ids;	   /* n_files for blocks, as many for segments, those of the fold */
	bool ids_taken;
	struct commit_block *blocks;	 /* those of files with rows, in order; owned */
	struct commit_segment *segments; /* owned */
	size_t n_segments;
	struct import_pack pack; /* the last of them, not yet encoded */
	struct plan fold;	 /* of a small import: its segment and those before it */
	struct stage stage;	 /* of a large import */
	uint64_t bytes_stored;
	bool is_unknown; /* the commit failed, but may have taken effect */
};

/** import_author() - @given, or the user's login name. */
void import_author(const char *given, char ret[static REC_NAME_BYTES_MAX + 1]);
void import_deinit(struct import *im);
/** import_open() - a regular file, not a FIFO or a device that would block. */
int import_open(const char *path, struct stat *ret, struct bough_error *error);
uint64_t import_modified_us(const struct stat *st);
/** import_describe() - what is in file @at. Threads: one for each file. */
int import_describe(struct import *im, struct reader *reader, size_t at, struct bough_error *error);
/** import_take() - the second half of it: what @reader said of @fd, and may be asked once more. */
int import_take(struct import *im, struct reader *reader, int fd, struct json_object *description,
	size_t at, const struct stat *st, struct bough_error *error);
/** import_match() - against the schema, in order of the files; then its block and segment. */
int import_match(struct import *im, size_t at);
/** import_forget() - the description of a file that is packed. */
void import_forget(struct import_file *f);
/** import_block_key() - the object's, of a matched file. */
void import_block_key(
	const struct import *im, uint64_t block, char ret[static OBJSTORE_KEY_BYTES_MAX + 1]);
/** import_store() - at most IMPORT_BATCH matched files as objects. Threads: safe. */
int import_store(struct import *im, size_t first, size_t n, struct bough_error *error);
/** import_unstore() - delete what import_store() wrote: nobody else knows it. What cannot be
 * deleted stays in a range of ours that outlives us. */
void import_unstore(struct import *im);
/** import_pack_add() - file @at into a segment; a full one is encoded, with its v4 object. */
int import_pack_add(struct import *im, size_t at);
/** import_pack_end() - the last segment. */
int import_pack_end(struct import *im);
/** import_pack_blocks() - the segments' blocks, once all are stored. */
int import_pack_blocks(struct import *im);
/** import_pack_undo() - as if nothing had been matched. */
void import_pack_undo(struct import *im);
/** import_flow() - describe, match, pack and store all files, several at a time. */
int import_flow(struct import *im);
/** import_stage() - the records of a large import, in slices; of a small one nothing. */
int import_stage(struct import *im);
/** import_unstage() - take them back; on failure what is left stays marked. */
int import_unstage(struct import *im);
/** import_progress() - @step of 2 * n_files. */
void import_progress(struct import *im, size_t step);
