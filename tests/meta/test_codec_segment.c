#include "tests/meta/sample.h"
#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "meta/codec.h"

#define auto_segment cleanup(codec_segment_deinit)

static void decode(struct slice file, struct codec_segment *ret)
{
	struct bough_error error = {0};

	if (codec_segment_decode(file, ret, &error))
		fail_msg("%s", error.message);
}

static void assert_same_members(struct json_object *a, struct json_object *b,
	const char *const *keys, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++) {
		if (!json_object_equal(sample_json(a, keys[i]), sample_json(b, keys[i])))
			fail_msg("%s: %s: %s", path, keys[i], json_object_to_json_string(b));
	}
}

/* The summary that we compute bounds the columns as Databend's own does. */
static void assert_same_bounds(struct json_object *a, struct json_object *b, const char *path)
{
	static const char *const same[] = {"min", "max", "null_count", "in_memory_size"};

	assert_int_equal(json_object_object_length(a), json_object_object_length(b));
	json_object_object_foreach(b, leaf, value)
	{
		assert_same_members(sample_json(a, leaf), value, same, ARRAY_SIZE(same), path);
	}
}

static void assert_survives(const char *path, struct slice file)
{
	static const char *const same[] = {"row_count", "block_size", "file_size", "location",
		"col_stats", "col_metas", "compression"};
	static const char *const same_sums[] = {
		"row_count", "block_count", "uncompressed_byte_size", "compressed_byte_size"};
	struct codec_segment s auto_segment = {0}, t auto_segment = {0};
	struct buf once auto_buf = {0}, twice auto_buf = {0};
	struct json_object *a auto_json = NULL, *b auto_json = NULL, *x, *y;

	decode(file, &s);
	assert_int_equal(codec_segment_encode(&s, CODEC_ZSTD, &once), 0);
	decode(buf_slice(&once), &t);
	assert_int_equal(codec_segment_encode(&t, CODEC_ZSTD, &twice), 0);
	assert_true(slice_equal(buf_slice(&once), buf_slice(&twice)));
	a = sample_show(file);
	b = sample_show(buf_slice(&once));
	assert_int_equal(json_object_array_length(sample_json(a, "blocks")), s.n_blocks);
	for (size_t i = 0; i < s.n_blocks; i++) {
		x = json_object_array_get_idx(sample_json(a, "blocks"), i);
		y = json_object_array_get_idx(sample_json(b, "blocks"), i);
		assert_same_members(x, y, same, ARRAY_SIZE(same), path);
		assert_int_equal(s.blocks[i].create_on_us, t.blocks[i].create_on_us);
		assert_true(s.blocks[i].create_on_us > 0);
	}
	x = sample_json(a, "summary");
	y = sample_json(b, "summary");
	assert_same_members(x, y, same_sums, ARRAY_SIZE(same_sums), path);
	assert_same_bounds(sample_json(x, "col_stats"), sample_json(y, "col_stats"), path);
}

static void every_sample_survives(void **state)
{
	(void)state;
	assert_int_equal(sample_each_segment(assert_survives), 44);
}

static void a_legacy_segment_holds_what_it_held(void **state)
{
	struct codec_segment s auto_segment = {0};
	struct buf file auto_buf = {0};

	(void)state;
	sample_read("legacy/c_seg_v4.mpk", &file);
	decode(buf_slice(&file), &s);
	assert_int_equal(s.n_blocks, 20);
	assert_int_equal(s.summary.row_count, 15000000);
	assert_string_equal(s.blocks[0].compression, "Lz4Raw");
	assert_int_equal(s.blocks[0].create_on_us, UINT64_C(1719988122024665));
	assert_int_equal(s.blocks[0].n_columns, 8);
	assert_int_equal(s.blocks[0].columns[0].offset, 4);
	assert_int_equal(s.blocks[0].columns[0].len, 3001272);
	assert_int_equal(s.blocks[0].stats.columns[0].max.i, 13950000);
	assert_null(s.blocks[0].given_name);
}

#define PATH "1/6/_b/h01a201d5309f7929bd36a982462632ae_v2.parquet"

/* Three metas: two of one file, one of another, with a range, an unknown one and NULLs. */
static void make_segment(struct codec_segment *s)
{
	s->n_blocks = 3;
	s->blocks = calloc(s->n_blocks, sizeof *s->blocks);
	for (size_t i = 0; i < s->n_blocks; i++) {
		struct codec_block *b = &s->blocks[i];

		b->row_count = 10 + i;
		b->block_size = 100;
		b->file_size = 1000;
		snprintf(b->location.path, sizeof b->location.path, "%s%s", PATH, i < 2 ? "" : "2");
		b->location.version = 2;
		snprintf(b->compression, sizeof b->compression, "Zstd");
		b->n_columns = 1;
		b->columns = calloc(1, sizeof *b->columns);
		*b->columns = (struct codec_column){7, 4, 50, 10};
		b->stats.n = 2;
		b->stats.columns = calloc(2, sizeof *b->stats.columns);
		b->stats.columns[0] = (struct stats_column){.leaf_id = 7,
			.has_range = true,
			.min = {.kind = SCHEMA_INT32, .i = -(int64_t)i},
			.max = {.kind = SCHEMA_INT32, .i = 5},
			.distinct = -1};
		b->stats.columns[1] = (struct stats_column){
			.leaf_id = 8, .null_count = 4, .in_memory_size = 40, .distinct = -1};
	}
	s->blocks[0].given_name = strdup("\xd0\xba ' .parquet");
	s->blocks[0].modified_us = UINT64_MAX;
}

static void what_bough_adds_survives(void **state)
{
	struct codec_segment s auto_segment = {0}, t auto_segment = {0};
	struct buf file auto_buf = {0};
	struct json_object *shown auto_json = NULL, *block;

	(void)state;
	make_segment(&s);
	assert_int_equal(codec_segment_encode(&s, CODEC_ZSTD, &file), 0);
	decode(buf_slice(&file), &t);
	assert_string_equal(t.blocks[0].given_name, s.blocks[0].given_name);
	assert_int_equal(t.blocks[0].modified_us, UINT64_MAX);
	assert_null(t.blocks[1].given_name);
	assert_int_equal(t.blocks[1].modified_us, 0);
	assert_false(t.blocks[1].stats.columns[1].has_range);
	assert_int_equal(t.blocks[1].stats.columns[1].null_count, 4);
	shown = sample_show(buf_slice(&file));
	block = json_object_array_get_idx(sample_json(shown, "blocks"), 0);
	assert_non_null(sample_json(block, "bough_name"));
	assert_int_equal(
		json_object_get_uint64(sample_json(block, "bough_modified_us")), UINT64_MAX);
	assert_null(sample_json(sample_json(block, "col_stats"), "8"));
	block = json_object_array_get_idx(sample_json(shown, "blocks"), 1);
	assert_false(json_object_object_get_ex(block, "bough_name", NULL));
}

static void the_summary_is_computed(void **state)
{
	struct codec_segment s auto_segment = {0}, t auto_segment = {0};
	struct buf file auto_buf = {0};

	(void)state;
	make_segment(&s);
	s.summary.row_count = 999; /* not read */
	assert_int_equal(codec_segment_encode(&s, CODEC_NONE, &file), 0);
	decode(buf_slice(&file), &t);
	assert_int_equal(t.summary.row_count, 10 + 11 + 12);
	assert_int_equal(t.summary.block_count, 3);
	assert_int_equal(t.summary.uncompressed_byte_size, 300);
	assert_int_equal(t.summary.compressed_byte_size, 2000); /* two files */
	assert_int_equal(t.summary.stats.n, 2);
	assert_int_equal(t.summary.stats.columns[0].min.i, -2);
	assert_int_equal(t.summary.stats.columns[1].null_count, 12);
}

static void an_empty_segment_survives(void **state)
{
	struct codec_segment s auto_segment = {0}, t auto_segment = {0};
	struct buf file auto_buf = {0};

	(void)state;
	assert_int_equal(codec_segment_encode(&s, CODEC_ZSTD, &file), 0);
	decode(buf_slice(&file), &t);
	assert_int_equal(t.n_blocks, 0);
	assert_int_equal(t.summary.row_count, 0);
}

static void sums_that_overflow_are_refused(void **state)
{
	struct codec_segment s auto_segment = {0};
	struct buf file auto_buf = {0};

	(void)state;
	make_segment(&s);
	s.blocks[2].row_count = UINT64_MAX;
	assert_int_equal(codec_segment_encode(&s, CODEC_ZSTD, &file), -EINVAL);
	assert_int_equal(file.len, 0);
}

static void assert_refused(struct slice file, const char *words)
{
	struct codec_segment s auto_segment = {0};
	struct bough_error error = {0};

	assert_int_equal(codec_segment_decode(file, &s, &error), -EUCLEAN);
	if (!strstr(error.message, words))
		fail_msg("'%s' does not say '%s'", error.message, words);
	assert_null(s.blocks);
}

/* Changes the first @from of the encoded segment into @to. */
static void patch(struct buf *file, const char *from, const char *to, size_t len)
{
	uint8_t *at = memmem(file->data, file->len, from, len);

	assert_non_null(at);
	memcpy(at, to, len);
}

static void damage_is_refused_with_words(void **state)
{
	struct codec_segment s auto_segment = {0};
	struct buf file auto_buf = {0}, snapshot auto_buf = {0};

	(void)state;
	sample_read("legacy/c_sn_v4.mpk", &snapshot);
	assert_refused(buf_slice(&snapshot), "snapshot, not a segment");
	make_segment(&s);
	assert_int_equal(codec_segment_encode(&s, CODEC_NONE, &file), 0);
	patch(&file, "Parquet", "Parkett", 7);
	assert_refused(buf_slice(&file), "'col_metas'");
	file.len = 0;
	assert_int_equal(codec_segment_encode(&s, CODEC_NONE, &file), 0);
	patch(&file, "file_size", "file_sizf", 9);
	assert_refused(buf_slice(&file), "'file_size'");
	file.len = 0;
	assert_int_equal(codec_segment_encode(&s, CODEC_NONE, &file), 0);
	patch(&file, "perfect", "perfekt", 7);
	assert_refused(buf_slice(&file), "segment's summary");
}

/* One key that comes twice would be read into one place twice. */
static void a_field_given_twice_is_refused(void **state)
{
	struct codec_segment s auto_segment = {0};
	struct buf file auto_buf = {0};

	(void)state;
	make_segment(&s);
	assert_int_equal(codec_segment_encode(&s, CODEC_NONE, &file), 0);
	patch(&file, "file_size", "row_count", 9);
	assert_refused(buf_slice(&file), "'row_count'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sample_survives),
		cmocka_unit_test(a_legacy_segment_holds_what_it_held),
		cmocka_unit_test(what_bough_adds_survives),
		cmocka_unit_test(the_summary_is_computed),
		cmocka_unit_test(an_empty_segment_survives),
		cmocka_unit_test(sums_that_overflow_are_refused),
		cmocka_unit_test(damage_is_refused_with_words),
		cmocka_unit_test(a_field_given_twice_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
