#include "fs/tree.h"
#include "fs/xattr.h"
#include "tests/support/fixture.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct world {
	struct fixture *f;
	struct fs_tree t;
	uint64_t table, main;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	void *f = NULL;

	if (!w || fixture_setup(&f))
		return -1;
	w->f = f;
	if (fs_report_new(clock_system(), &w->t.report))
		return -1;
	w->t.store = w->f->store;
	w->t.uid = 1234;
	w->table = fixture_table(w->f, "sales", "orders");
	w->main = fixture_main(w->f, w->table);
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

/** Walks a path from the root; 0 or the error of the first name that fails. */
static int walk(struct world *w, const char *path, struct fs_node *ret)
{
	char copy[512], *rest = NULL;
	int r = fs_tree_stat(&w->t, FS_INO_ROOT, ret);

	snprintf(copy, sizeof copy, "%s", path);
	for (char *p = strtok_r(copy, "/", &rest); p && !r; p = strtok_r(NULL, "/", &rest))
		r = fs_tree_lookup(&w->t, ret->st.st_ino, p, ret);
	return r;
}

static uint64_t ino_of(struct world *w, const char *path)
{
	struct fs_node n;

	assert_int_equal(walk(w, path, &n), 0);
	return n.st.st_ino;
}

/** A listing collected in pages of @page names, each page going on from the last cookie. */
struct names {
	char text[8192];
	unsigned n, left;
	uint64_t cookie;
};

static int take(void *arg, const char *name, const struct fs_node *node, uint64_t cookie)
{
	struct names *l = arg;

	if (!l->left--)
		return 1;
	assert_true(node->st.st_ino);
	assert_true(node->st.st_mode & S_IFMT);
	strcat(strcat(l->text, name), " ");
	l->n++;
	l->cookie = cookie;
	return 0;
}

static void list_dir(
	struct world *w, const struct fs_dir *d, unsigned page, bool plus, struct names *ret)
{
	unsigned before;

	memset(ret, 0, sizeof *ret);
	do {
		before = ret->n;
		ret->left = page;
		assert_true(fs_dir_list(&w->t, d, ret->cookie, plus, take, ret) >= 0);
	} while (ret->n > before);
}

static void list(struct world *w, const char *path, unsigned page, struct names *ret)
{
	struct fs_dir d;

	assert_int_equal(fs_dir_open(&w->t, ino_of(w, path), &d), 0);
	list_dir(w, &d, page, page % 2, ret);
	fs_dir_close(&w->t, &d);
}

static void expire(struct world *w, uint64_t ref, uint64_t at_us)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_ref rec;

	assert_int_equal(refs_begin(w->f->store, KV_WRITE, &x), 0);
	assert_int_equal(rec_ref_get(x->kv, ref, &rec), 0);
	rec.expire_at_us = at_us;
	assert_int_equal(rec_ref_put(x->kv, ref, &rec), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
}

/** What two imports of one file name leave: entry @at of @segment is called @name. */
static void call_entry(struct world *w, uint64_t segment, uint32_t at, const char *name)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_segment rec;
	struct rec_segment_entry e[8];
	char names[8][64];
	struct key k;

	assert_int_equal(refs_begin(w->f->store, KV_WRITE, &x), 0);
	assert_int_equal(rec_segment_get(x->kv, segment, &rec), 0);
	assert_true(rec.blocks <= 8);
	for (uint32_t i = 0; i < rec.blocks; i++) {
		assert_int_equal(rec_segment_entry_at(&rec, i, &e[i]), 0);
		snprintf(names[i], sizeof names[i], "%.*s", (int)e[i].name.len,
			(const char *)e[i].name.data);
		if (i == at)
			snprintf(names[i], sizeof names[i], "%s", name);
		e[i].name = slice_str(names[i]);
	}
	k = key_file(w->table, name, e[at].block);
	assert_int_equal(rec_segment_put(x->kv, segment, &rec, e), 0);
	assert_int_equal(rec_mark(x->kv, &k), 0);
	assert_int_equal(refs_commit(&x, NULL), 0);
}

/** The n-th segment of the table, by its index. */
static uint64_t segment_at(struct world *w, unsigned n)
{
	struct names l;
	char *rest = NULL, *name;
	struct fs_node node;
	char path[200];

	list(w, "sales/orders/_sg", 100, &l);
	name = strtok_r(l.text, " ", &rest);
	for (unsigned i = 0; i < n + 2; i++) /* after . and .. */
		name = strtok_r(NULL, " ", &rest);
	snprintf(path, sizeof path, "sales/orders/_sg/%s", name);
	assert_int_equal(walk(w, path, &node), 0);
	return fs_ino_id(node.st.st_ino);
}

static void an_empty_table_shows_its_folders(void **state)
{
	struct world *w = *state;
	struct fs_node n;
	struct names l;

	list(w, "sales/orders", 100, &l);
	assert_string_equal(l.text, ". .. _b _refs _sg _ss data ");
	list(w, "sales/orders/data", 100, &l);
	assert_string_equal(l.text, ". .. ");
	assert_int_equal(walk(w, "sales/orders/HEAD", &n), -ENOENT);
	assert_int_equal(walk(w, "sales/orders/_refs", &n), 0);
	assert_int_equal(n.st.st_mode, S_IFDIR | 0755);
	assert_int_equal(n.st.st_nlink, 1);
	assert_int_equal(n.st.st_uid, 1234);
	list(w, "", 100, &l);
	assert_string_equal(l.text, ". .. .bough sales ");
	list(w, ".bough", 100, &l);
	assert_string_equal(l.text, ". .. trash README version stats config errors ");
}

static void listings_go_on_after_any_entry(void **state)
{
	static const char *const dirs[] = {"", ".bough", "sales", "sales/orders",
		"sales/orders/_refs", "sales/orders/_b", "sales/orders/_sg", "sales/orders/_ss",
		"sales/orders/data", "sales/orders/_refs/b2", "sales/orders/_refs/b2/data"};
	struct world *w = *state;
	char name[16];

	fixture_table(w->f, "sales", "items");
	fixture_table(w->f, "other", "t");
	fixture_append(w->f, w->table, w->main, 5);
	fixture_append(w->f, w->table, w->main, 3);
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "b%d", i);
		fixture_branch(w->f, w->table, 0, name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct names whole, pieces;

		list(w, dirs[i], 1000, &whole);
		assert_true(whole.n > 2);
		for (unsigned page = 1; page < 4; page++) {
			list(w, dirs[i], page, &pieces);
			assert_string_equal(pieces.text, whole.text);
		}
	}
}

static void blocks_have_one_inode_everywhere(void **state)
{
	struct world *w = *state;
	struct fs_node n, b;
	struct names l;
	char path[300], key[OBJSTORE_KEY_BYTES_MAX + 1], *rest = NULL, *name;

	fixture_append(w->f, w->table, w->main, 2);
	list(w, "sales/orders/data", 100, &l);
	strtok_r(l.text, " ", &rest);
	strtok_r(NULL, " ", &rest);
	name = strtok_r(NULL, " ", &rest);
	snprintf(path, sizeof path, "sales/orders/data/%s", name);
	assert_int_equal(walk(w, path, &n), 0);
	assert_int_equal(fs_ino_kind(n.st.st_ino), FS_BLOCK);
	assert_int_equal(n.st.st_nlink, 2);
	assert_int_equal(n.st.st_size, 1000);
	assert_int_equal(n.st.st_blocks, 2);
	assert_int_equal(n.st.st_mtim.tv_sec, 1700000000);
	assert_int_equal(n.st.st_mode, S_IFREG | 0644);
	assert_int_equal(fs_tree_block_key(&w->t, n.st.st_ino, key), 0);
	snprintf(path, sizeof path, "sales/orders/_b/%s", strrchr(key, '/') + 1);
	assert_int_equal(walk(w, path, &b), 0);
	assert_int_equal(b.st.st_ino, n.st.st_ino);
	assert_memory_equal(&b.st, &n.st, sizeof b.st);
	path[strlen(path) - 40] = 'f'; /* another UUID */
	assert_int_equal(walk(w, path, &b), -ENOENT);
}

static void snapshots_are_hard_links(void **state)
{
	struct world *w = *state;
	struct fs_node a, b;
	struct buf bytes auto_buf = {0};
	char target[FS_TARGET_BYTES_MAX], path[FS_TARGET_BYTES_MAX + 64];

	fixture_append(w->f, w->table, w->main, 2);
	fixture_branch(w->f, w->table, 0, "dev");
	assert_int_equal(fs_tree_readlink(&w->t, ino_of(w, "sales/orders/HEAD"), target), 0);
	assert_int_equal(strncmp(target, "_ss/", 4), 0);
	snprintf(path, sizeof path, "sales/orders/%s", target);
	assert_int_equal(walk(w, path, &a), 0);
	assert_int_equal(
		fs_tree_readlink(&w->t, ino_of(w, "sales/orders/_refs/dev/HEAD"), target), 0);
	snprintf(path, sizeof path, "sales/orders/_refs/dev/%s", target);
	assert_int_equal(walk(w, path, &b), 0);
	assert_int_equal(a.st.st_ino, b.st.st_ino);
	assert_int_equal(b.st.st_nlink, 2);
	assert_int_equal(walk(w, "sales/orders/_refs/dev/HEAD", &b), 0);
	assert_int_equal(b.st.st_size, strlen(target));
	assert_int_equal(fs_tree_render(&w->t, a.st.st_ino, &bytes), 0);
	assert_int_equal(bytes.len, a.st.st_size);
}

static void equal_names_show_the_oldest(void **state)
{
	struct world *w = *state;
	struct fs_node oldest, other;
	struct names l;
	char *own, *rest = NULL, path[300];

	fixture_append(w->f, w->table, w->main, 2);
	fixture_append(w->f, w->table, w->main, 2);
	call_entry(w, segment_at(w, 0), 1, "same.parquet");
	call_entry(w, segment_at(w, 1), 0, "same.parquet");
	assert_int_equal(walk(w, "sales/orders/data/same.parquet", &oldest), 0);
	list(w, "sales/orders/data", 2, &l);
	assert_int_equal(l.n, 6);
	own = strtok_r(l.text, " ", &rest);
	while (own && strncmp(own, "h0", 2) != 0)
		own = strtok_r(NULL, " ", &rest);
	assert_non_null(own);
	snprintf(path, sizeof path, "sales/orders/data/%s", own);
	assert_int_equal(walk(w, path, &other), 0);
	assert_true(other.st.st_ino > oldest.st.st_ino);
	/* a block shown by its given name does not answer to its own as well */
	snprintf(path, sizeof path, "sales/orders/data/part-%llu.parquet",
		(unsigned long long)fs_ino_id(other.st.st_ino));
	assert_int_equal(walk(w, path, &other), -ENOENT);
}

/* A branch that does not have the older block shows the newer one under the name. */
static void names_are_those_of_the_head(void **state)
{
	struct world *w = *state;
	struct fs_node in_main, in_dev;
	uint64_t dev = fixture_branch(w->f, w->table, 0, "dev");

	fixture_append(w->f, w->table, w->main, 1);
	fixture_append(w->f, w->table, dev, 1);
	call_entry(w, segment_at(w, 0), 0, "x.parquet");
	call_entry(w, segment_at(w, 1), 0, "x.parquet");
	assert_int_equal(walk(w, "sales/orders/data/x.parquet", &in_main), 0);
	assert_int_equal(walk(w, "sales/orders/_refs/dev/data/x.parquet", &in_dev), 0);
	assert_int_not_equal(in_main.st.st_ino, in_dev.st.st_ino);
}

static void a_name_that_no_file_can_have_is_not_shown(void **state)
{
	struct world *w = *state;
	struct names l;

	fixture_append(w->f, w->table, w->main, 2);
	call_entry(w, segment_at(w, 0), 0, "a/b");
	call_entry(w, segment_at(w, 0), 1, "..");
	list(w, "sales/orders/data", 100, &l);
	assert_int_equal(l.n, 4);
	assert_null(strstr(l.text, "a/b"));
	assert_non_null(strstr(l.text, ". .. h0"));
}

static void an_open_listing_keeps_its_head(void **state)
{
	struct world *w = *state;
	struct names l;
	struct fs_dir d;

	fixture_append(w->f, w->table, w->main, 3);
	assert_int_equal(fs_dir_open(&w->t, ino_of(w, "sales/orders/data"), &d), 0);
	fixture_append(w->f, w->table, w->main, 3);
	list_dir(w, &d, 2, false, &l);
	fs_dir_close(&w->t, &d);
	assert_int_equal(l.n, 5);
	list(w, "sales/orders/data", 2, &l);
	assert_int_equal(l.n, 8);
}

static void versions_tell_whether_a_listing_changed(void **state)
{
	struct world *w = *state;
	struct fs_node data, refs, again;

	fixture_append(w->f, w->table, w->main, 1);
	assert_int_equal(walk(w, "sales/orders/data", &data), 0);
	assert_int_equal(walk(w, "sales/orders/_refs", &refs), 0);
	fixture_branch(w->f, w->table, 0, "dev");
	assert_int_equal(walk(w, "sales/orders/data", &again), 0);
	assert_int_equal(again.version, data.version);
	assert_int_equal(walk(w, "sales/orders/_refs", &again), 0);
	assert_true(again.version > refs.version);
	fixture_append(w->f, w->table, w->main, 1);
	assert_int_equal(walk(w, "sales/orders/data", &again), 0);
	assert_true(again.version > data.version);
}

static void an_expired_ref_is_stale_inside(void **state)
{
	struct world *w = *state;
	struct fs_node n;
	struct fs_dir d;
	uint64_t dev, data, head;
	char target[FS_TARGET_BYTES_MAX];

	fixture_append(w->f, w->table, w->main, 1);
	dev = fixture_branch(w->f, w->table, 0, "dev");
	data = ino_of(w, "sales/orders/_refs/dev/data");
	head = ino_of(w, "sales/orders/_refs/dev/HEAD");
	expire(w, dev, UINT64_MAX);
	assert_int_equal(fs_tree_lookup(&w->t, fs_ino(FS_REF, dev), "data", &n), 0);
	assert_true(n.expire_at_us == UINT64_MAX);
	expire(w, dev, 1);
	assert_int_equal(walk(w, "sales/orders/_refs/dev", &n), 0);
	assert_int_equal(n.expire_at_us, 0);
	assert_int_equal(walk(w, "sales/orders/_refs/dev/data", &n), -ESTALE);
	assert_int_equal(fs_tree_stat(&w->t, data, &n), -ESTALE);
	assert_int_equal(fs_tree_readlink(&w->t, head, target), -ESTALE);
	assert_int_equal(fs_dir_open(&w->t, data, &d), -ESTALE);
	assert_int_equal(fs_dir_open(&w->t, fs_ino(FS_REF, dev), &d), -ESTALE);
}

static void names_are_encoded(void **state)
{
	struct world *w = *state;
	struct fs_node n;
	struct names l;
	struct buf path auto_buf = {0};

	fixture_table(w->f, "a/b", "_x%");
	assert_int_equal(walk(w, "a%2Fb/%5Fx%25/data", &n), 0);
	assert_int_equal(walk(w, "a%2fb", &n), -ENOENT);
	assert_int_equal(walk(w, "a%2Fb/_x%25", &n), -ENOENT);
	list(w, "a%2Fb", 100, &l);
	assert_string_equal(l.text, ". .. %5Fx%25 ");
	assert_int_equal(fs_tree_path(&w->t, ino_of(w, "a%2Fb/%5Fx%25/data"), "new", &path), 0);
	assert_string_equal((char *)path.data, "a%2Fb/%5Fx%25/data/new");
}

static void nonsense_is_not_found(void **state)
{
	static const char *const paths[] = {"none", "sales/none", "sales/orders/none",
		"sales/orders/_refs/main", "sales/orders/_ss/data", "sales/orders/data/none",
		"sales/orders/_b/h", "sales/orders/_ss/h00000000000000000000000000000000_v4.mpk",
		".bough/none", ".bough/trash/none"};
	struct world *w = *state;
	struct fs_node n;
	struct fs_dir d;

	fixture_append(w->f, w->table, w->main, 1);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_int_equal(walk(w, paths[i], &n), -ENOENT);
	for (uint64_t ino = 0; ino < 20000; ino += 7)
		if (!fs_tree_stat(&w->t, ino, &n))
			assert_true(fs_ino_valid(ino));
	assert_int_equal(fs_tree_stat(&w->t, UINT64_MAX, &n), -ENOENT);
	assert_int_equal(fs_dir_open(&w->t, UINT64_MAX - 4, &d), -ENOENT);
}

static void attributes_name_the_store_everywhere(void **state)
{
	static const char *const paths[] = {"", ".bough", ".bough/version", "sales", "sales/orders",
		"sales/orders/_refs", "sales/orders/_refs/dev", "sales/orders/_refs/dev/data",
		"sales/orders/HEAD"};
	struct world *w = *state;

	fixture_append(w->f, w->table, w->main, 1);
	fixture_branch(w->f, w->table, 0, "dev");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct buf value auto_buf = {0};

		assert_int_equal(
			fs_xattr_get(&w->t, ino_of(w, paths[i]), "user.bough.store", &value), 0);
		assert_int_equal(value.len, strlen(w->f->store->path));
		assert_memory_equal(value.data, w->f->store->path, value.len);
	}
}

static void refs_tell_of_themselves(void **state)
{
	struct world *w = *state;
	struct buf value auto_buf = {0}, names auto_buf = {0};
	uint64_t dev;

	fixture_append(w->f, w->table, w->main, 3);
	fixture_branch(w->f, w->table, 0, "dev");
	dev = ino_of(w, "sales/orders/_refs/dev");
	assert_int_equal(fs_xattr_get(&w->t, dev, "user.bough.rows", &value), 0);
	assert_int_equal(buf_append(&value, "", 1), 0);
	assert_string_equal((char *)value.data, "30");
	assert_int_equal(fs_xattr_get(&w->t, dev, "user.bough.expire_at", &value), -ENODATA);
	assert_int_equal(fs_xattr_get(&w->t, dev, "user.mine", &value), -ENODATA);
	assert_int_equal(fs_xattr_get(&w->t, dev, "system.posix_acl_access", &value), -EOPNOTSUPP);
	assert_int_equal(fs_xattr_list(&w->t, dev, &names), 0);
	assert_non_null(memmem(names.data, names.len, "user.bough.head", 16));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_empty_table_shows_its_folders),
		T(listings_go_on_after_any_entry),
		T(blocks_have_one_inode_everywhere),
		T(snapshots_are_hard_links),
		T(equal_names_show_the_oldest),
		T(names_are_those_of_the_head),
		T(a_name_that_no_file_can_have_is_not_shown),
		T(an_open_listing_keeps_its_head),
		T(versions_tell_whether_a_listing_changed),
		T(an_expired_ref_is_stale_inside),
		T(names_are_encoded),
		T(nonsense_is_not_found),
		T(attributes_name_the_store_everywhere),
		T(refs_tell_of_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
