/* bough fsck: what gc/fsck finds and mends, printed. */
#include "tools/cmd_impl.h"
#include "gc/fsck.h"

#include <errno.h>

struct fsck_job {
	const struct cli *c;
	struct cli_progress progress;
	struct json_object *findings, *repaired;
};

static void take(struct fsck_job *j, struct json_object *list, const char *before, const char *text)
{
	struct buf clean auto_buf = {0};

	if (j->c->json) {
		cli_append(list, cli_check(json_object_new_string(text)));
		return;
	}
	cli_progress_end(&j->progress);
	if (cli_clean(text, &clean))
		cli_check(NULL);
	printf("%s%.*s\n", before, (int)clean.len, (const char *)clean.data);
	fflush(stdout);
}

static void take_finding(void *arg, const char *text)
{
	struct fsck_job *j = arg;

	take(j, j->findings, "", text);
}

static void take_repaired(void *arg, const char *text)
{
	struct fsck_job *j = arg;

	take(j, j->repaired, "repaired: ", text);
}

static void take_progress(void *arg, const char *stage, uint64_t done, uint64_t total)
{
	struct fsck_job *j = arg;

	j->progress.label = stage;
	cli_progress_update(&j->progress, done, total, 0);
}

static void print_json(const struct fsck_report *f, const struct fsck_job *j)
{
	struct json_object *out auto_json = cli_object();

	cli_add_number(out, "errors", f->errors);
	cli_add_flag(out, "metadata_damaged", f->metadata_damaged);
	cli_add(out, "findings", json_object_get(j->findings));
	cli_add_number(out, "repairable", f->repairable);
	cli_add(out, "repaired", json_object_get(j->repaired));
	cli_add_number(out, "databases", f->databases);
	cli_add_number(out, "tables", f->tables);
	cli_add_number(out, "refs", f->refs);
	cli_add_number(out, "snapshots", f->snapshots);
	cli_add_number(out, "nodes", f->nodes);
	cli_add_number(out, "segments", f->segments);
	cli_add_number(out, "blocks", f->blocks);
	cli_add_number(out, "schemas", f->schemas);
	cli_add_number(out, "queue", f->queue);
	cli_add_number(out, "clients", f->clients);
	cli_add_number(out, "dead_clients", f->dead_clients);
	cli_add_number(out, "objects", f->objects);
	cli_add_number(out, "object_bytes", f->object_bytes);
	cli_print_json(out);
}

static void print_count(const char *before, uint64_t n, const char *noun)
{
	printf("%s%llu %s%s", before, (unsigned long long)n, noun, cli_s(n));
}

static void print_text(
	const struct cli *c, const struct fsck_options *options, const struct fsck_report *f)
{
	char size[32];

	print_count("", f->tables, "table");
	print_count(", ", f->refs, "ref");
	print_count(", ", f->snapshots, "snapshot");
	print_count(", ", f->segments, "segment");
	print_count(", ", f->blocks, "block");
	cli_format_bytes(f->object_bytes, c->human, size);
	if (options->full) {
		print_count(", ", f->objects, "object");
		printf(" of %s bytes", size);
	}
	printf(": ");
	if (options->repair && f->repaired)
		printf("%llu repaired, ", (unsigned long long)f->repaired);
	if (f->errors)
		printf("%llu error%s%s\n", (unsigned long long)f->errors, cli_s(f->errors),
			options->repair ? " left" : "");
	else
		printf("no errors\n");
}

/* What to do about errors. */
static void print_advice(const struct fsck_options *options, const struct fsck_report *f)
{
	if (f->errors && !options->repair && f->repairable)
		printf("'bough fsck %s--repair' can mend %llu of them\n",
			options->full ? "--full " : "", (unsigned long long)f->repairable);
	if (f->errors > (options->repair ? 0 : f->repairable))
		printf("what was lost is not in the records: put back a copy of the store's "
		       "folder, or copy\nwhat can still be read from a mount into a new store\n");
}

int cmd_fsck(struct cli *c)
{
	char *path cleanup(free_p) = NULL;
	struct json_object *findings auto_json = cli_array();
	struct json_object *repaired auto_json = cli_array();
	struct fsck_job j = {.c = c, .findings = findings, .repaired = repaired};
	struct fsck_options options = {.full = cli_option(c, "full"),
		.repair = cli_option(c, "repair"),
		.finding = take_finding,
		.repaired = take_repaired,
		.progress = take_progress,
		.arg = &j};
	struct fsck_report report = {0};
	int r = refs_store_find(c->store, &path, &c->error);

	if (r)
		return cli_finish(c, r);
	cli_progress_init(&j.progress, "checking");
	r = fsck_run(path, &options, &report, &c->error);
	cli_progress_end(&j.progress);
	if (r && r != -EUCLEAN)
		return cli_finish(c, r);
	if (c->json)
		print_json(&report, &j);
	else if (!r) {
		print_text(c, &options, &report);
		print_advice(&options, &report);
	}
	return r ? cli_finish(c, r) : report.errors ? CLI_FAILED : CLI_DONE;
}
