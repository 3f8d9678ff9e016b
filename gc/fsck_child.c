/* The child: opens the store, reads it in one transaction, says what it finds. */
#include "gc/fsck_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STEPS_PER_REPORT 65536

void fsck_send(int out, uint32_t kind, const void *body, size_t len)
{
	struct fsck_frame f = {kind, (uint32_t)len};
	struct slice parts[] = {{&f, sizeof f}, {body, len}};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (size_t done = 0; done < parts[i].len;) {
			ssize_t n =
				write(out, (const char *)parts[i].data + done, parts[i].len - done);

			if (n < 0 && errno != EINTR)
				_exit(1); /* nobody listens any more */
			done += n > 0 ? (size_t)n : 0;
		}
}

void fsck_say(struct fsck *f, const char *format, ...)
{
	char text[FSCK_FINDING_BYTES_MAX];
	va_list args;

	f->report.errors++;
	f->is_open = true;
	if (f->report.errors > FSCK_FINDINGS_TOLD_MAX + 1)
		return;
	if (f->report.errors > FSCK_FINDINGS_TOLD_MAX) {
		snprintf(text, sizeof text, "more than %d findings: the rest are only counted",
			FSCK_FINDINGS_TOLD_MAX);
	} else {
		va_start(args, format);
		vsnprintf(text, sizeof text, format, args);
		va_end(args);
	}
	if (f->repair)
		fsck_hear(f, text);
	else
		fsck_send(f->out, FSCK_FRAME_FINDING, text, strlen(text));
}

static void send_progress(struct fsck *f)
{
	struct fsck_progress p = {.done = f->stage_done};

	snprintf(p.stage, sizeof p.stage, "%s", f->stage);
	fsck_send(f->out, FSCK_FRAME_PROGRESS, &p, sizeof p);
}

void fsck_stage(struct fsck *f, const char *stage)
{
	f->stage = stage;
	f->stage_done = 0;
	send_progress(f);
}

void fsck_step(struct fsck *f)
{
	if (++f->stage_done % STEPS_PER_REPORT == 0)
		send_progress(f);
}

int fsck_check(struct fsck *f)
{
	static int (*const stages[])(struct fsck *) = {fsck_registers, fsck_segments, fsck_trees,
		fsck_heads, fsck_trash, fsck_indexes, fsck_suspects, fsck_counts, fsck_exports,
		fsck_objects, fsck_versions};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(stages) && !r; i++)
		r = stages[i](f);
	return r;
}

/* Reads the store in one transaction, which is a writing one where it may be repaired. */
static int check_open(struct fsck *f, bool repair, struct bough_error *error)
{
	struct refs_txn *x auto_refs_txn = NULL;
	int r;

	if (repair)
		return fsck_repair_run(f, error);
	r = refs_begin(f->store, KV_READ, &x);
	if (r)
		return error_set(error, r, "cannot read the store: %s", strerror(-r));
	f->x = x;
	f->t = x->kv;
	r = fsck_check(f);
	f->report.repairable = f->adds + (f->adds + f->last == f->report.errors ? f->last : 0);
	return r;
}

static int check_store(struct fsck *f, const char *path, bool repair, struct bough_error *error)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	int r = refs_store_open(path, REFS_ROLE_CLI, &s, error);

	if (r == -EUCLEAN) {
		f->report.metadata_damaged = true;
		fsck_say(f, "%s", error->message);
	}
	f->store = s;
	if (!r)
		r = check_open(f, repair, error);
	if (r == -EUCLEAN) {
		f->report.metadata_damaged = true;
		if (!f->report.errors)
			fsck_say(f, "the metadata end early");
	}
	return r ? error_set(error, r, "the check could not go on: %s", strerror(-r)) : 0;
}

int fsck_child(const char *path, const struct fsck_options *options, int out)
{
	struct fsck_end end = {0};
	struct fsck f = {.full = options->full, .out = out, .stage = ""};

	end.result = check_store(&f, path, options->repair, &end.error);
	end.report = f.report;
	fsck_send(out, FSCK_FRAME_END, &end, sizeof end);
	fsck_deinit(&f);
	return 0;
}
