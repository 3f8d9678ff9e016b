/* Passes of the exporter: what they write, what they leave marked, what a failing object store
 * does. */
#include "refs/export.h"
#include "tests/support/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int one_more(void *arg, struct slice key, struct slice value)
{
	(void)key;
	(void)value;
	++*(unsigned *)arg;
	return 0;
}

static unsigned count(struct fixture *f, enum kv_db db, enum key_kind kind)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct key lo = key_make(kind), hi = key_next(&lo);
	unsigned n = 0;

	assert_int_equal(refs_begin(f->store, KV_READ, &x), 0);
	assert_int_equal(kv_scan(x->kv, db, key_slice(&lo), key_slice(&hi), one_more, &n), 0);
	return n;
}

static struct refs_exported run(struct fixture *f)
{
	struct refs_exported done;
	struct bough_error e = {0};

	if (refs_export_run(f->store, &done, &e))
		fail_msg("%s", e.message);
	return done;
}

static int drop_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	return refs_ref_drop(x, *(uint64_t *)arg, error);
}

static int rename_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct rec_table rec;
	int r = rec_table_get(x->kv, *(uint64_t *)arg, &rec);

	return r ? r : refs_table_rename(x, *(uint64_t *)arg, rec.db, "renamed", error);
}

static void only_what_changed_is_exported(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t), dev;
	struct refs_exported done;

	fixture_append(f, t, m, 1);
	fixture_append(f, t, m, 1);
	done = run(f);
	assert_int_equal(done.refs, 1);
	assert_int_equal(done.snapshots, 1); /* the head, not the one before */
	assert_int_equal(done.segments, 2);
	assert_int_equal(done.marker, done.commit);
	assert_int_equal(count(f, KV_HOT, KEY_OUTBOX), 0);
	assert_int_equal(count(f, KV_BULK, KEY_EXPORTED), 3);
	done = run(f);
	assert_int_equal(done.refs, 0);
	assert_true(done.marker < done.commit); /* clearing was a commit, but changed no ref */

	dev = fixture_branch(f, t, 0, "dev");
	assert_int_equal(count(f, KV_HOT, KEY_OUTBOX), 1);
	done = run(f);
	assert_int_equal(done.refs, 1);
	assert_int_equal(done.snapshots + done.segments, 0);
	assert_int_equal(refs_write(f->store, rename_body, &t, NULL), 0);
	assert_int_equal(count(f, KV_HOT, KEY_OUTBOX), 1); /* O(1): the table stands for its refs */
	assert_int_equal(run(f).refs, 2);
	assert_int_equal(refs_write(f->store, drop_body, &dev, NULL), 0);
	assert_int_equal(run(f).refs, 1); /* as dropped */
}

/* A PUT that something is committed during: what was not read stays marked. */
struct meddler {
	struct objstore base;
	struct objstore *inner;
	struct fixture *f;
	uint64_t table;
	unsigned puts, fail_at; /* 0 none */
	bool meddle;
	bool is_busy; /* as where another one writes all the time */
};

static int meddling_put(struct objstore *s, const char *key, struct slice body)
{
	struct meddler *m = (struct meddler *)s;

	if (++m->puts == m->fail_at)
		return -EIO;
	if (m->is_busy)
		return -EAGAIN;
	if (m->meddle) {
		m->meddle = false;
		fixture_branch(m->f, m->table, 0, "meanwhile");
		fixture_append(m->f, m->table, fixture_main(m->f, m->table), 1);
	}
	return objstore_put(m->inner, key, body);
}

static int meddling_get(struct objstore *s, const char *key, size_t size_max, struct buf *ret)
{
	return objstore_get(((struct meddler *)s)->inner, key, size_max, ret);
}

static const struct objstore_ops meddling_ops = {.put = meddling_put, .get = meddling_get};

static void meddle(struct meddler *m, struct fixture *f, uint64_t table)
{
	*m = (struct meddler){
		.base.ops = &meddling_ops, .inner = f->store->objects, .f = f, .table = table};
	f->store->objects = &m->base;
}

static void commits_in_between_stay_marked(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t);
	struct meddler with;
	struct refs_exported done;

	fixture_append(f, t, m, 1);
	meddle(&with, f, t);
	with.meddle = true;
	done = run(f);
	f->store->objects = with.inner;
	assert_int_equal(done.refs, 1);
	assert_int_equal(done.segments, 1);
	assert_int_equal(count(f, KV_HOT, KEY_OUTBOX), 2); /* the new branch, and main again */
	done = run(f);
	assert_int_equal(done.refs, 2);
	assert_int_equal(done.segments, 1);
	assert_int_equal(count(f, KV_HOT, KEY_OUTBOX), 0);
}

static void each_failing_put_is_made_up_for(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t);

	for (unsigned at = 1;; at++) {
		struct meddler with;
		struct refs_exported done;
		int r;

		fixture_append(f, t, m, 1);
		meddle(&with, f, t);
		with.fail_at = at;
		r = refs_export_run(f->store, &done, NULL);
		f->store->objects = with.inner;
		if (!r) {
			assert_int_equal(at, 5); /* segment, snapshot, ref, marker */
			return;
		}
		assert_int_equal(r, -EIO);
		assert_int_equal(count(f, KV_HOT, KEY_OUTBOX), 1);
		assert_int_equal(run(f).refs, 1); /* what is there with the same bytes will do */
		assert_int_equal(count(f, KV_HOT, KEY_OUTBOX), 0);
	}
}

static void other_bytes_under_a_name_are_refused(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t);
	uint64_t head = fixture_append(f, t, m, 1);
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	struct refs_txn *x auto_refs_txn = NULL;
	struct refs_exported done;
	struct rec_snapshot rec;
	struct bough_error e = {0};

	assert_int_equal(refs_begin(f->store, KV_READ, &x), 0);
	assert_int_equal(rec_snapshot_get(x->kv, head, &rec), 0);
	assert_int_equal(refs_snapshot_key(x, head, &rec, key), 0);
	refs_abort(steal(&x));
	assert_int_equal(objstore_put(f->store->objects, key, slice_str("stranger")), 0);
	assert_int_equal(refs_export_run(f->store, &done, &e), -EUCLEAN);
	assert_non_null(strstr(e.message, key));
	assert_int_equal(count(f, KV_HOT, KEY_OUTBOX), 1);
}

static void objects_of_another_store_are_left_alone(void **state)
{
	struct fixture *f = *state;
	struct refs_exported done;
	struct bough_error e = {0};

	fixture_table(f, "sales", "orders");
	f->store->uuid[0] ^= 1;
	assert_int_equal(refs_export_run(f->store, &done, &e), -EPERM);
	assert_non_null(strstr(e.message, "another store"));
	f->store->uuid[0] ^= 1;
	assert_int_equal(run(f).refs, 1);
}

static void publish_commit_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), dev;

	dev = fixture_branch(f, t, 0, "dev");
	f->store->conf.publish_commit = true;
	assert_int_equal(refs_write(f->store, drop_body, &dev, NULL), 0);
	assert_int_equal(count(f, KV_HOT, KEY_OUTBOX), 0);
}

static uint64_t hasty_us(const struct clock *c)
{
	static uint64_t us;

	(void)c;
	return us += 1000000;
}

/* With -EAGAIN whoever made the change would make it again. */
static void what_is_committed_is_not_to_be_done_again(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), dev = fixture_branch(f, t, 0, "dev");
	const struct clock hasty = {hasty_us, hasty_us}, *clock = f->store->clock;
	struct bough_error e = {0};
	struct meddler with;

	f->store->conf.publish_commit = true;
	meddle(&with, f, t);
	with.is_busy = true;
	f->store->clock = &hasty;
	assert_int_equal(refs_write(f->store, drop_body, &dev, &e), -EBUSY);
	assert_non_null(strstr(e.message, "committed, but not exported"));
	f->store->clock = clock;
	f->store->objects = with.inner;
	assert_int_equal(refs_write(f->store, drop_body, &dev, NULL), -ENOENT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {CASE(only_what_changed_is_exported),
		CASE(commits_in_between_stay_marked), CASE(each_failing_put_is_made_up_for),
		CASE(other_bytes_under_a_name_are_refused),
		CASE(objects_of_another_store_are_left_alone),
		CASE(publish_commit_leaves_nothing_behind),
		CASE(what_is_committed_is_not_to_be_done_again)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
