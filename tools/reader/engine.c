/*
 * One DuckDB in memory: one thread, little memory, nothing of the outside but one path.
 */
#include "tools/reader/engine_impl.h"
#include "tools/reader/reader_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void engine_close(struct engine *e)
{
	duckdb_disconnect(&e->connection);
	duckdb_close(&e->db);
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

/* In this order: each but the first makes the next one final. */
static int lock_up(struct engine *e, const char *optimizer)
{
	const char *const steps[] = {
		optimizer,
		"SET allowed_paths = ['" READER_FILE_PATH "']",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (duckdb_query(e->connection, steps[i], NULL) == DuckDBError)
			return -EIO;
	return 0;
}

int engine_open(
	uint64_t memory_bytes, const char *optimizer, struct engine *ret, struct bough_error *error)
{
	struct engine e cleanup(engine_close) = {0};
	duckdb_config config = NULL;
	char *message = NULL;
	int r;

	if (strncmp(duckdb_library_version(), READER_DUCKDB_VERSION, strlen(READER_DUCKDB_VERSION)))
		return error_set(error, -ENOTSUP, "libduckdb is %s, wanted %sx",
			duckdb_library_version(), READER_DUCKDB_VERSION);
	if (duckdb_create_config(&config) == DuckDBError)
		return -ENOMEM;
	r = configure(config, memory_bytes);
	if (!r && duckdb_open_ext(NULL, &e.db, config, &message) == DuckDBError)
		r = error_set(error, -EIO, "%s", message ? message : "libduckdb does not start");
	duckdb_free(message);
	duckdb_destroy_config(&config);
	if (!r && duckdb_connect(e.db, &e.connection) == DuckDBError)
		r = -EIO;
	if (!r)
		r = lock_up(&e, optimizer);
	if (r)
		return r;
	*ret = e;
	e = (struct engine){0};
	return 0;
}
