/* What every unit test includes first: cmocka with what it wants before it. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEST_PATH_BYTES_MAX 256

/** test_tmp() - where tests make their folders: $TMPDIR, else in memory if there is such a place.
 */
const char *test_tmp(void);
/** test_dir_make() - a fresh directory below test_tmp(); aborts the test where it cannot. */
void test_dir_make(char path[static TEST_PATH_BYTES_MAX]);
/** test_dir_remove() - with all that is in it; takes "". */
void test_dir_remove(const char *path);
/** test_scale() - @n times $BOUGH_TEST_SCALE (1 unless set; "full" is 10), at least 1. */
uint64_t test_scale(uint64_t n);
/** test_seed() - $BOUGH_TEST_SEED or a fresh one; printed, so that a failure can be run again. */
uint64_t test_seed(void);
/** test_random() - the next number of a sequence that @state decides (splitmix64). */
uint64_t test_random(uint64_t *state);
