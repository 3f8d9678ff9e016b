/* bough trash list, restore, empty; branch, tag and table undrop. */
#include "refs/trash.h"
#include "tools/cmd_impl.h"
#include "tools/describe_impl.h"

#include <errno.h>
#include <string.h>

#define ERROR_WRONG_KIND 2748

struct trash_job {
	const struct cli *c;
	struct name_target target, as; /* owned; as.db and as.table only of a table */
	uint64_t id;		       /* entry; 0: the newest of that name */
	/* results */
	uint64_t restored;
	char *name, *type; /* owned */
	struct refs_emptied emptied;
	bool all;
};

static void trash_job_deinit(struct trash_job *j)
{
	name_target_deinit(&j->target);
	name_target_deinit(&j->as);
	free(j->name);
	free(j->type);
}
#define auto_trash_job cleanup(trash_job_deinit)

static const char *type_of(const struct rec_trash *e, const struct rec_ref *ref)
{
	switch (e->kind) {
	case REC_TRASH_TABLE:
		return "table";
	case REC_TRASH_LINK:
		return "snapshot";
	default:
		return ref->kind == REC_REF_TAG ? "tag" : "branch";
	}
}

/* The database of a table may be gone: then what it was called. */
static int entry_name(struct refs_txn *x, const struct rec_trash *e, char **ret)
{
	struct rec_table table;
	struct rec_db db;
	int r = rec_table_get(x->kv, e->table, &table);

	if (r)
		return r;
	if (rec_db_get(x->kv, table.db, &db))
		memcpy(db.name, e->db_name, sizeof db.name);
	*ret = e->kind == REC_TRASH_TABLE ? cli_name(db.name, e->name, NULL)
					  : cli_name(db.name, table.name, e->name);
	return 0;
}

struct trash_rows {
	struct refs_txn *x;
	struct json_object *rows;
};

static int add_row(void *arg, uint64_t id, const struct rec_trash *e)
{
	struct trash_rows *l = arg;
	struct json_object *o auto_json = cli_object();
	struct rec_ref ref = {0};
	char *name cleanup(free_p) = NULL;
	char hex[33];
	int r = entry_name(l->x, e, &name);

	if (!r && e->kind == REC_TRASH_REF)
		r = rec_ref_get(l->x->kv, e->ref, &ref);
	if (!r)
		r = cli_snapshot_hex(l->x, e->kind == REC_TRASH_LINK ? e->snapshot : ref.head, hex);
	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	cli_add_number(o, "id", id);
	cli_add_text(o, "name", name);
	cli_add_text(o, "type", type_of(e, &ref));
	cli_add_text(o, "snapshot", hex[0] ? hex : NULL);
	cli_add_time(o, "dropped", e->dropped_us);
	cli_add_time(o, "due", e->due_us);
	cli_append(l->rows, steal(&o));
	return 0;
}

int cmd_trash_list(struct cli *c)
{
	static const struct cli_column columns[] = {
		{"id", "ID", CLI_NUMBER},
		{"name", "NAME", CLI_TEXT},
		{"type", "TYPE", CLI_TEXT},
		{"snapshot", "SNAPSHOT", CLI_ID},
		{"dropped", "DROPPED", CLI_TIME},
		{"due", "DUE", CLI_TIME},
	};
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct json_object *rows auto_json = cli_array();
	struct trash_rows list = {.rows = rows};
	int r = cli_begin(c, &s, &x);

	list.x = x;
	if (!r)
		r = refs_trash_list(x, 0, add_row, &list);
	if (r)
		return cli_finish(c, r);
	cli_print_list(c, rows, columns, ARRAY_SIZE(columns));
	return 0;
}

/* What came back, under the name that it has now. */
static int describe_restored(struct refs_txn *x, const struct rec_trash *e, struct trash_job *j)
{
	struct rec_table table;
	struct rec_ref ref = {0};
	struct rec_db db;
	bool is_table = e->kind == REC_TRASH_TABLE;
	int r = rec_table_get(x->kv, e->table, &table);

	if (!r)
		r = rec_db_get(x->kv, table.db, &db);
	if (!r && !is_table)
		r = rec_ref_get(x->kv, e->ref, &ref);
	if (r)
		return r;
	free(j->name);
	free(j->type);
	j->name = cli_name(db.name, table.name, is_table ? NULL : ref.name);
	j->type = cli_check(strdup(type_of(e, &ref)));
	return 0;
}

static int restore_entry(struct refs_txn *x, struct trash_job *j, uint64_t id,
	const struct rec_trash *e, struct bough_error *error)
{
	bool is_table = e->kind == REC_TRASH_TABLE;
	struct refs_restore restore = {.id = id, .name = is_table ? j->as.table : j->as.ref};
	int r = is_table && j->as.db ? cli_lookup_db(x, j->as.db, &restore.db, error) : 0;

	if (!r)
		r = refs_trash_restore(x, &restore, &j->restored, error);
	return r ? r : describe_restored(x, e, j);
}

/* --id names an entry: is it the one that the name says? */
static int check_entry(const struct trash_job *j, const struct rec_trash *e, uint64_t dir,
	enum rec_trash_kind kind, const char *name, struct bough_error *error)
{
	uint64_t in = kind == REC_TRASH_TABLE ? e->db : e->table;

	if (e->kind == kind && in == dir && !strcmp(e->name, name))
		return 0;
	error_set(error, -EINVAL, "entry %llu of the trash is another: '%s'",
		(unsigned long long)j->id, e->name);
	return error_hint(error, -EINVAL, "'bough trash list' shows the numbers of each name");
}

static int undrop_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct trash_job *j = arg;
	bool is_table = !j->target.ref, is_tag = j->c->command->name[1] == 'a';
	enum rec_trash_kind kind = is_table ? REC_TRASH_TABLE : REC_TRASH_REF;
	const char *name = is_table ? j->target.table : j->target.ref;
	struct cli_place at;
	struct rec_trash e;
	struct rec_ref ref;
	uint64_t id = j->id;
	int r = is_table ? cli_lookup_db(x, j->target.db, &at.db, error)
			 : cli_lookup_table(x, &j->target, &at, error);

	if (!r && !id)
		r = refs_trash_find(x, is_table ? at.db : at.table, kind, name, &id, error);
	if (!r)
		r = refs_trash_get(x, id, &e, error);
	if (!r)
		r = check_entry(j, &e, is_table ? at.db : at.table, kind, name, error);
	if (!r && !is_table)
		r = rec_ref_get(x->kv, e.ref, &ref);
	if (!r && !is_table && is_tag != (ref.kind == REC_REF_TAG)) {
		const char *was = is_tag ? "branch" : "tag";

		error_number(error, ERROR_WRONG_KIND);
		error_set(error, -EINVAL, "'%s' was a %s", name, was);
		return error_hint(error, -EINVAL, "use 'bough %s undrop'", was);
	}
	return r ? r : restore_entry(x, j, id, &e, error);
}

static int restore_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct trash_job *j = arg;
	struct rec_trash e;
	int r = refs_trash_get(x, j->id, &e, error);

	if (r)
		return r;
	if (e.kind == REC_TRASH_LINK && j->as.table) {
		error_set(error, -EINVAL, "a snapshot keeps its name");
		return error_hint(error, -EINVAL, "restore it without --as");
	}
	return restore_entry(x, j, j->id, &e, error);
}

/* --as: "name", or of a table also "db.name". */
static int parse_as(struct cli *c, bool may_move, struct trash_job *j)
{
	const char *text = cli_option(c, "as");
	int r = 0;

	if (!text)
		return 0;
	if (may_move && strchr(text, '.') && (text[0] != '"' || strstr(text, "\".")))
		r = cli_parse_target(c, text, CLI_TABLE, &j->as);
	else
		r = cli_parse_name(c, text, &j->as.table);
	if (!r && !j->as.db)
		j->as.ref = cli_check(strdup(j->as.table));
	return r;
}

static int run_restore(struct cli *c, refs_body body, struct trash_job *j)
{
	struct json_object *done auto_json = NULL;
	int r;

	j->c = c;
	r = cli_finish(c, cli_write(c, body, j));
	if (r)
		return r;
	done = cli_done("restored", j->name, j->restored);
	cli_add_text(done, "type", j->type);
	if (!strcmp(j->type, "snapshot"))
		cli_report(c, done, "restored a snapshot of %s", j->name);
	else
		cli_report(c, done, "restored %s %s", j->type, j->name);
	return 0;
}

int cmd_undrop(struct cli *c)
{
	struct trash_job j auto_trash_job = {0};
	bool is_table = !strcmp(c->command->name, "table undrop");
	int r = cli_parse_target(c, c->args[0], is_table ? CLI_TABLE : CLI_REF, &j.target);

	if (!r)
		r = parse_as(c, is_table, &j);
	if (!r)
		r = cli_option_number(c, "id", &j.id);
	return r ? r : run_restore(c, undrop_body, &j);
}

int cmd_trash_restore(struct cli *c)
{
	struct trash_job j auto_trash_job = {0};
	char *end;
	int r;

	errno = 0;
	j.id = strtoull(c->args[0], &end, 10);
	if (c->args[0][0] < '0' || c->args[0][0] > '9' || *end || errno || j.id > ID_MAX)
		return cli_usage(c, "'%s' is no entry's number", c->args[0]);
	/* a dot may stand in a ref's name: what it means, the entry says */
	r = parse_as(c, cli_option(c, "as") && strchr(cli_option(c, "as"), '.'), &j);
	if (!r && j.as.db)
		j.as.ref = cli_check(strdup(cli_option(c, "as")));
	return r ? r : run_restore(c, restore_body, &j);
}

static int empty_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct trash_job *j = arg;

	(void)error;
	return refs_trash_empty(x, j->all, &j->emptied);
}

int cmd_trash_empty(struct cli *c)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct json_object *done auto_json = cli_object();
	struct trash_job j auto_trash_job = {.c = c, .all = cli_option(c, "all")};
	int r = cli_open(c, &s);

	while (!r && !j.emptied.is_done)
		r = refs_write(s, empty_body, &j, &c->error);
	if (r)
		return cli_finish(c, r);
	cli_add_number(done, "emptied", j.emptied.entries);
	cli_add_number(done, "references", j.emptied.references);
	cli_report(c, done, "removed %llu entr%s of the trash for good",
		(unsigned long long)j.emptied.entries, j.emptied.entries == 1 ? "y" : "ies");
	cli_leave(s);
	return 0;
}
