#include "refs/ref.h"
#include "refs/render.h"
#include "tests/support/fixture.h"

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

static struct rec_ref ref_of(struct fixture *f, uint64_t id)
{
	struct refs_txn *x auto_refs_txn = begin(f, KV_READ);
	struct rec_ref rec;

	assert_int_equal(rec_ref_get(x->kv, id, &rec), 0);
	return rec;
}

static int create(struct fixture *f, const struct refs_create *c, uint64_t *ret, int *number)
{
	struct refs_txn *x auto_refs_txn = begin(f, KV_WRITE);
	struct bough_error e = {0};
	int r = refs_ref_create(x, c, ret, &e);

	*number = e.number;
	return r ? r : refs_commit(&x, NULL);
}

static void a_branch_is_a_hard_link(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t);
	uint64_t head = fixture_append(f, t, m, 3), dev, next;

	assert_int_equal(snapshot(f, head).nlink, 1);
	assert_int_equal(snapshot(f, head).count, 1);
	dev = fixture_branch(f, t, 0, "dev");
	assert_int_equal(snapshot(f, head).nlink, 2);
	assert_int_equal(snapshot(f, head).count, 3); /* two names, one merge base */
	assert_int_equal(ref_of(f, dev).head, head);
	next = fixture_append(f, t, dev, 2);
	assert_int_equal(ref_of(f, dev).head, next);
	assert_int_equal(ref_of(f, m).head, head);
	assert_int_equal(snapshot(f, next).parent, head);
	assert_int_equal(snapshot(f, next).rows, 50);
	assert_int_equal(snapshot(f, next).segments, 2);
	assert_int_equal(snapshot(f, head).rows, 30);
}

static void a_drop_takes_names_and_leaves_counts(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t), id;
	uint64_t head = fixture_append(f, t, m, 1), dev = fixture_branch(f, t, 0, "dev");
	uint64_t own = fixture_append(f, t, dev, 1);
	struct refs_txn *x = begin(f, KV_WRITE);

	assert_int_equal(refs_ref_drop(x, dev, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	assert_int_equal(snapshot(f, head).nlink, 1);
	assert_int_equal(snapshot(f, head).count, 3); /* one name, two in the trash */
	assert_int_equal(snapshot(f, own).nlink, 0);
	assert_int_equal(snapshot(f, own).count, 1);
	x = begin(f, KV_READ);
	assert_int_equal(refs_ref_lookup(x, t, "dev", &id, NULL), -ENOENT);
	refs_abort(x);
	dev = fixture_branch(f, t, 0, "dev"); /* the name is free at once */
	assert_int_equal(ref_of(f, dev).head, head);
}

static void refusals_carry_numbers(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), u = fixture_table(f, "sales", "items"),
		 id;
	struct refs_create c = {.table = t, .name = "v1", .kind = REC_REF_TAG};
	struct refs_txn *x;
	int number;

	assert_int_equal(create(f, &c, &id, &number), -ENODATA);
	assert_int_equal(number, 2747);
	c.kind = REC_REF_BRANCH;
	assert_int_equal(create(f, &c, &id, &number), 0); /* a table without data can be branched */
	assert_int_equal(create(f, &c, &id, &number), -EEXIST);
	assert_int_equal(number, 2746);
	c.name = "v2";
	c.at = fixture_append(f, u, fixture_main(f, u), 1); /* of another table */
	assert_int_equal(create(f, &c, &id, &number), -ENOENT);
	assert_int_equal(number, 2327);
	c.name = "HEAD";
	assert_int_equal(create(f, &c, &id, &number), -EINVAL);
	x = begin(f, KV_WRITE);
	assert_int_equal(refs_ref_lookup(x, t, "nope", &id, NULL), -ENOENT);
	assert_int_equal(refs_ref_drop(x, fixture_main(f, t), NULL), -EPERM);
	refs_abort(x);
}

static void expired_refs_can_only_be_dropped(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), id;
	struct refs_create c = {
		.table = t, .name = "old", .kind = REC_REF_BRANCH, .expire_at_us = 1};
	struct bough_error e = {0};
	struct rec_ref rec;
	struct refs_txn *x;
	int number;

	assert_int_equal(create(f, &c, &id, &number), 0);
	x = begin(f, KV_WRITE);
	assert_int_equal(refs_ref_open(x, id, &rec, &e), -ESTALE);
	assert_int_equal(e.number, 2749);
	assert_int_equal(refs_ref_drop(x, id, NULL), 0);
	refs_abort(x);
}

static void names_move_and_ids_stay(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), id;
	uint64_t dev = fixture_branch(f, t, 0, "dev");
	struct refs_txn *x = begin(f, KV_WRITE);

	assert_int_equal(refs_ref_rename(x, dev, "dev2", NULL), 0);
	assert_int_equal(refs_ref_lookup(x, t, "dev2", &id, NULL), 0);
	assert_int_equal(id, dev);
	assert_int_equal(refs_ref_lookup(x, t, "dev", &id, NULL), -ENOENT);
	assert_int_equal(refs_ref_protect(x, dev, true, NULL), 0);
	assert_int_equal(refs_ref_rename(x, dev, "dev3", NULL), -EPERM);
	assert_int_equal(refs_ref_drop(x, dev, NULL), -EPERM);
	assert_int_equal(refs_ref_protect(x, dev, false, NULL), 0);
	assert_int_equal(refs_ref_rename(x, dev, "main", NULL), -EINVAL);
	assert_int_equal(refs_commit(&x, NULL), 0);
	fixture_branch(f, t, 0, "dev");
	x = begin(f, KV_WRITE);
	assert_int_equal(refs_ref_rename(x, dev, "dev", NULL), -EEXIST);
	refs_abort(x);
}

static int collect(void *arg, uint64_t id, const struct rec_snapshot *r)
{
	uint64_t *at = arg;

	(void)r;
	at[++at[0]] = id;
	return 0;
}

static void history_and_moments(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t), at[8] = {0},
		 found;
	uint64_t first = fixture_append(f, t, m, 1), second = fixture_append(f, t, m, 1);
	struct rec_snapshot one = snapshot(f, first), two = snapshot(f, second);
	struct refs_txn *x auto_refs_txn = begin(f, KV_READ);
	struct bough_error e = {0};
	char name[ID_NAME_BYTES_MAX], when[28];

	assert_true(two.timestamp_us > one.timestamp_us);
	assert_int_equal(refs_log(x, second, collect, at), 0);
	assert_int_equal(at[0], 2);
	assert_int_equal(at[1], second);
	assert_int_equal(at[2], first);
	refs_snapshot_name(f->store, first, &one, name);
	assert_int_equal(refs_moment(x, m, name, &found, NULL), 0);
	assert_int_equal(found, first);
	name[33] = 0;
	assert_int_equal(refs_moment(x, m, name + 1, &found, NULL), 0);
	assert_int_equal(found, first);
	name[5] = 0; /* the milliseconds both share */
	assert_int_equal(refs_moment(x, m, name, &found, &e), -ENOTUNIQ);
	clock_format_rfc3339(two.timestamp_us - 1, when);
	assert_int_equal(refs_moment(x, m, when, &found, NULL), 0);
	assert_int_equal(found, first);
	assert_int_equal(refs_moment(x, m, "-2h", &found, &e), -ENOENT);
	assert_int_equal(refs_moment(x, m, "2001-01-01", &found, NULL), -ENOENT);
	assert_int_equal(refs_moment(x, m, "yesterday", &found, NULL), -EINVAL);
}

static void renderings_have_the_size_they_say(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t);

	for (int i = 0; i < 20; i++) {
		uint64_t id = fixture_append(f, t, m, 1 + (unsigned)i % 3);
		struct refs_txn *x auto_refs_txn = begin(f, KV_READ);
		struct buf b auto_buf = {0};

		assert_int_equal(refs_render_snapshot(x, id, &b), 0);
		assert_int_equal(b.len, snapshot(f, id).v4_size);
	}
}

static void a_dropped_table_leaves_no_name(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "sales", "orders"), m = fixture_main(f, t), db, id;
	struct refs_txn *x;

	fixture_append(f, t, m, 2);
	fixture_branch(f, t, 0, "dev");
	x = begin(f, KV_WRITE);
	assert_int_equal(refs_db_lookup(x, "sales", &db, NULL), 0);
	assert_int_equal(refs_db_drop(x, db, NULL), -ENOTEMPTY);
	assert_int_equal(refs_table_rename(x, t, db, "bestellungen", NULL), 0);
	assert_int_equal(refs_table_drop(x, t, NULL), 0);
	assert_int_equal(refs_table_lookup(x, db, "bestellungen", &id, NULL), -ENOENT);
	assert_int_equal(refs_db_drop(x, db, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	assert_true(fixture_table(f, "sales", "orders") != t);
}

static void caseless_look_ups_are_unique_or_refused(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "Sales", "Orders"), db, id;
	struct bough_error e = {0};
	struct refs_txn *x auto_refs_txn = begin(f, KV_WRITE);

	assert_int_equal(refs_db_lookup(x, "sales", &db, NULL), 0);
	assert_int_equal(refs_table_lookup(x, db, "ORDERS", &id, NULL), 0);
	assert_int_equal(id, t);
	assert_int_equal(refs_table_create(x, db, "ORDERS", &id, NULL), 0);
	assert_int_equal(refs_table_lookup(x, db, "Orders", &id, NULL), 0);
	assert_int_equal(id, t);
	assert_int_equal(refs_table_lookup(x, db, "orders", &id, &e), -ENOTUNIQ);
	assert_non_null(strstr(e.message, "'Orders' or 'ORDERS'"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(a_branch_is_a_hard_link),
		T(a_drop_takes_names_and_leaves_counts),
		T(refusals_carry_numbers),
		T(expired_refs_can_only_be_dropped),
		T(names_move_and_ids_stay),
		T(history_and_moments),
		T(renderings_have_the_size_they_say),
		T(a_dropped_table_leaves_no_name),
		T(caseless_look_ups_are_unique_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
