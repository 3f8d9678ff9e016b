/* bough db create, list, show, drop, rename. */
#include "tools/cmd_impl.h"

#include <errno.h>
#include <string.h>

struct db_job {
	char *name, *to; /* owned */
	uint64_t id;
};

static void db_job_deinit(struct db_job *j)
{
	free(j->name);
	free(j->to);
}
#define auto_db_job cleanup(db_job_deinit)

static const struct cli_column columns[] = {
	{"name", "NAME", CLI_TEXT},
	{"id", NULL, CLI_NUMBER},
	{"tables", "TABLES", CLI_NUMBER},
	{"created", "CREATED", CLI_TIME},
	{"changed", "CHANGED", CLI_TIME},
};

static int count_child(void *arg, uint64_t id, const char *name)
{
	(void)id;
	(void)name;
	++*(uint64_t *)arg;
	return 0;
}

static int db_json(struct refs_txn *x, uint64_t id, struct json_object **ret)
{
	char *name cleanup(free_p) = NULL;
	uint64_t tables = 0;
	struct rec_db rec;
	int r = rec_db_get(x->kv, id, &rec);

	if (!r)
		r = refs_dir_list(x, id, 0, count_child, &tables);
	if (r)
		return r == -ENOENT ? -EUCLEAN : r; /* an entry points to it */
	name = cli_name(rec.name, NULL, NULL);
	*ret = cli_object();
	cli_add_text(*ret, "name", name);
	cli_add_number(*ret, "id", id);
	cli_add_number(*ret, "tables", tables);
	cli_add_time(*ret, "created", rec.created_us);
	cli_add_time(*ret, "changed", rec.changed_us);
	return 0;
}

static int create_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct db_job *j = arg;

	return refs_db_create(x, j->name, &j->id, error);
}

static int drop_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct db_job *j = arg;
	int r = cli_lookup_db(x, j->name, &j->id, error);

	if (!r)
		r = refs_db_drop(x, j->id, error);
	if (r == -ENOTEMPTY)
		error_hint(error, r, "'bough table list' shows its tables");
	return r;
}

static int rename_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct db_job *j = arg;
	int r = cli_lookup_db(x, j->name, &j->id, error);

	return r ? r : refs_db_rename(x, j->id, j->to, error);
}

static int run(struct cli *c, refs_body body, struct db_job *j)
{
	int r = cli_parse_name(c, c->args[0], &j->name);

	if (!r && c->n_args > 1)
		r = cli_parse_name(c, c->args[1], &j->to);
	if (!r)
		r = cli_write(c, body, j);
	return cli_finish(c, r);
}

int cmd_db_create(struct cli *c)
{
	struct db_job j auto_db_job = {0};
	struct json_object *done auto_json = NULL;
	char *name cleanup(free_p) = NULL;
	int r = run(c, create_body, &j);

	if (r)
		return r;
	name = cli_name(j.name, NULL, NULL);
	done = cli_done("created", name, j.id);
	cli_report(c, done, "created database %s", name);
	return 0;
}

int cmd_db_drop(struct cli *c)
{
	struct db_job j auto_db_job = {0};
	struct json_object *done auto_json = NULL;
	char *name cleanup(free_p) = NULL;
	int r = run(c, drop_body, &j);

	if (r)
		return r;
	name = cli_name(j.name, NULL, NULL);
	done = cli_done("dropped", name, j.id);
	cli_report(c, done, "dropped database %s; it was empty: 'bough db create' makes it again",
		name);
	return 0;
}

int cmd_db_rename(struct cli *c)
{
	struct db_job j auto_db_job = {0};
	struct json_object *done auto_json = NULL;
	char *from cleanup(free_p) = NULL, *to cleanup(free_p) = NULL;
	int r = run(c, rename_body, &j);

	if (r)
		return r;
	from = cli_name(j.name, NULL, NULL);
	to = cli_name(j.to, NULL, NULL);
	done = cli_done("renamed", to, j.id);
	cli_add_text(done, "from", from);
	cli_report(c, done, "renamed database %s to %s", from, to);
	return 0;
}

struct db_list {
	struct refs_txn *x;
	struct json_object *rows;
};

static int list_one(void *arg, uint64_t id, const char *name)
{
	struct db_list *l = arg;
	struct json_object *row;
	int r = db_json(l->x, id, &row);

	(void)name;
	if (!r)
		cli_append(l->rows, row);
	return r;
}

int cmd_db_list(struct cli *c)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct json_object *rows auto_json = cli_array();
	struct db_list list = {.rows = rows};
	int r = cli_begin(c, &s, &x);

	list.x = x;
	if (!r)
		r = refs_dir_list(x, REC_DIR_ROOT, 0, list_one, &list);
	if (r)
		return cli_finish(c, r);
	cli_print_list(c, rows, columns, ARRAY_SIZE(columns));
	return 0;
}

int cmd_db_show(struct cli *c)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct json_object *out auto_json = NULL;
	char *name cleanup(free_p) = NULL;
	uint64_t id;
	int r = cli_parse_name(c, c->args[0], &name);

	if (!r)
		r = cli_begin(c, &s, &x);
	if (!r)
		r = cli_lookup_db(x, name, &id, &c->error);
	if (!r)
		r = db_json(x, id, &out);
	if (r)
		return cli_finish(c, r);
	cli_print_record(c, out, columns, ARRAY_SIZE(columns));
	return 0;
}
