#include "tests/meta/engine.h"
#include "meta/fault.h"

static void open_lmdb(struct engine *e)
{
	const struct kv_lmdb_options options = {.create = true};
	struct bough_error error = {0};
	struct kv_fault *fault;

	if (kv_lmdb_open(e->dir, &options, &e->kv, &error))
		fail_msg("%s", error.message);
	if (e->kind != ENGINE_FAULT)
		return;
	assert_int_equal(kv_fault_open(e->kv, &fault), 0);
	e->kv = kv_fault_kv(fault);
}

void engine_open(struct engine *e, enum engine_kind kind)
{
	*e = (struct engine){.kind = kind};
	if (kind == ENGINE_MEM) {
		assert_int_equal(kv_mem_open(&e->kv), 0);
		return;
	}
	test_dir_make(e->dir);
	open_lmdb(e);
}

void engine_reopen(struct engine *e)
{
	if (e->kind == ENGINE_MEM)
		return;
	kv_close(e->kv);
	open_lmdb(e);
}

void engine_close(struct engine *e)
{
	kv_close(e->kv);
	test_dir_remove(e->dir);
}

static int setup(void **state, enum engine_kind kind)
{
	struct engine *e = malloc(sizeof *e);

	if (!e)
		return -1;
	engine_open(e, kind);
	*state = e;
	return 0;
}

int engine_setup_mem(void **state)
{
	return setup(state, ENGINE_MEM);
}

int engine_setup_lmdb(void **state)
{
	return setup(state, ENGINE_LMDB);
}

int engine_setup_fault(void **state)
{
	return setup(state, ENGINE_FAULT);
}

int engine_teardown(void **state)
{
	engine_close(*state);
	free(*state);
	return 0;
}
