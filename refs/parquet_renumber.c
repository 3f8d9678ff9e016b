/* A file's leaves as those of the table that it becomes a block of. */
#include "refs/parquet_impl.h"

#include <errno.h>

/* Databend decodes the pages by the table's types: they must be the file's own. */
static void check_types(struct parquet_file *f, const struct schema_leaf *const *wanted)
{
	for (size_t i = 0, leaf = 0; i < f->schema.n_fields; i++) {
		const struct schema_field *own = &f->schema.fields[i];
		const struct schema_type *type = &wanted[leaf]->field->type;
		struct buf is auto_buf = {0}, should auto_buf = {0};

		leaf += schema_type_leaves(&own->type);
		if (schema_type_equal(&own->type, type))
			continue;
		if (schema_type_text(&own->type, &is) || schema_type_text(type, &should))
			parquet_foreign(f, "column %s: not the table's type", own->name);
		else
			parquet_foreign(f, "column %s: %.*s in the file, %.*s in the table",
				own->name, (int)is.len, (const char *)is.data, (int)should.len,
				(const char *)should.data);
	}
}

static bool has_ranges(const struct schema *table, const struct schema_leaf *leaf)
{
	return parquet_has_ranges(leaf->type->kind, parquet_exact_type(table, leaf->column_id));
}

static void widen(
	struct stats_column *c, const struct schema *table, const struct schema_leaf *leaf)
{
	const struct schema_type *to = leaf->type;
	struct stats_value min = {0}, max = {0};
	bool has_range = c->has_range && has_ranges(table, leaf) &&
			 !parquet_value_widen(&c->min, to, &min) &&
			 !parquet_value_widen(&c->max, to, &max);

	stats_value_deinit(&c->min);
	stats_value_deinit(&c->max);
	if (!has_range)
		stats_value_deinit(&min);
	c->has_range = has_range;
	c->min = min;
	c->max = max;
}

static int compare_columns(const void *a, const void *b)
{
	uint32_t x = ((const struct codec_column *)a)->leaf_id;
	uint32_t y = ((const struct codec_column *)b)->leaf_id;

	return (x > y) - (x < y);
}

static int compare_stats(const void *a, const void *b)
{
	uint32_t x = ((const struct stats_column *)a)->leaf_id;
	uint32_t y = ((const struct stats_column *)b)->leaf_id;

	return (x > y) - (x < y);
}

static int compare_leaves(const void *a, const void *b)
{
	uint32_t x = ((const struct schema_leaf *)a)->column_id;
	uint32_t y = ((const struct schema_leaf *)b)->column_id;

	return (x > y) - (x < y);
}

/* A column that the file does not have, and that has ranges: it reads as NULL throughout. */
static bool is_all_null(const struct schema *table, const struct schema_leaf *leaf)
{
	return has_ranges(table, leaf) && leaf->type == &leaf->field->type &&
	       !leaf->field->default_expr.len;
}

/*
 * Without statistics of its own it would have none in the whole segment, and an engine that merges
 * those of several segments would miss this one's (Databend 1.2.895 does).
 */
static int add_missing(struct codec_block *b, const struct schema *table,
	const struct schema_leaf *leaves, size_t n_table, const struct schema_leaf *const *wanted,
	size_t n)
{
	struct stats_column *grown =
		reallocarray(b->stats.columns, b->stats.n + n_table + 1, sizeof *grown);

	if (!grown)
		return -ENOMEM;
	b->stats.columns = grown;
	for (size_t i = 0; i < n_table; i++) {
		struct stats_value none = {.kind = leaves[i].type->kind, .is_null = true};
		size_t k = 0;

		while (k < n && wanted[k] != &leaves[i])
			k++;
		if (k == n && is_all_null(table, &leaves[i]))
			b->stats.columns[b->stats.n++] =
				(struct stats_column){.leaf_id = leaves[i].column_id,
					.has_range = true,
					.min = none,
					.max = none,
					.null_count = b->row_count};
	}
	qsort(b->stats.columns, b->stats.n, sizeof *b->stats.columns, compare_stats);
	return 0;
}

static void renumber_group(
	struct codec_block *b, const struct schema *table, const struct schema_leaf *const *wanted)
{
	for (size_t i = 0; i < b->n_columns; i++)
		b->columns[i].leaf_id = wanted[b->columns[i].leaf_id]->column_id;
	for (size_t i = 0; i < b->stats.n; i++) {
		struct stats_column *c = &b->stats.columns[i];
		const struct schema_leaf *leaf = wanted[c->leaf_id];

		widen(c, table, leaf);
		c->leaf_id = leaf->column_id;
	}
	qsort(b->columns, b->n_columns, sizeof *b->columns, compare_columns);
}

int parquet_renumber(
	struct parquet_file *f, const struct schema *table, const uint32_t *leaf_ids, size_t n)
{
	struct schema_leaf *leaves cleanup(free_p) = NULL;
	const struct schema_leaf **wanted cleanup(free_p) = calloc(n + 1, sizeof *wanted);
	size_t n_table, n_file = 0;
	int r = schema_leaves(table, &leaves, &n_table);

	if (r || !wanted)
		return r ? r : -ENOMEM;
	for (size_t i = 0; i < f->schema.n_fields; i++)
		n_file += schema_type_leaves(&f->schema.fields[i].type);
	if (n != n_file)
		return -EINVAL;
	qsort(leaves, n_table, sizeof *leaves, compare_leaves);
	for (size_t i = 0; i < n; i++) {
		struct schema_leaf key = {.column_id = leaf_ids[i]};

		wanted[i] = bsearch(&key, leaves, n_table, sizeof key, compare_leaves);
		if (!wanted[i])
			return -EINVAL;
	}
	check_types(f, wanted);
	for (size_t i = 0; i < f->n_groups && !r; i++) {
		renumber_group(&f->groups[i], table, wanted);
		r = add_missing(&f->groups[i], table, leaves, n_table, wanted, n);
	}
	return r;
}
