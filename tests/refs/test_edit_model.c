/* Random edits of several refs against plain lists of blocks and names; fsck now and then. */
#include "gc/fsck.h"
#include "meta/tree.h"
#include "refs/edit.h"
#include "refs/fold.h"
#include "tests/support/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REFS_MAX 6
#define BLOCKS_MAX 4000
#define OPS 300
#define FSCK_EVERY 50

struct held {
	uint64_t block;
	char name[64];
};

/** What a ref should hold. */
struct model_ref {
	uint64_t id;
	size_t n;
	struct held blocks[BLOCKS_MAX];
};

struct model {
	struct fixture *f;
	uint64_t table, random, next_name;
	size_t n;
	struct model_ref refs[REFS_MAX]; /* the first is main */
	struct model_ref now;		 /* as read */
	struct refs_squash squash;
};

static uint64_t dice(struct model *m, uint64_t n)
{
	return test_random(&m->random) % n;
}

static int by_block(const void *a, const void *b)
{
	uint64_t x = ((const struct held *)a)->block, y = ((const struct held *)b)->block;

	return (x > y) - (x < y);
}

/** A head being read. */
struct reading {
	struct refs_txn *x;
	struct model_ref *to;
	uint64_t key;
};

static int read_segment(void *arg, const struct tree_entry *e)
{
	struct reading *r = arg;
	struct rec_segment g;

	assert_int_equal(rec_segment_get(r->x->kv, e->child, &g), 0);
	assert_true(g.blocks > 0);
	assert_true(g.blocks <= 1000);
	assert_true(g.key == e->key && e->key > r->key);
	r->key = e->key;
	for (uint32_t i = 0; i < g.blocks; i++) {
		struct held *h = &r->to->blocks[r->to->n++];
		struct rec_segment_entry entry;

		assert_int_equal(rec_segment_entry_at(&g, i, &entry), 0);
		h->block = entry.block;
		snprintf(h->name, sizeof h->name, "%.*s", (int)entry.name.len,
			(const char *)entry.name.data);
	}
	return 0;
}

static void read_ref(struct model *m, uint64_t ref)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_snapshot head = {0};
	struct rec_ref rec;
	struct reading r = {.to = &m->now};

	m->now.n = 0;
	assert_int_equal(refs_begin(m->f->store, KV_READ, &x), 0);
	r.x = x;
	assert_int_equal(rec_ref_get(x->kv, ref, &rec), 0);
	if (rec.head)
		assert_int_equal(rec_snapshot_get(x->kv, rec.head, &head), 0);
	assert_int_equal(tree_walk(x->kv, head.root, 0, read_segment, &r), 0);
	assert_int_equal(head.blocks, m->now.n);
	assert_int_equal(head.rows, 10 * m->now.n);
	qsort(m->now.blocks, m->now.n, sizeof m->now.blocks[0], by_block);
}

static void check_ref(struct model *m, struct model_ref *ref)
{
	read_ref(m, ref->id);
	qsort(ref->blocks, ref->n, sizeof ref->blocks[0], by_block);
	assert_int_equal(m->now.n, ref->n);
	for (size_t i = 0; i < ref->n; i++) {
		assert_int_equal(m->now.blocks[i].block, ref->blocks[i].block);
		assert_string_equal(m->now.blocks[i].name, ref->blocks[i].name);
	}
}

static void finding(void *arg, const char *text)
{
	(void)arg;
	print_message("fsck: %s\n", text);
}

static void check_store(struct model *m)
{
	const struct fsck_options options = {.finding = finding};
	struct fsck_report report;
	struct bough_error e = {0};

	for (size_t i = 0; i < m->n; i++)
		check_ref(m, &m->refs[i]);
	assert_int_equal(fsck_run(m->f->path, &options, &report, &e), 0);
	assert_int_equal(report.errors, 0);
}

static int edit(struct model *m, const struct refs_edit_op *ops, size_t n,
	const struct refs_edit_options *options)
{
	struct refs_edited done[REFS_EDIT_REFS_MAX];
	struct bough_error e = {0};
	int r = refs_edit_run(m->f->store, ops, n, options, done, &e);

	if (r && !*e.message)
		print_message("edit: %s\n", strerror(-r));
	return r;
}

static const struct held *find(const struct model_ref *ref, uint64_t block)
{
	for (size_t i = 0; i < ref->n; i++)
		if (ref->blocks[i].block == block)
			return &ref->blocks[i];
	return NULL;
}

static void forget(struct model_ref *ref, size_t at)
{
	ref->blocks[at] = ref->blocks[--ref->n];
}

static void new_name(struct model *m, char ret[static 64])
{
	snprintf(ret, 64, "n%llu.parquet", (unsigned long long)m->next_name++);
}

static void do_append(struct model *m, struct model_ref *ref)
{
	unsigned n = (unsigned)(1 + dice(m, dice(m, 4) ? 5 : 150));
	size_t found = 0;

	if (ref->n + n > BLOCKS_MAX / 2)
		return;
	fixture_append_folded(m->f, m->table, ref->id, n);
	read_ref(m, ref->id);
	for (size_t i = 0; i < m->now.n; i++) {
		const struct held *was = find(ref, m->now.blocks[i].block);

		if (!was)
			ref->blocks[ref->n + found++] = m->now.blocks[i];
	}
	assert_int_equal(found, n);
	ref->n += n;
}

/* Some anywhere, or a run; by name or by id. */
static void do_remove(struct model *m, struct model_ref *ref)
{
	struct refs_edit_op ops[40];
	struct refs_edit_options options = {.squash = dice(m, 2) ? &m->squash : NULL};
	size_t n = 1 + dice(m, dice(m, 2) ? 2 : ARRAY_SIZE(ops)), at[40];

	if (ref->n < n)
		return;
	qsort(ref->blocks, ref->n, sizeof ref->blocks[0], by_block);
	at[0] = dice(m, ref->n - n + 1);
	for (size_t i = 0; i < n; i++) {
		const struct held *h;

		at[i] = i ? at[i - 1] + 1 + (dice(m, 2) && at[i - 1] + n - i + 1 < ref->n) : at[0];
		h = &ref->blocks[at[i]];
		ops[i] = (struct refs_edit_op){REFS_EDIT_REMOVE, ref->id, .block = h->block};
		if (i % 2)
			ops[i] = (struct refs_edit_op){REFS_EDIT_REMOVE, ref->id, .given = h->name};
	}
	assert_int_equal(edit(m, ops, n, &options), 0);
	while (n)
		forget(ref, at[--n]);
}

static void do_rename(struct model *m, struct model_ref *ref)
{
	size_t at = ref->n ? dice(m, ref->n) : 0;
	char name[64];
	struct refs_edit_op op = {REFS_EDIT_RENAME, ref->id, .name = name};

	if (!ref->n)
		return;
	op.block = ref->blocks[at].block;
	new_name(m, name);
	if (ref->n > 1 && !dice(m, 4)) {
		snprintf(name, sizeof name, "%s", ref->blocks[at ? 0 : 1].name);
		assert_int_equal(edit(m, &op, 1, NULL), -EEXIST);
		return;
	}
	assert_int_equal(edit(m, &op, 1, NULL), 0);
	snprintf(ref->blocks[at].name, sizeof name, "%s", name);
}

/* One goes, another takes its name: as a rename onto a name does. */
static void do_rename_over(struct model *m, struct model_ref *ref)
{
	struct refs_edit_op ops[2] = {{.kind = REFS_EDIT_REMOVE, .ref = ref->id},
		{.kind = REFS_EDIT_RENAME, .ref = ref->id}};
	char name[64];
	size_t at;

	if (ref->n < 2)
		return;
	at = dice(m, ref->n - 1);
	snprintf(name, sizeof name, "%s", ref->blocks[at].name);
	ops[0].block = ref->blocks[at].block;
	ops[1].block = ref->blocks[at + 1].block;
	ops[1].name = name;
	assert_int_equal(edit(m, ops, 2, NULL), 0);
	snprintf(ref->blocks[at + 1].name, sizeof name, "%s", name);
	forget(ref, at);
}

static void do_replace(struct model *m, struct model_ref *ref)
{
	struct fixture_segment *s cleanup(fixture_segment_free_p) =
		fixture_segment_new(m->f, m->table, 1);
	struct refs_edit_options options = {.ids = fixture_segment_ids(s)};
	struct refs_edit_op op = {REFS_EDIT_REPLACE, ref->id, .with = fixture_segment_of(s)};
	size_t at;

	if (!ref->n)
		return;
	at = dice(m, ref->n);
	op.block = ref->blocks[at].block;
	assert_int_equal(edit(m, &op, 1, &options), 0);
	ref->blocks[at].block = fixture_segment_ids(s)->first;
	snprintf(ref->blocks[at].name, sizeof ref->blocks[at].name, "part-%llu.parquet",
		(unsigned long long)ref->blocks[at].block);
}

static bool has_name(const struct model_ref *ref, const char *name)
{
	for (size_t i = 0; i < ref->n; i++)
		if (!strcmp(ref->blocks[i].name, name))
			return true;
	return false;
}

/* A hard link, or a move: in one transaction it leaves where it was. */
static void do_link(struct model *m, struct model_ref *from, struct model_ref *to, bool moves)
{
	struct refs_edit_op ops[2] = {{REFS_EDIT_LINK, to->id, .source = from->id},
		{.kind = REFS_EDIT_REMOVE, .ref = from->id}};
	char name[64];
	struct held h;
	size_t at;
	int expected;

	if (!from->n || from == to || to->n == BLOCKS_MAX / 2)
		return;
	at = dice(m, from->n);
	h = from->blocks[at];
	ops[0].block = ops[1].block = h.block;
	if (dice(m, 2)) {
		new_name(m, name);
		ops[0].name = name;
		snprintf(h.name, sizeof h.name, "%s", name);
	}
	expected = find(to, h.block) || has_name(to, h.name) ? -EEXIST : 0;
	assert_int_equal(edit(m, ops, moves ? 2 : 1, NULL), expected);
	if (expected)
		return;
	to->blocks[to->n++] = h;
	if (moves)
		forget(from, at);
}

static void do_branch(struct model *m, struct model_ref *from)
{
	struct model_ref *to = &m->refs[m->n];
	char name[64];

	if (m->n == REFS_MAX)
		return;
	snprintf(name, sizeof name, "b%llu", (unsigned long long)m->next_name++);
	memcpy(to, from, sizeof *to);
	to->id = fixture_branch(m->f, m->table, from->id, name);
	m->n++;
}

static void do_drop(struct model *m, size_t at)
{
	struct refs_txn *x auto_refs_txn = NULL;

	if (!at)
		return;
	assert_int_equal(refs_begin(m->f->store, KV_WRITE, &x), 0);
	assert_int_equal(refs_ref_drop(x, m->refs[at].id, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	memcpy(&m->refs[at], &m->refs[--m->n], sizeof m->refs[0]);
}

static void do_any(struct model *m)
{
	struct model_ref *ref = &m->refs[dice(m, m->n)], *other = &m->refs[dice(m, m->n)];
	struct bough_error e = {0};

	switch (dice(m, 14)) {
	case 0:
	case 1:
	case 2:
	case 3:
		do_append(m, ref);
		break;
	case 4:
	case 5:
		do_remove(m, ref);
		break;
	case 6:
		do_rename(m, ref);
		break;
	case 7:
		do_rename_over(m, ref);
		break;
	case 8:
		do_replace(m, ref);
		break;
	case 9:
	case 10:
		do_link(m, ref, other, dice(m, 2));
		break;
	case 11:
		do_branch(m, ref);
		break;
	case 12:
		if (!dice(m, 4))
			do_drop(m, dice(m, m->n));
		break;
	default:
		assert_int_equal(
			refs_fold_run(m->f->store, ref->id, NULL, &(struct refs_folded){0}, &e), 0);
	}
	if (ref < m->refs + m->n)
		check_ref(m, ref);
	if (other < m->refs + m->n)
		check_ref(m, other);
}

static void edits_do_what_lists_do(void **state)
{
	struct model *m cleanup(free_p) = calloc(1, sizeof *m);

	m->f = *state;
	m->random = test_seed();
	m->table = fixture_table(m->f, "d", "t");
	m->refs[0].id = fixture_main(m->f, m->table);
	m->n = 1;
	do_append(m, &m->refs[0]);
	for (uint64_t i = 1; i <= test_scale(OPS); i++) {
		do_any(m);
		if (i % FSCK_EVERY == 0)
			check_store(m);
	}
	check_store(m);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(edits_do_what_lists_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
