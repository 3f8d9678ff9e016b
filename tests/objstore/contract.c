/*
 * What every object store keeps, run over each backend and wrapper: `contract mem`, `contract dir`
 * ... A new one is one more line in `backends`.
 */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "objstore/fault.h"
#include "objstore/trace.h"

struct fixture {
	char dir[TEST_PATH_BYTES_MAX];	  /* the store's, where it has one */
	char source[TEST_PATH_BYTES_MAX]; /* for the files to put */
	struct objstore *store;
};

static int open_mem(struct fixture *f)
{
	return objstore_mem_open(clock_system(), &f->store);
}

static int open_dir(struct fixture *f)
{
	test_dir_make(f->dir);
	return objstore_dir_open(f->dir, io_system(), &f->store);
}

/* The wrappers change nothing while nothing is armed. */
static int open_fault(struct fixture *f)
{
	struct objstore_fault *fault;
	int r = open_dir(f);

	if (!r)
		r = objstore_fault_open(f->store, &fault);
	if (!r)
		f->store = objstore_fault_store(fault);
	return r;
}

static void hear_nothing(void *arg, const struct objstore_call *call)
{
	(void)arg;
	assert_in_range(call->op, 0, OBJSTORE_OPS - 1);
}

static int open_trace(struct fixture *f)
{
	int r = open_dir(f);

	return r ? r : objstore_trace_open(f->store, clock_system(), hear_nothing, NULL, &f->store);
}

static const struct backend {
	const char *name;
	int (*open)(struct fixture *f);
} backends[] = {{"mem", open_mem}, {"dir", open_dir}, {"fault", open_fault}, {"trace", open_trace}};

static const struct backend *backend;

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	*state = f;
	test_dir_make(f->source);
	return backend->open(f);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	objstore_close(f->store);
	test_dir_remove(f->dir);
	test_dir_remove(f->source);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *key, const char *body)
{
	assert_int_equal(objstore_put(f->store, key, slice_str(body)), 0);
}

static void assert_body(struct fixture *f, const char *key, struct slice want)
{
	struct buf got auto_buf = {0};
	struct objstore_stat st;

	assert_int_equal(objstore_get(f->store, key, SIZE_MAX, &got), 0);
	assert_true(slice_equal(buf_slice(&got), want));
	assert_int_equal(objstore_stat(f->store, key, &st), 0);
	assert_int_equal(st.size_bytes, want.len);
}

static void assert_absent(struct fixture *f, const char *key)
{
	struct buf got auto_buf = {0};
	struct objstore_stat st;
	char byte;

	assert_int_equal(objstore_get(f->store, key, SIZE_MAX, &got), -ENOENT);
	assert_int_equal(objstore_get_range(f->store, key, 0, &byte, 1), -ENOENT);
	assert_int_equal(objstore_stat(f->store, key, &st), -ENOENT);
	assert_int_equal(objstore_open_local(f->store, key), -ENOENT);
}

/* Bytes that depend on their place, so that a shifted or doubled chunk shows. */
static void fill(struct buf *b, size_t len)
{
	uint64_t random = len;

	assert_int_equal(buf_reserve(b, len + 8), 0);
	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = test_random(&random);

		memcpy(b->data + i, &word, 8);
	}
	b->len = len;
}

static void objects_come_back_as_they_were(void **state)
{
	static const size_t sizes[] = {0, 1, 4096, 70000, (3 << 20) + 7};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct buf body auto_buf = {0};
		char key[32];

		snprintf(key, sizeof key, "1/%zu/_b/x.parquet", i);
		fill(&body, sizes[i]);
		assert_absent(f, key);
		assert_int_equal(objstore_put(f->store, key, buf_slice(&body)), 0);
		assert_body(f, key, buf_slice(&body));
	}
}

static void the_time_is_that_of_the_write(void **state)
{
	struct fixture *f = *state;
	uint64_t now = clock_system()->now_us(clock_system());
	struct objstore_stat st;

	put(f, "a", "x");
	assert_int_equal(objstore_stat(f->store, "a", &st), 0);
	assert_true(st.modified_us + 5000000 > now && st.modified_us < now + 60000000);
}

static void an_object_is_never_replaced(void **state)
{
	struct fixture *f = *state;

	put(f, "1/a", "first");
	assert_int_equal(objstore_put(f->store, "1/a", slice_str("second")), -EEXIST);
	assert_body(f, "1/a", slice_str("first"));
}

static void get_appends_and_keeps_to_its_limit(void **state)
{
	struct fixture *f = *state;
	struct buf b auto_buf = {0};

	put(f, "a", "12345");
	assert_int_equal(buf_append(&b, ">", 1), 0);
	assert_int_equal(objstore_get(f->store, "a", 4, &b), -EFBIG);
	assert_int_equal(b.len, 1);
	assert_int_equal(objstore_get(f->store, "a", 5, &b), 0);
	assert_true(slice_equal(buf_slice(&b), slice_str(">12345")));
}

static void ranges_end_with_the_object(void **state)
{
	struct fixture *f = *state;
	char got[8];

	put(f, "a", "0123456789");
	assert_int_equal(objstore_get_range(f->store, "a", 3, got, 4), 4);
	assert_memory_equal(got, "3456", 4);
	assert_int_equal(objstore_get_range(f->store, "a", 8, got, 8), 2);
	assert_memory_equal(got, "89", 2);
	assert_int_equal(objstore_get_range(f->store, "a", 10, got, 8), 0);
	assert_int_equal(objstore_get_range(f->store, "a", INT64_MAX - 8, got, 8), 0);
	assert_int_equal(objstore_get_range(f->store, "a", UINT64_MAX, got, 8), -EINVAL);
	assert_int_equal(objstore_get_range(f->store, "a", 0, got, 0), 0);
}

static int never_called(void *arg, const char *key, const struct objstore_stat *st)
{
	(void)arg;
	(void)key;
	(void)st;
	return -ECANCELED;
}

static void assert_key_refused(struct fixture *f, const char *key)
{
	struct buf b auto_buf = {0};
	struct objstore_stat st;
	uint8_t sum[SHA256_BYTES];

	assert_false(objstore_key_valid(key));
	assert_int_equal(objstore_put(f->store, key, slice_str("x")), -EINVAL);
	assert_int_equal(objstore_put_file(f->store, key, 0, NULL, OBJSTORE_COPY, sum), -EINVAL);
	assert_int_equal(objstore_get(f->store, key, 10, &b), -EINVAL);
	assert_int_equal(objstore_get_range(f->store, key, 0, sum, 1), -EINVAL);
	assert_int_equal(objstore_stat(f->store, key, &st), -EINVAL);
	assert_int_equal(objstore_open_local(f->store, key), -EINVAL);
	assert_int_equal(objstore_del(f->store, key), -EINVAL);
	if (key[0])
		assert_int_equal(objstore_list(f->store, key, NULL, never_called, NULL), -EINVAL);
}

static void keys_outside_the_rule_are_refused(void **state)
{
	static const char *const bad[] = {"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a",
		".a", "a/.b", "a b", "a\nb", "a%b", "a\\b", "\xc3\xa4", "a:b", "a*", "a+b"};
	static const char *const good[] = {
		"a", "A/z/0-9_.x", "-", "_", "a..b", "a.", "1/6/_b/h_v2"};
	struct fixture *f = *state;
	char key[OBJSTORE_KEY_BYTES_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_key_refused(f, bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		put(f, good[i], "x");

	memset(key, 'k', sizeof key);
	key[OBJSTORE_PART_BYTES_MAX] = 0;
	put(f, key, "longest part");
	key[OBJSTORE_PART_BYTES_MAX] = 'k';
	key[OBJSTORE_PART_BYTES_MAX + 1] = 0;
	assert_key_refused(f, key);

	for (size_t i = 0; i < sizeof key; i++)
		key[i] = i % 200 == 199 ? '/' : 'q';
	key[OBJSTORE_KEY_BYTES_MAX] = 0;
	put(f, key, "longest key");
	assert_body(f, key, slice_str("longest key"));
	key[OBJSTORE_KEY_BYTES_MAX] = 'q';
	key[OBJSTORE_KEY_BYTES_MAX + 1] = 0;
	assert_key_refused(f, key);
}

static void leftovers_can_be_deleted_but_not_written(void **state)
{
	struct fixture *f = *state;
	uint8_t sum[SHA256_BYTES];

	put(f, "1/a", "x");
	assert_int_equal(objstore_put(f->store, "1/a.tmp", slice_str("x")), -EINVAL);
	assert_int_equal(
		objstore_put_file(f->store, "1/a.tmp", 0, NULL, OBJSTORE_COPY, sum), -EINVAL);
	assert_int_equal(objstore_del(f->store, "1/a.tmp"), -ENOENT);
	put(f, "1/tmp", "not a leftover");
}

/* Makes a file of @body in the source directory. Return: descriptor open for reading. */
static int make_source(struct fixture *f, const char *name, struct slice body, char *path)
{
	int fd, dir = open(f->source, O_RDONLY | O_DIRECTORY);

	assert_int_equal(io_write_file(io_system(), dir, name, body, 0600), 0);
	close(dir);
	snprintf(path, TEST_PATH_BYTES_MAX + 32, "%s/%s", f->source, name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	return fd;
}

static void assert_put_file(struct fixture *f, enum objstore_take take, size_t size)
{
	char path[TEST_PATH_BYTES_MAX + 32], key[32];
	uint8_t sum[SHA256_BYTES], want[SHA256_BYTES];
	struct buf body auto_buf = {0};
	int fd;

	snprintf(key, sizeof key, "2/%d/%zu", (int)take, size);
	fill(&body, size);
	assert_int_equal(sha256_of(buf_slice(&body), want), 0);
	if (take == OBJSTORE_LINK_HASHED)
		memcpy(sum, want, sizeof sum);
	fd = make_source(f, "source", buf_slice(&body), path);
	assert_int_equal(objstore_put_file(f->store, key, fd, path, take, sum), 0);
	assert_memory_equal(sum, want, sizeof sum);
	assert_body(f, key, buf_slice(&body));
	assert_int_equal(access(path, F_OK), take == OBJSTORE_MOVE ? -1 : 0);
	close(fd);
}

static void files_are_copied_moved_and_linked(void **state)
{
	static const size_t sizes[] = {0, 5, 1 << 20, (1 << 20) + 1, 5 << 20};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (int take = OBJSTORE_COPY; take <= OBJSTORE_LINK_HASHED; take++)
			assert_put_file(*state, (enum objstore_take)take, sizes[i]);
}

static void several_files_are_stored_at_once(void **state)
{
	static const char *const keys[] = {"3/1/a", "3/1/b", "3/2/c", "3/1/d", "3/1/e", "3/1/f"};
	struct fixture *f = *state;
	struct objstore_file files[ARRAY_SIZE(keys)];
	char path[TEST_PATH_BYTES_MAX + 32];
	int fd = make_source(f, "source", slice_str("shared body"), path);
	uint8_t want[SHA256_BYTES];
	size_t failed = 99;

	for (size_t n = 1; n <= ARRAY_SIZE(keys); n++) {
		for (size_t i = 0; i < n; i++) {
			files[i] = (struct objstore_file){.key = keys[i], .fd = fd};
			objstore_del(f->store, keys[i]);
		}
		assert_int_equal(objstore_put_files(f->store, files, n, &failed), 0);
		assert_int_equal(sha256_of(slice_str("shared body"), want), 0);
		for (size_t i = 0; i < n; i++) {
			assert_memory_equal(files[i].sha256, want, sizeof want);
			assert_body(f, keys[i], slice_str("shared body"));
		}
	}
	objstore_del(f->store, keys[0]);
	assert_int_equal(objstore_put_files(f->store, files, ARRAY_SIZE(keys), &failed), -EEXIST);
	assert_int_equal(failed, 1);
	assert_body(f, keys[1], slice_str("shared body"));
	files[3].key = "../x";
	assert_int_equal(objstore_put_files(f->store, files, ARRAY_SIZE(keys), &failed), -EINVAL);
	assert_int_equal(failed, 3);
	close(fd);
}

static void a_refused_source_stays(void **state)
{
	static const enum objstore_take takes[] = {OBJSTORE_COPY, OBJSTORE_MOVE, OBJSTORE_LINK};
	struct fixture *f = *state;

	put(f, "1/a", "first");
	for (size_t i = 0; i < ARRAY_SIZE(takes); i++) {
		char path[TEST_PATH_BYTES_MAX + 32];
		uint8_t sum[SHA256_BYTES] = {0x77};
		int fd = make_source(f, "source", slice_str("second"), path);
		struct stat st;

		assert_int_equal(
			objstore_put_file(f->store, "1/a", fd, path, takes[i], sum), -EEXIST);
		assert_int_equal(sum[0], 0x77);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		close(fd);
	}
	assert_body(f, "1/a", slice_str("first"));
}

static void moving_and_linking_need_a_path(void **state)
{
	struct fixture *f = *state;
	uint8_t sum[SHA256_BYTES];

	assert_int_equal(objstore_put_file(f->store, "a", 0, NULL, OBJSTORE_MOVE, sum), -EINVAL);
	assert_int_equal(objstore_put_file(f->store, "a", 0, NULL, OBJSTORE_LINK, sum), -EINVAL);
}

/* Source and object are one file perhaps, but each goes without the other. */
static void a_linked_source_and_its_object_go_alone(void **state)
{
	struct fixture *f = *state;
	char path[TEST_PATH_BYTES_MAX + 32];
	uint8_t sum[SHA256_BYTES];
	int fd = make_source(f, "source", slice_str("same"), path);
	struct stat st;

	assert_int_equal(objstore_put_file(f->store, "1/a", fd, path, OBJSTORE_LINK, sum), 0);
	assert_int_equal(objstore_put_file(f->store, "1/b", fd, path, OBJSTORE_LINK, sum), 0);
	assert_int_equal(objstore_put_file(f->store, "1/a", fd, path, OBJSTORE_LINK, sum), -EEXIST);
	assert_body(f, "1/a", slice_str("same"));
	assert_int_equal(objstore_del(f->store, "1/a"), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(unlink(path), 0);
	assert_absent(f, "1/a");
	assert_body(f, "1/b", slice_str("same"));
	close(fd);
}

/* What still leads to the source must not lead to the object. */
static void a_source_with_a_second_name_does_not_share(void **state)
{
	struct fixture *f = *state;
	char path[TEST_PATH_BYTES_MAX + 32], other[TEST_PATH_BYTES_MAX + 40];
	uint8_t sum[SHA256_BYTES];
	int fd = make_source(f, "source", slice_str("right"), path);
	int again;

	snprintf(other, sizeof other, "%s-2", path);
	assert_int_equal(link(path, other), 0);
	assert_int_equal(objstore_put_file(f->store, "a", fd, path, OBJSTORE_MOVE, sum), 0);
	assert_int_equal(access(path, F_OK), -1);
	again = open(other, O_WRONLY);
	assert_int_equal(pwrite(again, "WRONG", 5, 0), 5);
	close(again);
	close(fd);
	assert_body(f, "a", slice_str("right"));
}

static void a_local_descriptor_outlives_the_object(void **state)
{
	struct fixture *f = *state;
	char got[8];
	int fd;

	put(f, "1/a", "hello");
	fd = objstore_open_local(f->store, "1/a");
	if (fd == -EOPNOTSUPP)
		return;
	assert_true(fd >= 0);
	assert_int_equal(objstore_del(f->store, "1/a"), 0);
	assert_int_equal(pread(fd, got, sizeof got, 0), 5);
	assert_memory_equal(got, "hello", 5);
	assert_int_equal(write(fd, "x", 1), -1);
	close(fd);
}

static void deleting_twice_is_no_harm(void **state)
{
	struct fixture *f = *state;

	put(f, "1/a", "x");
	put(f, "1/b", "y");
	assert_int_equal(objstore_del(f->store, "1/a"), 0);
	assert_absent(f, "1/a");
	assert_int_equal(objstore_del(f->store, "1/a"), -ENOENT);
	assert_int_equal(objstore_del(f->store, "9/9/9"), -ENOENT);
	assert_int_equal(objstore_del(f->store, "1/b/c"), -ENOENT);
	assert_body(f, "1/b", slice_str("y"));
}

static void a_directory_is_no_object(void **state)
{
	struct fixture *f = *state;

	put(f, "1/6/a", "x");
	assert_absent(f, "1/6");
	assert_absent(f, "1/6/a/b");
	assert_int_equal(objstore_del(f->store, "1/6"), -ENOENT);
	assert_body(f, "1/6/a", slice_str("x"));
}

struct seen {
	struct fixture *f;
	struct buf text; /* keys, each with a space after it */
	size_t stop_after;
	bool delete;
};

static int see(void *arg, const char *key, const struct objstore_stat *st)
{
	struct seen *s = arg;
	struct objstore_stat again;

	assert_int_equal(objstore_stat(s->f->store, key, &again), 0);
	assert_int_equal(st->size_bytes, again.size_bytes);
	assert_true(st->modified_us == again.modified_us);
	assert_int_equal(buf_printf(&s->text, "%s ", key), 0);
	if (s->delete)
		assert_int_equal(objstore_del(s->f->store, key), 0);
	return s->stop_after && !--s->stop_after ? 42 : 0;
}

static void assert_listing(
	struct fixture *f, const char *prefix, const char *after, const char *want)
{
	struct seen s = {.f = f};

	assert_int_equal(objstore_list(f->store, prefix, after, see, &s), 0);
	assert_int_equal(buf_append(&s.text, "", 1), 0);
	assert_string_equal((char *)s.text.data, want);
	buf_deinit(&s.text);
}

static void listings_are_in_byte_order_of_the_key(void **state)
{
	static const char *const keys[] = {
		"b", "a/c", "a-b", "a.b", "a0", "a/b/d", "a/b-x", "a/b/c/e", "aa/x", "B"};
	struct fixture *f = *state;

	assert_listing(f, "", NULL, "");
	assert_listing(f, "nothing/here", NULL, "");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		put(f, keys[i], keys[i]);
	assert_listing(f, "", NULL, "B a-b a.b a/b-x a/b/c/e a/b/d a/c a0 aa/x b ");
	assert_listing(f, "a", NULL, "a/b-x a/b/c/e a/b/d a/c ");
	assert_listing(f, "a/b", NULL, "a/b/c/e a/b/d ");
	assert_listing(f, "a/c", NULL, "");
	assert_listing(f, "", "a/b", "a/b-x a/b/c/e a/b/d a/c a0 aa/x b ");
	assert_listing(f, "", "a/b/c/e", "a/b/d a/c a0 aa/x b ");
	assert_listing(f, "", "a/b/c/ee", "a/b/d a/c a0 aa/x b ");
	assert_listing(f, "a", "a/b0", "a/c ");
	assert_listing(f, "a", "0", "a/b-x a/b/c/e a/b/d a/c ");
	assert_listing(f, "a", "b", "");
}

static void a_listing_can_stop_and_delete(void **state)
{
	struct fixture *f = *state;
	struct seen s = {.f = f, .stop_after = 2, .delete = true};

	put(f, "1/a", "x");
	put(f, "1/b", "y");
	put(f, "1/c", "z");
	assert_int_equal(objstore_list(f->store, "1", NULL, see, &s), 42);
	buf_deinit(&s.text);
	assert_listing(f, "", NULL, "1/c ");
}

/* Random keys; each listing from each key must be what a sorted array says. */
static int compare_keys(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void random_listings_agree_with_an_array(void **state)
{
	enum { COUNT = 120, KEY = 40 };
	static const char chars[] = "ab-.0";
	struct fixture *f = *state;
	uint64_t random = test_seed();
	char keys[COUNT][KEY];

	for (size_t i = 0; i < COUNT; i++) {
		size_t len = 0;

		/* Files end in f, directories in d: no key is a directory of another. */
		for (unsigned parts = test_random(&random) % 4; parts; parts--)
			len += (size_t)sprintf(keys[i] + len, "a%c%cd/",
				chars[test_random(&random) % 5], chars[test_random(&random) % 2]);
		sprintf(keys[i] + len, "a%c%zuf", chars[test_random(&random) % 5], i);
		put(f, keys[i], "x");
	}
	qsort(keys, COUNT, KEY, compare_keys);
	for (size_t from = 0; from < COUNT; from++) {
		struct buf want auto_buf = {0};

		assert_int_equal(buf_append(&want, "", 0), 0);
		for (size_t i = from + 1; i < COUNT; i++)
			assert_int_equal(buf_printf(&want, "%s ", keys[i]), 0);
		assert_int_equal(buf_append(&want, "", 1), 0);
		assert_listing(f, "", keys[from], (char *)want.data);
	}
}

static void closing_nothing_is_fine(void **state)
{
	(void)state;
	objstore_close(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(objects_come_back_as_they_were),
		CASE(the_time_is_that_of_the_write),
		CASE(an_object_is_never_replaced),
		CASE(get_appends_and_keeps_to_its_limit),
		CASE(ranges_end_with_the_object),
		CASE(keys_outside_the_rule_are_refused),
		CASE(leftovers_can_be_deleted_but_not_written),
		CASE(files_are_copied_moved_and_linked),
		CASE(several_files_are_stored_at_once),
		CASE(a_refused_source_stays),
		CASE(moving_and_linking_need_a_path),
		CASE(a_linked_source_and_its_object_go_alone),
		CASE(a_source_with_a_second_name_does_not_share),
		CASE(a_local_descriptor_outlives_the_object),
		CASE(deleting_twice_is_no_harm),
		CASE(a_directory_is_no_object),
		CASE(listings_are_in_byte_order_of_the_key),
		CASE(a_listing_can_stop_and_delete),
		CASE(random_listings_agree_with_an_array),
		CASE(closing_nothing_is_fine),
	};

	for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
		if (argc == 2 && !strcmp(argv[1], backends[i].name))
			backend = &backends[i];
	if (!backend) {
		fprintf(stderr, "usage: %s mem|dir|fault|trace\n", argv[0]);
		return 2;
	}
	return cmocka_run_group_tests_name(backend->name, tests, NULL, NULL);
}
