/* An object store that tells of every call: for logs, measurements and tests. */
#pragma once
#include "objstore/objstore.h"

/** One call, after it returned. */
struct objstore_call {
	enum objstore_op op;
	const char *key;   /* put_files: the first; list: the prefix */
	uint64_t calls;	   /* put_files: files; list: keys shown; else 1 */
	uint64_t bytes;	   /* written or read; 0 where it failed, or the file's size is unknown */
	int64_t result;	   /* what the call returned */
	uint64_t taken_us; /* by the clock given */
};

/** Threads: called by whoever made the call, several at once. */
typedef void (*objstore_trace_fn)(void *arg, const struct objstore_call *call);

/**
 * objstore_trace_open() - @inner, with @fn told of every call
 * @inner: owned, closed with the wrapper; on failure still the caller's
 * @fn:    objstore_trace_log(), or a test's
 */
int objstore_trace_open(struct objstore *inner, const struct clock *clock, objstore_trace_fn fn,
	void *arg, struct objstore **ret);
/** objstore_trace_log() - one line of the log per call; @arg is not used. */
void objstore_trace_log(void *arg, const struct objstore_call *call);
