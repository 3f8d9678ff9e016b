#include "tests/support/fold_model.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>

static unsigned class_of(uint64_t n)
{
	return n < 10 ? 0 : n < 100 ? 1 : n < FOLD_MODEL_CAP ? 2 : 3;
}

static void add(struct fold_model *m, uint64_t blocks)
{
	if (m->n == m->capacity) {
		m->capacity = m->capacity ? 2 * m->capacity : 64;
		m->sizes = realloc(m->sizes, m->capacity * sizeof *m->sizes);
		if (!m->sizes)
			abort();
	}
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

static uint64_t ones(uint64_t *random, unsigned at)
{
	(void)random;
	(void)at;
	return 1;
}

static uint64_t five_hundred_and_one(uint64_t *random, unsigned at)
{
	(void)random;
	return at % 2 ? 1 : 500;
}

static uint64_t hundred_and_one(uint64_t *random, unsigned at)
{
	(void)random;
	return at % 2 ? 1 : 100;
}

static uint64_t hundred_and_nine(uint64_t *random, unsigned at)
{
	(void)random;
	return at % 10 ? 1 : 100;
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

static uint64_t log_uniform(uint64_t *random, unsigned at)
{
	(void)at;
	return (uint64_t)pow(10, 3.3 * (double)(test_random(random) >> 11) / (double)(1ULL << 53));
}

static uint64_t mostly_one(uint64_t *random, unsigned at)
{
	(void)at;
	return test_random(random) % 50 ? 1 : 300;
}

static uint64_t fifty(uint64_t *random, unsigned at)
{
	(void)random;
	(void)at;
	return 50;
}

const struct fold_pattern fold_patterns[FOLD_PATTERNS] = {
	{"1 each", ones, 100000, 1200},
	{"500, 1, 500, 1 ..", five_hundred_and_one, 20000, 24},
	{"100, 1, 100, 1 ..", hundred_and_one, 20000, 40},
	{"100, nine of 1 ..", hundred_and_nine, 30000, 120},
	{"999 each", full_but_one, 3000, 12},
	{"150 each", hundred_fifty, 10000, 25},
	{"log-uniform 1..2000", log_uniform, 20000, 40},
	{"mostly 1, rarely 300", mostly_one, 100000, 150},
	{"50 each", fifty, 20000, 45},
};
