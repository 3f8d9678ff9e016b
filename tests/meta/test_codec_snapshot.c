#include "tests/meta/sample.h"
#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "meta/codec.h"
#include "objstore/base/clock.h"
#include "objstore/base/hash.h"

#define auto_snapshot cleanup(codec_snapshot_deinit)

static void decode(struct slice file, struct codec_snapshot *ret)
{
	struct bough_error error = {0};

	if (codec_snapshot_decode(file, ret, &error))
		fail_msg("%s", error.message);
}

static const char *string_of(struct json_object *object, const char *key)
{
	return json_object_get_string(sample_json(object, key));
}

static void assert_columns(struct json_object *want, struct slice encoded)
{
	struct json_object *shown auto_json = sample_show(encoded);
	struct json_object *fields = sample_json(sample_json(shown, "schema"), "fields");

	assert_int_equal(json_object_array_length(fields), json_object_array_length(want));
	for (size_t i = 0; i < json_object_array_length(want); i++) {
		struct json_object *f = json_object_array_get_idx(fields, i);
		struct json_object *w = json_object_array_get_idx(want, i);

		assert_string_equal(string_of(f, "name"),
			json_object_get_string(json_object_array_get_idx(w, 0)));
		assert_true(json_object_equal(
			sample_json(f, "column_id"), json_object_array_get_idx(w, 1)));
		assert_true(json_object_equal(
			sample_json(f, "data_type"), json_object_array_get_idx(w, 2)));
	}
}

/* The rows of all blocks, reached through the segments; each block is the file it says it is. */
static uint64_t count_rows(const struct codec_snapshot *s)
{
	uint64_t rows = 0;

	for (size_t i = 0; i < s->n_segments; i++) {
		struct codec_segment g cleanup(codec_segment_deinit) = {0};
		struct buf file auto_buf = {0};
		char path[512];

		snprintf(path, sizeof path, "%s/%s", SAMPLE_TABLE_ROOT, s->segments[i].path);
		sample_read(path, &file);
		assert_int_equal(codec_segment_decode(buf_slice(&file), &g, NULL), 0);
		for (size_t k = 0; k < g.n_blocks; k++) {
			snprintf(path, sizeof path, "%s/%s", SAMPLE_TABLE_ROOT,
				g.blocks[k].location.path);
			assert_int_equal(sample_size(path), g.blocks[k].file_size);
			rows += g.blocks[k].row_count;
		}
		assert_int_equal(g.summary.block_count, g.n_blocks);
	}
	return rows;
}

static void assert_as_databend_reads_it(struct json_object *want)
{
	struct codec_snapshot s auto_snapshot = {0};
	struct buf file auto_buf = {0}, again auto_buf = {0};
	char path[512], hex[2 * UUID_BYTES + 1];
	uint64_t rows = json_object_get_uint64(sample_json(want, "row_count")), us = 0;

	snprintf(path, sizeof path, "%s/%s", SAMPLE_TABLE_ROOT, string_of(want, "key"));
	sample_read(path, &file);
	decode(buf_slice(&file), &s);
	hex_encode(s.id, sizeof s.id, hex);
	assert_string_equal(hex, string_of(want, "snapshot_id"));
	assert_int_equal(clock_parse_rfc3339(string_of(want, "timestamp"), &us), 0);
	assert_int_equal(s.timestamp_us / 1000, us / 1000);
	assert_int_equal(s.has_prev, sample_json(want, "prev") != NULL);
	hex_encode(s.prev_id, sizeof s.prev_id, hex);
	if (s.has_prev)
		assert_string_equal(hex, string_of(want, "prev"));
	assert_int_equal(s.summary.row_count, rows);
	assert_int_equal(count_rows(&s), rows);
	assert_int_equal(json_object_array_length(sample_json(want, "rows")), rows);
	assert_int_equal(codec_snapshot_encode(&s, CODEC_ZSTD, &again), 0);
	assert_columns(sample_json(want, "columns"), buf_slice(&again));
}

static void every_snapshot_is_as_databend_reads_it(void **state)
{
	struct json_object *expected auto_json = NULL, *snapshots;
	struct buf text auto_buf = {0};

	(void)state;
	sample_read(SAMPLE_TABLE_ROOT "/expected.json", &text);
	assert_int_equal(buf_append(&text, "", 1), 0);
	expected = json_tokener_parse((const char *)text.data);
	snapshots = sample_json(expected, "snapshots");
	assert_int_equal(json_object_array_length(snapshots), 44);
	for (size_t i = 0; i < json_object_array_length(snapshots); i++)
		assert_as_databend_reads_it(json_object_array_get_idx(snapshots, i));
}

/* What the format cannot say in col_stats has moved: compare only what stayed. */
static void assert_same_stats(struct json_object *a, struct json_object *b)
{
	json_object_object_foreach(b, leaf, value)
	{
		assert_true(json_object_equal(sample_json(a, leaf), value));
	}
}

static void assert_survives(const char *path, struct slice file)
{
	static const char *const same[] = {
		"format_version", "snapshot_id", "prev_table_seq", "prev_snapshot_id", "segments"};
	static const char *const same_sums[] = {"row_count", "block_count", "perfect_block_count",
		"uncompressed_byte_size", "compressed_byte_size", "index_size"};
	struct codec_snapshot s auto_snapshot = {0}, t auto_snapshot = {0};
	struct buf once auto_buf = {0}, twice auto_buf = {0};
	struct json_object *a auto_json = NULL, *b auto_json = NULL, *x, *y;

	decode(file, &s);
	assert_int_equal(codec_snapshot_encode(&s, CODEC_ZSTD, &once), 0);
	decode(buf_slice(&once), &t);
	assert_int_equal(codec_snapshot_encode(&t, CODEC_ZSTD, &twice), 0);
	assert_true(slice_equal(buf_slice(&once), buf_slice(&twice)));
	assert_int_equal(s.timestamp_us, t.timestamp_us);
	a = sample_show(file);
	b = sample_show(buf_slice(&once));
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		if (!json_object_equal(sample_json(a, same[i]), sample_json(b, same[i])))
			fail_msg("%s: %s", path, same[i]);
	}
	x = sample_json(a, "summary");
	y = sample_json(b, "summary");
	for (size_t i = 0; i < ARRAY_SIZE(same_sums); i++)
		assert_true(json_object_equal(
			sample_json(x, same_sums[i]), sample_json(y, same_sums[i])));
	assert_same_stats(sample_json(x, "col_stats"), sample_json(y, "col_stats"));
	assert_int_equal(json_object_object_length(sample_json(x, "col_stats")), s.summary.stats.n);
}

static void every_sample_survives(void **state)
{
	(void)state;
	assert_int_equal(sample_each_snapshot(assert_survives), 48);
}

static void read_sample(const char *path, struct codec_snapshot *ret)
{
	struct buf file auto_buf = {0};

	sample_read(path, &file);
	decode(buf_slice(&file), ret);
}

static void legacy_snapshots_hold_what_they_held(void **state)
{
	struct codec_snapshot customer auto_snapshot = {0}, many auto_snapshot = {0};
	struct codec_snapshot types auto_snapshot = {0};
	const struct stats_column *d;

	(void)state;
	read_sample("legacy/c_sn_v4.mpk", &customer);
	assert_int_equal(customer.summary.row_count, 15000000);
	assert_int_equal(customer.summary.block_count, 20);
	assert_int_equal(customer.prev_table_seq, 5430);
	assert_false(customer.has_prev);
	assert_string_equal(
		customer.segments[0].path, "5387/5428/_sg/74548221d5f34e4b8fafe60f31c4c98d_v4.mpk");
	read_sample("legacy/legacy-snapshot__b86462f440.mpk", &many);
	assert_int_equal(many.n_segments, 13105);
	assert_int_equal(many.summary.row_count, 541464);
	assert_int_equal(many.prev_table_seq, 0);
	read_sample("databend-types/snapshot_v4.mpk", &types);
	assert_int_equal(types.schema.fields[3].column_id, 6); /* after a tuple of four leaves */
	assert_int_equal(types.schema.fields[5].type.kind, SCHEMA_OTHER);
	d = &types.summary.stats.columns[0];
	assert_int_equal(d->min.kind, SCHEMA_DECIMAL256);
	assert_true(stats_value_compare(&d->min, &d->max) < 0);
	assert_int_equal(d->max.decimal[31], 0x91); /* 12345678.25 */
}

static void fill_locations(struct codec_snapshot *s, size_t n, size_t path_bytes)
{
	s->n_segments = n;
	s->segments = calloc(n + 1, sizeof *s->segments);
	for (size_t i = 0; i < n; i++) {
		memset(s->segments[i].path, 'p', path_bytes);
		s->segments[i].version = 4;
	}
}

static void the_size_is_exact(void **state)
{
	static const size_t counts[] = {0, 1, 15, 16, 65535, 65536}, lengths[] = {32, 255};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts) * ARRAY_SIZE(lengths); i++) {
		size_t n = counts[i / 2], path_bytes = lengths[i % 2];
		struct codec_snapshot s auto_snapshot = {0};
		struct buf file auto_buf = {0};
		uint64_t size = 0;

		read_sample("databend-types/snapshot_v4.mpk", &s);
		free(s.segments);
		fill_locations(&s, n, path_bytes);
		s.has_prev = n % 2;
		s.prev_version = 4;
		assert_int_equal(codec_snapshot_encode(&s, CODEC_NONE, &file), 0);
		assert_int_equal(codec_snapshot_size(&s, n, path_bytes, &size), 0);
		assert_int_equal(size, file.len);
	}
}

static void encoding_appends(void **state)
{
	struct codec_snapshot s auto_snapshot = {0}, back auto_snapshot = {0};
	struct buf file auto_buf = {0};

	(void)state;
	read_sample("databend-types/snapshot_v4.mpk", &s);
	assert_int_equal(buf_append(&file, "before", 6), 0);
	assert_int_equal(codec_snapshot_encode(&s, CODEC_NONE, &file), 0);
	decode((struct slice){file.data + 6, file.len - 6}, &back);
	assert_int_equal(back.timestamp_us, s.timestamp_us);
}

static void assert_refused(const struct buf *file, int code, const char *words)
{
	struct codec_snapshot s auto_snapshot = {0};
	struct bough_error error = {0};

	assert_int_equal(codec_snapshot_decode(buf_slice(file), &s, &error), code);
	if (!strstr(error.message, words))
		fail_msg("'%s' does not say '%s'", error.message, words);
	assert_null(s.segments);
}

static void what_is_no_snapshot_is_refused_with_words(void **state)
{
	struct buf file auto_buf = {0}, segment auto_buf = {0}, none auto_buf = {0};

	(void)state;
	sample_read("legacy/c_sn_v4.mpk", &file);
	sample_read("legacy/c_seg_v4.mpk", &segment);
	assert_refused(&none, -EUCLEAN, "neither a snapshot nor a segment");
	assert_refused(&segment, -EUCLEAN, "segment, not a snapshot");
	file.data[0] = 5;
	assert_refused(&file, -EPROTONOSUPPORT, "version 5");
	file.data[1] = 1;
	assert_refused(&file, -EUCLEAN, "neither a snapshot nor a segment");
	file.data[0] = 4;
	file.data[1] = 0;
	file.data[8] = 1;
	assert_refused(&file, -EPROTONOSUPPORT, "encoding 1");
	file.data[8] = 2;
	file.data[9] = 2;
	assert_refused(&file, -EPROTONOSUPPORT, "compression 2");
	file.data[9] = 1;
	file.len--;
	assert_refused(&file, -EUCLEAN, "do not add up");
	file.data[10]--;
	assert_refused(&file, -EUCLEAN, "zstd frame is damaged");
}

/* A field taken away is named. */
static void a_missing_field_is_named(void **state)
{
	struct codec_snapshot s auto_snapshot = {0};
	struct buf file auto_buf = {0};
	uint8_t *at;

	(void)state;
	read_sample("legacy/c_sn_v4.mpk", &s);
	assert_int_equal(codec_snapshot_encode(&s, CODEC_NONE, &file), 0);
	at = memmem(file.data, file.len, "perfect_block_count", 19);
	at[0] = 'P';
	assert_refused(&file, -EUCLEAN, "'perfect_block_count'");
}

/* Whatever holds no UUID names no object. */
static void a_short_path_is_refused(void **state)
{
	static const struct {
		size_t path_bytes;
		int result;
	} cases[] = {{31, -EUCLEAN}, {32, 0}, {255, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct codec_snapshot s auto_snapshot = {0}, t auto_snapshot = {0};
		struct buf file auto_buf = {0};

		read_sample("legacy/c_sn_v4.mpk", &s);
		free(s.segments);
		fill_locations(&s, 9, cases[i].path_bytes);
		assert_int_equal(codec_snapshot_encode(&s, CODEC_NONE, &file), 0);
		assert_int_equal(
			codec_snapshot_decode(buf_slice(&file), &t, NULL), cases[i].result);
	}
}

/* 50 MB that zstd makes some kB of: a reader would refuse them as a bomb. */
static void what_shrinks_too_well_can_be_read(void **state)
{
	struct codec_snapshot s auto_snapshot = {0}, t auto_snapshot = {0};
	struct buf file auto_buf = {0};

	(void)state;
	read_sample("legacy/c_sn_v4.mpk", &s);
	free(s.segments);
	fill_locations(&s, 200000, 255);
	assert_int_equal(codec_snapshot_encode(&s, CODEC_ZSTD, &file), 0);
	decode(buf_slice(&file), &t);
	assert_int_equal(t.n_segments, 200000);
	assert_int_equal(file.data[9], CODEC_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_snapshot_is_as_databend_reads_it),
		cmocka_unit_test(every_sample_survives),
		cmocka_unit_test(legacy_snapshots_hold_what_they_held),
		cmocka_unit_test(the_size_is_exact),
		cmocka_unit_test(encoding_appends),
		cmocka_unit_test(what_is_no_snapshot_is_refused_with_words),
		cmocka_unit_test(a_missing_field_is_named),
		cmocka_unit_test(a_short_path_is_refused),
		cmocka_unit_test(what_shrinks_too_well_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
