/* DuckDB, as the parts of bough-reader use it. */
#pragma once
#include "objstore/base/error.h"

#include <duckdb.h>

struct engine {
	duckdb_database db;
	duckdb_connection connection;
};

/**
 * engine_open() - one DuckDB in memory, which may read READER_FILE_PATH only, there by now
 * @optimizer: statement that says what of it is used
 */
int engine_open(uint64_t memory_bytes, const char *optimizer, struct engine *ret,
	struct bough_error *error);
/** engine_close() - takes a zeroed one. */
void engine_close(struct engine *e);
