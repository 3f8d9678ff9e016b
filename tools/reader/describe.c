/*
 * The only questions that DuckDB is asked. Each answers one JSON text per row, which is passed on
 * unread. They are parsed and planned before the file is there, which takes longer than to answer
 * them; a plan is good for one answer. Statistics: only *_value, whose order is defined; 64
 * characters bound any string (the store keeps 16) and hold every number.
 */
#include "tools/reader/reader_impl.h"

#include <duckdb.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FROM(function) " FROM " function "('" READER_FOOTER_PATH "')"

static const char sql_file[] =
	"SELECT json_object('rows', num_rows, 'row_groups', num_row_groups, 'writer', created_by,"
	" 'encryption', encryption_algorithm, 'column_orders', list_distinct(column_orders))" FROM(
		"parquet_file_metadata");

static const char sql_schema[] =
	"SELECT json_object('name', name, 'type', type, 'type_length', TRY_CAST(type_length AS "
	"INT),"
	" 'repetition', repetition_type, 'num_children', num_children, 'converted', converted_type,"
	" 'logical', logical_type, 'scale', scale, 'precision', precision,"
	" 'field_id', field_id)" FROM("parquet_schema");

static const char sql_chunks[] =
	"SELECT json_array(row_group_id, row_group_num_rows, column_id,"
	" CASE WHEN dictionary_page_offset > 0 AND dictionary_page_offset < data_page_offset"
	" THEN dictionary_page_offset ELSE data_page_offset END,"
	" total_compressed_size, total_uncompressed_size, num_values, compression, encodings,"
	" stats_null_count, stats_distinct_count, left(stats_min_value, 64),"
	" left(stats_max_value, 64), min_is_exact, max_is_exact)" FROM("parquet_metadata");

enum { FILE_FACTS, SCHEMA, CHUNKS, QUESTIONS };
static const char *const questions[] = {sql_file, sql_schema, sql_chunks};

struct describer {
	duckdb_database db;
	duckdb_connection connection;
	duckdb_prepared_statement planned[QUESTIONS];
};

static void forget_plans(struct describer *d)
{
	for (int i = 0; i < QUESTIONS; i++)
		duckdb_destroy_prepare(&d->planned[i]);
}

void describer_close(struct describer *d)
{
	if (!d)
		return;
	forget_plans(d);
	duckdb_disconnect(&d->connection);
	duckdb_close(&d->db);
	free(d);
}

/* One line of DuckDB's, without its class, our path or anything unprintable. */
static void clean(const char *from, char *line, size_t size)
{
	static const char path[] = READER_FOOTER_PATH;
	size_t n = 0;

	while (*from && *from != '\n' && n < size - 1) {
		if (strncmp(from, path, strlen(path))) {
			line[n++] = *from >= ' ' && *from <= '~' ? *from : '?';
			from++;
			continue;
		}
		from += strlen(path); /* with its quotes and the space before */
		from += *from == '"' || *from == '\'';
		n -= n && (line[n - 1] == '"' || line[n - 1] == '\'');
		n -= n && line[n - 1] == ' ';
	}
	line[n] = '\0';
}

static int say(struct bough_error *error, const char *text)
{
	char line[200];
	const char *class_end = text ? strstr(text, "Error: ") : NULL;

	if (!strncmp(text ? text : "", "Out of Memory", strlen("Out of Memory")))
		return error_set(error, -EINVAL, "needs too much memory to look into its footer");
	clean(class_end ? class_end + strlen("Error: ") : "", line, sizeof line);
	if (!*line || *line == '{') /* an internal error with a stack */
		return error_set(error, -EINVAL, "is damaged: its footer makes no sense");
	return error_set(error, -EINVAL, "is damaged: %s", line);
}

static int append_rows(duckdb_data_chunk chunk, bool *first, struct buf *ret)
{
	duckdb_vector column = duckdb_data_chunk_get_vector(chunk, 0);
	duckdb_string_t *texts = duckdb_vector_get_data(column);
	idx_t n = duckdb_data_chunk_get_size(chunk);
	int r = 0;

	for (idx_t i = 0; !r && i < n; i++) {
		if (!*first)
			r = buf_append(ret, ",\n", 2);
		*first = false;
		if (!r)
			r = buf_append(ret, duckdb_string_t_data(&texts[i]),
				duckdb_string_t_length(texts[i]));
	}
	return r;
}

int describer_plan(struct describer *d)
{
	forget_plans(d);
	for (int i = 0; i < QUESTIONS; i++)
		if (duckdb_prepare(d->connection, questions[i], &d->planned[i]) == DuckDBError)
			return -EIO;
	return 0;
}

/* The rows of the answer, separated by commas. */
static int ask(struct describer *d, int question, struct buf *ret, struct bough_error *error)
{
	duckdb_result result;
	duckdb_data_chunk chunk;
	bool first = true;
	int r = 0;

	if (duckdb_execute_prepared(d->planned[question], &result) == DuckDBError)
		r = say(error, duckdb_result_error(&result));
	while (!r && (chunk = duckdb_fetch_chunk(result))) {
		r = append_rows(chunk, &first, ret);
		duckdb_destroy_data_chunk(&chunk);
		if (r)
			r = error_set(error, r, "needs too much memory to look into its footer");
		else if (ret->len > READER_ANSWER_BYTES_MAX)
			r = error_set(error, -EINVAL, "has too many row groups and columns");
	}
	duckdb_destroy_result(&result);
	return r;
}

int describer_run(struct describer *d, uint64_t size, struct buf *ret, struct bough_error *error)
{
	int r = buf_printf(ret, "{\"size\": %" PRIu64 ",\n\"file\": ", size);

	if (!r)
		r = ask(d, FILE_FACTS, ret, error);
	if (!r)
		r = buf_printf(ret, ",\n\"schema\": [");
	if (!r)
		r = ask(d, SCHEMA, ret, error);
	if (!r)
		r = buf_printf(ret, "],\n\"chunks\": [");
	if (!r)
		r = ask(d, CHUNKS, ret, error);
	if (!r)
		r = buf_printf(ret, "]}\n");
	return r ? error_set(error, r, "needs too much memory to look into its footer") : 0;
}

static int configure(duckdb_config config, uint64_t memory_bytes)
{
	char memory[32];
	const char *const options[][2] = {
		{"threads", "1"},
		{"memory_limit", memory},
		{"temp_directory", ""},
		{"autoload_known_extensions", "false"},
		{"autoinstall_known_extensions", "false"},
		{"enable_external_file_cache", "false"},
	};

	snprintf(memory, sizeof memory, "%" PRIu64 "B", memory_bytes / 2);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (duckdb_set_config(config, options[i][0], options[i][1]) == DuckDBError)
			return -EIO;
	return 0;
}

/* In this order: each makes the next one final. */
static int lock_up(struct describer *d)
{
	static const char *const steps[] = {
		"SET allowed_paths = ['" READER_FOOTER_PATH "']",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (duckdb_query(d->connection, steps[i], NULL) == DuckDBError)
			return -EIO;
	return 0;
}

int describer_open(uint64_t memory_bytes, struct describer **ret, struct bough_error *error)
{
	struct describer *d cleanup(describer_close_p) = calloc(1, sizeof *d);
	duckdb_config config = NULL;
	char *message = NULL;
	int r;

	if (strncmp(duckdb_library_version(), READER_DUCKDB_VERSION, strlen(READER_DUCKDB_VERSION)))
		return error_set(error, -ENOTSUP, "libduckdb is %s, wanted %sx",
			duckdb_library_version(), READER_DUCKDB_VERSION);
	if (!d || duckdb_create_config(&config) == DuckDBError)
		return -ENOMEM;
	r = configure(config, memory_bytes);
	if (!r && duckdb_open_ext(NULL, &d->db, config, &message) == DuckDBError)
		r = error_set(error, -EIO, "%s", message ? message : "libduckdb does not start");
	duckdb_free(message);
	duckdb_destroy_config(&config);
	if (!r && duckdb_connect(d->db, &d->connection) == DuckDBError)
		r = -EIO;
	if (!r)
		r = lock_up(d);
	if (!r)
		*ret = steal(&d);
	return r;
}
