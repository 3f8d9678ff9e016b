#include "fs/mountpoint.h"
#include "tests/support/test.h"
#include <stdio.h>
#include <errno.h>
#include <string.h>

static const char table[] =
	"22 1 0:20 / / rw,relatime - ext4 /dev/vda rw\n"
	"30 22 0:41 / /mnt/b rw,nosuid - fuse.bough /st\\040ore rw,user_id=0\n"
	"31 22 0:42 / /mnt/b rw,nosuid shared:7 master:3 - fuse.bough /second rw\n"
	"32 22 0:43 / /mnt/with\\040space rw - fuse.sshfs host:/ rw\n"
	"short line\n";

static int find(const char *real, struct fs_mounted *ret)
{
	char copy[sizeof table];

	memcpy(copy, table, sizeof table);
	return fs_mountpoint_parse(copy, real, ret);
}

static void the_topmost_mount_is_found(void **state)
{
	struct fs_mounted m cleanup(fs_mounted_deinit) = {0};

	(void)state;
	assert_int_equal(find("/mnt/b", &m), 0);
	assert_int_equal(m.minor, 42);
	assert_true(m.is_ours);
	assert_string_equal(m.source, "/second");
}

static void others_are_not_ours(void **state)
{
	struct fs_mounted m cleanup(fs_mounted_deinit) = {0};

	(void)state;
	assert_int_equal(find("/mnt/with space", &m), 0);
	assert_false(m.is_ours);
	assert_int_equal(find("/mnt/none", &m), -ENOENT);
	assert_int_equal(find("/mnt", &m), -ENOENT);
}

static void the_last_part_is_not_followed(void **state)
{
	char dir[TEST_PATH_BYTES_MAX], link[300], want[300];
	char *real cleanup(free_p) = NULL;

	(void)state;
	test_dir_make(dir);
	snprintf(link, sizeof link, "%s/./link/", dir);
	snprintf(want, sizeof want, "%s/link", dir);
	assert_int_equal(symlink("/etc", want), 0);
	assert_int_equal(fs_mountpoint_real(link, &real), 0);
	assert_string_equal(real, want);
	test_dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_topmost_mount_is_found),
		cmocka_unit_test(others_are_not_ours),
		cmocka_unit_test(the_last_part_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
