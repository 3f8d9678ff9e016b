/*
 * Many one-block appends to one ref, with the folds that an import makes and those of a daemon, but
 * without objects and without a disk: segments, bytes of records, and whether commits get slower.
 */
#include "meta/tree.h"
#include "refs/fold.h"
#include "tests/support/fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PART 1000 /* first and last commits that are compared */

static int by_time(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t median(uint64_t *us, size_t n)
{
	qsort(us, n, sizeof *us, by_time);
	return us[n / 2];
}

static double record_bytes(const struct fixture *f)
{
	char path[TEST_PATH_BYTES_MAX + 32];
	struct stat st;

	snprintf(path, sizeof path, "%s/meta/data.mdb", f->path);
	return stat(path, &st) ? 0 : (double)st.st_blocks * 512;
}

static uint64_t segments_of(struct fixture *f, uint64_t snapshot)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_snapshot s = {0};

	if (!refs_begin(f->store, KV_READ, &x))
		rec_snapshot_get(x->kv, snapshot, &s);
	return s.segments;
}

static void report(struct fixture *f, uint64_t last, size_t n, uint64_t *us, size_t part)
{
	uint64_t first = median(us, part), end = median(us + n - part, part);

	printf("%zu appends of one block: %llu segments, %.0f bytes of records each\n", n,
		(unsigned long long)segments_of(f, last), record_bytes(f) / (double)n);
	printf("p50 of the first %zu: %llu us, of the last: %llu us, ratio %.2f\n", part,
		(unsigned long long)first, (unsigned long long)end, (double)end / (double)first);
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000, part = n < PART ? n : PART;
	uint64_t *us cleanup(free_p) = calloc(n + 1, sizeof *us), table, ref, last = 0;
	const struct clock *clock = clock_system();
	struct bough_error error = {0};
	struct fixture *f;
	void *state;

	if (!us || !n || fixture_setup(&state))
		return 1;
	f = state;
	table = fixture_table(f, "d", "t");
	ref = fixture_main(f, table);
	for (size_t i = 0; i < n; i++) {
		uint64_t before = clock->mono_us(clock);

		last = fixture_append_folded(f, table, ref, 1);
		us[i] = clock->mono_us(clock) - before;
		if (i % PART == 0 &&
			refs_fold_run(f->store, ref, NULL, &(struct refs_folded){0}, &error))
			fprintf(stderr, "%s\n", error.message);
	}
	report(f, last, n, us, part);
	fixture_teardown(&state);
	return 0;
}
