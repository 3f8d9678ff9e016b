/* From DuckDB's answer to the JSON of README.md. */
#pragma once
#include "objstore/base/buf.h"

#include <duckdb.h>

/** The columns of parquet_full_metadata() that facts_put() takes, in its order. */
#define FACTS_COLUMNS "parquet_file_metadata, parquet_schema, parquet_metadata"
/**
 * facts_put() - append what README.md says of a row of FACTS_COLUMNS, without the outer braces
 * @chunk: the one row of @result
 *
 * Errors: -EPROTO DuckDB answers something else; -E2BIG READER_ANSWER_BYTES_MAX; -ENOMEM.
 */
int facts_put(struct buf *b, duckdb_result *result, duckdb_data_chunk chunk);
/** facts_put_bound() - a minimum or maximum as JSON text: as much of it as anybody needs. */
int facts_put_bound(struct buf *b, struct slice text);
