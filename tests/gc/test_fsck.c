/* Each break is found, and nothing else; what is sound has no findings. */
#include "refs/client.h"
#include "refs/trash.h"
#include "tests/gc/world.h"

#include <string.h>

static void break_one(struct world *w, const struct broken *c, const char *path)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct bough_error e = {0};

	assert_int_equal(refs_store_open(path, REFS_ROLE_CLI, &s, &e), 0);
	assert_int_equal(kv_begin(s->kv, KV_WRITE, &w->t), 0);
	c->fn(w);
	assert_int_equal(kv_commit(&w->t), 0);
}

static void each_break_is_found(void **state)
{
	struct world *w = *state;
	struct findings l;
	struct fsck_report report;
	char path[64];
	unsigned failed = 0;

	refs_store_close(steal(&w->f->store)); /* so that no client is left in the copies */
	for (size_t i = 0; i < n_breaks; i++) {
		const struct broken *c = &breaks[i];

		world_copy(w->f->path, path, sizeof path);
		break_one(w, c, path);
		if (world_check(path, false, &l, &report) || l.n != c->findings ||
			report.errors != l.n || !world_says(l.text, c->text)) {
			print_message("%s: %u findings:\n%s\n", c->name, l.n, l.text);
			failed++;
		}
		world_remove(path);
	}
	assert_int_equal(failed, 0);
}

static void a_sound_store_has_no_findings(void **state)
{
	struct world *w = *state;
	struct findings l;
	struct fsck_report report;

	assert_int_equal(world_check(w->f->path, false, &l, &report), 0);
	assert_string_equal(l.text, "");
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.databases, 1);
	assert_int_equal(report.tables, 2);
	assert_int_equal(report.refs, 4);
	assert_int_equal(report.snapshots, 4 + BIG_APPENDS);
	assert_int_equal(report.segments, 4 + BIG_APPENDS);
	assert_int_equal(report.blocks, 7 + BIG_APPENDS);
	assert_int_equal(report.schemas, 2);
}

static void what_waits_in_the_queue_is_sound(void **state)
{
	struct fixture *f = ((struct world *)*state)->f;
	struct refs_txn *x auto_refs_txn = NULL;
	struct findings l;
	struct fsck_report report;
	uint64_t table = fixture_table(f, "sales", "gone");
	struct refs_emptied done = {0};
	uint64_t dev;

	fixture_append(f, table, fixture_main(f, table), 2);
	dev = fixture_branch(f, table, 0, "dev");
	fixture_append(f, table, dev, 1);
	fixture_branch(f, table, dev, "next");
	assert_int_equal(refs_begin(f->store, KV_WRITE, &x), 0);
	assert_int_equal(refs_ref_drop(x, dev, NULL), 0);
	assert_int_equal(refs_trash_empty(x, true, &done), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	assert_int_equal(world_check(f->path, false, &l, &report), 0);
	assert_string_equal(l.text, "");
	assert_int_equal(report.queue, 3 + 3); /* the world's own dropped branch too */
	assert_int_equal(refs_begin(f->store, KV_WRITE, &x), 0);
	assert_int_equal(refs_table_drop(x, table, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	assert_int_equal(world_check(f->path, false, &l, &report), 0);
	assert_string_equal(l.text, "");
}

static void ids_of_a_living_client_are_no_finding(void **state)
{
	struct fixture *f = ((struct world *)*state)->f;
	struct client_ids ids;
	struct findings l;
	struct fsck_report report;
	uint64_t table = fixture_table(f, "sales", "orders");

	assert_int_equal(client_ids_take(f->store->client, table, 10, &ids), 0);
	assert_int_equal(world_check(f->path, false, &l, &report), 0);
	assert_string_equal(l.text, "");
	assert_int_equal(report.clients, 1);
	assert_int_equal(report.dead_clients, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_sound_store_has_no_findings, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(each_break_is_found, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			what_waits_in_the_queue_is_sound, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			ids_of_a_living_client_are_no_finding, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
