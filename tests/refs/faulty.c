#include "tests/refs/faulty.h"
#include "gc/fsck.h"
#include "meta/record.h"
#include "refs/commit.h"
#include "tests/support/fault_alloc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define A BOUGH_DATA "/a.parquet"
#define FILES_MAX 300
#define CALLS_MAX 5000 /* of one scenario */

int faulty_import(struct faulty *t, size_t n, struct bough_error *e)
{
	struct refs_file files[FILES_MAX];
	char names[FILES_MAX][32];
	struct refs_import in = {
		.db = "d", .table = "t", .files = files, .n_files = n, .author = "tester"};
	struct refs_imported done;

	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof names[i], "part-%zu.parquet", i);
		files[i] = (struct refs_file){.path = A, .name = names[i]};
	}
	return refs_import_run(t->f->store, &in, &done, e);
}

void faulty_prepare(struct faulty *t)
{
	t->made_up = true;
	t->table = fixture_table(t->f, "d", "t");
	t->main = fixture_main(t->f, t->table);
	for (unsigned i = 1; i <= 3; i++)
		t->head = fixture_append(t->f, t->table, t->main, i);
	t->dev = fixture_branch(t->f, t->table, 0, "dev");
	fixture_append(t->f, t->table, t->dev, 1);
}

static void wrap(struct faulty *t)
{
	assert_int_equal(kv_fault_open(t->f->store->kv, &t->kv), 0);
	t->f->store->kv = kv_fault_kv(t->kv);
	assert_int_equal(objstore_fault_open(t->f->store->objects, &t->objects), 0);
	t->f->store->objects = objstore_fault_store(t->objects);
}

static void arm(struct faulty *t, const struct faulty_fault *fault, unsigned n)
{
	struct fault_plan kv = fault->kv;
	struct fault_plan objects = fault->objects;

	kv.fail_at = kv.ops ? n : 0;
	objects.fail_at = objects.ops ? n : 0;
	kv_fault_arm(t->kv, &kv);
	objstore_fault_arm(t->objects, &objects);
	fault_alloc_arm(fault->memory ? n : 0);
}

static unsigned hits(const struct faulty *t)
{
	return kv_fault_hits(t->kv) + objstore_fault_hits(t->objects) + fault_alloc_hits();
}

static void start(struct faulty *t, const struct faulty_scenario *s)
{
	*t = (struct faulty){0};
	assert_int_equal(fixture_setup((void **)&t->f), 0);
	if (s->prepare)
		s->prepare(t);
	wrap(t);
}

static void finish(struct faulty *t)
{
	fixture_teardown((void **)&t->f);
}

/* Numbers that only rise, clients that come and go, and what mounts forget are no state. */
static bool is_state(struct slice key)
{
	const struct key next = key_meta(REC_META_NEXT), commit = key_meta("commit");
	char kind = *(const char *)key.data;

	return kind != KEY_CLIENT && kind != KEY_RANGE && kind != KEY_CHANGE &&
	       !slice_equal(key, key_slice(&next)) && !slice_equal(key, key_slice(&commit));
}

static int mix(void *arg, struct slice key, struct slice value)
{
	if (!is_state(key))
		return 0;
	assert_int_equal(sha256_update(arg, key.data, key.len), 0);
	return sha256_update(arg, value.data, value.len);
}

static int mix_object(void *arg, const char *key, const struct objstore_stat *stat)
{
	(void)stat;
	return sha256_update(arg, key, strlen(key));
}

static void digest(struct faulty *t, uint8_t ret[static SHA256_BYTES])
{
	struct sha256 *h cleanup(sha256_free_p) = sha256_new();
	struct kv_txn *x auto_kv_txn = NULL;

	assert_non_null(h);
	assert_int_equal(kv_begin(t->f->store->kv, KV_READ, &x), 0);
	for (int db = 0; db < KV_DBS; db++)
		assert_int_equal(kv_scan(x, db, slice_str(""), slice_str(""), mix, h), 0);
	assert_int_equal(objstore_list(t->f->store->objects, "", NULL, mix_object, h), 0);
	assert_int_equal(sha256_final(h, ret), 0);
}

static void say(void *arg, const char *text)
{
	print_message("%s: %s\n", (const char *)arg, text);
}

/* Closed, checked, opened again. */
static void check(struct faulty *t, const char *what)
{
	struct fsck_options o = {
		.full = !t->made_up, .finding = say, .arg = (void *)(uintptr_t)what};
	struct fsck_report report = {0};
	struct bough_error e = {0};

	refs_store_close(steal(&t->f->store));
	assert_int_equal(fsck_run(t->f->path, &o, &report, &e), 0);
	assert_int_equal(report.errors, 0);
	fixture_reopen(t->f);
	wrap(t);
}

/* What a failing run may say: the fault's own code. */
static bool says_it(const struct faulty_fault *fault, int r)
{
	if (fault->memory)
		return r == -ENOMEM;
	return r == (fault->kv.ops ? fault->kv.code : fault->objects.code);
}

static bool may_change(const struct faulty_fault *fault)
{
	return fault->kv.applied || fault->objects.applied || fault->may_leave;
}

/* One run. Return: it met the fault. */
static bool run_once(struct faulty *t, const struct faulty_scenario *s,
	const struct faulty_fault *fault, unsigned n, bool *ret_changed)
{
	struct bough_error e = {0};
	uint8_t before[SHA256_BYTES], after[SHA256_BYTES];
	char what[128];
	bool hit;
	int r;

	snprintf(what, sizeof what, "%s, %s, call %u", s->name, fault->name, n);
	digest(t, before);
	arm(t, fault, n);
	r = s->run(t, &e);
	hit = hits(t);
	fault_alloc_arm(0);
	if (hit ? !says_it(fault, r) && !(fault->may_pass && !r) : r)
		fail_msg("%s: %d %s", what, r, e.message);
	check(t, what);
	digest(t, after);
	*ret_changed = memcmp(before, after, sizeof after);
	if (!r && !*ret_changed && !s->reads_only)
		fail_msg("%s: acknowledged, but lost", what);
	if (r && *ret_changed && fault->kv.applied && !s->in_slices &&
		!strstr(e.hint, "may be there all the same"))
		fail_msg("%s: it is there, but nobody says that it may be", what);
	if (r && *ret_changed && !may_change(fault))
		fail_msg("%s: refused with %d, but something is left", what, r);
	return hit;
}

void faulty_run(const struct faulty_scenario *s, const struct faulty_fault *fault)
{
	struct faulty t;
	bool hit = true, changed;
	unsigned n = 0;

	start(&t, s);
	while (hit && ++n < CALLS_MAX) {
		hit = run_once(&t, s, fault, n, &changed);
		if (hit && changed) {
			finish(&t);
			start(&t, s);
		}
	}
	assert_false(hit);
	print_message("%s, %s: %u calls\n", s->name, fault->name, n - 1);
	finish(&t);
}
