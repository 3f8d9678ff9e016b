/* Words, sizes, times, names and tables of the command line. */
#include "tests/support/test.h"
#include "tools/cli_impl.h"

#include <locale.h>
#include <string.h>

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(cli_distance("branch", "branch", 3), 0);
	assert_int_equal(cli_distance("brnch", "branch", 3), 1);
	assert_int_equal(cli_distance("BRANCH", "branch", 3), 0);
	assert_int_equal(cli_distance("", "abc", 9), 3);
	assert_int_equal(cli_distance("kitten", "sitting", 9), 3);
	assert_int_equal(cli_distance("kitten", "sitting", 2), 3);
	assert_int_equal(cli_distance("abc", "xyz", 1), 2);
}

static void test_nearest(void **state)
{
	struct cli_nearest n;
	char longer[400];

	(void)state;
	cli_nearest_init(&n, "ordrs");
	cli_nearest_offer(&n, "items");
	cli_nearest_offer(&n, "order_items");
	assert_string_equal(n.best, "");
	cli_nearest_offer(&n, "orderss");
	cli_nearest_offer(&n, "orders");
	cli_nearest_offer(&n, "orderss");
	assert_string_equal(n.best, "orders");
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = 0;
	cli_nearest_init(&n, longer);
	cli_nearest_offer(&n, longer);
	assert_string_equal(n.best, "");
}

static void test_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		bool human;
		const char *text;
	} cases[] = {{0, true, "0"}, {1023, true, "1023"}, {1024, true, "1.0K"},
		{1536, true, "1.5K"}, {1536, false, "1536"}, {1048575, true, "1.0M"},
		{UINT64_C(3) << 30, true, "3.0G"}, {UINT64_MAX, true, "16.0E"},
		{UINT64_MAX, false, "18446744073709551615"}};
	char text[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cli_format_bytes(cases[i].bytes, cases[i].human, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_zones(void **state)
{
	const uint64_t us = UINT64_C(1795246440123456); /* 2026-11-21T07:34:00.123456Z */
	char text[40];

	(void)state;
	cli_format_time(us, true, text); /* without --tz: UTC, whatever TZ is */
	assert_string_equal(text, "2026-11-21T07:34:00.123456Z");
	assert_int_equal(cli_set_zone("+05:30"), 0);
	cli_format_time(us, false, text);
	assert_string_equal(text, "2026-11-21T13:04:00+05:30");
	assert_int_equal(cli_set_zone("-03:00"), 0);
	cli_format_time(us, true, text);
	assert_string_equal(text, "2026-11-21T04:34:00.123456-03:00");
	assert_int_equal(cli_set_zone("utc"), 0);
	cli_format_time(0, false, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	assert_true(cli_set_zone("+5:30") < 0);
	assert_true(cli_set_zone("+24:00") < 0);
	assert_true(cli_set_zone("+05:30x") < 0);
	assert_true(cli_set_zone("/etc/localtime") < 0);
	assert_true(cli_set_zone("") < 0);
}

static void test_clean(void **state)
{
	struct buf b auto_buf = {0};

	(void)state;
	assert_int_equal(cli_clean("a\033[1m\n\xff"
				   "ö\xc2\x9b",
				 &b),
		0);
	assert_int_equal(buf_append(&b, "", 1), 0);
	assert_string_equal((const char *)b.data, "a\\x1b[1m\\x0a\\xffö\\xc2\\x9b");
	assert_int_equal(cli_width("東京ö"), 5);
	assert_int_equal(cli_width("o\xcc\x88"), 1);
}

/* Whatever a name holds, what is printed can be typed. */
static void test_names(void **state)
{
	static const char *const parts[] = {"orders", "my.db", "t/x", "a@b", "\"", "\"\"x", "a\"b",
		"größe", "with space", "x.y/z@w\"", "."};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (size_t k = 0; k < ARRAY_SIZE(parts); k++) {
			char *text cleanup(free_p) = cli_name(parts[i], parts[k], "v1.0");
			char *db cleanup(free_p) = cli_name(parts[i], NULL, NULL);
			char *back cleanup(free_p) = NULL;
			struct name_target t cleanup(name_target_deinit) = {0};
			struct cli c = {0};

			assert_int_equal(name_target_parse(text, &t, NULL), 0);
			assert_string_equal(t.db, parts[i]);
			assert_string_equal(t.table, parts[k]);
			assert_string_equal(t.ref, "v1.0");
			assert_null(t.moment);
			assert_int_equal(cli_parse_name(&c, db, &back), 0);
			assert_string_equal(back, parts[i]);
		}
}

static void test_shell(void **state)
{
	static const char *const words[] = {"a.b/c", "a.\"t/x\"/d", "it's", "", "$(date)", "a b"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		char *word cleanup(free_p) = cli_shell(words[i]), *command cleanup(free_p) = NULL;
		char line[64];
		FILE *p;

		assert_true(asprintf(&command, "printf '%%s' %s; echo .", word) > 0);
		p = popen(command, "r");
		assert_non_null(p);
		assert_non_null(fgets(line, sizeof line, p));
		assert_int_equal(pclose(p), 0);
		line[strlen(line) - 2] = 0; /* the dot and the newline */
		assert_string_equal(line, words[i]);
	}
}

static void test_name_plain(void **state)
{
	char *text cleanup(free_p) = cli_name("sales", "orders", NULL);

	(void)state;
	assert_string_equal(text, "sales.orders");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_distance),
		cmocka_unit_test(test_nearest), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_zones), cmocka_unit_test(test_clean),
		cmocka_unit_test(test_names), cmocka_unit_test(test_shell),
		cmocka_unit_test(test_name_plain)};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
