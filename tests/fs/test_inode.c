#include "fs/inode.h"
#include "tests/support/test.h"
#include <string.h>

static void numbers_hold_kind_and_id(void **state)
{
	(void)state;
	for (int kind = FS_ROOT; kind < FS_KINDS; kind++) {
		uint64_t ino = fs_ino((enum fs_kind)kind, ID_MAX);

		assert_int_equal(fs_ino_kind(ino), kind);
		assert_int_equal(fs_ino_id(ino), ID_MAX);
		assert_true(ino < UINT64_C(1) << 53);
	}
	assert_int_equal(fs_ino(FS_ROOT, 0), FS_INO_ROOT);
}

/* They are on disks of users (tar, rsync, find): never renumber a kind. */
static void kinds_are_for_ever(void **state)
{
	(void)state;
	assert_int_equal(FS_DB, 5);
	assert_int_equal(FS_TABLE, 6);
	assert_int_equal(FS_REF, 11);
	assert_int_equal(FS_SNAPSHOT, 14);
	assert_int_equal(FS_SEGMENT, 15);
	assert_int_equal(FS_BLOCK, 16);
}

static void nonsense_is_not_valid(void **state)
{
	(void)state;
	assert_true(fs_ino_valid(FS_INO_ROOT));
	assert_true(fs_ino_valid(fs_ino(FS_BLOCK, 77)));
	assert_false(fs_ino_valid(0));
	assert_false(fs_ino_valid(fs_ino(FS_BLOCK, 0)));
	assert_false(fs_ino_valid(fs_ino(FS_ROOT, 1)));
	assert_false(fs_ino_valid(fs_ino(FS_FILE, FS_FILES)));
	assert_false(fs_ino_valid(fs_ino(FS_KINDS, 5)));
	assert_false(fs_ino_valid(UINT64_MAX));
	for (unsigned i = 0; i < FS_FILES; i++)
		assert_true(strlen(fs_file_name((enum fs_file)i)) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_hold_kind_and_id),
		cmocka_unit_test(kinds_are_for_ever),
		cmocka_unit_test(nonsense_is_not_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
