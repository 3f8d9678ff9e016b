/* For codec_oracle.py: a file as codec_show() has it, and as the typed decoders read it. */
#include "tests/meta/sample.h"

#include <stdio.h>

#include "meta/codec.h"

#define FILE_BYTES_MAX (1 << 20)

/* What was decoded, by way of what it is encoded to. */
static int show_decoded(struct slice file, struct json_object **ret, struct bough_error *error)
{
	struct codec_snapshot s cleanup(codec_snapshot_deinit) = {0};
	struct codec_segment g cleanup(codec_segment_deinit) = {0};
	struct buf again auto_buf = {0};
	int r;

	if (!codec_segment_decode(file, &g, NULL))
		r = codec_segment_encode(&g, CODEC_ZSTD, &again);
	else
		r = codec_snapshot_decode(file, &s, error);
	if (!r && !again.len)
		r = codec_snapshot_encode(&s, CODEC_NONE, &again);
	return r ? r : codec_show(buf_slice(&again), ret, error);
}

int main(int argc, char **argv)
{
	struct json_object *both auto_json = json_object_new_object(), *shown = NULL,
				 *decoded = NULL;
	struct bough_error error = {0};
	struct buf file auto_buf = {0};
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;

	if (!f || buf_reserve(&file, FILE_BYTES_MAX))
		return 2;
	file.len = fread(file.data, 1, FILE_BYTES_MAX, f);
	fclose(f);
	if (codec_show(buf_slice(&file), &shown, &error) ||
		show_decoded(buf_slice(&file), &decoded, &error)) {
		fprintf(stderr, "%s: %s\n", argv[1], error.message);
		json_object_put(shown);
		return 1;
	}
	json_object_object_add(both, "shown", shown);
	json_object_object_add(both, "decoded", decoded);
	puts(json_object_to_json_string_ext(both, JSON_C_TO_STRING_PLAIN));
	return 0;
}
