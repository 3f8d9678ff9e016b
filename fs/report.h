/* What a mount tells of itself in .bough/: counters, and the last errors with their reasons. */
#pragma once
#include "objstore/base/buf.h"
#include "objstore/base/clock.h"

#define FS_ERRORS_KEEP 1000

/** Counters of .bough/stats; their names and help texts there are in report.c. */
enum fs_counter {
	FS_COUNT_LOOKUP,
	FS_COUNT_GETATTR,
	FS_COUNT_OPENDIR,
	FS_COUNT_READDIR,
	FS_COUNT_OPEN,
	FS_COUNT_OPEN_PASSTHROUGH,
	FS_COUNT_READ_BYTES,
	FS_COUNT_WRITES,
	FS_COUNT_WRITTEN_BYTES,
	FS_COUNT_CHANGES,
	FS_COUNT_ERRORS,
	FS_COUNT_BATCHES,
	FS_COUNT_COMMITTED,
	FS_COUNT_REFUSED,
	FS_COUNT_INVAL_INODE,
	FS_COUNT_INVAL_ENTRY,
	FS_COUNT_INVAL_ALL,
	FS_COUNTERS
};

struct fs_report;

/** fs_report_new() - @clock stamps the errors. */
int fs_report_new(const struct clock *clock, struct fs_report **ret);
/** fs_report_free() - takes NULL. */
void fs_report_free(struct fs_report *r);
DEFINE_CLEANUP(struct fs_report *, fs_report_free)

/** fs_report_count() - add @n. Threads: safe, as all here. */
void fs_report_count(struct fs_report *r, enum fs_counter counter, uint64_t n);
/** fs_report_counted() - its value. */
uint64_t fs_report_counted(const struct fs_report *r, enum fs_counter counter);
/** fs_report_error() - remember a refused or failed operation; the oldest of 1,000 is forgotten. */
void fs_report_error(
	struct fs_report *r, const char *operation, const char *path, int code, const char *reason);
/** fs_report_errors_text() - one line each, oldest first: time, operation, path, error, reason. */
int fs_report_errors_text(struct fs_report *r, struct buf *ret);
/** fs_report_stats_text() - the counters in Prometheus' text format. */
int fs_report_stats_text(const struct fs_report *r, struct buf *ret);
