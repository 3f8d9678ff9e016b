#include "tests/support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void write_text(const struct fixture *f, const char *name, const char *text)
{
	char path[TEST_PATH_BYTES_MAX + 64];
	int fd;

	snprintf(path, sizeof path, "%s/%s", f->path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void expect(struct fixture *f, int code, const char *words)
{
	struct refs_store *s = NULL;
	struct bough_error e = {0};

	assert_int_equal(refs_store_open(f->path, REFS_ROLE_CLI, &s, &e), code);
	assert_null(s);
	assert_int_equal(e.code, code);
	if (!strstr(e.message, words))
		fail_msg("'%s' does not say '%s'", e.message, words);
}

static void close_store(struct fixture *f)
{
	refs_store_close(f->store);
	f->store = NULL;
}

static void init_refuses_what_is_there(void **state)
{
	struct fixture *f = *state;
	struct bough_error e = {0};
	char path[TEST_PATH_BYTES_MAX + 64];

	assert_int_equal(refs_store_init(f->path, &e), -EEXIST);
	snprintf(path, sizeof path, "%s/log", f->path);
	write_text(f, "log/mine", "x");
	memset(&e, 0, sizeof e);
	assert_int_equal(refs_store_init(path, &e), -ENOTEMPTY);
	assert_non_null(strstr(e.message, "mine"));
	memset(&e, 0, sizeof e);
	assert_int_equal(refs_store_init("/proc/nowhere/store", &e), -ENOENT);
	assert_non_null(strstr(e.message, "/proc/nowhere/store"));
}

static void an_init_cut_short_is_finished_by_the_next(void **state)
{
	struct fixture *f = *state;
	struct bough_error e = {0};
	char path[TEST_PATH_BYTES_MAX + 64];

	close_store(f);
	snprintf(path, sizeof path, "%s/format", f->path);
	assert_int_equal(unlink(path), 0);
	expect(f, -ENOENT, "is not a store");
	assert_int_equal(refs_store_init(f->path, &e), 0);
	fixture_reopen(f);
}

static void other_formats_are_refused_by_name(void **state)
{
	struct fixture *f = *state;

	close_store(f);
	write_text(f, "format", "bough 3\nneeds\n");
	expect(f, -EPROTONOSUPPORT, "format 3");
	write_text(f, "format", "bough 1\nneeds\n");
	expect(f, -EPROTONOSUPPORT, "format 1, from before the first release");
	write_text(f, "format", "bough 2\nneeds squash\n");
	expect(f, -EPROTONOSUPPORT, "'squash'");
	write_text(f, "format", "something else\n");
	expect(f, -EUCLEAN, "damaged");
}

static void bad_configuration_is_named(void **state)
{
	struct fixture *f = *state;

	close_store(f);
	write_text(f, "bough.conf", "# fine\n\nmeta_max_size = 1G\ntrash = 2h\n");
	fixture_reopen(f);
	assert_int_equal(f->store->conf.meta_size_max_bytes, 1 << 30);
	assert_true(f->store->conf.trash_us == UINT64_C(7200000000));
	close_store(f);
	write_text(f, "bough.conf", "colour = red\n");
	expect(f, -EINVAL, ":1: unknown key 'colour'");
	write_text(f, "bough.conf", "\nmeta_max_size = lots\n");
	expect(f, -EINVAL, ":2: 'lots' is no value");
	write_text(f, "bough.conf", "trash = 7x\n");
	expect(f, -EINVAL, ":1: '7x' is no value for trash");
	write_text(f, "bough.conf", "meta_max_size\n");
	expect(f, -EINVAL, "expected 'key = value'");
	write_text(f, "bough.conf", "objects = s3://bucket/prefix\n");
	expect(f, -EOPNOTSUPP, "s3://bucket/prefix");
}

static void damaged_metadata_is_said(void **state)
{
	struct fixture *f = *state;
	char path[TEST_PATH_BYTES_MAX + 64];

	close_store(f);
	write_text(
		f, "meta/data.mdb", "this is no LMDB file, but long enough to look at, twice over");
	expect(f, -EUCLEAN, "");
	snprintf(path, sizeof path, "%s/meta/data.mdb", f->path);
	assert_int_equal(unlink(path), 0);
	expect(f, -ENOENT, "");
}

static void stores_are_found(void **state)
{
	struct fixture *f = *state;
	struct bough_error e = {0};
	char *path cleanup(free_p) = NULL;

	assert_int_equal(refs_store_find(f->path, &path, &e), 0);
	assert_string_equal(path, f->path);
	unsetenv("BOUGH_STORE");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(refs_store_find(NULL, &path, &e), -ENOENT);
	assert_non_null(strstr(e.hint, "-s STORE"));
}

static void bodies_that_fail_leave_nothing(void **state)
{
	struct fixture *f = *state;
	struct refs_txn *x = NULL, *inner = NULL;
	uint64_t id, commit;

	assert_int_equal(refs_begin(f->store, KV_WRITE, &x), 0);
	assert_int_equal(refs_nest(x, &inner), 0);
	assert_int_equal(refs_db_create(inner, "lost", &id, NULL), 0);
	refs_abort(inner);
	assert_int_equal(refs_nest(x, &inner), 0);
	assert_int_equal(refs_db_create(inner, "kept", &id, NULL), 0);
	assert_int_equal(refs_commit(&inner, NULL), 0);
	assert_int_equal(refs_commit(&x, &commit), 0);
	assert_true(commit > 0);
	assert_int_equal(refs_begin(f->store, KV_READ, &x), 0);
	assert_int_equal(x->commit, commit);
	assert_int_equal(refs_db_lookup(x, "lost", &id, NULL), -ENOENT);
	assert_int_equal(refs_db_lookup(x, "KEPT", &id, NULL), 0);
	refs_abort(x);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(init_refuses_what_is_there),
		T(an_init_cut_short_is_finished_by_the_next),
		T(other_formats_are_refused_by_name),
		T(bad_configuration_is_named),
		T(damaged_metadata_is_said),
		T(stores_are_found),
		T(bodies_that_fail_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
