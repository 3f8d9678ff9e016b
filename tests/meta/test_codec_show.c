#include "tests/meta/sample.h"
#include "tests/support/test.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "meta/codec_frame_impl.h"
#include "meta/codec_pack_impl.h"

/* A snapshot file, uncompressed, with @payload. */
static void wrap(const struct buf *payload, struct buf *ret)
{
	assert_int_equal(codec_file_append(CODEC_SNAPSHOT, CODEC_NONE, payload, ret), 0);
}

static void pack_all(struct pack *p)
{
	pack_map(p, 9);
	pack_str(p, "nan");
	pack_f64(p, NAN);
	pack_str(p, "up");
	pack_f32(p, INFINITY);
	pack_str(p, "down");
	pack_f64(p, -INFINITY);
	pack_str(p, "float");
	pack_f32(p, 0.5f);
	pack_key_u64(p, "most", UINT64_MAX);
	pack_str(p, "least");
	pack_i64(p, INT64_MIN);
	pack_str(p, "bin");
	pack_bin(p, "\x00\xff", 2);
	pack_str(p, "map");
	pack_map(p, 3);
	pack_u64(p, UINT64_MAX);
	pack_u64(p, 1);
	pack_i64(p, -1);
	pack_nil(p);
	pack_str(p, "\xc3\xbc");
	pack_raw(p, (struct slice){"\x93\xc2\xc3\xd4\x05\xab", 6});
	pack_key_nil(p, "nil");
}

static void every_value_has_its_json(void **state)
{
	static const char want[] =
		"{\"nan\":\"NaN\",\"up\":\"Infinity\",\"down\":\"-Infinity\",\"float\":0.5,"
		"\"most\":18446744073709551615,\"least\":-9223372036854775808,\"bin\":\"00ff\","
		"\"map\":{\"18446744073709551615\":1,\"-1\":null,\"\xc3\xbc\":[false,true,\"05ab\"]"
		"},"
		"\"nil\":null}";
	struct buf payload auto_buf = {0}, file auto_buf = {0};
	struct json_object *shown auto_json = NULL;
	struct pack p;

	(void)state;
	pack_init(&p, &payload);
	pack_all(&p);
	wrap(&payload, &file);
	shown = sample_show(buf_slice(&file));
	assert_string_equal(json_object_to_json_string_ext(shown, JSON_C_TO_STRING_PLAIN), want);
}

static void a_segment_has_two_parts(void **state)
{
	struct buf file auto_buf = {0};
	struct json_object *shown auto_json = NULL;

	(void)state;
	sample_read("legacy/c_seg_v4.mpk", &file);
	shown = sample_show(buf_slice(&file));
	assert_int_equal(json_object_object_length(shown), 2);
	assert_int_equal(json_object_array_length(sample_json(shown, "blocks")), 20);
	assert_int_equal(
		json_object_get_int64(sample_json(sample_json(shown, "summary"), "row_count")),
		15000000);
}

static void a_uuid_is_hex_digits(void **state)
{
	struct buf file auto_buf = {0};
	struct json_object *shown auto_json = NULL;

	(void)state;
	sample_read("legacy/c_sn_v4.mpk", &file);
	shown = sample_show(buf_slice(&file));
	assert_string_equal(json_object_get_string(sample_json(shown, "snapshot_id")),
		"f0b3d353e4dc48e2a354fbce91315a82");
}

static void show_one(const char *path, struct slice file)
{
	struct json_object *shown auto_json = sample_show(file);

	(void)path;
	assert_true(json_object_object_length(shown) >= 2);
}

static void every_sample_can_be_shown(void **state)
{
	(void)state;
	assert_int_equal(sample_each_snapshot(show_one), 48);
	assert_int_equal(sample_each_segment(show_one), 44);
}

static void assert_refused(const char *payload, size_t len)
{
	struct buf body auto_buf = {0}, file auto_buf = {0};
	struct json_object *shown = NULL;
	struct bough_error error = {0};

	assert_int_equal(buf_append(&body, payload, len), 0);
	wrap(&body, &file);
	assert_int_equal(codec_show(buf_slice(&file), &shown, &error), -EUCLEAN);
	assert_null(shown);
	assert_string_not_equal(error.message, "");
}

static void what_json_cannot_say_is_refused(void **state)
{
	char deep[200];

	(void)state;
	assert_refused("", 0);
	assert_refused("\xc1", 1);
	assert_refused("\x01\x02", 2);	       /* two values */
	assert_refused("\xa1\xff", 2);	       /* not UTF-8 */
	assert_refused("\x81\xa1\x00\x01", 4); /* NUL in a key */
	assert_refused("\x82\x01\x01\xa1"
		       "1\x01",
		6);				   /* two keys, one text */
	assert_refused("\x81\xc0\x01", 3);	   /* a key that is no text */
	assert_refused("\xdd\xff\xff\xff\xff", 5); /* more than there is */
	memset(deep, 0x91, sizeof deep);
	assert_refused(deep, sizeof deep);
}

/* 3 MB of numbers, in a file of less than 4 kB, would be 200 MB of JSON. */
static void a_bomb_is_refused(void **state)
{
	struct buf body auto_buf = {0}, file auto_buf = {0};
	struct json_object *shown = NULL;
	struct pack p;

	(void)state;
	pack_init(&p, &body);
	pack_array(&p, 3 << 20);
	for (unsigned i = 0; i < 3 << 20; i++)
		pack_u64(&p, 7);
	assert_int_equal(codec_file_append(CODEC_SNAPSHOT, CODEC_ZSTD, &body, &file), 0);
	assert_true(file.len < 1 << 12);
	assert_int_equal(codec_show(buf_slice(&file), &shown, NULL), -EUCLEAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_has_its_json),
		cmocka_unit_test(a_segment_has_two_parts),
		cmocka_unit_test(a_uuid_is_hex_digits),
		cmocka_unit_test(every_sample_can_be_shown),
		cmocka_unit_test(what_json_cannot_say_is_refused),
		cmocka_unit_test(a_bomb_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
