#include "tests/support/fold_model.h"
#include "objstore/base/base.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>

static unsigned class_of(uint64_t n)
{
	return n < 10 ? 0 : n < 100 ? 1 : n < FOLD_MODEL_CAP ? 2 : 3;
}

static void add(struct fold_model *m, uint64_t blocks)
{
	if (!array_grow(m->sizes, m->n, m->capacity))
		abort();
	m->sizes[m->n++] = blocks;
}

void fold_model_push(struct fold_model *m, uint64_t blocks)
{
	size_t k = m->n;
	uint64_t total = 0;

	while (k && class_of(m->sizes[k - 1]) < class_of(blocks))
		k--;
	if (k == m->n) {
		while (k && class_of(m->sizes[k - 1]) == class_of(blocks))
			k--;
		add(m, blocks);
		if (class_of(blocks) == 3 || m->n - k < 10)
			return;
	} else {
		add(m, blocks);
	}
	for (size_t i = k; i < m->n; i++)
		total += m->sizes[i];
	m->n = k;
	for (; total > FOLD_MODEL_CAP; total -= FOLD_MODEL_CAP)
		fold_model_push(m, FOLD_MODEL_CAP);
	fold_model_push(m, total);
}

void fold_model_deinit(struct fold_model *m)
{
	free(m->sizes);
	*m = (struct fold_model){0};
}

static uint64_t log_uniform(uint64_t *random)
{
	return (uint64_t)pow(10, 3.3 * (double)(test_random(random) >> 11) / (double)(1ULL << 53));
}

static uint64_t mostly_one(uint64_t *random)
{
	return test_random(random) % 50 ? 1 : 300;
}

const struct fold_pattern fold_patterns[FOLD_PATTERNS] = {
	{"1 each", .first = 1, .every = 1, .appends = 100000, .appends_short = 1200},
	{"500, 1, 500, 1 ..", .first = 500, .every = 2, .appends = 20000, .appends_short = 24},
	{"100, 1, 100, 1 ..", .first = 100, .every = 2, .appends = 20000, .appends_short = 40},
	{"100, nine of 1 ..", .first = 100, .every = 10, .appends = 30000, .appends_short = 120},
	{"999 each", .first = 999, .every = 1, .appends = 3000, .appends_short = 12},
	{"150 each", .first = 150, .every = 1, .appends = 10000, .appends_short = 25},
	{"log-uniform 1..2000", log_uniform, .appends = 20000, .appends_short = 40},
	{"mostly 1, rarely 300", mostly_one, .appends = 100000, .appends_short = 150},
	{"50 each", .first = 50, .every = 1, .appends = 20000, .appends_short = 45},
};

uint64_t fold_pattern_next(const struct fold_pattern *p, uint64_t *random, unsigned at)
{
	return p->next ? p->next(random) : at % p->every ? 1 : p->first;
}
