/* Bits that flip, bytes that are missing: found out, or harmless; never a crash. */
#include "tests/meta/sample.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "meta/codec.h"

#define FLIPS_PER_FILE 11 /* of 92 files: a thousand in all */

static uint64_t seed;
static unsigned n_flips, n_found;

/* Return: does anybody see that @file is damaged? */
static bool is_found(struct slice file)
{
	struct codec_snapshot s cleanup(codec_snapshot_deinit) = {0};
	struct codec_segment g cleanup(codec_segment_deinit) = {0};
	struct json_object *shown auto_json = NULL;
	struct bough_error e[3] = {0};
	int r[] = {codec_snapshot_decode(file, &s, &e[0]), codec_segment_decode(file, &g, &e[1]),
		codec_show(file, &shown, &e[2])};

	for (int i = 0; i < 3; i++) {
		assert_true(r[i] == 0 || r[i] == -EUCLEAN || r[i] == -EPROTONOSUPPORT);
		assert_int_equal(r[i], e[i].code); /* always with words */
	}
	return r[0] && r[1];
}

static void flip(const char *path, struct slice file)
{
	(void)path;
	assert_false(is_found(file));
	for (unsigned i = 0; i < FLIPS_PER_FILE; i++) {
		uint8_t *copy cleanup(free_p) = malloc(file.len);
		uint64_t bit = test_random(&seed) % (8 * file.len);

		memcpy(copy, file.data, file.len);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		n_flips++;
		n_found += is_found((struct slice){copy, file.len});
	}
}

static void flipped_bits(void **state)
{
	(void)state;
	seed = test_seed();
	sample_each_snapshot(flip);
	sample_each_segment(flip);
	print_message("%u of %u flips found by the codecs alone\n", n_found, n_flips);
	assert_true(n_flips >= 1000);
}

static void cut(const char *path, struct slice file)
{
	size_t step = file.len / 64 + 1;

	(void)path;
	for (size_t n = 0; n < file.len; n += step) {
		uint8_t *copy cleanup(free_p) = malloc(n + 1);

		memcpy(copy, file.data, n);
		assert_true(is_found((struct slice){copy, n}));
	}
}

static void missing_ends(void **state)
{
	(void)state;
	sample_each_snapshot(cut);
	sample_each_segment(cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flipped_bits),
		cmocka_unit_test(missing_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
