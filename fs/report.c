/* Locks: fs_report.lock guards the ring of errors; the counters are atomic. */
#include "fs/report.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct fs_report {
	const struct clock *clock;
	_Atomic uint64_t counters[FS_COUNTERS];
	pthread_mutex_t lock;
	char *lines[FS_ERRORS_KEEP]; /* lock; a ring, owned */
	size_t next;		     /* lock */
};

static const struct {
	const char *name, *help;
} counters[FS_COUNTERS] = {
	[FS_COUNT_LOOKUP] = {"requests_total{op=\"lookup\"}",
		"Requests of the kernel by operation."},
	[FS_COUNT_GETATTR] = {"requests_total{op=\"getattr\"}", NULL},
	[FS_COUNT_OPENDIR] = {"requests_total{op=\"opendir\"}", NULL},
	[FS_COUNT_READDIR] = {"requests_total{op=\"readdir\"}", NULL},
	[FS_COUNT_OPEN] = {"requests_total{op=\"open\"}", NULL},
	[FS_COUNT_OPEN_PASSTHROUGH] = {"passthrough_opens_total",
		"Files opened so that the kernel reads them without the daemon."},
	[FS_COUNT_READ_BYTES] = {"read_bytes_total", "Bytes the daemon itself read for readers."},
	[FS_COUNT_WRITES] = {"write_opens_total", "Files opened for writing."},
	[FS_COUNT_WRITTEN_BYTES] = {"written_bytes_total", "Bytes written through the mount."},
	[FS_COUNT_CHANGES] = {"changes_total", "Operations that asked for a commit."},
	[FS_COUNT_ERRORS] = {"errors_total", "Operations refused or failed (.bough/errors)."},
	[FS_COUNT_BATCHES] = {"commit_batches_total", "Durable commits of this mount."},
	[FS_COUNT_COMMITTED] = {"committed_total", "Operations that these commits carried."},
	[FS_COUNT_REFUSED] = {"commit_refused_total", "Operations that their commit refused."},
	[FS_COUNT_INVAL_INODE] = {"invalidations_total{what=\"attributes\"}",
		"What the kernel was told to forget after commits."},
	[FS_COUNT_INVAL_ENTRY] = {"invalidations_total{what=\"name\"}", NULL},
	[FS_COUNT_INVAL_ALL] = {"invalidations_total{what=\"all\"}", NULL},
};

int fs_report_new(const struct clock *clock, struct fs_report **ret)
{
	struct fs_report *r = calloc(1, sizeof *r);

	if (!r)
		return -ENOMEM;
	r->clock = clock;
	pthread_mutex_init(&r->lock, NULL);
	*ret = r;
	return 0;
}

void fs_report_free(struct fs_report *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < FS_ERRORS_KEEP; i++)
		free(r->lines[i]);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void fs_report_count(struct fs_report *r, enum fs_counter counter, uint64_t n)
{
	atomic_fetch_add_explicit(&r->counters[counter], n, memory_order_relaxed);
}

uint64_t fs_report_counted(const struct fs_report *r, enum fs_counter counter)
{
	return atomic_load_explicit(&r->counters[counter], memory_order_relaxed);
}

/** One line of .bough/errors: control characters of path and reason become '?'. */
static char *error_line(
	struct fs_report *r, const char *operation, const char *path, int code, const char *reason)
{
	struct buf line auto_buf = {0};
	const char *name = strerrorname_np(code < 0 ? -code : code);
	char time[28];

	clock_format_rfc3339(r->clock->now_us(r->clock), time);
	if (buf_printf(
		    &line, "%s %s %s %s: %s", time, operation, path, name ? name : "?", reason) ||
		buf_append(&line, "", 1))
		return NULL;
	for (size_t i = 0; i + 1 < line.len; i++)
		if (line.data[i] < ' ')
			line.data[i] = '?';
	return (char *)steal(&line.data);
}

void fs_report_error(
	struct fs_report *r, const char *operation, const char *path, int code, const char *reason)
{
	char *line = error_line(r, operation, path, code, reason);

	fs_report_count(r, FS_COUNT_ERRORS, 1);
	if (!line)
		return;
	pthread_mutex_lock(&r->lock);
	free(r->lines[r->next]);
	r->lines[r->next] = line;
	r->next = (r->next + 1) % FS_ERRORS_KEEP;
	pthread_mutex_unlock(&r->lock);
}

int fs_report_errors_text(struct fs_report *r, struct buf *ret)
{
	int result = 0;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < FS_ERRORS_KEEP && !result; i++) {
		const char *line = r->lines[(r->next + i) % FS_ERRORS_KEEP];

		if (line)
			result = buf_printf(ret, "%s\n", line);
	}
	pthread_mutex_unlock(&r->lock);
	return result;
}

int fs_report_stats_text(const struct fs_report *r, struct buf *ret)
{
	int result = 0;

	for (size_t i = 0; i < FS_COUNTERS && !result; i++) {
		int name_len = (int)strcspn(counters[i].name, "{");

		if (counters[i].help)
			result = buf_printf(ret,
				"# HELP bough_%.*s %s\n# TYPE bough_%.*s counter\n", name_len,
				counters[i].name, counters[i].help, name_len, counters[i].name);
		if (!result)
			result = buf_printf(ret, "bough_%s %llu\n", counters[i].name,
				(unsigned long long)fs_report_counted(r, (enum fs_counter)i));
	}
	return result;
}
