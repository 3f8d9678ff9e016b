/*
 * Operations on a store with the n-th call of its metadata or objects, or the n-th allocation,
 * failing, for every n until the operation passes without meeting the fault. After each run the
 * store, opened afresh, must be sound to the last object, and show all of what was asked or
 * nothing.
 */
#pragma once
#include "meta/fault.h"
#include "objstore/fault.h"
#include "tests/support/fixture.h"

/** The store that every run starts from. */
struct faulty {
	struct fixture *f;
	struct kv_fault *kv;
	struct objstore_fault *objects;
	uint64_t table, main, dev, head;
	bool made_up; /* its blocks have no objects */
};

struct faulty_scenario {
	const char *name;
	/** Before each run on a fresh store; may be NULL. */
	void (*prepare)(struct faulty *t);
	int (*run)(struct faulty *t, struct bough_error *error);
	bool reads_only;
	bool in_slices; /* what it commits before the end is not seen */
};

struct faulty_fault {
	const char *name;
	struct fault_plan kv;
	struct fault_plan objects;
	bool memory;	/* allocations fail, not calls */
	bool may_leave; /* objects and staged records, in the range of a dead client */
	bool may_pass;	/* the operation may succeed all the same: it tries again, or cleans up */
};

/** faulty_import() - @n files at once into d.t; BOUGH_READER. For prepare() and run(). */
int faulty_import(struct faulty *t, size_t n, struct bough_error *e);
/** faulty_prepare() - t->table with three commits on main and one on branch dev, made up. */
void faulty_prepare(struct faulty *t);
/** faulty_run() - @s with every call that @fault names failing once. */
void faulty_run(const struct faulty_scenario *s, const struct faulty_fault *fault);
