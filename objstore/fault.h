/*
 * An object store whose n-th call fails. A scenario is run for n = 1, 2, ... until it passes
 * without meeting the fault: then every call of it has failed once. Of a plan without a code
 * get_range() alone counts, and reads half. @applied: what writes, deletes or lists takes effect.
 */
#pragma once
#include "objstore/base/fault.h"
#include "objstore/objstore.h"

struct objstore_fault;

#define OBJSTORE_OPS_ALL ((1u << OBJSTORE_OPS) - 1)
#define OBJSTORE_OPS_WRITE                                                                         \
	(1u << OBJSTORE_OP_PUT | 1u << OBJSTORE_OP_PUT_FILE | 1u << OBJSTORE_OP_PUT_FILES |        \
		1u << OBJSTORE_OP_DEL)

/**
 * objstore_fault_open() - @inner with calls that can fail
 * @inner: owned, closed with the wrapper; on failure still the caller's
 */
int objstore_fault_open(struct objstore *inner, struct objstore_fault **ret);
/** objstore_fault_store() - the store to hand to the code under test; closing it ends both. */
struct objstore *objstore_fault_store(struct objstore_fault *f);
/** objstore_fault_arm() - count from zero, by @plan (of enum objstore_op). While no call is at
 * work. */
void objstore_fault_arm(struct objstore_fault *f, const struct fault_plan *plan);
/** objstore_fault_calls() - calls of the plan's operations since it was armed. */
unsigned objstore_fault_calls(const struct objstore_fault *f);
/** objstore_fault_hits() - those that were made to fail. */
unsigned objstore_fault_hits(const struct objstore_fault *f);
