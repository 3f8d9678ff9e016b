#include "tests/refs/helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char helper_dir[TEST_PATH_BYTES_MAX];
static char *real;

int helper_setup(void **state)
{
	(void)state;
	test_dir_make(helper_dir);
	real = strdup(getenv("BOUGH_READER"));
	return real ? 0 : -1;
}

int helper_teardown(void **state)
{
	(void)state;
	free(real);
	test_dir_remove(helper_dir);
	return 0;
}

int helper_use_real(void **state)
{
	(void)state;
	return setenv("BOUGH_READER", real, 1);
}

void helper_pretend(const char *script)
{
	char path[TEST_PATH_BYTES_MAX + 8];
	FILE *f;

	snprintf(path, sizeof path, "%s/helper", helper_dir);
	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	fchmod(fileno(f), 0700);
	fclose(f);
	setenv("BOUGH_READER", path, 1);
}
