/* The model of folding, tests/models/fold.py, and its patterns of appends: for tests and
 * benchmarks. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define FOLD_MODEL_CAP 1000 /* blocks of a full segment */
#define FOLD_MODEL_REST 27  /* segments beside one for each FOLD_MODEL_CAP blocks, at most */

/** Sizes of segments, oldest first. */
struct fold_model {
	size_t n, capacity;
	uint64_t *sizes;
};
/** fold_model_push() - as the model's push(): a segment more, and the folds that come with it. */
void fold_model_push(struct fold_model *m, uint64_t blocks);
void fold_model_deinit(struct fold_model *m);

struct fold_pattern {
	const char *name;
	uint64_t (*next)(uint64_t *random); /* blocks of an append; NULL: */
	unsigned first, every;		    /* so many in every such, 1 in the others */
	unsigned appends;		    /* in the model, */
	unsigned appends_short;		    /* in a unit test */
};
#define FOLD_PATTERNS 9
extern const struct fold_pattern fold_patterns[FOLD_PATTERNS];
/** fold_pattern_next() - how many blocks append number @at has. */
uint64_t fold_pattern_next(const struct fold_pattern *p, uint64_t *random, unsigned at);
