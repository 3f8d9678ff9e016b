/*
 * Every allocation failing once, also inside the libraries: no crash, no leak (under
 * AddressSanitizer), a store that is sound, and all or nothing.
 */
#include "fs/tree.h"
#include "refs/ref.h"
#include "refs/render.h"
#include "tests/refs/faulty.h"

#include <errno.h>
#include <string.h>

static int create(struct refs_txn *x, void *arg, struct bough_error *e)
{
	struct faulty *t = arg;
	struct refs_create c = {.table = t->table, .name = "new", .kind = REC_REF_BRANCH};
	uint64_t id;

	return refs_ref_create(x, &c, &id, e);
}

static int drop(struct refs_txn *x, void *arg, struct bough_error *e)
{
	return refs_ref_drop(x, ((struct faulty *)arg)->dev, e);
}

static int run_create(struct faulty *t, struct bough_error *e)
{
	return refs_write(t->f->store, create, t, e);
}

static int run_drop(struct faulty *t, struct bough_error *e)
{
	return refs_write(t->f->store, drop, t, e);
}

static int one_file(struct faulty *t, struct bough_error *e)
{
	return faulty_import(t, 1, e);
}

static int count_snapshot(void *arg, uint64_t id, const struct rec_snapshot *r)
{
	(void)id;
	(void)r;
	++*(unsigned *)arg;
	return 0;
}

static int run_log(struct faulty *t, struct bough_error *e)
{
	struct refs_txn *x auto_refs_txn = NULL;
	unsigned n = 0;
	int r = refs_begin(t->f->store, KV_READ, &x);

	(void)e;
	if (!r)
		r = refs_log(x, t->head, count_snapshot, &n);
	assert_true(r || n == 3);
	return r;
}

static int run_render(struct faulty *t, struct bough_error *e)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct buf body auto_buf = {0};
	int r = refs_begin(t->f->store, KV_READ, &x);

	(void)e;
	if (!r)
		r = refs_render_snapshot(x, t->head, &body);
	assert_true(r || body.len);
	return r;
}

static int count_name(void *arg, const char *name, const struct fs_node *node, uint64_t cookie)
{
	(void)name;
	(void)node;
	(void)cookie;
	++*(unsigned *)arg;
	return 0;
}

static int list_one(const struct fs_tree *tree, uint64_t ino, unsigned *n)
{
	struct fs_dir dir;
	int r = fs_dir_open(tree, ino, &dir);

	if (r)
		return r;
	r = fs_dir_list(tree, &dir, 0, true, count_name, n);
	fs_dir_close(tree, &dir);
	return r;
}

static int walk(const struct fs_tree *tree, const char *const *names, uint64_t *ret_ino)
{
	struct fs_node node;
	int r = fs_tree_stat(tree, FS_INO_ROOT, &node);

	for (; *names && !r; names++)
		r = fs_tree_lookup(tree, node.st.st_ino, *names, &node);
	if (!r)
		*ret_ino = node.st.st_ino;
	return r;
}

/* As a mount does it: d/t, its refs, the blocks of main. */
static int run_listing(struct faulty *t, struct bough_error *e)
{
	static const char *const table[] = {"d", "t", NULL},
				 *const refs[] = {"d", "t", "_refs", NULL},
				 *const data[] = {"d", "t", "data", NULL};
	static const char *const *const paths[] = {table, refs, data};
	struct fs_report *report = NULL;
	struct fs_tree tree = {.store = t->f->store};
	unsigned n = 0;
	uint64_t ino;
	int r = fs_report_new(clock_system(), &report);

	(void)e;
	tree.report = report;
	for (size_t i = 0; i < ARRAY_SIZE(paths) && !r; i++) {
		r = walk(&tree, paths[i], &ino);
		if (!r)
			r = list_one(&tree, ino, &n);
	}
	fs_report_free(report);
	assert_true(r || n > 6); /* six blocks in data/ */
	return r;
}

static const struct faulty_scenario scenarios[] = {
	{.name = "branch create", .prepare = faulty_prepare, .run = run_create},
	{.name = "branch drop", .prepare = faulty_prepare, .run = run_drop},
	{.name = "log", .prepare = faulty_prepare, .run = run_log, .reads_only = true},
	{.name = "render", .prepare = faulty_prepare, .run = run_render, .reads_only = true},
	{.name = "listing of a mount",
		.prepare = faulty_prepare,
		.run = run_listing,
		.reads_only = true},
	{.name = "import of a new table", .run = one_file},
};

static void no_allocation_is_taken_for_granted(void **state)
{
	const struct faulty_fault fault = {.name = "ENOMEM", .memory = true, .may_pass = true};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
		faulty_run(&scenarios[i], &fault);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(no_allocation_is_taken_for_granted)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
