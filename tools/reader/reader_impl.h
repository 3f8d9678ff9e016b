/* Parts of bough-reader: rights, footer, DuckDB. Everything here runs in one thread. */
#pragma once
#include "objstore/base/buf.h"
#include "objstore/base/error.h"

#define READER_SOCKET_FD 3
#define READER_FILE_FD 4 /* what DuckDB looks at: a footer in a memory file, or the file itself */
#define READER_FILE_PATH "/proc/self/fd/4"
#define READER_FOOTER_BYTES_MAX (UINT64_C(128) << 20)
#define READER_QUESTION_BYTES_MAX (UINT64_C(1) << 20)
#define READER_ANSWER_BYTES_MAX (UINT64_C(64) << 20) /* refs/reader.c refuses more */
#define READER_HELLO 'r'
#define READER_REQUEST 'i'
#define READER_DUCKDB_VERSION "v1.5." /* whose parquet_metadata() we know */

/** confine_limits() - memory, CPU seconds, descriptors; dies with its parent. Before DuckDB. */
int confine_limits(uint64_t memory_bytes);
/**
 * confine_rights() - no capabilities, no file by path, few system calls; for good
 * @file: the one that can be opened again by its /proc/self/fd, to be read; -1: none
 *
 * A kernel without landlock is no error: the system call filter still refuses to write, to
 * connect and to execute. With it, root may go on to read a @file that only its owner may read.
 */
int confine_rights(int file);

/**
 * footer_load() - make READER_FILE_FD a Parquet file of nothing but the footer of @fd
 * @ret_size: of the file behind @fd
 *
 * DuckDB then never sees the file itself: not its path, not its other bytes, not its changes.
 * Errors: -EINVAL, with @error beginning with a verb ("is empty").
 */
int footer_load(int fd, uint64_t *ret_size, struct bough_error *error);

struct describer;

/** describer_open() - one DuckDB in memory, which may read READER_FILE_PATH only. */
int describer_open(uint64_t memory_bytes, struct describer **ret, struct bough_error *error);
void describer_close(struct describer *d);
DEFINE_CLEANUP(struct describer *, describer_close)
/**
 * describer_plan() - before each describer_run(), and before its footer is loaded
 *
 * On failure the describer must not be used again.
 */
int describer_plan(struct describer *d);
/**
 * describer_run() - append the JSON object of README.md for the loaded footer
 * Errors: -EINVAL, as footer_load(): the describer must not be used again.
 */
int describer_run(struct describer *d, uint64_t size, struct buf *ret, struct bough_error *error);

/** The columns and row groups of one file whose minima and maxima are wanted. */
struct ranges;

/** ranges_open() - DuckDB for READER_FILE_PATH, there by now. @question: of README.md. */
int ranges_open(uint64_t memory_bytes, struct slice question, struct ranges **ret,
	struct bough_error *error);
void ranges_close(struct ranges *q);
DEFINE_CLEANUP(struct ranges *, ranges_close)
/** ranges_run() - append the JSON object of README.md. Errors: -EINVAL the data cannot be read. */
int ranges_run(struct ranges *q, struct buf *ret, struct bough_error *error);
