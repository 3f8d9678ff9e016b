/*
 * Many small appends to one ref, with the folds that an import makes and those of a mount, but
 * without objects, in $TMPDIR or in memory: segments against the model, bytes of records, whether
 * commits get slower. usage: appends [APPENDS [PART]]: so many of one block; then the model's
 * patterns (tests/models/fold.py), the PART-th part of each; 0: none.
 */
#include "refs/fold.h"
#include "tests/support/fixture.h"
#include "tests/support/fold_model.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

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

/* A commit waits for a disk, if there is one; else only the processor counts. */
static uint64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
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

static void timed_append(struct run *r, uint64_t *ret_us, uint64_t *ret_cpu_us)
{
	const struct clock *clock = clock_system();
	uint64_t us = clock->mono_us(clock), cpu = cpu_us();

	append(r, 1);
	*ret_us = clock->mono_us(clock) - us;
	*ret_cpu_us = cpu_us() - cpu;
}

static void print_ends(const char *what, uint64_t *first, uint64_t *last, size_t part)
{
	uint64_t a = median(first, part), b = median(last, part);

	printf("p50 of the first %zu commits: %llu us%s, of the last: %llu us, ratio %.2f\n", part,
		(unsigned long long)a, what, (unsigned long long)b, (double)b / (double)a);
}

/* The last commits of @r in turn with the first of a fresh ref: what else the machine does, and
 * how fast it is just now, is the same for both. */
static int compare_ends(struct run *r, size_t part)
{
	uint64_t *us cleanup(free_p) = calloc(4 * part, sizeof *us);
	struct run fresh;

	if (!us || start(&fresh))
		return 1;
	for (size_t i = 0; i < part; i++) {
		timed_append(&fresh, &us[i], &us[2 * part + i]);
		timed_append(r, &us[part + i], &us[3 * part + i]);
	}
	finish(&fresh);
	print_ends("", us, us + part, part);
	print_ends(" of processor", us + 2 * part, us + 3 * part, part);
	return 0;
}

static int one_each(size_t n)
{
	size_t part = n < PART ? n : PART;
	struct run r;
	int result;

	if (start(&r))
		return 1;
	for (size_t i = part; i < n; i++) {
		append(&r, 1);
		if (i % FOLD_EVERY == FOLD_EVERY - 1) {
			fold(&r);
			look(&r);
		}
	}
	result = compare_ends(&r, part);
	fold(&r);
	look(&r);
	report(&r, "1 each");
	finish(&r);
	return result;
}

static int pattern(const struct fold_pattern *p, unsigned part)
{
	struct run r;

	if (start(&r))
		return 1;
	for (unsigned i = 0; i < p->appends / part; i++) {
		append(&r, fold_pattern_next(p, &r.random, i));
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
