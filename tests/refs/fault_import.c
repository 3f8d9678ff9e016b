/* Imports with every call of the objects or of the metadata failing once. BOUGH_DATA as there. */
#include "tests/refs/faulty.h"

#include <errno.h>

#define STAGED 300 /* files: more than one commit takes at once */

static void prepare(struct faulty *t)
{
	struct bough_error e = {0};

	assert_int_equal(faulty_import(t, 1, &e), 0);
}

static int one_file(struct faulty *t, struct bough_error *e)
{
	return faulty_import(t, 1, e);
}

static int three_files(struct faulty *t, struct bough_error *e)
{
	return faulty_import(t, 3, e);
}

static int batch(struct faulty *t, struct bough_error *e)
{
	return faulty_import(t, 40, e);
}

static int staged(struct faulty *t, struct bough_error *e)
{
	return faulty_import(t, STAGED, e);
}

static const struct faulty_scenario small[] = {
	{.name = "import of a new table", .run = one_file},
	{.name = "import of one file", .prepare = prepare, .run = one_file},
	{.name = "import of three files", .prepare = prepare, .run = three_files},
	{.name = "import of two batches", .prepare = prepare, .run = batch},
};

static const struct faulty_scenario large[] = {
	{.name = "staged import", .prepare = prepare, .run = staged, .in_slices = true}};

static const struct faulty_fault object_faults[] = {
	{.name = "EIO", .objects = {.ops = OBJSTORE_OPS_ALL, .code = -EIO}},
	{.name = "ENOSPC", .objects = {.ops = OBJSTORE_OPS_ALL, .code = -ENOSPC}},
	{.name = "EIO for good",
		.objects = {.ops = OBJSTORE_OPS_ALL, .code = -EIO, .sticky = true},
		.may_leave = true},
	{.name = "EIO after it",
		.objects = {.ops = OBJSTORE_OPS_ALL, .code = -EIO, .applied = true}},
	{.name = "EIO after it for good",
		.objects =
			{.ops = OBJSTORE_OPS_ALL, .code = -EIO, .sticky = true, .applied = true}},
};

#define OPS(a) (1u << KV_OP_##a)

static const struct faulty_fault kv_faults[] = {
	{.name = "EUCLEAN at a read", .kv = {.ops = OPS(GET) | OPS(SCAN), .code = -EUCLEAN}},
	{.name = "ENOSPC at a write",
		.kv = {.ops = OPS(BEGIN_WRITE) | OPS(PUT) | OPS(DEL) | OPS(COMMIT),
			.code = -ENOSPC}},
	{.name = "EIO", .kv = {.ops = KV_OPS_ALL, .code = -EIO}, .may_leave = true},
	{.name = "ESTALE at the commit",
		.kv = {.ops = OPS(COMMIT), .code = -ESTALE},
		.may_pass = true},
	{.name = "EIO after the commit", .kv = {.ops = OPS(COMMIT), .code = -EIO, .applied = true}},
};

static const struct faulty_fault commit_faults[] = {
	{.name = "EIO at the commit", .kv = {.ops = OPS(COMMIT), .code = -EIO}, .may_leave = true},
	{.name = "EIO after the commit", .kv = {.ops = OPS(COMMIT), .code = -EIO, .applied = true}},
	{.name = "ENOSPC at the commit",
		.kv = {.ops = OPS(COMMIT), .code = -ENOSPC},
		.may_leave = true}, /* a table whose next key in the tree is higher */
};

static void objects_fail(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(small); i++)
		for (size_t j = 0; j < ARRAY_SIZE(object_faults); j++)
			faulty_run(&small[i], &object_faults[j]);
}

static void metadata_fail(void **state)
{
	(void)state;
	for (size_t j = 0; j < ARRAY_SIZE(kv_faults); j++)
		faulty_run(&small[0], &kv_faults[j]);
}

static void commits_of_a_staged_import_fail(void **state)
{
	(void)state;
	for (size_t j = 0; j < ARRAY_SIZE(commit_faults); j++)
		faulty_run(&large[0], &commit_faults[j]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_fail),
		cmocka_unit_test(metadata_fail),
		cmocka_unit_test(commits_of_a_staged_import_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
