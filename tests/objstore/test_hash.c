#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "objstore/base/hash.h"
#include "objstore/base/hash_impl.h"

/* FIPS 180-2, appendix B. */
static const char *const abc_sha256 =
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char *const million_a_sha256 =
	"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void sha256_of_known_texts(void **state)
{
	struct sha256 *h cleanup(sha256_free_p) = sha256_new();
	uint8_t sum[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1], run[1000];

	(void)state;
	assert_int_equal(sha256_of(slice_str("abc"), sum), 0);
	hex_encode(sum, sizeof sum, hex);
	assert_string_equal(hex, abc_sha256);

	memset(run, 'a', sizeof run);
	assert_non_null(h);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(sha256_update(h, run, sizeof run), 0);
	assert_int_equal(sha256_final(h, sum), 0);
	hex_encode(sum, sizeof sum, hex);
	assert_string_equal(hex, million_a_sha256);
}

/* RFC 3720, B.4, and the usual check value. */
static void crc32c_of_known_bytes(void **state)
{
	uint8_t bytes[32] = {0};

	(void)state;
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
	memset(bytes, 0xff, sizeof bytes);
	assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
	for (uint8_t i = 0; i < sizeof bytes; i++)
		bytes[i] = i;
	assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x46dd794e);
	assert_int_equal(crc32c_portable(0, bytes, sizeof bytes), 0x46dd794e);
}

static void both_ways_agree_at_every_cut(void **state)
{
	uint64_t random = test_seed();
	uint8_t bytes[300];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)test_random(&random);
	for (size_t len = 0; len <= sizeof bytes; len++) {
		size_t cut = len ? test_random(&random) % len : 0;
		uint32_t whole = crc32c(0, bytes, len);

		assert_int_equal(whole, crc32c_portable(0, bytes, len));
		assert_int_equal(whole, crc32c(crc32c(0, bytes, cut), bytes + cut, len - cut));
	}
}

static void hex_both_ways(void **state)
{
	static const char *const bad[] = {"", "00f", "00fg", "00FF", "00ff0", "00ff00", "0x11"};
	uint8_t out[2];
	char text[5];

	(void)state;
	assert_int_equal(hex_decode("0aff", 2, out), 0);
	assert_int_equal(out[0], 0x0a);
	assert_int_equal(out[1], 0xff);
	hex_encode(out, 2, text);
	assert_string_equal(text, "0aff");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(hex_decode(bad[i], 2, out), -EINVAL);
	assert_int_equal(hex_decode("", 0, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_of_known_texts),
		cmocka_unit_test(crc32c_of_known_bytes),
		cmocka_unit_test(both_ways_agree_at_every_cut),
		cmocka_unit_test(hex_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
