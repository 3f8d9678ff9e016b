/* bough-reader, or a program that only pretends to be one, for the tests of its client. */
#pragma once
#include "tests/support/test.h"

extern char helper_dir[TEST_PATH_BYTES_MAX];

/** helper_setup(), helper_teardown() - of a group: helper_dir is there, and the real helper known.
 */
int helper_setup(void **state);
int helper_teardown(void **state);
/** helper_use_real() - again, after helper_pretend() or another BOUGH_READER; a teardown, too. */
int helper_use_real(void **state);
/** helper_pretend() - a shell script as the helper; descriptor 3 is its socket. */
void helper_pretend(const char *script);
