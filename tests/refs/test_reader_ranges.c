/* Minima and maxima from the data: by the real helper, and by programs that only pretend to be one.
 */
#include "objstore/base/clock.h"
#include "refs/parquet.h"
#include "tests/refs/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SAMPLES BOUGH_SAMPLES "/parquet/"
#define QUESTION "{\"fields\":2,\"columns\":[[0,0],[1,1]],\"groups\":[3]}"

/* The answer as text, "" none; its helper must be gone. */
static void ask(const char *path, const char *question, char *ret, size_t size)
{
	struct reader *r cleanup(reader_close_p) = NULL;
	int fd cleanup(close_p) = open(path, O_RDONLY | O_CLOEXEC);
	struct json_object *j = NULL;

	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 100, SEEK_SET), 100); /* which must not matter */
	assert_int_equal(reader_open(0, &r), 0);
	reader_set_timeout(r, 30000);
	assert_int_equal(reader_ranges(r, fd, question, &j), 0);
	snprintf(ret, size, "%s",
		j ? json_object_to_json_string_ext(j, JSON_C_TO_STRING_PLAIN) : "");
	json_object_put(j);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void expect(const char *path, const char *question, const char *want)
{
	char got[500];

	ask(path, question, got, sizeof got);
	assert_string_equal(got, want);
}

static void test_answers(void **state)
{
	(void)state;
	expect(SAMPLES "no_stats.parquet", QUESTION,
		"{\"ranges\":[[0,3,2,\"1\",\"3\",2,\"a\",\"b\"]]}");
	expect(SAMPLES "old_bounds.parquet", QUESTION,
		"{\"ranges\":[[0,3,2,\"1\",\"3\",2,\"a\",\"b\"]]}");
	expect(SAMPLES "no_stats.parquet", "{\"fields\":2,\"columns\":[[1,1]],\"groups\":[3]}",
		"{\"ranges\":[[0,3,2,\"a\",\"b\"]]}");
	expect(SAMPLES "groups.parquet", "{\"fields\":1,\"columns\":[[0,0]],\"groups\":[10]}",
		"{\"ranges\":[[0,10,10,\"0\",\"9\"]]}");
}

static void test_no_answer(void **state)
{
	static const char *const questions[] = {"", "{}", "[]", "{\"fields\":2}",
		"{\"fields\":2,\"columns\":[],\"groups\":[3]}",
		"{\"fields\":2,\"columns\":[[0,0]],\"groups\":[]}",
		"{\"fields\":2,\"columns\":[[5,0]],\"groups\":[3]}",
		"{\"fields\":2,\"columns\":[[0,1]],\"groups\":[3]}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		expect(SAMPLES "no_stats.parquet", questions[i], "");
	expect(SAMPLES "huge_list.parquet", QUESTION, "");
	expect(SAMPLES "encrypted.parquet", QUESTION, "");
	expect(SAMPLES "README.md", QUESTION, "");
}

static void test_look(void **state)
{
	struct reader *r cleanup(reader_close_p) = NULL;
	int fd cleanup(close_p) = open(SAMPLES "no_stats.parquet", O_RDONLY);
	struct json_object *j = NULL;
	struct parquet_file f = {0};

	(void)state;
	assert_int_equal(reader_open(0, &r), 0);
	assert_int_equal(reader_inspect(r, fd, "x", &j, NULL), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(parquet_look(r, fd, j, "x", &f, NULL), 0);
		assert_null(f.question);
		assert_int_equal(f.groups->stats.n, 2);
		assert_int_equal(f.groups->stats.columns[0].max.i, 3);
		assert_int_equal(f.groups->stats.columns[1].null_count, 1);
		parquet_file_deinit(&f);
		setenv("BOUGH_READER", "/nowhere", 1); /* the second time nothing is asked */
	}
	json_object_put(j);
}

static void test_bad_helpers(void **state)
{
	static const char *const scripts[] = {
		"exit 7",
		"kill -11 $$",
		"exec sleep 60",
		"printf '\\377\\377\\377\\377' >&3; exec sleep 60",
		"printf '\\002\\000\\000\\000[]' >&3; exec sleep 60",
		"printf '\\004\\000\\000\\000{' >&3; exec sleep 60",
		"printf '\\000\\000\\000\\000' >&3; exec sleep 60",
	};
	int fd cleanup(close_p) = open(SAMPLES "no_stats.parquet", O_RDONLY);
	char *question cleanup(free_p) = malloc(1000000); /* more than the socket takes */

	(void)state;
	memset(question, ' ', 999999);
	question[999999] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(scripts) * 2; i++) {
		struct reader *r cleanup(reader_close_p) = NULL;
		struct json_object *j = NULL;

		assert_int_equal(reader_open(0, &r), 0);
		reader_set_timeout(r, 20);
		helper_pretend(scripts[i / 2]);
		assert_int_equal(reader_ranges(r, fd, i % 2 ? question : QUESTION, &j), 0);
		assert_null(j);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test_teardown(test_look, helper_use_real),
		cmocka_unit_test_teardown(test_bad_helpers, helper_use_real),
	};

	return cmocka_run_group_tests(tests, helper_setup, helper_teardown);
}
