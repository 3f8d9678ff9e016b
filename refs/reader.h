/*
 * Client of bough-reader, the helper process that looks into foreign Parquet files with few
 * rights. It is started at first use, gets descriptors by SCM_RIGHTS and dies with its parent.
 * One struct reader is one helper and one file at a time; who wants several opens several.
 *
 * Wire: a SOCK_STREAM pair of AF_UNIX. The helper says 'r' once it is ready. Request: 1 byte 'i'
 * carrying the descriptor. Answer: u32 little-endian length, then that many bytes of JSON
 * (tools/reader/README.md).
 */
#pragma once
#include "objstore/base/error.h"
#include <json-c/json_types.h>

struct reader;

/** reader_open() - nothing is started yet. @memory_bytes: its RLIMIT_AS; 0 = default (2 GiB). */
int reader_open(uint64_t memory_bytes, struct reader **ret);
/** reader_close() - ends the helper; takes NULL. */
void reader_close(struct reader *r);
DEFINE_CLEANUP(struct reader *, reader_close)
/**
 * reader_start() - start the helper now and do not wait for it; what fails is tried again, and
 * told, by reader_inspect(). It dies with the calling thread.
 */
void reader_start(struct reader *r);
/**
 * reader_ask() - let the helper look at @fd already, and do not wait for it
 *
 * The caller's next call is reader_inspect() for the same @fd, open all the time. What fails is
 * tried again, and told, there. Starts the helper as reader_start() does. Threads: no other uses
 * @r in between.
 */
void reader_ask(struct reader *r, int fd);
/** reader_stop() - ends the helper, which takes it some milliseconds; the next request starts one.
 */
void reader_stop(struct reader *r);
/** reader_set_timeout() - for one file, in place of 30 s; before the first use. */
void reader_set_timeout(struct reader *r, unsigned timeout_ms);
/**
 * reader_inspect() - describe the Parquet file behind @fd
 * @name: for messages
 * @ret:  owned; see tools/reader/README.md
 *
 * A helper that died is replaced and the file tried once more; a second death, or 30 s without an
 * answer, refuses the file. Threads: one at a time (lock). Errors: -EINVAL not Parquet, truncated,
 * encrypted, damaged, or it broke the helper; -ENOENT bough-reader is not installed; -EIO it does
 * not start, or the file cannot be read; -ETIMEDOUT.
 */
int reader_inspect(struct reader *r, int fd, const char *name, struct json_object **ret,
	struct bough_error *error);
/**
 * reader_ranges() - minima and maxima of columns of @fd, from all its data
 * @question: JSON, see tools/reader/README.md
 * @ret:      owned; NULL where they cannot be told: damaged data, more memory or time than there
 *            is, no helper. That is no error: the file goes without them
 *
 * By a helper of its own, which is started now and ends with the answer; 20 times as patient as
 * reader_inspect(), which another thread may go on to use meanwhile. Errors: -ENOMEM.
 */
int reader_ranges(struct reader *r, int fd, const char *question, struct json_object **ret);
