/* What every key-value engine promises (meta/kv.h), over each of them. */
#include "tests/meta/engine.h"
#include "tests/meta/model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct kv_txn *begin(struct engine *e, enum kv_mode mode)
{
	struct kv_txn *t;

	assert_int_equal(kv_begin(e->kv, mode, &t), 0);
	return t;
}

static void put(struct kv_txn *t, enum kv_db db, const char *key, const char *value)
{
	assert_int_equal(kv_put(t, db, slice_str(key), slice_str(value)), 0);
}

static void expect(struct kv_txn *t, enum kv_db db, const char *key, const char *value)
{
	struct slice got;
	int r = kv_get(t, db, slice_str(key), &got);

	if (!value) {
		assert_int_equal(r, -ENOENT);
		return;
	}
	assert_int_equal(r, 0);
	assert_true(slice_equal(got, slice_str(value)));
}

static void commit(struct kv_txn **t)
{
	assert_int_equal(kv_commit(t), 0);
	assert_null(*t);
}

static void records_are_kept(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = begin(e, KV_WRITE);

	expect(t, KV_HOT, "k", NULL);
	put(t, KV_HOT, "k", "one");
	put(t, KV_BULK, "k", "two");
	put(t, KV_HOT, "empty", "");
	put(t, KV_HOT, "k", "three");
	expect(t, KV_HOT, "k", "three");
	commit(&t);
	engine_reopen(e);
	t = begin(e, KV_READ);
	expect(t, KV_HOT, "k", "three");
	expect(t, KV_BULK, "k", "two");
	expect(t, KV_HOT, "empty", "");
	expect(t, KV_BULK, "empty", NULL);
}

static void deletion(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = begin(e, KV_WRITE);

	assert_int_equal(kv_del(t, KV_HOT, slice_str("k")), -ENOENT);
	put(t, KV_HOT, "k", "v");
	commit(&t);
	t = begin(e, KV_WRITE);
	assert_int_equal(kv_del(t, KV_HOT, slice_str("k")), 0);
	expect(t, KV_HOT, "k", NULL);
	assert_int_equal(kv_del(t, KV_HOT, slice_str("k")), -ENOENT);
	commit(&t);
	t = begin(e, KV_READ);
	expect(t, KV_HOT, "k", NULL);
}

static void sizes_to_the_limit(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = begin(e, KV_WRITE);
	uint8_t key[KV_KEY_BYTES_MAX];
	struct slice k = {key, sizeof key}, got;
	size_t len = 3 << 20;
	char *value cleanup(free_p) = malloc(len);

	memset(key, 0xff, sizeof key);
	memset(value, 'x', len);
	assert_int_equal(kv_put(t, KV_BULK, k, (struct slice){value, len}), 0);
	commit(&t);
	t = begin(e, KV_READ);
	assert_int_equal(kv_get(t, KV_BULK, k, &got), 0);
	assert_true(slice_equal(got, (struct slice){value, len}));
}

/* A value may lie in the store itself. */
static void a_value_read_can_be_written(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = begin(e, KV_WRITE);
	char name[16];
	struct slice got;

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "a%d", i);
		put(t, KV_HOT, name, "some text that moves when its page is split");
	}
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "a%d", i);
		assert_int_equal(kv_get(t, KV_HOT, slice_str(name), &got), 0);
		snprintf(name, sizeof name, "a%d-copy", i);
		assert_int_equal(kv_put(t, KV_HOT, slice_str(name), got), 0);
		expect(t, KV_HOT, name, "some text that moves when its page is split");
	}
}

static void commit_numbers(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = begin(e, KV_READ);

	assert_int_equal(t->commit, 0);
	kv_abort(steal(&t));
	for (uint64_t n = 1; n <= 3; n++) {
		t = begin(e, KV_WRITE);
		assert_int_equal(t->commit, n);
		put(t, KV_HOT, "k", "v");
		commit(&t);
		engine_reopen(e);
		t = begin(e, KV_READ);
		assert_int_equal(t->commit, n);
		commit(&t);
	}
	t = begin(e, KV_WRITE); /* nothing written: no commit */
	assert_int_equal(kv_del(t, KV_HOT, slice_str("absent")), -ENOENT);
	commit(&t);
	t = begin(e, KV_WRITE); /* nor is an aborted one */
	put(t, KV_HOT, "k", "v");
	kv_abort(steal(&t));
	t = begin(e, KV_READ);
	assert_int_equal(t->commit, 3);
}

static void readers_keep_what_they_began_with(void **state)
{
	struct engine *e = *state;
	struct kv_txn *old auto_kv_txn = NULL, *new auto_kv_txn = NULL, *t auto_kv_txn = NULL;

	t = begin(e, KV_WRITE);
	put(t, KV_HOT, "k", "old");
	commit(&t);
	old = begin(e, KV_READ);
	t = begin(e, KV_WRITE);
	put(t, KV_HOT, "k", "new");
	put(t, KV_HOT, "l", "new");
	expect(old, KV_HOT, "k", "old");
	commit(&t);
	new = begin(e, KV_READ);
	expect(old, KV_HOT, "k", "old");
	expect(old, KV_HOT, "l", NULL);
	expect(new, KV_HOT, "k", "new");
	assert_int_equal(old->commit + 1, new->commit);
}

static void an_abort_undoes_only_its_own(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = begin(e, KV_WRITE), *in = NULL, *deep = NULL;

	put(t, KV_HOT, "a", "1");
	assert_int_equal(kv_nest(t, &in), 0);
	assert_int_equal(in->commit, t->commit);
	expect(in, KV_HOT, "a", "1");
	put(in, KV_HOT, "a", "2");
	put(in, KV_BULK, "b", "2");
	kv_abort(in);
	expect(t, KV_HOT, "a", "1");
	expect(t, KV_BULK, "b", NULL);

	assert_int_equal(kv_nest(t, &in), 0);
	put(in, KV_HOT, "c", "3");
	assert_int_equal(kv_nest(in, &deep), 0);
	assert_int_equal(kv_del(deep, KV_HOT, slice_str("c")), 0);
	put(deep, KV_HOT, "d", "4");
	commit(&deep);
	expect(in, KV_HOT, "c", NULL);
	put(in, KV_HOT, "e", "5");
	commit(&in);
	commit(&t);
	engine_reopen(e);
	t = begin(e, KV_READ);
	expect(t, KV_HOT, "a", "1");
	expect(t, KV_HOT, "c", NULL);
	expect(t, KV_HOT, "d", "4");
	expect(t, KV_HOT, "e", "5");
	assert_int_equal(t->commit, 1);
}

/* A nested transaction's writes alone make a commit; an aborted one's do not. */
static void nested_writes_count(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = begin(e, KV_WRITE), *in;

	assert_int_equal(kv_nest(t, &in), 0);
	put(in, KV_HOT, "a", "1");
	kv_abort(in);
	commit(&t);
	t = begin(e, KV_WRITE);
	assert_int_equal(t->commit, 1);
	assert_int_equal(kv_nest(t, &in), 0);
	put(in, KV_HOT, "a", "1");
	commit(&in);
	commit(&t);
	t = begin(e, KV_READ);
	assert_int_equal(t->commit, 1);
	expect(t, KV_HOT, "a", "1");
}

static int stop_at_b(void *arg, struct slice key, struct slice value)
{
	struct kv_txn *t = arg;
	struct slice got;

	assert_int_equal(kv_get(t, KV_BULK, key, &got), 0); /* reading inside is fine */
	assert_true(slice_equal(got, value));
	return slice_equal(key, slice_str("b")) ? 42 : 0;
}

static void scans_stop_when_told(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = begin(e, KV_WRITE);
	const struct slice all = {NULL, 0};

	put(t, KV_BULK, "a", "1");
	put(t, KV_BULK, "b", "2");
	put(t, KV_BULK, "c", "3");
	assert_int_equal(kv_scan(t, KV_BULK, all, all, stop_at_b, t), 42);
	assert_int_equal(kv_scan_down(t, KV_BULK, all, all, stop_at_b, t), 42);
	assert_int_equal(kv_scan(t, KV_BULK, slice_str("c"), all, stop_at_b, t), 0);
	assert_int_equal(kv_scan_down(t, KV_BULK, all, slice_str("b"), stop_at_b, t), 0);
}

/* All pairs of bounds over keys that are prefixes of each other, before, between and behind. */
static void scan_bounds(void **state)
{
	static const char *const keys[] = {"b", "ba", "bb", "d", "d\xff", "d\xff\xff", "f"};
	static const char *const bounds[] = {"", "a", "b", "b\x01", "ba", "bz", "c", "d",
		"d\xff\xff\xff", "e", "f", "g", "\xff"};
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = begin(e, KV_WRITE);
	struct model m = {0};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		put(t, KV_BULK, keys[i], keys[i]);
		model_put(&m, KV_BULK, slice_str(keys[i]), slice_str(keys[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++)
		for (size_t j = 0; j < ARRAY_SIZE(bounds); j++)
			model_check_scans(
				&m, t, KV_BULK, slice_str(bounds[i]), slice_str(bounds[j]));
	model_deinit(&m);
}

#define DEPTH_MAX 4

/* A store and what it should hold, per level of nesting; and one reader with its own. */
struct random_run {
	struct engine *e;
	uint64_t random;
	int depth; /* of open write transactions */
	struct kv_txn *t[DEPTH_MAX], *reader;
	struct model m[DEPTH_MAX + 1], reader_m;
};

static struct slice random_bytes(struct random_run *run, uint8_t *out, size_t max, bool is_key)
{
	uint64_t n = test_random(&run->random) % (max + 1);

	if (is_key) /* few keys, so that they meet */
		n = 1 + n % 3;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(test_random(&run->random) % (is_key ? 7 : 256));
	return (struct slice){out, n};
}

static void random_write(struct random_run *run)
{
	uint8_t key[8], value[3000];
	struct slice k = random_bytes(run, key, 3, true), v, got;
	struct kv_txn *t = run->t[run->depth - 1];
	struct model *m = &run->m[run->depth];
	enum kv_db db = test_random(&run->random) % KV_DBS;

	switch (test_random(&run->random) % 4) {
	case 0:
		assert_int_equal(kv_del(t, db, k), model_del(m, db, k));
		break;
	case 1:
		v = random_bytes(run, value, sizeof value, false);
		assert_int_equal(kv_put(t, db, k, v), 0);
		model_put(m, db, k, v);
		break;
	case 2:
		v = random_bytes(run, value, 40, false);
		assert_int_equal(kv_put(t, db, k, v), 0);
		model_put(m, db, k, v);
		break;
	default:
		assert_int_equal(kv_get(t, db, k, &got), model_get(m, db, k, &v));
		if (!model_get(m, db, k, &v))
			assert_true(slice_equal(got, v));
	}
}

static void random_begin(struct random_run *run)
{
	if (run->depth == DEPTH_MAX)
		return;
	if (run->depth)
		assert_int_equal(kv_nest(run->t[run->depth - 1], &run->t[run->depth]), 0);
	else
		run->t[0] = begin(run->e, KV_WRITE);
	model_copy(&run->m[run->depth], &run->m[run->depth + 1]);
	run->depth++;
}

static void random_end(struct random_run *run)
{
	if (!run->depth)
		return;
	run->depth--;
	if (test_random(&run->random) % 3) {
		commit(&run->t[run->depth]);
		model_copy(&run->m[run->depth + 1], &run->m[run->depth]);
	} else {
		kv_abort(steal(&run->t[run->depth]));
	}
}

static void random_reader(struct random_run *run)
{
	if (run->reader) {
		for (int db = 0; db < KV_DBS; db++)
			model_check_scans(
				&run->reader_m, run->reader, db, slice_str(""), slice_str(""));
		kv_abort(steal(&run->reader));
	} else {
		run->reader = begin(run->e, KV_READ);
		model_copy(&run->m[0], &run->reader_m);
	}
}

static void random_scan(struct random_run *run, struct kv_txn *t, const struct model *m)
{
	uint8_t lo[8], hi[8];
	struct slice l = random_bytes(run, lo, 3, true), h = random_bytes(run, hi, 3, true);

	model_check_scans(m, t, test_random(&run->random) % KV_DBS, l, h);
}

static void random_step(struct random_run *run)
{
	uint64_t dice = test_random(&run->random) % 100;

	if (dice < 70 && run->depth)
		random_write(run);
	else if (dice < 80)
		random_begin(run);
	else if (dice < 88)
		random_end(run);
	else if (dice < 92)
		random_reader(run);
	else if (dice < 97 && run->depth)
		random_scan(run, run->t[run->depth - 1], &run->m[run->depth]);
	else if (dice < 98 && !run->depth && !run->reader)
		engine_reopen(run->e);
	else if (run->reader)
		random_scan(run, run->reader, &run->reader_m);
}

static void random_operations_agree_with_a_model(void **state)
{
	struct random_run *run = calloc(1, sizeof *run);

	run->e = *state;
	run->random = test_seed();
	for (uint64_t n = test_scale(20000); n; n--)
		random_step(run);
	while (run->depth)
		random_end(run);
	if (run->reader)
		random_reader(run);
	for (int i = 0; i <= DEPTH_MAX; i++)
		model_deinit(&run->m[i]);
	model_deinit(&run->reader_m);
	free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		engine_test(records_are_kept),
		engine_test(deletion),
		engine_test(sizes_to_the_limit),
		engine_test(a_value_read_can_be_written),
		engine_test(commit_numbers),
		engine_test(readers_keep_what_they_began_with),
		engine_test(an_abort_undoes_only_its_own),
		engine_test(nested_writes_count),
		engine_test(scans_stop_when_told),
		engine_test(scan_bounds),
		engine_test(random_operations_agree_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
