/*
 * The n-th allocation of the process fails: malloc, calloc, realloc and what the C library makes of
 * them, in all threads, also inside msgpack and LMDB, and in json-c but for its parser. For a test
 * that names fault_alloc_dep: the functions lie in the executable itself and so come first.
 */
#pragma once

/** fault_alloc_arm() - count from zero; fail call number @fail_at, 0 = none. */
void fault_alloc_arm(unsigned fail_at);
/** fault_alloc_hits() - allocations refused since then. */
unsigned fault_alloc_hits(void);
