#include "fs/change.h"
#include "fs/headlink.h"
#include "refs/table.h"
#include "tests/support/fixture.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct world {
	struct fixture *f;
	struct fs_tree t;
	uint64_t table, main;
	struct bough_error error;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	void *f = NULL;

	if (!w || fixture_setup(&f) || fs_report_new(clock_system(), &w->t.report))
		return -1;
	w->f = f;
	w->t.store = w->f->store;
	w->table = fixture_table(w->f, "sales", "orders");
	w->main = fixture_main(w->f, w->table);
	fixture_append(w->f, w->table, w->main, 2);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *f = w->f;

	fs_report_free(w->t.report);
	free(w);
	return fixture_teardown(&f);
}

/** Number of a path; 0 where there is none. */
static uint64_t ino_of(struct world *w, const char *path)
{
	struct fs_node n = {.st.st_ino = FS_INO_ROOT};
	char copy[512], *rest = NULL;

	strcpy(copy, path);
	for (char *p = strtok_r(copy, "/", &rest); p; p = strtok_r(NULL, "/", &rest))
		if (fs_tree_lookup(&w->t, n.st.st_ino, p, &n))
			return 0;
	return n.st.st_ino;
}

static int run(struct world *w, struct fs_change c, struct fs_node *ret)
{
	struct refs_txn *x auto_refs_txn = NULL;
	int r = refs_begin(w->f->store, KV_WRITE, &x);

	c.tree = &w->t;
	w->error = (struct bough_error){0};
	if (!r)
		r = fs_change_run(x, &c, &w->error);
	if (ret)
		*ret = c.made;
	return r ? r : refs_commit(&x, NULL);
}

static int make(struct world *w, const char *dir, const char *name, mode_t mode)
{
	struct fs_node n;
	int r = run(w,
		(struct fs_change){
			.what = FS_MKDIR, .dir = ino_of(w, dir), .name = name, .mode = mode},
		&n);

	if (!r) {
		char path[512];

		sprintf(path, "%s/%s", dir, name);
		assert_int_equal(n.st.st_ino, ino_of(w, path));
		assert_true(S_ISDIR(n.st.st_mode));
	}
	return r;
}

static int drop(struct world *w, const char *dir, const char *name)
{
	return run(
		w, (struct fs_change){.what = FS_RMDIR, .dir = ino_of(w, dir), .name = name}, NULL);
}

static int move(
	struct world *w, const char *dir, const char *name, const char *to_dir, const char *to_name)
{
	return run(w,
		(struct fs_change){.what = FS_RENAME,
			.dir = ino_of(w, dir),
			.name = name,
			.to_dir = ino_of(w, to_dir),
			.to_name = to_name},
		NULL);
}

static void mkdir_makes_what_belongs_there(void **state)
{
	struct world *w = *state;
	struct fs_node n;

	assert_int_equal(make(w, "", "new", 0755), 0);
	assert_int_equal(make(w, "new", "t%2F1", 0755), 0);
	assert_int_equal(make(w, "sales/orders/_refs", "dev", 0755), 0);
	assert_int_equal(make(w, "sales/orders/_refs", "v1", 0555), 0);
	assert_int_equal(fs_tree_stat(&w->t, ino_of(w, "sales/orders/_refs/v1"), &n), 0);
	assert_int_equal(n.st.st_mode, S_IFDIR | 0555);
	assert_int_equal(fs_tree_stat(&w->t, ino_of(w, "sales/orders/_refs/dev"), &n), 0);
	assert_int_equal(n.st.st_mode, S_IFDIR | 0755);
	assert_int_equal(make(w, "sales/orders/_refs", "dev", 0755), -EEXIST);
	assert_int_equal(make(w, "", "sales", 0755), -EEXIST);
	assert_int_equal(make(w, "new/t%2F1/_refs", "tag", 0555), -ENODATA);
}

static void mkdir_says_why_not(void **state)
{
	static const struct {
		const char *dir, *name;
		int r;
	} cases[] = {
		{"", "_x", -EINVAL},
		{"", ".x", -EINVAL},
		{"", "a%", -EINVAL},
		{"sales", "_x", -EINVAL},
		{"sales/orders", "x", -EPERM},
		{"sales/orders/_refs", "-x", -EINVAL},
		{"sales/orders/_refs", "main", -EINVAL},
		{"sales/orders/_refs", "a.lock", -EINVAL},
		{"sales/orders/_b", "x", -EROFS},
		{"sales/orders/_sg", "x", -EROFS},
		{"sales/orders/_ss", "x", -EROFS},
		{"sales/orders/data", "x", -EPERM},
		{".bough", "x", -EROFS},
		{".bough/trash", "x", -EPERM},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(make(w, cases[i].dir, cases[i].name, 0755), cases[i].r);
		assert_true(w->error.message[0]);
	}
}

static void rmdir_drops_refs_whole_and_the_rest_empty(void **state)
{
	struct world *w = *state;

	assert_int_equal(make(w, "sales/orders/_refs", "dev", 0755), 0);
	assert_int_equal(drop(w, "sales/orders/_refs", "dev"), 0);
	assert_int_equal(ino_of(w, "sales/orders/_refs/dev"), 0);
	assert_int_equal(drop(w, "sales/orders/_refs", "dev"), -ENOENT);
	assert_int_equal(drop(w, "sales", "orders"), -ENOTEMPTY);
	assert_non_null(strstr(w->error.hint, "bough table drop"));
	assert_int_equal(drop(w, "", "sales"), -ENOTEMPTY);
	assert_int_equal(make(w, "sales", "empty", 0755), 0);
	assert_int_equal(make(w, "sales/empty/_refs", "b", 0755), 0);
	assert_int_equal(drop(w, "sales", "empty"), -ENOTEMPTY);
	assert_int_equal(drop(w, "sales/empty/_refs", "b"), 0);
	assert_int_equal(drop(w, "sales", "empty"), 0);
	assert_int_equal(drop(w, "sales/orders", "_refs"), -EPERM);
	assert_int_equal(drop(w, "sales/orders", "data"), -EPERM);
	assert_int_equal(make(w, "", "empty", 0755), 0);
	assert_int_equal(drop(w, "", "empty"), 0);
}

static void renames_stay_where_they_are(void **state)
{
	struct world *w = *state;
	uint64_t ino;

	assert_int_equal(make(w, "sales/orders/_refs", "dev", 0755), 0);
	assert_int_equal(make(w, "sales/orders/_refs", "other", 0755), 0);
	assert_int_equal(make(w, "", "b", 0755), 0);
	assert_int_equal(make(w, "sales", "items", 0755), 0);
	ino = ino_of(w, "sales/orders/_refs/dev");
	assert_int_equal(move(w, "sales/orders/_refs", "dev", "sales/orders/_refs", "dev2"), 0);
	assert_int_equal(ino_of(w, "sales/orders/_refs/dev2"), ino);
	assert_int_equal(
		move(w, "sales/orders/_refs", "dev2", "sales/orders/_refs", "other"), -EEXIST);
	assert_int_equal(
		move(w, "sales/orders/_refs", "dev2", "sales/orders/_refs", "main"), -EINVAL);
	assert_int_equal(
		move(w, "sales/orders/_refs", "dev2", "sales/orders/_refs/other", "d"), -EPERM);
	assert_int_equal(move(w, "sales/orders/_refs", "dev2", "sales/items/_refs", "d"), -EPERM);
	assert_int_equal(move(w, "sales", "items", "b", "things"), 0);
	assert_int_not_equal(ino_of(w, "b/things"), 0);
	assert_int_equal(move(w, "", "b", "", "c"), 0);
	assert_int_not_equal(ino_of(w, "c/things"), 0);
	assert_int_equal(move(w, "", "c", "sales", "c"), -EPERM);
	assert_int_equal(move(w, "sales/orders", "data", "sales/orders", "d"), -EPERM);
}

static void refusals_tell_tags_from_branches(void **state)
{
	struct world *w = *state;
	struct bough_error e = {0};

	assert_int_equal(make(w, "sales/orders/_refs", "dev", 0755), 0);
	assert_int_equal(make(w, "sales/orders/_refs", "v1", 0555), 0);
	assert_int_equal(fs_refuse(&w->t, ino_of(w, "sales/orders/_refs/dev/data"), &e), -EPERM);
	assert_int_equal(fs_refuse(&w->t, ino_of(w, "sales/orders/_refs/v1/data"), &e), -EROFS);
	assert_int_equal(fs_refuse(&w->t, ino_of(w, "sales/orders/HEAD"), &e), -EPERM);
	assert_int_equal(fs_refuse(&w->t, ino_of(w, "sales/orders/_b"), &e), -EROFS);
	assert_int_equal(fs_refuse(&w->t, fs_ino(FS_BLOCK, 99), &e), -EPERM);
}

static void a_tag_never_becomes_writable(void **state)
{
	struct world *w = *state;
	struct bough_error e = {0};
	uint64_t dev, v1;

	assert_int_equal(make(w, "sales/orders/_refs", "dev", 0755), 0);
	assert_int_equal(make(w, "sales/orders/_refs", "v1", 0555), 0);
	dev = ino_of(w, "sales/orders/_refs/dev");
	v1 = ino_of(w, "sales/orders/_refs/v1");
	assert_int_equal(fs_chmod_check(&w->t, v1, 0755, &e), -EPERM);
	assert_int_equal(fs_chmod_check(&w->t, v1, 0500, &e), 0);
	assert_int_equal(fs_chmod_check(&w->t, dev, 0700, &e), 0);
	assert_int_equal(fs_chmod_check(&w->t, dev, 0555, &e), 1);
	assert_int_equal(fs_chmod_check(&w->t, fs_ino(FS_BLOCK, 99), 0, &e), 0);
}

static int take_name(void *arg, const char *name, const struct fs_node *node, uint64_t cookie)
{
	(void)node;
	(void)cookie;
	if (name[0] != '.')
		strcpy(arg, name);
	return 0;
}

static void only_entry(struct world *w, char ret[static FS_NAME_BYTES_MAX + 1])
{
	struct fs_dir d;

	*ret = 0;
	assert_int_equal(fs_dir_open(&w->t, ino_of(w, ".bough/trash"), &d), 0);
	assert_int_equal(fs_dir_list(&w->t, &d, 0, true, take_name, ret), 0);
	fs_dir_close(&w->t, &d);
	assert_true(*ret);
}

/* What does not fit into a name is cut, and the entry is found all the same. */
static void long_names_fit_into_the_trash(void **state)
{
	struct world *w = *state;
	char table[FS_NAME_BYTES_MAX + 1], ref[FS_NAME_BYTES_MAX + 1], dir[300];
	char entry[FS_NAME_BYTES_MAX + 1], path[300];
	struct fs_node n;

	memset(table, 't', 250);
	memset(ref, 'r', 250);
	table[250] = ref[250] = 0;
	assert_int_equal(make(w, "sales", table, 0755), 0);
	sprintf(dir, "sales/%s/_refs", table);
	assert_int_equal(make(w, dir, "r", 0755), 0);
	assert_int_equal(move(w, dir, "r", dir, ref), 0);
	assert_int_equal(drop(w, dir, ref), 0);
	only_entry(w, entry);
	assert_int_equal(strlen(entry), FS_NAME_BYTES_MAX);
	sprintf(path, ".bough/trash/%s", entry);
	assert_int_equal(fs_tree_stat(&w->t, ino_of(w, path), &n), 0);
	assert_true(S_ISDIR(n.st.st_mode));
	assert_true(n.expire_at_us && n.is_live); /* its name is never believed */
	assert_int_equal(drop(w, ".bough/trash", entry), -EPERM);
	assert_int_equal(move(w, ".bough/trash", entry, "sales", "x"), -EPERM);
	assert_int_equal(move(w, ".bough/trash", entry, dir, ref), 0);
	assert_int_equal(ino_of(w, path), 0);
	assert_int_equal(move(w, ".bough/trash", entry, dir, "again"), -ENOENT);
}

static void dropped_inodes_are_gone(void **state)
{
	struct world *w = *state;
	uint64_t dev, data, head, table = ino_of(w, "sales/orders"),
				  main = ino_of(w, "sales/orders/data");
	struct refs_txn *x;
	struct fs_node n;

	assert_int_equal(make(w, "sales/orders/_refs", "dev", 0755), 0);
	dev = ino_of(w, "sales/orders/_refs/dev");
	data = ino_of(w, "sales/orders/_refs/dev/data");
	head = ino_of(w, "sales/orders/_refs/dev/HEAD");
	assert_int_equal(drop(w, "sales/orders/_refs", "dev"), 0);
	assert_int_equal(fs_tree_stat(&w->t, dev, &n), -ENOENT);
	assert_int_equal(fs_tree_stat(&w->t, data, &n), -ENOENT);
	assert_int_equal(fs_tree_stat(&w->t, head, &n), -ENOENT);
	assert_int_equal(fs_tree_lookup(&w->t, dev, "HEAD", &n), -ENOENT);
	assert_int_equal(refs_begin(w->f->store, KV_WRITE, &x), 0);
	assert_int_equal(refs_table_drop(x, w->table, NULL), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
	assert_int_equal(fs_tree_stat(&w->t, table, &n), -ENOENT);
	assert_int_equal(fs_tree_stat(&w->t, main, &n), -ENOENT);
	assert_int_equal(fs_tree_lookup(&w->t, table, "data", &n), -ENOENT);
	assert_int_equal(fs_tree_lookup(&w->t, table, "_refs", &n), -ENOENT);
}

static void temporary_links_replace_the_oldest(void **state)
{
	struct fs_headlinks *l = NULL;
	struct fs_headlink link = {.dir = 11, .snapshot = 7}, got;
	uint64_t first, id;

	(void)state;
	assert_int_equal(fs_headlinks_new(&l), 0);
	assert_int_equal(fs_headlink_find(NULL, 11, "0", &got), -ENOENT);
	for (int i = 0; i <= FS_HEADLINKS_MAX; i++) {
		sprintf(link.name, "%d", i);
		fs_headlink_put(l, &link, i ? &id : &first);
	}
	assert_int_equal(fs_headlink_get(l, first, &got), -ENOENT);
	assert_int_equal(fs_headlink_find(l, 11, "0", &got), -ENOENT);
	assert_int_equal(fs_headlink_find(l, 12, "1", &got), -ENOENT);
	assert_int_equal(fs_headlink_find(l, 11, "1", &got), 0);
	assert_int_equal(got.snapshot, 7);
	assert_int_equal(fs_headlink_get(l, id, &got), 0);
	assert_int_equal(fs_headlink_remove(l, 11, "1"), 0);
	assert_int_equal(fs_headlink_remove(l, 11, "1"), -ENOENT);
	assert_int_equal(fs_headlink_get(l, 0, &got), -ENOENT);
	fs_headlinks_free(l);
}

/* Not in a ref that expires some day either: it is HEAD as soon as it has that name. */
static void temporary_links_are_never_believed(void **state)
{
	struct world *w = *state;
	struct fs_headlink link = {.name = "waits", .snapshot = 7};
	struct fs_change retain = {.what = FS_RETAIN, .name = "", .retain_us = UINT64_C(1) << 40};
	struct fs_node n;
	uint64_t id, believed_until_us;

	assert_int_equal(make(w, "sales/orders/_refs", "dev", 0755), 0);
	assert_int_equal(fs_headlinks_new(&w->t.headlinks), 0);
	link.dir = retain.dir = retain.ino = ino_of(w, "sales/orders/_refs/dev");
	fs_headlink_put(w->t.headlinks, &link, &id);
	assert_int_equal(fs_tree_lookup(&w->t, link.dir, link.name, &n), 0);
	believed_until_us = n.expire_at_us;
	assert_int_equal(run(w, retain, NULL), 0);
	assert_int_equal(fs_tree_lookup(&w->t, link.dir, "HEAD", &n), 0);
	assert_true(n.expire_at_us > believed_until_us);
	assert_int_equal(fs_tree_lookup(&w->t, link.dir, link.name, &n), 0);
	assert_int_equal(n.expire_at_us, believed_until_us);
	fs_headlinks_free(steal(&w->t.headlinks));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(mkdir_makes_what_belongs_there),
		T(mkdir_says_why_not),
		T(rmdir_drops_refs_whole_and_the_rest_empty),
		T(renames_stay_where_they_are),
		T(refusals_tell_tags_from_branches),
		T(a_tag_never_becomes_writable),
		T(long_names_fit_into_the_trash),
		T(dropped_inodes_are_gone),
		T(temporary_links_replace_the_oldest),
		T(temporary_links_are_never_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
