#include "refs/trash.h"
#include "gc/fsck.h"
#include "refs/ref.h"
#include "refs/table.h"
#include "tests/support/fixture.h"
#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct refs_txn *begin(struct fixture *f, enum kv_mode mode)
{
	struct refs_txn *x;

	assert_int_equal(refs_begin(f->store, mode, &x), 0);
	return x;
}

static struct rec_snapshot snapshot(struct fixture *f, uint64_t id)
{
	struct refs_txn *x auto_refs_txn = begin(f, KV_READ);
	struct rec_snapshot rec;

	assert_int_equal(rec_snapshot_get(x->kv, id, &rec), 0);
	return rec;
}

static void expect_counts(struct fixture *f, uint64_t id, uint32_t nlink, uint32_t count)
{
	assert_int_equal(snapshot(f, id).nlink, nlink);
	assert_int_equal(snapshot(f, id).count, count);
}

static void hear(void *arg, const char *text)
{
	(void)arg;
	print_message("fsck: %s\n", text);
}

static struct fsck_report expect_sound(struct fixture *f)
{
	struct fsck_options o = {.finding = hear};
	struct fsck_report report;

	assert_int_equal(fsck_run(f->path, &o, &report, NULL), 0);
	assert_int_equal(report.errors, 0);
	return report;
}

static int drop(struct fixture *f, uint64_t ref)
{
	struct refs_txn *x auto_refs_txn = begin(f, KV_WRITE);
	int r = refs_ref_drop(x, ref, NULL);

	return r ? r : refs_commit(&x, NULL);
}

static int drop_table(struct fixture *f, uint64_t table, struct bough_error *e)
{
	struct refs_txn *x auto_refs_txn = begin(f, KV_WRITE);
	int r = refs_table_drop(x, table, e);

	return r ? r : refs_commit(&x, NULL);
}

static uint64_t find(struct fixture *f, uint64_t dir, enum rec_trash_kind kind, const char *name)
{
	struct refs_txn *x auto_refs_txn = begin(f, KV_READ);
	uint64_t id = 0;

	refs_trash_find(x, dir, kind, name, &id, NULL);
	return id;
}

static int restore(struct fixture *f, uint64_t id, uint64_t db, const char *as, int *number)
{
	struct refs_txn *x auto_refs_txn = begin(f, KV_WRITE);
	struct refs_restore in = {.id = id, .db = db, .name = as};
	struct bough_error e = {0};
	int r = refs_trash_restore(x, &in, NULL, &e);

	if (number)
		*number = e.number;
	assert_true(!r || e.message[0]);
	return r ? r : refs_commit(&x, NULL);
}

static uint64_t lookup(struct fixture *f, uint64_t table, const char *name)
{
	struct refs_txn *x auto_refs_txn = begin(f, KV_READ);
	uint64_t id = 0;

	refs_ref_lookup(x, table, name, &id, NULL);
	return id;
}

static struct refs_emptied empty(struct fixture *f, bool all)
{
	struct refs_emptied done = {0};

	while (!done.is_done) {
		struct refs_txn *x auto_refs_txn = begin(f, KV_WRITE);

		assert_int_equal(refs_trash_empty(x, all, &done), 0);
		assert_int_equal(refs_commit(&x, NULL), 0);
	}
	return done;
}

static int count_entry(void *arg, uint64_t id, const struct rec_trash *e)
{
	(void)id;
	(void)e;
	++*(unsigned *)arg;
	return 0;
}

static unsigned entries(struct fixture *f)
{
	struct refs_txn *x auto_refs_txn = begin(f, KV_READ);
	unsigned n = 0;

	assert_int_equal(refs_trash_list(x, 0, count_entry, &n), 0);
	return n;
}

static void a_dropped_ref_comes_back_whole(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t);
	uint64_t head = fixture_append(f, t, m, 1), dev = fixture_branch(f, t, 0, "dev");
	uint64_t own = fixture_append(f, t, dev, 1), entry;
	struct refs_txn *x;
	struct rec_ref rec;

	assert_int_equal(drop(f, dev), 0);
	expect_counts(f, head, 1, 3); /* main; in the trash: a link and the merge base */
	expect_counts(f, own, 0, 1);
	expect_sound(f);
	assert_int_equal(lookup(f, t, "dev"), 0);
	x = begin(f, KV_WRITE);
	assert_int_equal(refs_ref_open(x, dev, &rec, NULL), -ENOENT);
	assert_int_equal(refs_ref_drop(x, dev, NULL), -ENOENT);
	assert_int_equal(refs_ref_rename(x, dev, "other", NULL), -ENOENT);
	assert_int_equal(refs_ref_protect(x, dev, true, NULL), -ENOENT);
	refs_abort(x);
	entry = find(f, t, REC_TRASH_REF, "dev");
	assert_true(entry);
	fixture_reopen(f);
	assert_int_equal(restore(f, entry, 0, NULL, NULL), 0);
	assert_int_equal(lookup(f, t, "dev"), dev);
	expect_counts(f, head, 2, 3);
	expect_counts(f, own, 1, 1);
	assert_int_equal(entries(f), 0);
	assert_int_equal(restore(f, entry, 0, NULL, NULL), -ENOENT);
	x = begin(f, KV_READ);
	assert_int_equal(refs_ref_open(x, dev, &rec, NULL), 0);
	refs_abort(x);
	assert_int_equal(rec.drops, 1);
	assert_int_equal(rec.head, own);
	expect_sound(f);
	assert_true(fixture_append(f, t, dev, 1)); /* and is written on */
	expect_sound(f);
}

static void the_newest_of_a_name_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), first, second, entry;
	int number;

	first = fixture_branch(f, t, 0, "dev");
	assert_int_equal(drop(f, first), 0);
	second = fixture_branch(f, t, 0, "dev");
	assert_int_equal(drop(f, second), 0);
	assert_int_equal(entries(f), 2);
	entry = find(f, t, REC_TRASH_REF, "dev");
	fixture_branch(f, t, 0, "dev");
	assert_int_equal(restore(f, entry, 0, NULL, &number), -EEXIST);
	assert_int_equal(number, 2746);
	assert_int_equal(restore(f, entry, 0, "main", NULL), -EINVAL);
	assert_int_equal(restore(f, entry, 0, "dev2", NULL), 0);
	assert_int_equal(lookup(f, t, "dev2"), second);
	entry = find(f, t, REC_TRASH_REF, "dev");
	assert_int_equal(restore(f, entry, 0, "dev1", NULL), 0);
	assert_int_equal(lookup(f, t, "dev1"), first);
	assert_int_equal(find(f, t, REC_TRASH_REF, "dev"), 0);
	expect_sound(f);
}

static void a_table_takes_its_refs_along(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t), dev, old, entry;
	uint64_t db = 0, own, was;
	struct bough_error e = {0};
	struct rec_ref rec;
	struct refs_txn *x;

	fixture_append(f, t, m, 2);
	dev = fixture_branch(f, t, 0, "dev");
	own = fixture_append(f, t, dev, 1);
	old = fixture_branch(f, t, 0, "old");
	assert_int_equal(drop(f, old), 0);
	was = find(f, t, REC_TRASH_REF, "old");
	x = begin(f, KV_WRITE);
	assert_int_equal(refs_ref_protect(x, dev, true, NULL), 0);
	assert_int_equal(refs_table_drop(x, t, &e), -EPERM);
	assert_non_null(strstr(e.message, "'dev' is protected"));
	assert_int_equal(refs_db_lookup(x, "sales", &db, NULL), 0);
	refs_abort(x);
	assert_int_equal(drop_table(f, t, NULL), 0);
	assert_int_equal(drop_table(f, t, NULL), -ENOENT);
	assert_int_equal(entries(f), 1);
	expect_sound(f);
	x = begin(f, KV_READ);
	assert_int_equal(refs_ref_open(x, dev, &rec, NULL), -ENOENT);
	refs_abort(x);
	assert_int_equal(restore(f, was, 0, NULL, NULL), -ENOENT);
	entry = find(f, db, REC_TRASH_TABLE, "orders");
	assert_true(fixture_table(f, "sales", "orders") != t);
	assert_int_equal(restore(f, entry, 0, NULL, NULL), -EEXIST);
	assert_int_equal(restore(f, entry, 0, "", NULL), -EINVAL);
	assert_int_equal(restore(f, entry, 0, "orders2", NULL), 0);
	assert_int_equal(lookup(f, t, "dev"), dev);
	expect_counts(f, own, 1, 1);
	assert_int_equal(restore(f, was, 0, NULL, NULL), 0);
	assert_int_equal(lookup(f, t, "old"), old);
	expect_sound(f);
}

static void a_table_outlives_its_database(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), db, entry, other;
	struct refs_txn *x = begin(f, KV_WRITE);
	int number;

	assert_int_equal(refs_db_lookup(x, "sales", &db, NULL), 0);
	assert_int_equal(refs_table_drop(x, t, NULL), 0);
	assert_int_equal(refs_db_drop(x, db, NULL), 0);
	assert_int_equal(refs_db_create(x, "other", &other, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	expect_sound(f);
	entry = find(f, db, REC_TRASH_TABLE, "orders");
	assert_int_equal(restore(f, entry, 0, NULL, &number), -ENOENT);
	assert_int_equal(number, 1003);
	assert_int_equal(restore(f, entry, other, NULL, NULL), 0);
	assert_int_equal(fixture_table(f, "other", "orders"), t);
	expect_sound(f);
}

static void what_is_emptied_goes_to_the_queue(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t);
	uint64_t head = fixture_append(f, t, m, 1), dev = fixture_branch(f, t, 0, "dev"), entry;
	struct refs_emptied done;

	for (unsigned i = 0; i < 5; i++)
		fixture_append(f, t, dev, 1);
	assert_int_equal(drop(f, dev), 0);
	entry = find(f, t, REC_TRASH_REF, "dev");
	assert_int_equal(empty(f, false).entries, 0); /* it is not due */
	assert_int_equal(expect_sound(f).queue, 0);
	done = empty(f, true);
	assert_int_equal(done.entries, 1);
	assert_int_equal(done.references, 7); /* six links and the merge base */
	assert_int_equal(expect_sound(f).queue, 7);
	expect_counts(f, head, 1, 3);
	assert_int_equal(restore(f, entry, 0, NULL, NULL), -ENOENT);
	assert_int_equal(empty(f, true).entries, 0);
}

static void due_is_due(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders");

	f->store->conf.trash_us = 0;
	assert_int_equal(drop(f, fixture_branch(f, t, 0, "dev")), 0);
	assert_int_equal(empty(f, false).entries, 1);
	expect_sound(f);
}

static void an_emptied_table_leaves_its_record(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t), dev;

	fixture_append(f, t, m, 2);
	dev = fixture_branch(f, t, 0, "dev");
	fixture_append(f, t, dev, 1);
	assert_int_equal(drop(f, fixture_branch(f, t, 0, "old")), 0);
	assert_int_equal(drop_table(f, t, NULL), 0);
	assert_int_equal(empty(f, true).entries, 2);
	assert_int_equal(expect_sound(f).refs, 0);
}

/* A clock that says that time is up whenever it is asked. */
static uint64_t later(const struct clock *c)
{
	static uint64_t us;

	(void)c;
	return us += 3600000000u;
}

static void slices_may_end_anywhere(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t), dev;
	const struct clock *clock = f->store->clock;
	struct clock hasty = *clock;
	struct refs_emptied done = {0};
	unsigned slices = 0;

	hasty.mono_us = later;
	fixture_append(f, t, m, 1);
	dev = fixture_branch(f, t, 0, "dev");
	fixture_append(f, t, dev, 1);
	assert_int_equal(drop(f, fixture_branch(f, t, dev, "old")), 0);
	assert_int_equal(drop_table(f, t, NULL), 0);
	while (!done.is_done) {
		struct refs_txn *x auto_refs_txn = begin(f, KV_WRITE);

		f->store->clock = &hasty;
		assert_int_equal(refs_trash_empty(x, true, &done), 0);
		f->store->clock = clock;
		assert_int_equal(refs_commit(&x, NULL), 0);
		slices++;
		expect_sound(f);
		assert_int_equal(entries(f), 0); /* what is half gone is not offered */
	}
	assert_true(slices > 5);
	assert_int_equal(done.entries, 2);
	assert_int_equal(expect_sound(f).queue, done.references);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(a_dropped_ref_comes_back_whole),
		T(the_newest_of_a_name_is_found),
		T(a_table_takes_its_refs_along),
		T(a_table_outlives_its_database),
		T(what_is_emptied_goes_to_the_queue),
		T(due_is_due),
		T(an_emptied_table_leaves_its_record),
		T(slices_may_end_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
