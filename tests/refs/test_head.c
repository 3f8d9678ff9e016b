#include "gc/fsck.h"
#include "refs/ref.h"
#include "refs/trash.h"
#include "refs/usage.h"
#include "tests/support/fixture.h"
#include "tests/support/test.h"

#include <errno.h>

/** A table with three snapshots on main, and a branch at the second. */
struct world {
	struct fixture *f;
	uint64_t table, main, first, second, third, dev;
	struct bough_error error;
};

static struct refs_txn *begin(struct fixture *f, enum kv_mode mode)
{
	struct refs_txn *x;

	assert_int_equal(refs_begin(f->store, mode, &x), 0);
	return x;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	if (!w || fixture_setup((void **)&w->f))
		return -1;
	w->table = fixture_table(w->f, "sales", "orders");
	w->main = fixture_main(w->f, w->table);
	w->first = fixture_append(w->f, w->table, w->main, 1);
	w->second = fixture_append(w->f, w->table, w->main, 1);
	w->dev = fixture_branch(w->f, w->table, 0, "dev");
	w->third = fixture_append(w->f, w->table, w->main, 1);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct fsck_options o = {0};
	struct fsck_report report;
	int r = fsck_run(w->f->path, &o, &report, NULL);

	r = r || report.errors;
	fixture_teardown((void **)&w->f);
	free(w);
	return r ? -1 : 0;
}

static int reset(struct world *w, uint64_t ref, uint64_t to, bool *ret_all)
{
	struct refs_txn *x auto_refs_txn = begin(w->f, KV_WRITE);
	int r;

	w->error = (struct bough_error){0};
	r = refs_ref_reset(x, ref, to, &w->error);
	for (size_t i = 0; i < x->changes.n && ret_all; i++)
		*ret_all = *ret_all || x->changes.items[i].kind == CHANGE_ALL;
	return r ? r : refs_commit(&x, NULL);
}

static int take(struct world *w, uint64_t ref, uint64_t snapshot)
{
	struct refs_txn *x auto_refs_txn = begin(w->f, KV_WRITE);
	int r;

	w->error = (struct bough_error){0};
	r = refs_link_remove(x, ref, snapshot, &w->error);
	return r ? r : refs_commit(&x, NULL);
}

static struct rec_ref ref_of(struct world *w, uint64_t id)
{
	struct refs_txn *x auto_refs_txn = begin(w->f, KV_READ);
	struct rec_ref rec;

	assert_int_equal(rec_ref_get(x->kv, id, &rec), 0);
	return rec;
}

static void expect_counts(struct world *w, uint64_t id, uint32_t nlink, uint32_t count)
{
	struct refs_txn *x auto_refs_txn = begin(w->f, KV_READ);
	struct rec_snapshot rec;

	assert_int_equal(rec_snapshot_get(x->kv, id, &rec), 0);
	assert_int_equal(rec.nlink, nlink);
	assert_int_equal(rec.count, count);
}

static void a_head_moves_and_leaves_a_link(void **state)
{
	struct world *w = *state;
	bool all = false;

	expect_counts(w, w->second, 2, 3); /* main, dev; dev's merge base */
	assert_int_equal(reset(w, w->dev, w->third, &all), 0);
	assert_true(all);
	assert_int_equal(ref_of(w, w->dev).head, w->third);
	expect_counts(w, w->third, 2, 2);
	expect_counts(w, w->second, 2, 3);
	assert_int_equal(reset(w, w->dev, w->second, NULL), 0);
	assert_int_equal(reset(w, w->dev, w->second, NULL), 0); /* nothing to do */
	expect_counts(w, w->third, 2, 2);
	assert_int_equal(reset(w, w->main, w->first, NULL), 0);
	assert_int_equal(ref_of(w, w->main).head, w->first);
	assert_true(fixture_append(w->f, w->table, w->main, 1));
}

static void an_empty_branch_gets_a_head(void **state)
{
	struct world *w = *state;
	uint64_t t = fixture_table(w->f, "sales", "items"), e = fixture_branch(w->f, t, 0, "e"), s;

	s = fixture_append(w->f, t, fixture_main(w->f, t), 1);
	assert_int_equal(ref_of(w, e).schema, 0);
	assert_int_equal(reset(w, e, s, NULL), 0);
	assert_true(ref_of(w, e).schema);
	assert_true(fixture_append(w->f, t, e, 1));
}

static void resets_are_refused(void **state)
{
	struct world *w = *state;
	uint64_t t = fixture_table(w->f, "sales", "items"), other, v1;
	struct refs_create c = {.table = w->table, .name = "v1", .kind = REC_REF_TAG};
	struct refs_txn *x = begin(w->f, KV_WRITE);

	assert_int_equal(refs_ref_create(x, &c, &v1, NULL), 0);
	assert_int_equal(refs_ref_protect(x, w->main, true, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	other = fixture_append(w->f, t, fixture_main(w->f, t), 1);
	assert_int_equal(reset(w, w->dev, other, NULL), -ENOENT);
	assert_int_equal(w->error.number, 2327);
	assert_int_equal(reset(w, w->dev, 12345678, NULL), -ENOENT);
	assert_int_equal(reset(w, v1, w->first, NULL), -EROFS);
	assert_int_equal(w->error.number, 3905);
	assert_int_equal(reset(w, w->main, w->first, NULL), -EPERM);
	assert_int_equal(take(w, w->main, w->first), -EPERM);
	assert_int_equal(take(w, v1, w->third), -EROFS);
	assert_int_equal(take(w, w->dev, w->second), -EBUSY);
	assert_int_equal(take(w, w->dev, w->first), -ENOENT);
	x = begin(w->f, KV_WRITE);
	assert_int_equal(refs_ref_drop(x, w->dev, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	assert_int_equal(reset(w, w->dev, w->first, NULL), -ENOENT);
	assert_int_equal(take(w, w->dev, w->first), -ENOENT);
}

static int only(void *arg, uint64_t id, const struct rec_trash *e)
{
	assert_int_equal(e->kind, REC_TRASH_LINK);
	*(uint64_t *)arg = id;
	return 0;
}

/* What was taken out of a branch does not come back into the tag that it has become. */
static void a_removed_snapshot_stays_out_of_a_tag(void **state)
{
	struct world *w = *state;
	struct bough_error error = {0};
	struct refs_restore restore = {0};
	struct refs_txn *x;

	x = begin(w->f, KV_WRITE);
	assert_int_equal(refs_link_add(x, w->dev, w->first), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	assert_int_equal(take(w, w->dev, w->first), 0);
	x = begin(w->f, KV_WRITE);
	assert_int_equal(refs_ref_freeze(x, w->dev, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	x = begin(w->f, KV_WRITE);
	assert_int_equal(refs_trash_list(x, 0, only, &restore.id), 0);
	assert_int_equal(refs_trash_restore(x, &restore, NULL, &error), -EROFS);
	assert_int_equal(error.number, 3905);
	refs_abort(x);
}

static void a_removed_snapshot_can_be_restored(void **state)
{
	struct world *w = *state;
	struct refs_restore restore = {0};
	struct refs_emptied done = {0};
	struct refs_txn *x;

	assert_int_equal(take(w, w->main, w->first), 0);
	expect_counts(w, w->first, 0, 1);
	x = begin(w->f, KV_WRITE);
	assert_int_equal(refs_trash_list(x, 0, only, &restore.id), 0);
	assert_int_equal(refs_trash_restore(x, &restore, NULL, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	expect_counts(w, w->first, 1, 1);
	/* linked in again meanwhile: the entry's own reference is given back */
	assert_int_equal(take(w, w->main, w->first), 0);
	x = begin(w->f, KV_WRITE);
	assert_int_equal(refs_link_add(x, w->main, w->first), 0);
	assert_int_equal(refs_trash_list(x, 0, only, &restore.id), 0);
	assert_int_equal(refs_trash_restore(x, &restore, NULL, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	expect_counts(w, w->first, 1, 1);
	assert_int_equal(take(w, w->main, w->first), 0);
	x = begin(w->f, KV_WRITE);
	assert_int_equal(refs_trash_empty(x, true, &done), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	assert_int_equal(done.references, 1);
	expect_counts(w, w->first, 0, 1); /* the queue's */
}

static void a_branch_freezes_for_ever(void **state)
{
	struct world *w = *state;
	struct refs_txn *x = begin(w->f, KV_WRITE);
	struct bough_error e = {0};
	uint64_t t, empty;

	assert_int_equal(refs_ref_freeze(x, w->main, NULL), -EPERM);
	assert_int_equal(refs_ref_freeze(x, w->dev, NULL), 0);
	assert_int_equal(refs_ref_freeze(x, w->dev, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	assert_int_equal(ref_of(w, w->dev).kind, REC_REF_TAG);
	assert_int_equal(reset(w, w->dev, w->first, NULL), -EROFS);
	t = fixture_table(w->f, "sales", "items");
	empty = fixture_branch(w->f, t, 0, "b");
	x = begin(w->f, KV_WRITE);
	assert_int_equal(refs_ref_freeze(x, empty, &e), -ENODATA);
	assert_int_equal(e.number, 2747);
	refs_abort(x);
}

static void expiry_is_set_and_taken_back_while_it_lives(void **state)
{
	struct world *w = *state;
	struct refs_txn *x = begin(w->f, KV_WRITE);
	uint64_t now_us = x->now_us;

	assert_int_equal(refs_ref_retain(x, w->main, 1000000, NULL), -EPERM);
	assert_int_equal(refs_ref_retain(x, w->dev, 1000000, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	assert_true(ref_of(w, w->dev).expire_at_us == now_us + 1000000);
	x = begin(w->f, KV_WRITE);
	assert_int_equal(refs_ref_retain(x, w->dev, 0, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	assert_true(!ref_of(w, w->dev).expire_at_us);
	x = begin(w->f, KV_WRITE);
	assert_int_equal(refs_ref_retain(x, w->dev, 1, NULL), 0);
	x->now_us += 2;
	assert_int_equal(refs_ref_retain(x, w->dev, 0, NULL), -ESTALE);
	assert_int_equal(refs_ref_freeze(x, w->dev, NULL), -ESTALE);
	assert_int_equal(refs_ref_reset(x, w->dev, w->first, NULL), -ESTALE);
	assert_int_equal(refs_ref_drop(x, w->dev, NULL), 0);
	refs_abort(x);
}

static void exclusive_bytes_are_tried_out(void **state)
{
	struct world *w = *state;
	struct refs_txn *x = begin(w->f, KV_READ);
	uint64_t bytes = 1, more;

	assert_int_equal(refs_exclusive_bytes(x, w->dev, 1000, &bytes), 0);
	assert_int_equal(bytes, 0);
	refs_abort(x);
	fixture_append(w->f, w->table, w->dev, 3);
	x = begin(w->f, KV_READ);
	assert_int_equal(refs_exclusive_bytes(x, w->dev, 1000, &bytes), 0);
	assert_int_equal(bytes, 3000);
	assert_int_equal(refs_exclusive_bytes(x, w->dev, 3, &bytes), -E2BIG);
	refs_abort(x);
	fixture_append(w->f, w->table, w->dev, 2);
	fixture_branch(w->f, w->table, w->dev, "other");
	x = begin(w->f, KV_READ);
	assert_int_equal(refs_exclusive_bytes(x, w->dev, 1000, &bytes), 0);
	assert_int_equal(bytes, 0); /* the other holds all of it */
	assert_int_equal(refs_exclusive_bytes(x, w->main, 1000, &more), 0);
	assert_int_equal(more, 1000); /* its third snapshot; the others are a part of dev's */
	refs_abort(x);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_head_moves_and_leaves_a_link),
		T(an_empty_branch_gets_a_head),
		T(resets_are_refused),
		T(a_removed_snapshot_can_be_restored),
		T(a_removed_snapshot_stays_out_of_a_tag),
		T(a_branch_freezes_for_ever),
		T(exclusive_bytes_are_tried_out),
		T(expiry_is_set_and_taken_back_while_it_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
