/* Against the real helper, and against programs that only pretend to be one. */
#include "refs/reader.h"
#include "objstore/base/clock.h"
#include "tests/refs/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SAMPLES BOUGH_SAMPLES "/parquet/"

static int inspect_fd(struct reader *r, int fd, struct bough_error *error)
{
	struct json_object *j = NULL;
	int n = reader_inspect(r, fd, "x.parquet", &j, error);

	if (!n)
		assert_true(json_object_is_type(j, json_type_object));
	json_object_put(j);
	return n;
}

static int inspect(struct reader *r, const char *path, struct bough_error *error)
{
	int fd cleanup(close_p) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	assert_true(fd >= 0);
	return inspect_fd(r, fd, error);
}

static void write_file(char path[static TEST_PATH_BYTES_MAX], const void *data, size_t len)
{
	int fd cleanup(close_p) = -1;

	snprintf(path, TEST_PATH_BYTES_MAX, "%.200s/x.parquet", helper_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
}

static size_t read_sample(const char *name, uint8_t *data, size_t size)
{
	int fd cleanup(close_p) = open(name, O_RDONLY);
	ssize_t n = read(fd, data, size);

	assert_true(n > 0 && (size_t)n < size);
	return (size_t)n;
}

static void expect_refusal(struct reader *r, const char *path, const char *words)
{
	struct bough_error error = {0};

	assert_int_equal(inspect(r, path, &error), -EINVAL);
	assert_int_equal(error.code, -EINVAL);
	if (!strstr(error.message, words) || strncmp(error.message, "x.parquet", 9))
		fail_msg("'%s' does not say '%s'", error.message, words);
	assert_null(strstr(error.message, "/proc/"));
	assert_null(strstr(error.message, "LINE 1"));
	assert_null(strchr(error.message, '\n'));
}

static void test_describes(void **state)
{
	struct reader *r cleanup(reader_close_p) = NULL;
	struct json_object *j = NULL, *chunks = NULL;
	int fd cleanup(close_p) = open(SAMPLES "groups.parquet", O_RDONLY);

	(void)state;
	assert_int_equal(reader_open(0, &r), 0);
	assert_int_equal(lseek(fd, 100, SEEK_SET), 100); /* which must not matter */
	assert_int_equal(reader_inspect(r, fd, "x", &j, NULL), 0);
	assert_true(json_object_object_get_ex(j, "chunks", &chunks));
	assert_int_equal(json_object_array_length(chunks), 3);
	json_object_put(j);
}

static size_t chunks_of(struct reader *r, int fd)
{
	struct json_object *j = NULL, *chunks = NULL;
	size_t n;

	assert_int_equal(reader_inspect(r, fd, "x", &j, NULL), 0);
	assert_true(json_object_object_get_ex(j, "chunks", &chunks));
	n = json_object_array_length(chunks);
	json_object_put(j);
	return n;
}

/* Whether the helper runs by then or not, and if somebody asked and went away. */
static void test_asked_before(void **state)
{
	struct reader *r cleanup(reader_close_p) = NULL;
	int three cleanup(close_p) = open(SAMPLES "groups.parquet", O_RDONLY);
	char path[TEST_PATH_BYTES_MAX];
	int bad cleanup(close_p) = -1;

	(void)state;
	write_file(path, "PAR1abcd\4\0\0\0PAR1", 16);
	bad = open(path, O_RDONLY);
	assert_int_equal(reader_open(0, &r), 0);
	for (int i = 0; i < 3; i++) {
		reader_ask(r, three);
		assert_int_equal(chunks_of(r, three), 3);
		reader_ask(r, bad);
		assert_int_equal(inspect_fd(r, bad, NULL), -EINVAL);
	}
	reader_ask(r, bad);
	assert_int_equal(chunks_of(r, three), 3);
	reader_ask(r, bad);
	reader_ask(r, three);
	assert_int_equal(chunks_of(r, three), 3);
	reader_ask(r, three);
	reader_stop(r);
	assert_int_equal(chunks_of(r, three), 3);
}

static void test_refusals(void **state)
{
	struct reader *r cleanup(reader_close_p) = NULL;
	char path[TEST_PATH_BYTES_MAX];
	struct bough_error error = {0};

	(void)state;
	assert_int_equal(reader_open(0, &r), 0);
	write_file(path, "", 0);
	expect_refusal(r, path, "is not a Parquet file: it is empty");
	write_file(path, "PAR1PAR1", 8);
	expect_refusal(r, path, "is not a Parquet file: it has only 8 bytes");
	write_file(path, "a,b\n1,2\n3,4\n5,6\n", 16);
	expect_refusal(r, path, "is not a Parquet file: it does not begin with PAR1");
	write_file(path, "PAR1\0\0\0\0\0\0\0\0PAR1", 16);
	expect_refusal(r, path, "is damaged");
	write_file(path, "PAR1abcd\4\0\0\0PAR1", 16);
	expect_refusal(r, path, "is damaged");
	write_file(path, "PAR1abcd\377\0\0\0PAR1", 16);
	expect_refusal(r, path, "its footer should have 255 bytes, the file has 16");
	expect_refusal(r, SAMPLES "encrypted.parquet", "is encrypted");
	expect_refusal(r, SAMPLES "huge_list.parquet", "");
	expect_refusal(r, helper_dir, "is not a regular file");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refusal(r, path, "is not a regular file");
	unlink(path);
	assert_int_equal(inspect(r, SAMPLES "small.parquet", &error), 0);
	assert_int_equal(error.code, 0);
}

static void test_truncated(void **state)
{
	struct reader *r cleanup(reader_close_p) = NULL;
	uint8_t data[8192];
	size_t len = read_sample(SAMPLES "types.parquet", data, sizeof data);
	char path[TEST_PATH_BYTES_MAX];

	(void)state;
	assert_int_equal(reader_open(0, &r), 0);
	for (int i = 0; i < 200; i++) {
		write_file(path, data, len * (size_t)i / 200);
		expect_refusal(r, path, "is ");
	}
}

/* Every answer is fine, as long as there is one: some of these kill DuckDB. */
static void test_bit_flips(void **state)
{
	struct reader *r cleanup(reader_close_p) = NULL;
	uint8_t data[8192];
	size_t len = read_sample(SAMPLES "types.parquet", data, sizeof data), footer;
	uint64_t random = test_seed(), described = 0, start, n = test_scale(300);
	char path[TEST_PATH_BYTES_MAX];

	(void)state;
	footer = 8 + (size_t)data[len - 8] + 256 * (size_t)data[len - 7];
	assert_int_equal(reader_open(0, &r), 0);
	for (uint64_t i = 0; i < n; i++) {
		size_t at = len - 1 - test_random(&random) % footer;
		uint8_t bit = (uint8_t)(1 << test_random(&random) % 8);
		struct bough_error error = {0};
		int code;

		data[at] ^= bit;
		write_file(path, data, len);
		start = clock_system()->mono_us(clock_system());
		code = inspect(r, path, &error);
		data[at] ^= bit;
		if (code && code != -EINVAL)
			fail_msg("byte %zu bit %#x: %d %s", at, bit, code, error.message);
		assert_true(clock_system()->mono_us(clock_system()) - start < 10 * 1000000);
		described += !code;
	}
	assert_in_range(described, 1, n - 1);
}

static void test_missing(void **state)
{
	struct reader *r cleanup(reader_close_p) = NULL;
	struct bough_error error = {0};

	(void)state;
	assert_int_equal(reader_open(0, &r), 0);
	setenv("BOUGH_READER", "/nowhere/bough-reader", 1);
	assert_int_equal(inspect(r, SAMPLES "small.parquet", &error), -ENOENT);
	assert_non_null(strstr(error.message, "/nowhere/bough-reader"));
	assert_int_equal(inspect(r, SAMPLES "small.parquet", NULL), -ENOENT);
	helper_use_real(NULL); /* and the same reader goes on */
	assert_int_equal(inspect(r, SAMPLES "small.parquet", NULL), 0);
}

static void test_bad_helpers(void **state)
{
	static const struct {
		const char *script, *words;
		int code;
	} cases[] = {
		{"exit 7", "does not start (exit status 7)", -EIO},
		{"kill -9 $$", "does not start (signal 9)", -EIO},
		{"printf r >&3; exit 7", "it breaks bough-reader (exit status 7)", -EINVAL},
		{"printf r >&3; kill -11 $$", "it breaks bough-reader (signal 11)", -EINVAL},
		{"printf r >&3; exec sleep 60", "no description of it after 300 ms", -ETIMEDOUT},
		{"printf 'r\\377\\377\\377\\377' >&3; exec sleep 60", "is damaged", -EINVAL},
		{"printf 'r\\002\\000\\000\\000[]' >&3; exec sleep 60", "no description", -EINVAL},
		{"printf 'r\\004\\000\\000\\000{\"a\"' >&3; exec sleep 60", "no description",
			-EINVAL},
		{"printf 'r\\003\\000\\000\\000{}x' >&3; exec sleep 60", "no description", -EINVAL},
		{"printf 'r\\000\\000\\000\\000' >&3; exec sleep 60", "no description", -EINVAL},
		{"printf 'r\\004\\000\\000\\000{' >&3; exec sleep 60", "after 300 ms", -ETIMEDOUT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reader *r cleanup(reader_close_p) = NULL;
		struct bough_error error = {0};

		assert_int_equal(reader_open(0, &r), 0);
		reader_set_timeout(r, 300);
		helper_pretend(cases[i].script);
		if (inspect(r, SAMPLES "small.parquet", &error) != cases[i].code ||
			!strstr(error.message, cases[i].words))
			fail_msg("%s: %d '%s'", cases[i].script, error.code, error.message);
	}
}

/* The one child of this process. */
static pid_t helper_pid(void)
{
	char path[64];
	FILE *f;
	int pid = 0;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	fclose(f);
	return pid;
}

static void test_killed(void **state)
{
	struct reader *r cleanup(reader_close_p) = NULL;

	(void)state;
	assert_int_equal(reader_open(0, &r), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(inspect(r, SAMPLES "small.parquet", NULL), 0);
		kill(helper_pid(), SIGKILL);
	}
	assert_int_equal(inspect(r, SAMPLES "small.parquet", NULL), 0);
	kill(helper_pid(), SIGSTOP); /* hangs */
	reader_set_timeout(r, 300);
	assert_int_equal(inspect(r, SAMPLES "small.parquet", NULL), -ETIMEDOUT);
	reader_set_timeout(r, 30000);
	assert_int_equal(inspect(r, SAMPLES "small.parquet", NULL), 0);
}

static void *kill_again_and_again(void *stop)
{
	for (int i = 0; !atomic_load((atomic_bool *)stop); i++) {
		char path[64];
		FILE *f;
		int pid = 0;

		snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
		f = fopen(path, "r");
		if (f && fscanf(f, "%d", &pid) == 1 && pid > 0)
			kill(pid, SIGKILL);
		if (f)
			fclose(f);
		usleep((useconds_t)(1000 * (i * 37 % 101)));
	}
	return NULL;
}

/* Killed at any moment: each file is described or refused, and in the end all is well. */
static void test_killed_in_the_middle(void **state)
{
	struct reader *r cleanup(reader_close_p) = NULL;
	atomic_bool stop = false;
	pthread_t killer;
	int code;

	(void)state;
	assert_int_equal(reader_open(0, &r), 0);
	assert_int_equal(inspect(r, SAMPLES "small.parquet", NULL), 0);
	assert_int_equal(pthread_create(&killer, NULL, kill_again_and_again, &stop), 0);
	for (int i = 0; i < 50; i++) {
		code = inspect(r, SAMPLES "types.parquet", NULL);
		assert_true(!code || code == -EINVAL || code == -EIO);
	}
	atomic_store(&stop, true);
	pthread_join(killer, NULL);
	assert_int_equal(inspect(r, SAMPLES "types.parquet", NULL), 0);
}

static void *inspect_often(void *reader)
{
	for (int i = 0; i < 50; i++)
		if (inspect(reader, SAMPLES "types.parquet", NULL))
			return "failed";
	return NULL;
}

static void test_threads(void **state)
{
	struct reader *r cleanup(reader_close_p) = NULL, *other cleanup(reader_close_p) = NULL;
	pthread_t threads[4];
	void *failed;

	(void)state;
	assert_int_equal(reader_open(0, &r), 0);
	assert_int_equal(reader_open(0, &other), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, inspect_often, i % 2 ? r : other), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_describes),
		cmocka_unit_test(test_asked_before),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_bit_flips),
		cmocka_unit_test_teardown(test_missing, helper_use_real),
		cmocka_unit_test_teardown(test_bad_helpers, helper_use_real),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_killed_in_the_middle),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, helper_setup, helper_teardown);
}
