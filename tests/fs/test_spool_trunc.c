/* Truncating opens of committed blocks. */
#include "tests/fs/spool_world.h"
#include <errno.h>
#include <string.h>

#define TID 1001

static int look_up(struct spool_world *w, uint32_t tid, int refusal, uint64_t *ret_id)
{
	return fs_spool_trunc_lookup(w->p, tid, BLOCK_INO, DIR_A, "b.parquet", refusal, ret_id);
}

static void assert_nobody_sees_one(struct spool_world *w, uint32_t tid)
{
	uint64_t id = 0;

	assert_int_equal(look_up(w, tid, 0, &id), -ENOENT);
	assert_int_equal(id, 0);
}

/* OPEN, two look-ups, OPEN of W. */
static void the_second_open_finds_an_empty_file(void **state)
{
	struct spool_world *w = *state;
	char name[FS_NAME_BYTES_MAX + 1];
	uint64_t id = 0, again = 0, dir;
	struct fs_staged *f;

	assert_nobody_sees_one(w, TID);
	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -ESTALE);
	assert_int_equal(fs_spool_trunc_block(w->p, TID), BLOCK_INO);
	assert_int_equal(fs_spool_trunc_block(w->p, TID + 1), 0);
	assert_int_equal(fs_spool_trunc_block(w->p, 0), 0);
	assert_nobody_sees_one(w, TID + 1);
	assert_int_equal(
		fs_spool_trunc_lookup(w->p, TID, BLOCK_INO + 32, DIR_A, "c.parquet", 0, &id),
		-ENOENT);
	assert_int_equal(look_up(w, TID, 0, &id), 0);
	assert_int_equal(look_up(w, TID, 0, &again), 0);
	assert_int_equal(id, again);
	assert_int_equal(spool_world_entries(w, NULL), 1);
	assert_int_equal(fs_spool_trunc_opened(w->p, TID + 1, id), -ENOENT);
	assert_int_equal(fs_spool_trunc_opened(w->p, TID, id), 0);
	assert_int_equal(fs_spool_trunc_block(w->p, TID), 0);
	assert_int_equal(fs_spool_trunc_opened(w->p, TID, id), -ENOENT);
	assert_nobody_sees_one(w, TID);
	w->mono_us += 10 * FS_SPOOL_TRUNC_US;
	fs_spool_expire(w->p);
	f = fs_spool_get(w->p, id);
	assert_non_null(f);
	fs_staged_where(f, &dir, name);
	assert_int_equal(dir, DIR_A);
	assert_string_equal(name, "b.parquet");
	assert_int_equal(spool_world_size(f), 0);
	spool_world_fill(f, 12);
	assert_int_equal(spool_world_close(w, f), FS_RELEASE_DROPPED); /* one handle it was */
	assert_int_equal(spool_world_entries(w, NULL), 0);
}

static void what_is_not_opened_goes(void **state)
{
	struct spool_world *w = *state;
	uint64_t id = 0, other = 0;

	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -ESTALE);
	assert_int_equal(look_up(w, TID, 0, &id), 0);
	w->mono_us += FS_SPOOL_TRUNC_US - 1;
	fs_spool_expire(w->p);
	assert_int_equal(look_up(w, TID, 0, &other), 0);
	assert_int_equal(other, id);
	w->mono_us += 1; /* the look-up did not make it younger */
	assert_nobody_sees_one(w, TID);
	assert_null(fs_spool_get(w->p, id));
	assert_int_equal(fs_spool_trunc_opened(w->p, TID, id), -ENOENT);
	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -ESTALE);
	assert_int_equal(look_up(w, TID, 0, &id), 0);
	assert_int_equal(spool_world_entries(w, NULL), 1);
	w->mono_us += FS_SPOOL_TRUNC_US;
	fs_spool_expire(w->p);
	assert_int_equal(spool_world_entries(w, NULL), 0);
}

/* Begun anew, it is another file; and nothing is left of the one before. */
static void one_at_a_time_by_a_thread(void **state)
{
	struct spool_world *w = *state;
	uint64_t id = 0, other = 0;

	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -ESTALE);
	assert_int_equal(look_up(w, TID, 0, &id), 0);
	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -ESTALE);
	assert_int_equal(spool_world_entries(w, NULL), 0);
	assert_int_equal(look_up(w, TID, 0, &other), 0);
	assert_int_not_equal(id, other);
	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO + 32), -ESTALE);
	assert_nobody_sees_one(w, TID);
	assert_int_equal(fs_spool_trunc_begin(w->p, 0, BLOCK_INO), -EPERM);
	assert_nobody_sees_one(w, 0);
	assert_int_equal(fs_spool_trunc_opened(w->p, 0, 0), -ENOENT);
}

static void a_refusal_is_the_second_opens_answer(void **state)
{
	struct spool_world *w = *state;
	uint64_t id = 0;

	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -ESTALE);
	assert_int_equal(look_up(w, TID, -EROFS, &id), -ENOENT);
	assert_int_equal(look_up(w, TID, -EROFS, &id), -ENOENT);
	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -EROFS);
	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -ESTALE); /* forgotten */
	assert_int_equal(look_up(w, TID, -EROFS, &id), -ENOENT);
	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO + 32), -ESTALE);
	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -ESTALE);
	assert_int_equal(look_up(w, TID, -EPERM, &id), -ENOENT);
	w->mono_us += FS_SPOOL_TRUNC_US;
	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -ESTALE); /* too late */
	assert_int_equal(
		fs_spool_trunc_lookup(w->p, TID, BLOCK_INO, DIR_A, "_b.parquet", 0, &id), -ENOENT);
	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -EPERM);
	assert_int_equal(spool_world_entries(w, NULL), 0);
}

static void it_follows_the_name_looked_up(void **state)
{
	struct spool_world *w = *state;
	char name[FS_NAME_BYTES_MAX + 2];
	uint64_t id = 0, other = 0, dir;
	struct fs_staged *f;

	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -ESTALE);
	assert_int_equal(look_up(w, TID, 0, &id), 0);
	assert_int_equal(
		fs_spool_trunc_lookup(w->p, TID, BLOCK_INO, DIR_B, "c.parquet", 0, &other), 0);
	assert_int_equal(id, other);
	f = fs_spool_get(w->p, id);
	fs_staged_where(f, &dir, name);
	assert_int_equal(dir, DIR_B);
	assert_string_equal(name, "c.parquet");
	fs_staged_unref(w->p, f);
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = 0;
	assert_int_equal(
		fs_spool_trunc_lookup(w->p, TID, BLOCK_INO, DIR_B, name, 0, &id), -ENAMETOOLONG);
}

static void a_look_up_says_why_none_could_be_made(void **state)
{
	struct spool_world *w = *state;
	uint64_t id = 0;

	assert_int_equal(fs_spool_trunc_begin(w->p, TID, BLOCK_INO), -ESTALE);
	fault_io_arm(&w->fault, 1, -ENOSPC);
	assert_int_equal(look_up(w, TID, 0, &id), -ENOSPC);
	assert_int_equal(look_up(w, TID, 0, &id), 0);
	assert_int_equal(spool_world_entries(w, NULL), 1);
}

static void the_oldest_gives_way(void **state)
{
	struct spool_world *w = *state;
	uint64_t id = 0;

	for (uint32_t i = 0; i < FS_SPOOL_TRUNCS_MAX; i++) {
		w->mono_us += 1;
		assert_int_equal(fs_spool_trunc_begin(w->p, TID + i, BLOCK_INO), -ESTALE);
	}
	for (uint32_t i = 0; i < FS_SPOOL_TRUNCS_MAX; i++) {
		w->mono_us += 1;
		assert_int_equal(look_up(w, TID + i, 0, &id), 0);
	}
	assert_int_equal(spool_world_entries(w, NULL), FS_SPOOL_TRUNCS_MAX);
	assert_int_equal(fs_spool_trunc_begin(w->p, TID - 1, BLOCK_INO), -ESTALE);
	assert_int_equal(spool_world_entries(w, NULL), FS_SPOOL_TRUNCS_MAX - 1);
	assert_nobody_sees_one(w, TID);
	assert_int_equal(look_up(w, TID + 1, 0, &id), 0);
	assert_int_equal(look_up(w, TID - 1, 0, &id), 0);
}

int main(void)
{
#define SPOOL_TEST(f) cmocka_unit_test_setup_teardown(f, spool_world_setup, spool_world_teardown)
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(the_second_open_finds_an_empty_file),
		SPOOL_TEST(what_is_not_opened_goes),
		SPOOL_TEST(one_at_a_time_by_a_thread),
		SPOOL_TEST(a_refusal_is_the_second_opens_answer),
		SPOOL_TEST(it_follows_the_name_looked_up),
		SPOOL_TEST(a_look_up_says_why_none_could_be_made),
		SPOOL_TEST(the_oldest_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
