/* The key-value engines behind one word, for suites that run over each. */
#pragma once
#include "tests/support/test.h"

#include "meta/kv.h"

enum engine_kind { ENGINE_MEM, ENGINE_LMDB, ENGINE_FAULT /* over LMDB, nothing armed */ };

struct engine {
	enum engine_kind kind;
	struct kv *kv;
	char dir[TEST_PATH_BYTES_MAX]; /* "" for memory */
};

/** engine_open() - an empty store of records. */
void engine_open(struct engine *e, enum engine_kind kind);
/** engine_reopen() - what was committed is there again; memory stays open. */
void engine_reopen(struct engine *e);
void engine_close(struct engine *e);
/** engine_setup_mem(), _lmdb(), _fault(), engine_teardown() - for cmocka. */
int engine_setup_mem(void **state);
int engine_setup_lmdb(void **state);
int engine_setup_fault(void **state);
int engine_teardown(void **state);

/** engine_test() - a test over all engines. */
#define engine_test(f)                                                                             \
	cmocka_unit_test_setup_teardown(f, engine_setup_mem, engine_teardown),                     \
		cmocka_unit_test_setup_teardown(f, engine_setup_lmdb, engine_teardown),            \
		cmocka_unit_test_setup_teardown(f, engine_setup_fault, engine_teardown)
