#include "tests/refs/putbed.h"
#include "gc/fsck.h"
#include "refs/data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int bed_setup(void **state)
{
	struct bed *b = calloc(1, sizeof *b);
	struct bough_error e = {0};

	assert_int_equal(fixture_setup((void **)&b->f), 0);
	refs_store_close(steal(&b->f->store));
	assert_int_equal(refs_store_open(b->f->path, REFS_ROLE_MOUNT, &b->f->store, &e), 0);
	test_dir_make(b->spool);
	assert_int_equal(reader_open(0, &b->reader), 0);
	b->table = fixture_table(b->f, "d", "t");
	b->main = fixture_main(b->f, b->table);
	*state = b;
	return 0;
}

int bed_teardown(void **state)
{
	struct bed *b = *state;

	reader_close(b->reader);
	test_dir_remove(b->spool);
	fixture_teardown((void **)&b->f);
	free(b);
	return 0;
}

static void say(void *arg, const char *text)
{
	(void)arg;
	print_message("fsck: %s\n", text);
}

void bed_check(struct bed *b)
{
	const struct fsck_options options = {.full = true, .finding = say};
	struct fsck_report report = {0};
	struct bough_error e = {0};

	assert_int_equal(fsck_run(b->f->path, &options, &report, &e), 0);
	assert_int_equal(report.errors, 0);
	assert_int_equal(report.staged, 0);
}

static int count_key(void *arg, const char *key, const struct objstore_stat *stat)
{
	(void)stat;
	*(unsigned *)arg += strstr(key, "/_b/") != NULL;
	return 0;
}

unsigned bed_objects(struct bed *b)
{
	unsigned n = 0;

	assert_int_equal(objstore_list(b->f->store->objects, "", NULL, count_key, &n), 0);
	return n;
}

void bed_spool(struct bed *b, const char *from, char path[static TEST_PATH_BYTES_MAX + 32])
{
	struct slice body;
	void *owned cleanup(free_p) = NULL;
	int dir = open(b->spool, O_RDONLY | O_DIRECTORY);
	int data = open("/", O_RDONLY | O_DIRECTORY);
	char name[16];

	snprintf(name, sizeof name, "%u", b->files++);
	assert_int_equal(io_read_file(io_system(), data, from + 1, 1 << 20, &body, &owned), 0);
	assert_int_equal(io_write_file(io_system(), dir, name, body, 0640), 0);
	snprintf(path, TEST_PATH_BYTES_MAX + 32, "%s/%s", b->spool, name);
	close(data);
	close(dir);
}

struct refs_put *bed_new(struct bed *b, uint64_t ref, const char *from, const char *name)
{
	char path[TEST_PATH_BYTES_MAX + 32];
	const struct refs_put_in in = {.ref = ref,
		.path = path,
		.name = name,
		.label = "d/t/f",
		.author = "ann",
		.no_fold = b->no_fold};
	struct refs_put *p;

	bed_spool(b, from, path);
	assert_int_equal(refs_put_new(b->f->store, &in, &p), 0);
	return p;
}

int bed_run(struct bed *b, struct refs_put *p, struct refs_put_result *ret, struct bough_error *e)
{
	int r = -EAGAIN;

	while (r == -EAGAIN) {
		r = refs_put_prepare(p, b->reader, e);
		if (!r)
			r = refs_write(b->f->store, refs_put_apply, p, e);
	}
	refs_put_end(p, r, ret);
	return r;
}

struct refs_put_result bed_put(struct bed *b, const char *from, const char *name)
{
	struct refs_put_result done;
	struct bough_error e = {0};
	int r = bed_run(b, bed_new(b, b->main, from, name), &done, &e);

	if (r)
		fail_msg("%s as %s: %d %s", from, name, r, e.message);
	return done;
}

struct rec_snapshot bed_head(struct bed *b, uint64_t ref, uint64_t *ret_id)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_snapshot s = {0};
	struct rec_ref rec;

	assert_int_equal(refs_begin(b->f->store, KV_READ, &x), 0);
	assert_int_equal(rec_ref_get(x->kv, ref, &rec), 0);
	if (rec.head)
		assert_int_equal(rec_snapshot_get(x->kv, rec.head, &s), 0);
	*ret_id = rec.head;
	return s;
}

uint64_t bed_shown(struct bed *b, const char *name)
{
	struct refs_txn *x auto_refs_txn = NULL;
	uint64_t block = 0, id;
	struct rec_snapshot s = bed_head(b, b->main, &id);
	int r;

	assert_int_equal(refs_begin(b->f->store, KV_READ, &x), 0);
	r = refs_data_find(x, b->table, s.root, name, &block, NULL);
	assert_true(!r || r == -ENOENT);
	return r ? 0 : block;
}

uint64_t bed_steps(struct bed *b)
{
	uint64_t id, n = 0;
	struct rec_snapshot s = bed_head(b, b->main, &id);
	struct refs_txn *x auto_refs_txn = NULL;

	assert_int_equal(refs_begin(b->f->store, KV_READ, &x), 0);
	for (; id; n++) {
		assert_int_equal(rec_snapshot_get(x->kv, id, &s), 0);
		id = s.parent;
	}
	return n;
}
