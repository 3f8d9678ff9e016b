#include "fs/dircache.h"
#include "tests/support/test.h"

static bool keeps(struct fs_dircache *c, uint64_t dir, uint64_t version)
{
	bool keep, cache;

	fs_dircache_open(c, dir, version, &keep, &cache);
	return keep;
}

static void kept_while_the_version_stays(void **state)
{
	struct fs_dircache *c cleanup(fs_dircache_free_p) = NULL;

	(void)state;
	assert_int_equal(fs_dircache_new(&c), 0);
	assert_false(keeps(c, 41, 7));
	assert_true(keeps(c, 41, 7));
	assert_false(keeps(c, 41, 8));
	assert_true(keeps(c, 41, 8));
	assert_false(keeps(c, 73, 8));
}

/* Opened before a commit, read after another has opened it: that fills the cache with old names. */
static void an_old_handle_spoils_what_it_fills(void **state)
{
	struct fs_dircache *c cleanup(fs_dircache_free_p) = NULL;

	(void)state;
	assert_int_equal(fs_dircache_new(&c), 0);
	assert_false(keeps(c, 41, 7));
	assert_false(keeps(c, 41, 8));
	fs_dircache_read(c, 41, 7, 10);
	assert_false(keeps(c, 41, 8));
	fs_dircache_read(c, 41, 8, 10);
	assert_true(keeps(c, 41, 8));
}

static void large_directories_are_not_cached(void **state)
{
	struct fs_dircache *c cleanup(fs_dircache_free_p) = NULL;
	bool keep, cache;

	(void)state;
	assert_int_equal(fs_dircache_new(&c), 0);
	fs_dircache_open(c, 41, 7, &keep, &cache);
	assert_true(cache);
	fs_dircache_read(c, 41, 7, FS_DIR_CACHED_MAX + 1);
	fs_dircache_open(c, 41, 7, &keep, &cache);
	assert_false(cache);
	assert_false(keep);
	fs_dircache_open(c, 41, 8, &keep, &cache);
	assert_false(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_while_the_version_stays),
		cmocka_unit_test(an_old_handle_spoils_what_it_fills),
		cmocka_unit_test(large_directories_are_not_cached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
