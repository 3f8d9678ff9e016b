#include "tests/meta/sample.h"
#include "meta/codec.h"
#include "tests/support/test.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SAMPLE_BYTES_MAX (1 << 20)

void sample_read(const char *path, struct buf *ret)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof full, "%s/%s", SAMPLES_DIR, path);
	assert_int_equal(buf_reserve(ret, SAMPLE_BYTES_MAX), 0);
	f = fopen(full, "rb");
	if (!f)
		fail_msg("cannot open %s", full);
	ret->len = fread(ret->data, 1, SAMPLE_BYTES_MAX, f);
	fclose(f);
	assert_true(ret->len < SAMPLE_BYTES_MAX);
}

uint64_t sample_size(const char *path)
{
	struct stat st;
	char full[512];

	snprintf(full, sizeof full, "%s/%s", SAMPLES_DIR, path);
	assert_int_equal(stat(full, &st), 0);
	return (uint64_t)st.st_size;
}

static unsigned each(const char *pattern, void (*fn)(const char *path, struct slice file))
{
	size_t root = strlen(SAMPLES_DIR) + 1;
	char full[512];
	unsigned n = 0;
	glob_t g;

	snprintf(full, sizeof full, "%s/%s", SAMPLES_DIR, pattern);
	if (glob(full, 0, NULL, &g))
		return 0;
	for (; n < g.gl_pathc; n++) {
		struct buf file auto_buf = {0};

		sample_read(g.gl_pathv[n] + root, &file);
		fn(g.gl_pathv[n] + root, buf_slice(&file));
	}
	globfree(&g);
	return n;
}

unsigned sample_each_snapshot(void (*fn)(const char *path, struct slice file))
{
	return each(SAMPLE_TABLE "/_ss/*.mpk", fn) + each("databend-types/snapshot*.mpk", fn) +
	       each("legacy/legacy*.mpk", fn) + each("legacy/c_sn*.mpk", fn);
}

unsigned sample_each_segment(void (*fn)(const char *path, struct slice file))
{
	return each(SAMPLE_TABLE "/_sg/*.mpk", fn) + each("databend-types/segment*.mpk", fn) +
	       each("legacy/c_seg*.mpk", fn);
}

struct json_object *sample_json(struct json_object *object, const char *key)
{
	struct json_object *member = NULL;

	json_object_object_get_ex(object, key, &member);
	return member;
}

struct json_object *sample_show(struct slice file)
{
	struct json_object *j = NULL;
	struct bough_error error = {0};

	if (codec_show(file, &j, &error))
		fail_msg("%s", error.message);
	return j;
}
