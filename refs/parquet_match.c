/*
 * Parquet types without an exact counterpart in a schema: times are integers there, UUIDs binary.
 * Two columns whose schema types fit may still mean different things.
 */
#include "refs/parquet_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct slice parquet_exact_type(const struct schema *s, uint32_t leaf)
{
	char key[sizeof PARQUET_TYPE_KEY + 10];
	struct slice type;

	snprintf(key, sizeof key, PARQUET_TYPE_KEY "%u", leaf);
	return schema_metadata_get(s, key, &type) ? slice_str("") : type;
}

static bool is(struct slice type, const char *name)
{
	return slice_equal(type, slice_str(name));
}

static bool is_text(struct slice type)
{
	return !type.len || is(type, "ENUM") || is(type, "JSON");
}

/* May values of @file stand in a column of @table, losslessly? Their schema types fit. */
static bool fits(struct slice file, struct slice table)
{
	if (slice_equal(file, table) || (is_text(file) && is_text(table)))
		return true;
	return !table.len && (is(file, "TIMESTAMP_MILLIS") || is(file, "FLOAT16"));
}

static int refuse(const struct schema_field *f, struct slice file, struct slice table,
	struct bough_error *error)
{
	struct buf plain auto_buf = {0};
	int r = schema_type_text(&f->type, &plain);

	if (r)
		return r;
	if (!file.len)
		file = buf_slice(&plain);
	if (!table.len)
		table = buf_slice(&plain);
	return error_set(error, -EINVAL, "column '%s' is %.*s, and the table wants %.*s", f->name,
		(int)file.len, (const char *)file.data, (int)table.len, (const char *)table.data);
}

int parquet_match(const struct schema *table, const struct schema *file, const uint32_t *leaf_ids,
	size_t n, struct bough_error *error)
{
	struct schema_leaf *leaves cleanup(free_p) = NULL;
	size_t n_leaves;
	int r = schema_leaves(file, &leaves, &n_leaves);

	for (size_t i = 0; i < n && i < n_leaves && !r; i++) {
		struct slice is_type = parquet_exact_type(file, leaves[i].column_id);
		struct slice wanted = parquet_exact_type(table, leaf_ids[i]);

		if (!fits(is_type, wanted))
			r = refuse(leaves[i].field, is_type, wanted, error);
	}
	return r;
}

/* As schema_match() finds it; most files have their columns in the table's order. */
static struct schema_field *find_field(const struct schema *s, const char *name, size_t guess)
{
	if (guess < s->n_fields && !strcmp(s->fields[guess].name, name))
		return &s->fields[guess];
	for (size_t i = 0; i < s->n_fields; i++)
		if (!strcmp(s->fields[i].name, name))
			return &s->fields[i];
	for (size_t i = 0; i < s->n_fields; i++)
		if (!strcasecmp(s->fields[i].name, name))
			return &s->fields[i];
	return NULL;
}

static int drop_nullable(
	struct parquet_file *f, struct schema_field *own, struct bough_error *error)
{
	int64_t nulls = f->nulls[own->column_id];

	if (nulls > 0)
		return error_set(error, -EINVAL,
			"column '%s' has %" PRId64 " NULL%s, and the table wants NOT NULL",
			own->name, nulls, nulls == 1 ? "" : "s");
	if (nulls < 0)
		return error_set(error, -EINVAL,
			"column '%s' may have NULLs (its statistics do not say), and the table "
			"wants"
			" NOT NULL",
			own->name);
	parquet_foreign(f, "column %s: nullable in the file, not in the table", own->name);
	own->type.nullable = false;
	return 0;
}

int parquet_drop_nullable(
	const struct schema *table, struct parquet_file *f, struct bough_error *error)
{
	int r = 0;

	for (size_t i = 0; i < table->n_fields && !r; i++) {
		const struct schema_field *wanted = &table->fields[i];
		struct schema_field *own;

		if (wanted->type.nullable)
			continue;
		own = find_field(&f->schema, wanted->name, i);
		if (own && own->type.nullable && !own->type.n_children)
			r = drop_nullable(f, own, error);
	}
	return r;
}
