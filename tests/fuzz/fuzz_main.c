/*
 * Replays a corpus, then 20,000 random mutations of it ($BOUGH_TEST_SCALE times). Memory is part
 * of the promise: the process may not grow beyond RSS_BYTES_MAX, whatever it is given.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define INPUTS_MAX 256
#define INPUT_BYTES_MAX (1 << 20)
#define MUTATIONS 20000
#define RSS_BYTES_MAX (UINT64_C(256) << 20)
#define ADDRESS_SPACE_BYTES_MAX (UINT64_C(1) << 30)

static struct buf inputs[INPUTS_MAX];
static size_t n_inputs;
static const struct buf *seeds[INPUTS_MAX]; /* those that are mutated */
static size_t n_seeds;

static void read_input(const char *dir, const char *name)
{
	struct buf *b = &inputs[n_inputs];
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "rb");
	FUZZ_CHECK(f && n_inputs < INPUTS_MAX && !buf_reserve(b, INPUT_BYTES_MAX));
	b->len = fread(b->data, 1, INPUT_BYTES_MAX, f);
	fclose(f);
	n_inputs++;
	if (strncmp(name, "bomb_", 5)) /* a bomb takes long, and its children are no better */
		seeds[n_seeds++] = b;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* In the order of their names, so that a seed means the same everywhere. */
static void read_corpus(const char *dir)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, NULL, by_name);

	FUZZ_CHECK(n > 2);
	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.')
			read_input(dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

static void run(const uint8_t *data, size_t len)
{
	uint8_t *exact cleanup(free_p) = malloc(len + !len); /* a byte too far is seen by ASan */

	FUZZ_CHECK(exact);
	if (len)
		memcpy(exact, data, len);
	LLVMFuzzerTestOneInput(exact, len);
}

static void overwrite(struct buf *b, size_t at, uint64_t *seed)
{
	static const uint8_t heads[] = {0xdd, 0xdf, 0xdb, 0xc6, 0xc0, 0xc1, 0xcf, 0xd3, 0xff, 0x00,
		0x80, 0x81, 0x90, 0x91, 0xa0, 0xd9, 0xcb, 0xca, 0x7f, 0xc4};

	b->data[at] = heads[test_random(seed) % sizeof heads];
}

static void remove_some(struct buf *b, size_t at, uint64_t *seed)
{
	size_t n = 1 + test_random(seed) % 16;

	if (n > b->len - at)
		n = b->len - at;
	memmove(b->data + at, b->data + at + n, b->len - at - n);
	b->len -= n;
}

/* Some bytes of any input, put between. */
static void insert_some(struct buf *b, size_t at, uint64_t *seed)
{
	const struct buf *from = seeds[test_random(seed) % n_seeds];
	size_t n = 1 + test_random(seed) % 32, start;

	if (from->len <= n)
		return;
	start = test_random(seed) % (from->len - n);
	FUZZ_CHECK(!buf_reserve(b, n));
	memmove(b->data + at + n, b->data + at, b->len - at);
	memcpy(b->data + at, from->data + start, n);
	b->len += n;
}

static void mutate(struct buf *b, uint64_t *seed)
{
	size_t at;

	if (!b->len)
		return;
	at = test_random(seed) % b->len;
	switch (test_random(seed) % 8) {
	case 0:
		remove_some(b, at, seed);
		break;
	case 1:
		insert_some(b, at, seed);
		break;
	case 2:
	case 3:
	case 4:
		overwrite(b, at, seed);
		break;
	case 5:
		b->data[at] = (uint8_t)test_random(seed);
		break;
	default:
		b->data[at] ^= (uint8_t)(1 << test_random(seed) % 8);
	}
}

static void run_mutation(uint64_t *seed)
{
	const struct buf *from = seeds[test_random(seed) % n_seeds];
	struct buf b auto_buf = {0};

	FUZZ_CHECK(!buf_append(&b, from->data, from->len));
	for (uint64_t n = 1 + test_random(seed) % 4; n; n--)
		mutate(&b, seed);
	run(b.data, b.len);
}

static void limit_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
	setrlimit(RLIMIT_AS, &(struct rlimit){ADDRESS_SPACE_BYTES_MAX, ADDRESS_SPACE_BYTES_MAX});
#endif
}

static void check_memory(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	printf("%ld kB at most\n", use.ru_maxrss);
#ifndef __SANITIZE_ADDRESS__
	FUZZ_CHECK((uint64_t)use.ru_maxrss * 1024 < RSS_BYTES_MAX);
#endif
}

int main(int argc, char **argv)
{
	uint64_t seed = test_seed(), mutations = test_scale(MUTATIONS);

	limit_memory();
	for (int i = 1; i < argc; i++)
		read_corpus(argv[i]);
	FUZZ_CHECK(n_seeds);
	for (size_t i = 0; i < n_inputs; i++)
		run(inputs[i].data, inputs[i].len);
	for (uint64_t i = 0; i < mutations; i++)
		run_mutation(&seed);
	printf("%zu inputs, %llu mutations\n", n_inputs, (unsigned long long)mutations);
	check_memory();
	for (size_t i = 0; i < n_inputs; i++)
		buf_deinit(&inputs[i]);
	return 0;
}
