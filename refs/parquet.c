#include "refs/parquet_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define GROUPS_MAX_DATABEND 2048 /* block metas of one segment */
#define FOOTER_BYTES_MIN 12	 /* and everything that is not column chunks */

/* Positions in one of the reader's "chunks" (tools/reader/README.md). */
enum fact {
	FACT_GROUP,
	FACT_ROWS,
	FACT_LEAF,
	FACT_OFFSET,
	FACT_LEN,
	FACT_RAW_LEN,
	FACT_VALUES,
	FACT_CODEC,
	FACT_ENCODINGS,
	FACT_NULLS,
	FACT_DISTINCT,
	FACT_MIN,
	FACT_MAX,
	FACT_MIN_EXACT,
	FACT_MAX_EXACT,
	FACTS
};

/* What is known while the row groups are read. */
struct describe {
	struct json_object *chunks;
	const char *name;
	struct parquet_file *file;
	const struct parquet_leaf *leaves;
	size_t n_leaves;
	bool is_ordered; /* the footer says that its bounds follow the types' order */
	struct bough_error *error;
};

const char *parquet_json_text(struct json_object *object, const char *key)
{
	struct json_object *v = NULL;
	const char *text;

	if (!json_object_object_get_ex(object, key, &v) ||
		!json_object_is_type(v, json_type_string))
		return NULL;
	text = json_object_get_string(v);
	return strlen(text) == (size_t)json_object_get_string_len(v) ? text : NULL;
}

int64_t parquet_json_int(struct json_object *object, const char *key, int64_t missing)
{
	struct json_object *v = NULL;

	if (!json_object_object_get_ex(object, key, &v) || !json_object_is_type(v, json_type_int))
		return missing;
	return json_object_get_int64(v);
}

void parquet_foreign(struct parquet_file *f, const char *format, ...)
{
	va_list args;

	if (f->is_foreign)
		return;
	f->is_foreign = true;
	va_start(args, format);
	vsnprintf(f->foreign_reason, sizeof f->foreign_reason, format, args);
	va_end(args);
}

void parquet_file_deinit(struct parquet_file *f)
{
	schema_deinit(&f->schema);
	for (size_t i = 0; i < f->n_groups; i++)
		codec_block_deinit(&f->groups[i]);
	free(f->groups);
	free(f->nulls);
	free(f->question);
	*f = (struct parquet_file){0};
}

/* NULL: not there, also where @array is none (json-c would abort). */
static struct json_object *element(struct json_object *array, size_t at)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_get_idx(array, at)
							   : NULL;
}

/* -1: not known, or nothing a count could be. */
static int64_t fact_count(struct json_object *chunk, enum fact fact)
{
	struct json_object *v = element(chunk, fact);
	int64_t n = json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : -1;

	return n < 0 ? -1 : n;
}

static const char *fact_text(struct json_object *chunk, enum fact fact)
{
	struct json_object *v = element(chunk, fact);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

/* A bound that is not exact bounds a text all the same; a number's is taken for the maximum. */
static int parse_bound(struct json_object *chunk, const struct parquet_leaf *leaf, bool is_max,
	struct stats_value *ret)
{
	struct json_object *text = element(chunk, is_max ? FACT_MAX : FACT_MIN);
	struct json_object *exact = element(chunk, is_max ? FACT_MAX_EXACT : FACT_MIN_EXACT);
	bool is_cut =
		json_object_is_type(exact, json_type_boolean) && !json_object_get_boolean(exact);

	if (!json_object_is_type(text, json_type_string) || (is_cut && leaf->kind != SCHEMA_STRING))
		return -EINVAL;
	return parquet_value_parse(leaf,
		(struct slice){
			json_object_get_string(text), (size_t)json_object_get_string_len(text)},
		is_max, ret);
}

static void read_range(const struct describe *d, struct json_object *chunk,
	const struct parquet_leaf *leaf, uint64_t rows, struct stats_column *c)
{
	if (!leaf->has_ranges)
		return;
	if (c->null_count == rows) {
		c->min = c->max = (struct stats_value){.kind = leaf->kind, .is_null = true};
		c->has_range = true;
		return;
	}
	if (!d->is_ordered || leaf->is_unordered)
		return;
	if (parse_bound(chunk, leaf, false, &c->min))
		return;
	if (parse_bound(chunk, leaf, true, &c->max)) {
		stats_value_deinit(&c->min);
		return;
	}
	c->has_range = stats_value_compare(&c->min, &c->max) <= 0;
	if (!c->has_range) {
		stats_value_deinit(&c->min);
		stats_value_deinit(&c->max);
	}
}

/* Types that Databend keeps no statistics of. */
static bool has_stats(const struct parquet_leaf *leaf)
{
	switch (leaf->kind) {
	case SCHEMA_BOOLEAN:
	case SCHEMA_BINARY:
	case SCHEMA_VARIANT:
	case SCHEMA_INTERVAL:
		return false;
	default:
		return !leaf->is_repeated;
	}
}

static void read_stats(const struct describe *d, struct json_object *chunk, size_t leaf_at,
	uint64_t rows, struct stats *ret)
{
	const struct parquet_leaf *leaf = &d->leaves[leaf_at];
	struct stats_column *c = &ret->columns[ret->n];
	int64_t nulls = leaf->is_required ? 0 : fact_count(chunk, FACT_NULLS);
	int64_t distinct = fact_count(chunk, FACT_DISTINCT);

	if (!has_stats(leaf) || nulls < 0 || (uint64_t)nulls > rows)
		return;
	*c = (struct stats_column){.leaf_id = (uint32_t)leaf_at,
		.null_count = (uint64_t)nulls,
		.in_memory_size = (uint64_t)fact_count(chunk, FACT_RAW_LEN),
		.distinct = (uint64_t)distinct > rows ? -1 : distinct};
	read_range(d, chunk, leaf, rows, c);
	ret->n++;
}

static void count_nulls(const struct describe *d, struct json_object *chunk, size_t leaf_at)
{
	int64_t *sum = &d->file->nulls[leaf_at];
	int64_t n = d->leaves[leaf_at].is_required ? 0 : fact_count(chunk, FACT_NULLS);

	if (*sum < 0 || n < 0 || __builtin_add_overflow(*sum, n, sum))
		*sum = -1;
}

static const char *compression_of(const char *codec)
{
	static const char *const names[][2] = {{"UNCOMPRESSED", "None"}, {"SNAPPY", "Snappy"},
		{"GZIP", "Gzip"}, {"ZSTD", "Zstd"}, {"LZ4_RAW", "Lz4Raw"}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(codec, names[i][0]))
			return names[i][1];
	return NULL;
}

static void read_compression(const struct describe *d, struct json_object *chunk,
	const struct parquet_leaf *leaf, struct codec_block *b)
{
	const char *codec = fact_text(chunk, FACT_CODEC), *name = compression_of(codec);

	if (!name)
		parquet_foreign(d->file, "column %s: compressed by %.16s", leaf->column, codec);
	else if (!*b->compression)
		snprintf(b->compression, sizeof b->compression, "%s", name);
	else if (strcmp(b->compression, name))
		parquet_foreign(d->file, "column %s: compressed by %s, others by %s", leaf->column,
			name, b->compression);
	if (strstr(fact_text(chunk, FACT_ENCODINGS), "BYTE_STREAM_SPLIT"))
		parquet_foreign(d->file, "column %s: encoded by BYTE_STREAM_SPLIT", leaf->column);
}

static int read_chunk(const struct describe *d, struct json_object *chunk, size_t group,
	size_t leaf_at, struct codec_block *b)
{
	const struct parquet_leaf *leaf = &d->leaves[leaf_at];
	int64_t offset = fact_count(chunk, FACT_OFFSET), len = fact_count(chunk, FACT_LEN);
	int64_t raw_len = fact_count(chunk, FACT_RAW_LEN), values = fact_count(chunk, FACT_VALUES);
	uint64_t end;

	if (fact_count(chunk, FACT_GROUP) != (int64_t)group ||
		fact_count(chunk, FACT_LEAF) != (int64_t)leaf_at ||
		fact_count(chunk, FACT_ROWS) != (int64_t)b->row_count)
		return error_set(d->error, -EINVAL, "%s is damaged: row group %zu makes no sense",
			d->name, group);
	end = (uint64_t)offset + (uint64_t)len;
	if (offset < 4 || len < 0 || raw_len < 0 || end > d->file->size_bytes - FOOTER_BYTES_MIN)
		return error_set(d->error, -EINVAL,
			"%s is damaged: column %s of row group %zu lies outside the file", d->name,
			leaf->column, group);
	if (leaf->is_repeated ? values < (int64_t)b->row_count : values != (int64_t)b->row_count)
		return error_set(d->error, -EINVAL,
			"%s is damaged: column %s of row group %zu has %" PRId64
			" values for %" PRIu64 " rows",
			d->name, leaf->column, group, values, b->row_count);
	b->columns[b->n_columns++] = (struct codec_column){.leaf_id = (uint32_t)leaf_at,
		.offset = (uint64_t)offset,
		.len = (uint64_t)len,
		.num_values = (uint64_t)values};
	if (__builtin_add_overflow(b->block_size, (uint64_t)raw_len, &b->block_size))
		return error_set(
			d->error, -EINVAL, "%s is damaged: its sizes make no sense", d->name);
	read_compression(d, chunk, leaf, b);
	read_stats(d, chunk, leaf_at, b->row_count, &b->stats);
	count_nulls(d, chunk, leaf_at);
	return 0;
}

static int read_group(const struct describe *d, size_t group, uint64_t rows, struct codec_block *b)
{
	int r = 0;

	b->row_count = rows;
	b->file_size = d->file->size_bytes;
	b->columns = calloc(d->n_leaves, sizeof *b->columns);
	b->stats.columns = calloc(d->n_leaves, sizeof *b->stats.columns);
	if (!b->columns || !b->stats.columns)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_leaves && !r; i++)
		r = read_chunk(d, json_object_array_get_idx(d->chunks, group * d->n_leaves + i),
			group, i, b);
	return r;
}

static int read_groups(const struct describe *d, size_t n)
{
	struct parquet_file *f = d->file;
	uint64_t rows = 0;
	int r = 0;

	f->groups = calloc(n + 1, sizeof *f->groups);
	f->nulls = calloc(d->n_leaves + 1, sizeof *f->nulls);
	if (!f->groups || !f->nulls)
		return -ENOMEM;
	for (size_t i = 0; i < n && !r; i++) {
		struct json_object *first = json_object_array_get_idx(d->chunks, i * d->n_leaves);
		int64_t group_rows = fact_count(first, FACT_ROWS);

		if (!group_rows)
			continue;
		if (group_rows < 0 || __builtin_add_overflow(rows, (uint64_t)group_rows, &rows))
			return error_set(d->error, -EINVAL,
				"%s is damaged: row group %zu makes no sense", d->name, i);
		r = read_group(d, i, (uint64_t)group_rows, &f->groups[f->n_groups++]);
		if (!r && __builtin_add_overflow(f->raw_bytes,
				  f->groups[f->n_groups - 1].block_size, &f->raw_bytes))
			r = error_set(d->error, -EINVAL, "%s is damaged: its sizes make no sense",
				d->name);
	}
	if (!r && rows != f->rows)
		r = error_set(d->error, -EINVAL,
			"%s is damaged: its row groups have %" PRIu64 " rows, it says %" PRIu64,
			d->name, rows, f->rows);
	if (f->n_groups > GROUPS_MAX_DATABEND)
		parquet_foreign(f, "%zu row groups, at most %d in a segment", f->n_groups,
			GROUPS_MAX_DATABEND);
	return r;
}

/* Without this the order of min_value and max_value is undefined. */
static bool orders_are_defined(struct json_object *file)
{
	struct json_object *orders = NULL;
	const char *text;

	if (!json_object_object_get_ex(file, "column_orders", &orders) ||
		!json_object_is_type(orders, json_type_array) ||
		json_object_array_length(orders) != 1)
		return false;
	text = json_object_get_string(json_object_array_get_idx(orders, 0));
	return text && strstr(text, "TypeDefinedOrder()");
}

static int describe(struct json_object *description, const char *name, struct parquet_file *f,
	struct bough_error *error)
{
	struct json_object *file = NULL, *nodes = NULL, *chunks = NULL;
	struct parquet_leaf *leaves cleanup(free_p) = NULL;
	struct describe d = {.name = name, .file = f, .error = error};
	int64_t rows, groups, size = parquet_json_int(description, "size", -1);
	int r;

	json_object_object_get_ex(description, "file", &file);
	json_object_object_get_ex(description, "schema", &nodes);
	json_object_object_get_ex(description, "chunks", &chunks);
	rows = parquet_json_int(file, "rows", -1);
	groups = parquet_json_int(file, "row_groups", -1);
	if (parquet_json_text(file, "encryption"))
		return error_set(error, -EINVAL, "%s is encrypted", name);
	if (size < FOOTER_BYTES_MIN || rows < 0 || groups < 0 ||
		!json_object_is_type(chunks, json_type_array))
		return error_set(error, -EINVAL, "%s is damaged: its counts make no sense", name);
	f->size_bytes = (uint64_t)size;
	f->rows = (uint64_t)rows;
	r = parquet_schema_read(nodes, name, f, &leaves, &d.n_leaves, error);
	if (r)
		return r;
	if (json_object_array_length(chunks) / d.n_leaves != (uint64_t)groups ||
		json_object_array_length(chunks) % d.n_leaves)
		return error_set(error, -EINVAL,
			"%s is damaged: not every row group has every column", name);
	d.chunks = chunks;
	d.leaves = leaves;
	d.is_ordered = orders_are_defined(file);
	r = read_groups(&d, (size_t)groups);
	return r ? r : parquet_ranges_read(description, f, leaves);
}

int parquet_describe(struct json_object *description, const char *name, struct parquet_file *ret,
	struct bough_error *error)
{
	struct parquet_file f = {0};
	int r = describe(description, name, &f, error);

	if (r)
		parquet_file_deinit(&f);
	else
		*ret = f;
	return r;
}
