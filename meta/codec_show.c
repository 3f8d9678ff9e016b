/* Any v4 file as JSON: what is in it, not what we would make of it. */
#include "meta/codec_common_impl.h"
#include "meta/utf8_impl.h"
#include "objstore/base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A value of JSON costs some 100 bytes where MessagePack takes one: bounded by the file's size. */
#define VALUES_FREE (UINT64_C(1) << 20)
#define VALUES_PER_BYTE 256

/* json-c's NULL is JSON's null: what could not be made is told by the cursor's error. */
struct show {
	struct unpack *u;
	uint64_t values_left;
};

static void json_put_p(struct json_object **j)
{
	json_object_put(*j);
}
#define auto_json cleanup(json_put_p)

static struct json_object *show_value(struct show *s, unsigned levels);

static struct json_object *made(struct show *s, struct json_object *j)
{
	if (!j)
		unpack_fail(s->u, -ENOMEM);
	return j;
}

static struct json_object *show_float(struct show *s, double f)
{
	if (isfinite(f))
		return made(s, json_object_new_double(f));
	return made(s, json_object_new_string(isnan(f) ? "NaN" : f > 0 ? "Infinity" : "-Infinity"));
}

static struct json_object *show_hex(struct show *s, struct slice bytes)
{
	char *text cleanup(free_p) = malloc(2 * bytes.len + 1);

	if (!text)
		return made(s, NULL);
	hex_encode(bytes.data, bytes.len, text);
	return made(s, json_object_new_string(text));
}

static struct json_object *show_text(struct show *s, struct slice text)
{
	if (text.len > INT32_MAX || !utf8_valid(text)) {
		unpack_fail(s->u, -EUCLEAN);
		return NULL;
	}
	return made(s, json_object_new_string_len(text.data, (int)text.len));
}

/* A map's key as text; NULL with the cursor failed. */
static char *show_key(struct show *s)
{
	char number[24], *key = NULL;
	struct unpack_value v;

	if (!unpack_next(s->u, &v))
		return NULL;
	if (v.type == UNPACK_STR) {
		if (utf8_valid(v.bytes) && !memchr(v.bytes.data, 0, v.bytes.len))
			key = strndup(v.bytes.data, v.bytes.len);
		else
			unpack_fail(s->u, -EUCLEAN);
	} else if (v.type == UNPACK_UINT) {
		snprintf(number, sizeof number, "%" PRIu64, v.u);
		key = strdup(number);
	} else if (v.type == UNPACK_INT) {
		snprintf(number, sizeof number, "%" PRId64, v.i);
		key = strdup(number);
	} else {
		unpack_fail(s->u, -EUCLEAN);
	}
	if (!key)
		unpack_fail(s->u, -ENOMEM);
	return key;
}

static struct json_object *show_map(struct show *s, uint32_t n, unsigned levels)
{
	struct json_object *map auto_json = made(s, json_object_new_object());

	for (; n && !s->u->error; n--) {
		char *key cleanup(free_p) = show_key(s);
		struct json_object *value;

		if (key && json_object_object_get_ex(map, key, NULL))
			unpack_fail(s->u, -EUCLEAN); /* twice: one would be lost */
		value = show_value(s, levels);
		if (!s->u->error && !json_object_object_add(map, key, value))
			continue;
		json_object_put(value);
		unpack_fail(s->u, -ENOMEM);
	}
	return steal(&map);
}

static struct json_object *show_array(struct show *s, uint32_t n, unsigned levels)
{
	struct json_object *array auto_json = made(s, json_object_new_array());

	for (; n && !s->u->error; n--) {
		struct json_object *value = show_value(s, levels);

		if (!s->u->error && !json_object_array_add(array, value))
			continue;
		json_object_put(value);
		unpack_fail(s->u, -ENOMEM);
	}
	return steal(&array);
}

static struct json_object *show_value(struct show *s, unsigned levels)
{
	struct unpack_value v;

	if (!levels || !s->values_left) {
		unpack_fail(s->u, -EUCLEAN);
		return NULL;
	}
	s->values_left--;
	if (!unpack_next(s->u, &v))
		return NULL;
	switch (v.type) {
	case UNPACK_BOOL:
		return made(s, json_object_new_boolean(v.b));
	case UNPACK_UINT:
		return made(s, json_object_new_uint64(v.u));
	case UNPACK_INT:
		return made(s, json_object_new_int64(v.i));
	case UNPACK_F32:
	case UNPACK_F64:
		return show_float(s, v.f);
	case UNPACK_STR:
		return show_text(s, v.bytes);
	case UNPACK_BIN:
	case UNPACK_EXT:
		return show_hex(s, v.bytes);
	case UNPACK_ARRAY:
		return show_array(s, v.n, levels - 1);
	case UNPACK_MAP:
		return show_map(s, v.n, levels - 1);
	default:
		return NULL; /* nil */
	}
}

static int show_part(const struct codec_file *f, unsigned at, size_t file_bytes,
	struct json_object **ret, struct bough_error *error)
{
	struct json_object *j auto_json = NULL;
	struct codec_part part auto_part = {0};
	int r = codec_part_open(f, at, &part, error);
	struct unpack u;
	struct show s = {&u, VALUES_FREE + VALUES_PER_BYTE * (uint64_t)file_bytes};

	if (r)
		return r;
	u = unpack_of(part.bytes);
	j = show_value(&s, UNPACK_DEPTH_MAX);
	r = codec_unpack_error(&u, f->kind == CODEC_SNAPSHOT ? "snapshot" : "segment", error);
	if (!r)
		*ret = steal(&j);
	return r;
}

int codec_show(struct slice file, struct json_object **ret, struct bough_error *error)
{
	struct json_object *both auto_json = NULL, *blocks = NULL, *summary = NULL;
	struct codec_file f;
	int r = codec_file_open(file, &f, error);

	if (!r && f.kind == CODEC_SNAPSHOT)
		return show_part(&f, 0, file.len, ret, error);
	if (!r)
		r = show_part(&f, 0, file.len, &blocks, error);
	if (r)
		return r;
	both = json_object_new_object();
	if (!both || json_object_object_add(both, "blocks", blocks)) {
		json_object_put(blocks);
		return -ENOMEM;
	}
	r = show_part(&f, 1, file.len, &summary, error);
	if (r)
		return r;
	if (json_object_object_add(both, "summary", summary)) {
		json_object_put(summary);
		return -ENOMEM;
	}
	*ret = steal(&both);
	return 0;
}
