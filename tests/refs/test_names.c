/* Names in data/ that mean another block after an append: mounts must hear of them. */
#include "refs/commit_impl.h"
#include "refs/data.h"
#include "refs/ref_impl.h"
#include "tests/support/fixture.h"

#include <string.h>

#define NAME "x.parquet"

/** A table, and two segments of a block each, both called NAME. */
struct names {
	struct fixture *f;
	uint64_t table, main;
	struct fixture_segment *older, *younger;
};

static struct fixture_segment *segment_new(struct names *n)
{
	struct fixture_segment *s = fixture_segment_new(n->f, n->table, 1);
	const struct commit_segment *g = fixture_segment_of(s);

	((struct commit_block *)g->blocks)->entry.name = slice_str(NAME);
	g->entries->name = slice_str(NAME);
	return s;
}

static int setup(void **state)
{
	struct names *n = calloc(1, sizeof *n);

	assert_int_equal(fixture_setup((void **)&n->f), 0);
	n->table = fixture_table(n->f, "sales", "orders");
	n->main = fixture_main(n->f, n->table);
	fixture_append(n->f, n->table, n->main, 1);
	n->older = segment_new(n);
	n->younger = segment_new(n);
	*state = n;
	return 0;
}

static int teardown(void **state)
{
	struct names *n = *state;

	fixture_segment_free(n->older);
	fixture_segment_free(n->younger);
	fixture_teardown((void **)&n->f);
	free(n);
	return 0;
}

static int append_body(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct commit_append *c = arg;
	struct schema schema auto_schema = {0};
	struct rec_ref ref;
	uint64_t snapshot, us;
	int r = rec_ref_get(x->kv, c->ref, &ref);

	c->schema_id = ref.schema;
	c->schema = &schema;
	if (!r)
		r = schema_read(x, ref.schema, &schema);
	return r ? r : commit_append(x, c, &snapshot, &us, error);
}

static void append(struct names *n, const struct fixture_segment *s, bool is_staged)
{
	struct commit_append c = {.ref = n->main,
		.segments = (struct commit_segment *)fixture_segment_of(s),
		.n_segments = 1,
		.staged = is_staged ? fixture_segment_ids(s) : NULL,
		.author = "tester"};

	assert_int_equal(refs_write(n->f->store, append_body, &c, NULL), 0);
}

/* How often the last commit says @kind (of NAME in data/, where that is CHANGE_GONE). */
static unsigned said(const struct names *n, enum change_kind kind)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct change_list l cleanup(change_list_deinit) = {0};
	uint64_t last;
	unsigned found = 0;

	assert_int_equal(refs_begin(n->f->store, KV_READ, &x), 0);
	assert_int_equal(change_read(x->kv, x->commit - 1, &l, &last), 0);
	for (size_t i = 0; i < l.n; i++)
		found += l.items[i].kind == kind &&
			 (kind != CHANGE_GONE ||
				 (l.items[i].dir == CHANGE_IN_DATA && l.items[i].id == n->main &&
					 !strcmp(l.items[i].name, NAME)));
	return found;
}

static void assert_shows(const struct names *n, const struct fixture_segment *s)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_ref ref;
	struct rec_snapshot head;
	uint64_t block;

	assert_int_equal(refs_begin(n->f->store, KV_READ, &x), 0);
	assert_int_equal(rec_ref_get(x->kv, n->main, &ref), 0);
	assert_int_equal(rec_snapshot_get(x->kv, ref.head, &head), 0);
	assert_int_equal(refs_data_find(x, n->table, head.root, NAME, &block, NULL), 0);
	assert_int_equal(block, fixture_segment_of(s)->blocks->id);
}

static void a_younger_block_changes_no_name(void **state)
{
	struct names *n = *state;

	append(n, n->older, false);
	append(n, n->younger, false);
	assert_shows(n, n->older);
	assert_int_equal(said(n, CHANGE_GONE), 0);
	assert_int_equal(said(n, CHANGE_ALL), 0);
}

static void an_older_block_takes_its_name(void **state)
{
	struct names *n = *state;

	append(n, n->younger, false);
	assert_int_equal(said(n, CHANGE_GONE), 0);
	append(n, n->older, false);
	assert_shows(n, n->older);
	assert_int_equal(said(n, CHANGE_GONE), 1);
	assert_int_equal(said(n, CHANGE_ALL), 0);
}

/* Also by its own name. */
static void a_block_was_called_by_its_names(void **state)
{
	struct names *n = *state;
	struct refs_txn *x auto_refs_txn = NULL;
	char own[REC_NAME_BYTES_MAX + 1];
	struct rec_block rec;
	uint64_t older, younger;

	append(n, n->younger, false);
	older = fixture_segment_of(n->older)->blocks->id;
	younger = fixture_segment_of(n->younger)->blocks->id;
	assert_int_equal(refs_begin(n->f->store, KV_READ, &x), 0);
	assert_true(refs_data_was_called(x, n->table, younger, NAME));
	assert_false(refs_data_was_called(x, n->table, younger, "other" NAME));
	assert_false(refs_data_was_called(x, n->table, older, NAME)); /* has no record */
	assert_int_equal(rec_block_get(x->kv, younger, &rec), 0);
	refs_block_name(n->f->store, younger, &rec, own);
	assert_true(refs_data_was_called(x, n->table, younger, own));
	assert_false(refs_data_was_called(x, n->table, older, own));
}

static void of_many_each_may(void **state)
{
	struct names *n = *state;
	struct stage g = {.store = n->f->store,
		.table = n->table,
		.ids = fixture_segment_ids(n->older),
		.segments = (struct commit_segment *)fixture_segment_of(n->older),
		.n_segments = 1};

	assert_int_equal(stage_run(&g, commit_put_one), 0);
	append(n, n->younger, false);
	append(n, n->older, true);
	assert_shows(n, n->older);
	assert_int_equal(said(n, CHANGE_ALL), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_younger_block_changes_no_name),
		T(an_older_block_takes_its_name),
		T(of_many_each_may),
		T(a_block_was_called_by_its_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
