/*
 * Minima and maxima that a footer lacks: because its writer left them out, did not say how they are
 * ordered, or cut them. They are found in the data (reader_ranges()), so that a column has ranges
 * in all blocks of a table or in none. Only columns of their own: no engine answers min() and max()
 * of a tuple's field from its ranges, and what is in a list or map has none.
 */
#include "refs/parquet_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>

#define GROUPS_MAX 2048 /* of a block that Databend can read */
#define FACTS_BEFORE 2	/* in a row of the answer: row group, its rows */
#define FACTS_EACH 3	/* values that are not NULL, minimum, maximum */

static void json_put_p(struct json_object **j)
{
	json_object_put(*j);
}

static int compare_leaf(const void *leaf, const void *column)
{
	uint32_t a = *(const uint32_t *)leaf, b = ((const struct stats_column *)column)->leaf_id;

	return (a > b) - (a < b);
}

static struct stats_column *find(const struct codec_block *b, uint32_t leaf)
{
	return bsearch(&leaf, b->stats.columns, b->stats.n, sizeof *b->stats.columns, compare_leaf);
}

static bool lacks_range(const struct codec_block *b, uint32_t leaf)
{
	const struct stats_column *c = find(b, leaf);

	return !c || !c->has_range;
}

/* Is column @at to be asked for? @ret_leaf: its only one. The order is that of the answer. */
static bool is_lacking(const struct parquet_file *f, const struct parquet_leaf *leaves, size_t at,
	uint32_t *ret_leaf)
{
	const struct schema_field *column = &f->schema.fields[at];
	const struct parquet_leaf *leaf = &leaves[column->column_id];

	if (column->type.n_children || !leaf->has_ranges)
		return false;
	*ret_leaf = column->column_id;
	for (size_t i = 0; i < f->n_groups; i++)
		if (lacks_range(&f->groups[i], *ret_leaf))
			return true;
	return false;
}

/* Where each lacking column is, and whether it is a text. @ret_n: how many there are. */
static int put_columns(struct buf *b, const struct parquet_file *f,
	const struct parquet_leaf *leaves, size_t *ret_n)
{
	uint32_t leaf;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < f->schema.n_fields && !r; i++)
		if (is_lacking(f, leaves, i, &leaf))
			r = buf_printf(b, "%s[%zu,%d]", n++ ? "," : "", i,
				leaves[leaf].kind == SCHEMA_STRING);
	*ret_n = n;
	return r;
}

static int ask(struct parquet_file *f, const struct parquet_leaf *leaves)
{
	struct buf b auto_buf = {0};
	size_t n = 0;
	int r = buf_printf(&b, "{\"fields\":%zu,\"columns\":[", f->schema.n_fields);

	if (!r)
		r = put_columns(&b, f, leaves, &n);
	if (r || !n)
		return r;
	r = buf_printf(&b, "],\"groups\":[");
	for (size_t i = 0; i < f->n_groups && !r; i++)
		r = buf_printf(&b, "%s%" PRIu64, i ? "," : "", f->groups[i].row_count);
	if (!r)
		r = buf_append(&b, "]}", sizeof "]}");
	if (!r)
		f->question = (char *)steal(&b.data);
	return r;
}

static int bound(const struct parquet_leaf *leaf, struct json_object *text, bool is_max,
	struct stats_value *ret)
{
	struct slice s;

	if (!json_object_is_type(text, json_type_string))
		return -EINVAL;
	s = (struct slice){json_object_get_string(text), (size_t)json_object_get_string_len(text)};
	/* This text is none of DuckDB's: a backslash is one. */
	return leaf->kind == SCHEMA_STRING ? stats_string_bound(s, is_max, ret)
					   : parquet_value_parse(leaf, s, is_max, ret);
}

/* Into the row group's statistics, in the order of leaves; there is room for all. */
static struct stats_column *insert(struct codec_block *b, uint32_t leaf)
{
	struct stats_column *columns = b->stats.columns;
	size_t at = b->stats.n++;

	for (; at && columns[at - 1].leaf_id > leaf; at--)
		columns[at] = columns[at - 1];
	columns[at] = (struct stats_column){
		.leaf_id = leaf, .in_memory_size = b->columns[leaf].len, .distinct = -1};
	return &columns[at];
}

static void set_range(struct codec_block *b, uint32_t leaf, uint64_t nulls,
	const struct stats_value *min, const struct stats_value *max)
{
	struct stats_column *c = find(b, leaf);

	if (!c)
		c = insert(b, leaf);
	c->null_count = nulls;
	c->has_range = true;
	c->min = *min;
	c->max = *max;
}

static int bounds(const struct parquet_leaf *leaf, struct json_object *row, size_t at,
	struct stats_value *ret_min, struct stats_value *ret_max)
{
	int r = bound(leaf, json_object_array_get_idx(row, at), false, ret_min);

	if (r)
		return r;
	r = bound(leaf, json_object_array_get_idx(row, at + 1), true, ret_max);
	if (!r && stats_value_compare(ret_min, ret_max) <= 0)
		return 0;
	stats_value_deinit(ret_min);
	if (!r)
		stats_value_deinit(ret_max);
	return r ? r : -EINVAL;
}

/* Three facts from @at of a row; what makes no sense is left out. */
static int take_range(struct codec_block *b, const struct parquet_leaf *leaves, uint32_t leaf,
	struct json_object *row, size_t at)
{
	struct json_object *count = json_object_array_get_idx(row, at);
	int64_t values =
		json_object_is_type(count, json_type_int) ? json_object_get_int64(count) : -1;
	struct stats_value min = {.kind = leaves[leaf].kind, .is_null = true}, max = min;
	int r;

	if (values < 0 || (uint64_t)values > b->row_count)
		return 0;
	r = values ? bounds(&leaves[leaf], row, at + 1, &min, &max) : 0;
	if (!r)
		set_range(b, leaf, b->row_count - (uint64_t)values, &min, &max);
	return r == -EINVAL ? 0 : r;
}

/* -1 where a row group's are not known. */
static int64_t sum_nulls(const struct parquet_file *f, uint32_t leaf)
{
	int64_t sum = 0;

	for (size_t i = 0; i < f->n_groups; i++) {
		const struct stats_column *c = find(&f->groups[i], leaf);

		if (!c || __builtin_add_overflow(sum, c->null_count, &sum))
			return -1;
	}
	return sum;
}

static bool is_row_of(const struct parquet_file *f, struct json_object *row, size_t *ret_group)
{
	int64_t group, rows;

	if (!json_object_is_type(row, json_type_array))
		return false;
	group = json_object_get_int64(json_object_array_get_idx(row, 0));
	rows = json_object_get_int64(json_object_array_get_idx(row, 1));
	*ret_group = (size_t)group;
	return group >= 0 && (size_t)group < f->n_groups && rows >= 0 &&
	       (uint64_t)rows == f->groups[group].row_count;
}

/* One column, in all row groups. @at: of its facts in each row. */
static int take_column(struct parquet_file *f, const struct parquet_leaf *leaves, uint32_t leaf,
	struct json_object *rows, size_t at)
{
	int r = 0;

	for (size_t i = 0; i < json_object_array_length(rows) && !r; i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		size_t group;

		if (is_row_of(f, row, &group) && lacks_range(&f->groups[group], leaf))
			r = take_range(&f->groups[group], leaves, leaf, row, at);
	}
	if (f->nulls[leaf] < 0)
		f->nulls[leaf] = sum_nulls(f, leaf);
	return r;
}

static int take_ranges(
	struct parquet_file *f, const struct parquet_leaf *leaves, struct json_object *rows)
{
	size_t at = FACTS_BEFORE;
	uint32_t leaf;
	int r = 0;

	for (size_t i = 0; i < f->schema.n_fields && !r; i++)
		if (is_lacking(f, leaves, i, &leaf)) {
			r = take_column(f, leaves, leaf, rows, at);
			at += FACTS_EACH;
		}
	return r;
}

/* Beside other blocks that have a range, an engine may miss what this one holds. */
static void check_ranges(struct parquet_file *f, const struct parquet_leaf *leaves)
{
	uint32_t leaf;

	for (size_t i = 0; i < f->schema.n_fields; i++)
		if (is_lacking(f, leaves, i, &leaf))
			parquet_foreign(f, "column %s: its minimum and maximum cannot be told",
				f->schema.fields[i].name);
}

int parquet_ranges_read(
	struct json_object *description, struct parquet_file *f, const struct parquet_leaf *leaves)
{
	struct json_object *rows = NULL;
	int r = 0;

	if (!f->n_groups || f->n_groups > GROUPS_MAX)
		return 0;
	if (!json_object_object_get_ex(description, "ranges", &rows))
		return ask(f, leaves);
	if (json_object_is_type(rows, json_type_array))
		r = take_ranges(f, leaves, rows);
	check_ranges(f, leaves);
	return r;
}

int parquet_look(struct reader *reader, int fd, struct json_object *description, const char *name,
	struct parquet_file *ret, struct bough_error *error)
{
	struct json_object *answer cleanup(json_put_p) = NULL, *rows = NULL;
	int r = parquet_describe(description, name, ret, error);

	if (r || !ret->question)
		return r;
	r = reader ? reader_ranges(reader, fd, ret->question, &answer) : -ENOMEM;
	json_object_object_get_ex(answer, "ranges", &rows);
	if (!r && json_object_object_add(description, "ranges", json_object_get(rows))) {
		json_object_put(rows);
		r = -ENOMEM;
	}
	parquet_file_deinit(ret);
	return r ? r : parquet_describe(description, name, ret, error);
}
