#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "objstore/base/clock.h"

#define S 1000000ull

static const struct {
	uint64_t us;
	const char *text;
} moments[] = {
	{0, "1970-01-01T00:00:00.000000Z"},
	{68169599 * S + 999999, "1972-02-28T23:59:59.999999Z"},
	{951782400 * S, "2000-02-29T00:00:00.000000Z"},
	{1795246440 * S + 123456, "2026-11-21T07:34:00.123456Z"},
	{4107542400 * S, "2100-03-01T00:00:00.000000Z"},
	{253402300799 * S + 999999, "9999-12-31T23:59:59.999999Z"},
};

static void known_moments_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
		char text[28];
		uint64_t us;

		clock_format_rfc3339(moments[i].us, text);
		assert_string_equal(text, moments[i].text);
		assert_int_equal(clock_parse_rfc3339(text, &us), 0);
		assert_true(us == moments[i].us);
	}
}

/* Each day from 1970 to 9999, compared with the C library's calendar. */
static void every_day_agrees_with_libc(void **state)
{
	(void)state;
	for (uint64_t day = 0; day < 2932897; day++) {
		time_t t = (time_t)(day * 86400 + day % 86400);
		char text[28], want[64];
		struct tm tm;
		uint64_t us;

		gmtime_r(&t, &tm);
		strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.000000Z", &tm);
		clock_format_rfc3339((uint64_t)t * S, text);
		assert_string_equal(text, want);
		assert_int_equal(clock_parse_rfc3339(text, &us), 0);
		assert_true(us == (uint64_t)t * S);
	}
}

static void beyond_9999_is_its_last_moment(void **state)
{
	char text[28];

	(void)state;
	clock_format_rfc3339(UINT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
}

static void zones_fractions_and_dates(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} good[] = {
		{"2026-11-21", 1795219200 * S},
		{"2026-11-21 07:34:00Z", 1795246440 * S},
		{"2026-11-21T09:34:00+02:00", 1795246440 * S},
		{"2026-11-20T22:04:00.5-09:30", 1795246440 * S + 500000},
		{"2026-11-21T07:34:00.123456789Z", 1795246440 * S + 123456},
		{"1970-01-01T05:00:00+05:00", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t us = 1;

		assert_int_equal(clock_parse_rfc3339(good[i].text, &us), 0);
		assert_true(us == good[i].us);
	}
}

static void bad_moments_are_refused(void **state)
{
	static const char *const bad[] = {"", "2026", "2026-11-21x", "2026-11-21T", "2026-13-01",
		"2026-00-01", "2026-02-29", "2100-02-29", "2026-04-31", "2026-01-00", "1969-12-31",
		"2026-11-21T07:34", "2026-11-21T07:34:00", "2026-11-21T24:00:00Z",
		"2026-11-21T07:60:00Z", "2026-11-21T07:34:60Z", "2026-11-21T07:34:00.Z",
		"2026-11-21T07:34:00.1234567890Z", "2026-11-21T07:34:00Zx",
		"2026-11-21T07:34:00+2:00", "2026-11-21T07:34:00+0200", "2026-11-21T07:34:00+24:00",
		"1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", " 2026-11-21",
		"+026-11-21", "2026-11-21t07:34:00Z"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t us = 77;

		assert_int_equal(clock_parse_rfc3339(bad[i], &us), -EINVAL);
		assert_true(us == 77);
	}
}

static void durations(void **state)
{
	static const char *const bad[] = {"", "5", "s", "0s", "000d", "-1h", "+1h", "1w", "1h30m",
		"1 h", "1.5h", "1H", "18446744073709551616s", "18446744073710s", "213503983d"};
	uint64_t us;

	(void)state;
	assert_int_equal(clock_parse_duration("30s", &us), 0);
	assert_true(us == 30 * S);
	assert_int_equal(clock_parse_duration("5m", &us), 0);
	assert_true(us == 300 * S);
	assert_int_equal(clock_parse_duration("2h", &us), 0);
	assert_true(us == 7200 * S);
	assert_int_equal(clock_parse_duration("007d", &us), 0);
	assert_true(us == 7 * 86400 * S);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(clock_parse_duration(bad[i], &us), -EINVAL);
}

static void the_system_clock_runs(void **state)
{
	const struct clock *c = clock_system();
	uint64_t before = c->mono_us(c);

	(void)state;
	assert_true(c->now_us(c) / S >= (uint64_t)time(NULL) - 1);
	assert_true(c->now_us(c) / S <= (uint64_t)time(NULL) + 1);
	assert_true(c->mono_us(c) >= before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_moments_both_ways),
		cmocka_unit_test(every_day_agrees_with_libc),
		cmocka_unit_test(beyond_9999_is_its_last_moment),
		cmocka_unit_test(zones_fractions_and_dates),
		cmocka_unit_test(bad_moments_are_refused),
		cmocka_unit_test(durations),
		cmocka_unit_test(the_system_clock_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
