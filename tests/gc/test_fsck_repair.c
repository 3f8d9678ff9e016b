/* What --repair mends is clean afterwards and reads as before; what it does not mend is untouched.
 */
#include "meta/tree.h"
#include "refs/export.h"
#include "refs/ref.h"
#include "refs/trash.h"
#include "tests/gc/world.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define KILLS 12

/** All that a reader sees of the world's tables, as text; ids given after @next are left out. */
struct picture {
	struct refs_txn *x;
	struct buf text;
	uint64_t next;
};

static void draw(struct picture *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void draw(struct picture *p, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	assert_int_equal(buf_append(&p->text, line, strlen(line)), 0);
}

static int draw_link(void *arg, uint64_t snapshot)
{
	struct picture *p = arg;
	struct rec_snapshot s;

	if (snapshot >= p->next)
		return 0;
	assert_int_equal(rec_snapshot_get(p->x->kv, snapshot, &s), 0);
	draw(p, "  link %llx nlink %u rows %llu\n", (unsigned long long)snapshot, s.nlink,
		(unsigned long long)s.rows);
	return 0;
}

static int draw_segment(void *arg, const struct tree_entry *e)
{
	struct picture *p = arg;
	struct rec_segment g;
	struct rec_segment_entry one;
	struct rec_block b;

	assert_int_equal(rec_segment_get(p->x->kv, e->child, &g), 0);
	for (uint32_t i = 0; i < g.blocks; i++) {
		assert_int_equal(rec_segment_entry_at(&g, i, &one), 0);
		assert_int_equal(rec_block_get(p->x->kv, one.block, &b), 0);
		draw(p, "  block %llx of %llx '%.*s' rows %llu\n", (unsigned long long)one.block,
			(unsigned long long)e->child, (int)one.name.len,
			(const char *)one.name.data, (unsigned long long)b.rows);
	}
	return 0;
}

static void draw_ref(struct picture *p, uint64_t id)
{
	struct rec_snapshot head;
	struct rec_ref ref;

	assert_int_equal(rec_ref_get(p->x->kv, id, &ref), 0);
	draw(p, " ref %llx '%s' head %llx base %llx trash %d\n", (unsigned long long)id, ref.name,
		(unsigned long long)ref.head, (unsigned long long)ref.base, ref.trash != 0);
	assert_int_equal(refs_link_list(p->x, id, 0, draw_link, p), 0);
	assert_int_equal(rec_snapshot_get(p->x->kv, ref.head, &head), 0);
	assert_int_equal(tree_walk(p->x->kv, head.root, 0, draw_segment, p), 0);
}

static int draw_child(void *arg, uint64_t id, const char *name)
{
	struct picture *p = arg;

	if (id >= p->next)
		return 0;
	draw(p, " child '%s'\n", name);
	draw_ref(p, id);
	return 0;
}

static void draw_table(struct picture *p, uint64_t id)
{
	struct rec_table rec;

	assert_int_equal(rec_table_get(p->x->kv, id, &rec), 0);
	draw(p, "table %llx '%s'\n", (unsigned long long)id, rec.name);
	draw_ref(p, rec.main_ref);
	assert_int_equal(refs_dir_list(p->x, id, 0, draw_child, p), 0);
}

/* @next 0: of the store as it is; else without what got an id from there on. */
static char *picture_of(struct world *w, const char *path, uint64_t *next)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct bough_error e = {0};
	struct picture p = {0};

	assert_int_equal(refs_store_open(path, REFS_ROLE_CLI, &s, &e), 0);
	assert_int_equal(refs_begin(s, KV_READ, &x), 0);
	if (!*next)
		assert_int_equal(rec_id_peek(x->kv, next), 0);
	p.x = x;
	p.next = *next;
	draw_table(&p, w->orders);
	draw_table(&p, w->big);
	draw_ref(&p, w->old);
	assert_int_equal(buf_append(&p.text, "", 1), 0);
	return (char *)p.text.data;
}

static void edit(struct world *w, void (*fn)(struct world *w), const char *path)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct bough_error e = {0};

	assert_int_equal(refs_store_open(path, REFS_ROLE_CLI, &s, &e), 0);
	assert_int_equal(kv_begin(s->kv, KV_WRITE, &w->t), 0);
	fn(w);
	assert_int_equal(kv_commit(&w->t), 0);
}

/* What was lost, or contradicts itself. */
static const char *const staying[] = {"block missing", "node missing", "base missing",
	"head missing", "head of another table", "outbox damaged", "mark of export damaged",
	"block unreachable", "id given twice", "sums of a snapshot", "segments of a snapshot",
	"sums of a block", "keys of a node", "sums of a node", "key of an entry", "v4 missing",
	"v4 damaged", "v4 of another", "schema damaged", "stage damaged", "unknown kind",
	"trash holds what is live"};

static bool stays(const struct broken *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(staying); i++)
		if (!strcmp(staying[i], c->name))
			return true;
	return false;
}

static const struct broken *break_called(const char *name)
{
	for (size_t i = 0; i < n_breaks; i++)
		if (!strcmp(breaks[i].name, name))
			return &breaks[i];
	fail_msg("no break is called '%s'", name);
	return NULL;
}

/* Return: is it clean now, as a reader saw it before, and does a second repair change nothing? */
static bool mended(struct world *w, const char *path, const char *sound, uint64_t next)
{
	char *now cleanup(free_p) = NULL;
	struct fsck_report report;
	struct findings l;
	uint32_t digest;

	if (world_repair(path, false, &l, &report) || l.n || report.errors || !l.repaired ||
		report.repaired != l.repaired) {
		print_message("left (%u repaired):\n%s\n", l.repaired, l.text);
		return false;
	}
	if (world_check(path, false, &l, &report) || l.n) {
		print_message("found after it:\n%s\n", l.text);
		return false;
	}
	now = picture_of(w, path, &next);
	if (strcmp(now, sound) != 0) {
		print_message("it reads otherwise:\n%s\nnot\n%s\n", now, sound);
		return false;
	}
	digest = world_digest(path);
	return !world_repair(path, false, &l, &report) && !l.repaired &&
	       world_digest(path) == digest;
}

static bool untouched(const char *path, const struct broken *c)
{
	uint32_t before = world_digest(path);
	struct fsck_report report;
	struct findings l;

	if (!world_repair(path, false, &l, &report) && l.n == c->findings && !l.repaired &&
		report.errors == l.n && world_says(l.text, c->text) &&
		strstr(l.text, "(not repaired: ") && world_digest(path) == before)
		return true;
	print_message("repaired:\n%s\nleft:\n%s\n", l.gone, l.text);
	return false;
}

static void each_break_is_mended_or_left_alone(void **state)
{
	struct world *w = *state;
	uint64_t next = 0;
	char *sound cleanup(free_p) = NULL, path[64];
	unsigned failed = 0;

	refs_store_close(steal(&w->f->store));
	sound = picture_of(w, w->f->path, &next);
	for (size_t i = 0; i < n_breaks; i++) {
		const struct broken *c = &breaks[i];

		world_copy(w->f->path, path, sizeof path);
		edit(w, c->fn, path);
		if (!(stays(c) ? untouched(path, c) : mended(w, path, sound, next))) {
			print_message("... was '%s'\n", c->name);
			failed++;
		}
		world_remove(path);
	}
	assert_int_equal(failed, 0);
}

static void many_breaks_are_mended_at_once(void **state)
{
	static const char *const names[] = {"count of a segment", "count of a node",
		"head not in its directory", "nlink", "reverse link missing", "holder missing",
		"holder wrong", "file name wrong", "block not listed", "segment not listed",
		"main missing", "id never given", "range of nobody", "trash lost",
		"entry of nothing", "name taken by nothing", "queue of nothing",
		"schema unreachable", "size of a snapshot", "snapshot of the future"};
	struct world *w = *state;
	uint64_t next = 0;
	char *sound cleanup(free_p) = NULL, path[64];

	refs_store_close(steal(&w->f->store));
	sound = picture_of(w, w->f->path, &next);
	world_copy(w->f->path, path, sizeof path);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		edit(w, break_called(names[i])->fn, path);
	assert_true(mended(w, path, sound, next));
	world_remove(path);
}

/* While a record is missing nothing is let go of: its parent may come back. */
static void counts_are_not_lowered_while_something_is_lost(void **state)
{
	struct world *w = *state;
	char path[64];
	struct fsck_report report;
	struct findings l;

	refs_store_close(steal(&w->f->store));
	world_copy(w->f->path, path, sizeof path);
	edit(w, break_called("block missing")->fn, path);
	edit(w, break_called("count of a node")->fn, path);
	edit(w, break_called("holder wrong")->fn, path);
	edit(w, break_called("segment not listed")->fn, path);
	assert_int_equal(world_repair(path, false, &l, &report), 0);
	assert_int_equal(report.errors, 3);
	assert_true(world_says(l.gone, "segment % of sales.orders: _sg does not list it"));
	assert_int_equal(l.repaired, 1);
	assert_true(world_says(l.text, "references are 1 (not repaired: first everything else"));
	world_remove(path);
}

static void whoever_has_it_open_is_named(void **state)
{
	struct world *w = *state;
	struct fsck_report report;
	struct findings l;
	char pid[32];

	snprintf(pid, sizeof pid, "(pid %d)", getpid());
	assert_int_equal(kv_begin(w->f->store->kv, KV_WRITE, &w->t), 0);
	break_called("nlink")->fn(w);
	assert_int_equal(kv_commit(&w->t), 0);
	assert_int_equal(world_repair(w->f->path, false, &l, &report), -EBUSY);
	assert_non_null(strstr(l.text, "while others have it open: a process"));
	assert_non_null(strstr(l.text, pid));
	refs_store_close(steal(&w->f->store));
	assert_int_equal(world_check(w->f->path, false, &l, &report), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(world_repair(w->f->path, false, &l, &report), 0);
	assert_int_equal(l.repaired, 1);
}

static void export_all(const char *path)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct bough_error e = {0};
	struct refs_exported done;

	assert_int_equal(refs_store_open(path, REFS_ROLE_CLI, &s, &e), 0);
	assert_int_equal(refs_export_run(s, &done, &e), 0);
}

/* What was exported is a second copy; and what the records make is written again. */
static void exported_objects_and_records_mend_each_other(void **state)
{
	static const char *const names[] = {"v4 missing", "v4 damaged", "mark of export damaged"};
	struct world *w = *state;
	uint64_t next = 0;
	char *sound cleanup(free_p) = NULL, path[64], command[2 * TEST_PATH_BYTES_MAX + 64];
	struct fsck_report report;
	struct findings l;

	refs_store_close(steal(&w->f->store));
	export_all(w->f->path);
	sound = picture_of(w, w->f->path, &next);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		world_copy(w->f->path, path, sizeof path);
		edit(w, break_called(names[i])->fn, path);
		assert_true(mended(w, path, sound, next));
		world_remove(path);
	}
	snprintf(command, sizeof command, "rm %s/objects/*/*/_sg/* %s/objects/*/*/_ss/*",
		w->f->path, w->f->path);
	assert_int_equal(system(command), 0);
	assert_int_equal(world_repair(w->f->path, true, &l, &report), 0);
	assert_true(world_says(l.gone, "segment %_sg/% is missing%snapshot %_ss/% is missing"));
	assert_null(strstr(l.text, "_sg/"));
	assert_null(strstr(l.text, "_ss/"));
}

/* Killed at any moment: as before, or repaired. */
static void a_killed_repair_is_whole_or_nothing(void **state)
{
	struct world *w = *state;
	uint64_t kills = test_scale(KILLS), done = 0;
	char path[64];
	struct fsck_report report;
	struct findings l;

	refs_store_close(steal(&w->f->store));
	edit(w, break_called("count of a segment")->fn, w->f->path);
	edit(w, break_called("nlink")->fn, w->f->path);
	edit(w, break_called("name taken by nothing")->fn, w->f->path);
	for (uint64_t i = 0; i < kills; i++) {
		uint32_t before;
		pid_t pid;

		world_copy(w->f->path, path, sizeof path);
		before = world_digest(path);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			_exit(world_repair(path, false, &l, &report));
		usleep((useconds_t)(i * 40000 / kills));
		kill(pid, SIGKILL); /* its child, which repairs, dies with it */
		waitpid(pid, NULL, 0);
		if (world_digest(path) != before) {
			done++;
			assert_int_equal(world_check(path, false, &l, &report), 0);
			assert_int_equal(l.n, 0);
		}
		world_remove(path);
	}
	print_message("%u of %u killed repairs had committed\n", (unsigned)done, (unsigned)kills);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			each_break_is_mended_or_left_alone, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			many_breaks_are_mended_at_once, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(counts_are_not_lowered_while_something_is_lost,
			world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			whoever_has_it_open_is_named, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			exported_objects_and_records_mend_each_other, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			a_killed_repair_is_whole_or_nothing, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
