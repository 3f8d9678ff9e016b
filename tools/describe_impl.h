/* Refs, tables and snapshots as the JSON objects that list, show and stat print. */
#pragma once
#include "tools/cli_impl.h"

/** Names of a ref. */
struct describe_names {
	char *db, *table, *ref; /* owned; ref NULL: main */
};
void describe_names_deinit(struct describe_names *n);
int describe_names_get(struct refs_txn *x, uint64_t ref, struct describe_names *ret);

/** describe_ref() - one ref, with the counts of its head. bough-branch(1) lists the fields. */
int describe_ref(struct refs_txn *x, uint64_t ref, struct json_object **ret);
/** describe_ref_full() - with schema and databend; @at: as of this snapshot, 0 the head. */
int describe_ref_full(struct refs_txn *x, uint64_t ref, uint64_t at, struct json_object **ret);
/** describe_counts() - rows, bytes ... of snapshot @id into @o; zeros for id 0. */
int describe_counts(struct refs_txn *x, uint64_t id, struct json_object *o);
/** describe_schema() - [{name, type, id}] of schema record @schema; empty for 0. */
int describe_schema(struct refs_txn *x, uint64_t schema, struct json_object **ret);
/** describe_databend() - {attachable, reason} of snapshot @id: walks all its blocks. */
int describe_databend(struct refs_txn *x, uint64_t id, struct json_object **ret);
/** describe_links() - snapshots in a ref's directory. */
int describe_links(struct refs_txn *x, uint64_t ref, uint64_t *ret_n);
/** describe_operation() - "append" ... */
const char *describe_operation(uint8_t operation);

/** describe_tables() - @fn for each table of @db, 0 = of all databases; non-zero ends. */
int describe_tables(struct refs_txn *x, uint64_t db, refs_child_fn fn, void *arg);

/** describe_refs() - rows of all refs of @table, of the kinds in @kinds (1 << enum rec_ref_kind).
 */
int describe_refs(struct refs_txn *x, uint64_t table, unsigned kinds, struct json_object *rows);
/** describe_print_refs() - as a list. */
void describe_print_refs(const struct cli *c, struct json_object *rows);
/** describe_print_ref() - the object of describe_ref_full(). */
void describe_print_ref(const struct cli *c, struct json_object *o);
/** describe_print_schema() - the member "schema" of @o, in text. */
void describe_print_schema(const struct cli *c, struct json_object *o);
