/* What is shown is JSON that parses. */
#include "tests/fuzz/wrap.h"

#include <json-c/json.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf owned auto_buf = {0};
	struct slice file = wrap_input(CODEC_SNAPSHOT, data, len, &owned);
	struct json_object *shown = NULL, *parsed = NULL;
	struct bough_error error = {0};
	struct json_tokener *tokener;
	const char *text;
	size_t n;

	if (codec_show(file, &shown, &error)) {
		FUZZ_CHECK(!shown);
		return 0;
	}
	text = json_object_to_json_string_length(shown, JSON_C_TO_STRING_PLAIN, &n);
	tokener = json_tokener_new_ex(256);
	parsed = json_tokener_parse_ex(tokener, text, (int)n + 1);
	FUZZ_CHECK(json_tokener_get_error(tokener) == json_tokener_success);
	FUZZ_CHECK(json_object_equal(shown, parsed));
	json_tokener_free(tokener);
	json_object_put(parsed);
	json_object_put(shown);
	return 0;
}
