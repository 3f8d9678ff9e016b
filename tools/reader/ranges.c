/*
 * Minima and maxima of columns for which a footer has none, from the data: one question about one
 * file. No name of the file's gets into it: columns are called by their places.
 */
#include "tools/reader/engine_impl.h"
#include "tools/reader/facts_impl.h"
#include "tools/reader/reader_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#define COLUMNS_BEFORE 2 /* of the answer: row group, rows */
#define COLUMNS_EACH 3	 /* values that are not NULL, minimum, maximum */

/*
 * All but "unused_columns": the others believe what the footer says of the data, which is what is
 * not known here. (DuckDB takes even the deprecated minima, whose order nobody knows.)
 */
static const char optimizer[] =
	"SET disabled_optimizers = 'expression_rewriter,filter_pullup,filter_pushdown,"
	"empty_result_pullup,cte_filter_pusher,regex_range,in_clause,join_order,deliminator,"
	"unnest_rewriter,statistics_propagation,common_subexpressions,common_aggregate,"
	"column_lifetime,limit_pushdown,row_group_pruner,top_n,top_n_window_elimination,"
	"build_side_probe_side,compressed_materialization,duplicate_groups,reorder_filter,"
	"sampling_pushdown,join_filter_pushdown,extension,materialized_cte,sum_rewriter,"
	"late_materialization,cte_inlining,common_subplan,join_elimination,window_self_join'";

struct ranges {
	struct engine engine;
	struct json_object *question, *columns, *groups;
	size_t n_fields, n_columns, n_groups;
};

void ranges_close(struct ranges *q)
{
	if (!q)
		return;
	engine_close(&q->engine);
	json_object_put(q->question);
	free(q);
}

static int64_t number(struct json_object *array, size_t at)
{
	return json_object_get_int64(json_object_array_get_idx(array, at));
}

/* A tree of comparisons that finds the row group of a row: those from @from to before @to. */
static int put_group(struct buf *sql, const uint64_t *starts, size_t from, size_t to)
{
	size_t middle = from + (to - from) / 2;
	int r;

	if (to - from == 1)
		return buf_printf(sql, "%zu", from);
	r = buf_printf(sql, "CASE WHEN file_row_number < %" PRIu64 " THEN ", starts[middle]);
	if (!r)
		r = put_group(sql, starts, from, middle);
	if (!r)
		r = buf_printf(sql, " ELSE ");
	if (!r)
		r = put_group(sql, starts, middle, to);
	return r ? r : buf_printf(sql, " END");
}

static int put_groups(struct buf *sql, const struct ranges *q)
{
	uint64_t *starts cleanup(free_p) = calloc(q->n_groups, sizeof *starts), start = 0;

	if (!starts)
		return -ENOMEM;
	for (size_t i = 0; i < q->n_groups; i++) {
		starts[i] = start;
		start += (uint64_t)number(q->groups, i);
	}
	return put_group(sql, starts, 0, q->n_groups);
}

/* A text as it is: of bytes that are none DuckDB would make a text of its own. */
static int put_bounds(struct buf *sql, const struct ranges *q, size_t i)
{
	struct json_object *column = json_object_array_get_idx(q->columns, i);
	size_t at = (size_t)number(column, 0);

	if (number(column, 1))
		return buf_printf(sql, ", count(c%zu), min(c%zu), max(c%zu)", at, at, at);
	return buf_printf(sql,
		", count(c%zu), CAST(min(c%zu) AS VARCHAR), CAST(max(c%zu) AS VARCHAR)", at, at,
		at);
}

static int put_question(struct buf *sql, const struct ranges *q)
{
	int r = buf_printf(sql, "SELECT g, count(*)");

	for (size_t i = 0; !r && i < q->n_columns; i++)
		r = put_bounds(sql, q, i);
	if (!r)
		r = buf_printf(sql, " FROM (SELECT CAST(");
	if (!r)
		r = put_groups(sql, q);
	if (!r)
		r = buf_printf(sql, " AS BIGINT) AS g");
	for (size_t i = 0; !r && i < q->n_columns; i++)
		r = buf_printf(
			sql, ", c%" PRId64, number(json_object_array_get_idx(q->columns, i), 0));
	if (!r)
		r = buf_printf(sql, " FROM read_parquet('" READER_FILE_PATH
				    "', hive_partitioning = false, filename = false, "
				    "union_by_name = false, binary_as_string = true) AS t(c0");
	for (size_t i = 1; !r && i < q->n_fields; i++)
		r = buf_printf(sql, ", c%zu", i);
	return r ? r : buf_append(sql, ")) GROUP BY g", sizeof ")) GROUP BY g");
}

static int put_cell(struct buf *b, duckdb_vector vector, bool is_number, idx_t row)
{
	uint64_t *valid = duckdb_vector_get_validity(vector);
	duckdb_string_t *text = duckdb_vector_get_data(vector);

	if (valid && !duckdb_validity_row_is_valid(valid, row))
		return buf_printf(b, "null");
	if (is_number)
		return buf_printf(b, "%" PRId64, ((int64_t *)duckdb_vector_get_data(vector))[row]);
	return facts_put_bound(b, (struct slice){duckdb_string_t_data(&text[row]),
					  duckdb_string_t_length(text[row])});
}

static bool is_number(idx_t column)
{
	return column < COLUMNS_BEFORE || (column - COLUMNS_BEFORE) % COLUMNS_EACH == 0;
}

static int put_row(struct buf *b, duckdb_data_chunk chunk, idx_t row)
{
	idx_t n = duckdb_data_chunk_get_column_count(chunk);
	int r = 0;

	for (idx_t i = 0; !r && i < n; i++) {
		r = buf_printf(b, "%s", i ? "," : "[");
		if (!r)
			r = put_cell(b, duckdb_data_chunk_get_vector(chunk, i), is_number(i), row);
	}
	return r ? r : buf_printf(b, "]");
}

static int check_types(duckdb_result *result, size_t n_columns)
{
	idx_t n = duckdb_column_count(result);

	for (idx_t i = 0; i < n; i++)
		if (duckdb_column_type(result, i) !=
			(is_number(i) ? DUCKDB_TYPE_BIGINT : DUCKDB_TYPE_VARCHAR))
			return -EPROTO;
	return n == COLUMNS_BEFORE + COLUMNS_EACH * n_columns ? 0 : -EPROTO;
}

static int put_rows(struct buf *b, duckdb_result *result)
{
	duckdb_data_chunk chunk;
	bool is_first = true;
	int r = buf_printf(b, "{\"ranges\": [");

	while (!r && (chunk = duckdb_fetch_chunk(*result))) {
		for (idx_t i = 0; !r && i < duckdb_data_chunk_get_size(chunk); i++) {
			r = buf_printf(b, "%s", is_first ? "" : ",\n");
			if (!r)
				r = put_row(b, chunk, i);
			if (!r && b->len > READER_ANSWER_BYTES_MAX)
				r = -E2BIG;
			is_first = false;
		}
		duckdb_destroy_data_chunk(&chunk);
	}
	return r ? r : buf_printf(b, "]}\n");
}

int ranges_run(struct ranges *q, struct buf *ret, struct bough_error *error)
{
	struct buf sql auto_buf = {0};
	duckdb_result result;
	int r = put_question(&sql, q);

	if (r)
		return r;
	if (duckdb_query(q->engine.connection, (char *)sql.data, &result) == DuckDBError) {
		const char *message = duckdb_result_error(&result);

		r = error_set(error, -EINVAL, "%s", message ? message : "no answer");
	} else {
		r = check_types(&result, q->n_columns);
		if (!r)
			r = put_rows(ret, &result);
	}
	duckdb_destroy_result(&result);
	return r;
}

static int take_question(struct ranges *q, struct slice text)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *fields = NULL;

	if (!tokener)
		return -ENOMEM;
	q->question = json_tokener_parse_ex(tokener, text.data, (int)text.len);
	json_tokener_free(tokener);
	json_object_object_get_ex(q->question, "fields", &fields);
	json_object_object_get_ex(q->question, "columns", &q->columns);
	json_object_object_get_ex(q->question, "groups", &q->groups);
	if (!json_object_is_type(q->columns, json_type_array) ||
		!json_object_is_type(q->groups, json_type_array))
		return -EPROTO;
	q->n_fields = (size_t)json_object_get_int64(fields);
	q->n_columns = json_object_array_length(q->columns);
	q->n_groups = json_object_array_length(q->groups);
	return q->n_columns && q->n_groups ? 0 : -EPROTO;
}

int ranges_open(uint64_t memory_bytes, struct slice question, struct ranges **ret,
	struct bough_error *error)
{
	struct ranges *q cleanup(ranges_close_p) = calloc(1, sizeof *q);
	int r = q ? take_question(q, question) : -ENOMEM;

	if (!r)
		r = engine_open(memory_bytes, optimizer, &q->engine, error);
	if (!r)
		*ret = steal(&q);
	return r;
}
