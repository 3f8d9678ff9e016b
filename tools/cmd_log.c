/* bough log: the commits of a ref. */
#include "tools/cmd_impl.h"
#include "tools/describe_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct log_job {
	struct refs_txn *x;
	uint64_t limit, head;	   /* snapshot that the ref has now */
	struct json_object *rows;  /* newest first */
	struct json_object *heads; /* {"<snapshot id>": [ref names]} of the table */
	uint64_t *ids;		   /* --all: of the directory; owned */
	size_t n, capacity;
};

static void id_text(uint64_t id, char ret[static 24])
{
	snprintf(ret, 24, "%" PRIu64, id);
}

static int note_head(void *arg, uint64_t id, const char *name)
{
	struct log_job *j = arg;
	struct json_object *names = NULL;
	struct rec_ref rec;
	char key[24];
	int r = rec_ref_get(j->x->kv, id, &rec);

	if (r || !rec.head)
		return r;
	id_text(rec.head, key);
	if (!json_object_object_get_ex(j->heads, key, &names)) {
		names = cli_array();
		cli_add(j->heads, key, names);
	}
	cli_append(names, cli_check(json_object_new_string(name)));
	return 0;
}

/* Rows more (or, negative, fewer) than the parent had; null where it is gone. */
static int add_difference(struct refs_txn *x, const struct rec_snapshot *s, struct json_object *row)
{
	struct rec_snapshot parent = {0};
	int r = s->parent ? rec_snapshot_get(x->kv, s->parent, &parent) : 0;

	if (r && r != -ENOENT)
		return r;
	cli_add(row, "rows_added",
		r ? NULL
		  : cli_check(json_object_new_int64((int64_t)s->rows - (int64_t)parent.rows)));
	return 0;
}

/* "-" where nothing points: the names of refs whose head this is, with commas. */
static void add_refs(struct log_job *j, uint64_t id, struct json_object *row)
{
	struct json_object *names = NULL;
	struct buf text auto_buf = {0};
	char key[24];
	size_t n;
	int r = 0;

	id_text(id, key);
	json_object_object_get_ex(j->heads, key, &names);
	n = names ? json_object_array_length(names) : 0;
	cli_add(row, "refs", names ? json_object_get(names) : cli_array());
	for (size_t i = 0; !r && i < n; i++)
		r = buf_printf(&text, "%s%s", i ? ", " : "",
			json_object_get_string(json_object_array_get_idx(names, i)));
	if (r || buf_append(&text, "", 1))
		cli_check(NULL);
	cli_add_text(row, "refs_text", (const char *)text.data);
}

static int log_one(void *arg, uint64_t id, const struct rec_snapshot *s)
{
	struct log_job *j = arg;
	struct json_object *row;
	char name[ID_NAME_BYTES_MAX];
	int r;

	if (json_object_array_length(j->rows) == j->limit)
		return 1;
	row = cli_object();
	cli_append(j->rows, row);
	refs_snapshot_name(j->x->store, id, s, name);
	name[33] = 0;
	cli_add_text(row, "snapshot", name + 1);
	cli_add_time(row, "time", s->timestamp_us);
	cli_add_text(row, "operation", describe_operation(s->operation));
	r = describe_counts(j->x, id, row);
	if (!r)
		r = add_difference(j->x, s, row);
	if (r)
		return r;
	cli_add_text(row, "author", s->author);
	cli_add_text(row, "message", s->message);
	cli_add_flag(row, "head", id == j->head);
	add_refs(j, id, row);
	return 0;
}

static int take_link(void *arg, uint64_t snapshot)
{
	struct log_job *j = arg;

	if (!array_grow(j->ids, j->n, j->capacity))
		cli_check(NULL);
	j->ids[j->n++] = snapshot;
	return 0;
}

/* Every snapshot of the directory, newest first: ids rise with commits. */
static int log_all(struct log_job *j, uint64_t ref)
{
	struct rec_snapshot s;
	int r = refs_link_list(j->x, ref, 0, take_link, j);

	for (size_t i = j->n; !r && i > 0; i--) {
		r = rec_snapshot_get(j->x->kv, j->ids[i - 1], &s);
		if (!r)
			r = log_one(j, j->ids[i - 1], &s);
	}
	return r;
}

static int collect(struct cli *c, struct log_job *j, const struct name_target *target)
{
	struct cli_place place;
	struct rec_table table;
	struct rec_ref rec;
	uint64_t from;
	int r = cli_lookup(j->x, target, &place, &c->error);

	if (!r)
		r = refs_ref_open(j->x, place.ref, &rec, &c->error);
	if (!r)
		r = rec_table_get(j->x->kv, place.table, &table);
	if (!r)
		r = note_head(j, table.main_ref, REFS_MAIN);
	if (!r)
		r = refs_dir_list(j->x, place.table, 0, note_head, j);
	if (r)
		return r;
	j->head = from = rec.head;
	if (target->moment)
		r = refs_moment(j->x, place.ref, target->moment, &from, &c->error);
	if (!r && cli_option(c, "all"))
		r = log_all(j, place.ref);
	else if (!r && from)
		r = refs_log(j->x, from, log_one, j);
	return r < 0 ? r : 0;
}

/* "refs_text" serves the table only. */
static void print(const struct cli *c, struct json_object *rows)
{
	static const struct cli_column columns[] = {
		{"snapshot", "SNAPSHOT", CLI_ID},
		{"time", "TIME", CLI_TIME_EXACT},
		{"operation", "OPERATION", CLI_TEXT},
		{"rows_added", "ROWS +", CLI_NUMBER},
		{"rows", "ROWS", CLI_NUMBER},
		{"blocks", "BLOCKS", CLI_NUMBER},
		{"author", "AUTHOR", CLI_TEXT},
		{"refs_text", "HEAD OF", CLI_TEXT},
		{"message", "MESSAGE", CLI_TEXT},
	};

	for (size_t i = 0; c->json && i < json_object_array_length(rows); i++)
		json_object_object_del(json_object_array_get_idx(rows, i), "refs_text");
	cli_print_list(c, rows, columns, ARRAY_SIZE(columns));
}

int cmd_log(struct cli *c)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct json_object *rows auto_json = cli_array(), *heads auto_json = cli_object();
	struct log_job j = {.limit = UINT64_MAX, .rows = rows, .heads = heads};
	struct name_target target cleanup(name_target_deinit) = {0};
	int r = cli_option_number(c, "number", &j.limit);

	if (!r)
		r = cli_parse_target(c, c->args[0], CLI_REF_AND_MOMENT, &target);
	if (!r && target.moment && cli_option(c, "all"))
		r = cli_usage(c, "--all takes no moment: it shows the whole directory");
	if (!r)
		r = cli_begin(c, &s, &x);
	j.x = x;
	if (!r)
		r = collect(c, &j, &target);
	free(j.ids);
	if (r)
		return cli_finish(c, r);
	print(c, rows);
	return 0;
}
