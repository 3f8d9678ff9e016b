/* What a ref holds alone. */
#pragma once
#include "refs/store.h"

/**
 * refs_exclusive_bytes() - bytes of the files that would go if this ref went now
 * @looks_max: records to look at; more: -E2BIG
 *
 * The deletion is tried out in memory: who loses its last reference gives up those to what is
 * beneath. Reads only what dies, and what it touches.
 */
int refs_exclusive_bytes(struct refs_txn *x, uint64_t ref, uint64_t looks_max, uint64_t *ret);
