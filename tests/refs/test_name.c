#include "refs/name.h"
#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void refs_have_rules(void **state)
{
	static const char *const good[] = {"dev", "a", "v1.0", "A-b_c.d", "0", "main2", "x.lock.y"};
	static const char *const bad[] = {"", ".a", "a.", "-a", "_a", "a..b", "a.lock", ".lock",
		"main", "HEAD", "data", "a/b", "a b", "ä", "a\n", "a%"};
	char longest[258];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(name_check_ref(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct bough_error e = {0};

		assert_int_equal(name_check_ref(bad[i], &e), -EINVAL);
		assert_non_null(strstr(e.message, "cannot name a branch or tag"));
	}
	memset(longest, 'x', 257);
	longest[255] = 0;
	assert_int_equal(name_check_ref(longest, NULL), 0);
	longest[255] = 'x';
	longest[256] = 0;
	assert_int_equal(name_check_ref(longest, NULL), -EINVAL);
}

static void objects_are_any_utf8(void **state)
{
	char longest[257];

	(void)state;
	assert_int_equal(name_check_object("orders", "table", NULL), 0);
	assert_int_equal(name_check_object("日本/..", "table", NULL), 0);
	assert_int_equal(name_check_object("", "table", NULL), -EINVAL);
	assert_int_equal(name_check_object("\xff", "table", NULL), -EINVAL);
	assert_int_equal(name_check_object("\xc0\x80", "table", NULL), -EINVAL);
	assert_int_equal(name_check_object("\xed\xa0\x80", "table", NULL), -EINVAL);
	memset(longest, '/', 86);
	longest[85] = 0; /* 85 * 3 = 255 */
	assert_int_equal(name_check_object(longest, "table", NULL), 0);
	longest[85] = '/';
	longest[86] = 0;
	assert_int_equal(name_check_object(longest, "table", NULL), -EINVAL);
}

static void paths_go_both_ways(void **state)
{
	static const char *const names[][2] = {{"orders", "orders"}, {"a/b", "a%2Fb"},
		{"_x", "%5Fx"}, {".x", "%2Ex"}, {"x_.", "x_."}, {"100%", "100%25"},
		{"a\tb\x7f", "a%09b%7F"}, {"ä", "ä"}};
	static const char *const bad[] = {"a%", "a%2", "a%2f", "a%41", "a%00", "_x", ".x", "%zz"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *path cleanup(free_p) = NULL, *back cleanup(free_p) = NULL;

		assert_int_equal(name_to_path(names[i][0], &path), 0);
		assert_string_equal(path, names[i][1]);
		assert_int_equal(name_of_path(path, &back), 0);
		assert_string_equal(back, names[i][0]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *back = NULL;

		assert_int_equal(name_of_path(bad[i], &back), -EINVAL);
		assert_null(back);
	}
}

static void check_target(
	const char *text, const char *db, const char *table, const char *ref, const char *moment)
{
	struct name_target t cleanup(name_target_deinit) = {0};

	assert_int_equal(name_target_parse(text, &t, NULL), 0);
	assert_string_equal(t.db, db);
	assert_string_equal(t.table, table);
	assert_string_equal(t.ref ? t.ref : "-", ref);
	assert_string_equal(t.moment ? t.moment : "-", moment);
}

static void targets_are_parsed(void **state)
{
	static const char *const bad[] = {"", "db", "db.", ".t", "db.t/", "db.t@", "db.t/r@",
		"\"db.t", "\"db\"x.t", "\"\".t"};

	(void)state;
	check_target("db.t", "db", "t", "-", "-");
	check_target("db.t/dev", "db", "t", "dev", "-");
	check_target("db.t/dev@-2h", "db", "t", "dev", "-2h");
	check_target("db.t@2026-11-21T07:34:00Z", "db", "t", "-", "2026-11-21T07:34:00Z");
	check_target("db.\"t/x\"/dev", "db", "t/x", "dev", "-");
	check_target("\"a.b\".\"say \"\"hi\"\"\"", "a.b", "say \"hi\"", "-", "-");
	check_target("db.t.x", "db", "t.x", "-", "-");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct name_target t = {0};
		struct bough_error e = {0};

		assert_int_equal(name_target_parse(bad[i], &t, &e), -EINVAL);
		assert_non_null(strstr(e.message, "expected db.table"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refs_have_rules),
		cmocka_unit_test(objects_are_any_utf8),
		cmocka_unit_test(paths_go_both_ways),
		cmocka_unit_test(targets_are_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
