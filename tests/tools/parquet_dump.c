/*
 * What refs/parquet.h makes of files, one JSON line each, for comparison by other programs.
 * usage: parquet_dump [--quiet] FILE ...
 */
#include "refs/parquet.h"
#include "refs/reader.h"

#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static void add(struct json_object *to, const char *key, struct json_object *value)
{
	json_object_object_add(to, key, value);
}

static struct json_object *text_of(const struct stats_value *v)
{
	char text[130];

	if (v->is_null)
		return NULL;
	switch (v->kind) {
	case SCHEMA_STRING:
		return json_object_new_string_len((char *)v->bytes.data, (int)v->bytes.len);
	case SCHEMA_DECIMAL128:
	case SCHEMA_DECIMAL256:
		for (int i = 0; i < 32; i++)
			sprintf(text + 2 * i, "%02x", v->decimal[i]);
		break;
	case SCHEMA_FLOAT32:
	case SCHEMA_FLOAT64:
		snprintf(text, sizeof text, "%.17g", v->f);
		break;
	case SCHEMA_UINT8:
	case SCHEMA_UINT16:
	case SCHEMA_UINT32:
	case SCHEMA_UINT64:
		snprintf(text, sizeof text, "%" PRIu64, v->u);
		break;
	default:
		snprintf(text, sizeof text, "%" PRId64, v->i);
	}
	return json_object_new_string(text);
}

static struct json_object *stats_of(const struct stats_column *c)
{
	struct json_object *j = json_object_new_object();

	add(j, "leaf", json_object_new_int64(c->leaf_id));
	add(j, "nulls", json_object_new_int64((int64_t)c->null_count));
	add(j, "size", json_object_new_int64((int64_t)c->in_memory_size));
	if (c->has_range) {
		add(j, "min", text_of(&c->min));
		add(j, "max", text_of(&c->max));
	}
	return j;
}

static struct json_object *group_of(const struct codec_block *b)
{
	struct json_object *j = json_object_new_object(), *columns = json_object_new_array();
	struct json_object *stats = json_object_new_array();

	add(j, "rows", json_object_new_int64((int64_t)b->row_count));
	add(j, "raw", json_object_new_int64((int64_t)b->block_size));
	add(j, "compression", json_object_new_string(b->compression));
	for (size_t i = 0; i < b->n_columns; i++) {
		const struct codec_column *c = &b->columns[i];
		struct json_object *column = json_object_new_array();

		json_object_array_add(column, json_object_new_int64(c->leaf_id));
		json_object_array_add(column, json_object_new_int64((int64_t)c->offset));
		json_object_array_add(column, json_object_new_int64((int64_t)c->len));
		json_object_array_add(column, json_object_new_int64((int64_t)c->num_values));
		json_object_array_add(columns, column);
	}
	for (size_t i = 0; i < b->stats.n; i++)
		json_object_array_add(stats, stats_of(&b->stats.columns[i]));
	add(j, "columns", columns);
	add(j, "stats", stats);
	return j;
}

static struct json_object *file_of(const struct parquet_file *f)
{
	struct json_object *j = json_object_new_object(), *columns = json_object_new_array();
	struct json_object *groups = json_object_new_array();

	for (size_t i = 0; i < f->schema.n_fields; i++) {
		struct json_object *column = json_object_new_array();
		struct buf type auto_buf = {0};

		schema_type_text(&f->schema.fields[i].type, &type);
		json_object_array_add(column, json_object_new_string(f->schema.fields[i].name));
		json_object_array_add(
			column, json_object_new_string_len((char *)type.data, (int)type.len));
		json_object_array_add(columns, column);
	}
	for (size_t i = 0; i < f->n_groups; i++)
		json_object_array_add(groups, group_of(&f->groups[i]));
	add(j, "rows", json_object_new_int64((int64_t)f->rows));
	add(j, "size", json_object_new_int64((int64_t)f->size_bytes));
	add(j, "foreign", f->is_foreign ? json_object_new_string(f->foreign_reason) : NULL);
	add(j, "columns", columns);
	add(j, "groups", groups);
	return j;
}

static struct json_object *dump(struct reader *r, const char *path)
{
	struct json_object *description = NULL, *j;
	struct parquet_file f = {0};
	struct bough_error error = {0};
	int fd cleanup(close_p) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int n = reader_inspect(r, fd, path, &description, &error);

	if (!n)
		n = parquet_look(r, fd, description, path, &f, &error);
	json_object_put(description);
	j = n ? json_object_new_object() : file_of(&f);
	if (n)
		add(j, "error", json_object_new_string(error.message));
	parquet_file_deinit(&f);
	return j;
}

int main(int argc, char **argv)
{
	bool is_quiet = argc > 1 && !strcmp(argv[1], "--quiet");
	struct reader *r cleanup(reader_close_p) = NULL;

	if (reader_open(0, &r))
		return 1;
	for (int i = 1 + is_quiet; i < argc; i++) {
		struct json_object *j = dump(r, argv[i]);

		if (!is_quiet)
			puts(json_object_to_json_string_ext(j, JSON_C_TO_STRING_PLAIN));
		json_object_put(j);
	}
	return 0;
}
