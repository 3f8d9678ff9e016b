/* bough table create, list, show, drop, rename. */
#include "tools/cmd_impl.h"
#include "tools/describe_impl.h"

#include <errno.h>
#include <string.h>

struct table_job {
	struct name_target from, to; /* owned */
	struct cli_place place;
	uint64_t refs; /* dropped with it, without main */
	uint64_t due_us;
};

static void table_job_deinit(struct table_job *j)
{
	name_target_deinit(&j->from);
	name_target_deinit(&j->to);
}
#define auto_table_job cleanup(table_job_deinit)

static int create_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct table_job *j = arg;
	int r = cli_lookup_db(x, j->from.db, &j->place.db, error);

	return r ? r : refs_table_create(x, j->place.db, j->from.table, &j->place.table, error);
}

static int count_child(void *arg, uint64_t id, const char *name)
{
	(void)id;
	(void)name;
	++*(uint64_t *)arg;
	return 0;
}

static int drop_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct table_job *j = arg;
	int r = cli_lookup_table(x, &j->from, &j->place, error);

	j->refs = 0;
	j->due_us = x->now_us + x->store->conf.trash_us;
	if (!r)
		r = refs_dir_list(x, j->place.table, 0, count_child, &j->refs);
	return r ? r : refs_table_drop(x, j->place.table, error);
}

static int rename_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct table_job *j = arg;
	uint64_t db;
	int r = cli_lookup_table(x, &j->from, &j->place, error);

	if (!r)
		r = cli_lookup_db(x, j->to.db, &db, error);
	return r ? r : refs_table_rename(x, j->place.table, db, j->to.table, error);
}

static int run(struct cli *c, refs_body body, struct table_job *j)
{
	int r = cli_parse_target(c, c->args[0], CLI_TABLE, &j->from);

	return cli_finish(c, r ? r : cli_write(c, body, j));
}

int cmd_table_create(struct cli *c)
{
	struct table_job j auto_table_job = {0};
	struct json_object *done auto_json = NULL;
	char *name cleanup(free_p) = NULL;
	int r = run(c, create_body, &j);

	if (r)
		return r;
	name = cli_name(j.from.db, j.from.table, NULL);
	done = cli_done("created", name, j.place.table);
	cli_report(c, done, "created table %s; its first file decides its schema", name);
	return 0;
}

int cmd_table_drop(struct cli *c)
{
	struct table_job j auto_table_job = {0};
	struct json_object *done auto_json = NULL;
	char *name cleanup(free_p) = NULL, *word cleanup(free_p) = NULL;
	char *again cleanup(free_p) = NULL;
	char when[40];
	int r = run(c, drop_body, &j);

	if (r)
		return r;
	name = cli_name(j.from.db, j.from.table, NULL);
	word = cli_check(cli_shell(name));
	if (asprintf(&again, "bough table undrop %s", word) < 0)
		cli_check(NULL);
	done = cli_done("dropped", name, j.place.table);
	cli_add_number(done, "refs", j.refs);
	cli_add_text(done, "restore", again);
	cli_add_time(done, "due", j.due_us);
	cli_format_time(j.due_us, false, when);
	cli_report(c, done,
		"dropped table %s (refs besides main: %llu); until %s this brings it back:", name,
		(unsigned long long)j.refs, when);
	if (!c->json)
		printf("  %s\n", again);
	return 0;
}

/* The new name: "table" of the same database, or "db.table". */
static int parse_new_name(struct cli *c, struct table_job *j)
{
	const char *text = c->args[1];

	if (text[0] != '"' && strchr(text, '.'))
		return cli_parse_target(c, text, CLI_TABLE, &j->to);
	if (text[0] == '"' && strstr(text, "\"."))
		return cli_parse_target(c, text, CLI_TABLE, &j->to);
	j->to.db = cli_check(strdup(j->from.db));
	return cli_parse_name(c, text, &j->to.table);
}

int cmd_table_rename(struct cli *c)
{
	struct table_job j auto_table_job = {0};
	struct json_object *done auto_json = NULL;
	char *from cleanup(free_p) = NULL, *to cleanup(free_p) = NULL;
	int r = cli_parse_target(c, c->args[0], CLI_TABLE, &j.from);

	if (!r)
		r = parse_new_name(c, &j);
	if (!r)
		r = cli_write(c, rename_body, &j);
	if (r)
		return cli_finish(c, r);
	from = cli_name(j.from.db, j.from.table, NULL);
	to = cli_name(j.to.db, j.to.table, NULL);
	done = cli_done("renamed", to, j.place.table);
	cli_add_text(done, "from", from);
	cli_report(c, done, "renamed table %s to %s", from, to);
	return 0;
}

static uint64_t count_kind(struct json_object *rows, const char *kind)
{
	struct json_object *type = NULL;
	uint64_t n = 0;

	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		json_object_object_get_ex(json_object_array_get_idx(rows, i), "type", &type);
		n += !strcmp(json_object_get_string(type), kind);
	}
	return n;
}

/* One table; @refs: its refs, main too. */
static int table_json(
	struct refs_txn *x, uint64_t id, struct json_object *refs, struct json_object **ret)
{
	struct json_object *o auto_json = cli_object();
	char *name cleanup(free_p) = NULL;
	struct rec_table rec;
	struct rec_ref main_ref;
	struct rec_db db;
	int r = rec_table_get(x->kv, id, &rec);

	if (!r)
		r = rec_db_get(x->kv, rec.db, &db);
	if (!r)
		r = rec_ref_get(x->kv, rec.main_ref, &main_ref);
	if (!r)
		r = describe_refs(x, id, ~0u, refs);
	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	name = cli_name(db.name, rec.name, NULL);
	cli_add_text(o, "name", name);
	cli_add_text(o, "database", db.name);
	cli_add_text(o, "table", rec.name);
	cli_add_number(o, "id", id);
	r = describe_counts(x, main_ref.head, o);
	if (r)
		return r;
	cli_add_number(o, "branches", count_kind(refs, "branch"));
	cli_add_number(o, "tags", count_kind(refs, "tag"));
	cli_add_time(o, "created", rec.created_us);
	cli_add_time(o, "changed", rec.last_timestamp_us);
	*ret = steal(&o);
	return 0;
}

struct table_list {
	struct refs_txn *x;
	struct json_object *rows;
};

static int list_one(void *arg, uint64_t id, const char *name)
{
	struct table_list *l = arg;
	struct json_object *refs auto_json = cli_array(), *row;
	int r = table_json(l->x, id, refs, &row);

	(void)name;
	if (!r)
		cli_append(l->rows, row);
	return r;
}

static const struct cli_column columns[] = {
	{"name", "NAME", CLI_TEXT},
	{"rows", "ROWS", CLI_NUMBER},
	{"bytes", "BYTES", CLI_BYTES},
	{"blocks", "BLOCKS", CLI_NUMBER},
	{"branches", "BRANCHES", CLI_NUMBER},
	{"tags", "TAGS", CLI_NUMBER},
	{"created", "CREATED", CLI_TIME},
	{"changed", "CHANGED", CLI_TIME},
};

int cmd_table_list(struct cli *c)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct json_object *rows auto_json = cli_array();
	struct table_list list = {.rows = rows};
	char *name cleanup(free_p) = NULL;
	uint64_t db = 0;
	int r = c->n_args ? cli_parse_name(c, c->args[0], &name) : 0;

	if (!r)
		r = cli_begin(c, &s, &x);
	if (!r && name)
		r = cli_lookup_db(x, name, &db, &c->error);
	list.x = x;
	if (!r)
		r = describe_tables(x, db, list_one, &list);
	if (r)
		return cli_finish(c, r);
	cli_print_list(c, rows, columns, ARRAY_SIZE(columns));
	return 0;
}

static int show_json(struct refs_txn *x, const struct cli_place *at, struct json_object **ret)
{
	struct json_object *refs = cli_array(), *schema;
	struct rec_table rec;
	struct rec_ref main_ref;
	int r = table_json(x, at->table, refs, ret);

	if (r) {
		json_object_put(refs);
		return r;
	}
	cli_add(*ret, "refs", refs);
	r = rec_table_get(x->kv, at->table, &rec);
	if (!r)
		r = rec_ref_get(x->kv, rec.main_ref, &main_ref);
	if (!r)
		r = describe_schema(x, main_ref.schema, &schema);
	if (!r)
		cli_add(*ret, "schema", schema);
	return r;
}

int cmd_table_show(struct cli *c)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct json_object *out auto_json = NULL, *refs;
	struct table_job j auto_table_job = {0};
	int r = cli_parse_target(c, c->args[0], CLI_TABLE, &j.from);

	if (!r)
		r = cli_begin(c, &s, &x);
	if (!r)
		r = cli_lookup_table(x, &j.from, &j.place, &c->error);
	if (!r)
		r = show_json(x, &j.place, &out);
	if (r)
		return cli_finish(c, r);
	cli_print_record(c, out, columns, ARRAY_SIZE(columns));
	if (c->json)
		return 0;
	describe_print_schema(c, out);
	json_object_object_get_ex(out, "refs", &refs);
	putchar('\n');
	describe_print_refs(c, refs);
	return 0;
}
