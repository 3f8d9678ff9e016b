#include "tests/support/test.h"

#include "meta/id.h"

#include <errno.h>
#include <string.h>

static void parts_come_back(void **state)
{
	static const uint64_t ids[] = {0, 1, 32, UINT64_C(1) << 47, ID_MAX};
	static const uint64_t times[] = {0, 1, 1800000000000, (UINT64_C(1) << 48) - 1};
	struct id_space space = {0xfff, 0x3fff}, got;
	uint8_t uuid[UUID_BYTES];
	uint64_t ms, id;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		for (size_t j = 0; j < ARRAY_SIZE(times); j++) {
			id_uuid(space, times[j], ids[i], uuid);
			assert_int_equal(id_of_uuid(uuid, &got, &ms, &id), 0);
			assert_int_equal(ms, times[j]);
			assert_int_equal(id, ids[i]);
			assert_int_equal(got.incarnation, 0xfff);
			assert_int_equal(got.store_hash, 0x3fff);
		}
}

static void bytes_are_a_uuid_v7(void **state)
{
	static const uint8_t wanted[] = {0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00, 0x7a, 0xbc, 0x92, 0x34,
		0x00, 0x00, 0x00, 0x00, 0x30, 0x39};
	struct id_space space = {0xabc, 0x1234}, got;
	uint8_t uuid[UUID_BYTES];
	uint64_t ms, id;

	(void)state;
	id_uuid(space, UINT64_C(0x018bcfe56800), 12345, uuid);
	assert_memory_equal(uuid, wanted, sizeof wanted);
	uuid[6] = 0x4a;
	assert_int_equal(id_of_uuid(uuid, &got, &ms, &id), -EINVAL);
	uuid[6] = 0x7a;
	uuid[8] = 0xc0;
	assert_int_equal(id_of_uuid(uuid, &got, &ms, &id), -EINVAL);
}

static void names_sort_by_time_then_id(void **state)
{
	char a[ID_NAME_BYTES_MAX], b[ID_NAME_BYTES_MAX];
	struct id_space space = {1, 2};
	uint8_t uuid[UUID_BYTES];

	(void)state;
	id_uuid(space, 1000, 99, uuid);
	id_name(ID_SNAPSHOT, uuid, a);
	id_uuid(space, 1001, 5, uuid);
	id_name(ID_SNAPSHOT, uuid, b);
	assert_true(strcmp(a, b) < 0);
	id_uuid(space, 1001, 6, uuid);
	id_name(ID_SNAPSHOT, uuid, a);
	assert_true(strcmp(b, a) < 0);
}

static void names_come_back(void **state)
{
	static const uint8_t uuid[UUID_BYTES] = {0x01, 0xa2, [15] = 0xff};
	char name[ID_NAME_BYTES_MAX];
	uint8_t got[UUID_BYTES];
	enum id_kind kind;

	(void)state;
	id_name(ID_BLOCK, uuid, name);
	assert_string_equal(name, "h01a200000000000000000000000000ff_v2.parquet");
	assert_int_equal(id_of_name(name, &kind, got), 0);
	assert_int_equal(kind, ID_BLOCK);
	assert_memory_equal(got, uuid, sizeof uuid);
	id_name(ID_SEGMENT, uuid, name);
	assert_string_equal(name, "h01a200000000000000000000000000ff_v4.mpk");
	assert_int_equal(id_of_name(name, &kind, got), 0);
	assert_int_equal(kind, ID_SNAPSHOT);
}

static void other_names_are_refused(void **state)
{
	static const char *const names[] = {
		"",
		"h",
		"h01a200000000000000000000000000ff",
		"01a200000000000000000000000000ff_v4.mpk",
		"h01a200000000000000000000000000fF_v4.mpk",
		"h01a200000000000000000000000000f_v4.mpk",
		"h01a200000000000000000000000000ff_v4.mpk.tmp",
		"h01a200000000000000000000000000ff_v2.mpk",
		"h01a200000000000000000000000000ff0_v2.parquet",
		"h01a2000000000000000000000000 0ff_v2.parquet",
		"g01a200000000000000000000000000ff_v2.parquet",
	};
	uint8_t got[UUID_BYTES];
	enum id_kind kind;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(id_of_name(names[i], &kind, got), -ENOENT);
}

static void random_uuids_are_v4(void **state)
{
	uint8_t a[UUID_BYTES], b[UUID_BYTES];

	(void)state;
	assert_int_equal(id_uuid_random(a), 0);
	assert_int_equal(id_uuid_random(b), 0);
	assert_memory_not_equal(a, b, sizeof a);
	assert_int_equal(a[6] >> 4, 4);
	assert_int_equal(a[8] >> 6, 2);
	assert_in_range(id_store_hash(a), 0, 0x3fff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_come_back),
		cmocka_unit_test(bytes_are_a_uuid_v7),
		cmocka_unit_test(names_sort_by_time_then_id),
		cmocka_unit_test(names_come_back),
		cmocka_unit_test(other_names_are_refused),
		cmocka_unit_test(random_uuids_are_v4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
