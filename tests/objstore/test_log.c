#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "objstore/base/io.h"
#include "objstore/base/log.h"

static void lines_are_appended_whole(void **state)
{
	char dir[TEST_PATH_BYTES_MAX], path[TEST_PATH_BYTES_MAX + 8], longest[4000], *line;
	void *owned cleanup(free_p) = NULL;
	int fd cleanup(close_p) = -1;
	struct slice text;

	(void)state;
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	test_dir_make(dir);
	snprintf(path, sizeof path, "%s/log", dir);
	assert_int_equal(log_open("/nowhere/log", "x"), -ENOENT);
	assert_int_equal(log_open(path, "tester"), 0);
	log_error("lost %d", 7);
	log_warning("a name\nwith a break");
	log_info("%s", longest);
	assert_int_equal(log_open(NULL, "bough"), 0);

	fd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(io_read_file(io_system(), fd, "log", 1 << 20, &text, &owned), 0);
	line = strtok(owned, "\n");
	assert_string_equal(line + 28, "error tester: lost 7");
	assert_int_equal(line[26], 'Z');
	line = strtok(NULL, "\n");
	assert_string_equal(line + 28, "warning tester: a name?with a break");
	line = strtok(NULL, "\n");
	assert_true(strlen(line) > 2000 && strlen(line) < 2048);
	assert_null(strtok(NULL, "\n"));
	test_dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_appended_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
