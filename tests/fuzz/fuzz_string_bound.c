/* A bound is one: at most 16 characters, never on the wrong side of the text. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

static size_t characters(const struct stats_value *v)
{
	size_t n = 0;

	for (size_t i = 0; i < v->bytes.len; i++)
		n += (v->bytes.data[i] & 0xc0) != 0x80;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct stats_value all = {
		.kind = SCHEMA_STRING, .bytes = {.data = (uint8_t *)data, .len = len}};

	for (int is_max = 0; is_max < 2; is_max++) {
		struct stats_value v cleanup(stats_value_deinit) = {0};
		int r = stats_string_bound((struct slice){data, len}, is_max, &v);

		FUZZ_CHECK(!r || r == -EINVAL);
		if (r)
			continue;
		FUZZ_CHECK(characters(&v) <= 16);
		FUZZ_CHECK(is_max ? stats_value_compare(&v, &all) >= 0
				  : stats_value_compare(&v, &all) <= 0);
	}
	return 0;
}
