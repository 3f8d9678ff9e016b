/* bough fsck: proves the invariants of a store (gc/README.md lists them). */
#pragma once
#include "refs/store.h"

struct fsck_options {
	bool full;   /* read and checksum every object */
	bool repair; /* see below */
	/** One finding, in words with the names and ids it is about; called in order. */
	void (*finding)(void *arg, const char *text);
	/** One finding that was repaired, after the commit that did it. */
	void (*repaired)(void *arg, const char *text);
	void (*progress)(void *arg, const char *stage, uint64_t done, uint64_t total);
	void *arg;
};

struct fsck_report {
	uint64_t errors;     /* all of them, also those not told one by one; after a repair: left */
	uint64_t repairable; /* of them, as far as a repair can tell beforehand */
	uint64_t repaired;
	uint64_t databases, tables, refs, snapshots, nodes, segments, blocks, schemas;
	uint64_t queue, clients, dead_clients, objects, object_bytes;
	uint64_t staged;  /* records and objects in clients' ranges, not reachable: no error */
	uint64_t orphans; /* objects without a record, in no client's range: among the errors */
	bool metadata_damaged; /* LMDB itself: the scanning child died or was refused */
};

/**
 * fsck_run() - check every invariant in a child process
 *
 * The child opens the store itself, so that a damaged page which kills it is a finding, not a
 * crash. Call before any thread is started. Return: 0 when the check ran to its end (errors or
 * not), -EUCLEAN when metadata are damaged, or why it could not run.
 *
 * With @options->repair everything happens in one write transaction: the check, repairs of what
 * follows from sound records (gc/README.md), the check again until nothing changes, the commit.
 * Nobody else may have the store open: -EBUSY, naming them. A sound store is not written to; where
 * the end is no better than the beginning nothing is committed.
 */
int fsck_run(const char *store_path, const struct fsck_options *options, struct fsck_report *ret,
	struct bough_error *error);
