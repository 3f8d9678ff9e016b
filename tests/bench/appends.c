/*
 * Many small appends to one ref, with the folds that an import makes and those of a mount, but
 * without objects and without a disk: segments against the model, bytes of records, whether
 * commits get slower. usage: appends [APPENDS [PART]]: so many of one block; then the model's
 * patterns (tests/models/fold.py), the PART-th part of each; 0: none.
 */
#include "refs/fold.h"
#include "tests/support/fixture.h"
#include "tests/support/fold_model.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PART 1000	/* first and last commits that are compared */
#define FOLD_EVERY 1000 /* appends: what a mount does in a second */
#define CHECK_EVERY 100

/** One ref that is appended to. */
struct run {
	struct fixture *f;
	struct fold_model model;
	uint64_t table, ref, random;
	uint64_t blocks, appends;
	uint64_t folds, folded, fold_us, fold_longest_us; /* of the mount */
	int64_t excess; /* segments above blocks / 1,000, at most, as the mount left it */
};

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

static struct rec_snapshot head_of(struct run *r)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_snapshot s = {0};
	struct rec_ref ref;

	if (!refs_begin(r->f->store, KV_READ, &x) && !rec_ref_get(x->kv, r->ref, &ref))
		rec_snapshot_get(x->kv, ref.head, &s);
	return s;
}

static void fold(struct run *r)
{
	const struct clock *clock = clock_system();
	const struct refs_fold_options o = {.all = false};
	struct bough_error error = {0};
	struct refs_folded done;
	uint64_t before = clock->mono_us(clock), us;

	if (refs_fold_run(r->f->store, r->ref, &o, &done, &error))
		fprintf(stderr, "appends: %s\n", error.message);
	us = clock->mono_us(clock) - before;
	r->folds += done.commits;
	r->folded += done.gone;
	r->fold_us += us;
	if (us > r->fold_longest_us)
		r->fold_longest_us = us;
}

static void look(struct run *r)
{
	int64_t excess = (int64_t)head_of(r).segments - (int64_t)(r->blocks / FOLD_MODEL_CAP);

	if (excess > r->excess)
		r->excess = excess;
}

/* A full segment at a time, as an import does it. */
static void append(struct run *r, uint64_t n)
{
	for (uint64_t one; n; n -= one) {
		one = n < FOLD_MODEL_CAP ? n : FOLD_MODEL_CAP;
		fixture_append_folded(r->f, r->table, r->ref, (unsigned)one);
		fold_model_push(&r->model, one);
		r->blocks += one;
	}
	r->appends++;
}

static void report(struct run *r, const char *name)
{
	struct rec_snapshot head = head_of(r);

	printf("%-20s %7llu appends, %8llu blocks: %5llu segments, model %5zu, at most %lld above "
	       "blocks/1,000 (bound %d); %5.0f bytes of records per block\n",
		name, (unsigned long long)r->appends, (unsigned long long)r->blocks,
		(unsigned long long)head.segments, r->model.n, (long long)r->excess,
		FOLD_MODEL_REST, record_bytes(r->f) / (double)r->blocks);
	printf("%-20s mount: %llu commits, %llu segments folded, %.1f s in all, %.0f ms the "
	       "longest, %.1f us per block\n",
		"", (unsigned long long)r->folds, (unsigned long long)r->folded,
		(double)r->fold_us / 1e6, (double)r->fold_longest_us / 1e3,
		(double)r->fold_us / (double)r->blocks);
}

static int start(struct run *r)
{
	void *state;

	*r = (struct run){.random = 1};
	if (fixture_setup(&state))
		return -1;
	r->f = state;
	r->table = fixture_table(r->f, "d", "t");
	r->ref = fixture_main(r->f, r->table);
	return 0;
}

static void finish(struct run *r)
{
	void *state = r->f;

	fold_model_deinit(&r->model);
	fixture_teardown(&state);
}

static int one_each(size_t n)
{
	size_t part = n < PART ? n : PART;
	uint64_t *us cleanup(free_p) = calloc(n + 1, sizeof *us), first, last;
	const struct clock *clock = clock_system();
	struct run r;

	if (!us || start(&r))
		return 1;
	for (size_t i = 0; i < n; i++) {
		uint64_t before = clock->mono_us(clock);

		append(&r, 1);
		us[i] = clock->mono_us(clock) - before;
		if (i % FOLD_EVERY == FOLD_EVERY - 1) {
			fold(&r);
			look(&r);
		}
	}
	report(&r, "1 each");
	first = median(us, part);
	last = median(us + n - part, part);
	printf("p50 of the first %zu commits: %llu us, of the last: %llu us, ratio %.2f\n", part,
		(unsigned long long)first, (unsigned long long)last, (double)last / (double)first);
	finish(&r);
	return 0;
}

static int pattern(const struct fold_pattern *p, unsigned part)
{
	struct run r;

	if (start(&r))
		return 1;
	for (unsigned i = 0; i < p->appends / part; i++) {
		append(&r, p->next(&r.random, i));
		if (i % CHECK_EVERY == CHECK_EVERY - 1) {
			fold(&r);
			look(&r);
		}
	}
	report(&r, p->name);
	finish(&r);
	return 0;
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	unsigned part = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	int r = n ? one_each(n) : 0;

	for (size_t i = 0; i < FOLD_PATTERNS && part && !r; i++)
		r = pattern(&fold_patterns[i], part);
	return r;
}
