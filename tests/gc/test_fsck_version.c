/* What is exported of refs, lost, damaged or out of date: named by the full check, and mended. */
#include "tests/gc/world.h"
#include "refs/export.h"
#include "tests/support/mkstore.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FLIPS 30 /* of an object */

/** A table with objects, exported: main, a branch that was renamed, one that was dropped. */
struct exported {
	struct fixture f; /* its store is closed between two steps */
	uint64_t table, main, dev, gone;
};

static void open_store(struct exported *x)
{
	assert_int_equal(refs_store_open(x->f.path, REFS_ROLE_CLI, &x->f.store, NULL), 0);
}

static void close_store(struct exported *x)
{
	refs_store_close(x->f.store);
	x->f.store = NULL;
}

static void export_all(struct exported *x)
{
	struct refs_exported done;

	assert_int_equal(refs_export_run(x->f.store, &done, NULL), 0);
}

static int drop_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	return refs_ref_drop(x, *(uint64_t *)arg, error);
}

static int rename_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	return refs_ref_rename(x, *(uint64_t *)arg, "dev2", error);
}

static int setup(void **state)
{
	struct exported *x = calloc(1, sizeof *x);
	struct mkstore_options options = {.blocks = 3, .has_objects = true};
	struct mkstore_made made;

	test_dir_make(x->f.path);
	assert_int_equal(mkstore_run(x->f.path, &options, &made, NULL), 0);
	x->table = made.table;
	x->main = made.main_ref;
	open_store(x);
	x->dev = fixture_branch(&x->f, x->table, 0, "dev");
	x->gone = fixture_branch(&x->f, x->table, 0, "gone");
	export_all(x);
	assert_int_equal(refs_write(x->f.store, rename_body, &x->dev, NULL), 0);
	assert_int_equal(refs_write(x->f.store, drop_body, &x->gone, NULL), 0);
	export_all(x);
	close_store(x);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct exported *x = *state;

	test_dir_remove(x->f.path);
	free(x);
	return 0;
}

/* The last of the objects that match, in the order of their names. */
static void find(const struct exported *x, const char *pattern, char ret[static 512])
{
	char all[512];
	glob_t g;

	snprintf(all, sizeof all, "%s/objects/%s", x->f.path, pattern);
	assert_int_equal(glob(all, 0, NULL, &g), 0);
	snprintf(ret, 512, "%s", g.gl_pathv[g.gl_pathc - 1]);
	globfree(&g);
	chmod(ret, 0644);
}

static void find_version(const struct exported *x, uint64_t ref, char ret[static 512])
{
	char pattern[64];

	snprintf(pattern, sizeof pattern, "*/*/_refs/%llu/r*.json", (unsigned long long)ref);
	find(x, pattern, ret);
}

/* @pattern NULL: nothing is found. */
static void assert_found(const struct exported *x, const char *pattern)
{
	struct findings l;
	struct fsck_report report;

	assert_int_equal(world_check(x->f.path, true, &l, &report), 0);
	if (l.n != (pattern ? 1 : 0) || (pattern && !world_says(l.text, pattern)))
		fail_msg("wanted %s, found:\n%s", pattern ? pattern : "nothing", l.text);
	assert_int_equal(world_check(x->f.path, false, &l, &report), 0);
	assert_int_equal(l.n, 0); /* only the full check reads objects */
}

static void assert_mended(struct exported *x, const char *pattern)
{
	struct findings l;
	struct fsck_report report;

	assert_found(x, pattern);
	assert_int_equal(world_repair(x->f.path, true, &l, &report), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(l.repaired, 1);
	open_store(x);
	export_all(x);
	close_store(x);
	assert_found(x, NULL);
}

static void what_waits_is_not_missed(void **state)
{
	struct exported *x = *state;

	assert_found(x, NULL);
	open_store(x);
	fixture_branch(&x->f, x->table, 0, "new");
	close_store(x);
	assert_found(x, NULL);
}

static void a_lost_version_is_written_again(void **state)
{
	struct exported *x = *state;
	char path[512];

	find_version(x, x->main, path);
	assert_int_equal(unlink(path), 0);
	assert_mended(x, "bench.t/main: no exported version of it is there");
}

static void the_one_before_is_out_of_date(void **state)
{
	struct exported *x = *state;
	char path[512];

	find_version(x, x->dev, path);
	assert_int_equal(unlink(path), 0);
	assert_mended(x, "bench.t/dev2: its exported version % differs from its records");
	find_version(x, x->gone, path);
	assert_int_equal(unlink(path), 0);
	assert_mended(x, "bench.t/gone: its exported version % differs from its records");
}

static void assert_flips_found(struct exported *x, const char *path, const char *pattern)
{
	uint64_t random = test_seed(), flips = test_scale(FLIPS);

	for (uint64_t i = 0; i < flips; i++) {
		uint64_t again = random;

		world_flip(path, &random);
		assert_found(x, pattern);
		world_flip(path, &again); /* and back */
	}
	world_flip(path, &random);
}

static void each_flipped_bit_is_found(void **state)
{
	struct exported *x = *state;
	char path[512];

	find_version(x, x->dev, path);
	assert_flips_found(x, path, "bench.t/dev2: its exported version % is damaged");
	assert_mended(x, "bench.t/dev2: its exported version % is damaged");
	find(x, "_export/m*.json", path);
	assert_flips_found(x, path, "the newest marker of what is exported, % is damaged");
	assert_mended(x, "the newest marker of what is exported, % is damaged");
	find(x, "_owner.json", path);
	assert_flips_found(x, path, "the owner's object, _owner.json, is damaged");
	unlink(path);
	assert_mended(x, "the owner's object is missing");
}

static void a_lost_marker_is_followed_by_another(void **state)
{
	struct exported *x = *state;
	char path[512];

	find(x, "_export/m*.json", path);
	assert_int_equal(unlink(path), 0);
	assert_mended(x, "the newest marker of what is exported, % is missing");
}

static int lose_head_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct rec_ref ref;
	int r = rec_ref_get(x->kv, *(uint64_t *)arg, &ref);

	(void)error;
	return r ? r : rec_del(x->kv, KEY_SNAPSHOT, ref.head);
}

/* Else the repair would have it exported, which ends each pass. */
static void a_damaged_record_says_nothing_of_its_version(void **state)
{
	struct exported *x = *state;
	struct findings l;
	struct fsck_report report;

	open_store(x);
	assert_int_equal(refs_write(x->f.store, lose_head_body, &x->dev, NULL), 0);
	export_all(x);
	close_store(x);
	world_check(x->f.path, true, &l, &report);
	assert_true(l.n);
	assert_null(strstr(l.text, "exported version"));
	world_repair(x->f.path, true, &l, &report);
	open_store(x);
	export_all(x);
	close_store(x);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_waits_is_not_missed),
		T(a_lost_version_is_written_again),
		T(the_one_before_is_out_of_date),
		T(each_flipped_bit_is_found),
		T(a_lost_marker_is_followed_by_another),
		T(a_damaged_record_says_nothing_of_its_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
