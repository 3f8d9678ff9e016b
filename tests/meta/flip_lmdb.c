/*
 * Single bits of data.mdb flipped, one per copy of a small store: a child opens the copy and reads
 * every record. Each read must give the right value or an error, or end the child; never a wrong
 * value (reliability: R15). Records of several commits, so that an older tree is there to be led
 * to.
 */
#include "tests/support/test.h"

#include "meta/key.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define RECORDS 400
/* So that the last transaction is 6: without its second bit the meta pages still look in order. */
#define ROUNDS 5
#define META_BITS (8 * 152)

/* MISSING: a record is not found and no scan finds anything wrong. */
enum outcome { RIGHT, REFUSED, MISSING, DIED, WRONG, OUTCOMES };
static const char *const outcome_names[] = {"right", "refused", "missing", "died", "WRONG"};

/* The value of record @i as of commit @round. */
static size_t value_of(uint64_t i, uint64_t round, uint8_t out[static 4096])
{
	uint64_t seed = i * 1000 + (i % 3 ? round : 0);
	size_t len = i % 50 ? 20 + test_random(&seed) % 100 : 3000;

	for (size_t at = 0; at < len; at++)
		out[at] = (uint8_t)test_random(&seed);
	return len;
}

static struct kv *open_at(const char *dir)
{
	struct bough_error e = {0};
	struct kv *kv;

	return kv_lmdb_open(dir, &(struct kv_lmdb_options){.create = true}, &kv, &e) ? NULL : kv;
}

static void make_store(const char *dir)
{
	struct kv *kv = open_at(dir);
	uint8_t value[4096];
	struct kv_txn *t;

	assert_non_null(kv);
	for (uint64_t round = 0; round < ROUNDS; round++) {
		assert_int_equal(kv_begin(kv, KV_WRITE, &t), 0);
		for (uint64_t i = 0; i < RECORDS; i++) {
			struct key k = key_u64(KEY_NODE, i);
			size_t len = value_of(i, round, value);

			assert_int_equal(kv_put(t, i % 2 ? KV_HOT : KV_BULK, key_slice(&k),
						 (struct slice){value, len}),
				0);
		}
		assert_int_equal(kv_commit(&t), 0);
	}
	kv_close(kv);
}

static int check_scanned(void *arg, struct slice key, struct slice value)
{
	uint8_t wanted[4096];
	size_t len = value_of(key_read_u64(key, 1), ROUNDS - 1, wanted);

	(void)arg;
	if (slice_equal(key, slice_str(KV_COMMIT_KEY)))
		return 0;
	return slice_equal(value, (struct slice){wanted, len}) ? 0 : 1;
}

static bool by_key_alone; /* then a record that is not found is the worst */

/* Reads everything, by key and by scan; the worst that was seen. */
static enum outcome read_store(const char *dir)
{
	const struct slice all = {NULL, 0};
	enum outcome worst = RIGHT;
	struct kv *kv = open_at(dir);
	struct kv_txn *t;
	uint8_t wanted[4096];
	struct slice got;

	if (!kv || kv_begin(kv, KV_READ, &t))
		return REFUSED;
	for (uint64_t i = 0; i < RECORDS; i++) {
		struct key k = key_u64(KEY_NODE, i);
		size_t len = value_of(i, ROUNDS - 1, wanted);
		int r = kv_get(t, i % 2 ? KV_HOT : KV_BULK, key_slice(&k), &got);

		if (!r && !slice_equal(got, (struct slice){wanted, len}))
			return WRONG;
		if (r == -ENOENT && by_key_alone)
			return MISSING;
		if (r && worst != REFUSED)
			worst = r == -ENOENT ? MISSING : REFUSED;
	}
	for (int db = 0; db < KV_DBS && !by_key_alone; db++) {
		int up = kv_scan(t, db, all, all, check_scanned, NULL);
		int down = kv_scan_down(t, db, all, all, check_scanned, NULL);

		if (up == 1 || down == 1)
			return WRONG;
		if (up || down)
			worst = REFUSED;
	}
	return worst;
}

static enum outcome read_in_child(const char *dir)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	const struct rlimit none = {0, 0};
	int status;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		close(STDERR_FILENO);
		for (size_t i = 0; i < ARRAY_SIZE(deadly); i++)
			signal(deadly[i], SIG_DFL);
		alarm(10);
		_exit(read_store(dir));
	}
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) >= OUTCOMES)
		return DIED;
	return (enum outcome)WEXITSTATUS(status);
}

static size_t read_file(const char *path, uint8_t *out, size_t max)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, out, max);

	close(fd);
	assert_in_range(n, 4096, max - 1);
	return (size_t)n;
}

static void write_file(const char *path, const uint8_t *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static size_t seen[OUTCOMES];

static void flip(const char *path, const char *dir, uint8_t *data, size_t len, size_t bit)
{
	enum outcome o;

	data[bit / 8] ^= 1 << bit % 8;
	write_file(path, data, len);
	o = read_in_child(dir);
	data[bit / 8] ^= 1 << bit % 8;
	seen[o]++;
	if (o == WRONG)
		fail_msg("bit %zu of page %zu at %zu: a wrong value", bit % 8, bit / 8 / 4096,
			bit / 8 % 4096);
}

static void flipped_bits_never_give_wrong_values(void **state)
{
	char dir[TEST_PATH_BYTES_MAX], path[TEST_PATH_BYTES_MAX + 16];
	static uint8_t data[1 << 20];
	uint64_t random = test_seed();
	size_t len, step = test_scale(1) > 1 ? 1 : 3;

	(void)state;
	test_dir_make(dir);
	make_store(dir);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	len = read_file(path, data, sizeof data);
	assert_int_equal(read_in_child(dir), RIGHT);
	for (uint64_t n = test_scale(500); n; n--)
		flip(path, dir, data, len, test_random(&random) % (8 * len));
	/* The meta pages decide which tree is read. */
	for (size_t bit = 0; bit < META_BITS; bit += step) {
		flip(path, dir, data, len, bit);
		flip(path, dir, data, len, 8 * 4096 + bit);
	}
	for (size_t o = 0; o < OUTCOMES; o++)
		print_message("%s %zu  ", outcome_names[o], seen[o]);
	print_message("\n");
	assert_true(seen[REFUSED] > 0 && seen[RIGHT] > 0);
	test_dir_remove(dir);
}

#define PAGE_AT_FLAGS 10
#define PAGE_AT_LOWER 12
#define PAGE_HEAD_BYTES 16
#define PAGE_IS_LEAF 2

/* In each leaf: two neighbours in the wrong order, two that are far apart, one within a record. */
static void records_that_a_search_misses_are_refused(void **state)
{
	char dir[TEST_PATH_BYTES_MAX], path[TEST_PATH_BYTES_MAX + 16];
	static uint8_t data[1 << 20];
	size_t len, cases = 0, refused = 0;

	(void)state;
	test_dir_make(dir);
	make_store(dir);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	len = read_file(path, data, sizeof data);
	by_key_alone = true;
	for (size_t page = 2; page < len / 4096; page++) {
		uint8_t *p = data + page * 4096;
		uint16_t *at = (uint16_t *)(p + PAGE_HEAD_BYTES);
		size_t n = *(uint16_t *)(p + PAGE_AT_LOWER);

		if (*(uint16_t *)(p + PAGE_AT_FLAGS) != PAGE_IS_LEAF || n > 4096)
			continue;
		n = (n - PAGE_HEAD_BYTES) / sizeof *at;
		for (size_t how = 0; how < 3 && n > 6; how++, cases++) {
			uint16_t first = at[2], other = how ? at[n - 2] : at[3];
			enum outcome o;

			at[2] = how == 2 ? first + 2 : other;
			at[how ? n - 2 : 3] = how == 2 ? other : first;
			write_file(path, data, len);
			o = read_in_child(dir);
			at[2] = first;
			at[how ? n - 2 : 3] = other;
			refused += o == REFUSED;
			if (o == MISSING || o == WRONG)
				fail_msg("page %zu, case %zu: %s", page, how, outcome_names[o]);
		}
	}
	by_key_alone = false;
	print_message("%zu cases, %zu refused\n", cases, refused);
	assert_true(refused > cases / 4);
	test_dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_that_a_search_misses_are_refused),
		cmocka_unit_test(flipped_bits_never_give_wrong_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
