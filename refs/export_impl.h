/* One pass of the exporter. Inside refs/ only. */
#pragma once
#include "refs/export.h"

/** A version of a ref, ready to be written. */
struct export_ref {
	uint64_t id;
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	char *text; /* owned */
};

/** An object that is there: to be marked as exported. */
struct export_mark {
	uint64_t id;
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
};

struct export_ids {
	uint64_t *items;
	size_t n, capacity;
};

struct export
{
	struct refs_store *store;
	struct bough_error *error;
	const atomic_bool *stop;   /* NULL never */
	uint64_t commit;	   /* that the refs were read at */
	struct rec_outbox *outbox; /* as it was read */
	size_t n_outbox, outbox_capacity;
	struct export_ref *refs;
	size_t n_refs, refs_capacity;
	struct export_ids snapshots; /* that the refs need */
	void *marks;		     /* tsearch: struct export_mark, by id */
	size_t n_marks;
	struct refs_exported done;
};

/** export_ids_add() - at the end; the same may be there already. */
int export_ids_add(struct export_ids *l, uint64_t id);
/** export_put() - an object; one that is there with the same bytes will do. */
int export_put(struct export *e, const char *key, struct slice body);
/** export_snapshots() - of e->snapshots: missing segments, then the snapshot, each; marks them. */
int export_snapshots(struct export *e);
/** export_marks_deinit() - frees e->marks. */
void export_marks_deinit(struct export *e);

/**
 * export_ref_read() - a ref as it is in this transaction, appended to e->refs
 * @table: its table, also where it has no record any more
 *
 * Its head and base are added to e->snapshots.
 */
int export_ref_read(struct export *e, struct refs_txn *x, uint64_t ref, uint64_t table);
