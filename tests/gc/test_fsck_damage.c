/* Damaged bytes: of LMDB's file, which never crash the caller, and of objects (--full). */
#include "gc/fsck_impl.h"
#include "refs/client.h"
#include "refs/table.h"
#include "tests/gc/world.h"
#include "tests/support/mkstore.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FLIPS 100	 /* of the metadata */
#define OBJECT_FLIPS 100 /* of an object */

static void meta_path(const char *store, char *out, size_t size)
{
	snprintf(out, size, "%s/meta/data.mdb", store);
}

static void close_world(struct world *w)
{
	refs_store_close(steal(&w->f->store));
}

/* Found, refused, or harmless (a free page, a stale copy): then every record is as it was. */
static void each_flipped_bit_is_found_or_harmless(void **state)
{
	struct world *w = *state;
	struct findings l;
	struct fsck_report report;
	char path[64], data[TEST_PATH_BYTES_MAX + 32];
	uint64_t random = test_seed(), flips = test_scale(FLIPS), found = 0;
	uint32_t sound;

	close_world(w);
	sound = world_digest(w->f->path);
	for (uint64_t i = 0; i < flips; i++) {
		int r;

		world_copy(w->f->path, path, sizeof path);
		meta_path(path, data, sizeof data);
		world_flip(data, &random);
		r = world_check(path, false, &l, &report);
		if (r && r != -EUCLEAN)
			print_message("flip %u: %d\n%s\n", (unsigned)i, r, l.text);
		assert_true(!r || r == -EUCLEAN);
		assert_true(r != -EUCLEAN || (report.metadata_damaged && report.errors));
		if (!report.errors)
			assert_int_equal(world_digest(path), sound);
		found += report.errors > 0;
		world_remove(path);
	}
	print_message("%u of %u flipped bits were found, the others harmless\n", (unsigned)found,
		(unsigned)flips);
	assert_true(found * 20 >= flips);
}

static void assert_damaged(const char *path)
{
	struct findings l;
	struct fsck_report report;

	assert_int_equal(world_check(path, false, &l, &report), -EUCLEAN);
	assert_true(report.metadata_damaged);
	assert_true(report.errors >= 1);
	assert_true(l.n >= 1);
}

static void a_truncated_file_is_a_finding(void **state)
{
	struct world *w = *state;
	char path[64], data[TEST_PATH_BYTES_MAX + 32];
	struct stat st;

	close_world(w);
	meta_path(w->f->path, data, sizeof data);
	assert_int_equal(stat(data, &st), 0);
	for (int part = 0; part < 4; part++) {
		world_copy(w->f->path, path, sizeof path);
		meta_path(path, data, sizeof data);
		assert_int_equal(truncate(data, st.st_size * part / 4), 0);
		assert_damaged(path);
		world_remove(path);
	}
}

static void a_foreign_file_is_a_finding(void **state)
{
	struct world *w = *state;
	char path[64], data[TEST_PATH_BYTES_MAX + 32];
	FILE *f;

	close_world(w);
	world_copy(w->f->path, path, sizeof path);
	meta_path(path, data, sizeof data);
	f = fopen(data, "w");
	assert_non_null(f);
	for (int i = 0; i < 4096; i++)
		fprintf(f, "this is no database %d\n", i);
	fclose(f);
	assert_damaged(path);
	world_remove(path);
}

/** A store of ten blocks with objects. */
struct objects {
	char path[64], key[512];
	uint64_t table;
};

static int objects_setup(void **state)
{
	struct objects *o = calloc(1, sizeof *o);
	struct mkstore_options options = {.blocks = 10, .has_objects = true};
	struct mkstore_made made;
	struct bough_error error = {0};
	FILE *f;
	char command[160];

	snprintf(o->path, sizeof o->path, "%s/bough-fsck-XXXXXX", test_tmp());
	if (!mkdtemp(o->path) || mkstore_run(o->path, &options, &made, &error))
		return -1;
	o->table = made.table;
	snprintf(command, sizeof command, "ls -d %s/objects/*/*/_b/*.parquet", o->path);
	f = popen(command, "r");
	if (!f || !fgets(o->key, sizeof o->key, f) || pclose(f) < 0)
		return -1;
	o->key[strcspn(o->key, "\n")] = 0;
	*state = o;
	return 0;
}

static int objects_teardown(void **state)
{
	struct objects *o = *state;

	world_remove(o->path);
	free(o);
	return 0;
}

static void assert_full(const struct objects *o, const char *pattern)
{
	struct findings l;
	struct fsck_report report;

	assert_int_equal(world_check(o->path, true, &l, &report), 0);
	assert_int_equal(l.n, pattern ? 1 : 0);
	assert_int_equal(report.errors, l.n);
	assert_true(!pattern || world_says(l.text, pattern));
	assert_int_equal(world_check(o->path, false, &l, &report), 0);
	assert_string_equal(l.text, ""); /* only the full check reads objects */
}

static void sound_objects_have_no_findings(void **state)
{
	struct objects *o = *state;
	struct findings l;
	struct fsck_report report;

	assert_full(o, NULL);
	assert_int_equal(world_check(o->path, true, &l, &report), 0);
	assert_int_equal(report.objects, 10 + 1); /* and the owner */
	assert_true(report.object_bytes > 500);
}

static void a_missing_object_is_named(void **state)
{
	struct objects *o = *state;

	assert_int_equal(unlink(o->key), 0);
	assert_full(o, "block % of bench.t: its object %.parquet is missing");
}

static void a_short_object_is_named(void **state)
{
	struct objects *o = *state;

	assert_int_equal(truncate(o->key, 10), 0);
	assert_full(o, "block % of bench.t: its object % has 10 bytes, not");
}

static void a_changed_byte_is_named(void **state)
{
	struct objects *o = *state;
	int fd;

	assert_int_equal(chmod(o->key, 0644), 0);
	fd = open(o->key, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 7), 1);
	close(fd);
	assert_full(o, "block % of bench.t: its object % is damaged");
}

static void each_flipped_bit_of_an_object_is_found(void **state)
{
	struct objects *o = *state;
	uint64_t random = test_seed(), flips = test_scale(OBJECT_FLIPS);

	assert_int_equal(chmod(o->key, 0644), 0);
	for (uint64_t i = 0; i < flips; i++) {
		uint64_t again = random;

		world_flip(o->key, &random);
		assert_full(o, "block % of bench.t: its object % is damaged");
		world_flip(o->key, &again); /* and back */
	}
	assert_full(o, NULL);
}

static void copy_file(const char *from, const char *to)
{
	char command[1400];

	snprintf(command, sizeof command, "cp %s %s", from, to);
	assert_int_equal(system(command), 0);
}

static void an_orphan_is_named(void **state)
{
	struct objects *o = *state;
	char to[600];

	snprintf(to, sizeof to, "%.*s/h0199d2d0000070010000ffffffffffff_v2.parquet",
		(int)(strrchr(o->key, '/') - o->key), o->key);
	copy_file(o->key, to);
	assert_full(o, "orphan: object %/_b/h0199d2d0000070010000ffffffffffff");
}

/* An object by the name of block @id. */
static void put_object(const struct objects *o, const struct refs_store *s, uint64_t id)
{
	char name[ID_NAME_BYTES_MAX], to[700];

	refs_object_name(s, ID_BLOCK, 1, 1700000000000, id, name);
	snprintf(to, sizeof to, "%.*s/%s", (int)(strrchr(o->key, '/') - o->key), o->key, name);
	copy_file(o->key, to);
}

/* Eight ids of a client that is dead. Return: the first. */
static uint64_t put_range(const struct objects *o, struct kv_txn *t)
{
	struct rec_client client = {.role = "command", .slot = WAKE_SLOTS - 1};
	struct rec_range range = {.length = 8, .table = o->table, .incarnation = 1};
	uint64_t id;

	assert_int_equal(rec_next_id(t, 1, &id), 0);
	assert_int_equal(rec_next_id(t, range.length, &range.start), 0);
	assert_int_equal(rec_client_put(t, id, &client), 0);
	assert_int_equal(rec_range_put(t, id, &range), 0);
	return range.start;
}

static void an_object_of_a_dead_client_is_no_orphan(void **state)
{
	struct objects *o = *state;
	struct refs_store *s = NULL;
	struct bough_error error = {0};
	struct kv_txn *t;
	struct findings l;
	struct fsck_report report;
	uint64_t start;

	assert_int_equal(refs_store_open(o->path, REFS_ROLE_CLI, &s, &error), 0);
	assert_int_equal(kv_begin(s->kv, KV_WRITE, &t), 0);
	start = put_range(o, t);
	assert_int_equal(kv_commit(&t), 0);
	put_object(o, s, start + 3);
	refs_store_close(s);
	assert_full(o, NULL);
	assert_int_equal(world_check(o->path, true, &l, &report), 0);
	assert_int_equal(report.staged, 1);
	assert_int_equal(report.dead_clients, 1);
}

static const struct objstore_ops *real_ops;
static const char *ghost;

/* One object is listed that is gone by the time that it is looked at. */
static int list_with_ghost(
	struct objstore *s, const char *prefix, const char *after, objstore_list_fn fn, void *arg)
{
	struct objstore_stat st = {.size_bytes = 1};
	int r = real_ops->list(s, prefix, after, fn, arg);

	return r ? r : fn(arg, ghost, &st);
}

/* Of four objects that the check's transaction cannot know, a commit since explains three. */
static void what_comes_while_it_checks_is_no_orphan(void **state)
{
	struct objects *o = *state;
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct bough_error error = {0};
	struct fsck f = {.full = true, .stage = ""};
	struct rec_block block = {.table = o->table};
	struct objstore_ops ops;
	struct kv_txn *t;
	uint64_t start, id;

	assert_int_equal(refs_store_open(o->path, REFS_ROLE_CLI, &s, &error), 0);
	assert_int_equal(refs_begin(s, KV_READ, &x), 0);
	assert_int_equal(kv_begin(s->kv, KV_WRITE, &t), 0);
	start = put_range(o, t);
	assert_int_equal(rec_next_id(t, 2, &id), 0);
	assert_int_equal(rec_block_put(t, id, &block), 0);
	assert_int_equal(kv_commit(&t), 0);
	put_object(o, s, start);
	put_object(o, s, start + 7);
	put_object(o, s, id);
	put_object(o, s, id + 1); /* nobody's */
	ghost = "0102030405/0102030406/_b/h0199d2d0000070010000fffffffffffe_v2.parquet";
	ops = *s->objects->ops;
	real_ops = s->objects->ops;
	ops.list = list_with_ghost;
	s->objects->ops = &ops;
	f.store = s;
	f.x = x;
	f.t = x->kv;
	f.out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(fsck_check(&f), 0);
	assert_int_equal(f.report.objects, 10 + 1 + 4 + 1);
	assert_int_equal(f.report.orphans, 1);
	assert_int_equal(f.report.errors, 1);
	close(f.out);
	fsck_deinit(&f);
}

static void what_is_no_store_is_refused(void **state)
{
	struct findings l;
	struct fsck_report report;

	(void)state;
	assert_int_equal(world_check("/nonexistent", false, &l, &report), -ENOENT);
	assert_int_equal(l.n, 0);
}

int main(void)
{
	const struct CMUnitTest damage[] = {
		cmocka_unit_test_setup_teardown(
			each_flipped_bit_is_found_or_harmless, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			a_truncated_file_is_a_finding, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			a_foreign_file_is_a_finding, world_setup, world_teardown),
		cmocka_unit_test(what_is_no_store_is_refused),
	};
#define OBJECTS(fn) cmocka_unit_test_setup_teardown(fn, objects_setup, objects_teardown)
	const struct CMUnitTest objects[] = {OBJECTS(sound_objects_have_no_findings),
		OBJECTS(a_missing_object_is_named), OBJECTS(a_short_object_is_named),
		OBJECTS(a_changed_byte_is_named), OBJECTS(each_flipped_bit_of_an_object_is_found),
		OBJECTS(an_orphan_is_named), OBJECTS(an_object_of_a_dead_client_is_no_orphan),
		OBJECTS(what_comes_while_it_checks_is_no_orphan)};
	int r = cmocka_run_group_tests(damage, NULL, NULL);

	return r + cmocka_run_group_tests(objects, NULL, NULL);
}
