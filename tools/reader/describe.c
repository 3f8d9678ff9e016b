/*
 * The only question that DuckDB is asked about footers. It is parsed and planned before the file is
 * there; a plan is good for one answer. An optimizer would find nothing to do.
 */
#include "tools/reader/engine_impl.h"
#include "tools/reader/facts_impl.h"
#include "tools/reader/reader_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char question[] =
	"SELECT " FACTS_COLUMNS " FROM parquet_full_metadata('" READER_FILE_PATH "')";

struct describer {
	struct engine engine;
	duckdb_prepared_statement planned;
};

void describer_close(struct describer *d)
{
	if (!d)
		return;
	duckdb_destroy_prepare(&d->planned);
	engine_close(&d->engine);
	free(d);
}

/* One line of DuckDB's, without its class, our path or anything unprintable. */
static void clean(const char *from, char *line, size_t size)
{
	static const char path[] = READER_FILE_PATH;
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

int describer_plan(struct describer *d)
{
	duckdb_destroy_prepare(&d->planned);
	return duckdb_prepare(d->engine.connection, question, &d->planned) == DuckDBError ? -EIO
											  : 0;
}

static int refuse(int r, struct bough_error *error)
{
	if (r == -E2BIG)
		return error_set(error, -EINVAL, "has too many row groups and columns");
	if (r == -EPROTO)
		return error_set(error, -EINVAL, "is damaged: its footer makes no sense");
	return error_set(error, r, "needs too much memory to look into its footer");
}

static int ask(struct describer *d, struct buf *ret, struct bough_error *error)
{
	duckdb_result result;
	duckdb_data_chunk chunk = NULL;
	const char *message;
	int r;

	if (duckdb_execute_prepared_streaming(d->planned, &result) != DuckDBError)
		chunk = duckdb_fetch_chunk(result);
	message = duckdb_result_error(&result);
	if (!chunk || message)
		r = say(error, message);
	else
		r = facts_put(ret, &result, chunk);
	if (r && chunk && !message)
		r = refuse(r, error);
	duckdb_destroy_data_chunk(&chunk);
	duckdb_destroy_result(&result);
	return r;
}

int describer_run(struct describer *d, uint64_t size, struct buf *ret, struct bough_error *error)
{
	int r = buf_printf(ret, "{\"size\": %" PRIu64 ",\n", size);

	if (!r)
		r = ask(d, ret, error);
	if (!r)
		r = buf_printf(ret, "}\n");
	return r ? error_set(error, r, "needs too much memory to look into its footer") : 0;
}

int describer_open(uint64_t memory_bytes, struct describer **ret, struct bough_error *error)
{
	struct describer *d cleanup(describer_close_p) = calloc(1, sizeof *d);
	int r = d ? engine_open(memory_bytes, "PRAGMA disable_optimizer", &d->engine, error)
		  : -ENOMEM;

	if (!r)
		*ret = steal(&d);
	return r;
}
