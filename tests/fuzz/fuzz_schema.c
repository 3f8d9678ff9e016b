/* A schema that decodes can be copied, told, matched; encoded it is a fixed point. */
#include "tests/fuzz/fuzz.h"

static void use(const struct schema *s)
{
	struct schema copy auto_schema = {0};
	struct schema_leaf *leaves cleanup(free_p) = NULL;
	uint32_t *ids cleanup(free_p) = NULL;
	struct bough_error error = {0};
	size_t n = 0, n_ids = 0;

	FUZZ_CHECK(!schema_leaves(s, &leaves, &n));
	FUZZ_CHECK(n <= SCHEMA_FIELDS_MAX);
	FUZZ_CHECK(!schema_copy(s, &copy));
	for (size_t i = 0; i < s->n_fields; i++) {
		struct buf text auto_buf = {0};

		FUZZ_CHECK(schema_type_equal(&s->fields[i].type, &copy.fields[i].type));
		FUZZ_CHECK(!schema_type_text(&s->fields[i].type, &text));
	}
	if (schema_match(s, &copy, &ids, &n_ids, &error))
		return; /* two columns of one name */
	FUZZ_CHECK(n_ids == n);
	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK(ids[i] == leaves[i].column_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct schema s auto_schema = {0}, t auto_schema = {0};
	struct buf once auto_buf = {0}, twice auto_buf = {0};

	if (schema_decode((struct slice){data, len}, &s)) {
		FUZZ_CHECK(!s.fields && !s.metadata.data);
		return 0;
	}
	use(&s);
	FUZZ_CHECK(!schema_encode(&s, &once));
	FUZZ_CHECK(!schema_decode(buf_slice(&once), &t));
	FUZZ_CHECK(!schema_encode(&t, &twice));
	FUZZ_CHECK(slice_equal(buf_slice(&once), buf_slice(&twice)));
	return 0;
}
