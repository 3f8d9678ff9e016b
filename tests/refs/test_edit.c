/* Edits one by one: segments, names, counts, changes, and which removals are one snapshot. */
#include "refs/edit.h"
#include "gc/fsck.h"
#include "meta/tree.h"
#include "tests/support/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000)

static uint64_t now_us = 1700000000 * SECOND;

static uint64_t fake_now(const struct clock *c)
{
	(void)c;
	return now_us;
}

static const struct clock fake_clock = {fake_now, fake_now};

static void check(struct fixture *f)
{
	const struct fsck_options options = {.full = false};
	struct fsck_report report;
	struct bough_error e = {0};

	assert_int_equal(fsck_run(f->path, &options, &report, &e), 0);
	assert_int_equal(report.errors, 0);
}

static struct rec_snapshot snapshot(struct fixture *f, uint64_t id)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_snapshot rec;

	assert_int_equal(refs_begin(f->store, KV_READ, &x), 0);
	assert_int_equal(rec_snapshot_get(x->kv, id, &rec), 0);
	return rec;
}

static uint64_t head_of(struct fixture *f, uint64_t ref)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_ref rec;

	assert_int_equal(refs_begin(f->store, KV_READ, &x), 0);
	assert_int_equal(rec_ref_get(x->kv, ref, &rec), 0);
	return rec.head;
}

struct blocks {
	struct refs_txn *x;
	size_t n, segments;
	uint64_t ids[4000], keys[64], segment_ids[64], sizes[64];
};

static int list_segment(void *arg, const struct tree_entry *e)
{
	struct blocks *l = arg;
	struct rec_segment_entry entry;
	struct rec_segment g;

	assert_int_equal(rec_segment_get(l->x->kv, e->child, &g), 0);
	l->segment_ids[l->segments] = e->child;
	l->sizes[l->segments] = g.blocks;
	l->keys[l->segments++] = e->key;
	for (uint32_t i = 0; i < g.blocks; i++) {
		assert_int_equal(rec_segment_entry_at(&g, i, &entry), 0);
		l->ids[l->n++] = entry.block;
	}
	return 0;
}

static void list(struct fixture *f, uint64_t ref, struct blocks *ret)
{
	struct rec_snapshot head = snapshot(f, head_of(f, ref));
	struct refs_txn *x auto_refs_txn = NULL;

	*ret = (struct blocks){0};
	assert_int_equal(refs_begin(f->store, KV_READ, &x), 0);
	ret->x = x;
	assert_int_equal(tree_walk(x->kv, head.root, 0, list_segment, ret), 0);
	assert_int_equal(head.segments, ret->segments);
	assert_int_equal(head.blocks, ret->n);
}

static int run(struct fixture *f, const struct refs_edit_op *ops, size_t n,
	const struct refs_edit_options *options, uint64_t *ret_snapshot)
{
	struct refs_edited done[REFS_EDIT_REFS_MAX] = {{0}};
	struct bough_error e = {0};
	int r = refs_edit_run(f->store, ops, n, options, done, &e);

	assert_true(!r == !*e.message);
	*ret_snapshot = done[0].snapshot;
	return r;
}

static int remove_block(
	struct fixture *f, uint64_t ref, uint64_t block, struct refs_squash *q, uint64_t *ret)
{
	const struct refs_edit_options options = {.author = "ann", .squash = q};
	const struct refs_edit_op op = {.kind = REFS_EDIT_REMOVE, .ref = ref, .block = block};

	return run(f, &op, 1, &options, ret);
}

static void an_emptied_segment_leaves_the_tree(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "d", "t"), m = fixture_main(f, t), id;
	struct blocks before, after;
	struct rec_snapshot s;

	fixture_append(f, t, m, 1000);
	fixture_append(f, t, m, 1);
	fixture_append(f, t, m, 1000);
	list(f, m, &before);
	assert_int_equal(remove_block(f, m, before.ids[1000], NULL, &id), 0);
	list(f, m, &after);
	assert_int_equal(after.segments, 2);
	assert_int_equal(after.keys[0], before.keys[0]);
	assert_int_equal(after.keys[1], before.keys[2]);
	s = snapshot(f, id);
	assert_int_equal(s.operation, REC_OP_DELETE);
	assert_int_equal(s.rows, 20000);
	assert_string_equal(s.author, "ann");
	check(f);
}

static void the_last_block_leaves_an_empty_ref(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "d", "t"), m = fixture_main(f, t), id;
	struct blocks l;

	fixture_append(f, t, m, 1);
	list(f, m, &l);
	assert_int_equal(remove_block(f, m, l.ids[0], NULL, &id), 0);
	assert_int_equal(snapshot(f, id).root, 0);
	assert_int_equal(remove_block(f, m, l.ids[0], NULL, &id), -ENOENT);
	fixture_append_folded(f, t, m, 2);
	list(f, m, &l);
	assert_int_equal(l.n, 2);
	check(f);
}

/* What lost a block joins the neighbour before it, or behind it, if both fit into one and that one
 * is not much larger. */
static void a_removal_merges_what_fits(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "d", "t"), m = fixture_main(f, t), id;
	struct blocks l;

	fixture_append(f, t, m, 990);
	fixture_append(f, t, m, 20);
	fixture_append(f, t, m, 30);
	list(f, m, &l);
	assert_int_equal(remove_block(f, m, l.ids[1000], NULL, &id), 0); /* 990 + 19 do not fit */
	list(f, m, &l);
	assert_int_equal(l.segments, 2);
	assert_int_equal(l.sizes[1], 19 + 30);
	for (int i = 0; i < 45; i++)
		assert_int_equal(remove_block(f, m, l.ids[990 + i], NULL, &id), 0);
	list(f, m, &l);
	assert_int_equal(l.segments, 2);
	assert_int_equal(l.sizes[0], 990); /* 990 + 4 would fit: too much for one removal */
	assert_int_equal(remove_block(f, m, l.ids[0], NULL, &id), 0);
	list(f, m, &l);
	assert_int_equal(l.segments, 2);
	assert_int_equal(l.sizes[0], 990 - 32 + 4);
	assert_int_equal(l.n, 993);
	check(f);
}

/* Of a large segment only what lies around a change is taken out, to the newest end. */
static void a_run_of_removals_pays_for_a_large_segment_now_and_then(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "d", "t"), m = fixture_main(f, t), id;
	struct blocks was, l;

	fixture_append(f, t, m, 1000);
	list(f, m, &was);
	assert_int_equal(remove_block(f, m, was.ids[40], NULL, &id), 0);
	list(f, m, &l);
	assert_int_equal(l.segments, 2);
	assert_int_equal(l.sizes[0], 1000 - 32);
	assert_int_equal(l.sizes[1], 31);
	assert_int_equal(l.ids[32], was.ids[64]);
	for (int i = 32; i < 64; i++)
		if (i != 40)
			assert_int_equal(remove_block(f, m, was.ids[i], NULL, &id), 0);
	was.segment_ids[0] = l.segment_ids[0];
	list(f, m, &l);
	assert_int_equal(l.segments, 1);
	assert_int_equal(l.segment_ids[0], was.segment_ids[0]);
	/* groups from here and there gather in what is small and last */
	assert_int_equal(remove_block(f, m, was.ids[0], NULL, &id), 0);
	assert_int_equal(remove_block(f, m, was.ids[999], NULL, &id), 0);
	list(f, m, &l);
	assert_int_equal(l.segments, 2);
	assert_int_equal(l.n, 1000 - 32 - 2);
	check(f);
}

static void edits_of_what_is_not_there(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "d", "t"), m = fixture_main(f, t), dev, other, id, u;
	struct refs_edit_op op = {.kind = REFS_EDIT_RENAME, .given = "none", .name = "x"};
	struct blocks l, k;

	fixture_append(f, t, m, 2);
	dev = fixture_branch(f, t, 0, "dev");
	u = fixture_table(f, "d", "u");
	other = fixture_main(f, u);
	fixture_append(f, u, other, 1);
	list(f, m, &l);
	list(f, other, &k);
	op.ref = m;
	assert_int_equal(run(f, &op, 1, NULL, &id), -ENOENT);
	op = (struct refs_edit_op){
		.kind = REFS_EDIT_RENAME, .ref = m, .block = l.ids[0], .name = "a/b"};
	assert_int_equal(run(f, &op, 1, NULL, &id), -EINVAL);
	op = (struct refs_edit_op){
		.kind = REFS_EDIT_LINK, .ref = dev, .block = l.ids[0], .source = m};
	assert_int_equal(run(f, &op, 1, NULL, &id), -EEXIST);
	op.block = k.ids[0];
	op.source = other;
	assert_int_equal(run(f, &op, 1, NULL, &id), -EXDEV);
	check(f);
}

static bool changed(const struct change_list *l, enum change_kind kind, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].kind == kind && (!name || !strcmp(l->items[i].name, name)))
			return true;
	return false;
}

static void an_edit_says_what_it_changed(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "d", "t"), m = fixture_main(f, t);
	struct refs_edit_op op = {.kind = REFS_EDIT_RENAME, .ref = m, .name = "new.parquet"};
	struct refs_edit *e cleanup(refs_edit_free_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct bough_error error = {0};
	struct blocks l;
	char was[64];

	fixture_append(f, t, m, 3);
	list(f, m, &l);
	op.block = l.ids[1];
	snprintf(was, sizeof was, "part-%llu.parquet", (unsigned long long)op.block);
	assert_int_equal(refs_edit_prepare(f->store, &op, 1, NULL, &e, &error), 0);
	assert_int_equal(refs_begin(f->store, KV_WRITE, &x), 0);
	assert_int_equal(refs_edit_apply(x, e, &error), 0);
	assert_true(changed(&x->changes, CHANGE_GONE, was));
	assert_true(changed(&x->changes, CHANGE_BLOCK, NULL)); /* one segment more holds it */
	assert_true(changed(&x->changes, CHANGE_REF, NULL));
	assert_true(changed(&x->changes, CHANGE_OBJECTS, NULL));
}

/* Another commit comes between: what was prepared is refused, and nothing of it stays. */
static void a_head_that_moved_is_prepared_for_again(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "d", "t"), m = fixture_main(f, t);
	struct refs_edit_op op = {.kind = REFS_EDIT_REMOVE, .ref = m};
	struct refs_edit *e cleanup(refs_edit_free_p) = NULL;
	struct bough_error error = {0};
	struct blocks l;

	fixture_append(f, t, m, 3);
	list(f, m, &l);
	op.block = l.ids[1];
	assert_int_equal(refs_edit_prepare(f->store, &op, 1, NULL, &e, &error), 0);
	fixture_append(f, t, m, 1);
	assert_int_equal(refs_write(f->store, refs_edit_apply, e, &error), -EAGAIN);
	list(f, m, &l);
	assert_int_equal(l.n, 4);
	check(f);
}

static void removals_within_a_second_are_one_snapshot(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "d", "t"), m = fixture_main(f, t), head, a, b;
	struct refs_squash q = {0};
	struct refs_txn *x auto_refs_txn = NULL;
	struct blocks l;

	f->store->clock = &fake_clock;
	head = fixture_append(f, t, m, 20);
	list(f, m, &l);
	assert_int_equal(remove_block(f, m, l.ids[0], &q, &a), 0);
	now_us += SECOND / 2;
	assert_int_equal(remove_block(f, m, l.ids[1], &q, &b), 0);
	assert_int_not_equal(a, b);
	assert_int_equal(snapshot(f, b).parent, head);
	assert_int_equal(snapshot(f, b).parent_timestamp_us, snapshot(f, head).timestamp_us);
	assert_int_equal(snapshot(f, b).timestamp_us, now_us);
	assert_int_equal(snapshot(f, a).nlink, 0);
	assert_int_equal(snapshot(f, a).count, 1); /* the queue's */
	assert_int_equal(refs_begin(f->store, KV_READ, &x), 0);
	assert_int_equal(refs_link_exists(x, m, a), -ENOENT);
	check(f);
}

/* What begins a snapshot of its own: silence, a minute, another reference, another author. */
static void a_run_of_removals_ends(void **state)
{
	struct fixture *f = *state;
	uint64_t t = fixture_table(f, "d", "t"), m = fixture_main(f, t), a, b;
	struct refs_squash q = {0};
	const struct refs_edit_options options = {.author = "bob", .squash = &q};
	struct refs_edit_op op = {.kind = REFS_EDIT_REMOVE, .ref = m};
	struct blocks l;

	f->store->clock = &fake_clock;
	fixture_append(f, t, m, 200);
	list(f, m, &l);
	assert_int_equal(remove_block(f, m, l.ids[0], &q, &a), 0);
	now_us += SECOND + 1;
	assert_int_equal(remove_block(f, m, l.ids[1], &q, &b), 0);
	assert_int_equal(snapshot(f, b).parent, a);
	fixture_branch(f, t, 0, "dev");
	assert_int_equal(remove_block(f, m, l.ids[2], &q, &a), 0);
	assert_int_equal(snapshot(f, a).parent, b);
	op.block = l.ids[3];
	assert_int_equal(run(f, &op, 1, &options, &b), 0);
	assert_int_equal(snapshot(f, b).parent, a);
	b = a;
	for (unsigned i = 4; i < 100; i++) {
		now_us += SECOND;
		assert_int_equal(remove_block(f, m, l.ids[i], &q, &a), 0);
	}
	assert_int_equal(snapshot(f, a).seq, 101); /* numbers are not used again */
	b = snapshot(f, a).parent;
	assert_int_equal(snapshot(f, b).blocks, 200 - 4 - 61); /* the first, and a minute of them */
	check(f);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(an_emptied_segment_leaves_the_tree),
		T(the_last_block_leaves_an_empty_ref),
		T(a_removal_merges_what_fits),
		T(a_run_of_removals_pays_for_a_large_segment_now_and_then),
		T(edits_of_what_is_not_there),
		T(an_edit_says_what_it_changed),
		T(a_head_that_moved_is_prepared_for_again),
		T(removals_within_a_second_are_one_snapshot),
		T(a_run_of_removals_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
