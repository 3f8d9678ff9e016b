/*
 * Client of bough-reader, the helper process that looks into foreign Parquet files with few
 * rights. It is started at first use, gets descriptors by SCM_RIGHTS and dies with its parent.
 *
 * Wire: one SOCK_SEQPACKET-free stream pair. Request: 1 byte 'i' carrying the descriptor.
 * Answer: u32 little-endian length, then that many bytes of JSON (tools/reader/README.md).
 */
#pragma once
#include "objstore/base/error.h"
#include <json-c/json_types.h>

struct reader;

/** reader_open() - nothing is started yet. @memory_bytes: its RLIMIT_AS; 0 = default. */
int reader_open(uint64_t memory_bytes, struct reader **ret);
/** reader_close() - ends the helper; takes NULL. */
void reader_close(struct reader *r);
DEFINE_CLEANUP(struct reader *, reader_close)
/**
 * reader_inspect() - describe the Parquet file behind @fd
 * @name: for messages
 * @ret:  owned; see tools/reader/README.md
 *
 * A helper that died or hangs (30 s) is replaced and the file refused. Threads: one at a time
 * (lock). Errors: -EINVAL not Parquet, truncated, damaged, or it broke the helper; -ENOENT
 * bough-reader is not installed; -ETIMEDOUT.
 */
int reader_inspect(struct reader *r, int fd, const char *name, struct json_object **ret,
	struct bough_error *error);
