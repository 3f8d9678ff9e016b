/*
 * A key-value engine whose n-th call fails. A scenario is run for n = 1, 2, ... until it passes
 * without meeting the fault: then every call of it has failed once.
 *
 * It keeps the rules of the real one: a write that failed makes its transaction's commit fail with
 * the same error, and after a commit that gave -EIO no write transaction begins until it is armed
 * anew (which stands for opening the store again). @applied: a commit takes effect, a scan shows
 * all, and then it fails.
 */
#pragma once
#include "meta/kv.h"
#include "objstore/base/fault.h"

enum kv_op {
	KV_OP_BEGIN_READ,
	KV_OP_BEGIN_WRITE,
	KV_OP_NEST,
	KV_OP_GET,
	KV_OP_PUT,
	KV_OP_DEL,
	KV_OP_SCAN,
	KV_OP_COMMIT, /* of transactions that write, nested ones too */
	KV_OPS
};

#define KV_OPS_ALL ((1u << KV_OPS) - 1)

struct kv_fault;

/**
 * kv_fault_open() - @inner with calls that can fail
 * @inner: owned, closed with the wrapper; on failure still the caller's
 */
int kv_fault_open(struct kv *inner, struct kv_fault **ret);
/** kv_fault_kv() - the engine to hand to the code under test; closing it ends both. */
struct kv *kv_fault_kv(struct kv_fault *f);
/** kv_fault_arm() - count from zero, by @plan (of enum kv_op). While no call is at work. */
void kv_fault_arm(struct kv_fault *f, const struct fault_plan *plan);
/** kv_fault_calls() - calls of the plan's operations since it was armed. */
unsigned kv_fault_calls(const struct kv_fault *f);
/** kv_fault_hits() - those that were made to fail. */
unsigned kv_fault_hits(const struct kv_fault *f);
