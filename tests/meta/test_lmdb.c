/* What only the LMDB engine promises: its files, checksums, limits, locks and signals. */
#include "tests/support/test.h"

#include "meta/kv.h"
#include "meta/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[TEST_PATH_BYTES_MAX];
static char data_path[TEST_PATH_BYTES_MAX + 16];

static int setup(void **state)
{
	(void)state;
	test_dir_make(dir);
	snprintf(data_path, sizeof data_path, "%s/data.mdb", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_dir_remove(dir);
	return 0;
}

static int try_open(struct kv_lmdb_options options, struct kv **ret, struct bough_error *e)
{
	*e = (struct bough_error){0};
	return kv_lmdb_open(dir, &options, ret, e);
}

static struct kv *open_with(struct kv_lmdb_options options)
{
	struct bough_error e;
	struct kv *kv;

	if (try_open(options, &kv, &e))
		fail_msg("%s", e.message);
	return kv;
}

static struct kv *open_kv(void)
{
	return open_with((struct kv_lmdb_options){.create = true});
}

static void refuse_open(bool create, int code)
{
	struct bough_error e;
	struct kv *kv = NULL;

	assert_int_equal(try_open((struct kv_lmdb_options){.create = create}, &kv, &e), code);
	assert_null(kv);
	assert_int_equal(e.code, code);
	assert_true(e.message[0]);
}

static int put(struct kv *kv, const char *key, const void *value, size_t len)
{
	struct kv_txn *t auto_kv_txn = NULL;
	int r = kv_begin(kv, KV_WRITE, &t);

	if (!r)
		r = kv_put(t, KV_HOT, slice_str(key), (struct slice){value, len});
	return r ? r : kv_commit(&t);
}

static int get(struct kv *kv, const char *key)
{
	struct kv_txn *t auto_kv_txn = NULL;
	struct slice value;
	int r = kv_begin(kv, KV_READ, &t);

	return r ? r : kv_get(t, KV_HOT, slice_str(key), &value);
}

static void write_file(const void *data, size_t len)
{
	int fd = open(data_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void nothing_is_made_unasked(void **state)
{
	(void)state;
	refuse_open(false, -ENOENT);
	assert_int_equal(access(data_path, F_OK), -1);
	write_file("", 0);
	refuse_open(false, -EUCLEAN);
	kv_close(open_kv());
	kv_close(open_with((struct kv_lmdb_options){0}));
}

static void foreign_files_are_refused(void **state)
{
	char text[10000];

	(void)state;
	memset(text, 't', sizeof text);
	write_file(text, sizeof text);
	refuse_open(false, -EUCLEAN);
	refuse_open(true, -EUCLEAN);
	write_file(text, 20);
	refuse_open(true, -EUCLEAN);
	assert_int_equal(unlink(data_path), 0);
	assert_int_equal(mkdir(data_path, 0755), 0);
	refuse_open(true, -EUCLEAN);
}

/* An environment of LMDB's with one record that is not ours. */
static void make_foreign_environment(void)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_val v = {1, "x"};

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, dir, 0, 0644), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &v, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void environments_of_others_are_refused(void **state)
{
	(void)state;
	make_foreign_environment();
	refuse_open(false, -EUCLEAN);
	refuse_open(true, -EUCLEAN);
}

static void truncated_files_are_refused(void **state)
{
	static const char *const keys[] = {"a", "b", "c", "d", "e"};
	char value[50000] = "v";
	struct kv *kv = open_kv();
	struct stat st;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_int_equal(put(kv, keys[i], value, sizeof value), 0);
	kv_close(kv);
	assert_int_equal(stat(data_path, &st), 0);
	for (off_t len = st.st_size - 4096; len > 0; len -= 4096 * 5 + 100) {
		assert_int_equal(truncate(data_path, len), 0);
		refuse_open(false, -EUCLEAN);
		refuse_open(true, -EUCLEAN);
		assert_int_equal(stat(data_path, &st), 0);
		assert_int_equal(st.st_size, len);
	}
}

/* Puts and deletes large values in one transaction. */
static void churn(struct kv *kv, uint64_t *random)
{
	static char value[10000];
	struct kv_txn *t;

	assert_int_equal(kv_begin(kv, KV_WRITE, &t), 0);
	assert_int_equal(kv_put(t, KV_HOT, slice_str("a"), slice_str("small")), 0);
	for (int i = 0; i < 200; i++) {
		uint64_t key = test_random(random) % 100;
		struct slice k = {&key, sizeof key};

		if (i < 70)
			assert_int_equal(
				kv_put(t, KV_BULK, k, (struct slice){value, sizeof value}), 0);
		else
			(void)kv_del(t, KV_BULK, k);
	}
	assert_int_equal(kv_commit(&t), 0);
}

static bool ends_before_its_last_page(void)
{
	MDB_envinfo info;
	struct stat st;
	MDB_env *env;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, dir, MDB_RDONLY, 0644), 0);
	mdb_env_info(env, &info);
	mdb_env_close(env);
	assert_int_equal(stat(data_path, &st), 0);
	return (size_t)st.st_size < (info.me_last_pgno + 1) * 4096;
}

/* Pages given out and taken back unwritten may be missing at the end: that is no damage. */
static void a_short_file_can_be_whole(void **state)
{
	uint64_t random = 1;
	struct kv *kv;
	int tries = 0;

	(void)state;
	do {
		kv = open_kv();
		churn(kv, &random);
		kv_close(kv);
	} while (!ends_before_its_last_page() && ++tries < 100);
	assert_in_range(tries, 0, 99);
	kv = open_with((struct kv_lmdb_options){0});
	assert_int_equal(get(kv, "a"), 0);
	churn(kv, &random);
	kv_close(kv);
	kv_close(open_with((struct kv_lmdb_options){0}));
}

static void one_environment_per_process(void **state)
{
	struct kv *kv = open_kv();
	int status;

	(void)state;
	refuse_open(true, -EBUSY);
	if (!fork()) {
		struct bough_error e;
		struct kv *own;

		_exit(try_open((struct kv_lmdb_options){0}, &own, &e) ? 1 : 0);
	}
	wait(&status);
	assert_int_equal(status, 0);
	kv_close(kv);
	kv_close(open_kv());
}

/* A commit by a program that knows LMDB but not us. */
static void commit_unnumbered(void)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_val v = {1, "x"};

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 2), 0);
	assert_int_equal(mdb_env_open(env, dir, 0, 0644), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "hot", 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &v, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static int ignore(void *arg, struct slice key, struct slice value)
{
	(void)arg;
	(void)key;
	(void)value;
	return 0;
}

static void transactions_of_others_are_seen(void **state)
{
	struct kv *kv = open_kv();

	(void)state;
	assert_int_equal(put(kv, "k", "value", 5), 0);
	kv_close(kv);
	commit_unnumbered();
	refuse_open(false, -EUCLEAN);
}

/* The stored form of a record: what the checksum is over. */
static void every_flipped_bit_is_found(void **state)
{
	static const char value[] = "a value";
	struct kv *kv = open_kv();
	struct kv_txn *t;

	(void)state;
	assert_int_equal(put(kv, "k", value, sizeof value), 0);
	kv_close(kv);
	for (size_t bit = 0; bit < 8 * (sizeof value + 4); bit++) {
		uint8_t page[4096], *found;
		const struct slice all = {NULL, 0};
		int fd = open(data_path, O_RDWR);
		off_t at = 0;

		do {
			assert_int_equal(pread(fd, page, sizeof page, at), sizeof page);
			found = memmem(page, sizeof page, value, sizeof value);
			at += sizeof page;
		} while (!found);
		at += found - page - (off_t)sizeof page + (off_t)(bit / 8);
		found[bit / 8] ^= 1 << bit % 8;
		assert_int_equal(pwrite(fd, found + bit / 8, 1, at), 1);
		kv = open_with((struct kv_lmdb_options){0});
		assert_int_equal(get(kv, "k"), -EUCLEAN);
		assert_int_equal(kv_begin(kv, KV_READ, &t), 0);
		assert_int_equal(kv_scan(t, KV_HOT, all, all, ignore, NULL), -EUCLEAN);
		assert_int_equal(kv_scan_down(t, KV_HOT, all, all, ignore, NULL), -EUCLEAN);
		kv_abort(t);
		kv_close(kv);
		found[bit / 8] ^= 1 << bit % 8;
		assert_int_equal(pwrite(fd, found + bit / 8, 1, at), 1);
		close(fd);
	}
}

static void the_limit_stops_writers_until_room_is_made(void **state)
{
	static char value[100000];
	struct kv *kv =
		open_with((struct kv_lmdb_options){.create = true, .size_max_bytes = 4 << 20});
	struct kv_txn *t;
	char key[16];
	int n = 0, r;

	(void)state;
	do {
		snprintf(key, sizeof key, "k%d", n++);
		r = put(kv, key, value, sizeof value);
	} while (!r && n < 100);
	assert_int_equal(r, -ENOSPC);
	assert_in_range(n, 35, 45);
	assert_int_equal(get(kv, "k0"), 0);
	kv_close(kv);

	kv = open_kv(); /* whoever frees has no limit */
	assert_int_equal(kv_begin(kv, KV_WRITE, &t), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(kv_del(t, KV_HOT, slice_str(key)), 0);
	}
	assert_int_equal(kv_commit(&t), 0);
	assert_int_equal(put(kv, "x", "", 0), 0);
	kv_close(kv);

	kv = open_with((struct kv_lmdb_options){.size_max_bytes = 4 << 20});
	assert_int_equal(put(kv, "k0", value, sizeof value), 0);
	kv_close(kv);
}

/* Runs @body in a child with a mount namespace of its own; skips where that is not allowed. */
static void in_small_disk(const char *size, void (*body)(void))
{
	int status;

	if (!fork()) {
		char options[32];

		snprintf(options, sizeof options, "size=%s", size);
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
			mount("tmpfs", dir, "tmpfs", 0, options))
			_exit(77);
		body();
		_exit(0);
	}
	wait(&status);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                    \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void fill_the_disk(void)
{
	static char value[300000];
	struct bough_error e;
	struct kv_txn *t;
	struct kv *kv;
	char key[16];
	int n = 0, r;

	CHECK(!try_open((struct kv_lmdb_options){.create = true}, &kv, &e));
	do {
		snprintf(key, sizeof key, "k%d", n++);
		r = put(kv, key, value, sizeof value);
	} while (!r && n < 1000);
	CHECK(r == -ENOSPC && n > 10);
	CHECK(put(kv, key, value, sizeof value) == -ENOSPC);
	CHECK(!get(kv, "k0"));
	CHECK(!kv_begin(kv, KV_WRITE, &t));
	for (int i = 0; i < 5; i++) {
		snprintf(key, sizeof key, "k%d", i);
		CHECK(!kv_del(t, KV_HOT, slice_str(key)));
	}
	CHECK(!kv_commit(&t));
	CHECK(!put(kv, "small", "", 0));
	CHECK(!put(kv, "k0", value, sizeof value));
	kv_close(kv);
}

static void a_full_disk_stops_nobody_for_good(void **state)
{
	(void)state;
	in_small_disk("8m", fill_the_disk);
}

static void fail_to_write(void)
{
	static char value[300000];
	struct rlimit limit = {100000, RLIM_INFINITY};
	struct bough_error e;
	struct wake *w;
	struct kv *kv;

	signal(SIGXFSZ, SIG_IGN);
	CHECK(!wake_open(dir, &w, &e));
	CHECK(!try_open((struct kv_lmdb_options){.create = true, .wake = w}, &kv, &e));
	CHECK(!put(kv, "k", "v", 1));
	CHECK(wake_commit(w) == 1);
	setrlimit(RLIMIT_FSIZE, &limit); /* writes give EFBIG: like EIO, nobody expected it */
	CHECK(put(kv, "l", value, sizeof value) == -EIO);
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	CHECK(wake_failed(w));
	CHECK(put(kv, "m", "v", 1) == -EIO);
	CHECK(!get(kv, "k"));
	CHECK(get(kv, "l") == -ENOENT);
	kv_close(kv);
	CHECK(!try_open((struct kv_lmdb_options){.wake = w}, &kv, &e));
	CHECK(put(kv, "m", "v", 1) == -EIO); /* others have it open still */
	kv_close(kv);
	wake_close(w);
	CHECK(!wake_open(dir, &w, &e));
	CHECK(!try_open((struct kv_lmdb_options){.wake = w}, &kv, &e));
	CHECK(wake_commit(w) == 1);
	CHECK(!put(kv, "m", "v", 1));
	CHECK(wake_commit(w) == 2);
	kv_close(kv);
	wake_close(w);
}

static void run_in_child(void (*body)(void))
{
	int status;

	if (!fork()) {
		body();
		_exit(0);
	}
	wait(&status);
	assert_int_equal(status, 0);
}

static void a_failed_commit_stops_writing(void **state)
{
	(void)state;
	run_in_child(fail_to_write);
}

#ifndef __SANITIZE_ADDRESS__
static void open_in_little_space(void)
{
	struct rlimit limit = {UINT64_C(3) << 30, UINT64_C(3) << 30};
	struct bough_error e;
	struct kv *kv;

	setrlimit(RLIMIT_AS, &limit);
	CHECK(!try_open((struct kv_lmdb_options){.create = true}, &kv, &e));
	CHECK(!put(kv, "k", "v", 1));
	kv_close(kv);
}

#endif

static void little_address_space_suffices(void **state)
{
#ifndef __SANITIZE_ADDRESS__
	run_in_child(open_in_little_space);
	kv_close(open_kv());
#endif
	(void)state;
}

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	(void)number;
	signalled++;
}

static void signals_wait_for_the_end_of_a_write(void **state)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGTSTP};
	struct kv *kv = open_kv();
	struct kv_txn *t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		signal(numbers[i], on_signal);
		signalled = 0;
		assert_int_equal(kv_begin(kv, KV_WRITE, &t), 0);
		raise(numbers[i]);
		assert_int_equal(signalled, 0);
		if (i % 2)
			kv_abort(t);
		else
			assert_int_equal(kv_commit(&t), 0);
		assert_int_equal(signalled, 1);
		assert_int_equal(kv_begin(kv, KV_READ, &t), 0);
		raise(numbers[i]);
		assert_int_equal(signalled, 2);
		kv_abort(t);
		signal(numbers[i], SIG_DFL);
	}
	kv_close(kv);
}

static void note_pid(void *arg, int pid)
{
	*(int *)arg = pid;
}

static void whoever_writes_for_long_is_named(void **state)
{
	struct wake *w;
	struct bough_error e;
	struct kv *kv;
	struct kv_txn *t;
	int fds[2], pid = 0, child;
	char c;

	(void)state;
	kv_close(open_kv());
	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (!child) {
		CHECK(!wake_open(dir, &w, &e));
		CHECK(!try_open((struct kv_lmdb_options){.wake = w}, &kv, &e));
		CHECK(!kv_begin(kv, KV_WRITE, &t));
		CHECK(write(fds[1], "x", 1) == 1);
		sleep(2);
		_exit(0); /* without an end: the lock falls with the process */
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(wake_open(dir, &w, &e), 0);
	kv = open_with((struct kv_lmdb_options){
		.wake = w, .slow_writer = note_pid, .slow_writer_arg = &pid});
	assert_int_equal(put(kv, "k", "v", 1), 0);
	assert_int_equal(pid, child);
	waitpid(child, NULL, 0);
	kv_close(kv);
	wake_close(w);
	close(fds[0]);
	close(fds[1]);
}

#define lmdb_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lmdb_test(nothing_is_made_unasked),
		lmdb_test(foreign_files_are_refused),
		lmdb_test(environments_of_others_are_refused),
		lmdb_test(truncated_files_are_refused),
		lmdb_test(a_short_file_can_be_whole),
		lmdb_test(one_environment_per_process),
		lmdb_test(transactions_of_others_are_seen),
		lmdb_test(every_flipped_bit_is_found),
		lmdb_test(the_limit_stops_writers_until_room_is_made),
		lmdb_test(a_full_disk_stops_nobody_for_good),
		lmdb_test(a_failed_commit_stops_writing),
		lmdb_test(little_address_space_suffices),
		lmdb_test(signals_wait_for_the_end_of_a_write),
		lmdb_test(whoever_writes_for_long_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
