/* bough branch and bough tag: create, list, show, drop, rename, protect. */
#include "tools/cmd_impl.h"
#include "tools/describe_impl.h"

#include <errno.h>
#include <string.h>

struct ref_job {
	const struct cli *c;
	struct name_target target; /* owned */
	char *other;		   /* --from, or the new name; owned */
	uint64_t retain_us;	   /* 0: for ever */
	/* results */
	uint64_t id, rows;
	uint64_t due_us; /* of a drop; when it expires */
	char before[33]; /* of a reset */
	char head[33];	 /* "": no data */
};

static void ref_job_deinit(struct ref_job *j)
{
	name_target_deinit(&j->target);
	free(j->other);
}
#define auto_ref_job cleanup(ref_job_deinit)

/* "branch" or "tag": the command's first word. */
static const char *word_of(const struct cli *c)
{
	return c->command->name[0] == 't' ? "tag" : "branch";
}

static enum rec_ref_kind kind_of(const struct cli *c)
{
	return c->command->name[0] == 't' ? REC_REF_TAG : REC_REF_BRANCH;
}

/* A ref of the wrong kind is refused, lest "tag drop" take a branch. */
static int check_kind(const struct ref_job *j, const struct rec_ref *rec, struct bough_error *error)
{
	bool is_tag = rec->kind == REC_REF_TAG;
	const char *verb = strchr(j->c->command->name, ' ') + 1;

	if (is_tag == (kind_of(j->c) == REC_REF_TAG))
		return 0;
	error_number(error, 2748);
	error_set(error, -EINVAL, "'%s' is a %s, not a %s", rec->name, is_tag ? "tag" : "branch",
		word_of(j->c));
	if (is_tag && !strcmp(verb, "reset"))
		return error_hint(
			error, -EINVAL, "a tag never moves: make a branch of it, or a new tag");
	return error_hint(error, -EINVAL, "use 'bough %s %s'", is_tag ? "tag" : "branch", verb);
}

/* The ref that the command is about: its id and record. */
static int lookup(
	struct refs_txn *x, struct ref_job *j, struct rec_ref *ret, struct bough_error *error)
{
	struct cli_place place;
	int r = cli_lookup(x, &j->target, &place, error);

	if (!r)
		r = rec_ref_get(x->kv, place.ref, ret);
	if (!r)
		r = check_kind(j, ret, error);
	if (!r)
		r = cli_snapshot_hex(x, ret->head, j->head);
	if (!r)
		j->id = place.ref;
	return r;
}

static int create_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct ref_job *j = arg;
	const char *at = cli_option(j->c, "at");
	struct refs_create create = {.name = j->target.ref, .kind = kind_of(j->c)};
	struct cli_place from;
	struct rec_snapshot head = {0};
	struct rec_ref rec;
	struct name_target source = {.db = j->target.db, .table = j->target.table, .ref = j->other};
	int r = cli_lookup(x, &source, &from, error);

	if (r)
		return r;
	create.table = from.table;
	create.source_ref = from.ref;
	create.expire_at_us = j->retain_us ? x->now_us + j->retain_us : 0;
	if (at)
		r = refs_moment(x, from.ref, at, &create.at, error);
	if (!r)
		r = refs_ref_create(x, &create, &j->id, error);
	if (!r)
		r = rec_ref_get(x->kv, j->id, &rec);
	if (!r && rec.head)
		r = rec_snapshot_get(x->kv, rec.head, &head);
	j->rows = head.rows;
	return r ? r : cli_snapshot_hex(x, rec.head, j->head);
}

static int drop_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct ref_job *j = arg;
	struct rec_ref rec;
	int r = lookup(x, j, &rec, error);

	j->due_us = x->now_us + x->store->conf.trash_us;
	return r ? r : refs_ref_drop(x, j->id, error);
}

static int rename_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct ref_job *j = arg;
	struct rec_ref rec;
	int r = lookup(x, j, &rec, error);

	return r ? r : refs_ref_rename(x, j->id, j->other, error);
}

static int reset_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct ref_job *j = arg;
	struct name_target source = {.db = j->target.db,
		.table = j->target.table,
		.ref = j->other ? j->other : j->target.ref};
	struct rec_snapshot head = {0};
	struct cli_place from;
	struct rec_ref rec;
	uint64_t to = 0;
	int r = lookup(x, j, &rec, error);

	memcpy(j->before, j->head, sizeof j->before);
	if (!r)
		r = cli_lookup(x, &source, &from, error);
	if (!r)
		r = refs_moment(x, from.ref, j->c->args[1], &to, error);
	if (!r)
		r = refs_ref_reset(x, j->id, to, error);
	if (!r)
		r = rec_snapshot_get(x->kv, to, &head);
	j->rows = head.rows;
	return r ? r : cli_snapshot_hex(x, to, j->head);
}

static int retain_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct ref_job *j = arg;
	struct rec_ref rec;
	int r = lookup(x, j, &rec, error);

	j->due_us = j->retain_us ? x->now_us + j->retain_us : 0;
	return r ? r : refs_ref_retain(x, j->id, j->retain_us, error);
}

static int protect_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct ref_job *j = arg;
	struct rec_ref rec;
	int r = lookup(x, j, &rec, error);

	return r ? r : refs_ref_protect(x, j->id, !strstr(j->c->command->name, " un"), error);
}

/* @text names a ref of the target's table: "dev", or "db.table/dev". */
static int parse_other(struct cli *c, const char *text, struct ref_job *j)
{
	struct name_target other = {0};
	int r;

	if (!strchr(text, '/'))
		return cli_parse_name(c, text, &j->other);
	r = cli_parse_target(c, text, CLI_REF, &other);
	if (r)
		return r;
	if (strcmp(other.db, j->target.db) || strcmp(other.table, j->target.table))
		r = cli_usage(c, "'%s' is of another table", text);
	else
		j->other = steal(&other.ref);
	name_target_deinit(&other);
	return r;
}

static int run(struct cli *c, refs_body body, struct ref_job *j)
{
	j->c = c;
	return cli_finish(c, cli_write(c, body, j));
}

int cmd_ref_create(struct cli *c)
{
	const char *from = cli_option(c, "from");
	struct ref_job j auto_ref_job = {0};
	struct json_object *done auto_json = NULL;
	char *name cleanup(free_p) = NULL;
	int r = cli_parse_target(c, c->args[0], CLI_REF, &j.target);

	if (!r && from)
		r = parse_other(c, from, &j);
	if (!r)
		r = cli_option_duration(c, "retain", &j.retain_us);
	if (!r)
		r = run(c, create_body, &j);
	if (r)
		return r;
	name = cli_name(j.target.db, j.target.table, j.target.ref);
	done = cli_done("created", name, j.id);
	cli_add_text(done, "head", j.head[0] ? j.head : NULL);
	cli_add_number(done, "rows", j.rows);
	if (j.head[0])
		cli_report(c, done, "created %s %s at %.*s: %llu rows", word_of(c), name,
			CLI_ID_DIGITS, j.head, (unsigned long long)j.rows);
	else
		cli_report(c, done, "created %s %s: there is no data yet", word_of(c), name);
	return 0;
}

int cmd_ref_drop(struct cli *c)
{
	struct ref_job j auto_ref_job = {0};
	struct json_object *done auto_json = NULL;
	char *name cleanup(free_p) = NULL, *word cleanup(free_p) = NULL;
	char *again cleanup(free_p) = NULL;
	char when[40];
	int r = cli_parse_target(c, c->args[0], CLI_REF, &j.target);

	if (!r)
		r = run(c, drop_body, &j);
	if (r)
		return r;
	name = cli_name(j.target.db, j.target.table, j.target.ref);
	word = cli_check(cli_shell(name));
	if (asprintf(&again, "bough %s undrop %s", word_of(c), word) < 0)
		cli_check(NULL);
	done = cli_done("dropped", name, j.id);
	cli_add_text(done, "head", j.head[0] ? j.head : NULL);
	cli_add_text(done, "restore", again);
	cli_add_time(done, "due", j.due_us);
	cli_format_time(j.due_us, false, when);
	cli_report(c, done, "dropped %s %s; until %s this brings it back:", word_of(c), name, when);
	if (!c->json)
		printf("  %s\n", again);
	return 0;
}

int cmd_ref_rename(struct cli *c)
{
	struct ref_job j auto_ref_job = {0};
	struct json_object *done auto_json = NULL;
	char *from cleanup(free_p) = NULL, *to cleanup(free_p) = NULL;
	int r = cli_parse_target(c, c->args[0], CLI_REF, &j.target);

	if (!r)
		r = parse_other(c, c->args[1], &j);
	if (!r)
		r = run(c, rename_body, &j);
	if (r)
		return r;
	from = cli_name(j.target.db, j.target.table, j.target.ref);
	to = cli_name(j.target.db, j.target.table, j.other);
	done = cli_done("renamed", to, j.id);
	cli_add_text(done, "from", from);
	cli_report(c, done, "renamed %s %s to %s", word_of(c), from, to);
	return 0;
}

int cmd_ref_reset(struct cli *c)
{
	const char *from = cli_option(c, "from");
	struct ref_job j auto_ref_job = {0};
	struct json_object *done auto_json = NULL;
	char *name cleanup(free_p) = NULL;
	int r = cli_parse_target(c, c->args[0], CLI_REF, &j.target);

	if (!r && from)
		r = parse_other(c, from, &j);
	if (!r)
		r = run(c, reset_body, &j);
	if (r)
		return r;
	name = cli_name(j.target.db, j.target.table, j.target.ref);
	done = cli_done("reset", name, j.id);
	cli_add_text(done, "head", j.head);
	cli_add_text(done, "before", j.before[0] ? j.before : NULL);
	cli_add_number(done, "rows", j.rows);
	cli_report(c, done, "branch %s is at %.*s now: %llu rows; it was at %.*s", name,
		CLI_ID_DIGITS, j.head, (unsigned long long)j.rows, CLI_ID_DIGITS,
		j.before[0] ? j.before : "no data");
	return 0;
}

int cmd_ref_retain(struct cli *c)
{
	struct ref_job j auto_ref_job = {0};
	struct json_object *done auto_json = NULL;
	char *name cleanup(free_p) = NULL;
	char when[40];
	int r = cli_parse_target(c, c->args[0], CLI_REF, &j.target);

	if (!r && strcmp(c->args[1], "0") && clock_parse_duration(c->args[1], &j.retain_us))
		r = cli_usage(c, "'%s' is no duration: expected 30s, 5m, 2h, 7d, or 0 for ever",
			c->args[1]);
	if (!r)
		r = run(c, retain_body, &j);
	if (r)
		return r;
	name = cli_name(j.target.db, j.target.table, j.target.ref);
	done = cli_done("retained", name, j.id);
	cli_add_time(done, "expires", j.due_us);
	if (j.due_us)
		cli_format_time(j.due_us, false, when);
	cli_report(c, done, "%s %s %s%s", word_of(c), name,
		j.due_us ? "expires at " : "never expires", j.due_us ? when : "");
	return 0;
}

int cmd_ref_protect(struct cli *c)
{
	bool on = !strstr(c->command->name, " un");
	struct ref_job j auto_ref_job = {0};
	struct json_object *done auto_json = NULL;
	char *name cleanup(free_p) = NULL;
	int r = cli_parse_target(c, c->args[0], CLI_REF, &j.target);

	if (!r)
		r = run(c, protect_body, &j);
	if (r)
		return r;
	name = cli_name(j.target.db, j.target.table, j.target.ref);
	done = cli_done(on ? "protected" : "unprotected", name, j.id);
	cli_report(c, done, "%s %s %s", word_of(c), name,
		on ? "is protected" : "is no longer protected");
	return 0;
}

struct ref_list {
	struct refs_txn *x;
	enum rec_ref_kind kind;
	struct json_object *rows;
};

static int list_table(void *arg, uint64_t id, const char *name)
{
	struct ref_list *l = arg;

	(void)name;
	return describe_refs(l->x, id, 1u << l->kind, l->rows);
}

int cmd_ref_list(struct cli *c)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct json_object *rows auto_json = cli_array();
	struct ref_list list = {.kind = kind_of(c), .rows = rows};
	struct ref_job j auto_ref_job = {0};
	struct cli_place place;
	int r = c->n_args ? cli_parse_target(c, c->args[0], CLI_TABLE, &j.target) : 0;

	if (!r)
		r = cli_begin(c, &s, &x);
	if (!r && c->n_args)
		r = cli_lookup_table(x, &j.target, &place, &c->error);
	list.x = x;
	if (!r && c->n_args)
		r = list_table(&list, place.table, NULL);
	else if (!r)
		r = describe_tables(x, 0, list_table, &list);
	if (r)
		return cli_finish(c, r);
	describe_print_refs(c, rows);
	return 0;
}

int cmd_ref_show(struct cli *c)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct json_object *out auto_json = NULL;
	struct ref_job j auto_ref_job = {.c = c};
	struct rec_ref rec;
	int r = cli_parse_target(c, c->args[0], CLI_REF, &j.target);

	if (!r)
		r = cli_begin(c, &s, &x);
	if (!r)
		r = lookup(x, &j, &rec, &c->error);
	if (!r)
		r = describe_ref_full(x, j.id, 0, &out);
	if (r)
		return cli_finish(c, r);
	describe_print_ref(c, out);
	return 0;
}
