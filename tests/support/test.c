#include "tests/support/test.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define FULL_FACTOR 10

const char *test_tmp(void)
{
	const char *named = getenv("TMPDIR");

	return named ? named : access("/dev/shm", W_OK | X_OK) ? "/tmp" : "/dev/shm";
}

void test_dir_make(char path[static TEST_PATH_BYTES_MAX])
{
	snprintf(path, TEST_PATH_BYTES_MAX, "%s/bough-test-XXXXXX", test_tmp());
	if (!mkdtemp(path))
		fail_msg("cannot make %s", path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void test_dir_remove(const char *path)
{
	if (path[0])
		nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

uint64_t test_scale(uint64_t n)
{
	const char *text = getenv("BOUGH_TEST_SCALE");
	bool full = text && !strcmp(text, "full");
	double scaled = (double)n * (full ? FULL_FACTOR : text ? atof(text) : 1);

	return scaled < 1 ? 1 : (uint64_t)scaled;
}

uint64_t test_seed(void)
{
	const char *text = getenv("BOUGH_TEST_SEED");
	uint64_t seed = 0;

	if (text)
		seed = strtoull(text, NULL, 0);
	else if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		seed = 1;
	print_message("BOUGH_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

uint64_t test_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}
