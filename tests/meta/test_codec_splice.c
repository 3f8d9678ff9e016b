/* What is spliced has the bytes of what is encoded from the metas one by one. */
#include "tests/meta/sample.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "meta/codec_splice.h"

#define auto_segment cleanup(codec_segment_deinit)
#define auto_metas cleanup(codec_metas_free_p)
#define auto_splice cleanup(codec_splice_deinit)

/** Segments of Databend's as we would write them, and one that holds all their metas. */
struct samples {
	size_t n;
	struct buf files[64];
	struct codec_segment decoded[64];
};

static struct samples all;

static void add(const char *path, struct slice file)
{
	struct codec_segment *s = &all.decoded[all.n];
	struct bough_error error = {0};

	(void)path;
	assert_int_equal(codec_segment_decode(file, s, &error), 0);
	for (size_t i = 0; i < s->n_blocks; i++)
		s->blocks[i].given_name = strdup("x.parquet");
	assert_int_equal(codec_segment_encode(s, CODEC_ZSTD, &all.files[all.n]), 0);
	all.n++;
}

static int setup(void **state)
{
	(void)state;
	sample_each_segment(add);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < all.n; i++) {
		buf_deinit(&all.files[i]);
		codec_segment_deinit(&all.decoded[i]);
	}
	return 0;
}

static struct codec_metas *open_metas(size_t at)
{
	struct codec_metas *m;
	struct bough_error error = {0};

	assert_int_equal(codec_metas_open(buf_slice(&all.files[at]), &m, &error), 0);
	assert_int_equal(codec_metas_count(m), all.decoded[at].n_blocks);
	return m;
}

/* Borrows the metas of @s. */
static void append_all(struct codec_segment *to, const struct codec_segment *s)
{
	to->blocks = realloc(to->blocks, (to->n_blocks + s->n_blocks + 1) * sizeof *to->blocks);
	memcpy(to->blocks + to->n_blocks, s->blocks, s->n_blocks * sizeof *s->blocks);
	to->n_blocks += s->n_blocks;
}

static void assert_spliced(struct codec_splice *s, const struct codec_segment *expected)
{
	struct buf a auto_buf = {0}, b auto_buf = {0};

	assert_int_equal(codec_splice_end(s, CODEC_ZSTD, &a), 0);
	assert_int_equal(codec_segment_encode(expected, CODEC_ZSTD, &b), 0);
	assert_true(slice_equal(buf_slice(&a), buf_slice(&b)));
}

static void whole_segments(void **state)
{
	struct codec_splice s auto_splice = {0};
	struct codec_segment expected = {0};

	(void)state;
	assert_true(all.n > 40);
	for (size_t i = 0; i < all.n; i++) {
		struct codec_metas *m auto_metas = open_metas(i);

		assert_int_equal(codec_splice_whole(&s, m), 0);
		append_all(&expected, &all.decoded[i]);
	}
	assert_spliced(&s, &expected);
	free(expected.blocks);
}

/* Each pair of samples: the first without its first meta, then the last meta of the second. */
static void parts_of_segments(void **state)
{
	(void)state;
	for (size_t i = 0; i + 1 < all.n; i++) {
		struct codec_splice s auto_splice = {0};
		struct codec_segment expected = {0}, *a = &all.decoded[i], *b = a + 1;
		struct codec_metas *m auto_metas = open_metas(i), *n auto_metas = open_metas(i + 1);

		append_all(&expected, a);
		append_all(&expected, b);
		memmove(expected.blocks, expected.blocks + 1,
			(a->n_blocks - 1) * sizeof *expected.blocks);
		for (size_t k = 1; k < a->n_blocks; k++)
			assert_int_equal(codec_splice_file(&s, m, k, 1, NULL), 0);
		expected.blocks[a->n_blocks - 1] = b->blocks[b->n_blocks - 1];
		assert_int_equal(codec_splice_file(&s, n, b->n_blocks - 1, 1, NULL), 0);
		expected.n_blocks = a->n_blocks;
		assert_spliced(&s, &expected);
		free(expected.blocks);
	}
}

static void a_new_name(void **state)
{
	struct codec_splice s auto_splice = {0};
	struct codec_metas *m auto_metas = open_metas(0);
	struct codec_segment expected = {.n_blocks = 1, .blocks = all.decoded[0].blocks};
	char *before = expected.blocks[0].given_name;

	(void)state;
	assert_int_equal(codec_splice_file(&s, m, 0, 1, "\xc3\xa4.parquet"), 0);
	expected.blocks[0].given_name = strdup("\xc3\xa4.parquet");
	assert_spliced(&s, &expected);
	free(expected.blocks[0].given_name);
	expected.blocks[0].given_name = before;
}

/* A file's bytes count once, however many metas it has. */
static void a_file_of_two_row_groups(void **state)
{
	struct codec_block two[2] = {all.decoded[0].blocks[0], all.decoded[0].blocks[0]};
	struct codec_segment expected = {.n_blocks = 2, .blocks = two};
	struct codec_splice s auto_splice = {0};
	struct codec_metas *m cleanup(codec_metas_free_p) = NULL;
	struct buf file auto_buf = {0};

	(void)state;
	assert_int_equal(codec_segment_encode(&expected, CODEC_ZSTD, &file), 0);
	assert_int_equal(codec_metas_open(buf_slice(&file), &m, NULL), 0);
	assert_int_equal(codec_splice_file(&s, m, 0, 2, NULL), 0);
	assert_spliced(&s, &expected);
}

static void what_is_not_there_is_refused(void **state)
{
	struct codec_splice s auto_splice = {0};
	struct codec_metas *m auto_metas = open_metas(0), *none = NULL;
	size_t n = codec_metas_count(m);

	(void)state;
	assert_int_equal(codec_splice_file(&s, m, n, 1, NULL), -EUCLEAN);
	assert_int_equal(codec_splice_file(&s, m, 1, SIZE_MAX, NULL), -EUCLEAN);
	for (size_t len = 0; len < all.files[0].len; len += 7) {
		struct slice cut = {all.files[0].data, len};

		assert_true(codec_metas_open(cut, &none, NULL) < 0);
	}
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_segments),
		cmocka_unit_test(parts_of_segments),
		cmocka_unit_test(a_new_name),
		cmocka_unit_test(a_file_of_two_row_groups),
		cmocka_unit_test(what_is_not_there_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
