/* Folding: as many segments as the model's rule leaves, and every block, name and count kept. */
#include "gc/fsck.h"
#include "meta/tree.h"
#include "refs/fold.h"
#include "tests/support/fixture.h"
#include "tests/support/fold_model.h"

#include <stdio.h>
#include <string.h>

#define SIZES_MAX 512

/** Sizes of segments, oldest first. */
struct sizes {
	size_t n;
	uint64_t s[SIZES_MAX];
};

static int add_size(void *arg, const struct tree_entry *e)
{
	struct sizes *l = arg;

	assert_true(l->n < SIZES_MAX);
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

static void compare(const struct sizes *now, const struct fold_model *model)
{
	if (now->n == model->n && !memcmp(now->s, model->sizes, now->n * sizeof now->s[0]))
		return;
	for (size_t i = 0; i < now->n || i < model->n; i++)
		print_message("%zu: %llu, model %llu\n", i,
			i < now->n ? (unsigned long long)now->s[i] : 0,
			i < model->n ? (unsigned long long)model->sizes[i] : 0);
	fail();
}

/** One pattern driven through a table of its own. */
struct drive {
	struct fixture *f;
	const struct fold_pattern *pattern;
	uint64_t table, ref, random;
	unsigned appends;
};

static struct drive start(struct fixture *f, const char *prefix, size_t pattern, uint64_t random)
{
	struct drive d = {.f = f, .pattern = &fold_patterns[pattern], .random = random};
	char name[16];

	snprintf(name, sizeof name, "%s%zu", prefix, pattern);
	d.table = fixture_table(f, "d", name);
	d.ref = fixture_main(f, d.table);
	d.appends = (unsigned)test_scale(d.pattern->appends_short);
	return d;
}

/* A full segment at a time, as an import does it. */
static uint64_t next(struct drive *d, unsigned at, uint64_t *rest)
{
	uint64_t n = *rest ? *rest : fold_pattern_next(d->pattern, &d->random, at);

	*rest = n > FOLD_MODEL_CAP ? n - FOLD_MODEL_CAP : 0;
	n -= *rest;
	fixture_append_folded(d->f, d->table, d->ref, (unsigned)n);
	return n;
}

static void as_many_segments_as_in_the_model(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = test_seed();

	for (size_t i = 0; i < FOLD_PATTERNS; i++) {
		struct fold_model model cleanup(fold_model_deinit) = {0};
		struct drive d = start(f, "t", i, seed);
		uint64_t rest = 0;

		for (unsigned k = 0; k < d.appends || rest; k++) {
			struct refs_folded done;
			struct bough_error e = {0};
			struct sizes now;

			fold_model_push(&model, next(&d, k, &rest));
			assert_int_equal(refs_fold_run(f->store, d.ref, NULL, &done, &e), 0);
			read_sizes(f, d.ref, &now);
			compare(&now, &model);
		}
	}
	check(f);
}

/* Only what is worth a commit, and that not after each append: still within the model's bound. */
static void a_daemon_keeps_to_the_bound(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = test_seed();

	for (size_t i = 0; i < FOLD_PATTERNS; i++) {
		struct drive d = start(f, "u", i, seed);
		uint64_t blocks = 0, commits = 0, rest = 0;

		for (unsigned k = 0; k < d.appends || rest; k++) {
			struct sizes now;

			blocks += next(&d, k, &rest);
			if (test_random(&d.random) % 4)
				continue;
			commits += fold_what_is_worth(f, d.ref, &now);
			assert_true(now.n <= blocks / FOLD_MODEL_CAP + FOLD_MODEL_REST);
		}
		assert_true(commits <= d.appends / 8 + 1);
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
