#include "fs/report.h"
#include "tests/support/test.h"
#include <stdio.h>
#include <errno.h>
#include <string.h>

static size_t count(const char *text, char c)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

static void the_last_thousand_errors_stay(void **state)
{
	struct fs_report *r cleanup(fs_report_free_p) = NULL;
	struct buf b auto_buf = {0};
	char path[32];

	(void)state;
	assert_int_equal(fs_report_new(clock_system(), &r), 0);
	for (int i = 0; i < 1003; i++) {
		snprintf(path, sizeof path, "db/t%d", i);
		fs_report_error(r, "mkdir", path, -EPERM, "not here");
	}
	assert_int_equal(fs_report_errors_text(r, &b), 0);
	assert_int_equal(buf_append(&b, "", 1), 0);
	assert_int_equal(count((char *)b.data, '\n'), 1000);
	assert_null(strstr((char *)b.data, "db/t2 "));
	assert_non_null(strstr((char *)b.data, "mkdir db/t3 EPERM: not here\n"));
	assert_non_null(strstr((char *)b.data, "mkdir db/t1002 EPERM: not here\n"));
	assert_int_equal(fs_report_counted(r, FS_COUNT_ERRORS), 1003);
}

/* A file name may hold a newline; a line of the report may not. */
static void one_error_is_one_line(void **state)
{
	struct fs_report *r cleanup(fs_report_free_p) = NULL;
	struct buf b auto_buf = {0};

	(void)state;
	assert_int_equal(fs_report_new(clock_system(), &r), 0);
	fs_report_error(r, "mkdir", "a\nb", -EINVAL, "c\td");
	assert_int_equal(fs_report_errors_text(r, &b), 0);
	assert_int_equal(buf_append(&b, "", 1), 0);
	assert_int_equal(count((char *)b.data, '\n'), 1);
	assert_non_null(strstr((char *)b.data, "a?b EINVAL: c?d\n"));
}

static void stats_are_prometheus_text(void **state)
{
	struct fs_report *r cleanup(fs_report_free_p) = NULL;
	struct buf b auto_buf = {0};

	(void)state;
	assert_int_equal(fs_report_new(clock_system(), &r), 0);
	fs_report_count(r, FS_COUNT_GETATTR, 41);
	fs_report_count(r, FS_COUNT_GETATTR, 1);
	assert_int_equal(fs_report_stats_text(r, &b), 0);
	assert_int_equal(buf_append(&b, "", 1), 0);
	assert_non_null(strstr((char *)b.data, "# TYPE bough_requests_total counter\n"));
	assert_non_null(strstr((char *)b.data, "bough_requests_total{op=\"getattr\"} 42\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_thousand_errors_stay),
		cmocka_unit_test(one_error_is_one_line),
		cmocka_unit_test(stats_are_prometheus_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
