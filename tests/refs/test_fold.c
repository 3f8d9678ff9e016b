/* Folding: as many segments as the model's rule leaves, and every block, name and count kept. */
#include "gc/fsck.h"
#include "meta/tree.h"
#include "refs/fold.h"
#include "tests/support/fixture.h"

#include <stdio.h>
#include <string.h>

#define CAP 1000
#define SIZES_MAX 4096

/** Sizes of segments, oldest first: the model's list. */
struct sizes {
	size_t n;
	uint64_t s[SIZES_MAX];
};

static unsigned class_of(uint64_t n)
{
	return n < 10 ? 0 : n < 100 ? 1 : n < CAP ? 2 : 3;
}

/* push() of the model fold.py. */
static void model_push(struct sizes *l, uint64_t n)
{
	size_t k = l->n;
	uint64_t total = 0;

	assert_true(l->n < SIZES_MAX);
	while (k && class_of(l->s[k - 1]) < class_of(n))
		k--;
	if (k == l->n) {
		l->s[l->n++] = n;
		while (k && class_of(l->s[k - 1]) == class_of(n))
			k--;
		if (class_of(n) == 3 || l->n - k < 10)
			return;
	} else {
		l->s[l->n++] = n;
	}
	for (size_t i = k; i < l->n; i++)
		total += l->s[i];
	l->n = k;
	for (; total > CAP; total -= CAP)
		model_push(l, CAP);
	model_push(l, total);
}

static int add_size(void *arg, const struct tree_entry *e)
{
	struct sizes *l = arg;

	l->s[l->n++] = e->rows / 10;
	return 0;
}

static void read_sizes(struct fixture *f, uint64_t ref, struct sizes *ret)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_ref rec;
	struct rec_snapshot head;

	ret->n = 0;
	assert_int_equal(refs_begin(f->store, KV_READ, &x), 0);
	assert_int_equal(rec_ref_get(x->kv, ref, &rec), 0);
	assert_int_equal(rec_snapshot_get(x->kv, rec.head, &head), 0);
	assert_int_equal(tree_walk(x->kv, head.root, 0, add_size, ret), 0);
	assert_int_equal(head.segments, ret->n);
}

static void finding(void *arg, const char *text)
{
	(void)arg;
	print_message("fsck: %s\n", text);
}

static void check(struct fixture *f)
{
	const struct fsck_options options = {.finding = finding};
	struct fsck_report report;
	struct bough_error e = {0};

	assert_int_equal(fsck_run(f->path, &options, &report, &e), 0);
	assert_int_equal(report.errors, 0);
}

/* As a daemon does it after some appends: how many segments there are, and how many commits. */
static uint64_t fold_what_is_worth(struct fixture *f, uint64_t ref, struct sizes *ret)
{
	const struct refs_fold_options o = {.all = false};
	struct refs_folded done;
	struct bough_error e = {0};

	assert_int_equal(refs_fold_run(f->store, ref, &o, &done, &e), 0);
	read_sizes(f, ref, ret);
	return done.commits;
}

static void append(struct fixture *f, uint64_t table, uint64_t ref, uint64_t n, struct sizes *model)
{
	struct bough_error e = {0};
	struct sizes now;

	fixture_append_folded(f, table, ref, (unsigned)n);
	assert_int_equal(refs_fold_run(f->store, ref, NULL, &(struct refs_folded){0}, &e), 0);
	model_push(model, n);
	read_sizes(f, ref, &now);
	if (now.n != model->n || memcmp(now.s, model->s, now.n * sizeof now.s[0])) {
		for (size_t i = 0; i < now.n || i < model->n; i++)
			print_message("%zu: %llu, model %llu\n", i,
				i < now.n ? (unsigned long long)now.s[i] : 0,
				i < model->n ? (unsigned long long)model->s[i] : 0);
		fail();
	}
}

/** What is appended, one after the other. */
typedef uint64_t (*pattern_fn)(uint64_t *random, unsigned at);

static uint64_t ones(uint64_t *random, unsigned at)
{
	(void)random;
	(void)at;
	return 1;
}

static uint64_t hundred_and_nine(uint64_t *random, unsigned at)
{
	(void)random;
	return at % 10 ? 1 : 100;
}

static uint64_t five_hundred_and_one(uint64_t *random, unsigned at)
{
	(void)random;
	return at % 2 ? 1 : 500;
}

static uint64_t full_but_one(uint64_t *random, unsigned at)
{
	(void)random;
	(void)at;
	return 999;
}

static uint64_t hundred_fifty(uint64_t *random, unsigned at)
{
	(void)random;
	(void)at;
	return 150;
}

static uint64_t fifty(uint64_t *random, unsigned at)
{
	(void)random;
	(void)at;
	return 50;
}

static uint64_t log_uniform(uint64_t *random, unsigned at)
{
	uint64_t most = UINT64_C(1) << (1 + test_random(random) % 10);

	(void)at;
	return 1 + test_random(random) % (most < CAP ? most : CAP);
}

static uint64_t mostly_one(uint64_t *random, unsigned at)
{
	(void)at;
	return test_random(random) % 50 ? 1 : 300;
}

/* Those of the model, fold.py. */
static const struct {
	pattern_fn next;
	unsigned appends;
} patterns[] = {{ones, 1200}, {hundred_and_nine, 120}, {five_hundred_and_one, 24},
	{full_but_one, 12}, {hundred_fifty, 25}, {fifty, 45}, {log_uniform, 80}, {mostly_one, 150}};

static void as_many_segments_as_in_the_model(void **state)
{
	struct fixture *f = *state;
	struct sizes *model cleanup(free_p) = calloc(1, sizeof *model);
	uint64_t random = test_seed();

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		char name[16];
		uint64_t table, ref;

		snprintf(name, sizeof name, "t%zu", i);
		table = fixture_table(f, "d", name);
		ref = fixture_main(f, table);
		model->n = 0;
		for (unsigned k = 0; k < test_scale(patterns[i].appends); k++)
			append(f, table, ref, patterns[i].next(&random, k), model);
	}
	check(f);
}

/* Only what is worth a commit, and that not after each append: still within the model's bound. */
static void a_daemon_keeps_to_the_bound(void **state)
{
	struct fixture *f = *state;
	struct sizes *now cleanup(free_p) = calloc(1, sizeof *now);
	uint64_t random = test_seed();

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		uint64_t table, ref, blocks = 0, commits = 0;
		unsigned n = (unsigned)test_scale(patterns[i].appends);
		char name[16];

		snprintf(name, sizeof name, "u%zu", i);
		table = fixture_table(f, "d", name);
		ref = fixture_main(f, table);
		for (unsigned k = 0; k < n; k++) {
			uint64_t next = patterns[i].next(&random, k);

			blocks += next;
			fixture_append_folded(f, table, ref, (unsigned)next);
			if (test_random(&random) % 4)
				continue;
			commits += fold_what_is_worth(f, ref, now);
			assert_true(now->n <= blocks / CAP + 27);
		}
		assert_true(commits <= n / 8 + 1);
	}
	check(f);
}

/* Two runs fold, what lies between them stays: keys rise all the same, and nothing is left due. */
static void what_lies_between_folds_stays(void **state)
{
	static const uint64_t expected[] = {150, 20, 10};
	struct fixture *f = *state;
	struct sizes *now cleanup(free_p) = calloc(1, sizeof *now);
	struct bough_error e = {0};
	struct refs_folded done;
	uint64_t table = fixture_table(f, "d", "t"), ref = fixture_main(f, table);

	for (int i = 0; i < 10; i++)
		fixture_append(f, table, ref, 15);
	fixture_append(f, table, ref, 20);
	for (int i = 0; i < 10; i++)
		fixture_append(f, table, ref, 1);
	assert_int_equal(refs_fold_run(f->store, ref, NULL, &(struct refs_folded){0}, &e), 0);
	read_sizes(f, ref, now);
	assert_int_equal(now->n, ARRAY_SIZE(expected));
	assert_memory_equal(now->s, expected, sizeof expected);
	assert_int_equal(refs_fold_run(f->store, ref, NULL, &done, &e), 0);
	assert_int_equal(done.commits, 0);
	check(f);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(as_many_segments_as_in_the_model),
		T(a_daemon_keeps_to_the_bound),
		T(what_lies_between_folds_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
