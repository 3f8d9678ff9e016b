/*
 * Commits: blocks as objects first, under ids of the client's own range, then one transaction that
 * checks the ref's head (protocol: Commits). An append that lost the race is rebased on the new
 * head; it merges unless the schema changed.
 */
#pragma once
#include "refs/parquet.h"
#include "refs/store.h"

/** One file to append. */
struct refs_file {
	const char *path; /* for opening and messages; borrowed */
	char *name;	  /* given name; owned */
	uint64_t modified_us;
};

struct refs_import {
	const char *db, *table,
		*ref; /* made where they do not exist (not the ref); ref NULL = main */
	struct refs_file *files;
	size_t n_files;
	const char *author, *message; /* NULL: the user's login name; none */
	enum objstore_take take;
	/** Called now and then from one thread; may be NULL. Two steps per file: read, stored. */
	void (*progress)(void *arg, size_t done, size_t total, uint64_t bytes);
	void *progress_arg;
};

struct refs_imported {
	uint64_t snapshot, commit, blocks, rows, bytes; /* snapshot 0: all files were empty */
	uint64_t timestamp_us;
	uint16_t incarnation;
};

/**
 * refs_import_run() - many files, one commit
 *
 * Every file is inspected by bough-reader, matched against the schema (the first file of an empty
 * table decides it) and stored before anything of it can be seen. A file of 0 rows is accepted and
 * makes no block. On any error nothing is changed and the ids are given up.
 * Errors: -EINVAL not Parquet, or other schema (names file and column); -ENOENT file, ref; -EACCES
 * file; -EROFS (3905) a tag; -ESTALE expired; -EAGAIN others changed the ref each time; -ENOSPC;
 * -EIO.
 */
int refs_import_run(struct refs_store *s, const struct refs_import *in, struct refs_imported *ret,
	struct bough_error *error);
