/* The plain model of a key-value store: a sorted array of records. */
#pragma once
#include "tests/support/test.h"

#include "meta/kv.h"

#define MODEL_RECORDS_MAX 2048

struct model_record {
	enum kv_db db;
	struct slice key, value; /* owned */
};

struct model {
	size_t n;
	struct model_record records[MODEL_RECORDS_MAX]; /* by database, then key */
};

void model_deinit(struct model *m);
/** model_copy() - @to is deinitialised first. */
void model_copy(const struct model *from, struct model *to);
void model_put(struct model *m, enum kv_db db, struct slice key, struct slice value);
/** model_del(), model_get() - 0 or -ENOENT. */
int model_del(struct model *m, enum kv_db db, struct slice key);
int model_get(const struct model *m, enum kv_db db, struct slice key, struct slice *ret);
/** model_check_scans() - both scans of @t give what the model has; KV_COMMIT_KEY left aside. */
void model_check_scans(
	const struct model *m, struct kv_txn *t, enum kv_db db, struct slice lo, struct slice hi);
