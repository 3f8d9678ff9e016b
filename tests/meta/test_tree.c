/* The tree against plain arrays, and its counts against a recount of every edge. */
#include "tests/meta/engine.h"

#include "meta/tree_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define IDS_MAX 400000
#define ROOTS_MAX 12
#define ENTRIES_MAX 3000

/* What a root should hold. */
struct root {
	uint64_t id;
	size_t n;
	struct tree_entry e[ENTRIES_MAX];
};

struct forest {
	struct kv_txn *t;
	uint64_t random;
	size_t n;
	struct root roots[ROOTS_MAX];
	uint32_t edges[IDS_MAX];
	uint64_t records;
	struct root edited;
	struct tree_change changes[5 * ENTRIES_MAX];
};

/* A segment's record, as far as counts care. */
static struct tree_entry make_entry(struct forest *f, uint64_t key)
{
	struct tree_entry e = {.key = key, .rows = test_random(&f->random) % 1000, .bytes = key};
	struct key k;

	assert_int_equal(rec_next_id(f->t, 1, &e.child), 0);
	k = key_u64(KEY_SEGMENT, e.child);
	assert_int_equal(rec_mark(f->t, &k), 0);
	return e;
}

static int orphan(void *arg, enum rec_queue_kind kind, uint64_t child)
{
	struct kv_txn *t = arg;
	uint32_t left;
	bool last;
	int r;

	if (kind == REC_QUEUE_NODE)
		return tree_node_release(t, child, orphan, t, &last);
	r = rec_count_sub(t, KEY_SEGMENT, child, &left);
	return r || left ? r : rec_del(t, KEY_SEGMENT, child);
}

static void release(struct forest *f, size_t at)
{
	bool last;

	if (f->roots[at].id)
		assert_int_equal(tree_node_release(f->t, f->roots[at].id, orphan, f->t, &last), 0);
	f->n--;
	if (at != f->n)
		f->roots[at] = f->roots[f->n];
}

static int count_edges(void *arg, struct slice key, struct slice value)
{
	struct forest *f = arg;
	struct tree_node n;

	assert_true(value.len <= TREE_NODE_BYTES_MAX);
	assert_int_equal(tree_node_get(f->t, key_read_u64(key, 1), &n), 0);
	for (size_t i = 0; i < n.n; i++)
		f->edges[n.e[i].child]++;
	return 0;
}

static int check_count(void *arg, struct slice key, struct slice value)
{
	struct forest *f = arg;
	uint64_t id = key_read_u64(key, 1);
	uint32_t count;

	(void)value;
	assert_int_equal(rec_count_get(f->t, (enum key_kind)key_read_u8(key, 0), id, &count), 0);
	if (count != f->edges[id])
		fail_msg(
			"id %llu: count %u, edges %u", (unsigned long long)id, count, f->edges[id]);
	f->edges[id] = 0;
	f->records++;
	return 0;
}

static int check_counted(void *arg, struct slice key, struct slice value)
{
	struct forest *f = arg;
	struct key counted = key_u64((enum key_kind)key_read_u8(key, 1), key_read_u64(key, 2));

	(void)value;
	assert_int_equal(rec_exists(f->t, &counted), 0);
	return 0;
}

static void scan_kind(struct forest *f, enum key_kind kind, kv_scan_fn fn)
{
	struct key lo = key_make(kind), hi = key_next(&lo);

	assert_int_equal(kv_scan(f->t, KV_BULK, key_slice(&lo), key_slice(&hi), fn, f), 0);
}

static void recount(struct forest *f)
{
	memset(f->edges, 0, sizeof f->edges);
	f->records = 0;
	for (size_t i = 0; i < f->n; i++)
		f->edges[f->roots[i].id]++;
	f->edges[0] = 0;
	scan_kind(f, KEY_NODE, count_edges);
	scan_kind(f, KEY_NODE, check_count);
	scan_kind(f, KEY_SEGMENT, check_count);
	for (size_t i = 0; i < IDS_MAX; i++)
		if (f->edges[i])
			fail_msg("an edge to %zu, which is not there", i);
	scan_kind(f, KEY_COUNT, check_counted);
}

struct reading {
	const struct root *root;
	size_t at;
};

static int same_up(void *arg, const struct tree_entry *e)
{
	struct reading *r = arg;

	assert_true(r->at < r->root->n);
	assert_memory_equal(e, &r->root->e[r->at++], sizeof *e);
	return 0;
}

static int same_down(void *arg, const struct tree_entry *e)
{
	struct reading *r = arg;

	assert_true(r->at > 0);
	assert_memory_equal(e, &r->root->e[--r->at], sizeof *e);
	return 0;
}

static void check_root(struct forest *f, const struct root *root)
{
	struct reading up = {root, 0}, down = {root, root->n}, from = {root, root->n / 2};
	struct reading below = {root, 0};
	uint64_t rows = 0, bytes = 0, sum_rows, sum_bytes;
	struct tree_entry e;

	assert_int_equal(tree_walk(f->t, root->id, 0, same_up, &up), 0);
	assert_int_equal(up.at, root->n);
	assert_int_equal(tree_walk_down(f->t, root->id, same_down, &down), 0);
	assert_int_equal(down.at, 0);
	assert_int_equal(!root->id, !root->n);
	for (size_t i = 0; i < root->n; i++) {
		rows += root->e[i].rows;
		bytes += root->e[i].bytes;
	}
	assert_int_equal(tree_sums(f->t, root->id, &sum_rows, &sum_bytes), 0);
	assert_int_equal(sum_rows, rows);
	assert_int_equal(sum_bytes, bytes);
	if (!root->n)
		return;
	below.at = root->n / 2;
	assert_int_equal(
		tree_walk_below(f->t, root->id, root->e[below.at].key, same_down, &below), 0);
	assert_int_equal(below.at, 0);
	assert_int_equal(tree_walk(f->t, root->id, root->e[from.at].key, same_up, &from), 0);
	assert_int_equal(from.at, root->n);
	assert_int_equal(tree_find(f->t, root->id, root->e[root->n / 3].key, &e), 0);
	assert_memory_equal(&e, &root->e[root->n / 3], sizeof e);
	assert_int_equal(tree_find(f->t, root->id, root->e[root->n - 1].key + 1, &e), -ENOENT);
}

/* A copy of a root being changed: the first root is another's, those made here are ours. */
struct work {
	struct root root;
	bool is_ours;
};

static void work_take(struct forest *f, struct work *w, uint64_t id)
{
	bool last;

	if (w->is_ours && w->root.id)
		assert_int_equal(tree_node_release(f->t, w->root.id, orphan, f->t, &last), 0);
	w->root.id = id;
	w->is_ours = true;
}

static size_t position(const struct root *root, uint64_t key)
{
	size_t i = 0;

	while (i < root->n && root->e[i].key < key)
		i++;
	return i;
}

static void do_insert(struct forest *f, struct work *w)
{
	struct root *root = &w->root;
	uint64_t key = test_random(&f->random) % (4 * ENTRIES_MAX) + 1, id;
	size_t at = position(root, key);
	struct tree_entry e;

	if (at < root->n && root->e[at].key == key) {
		assert_int_equal(tree_insert(f->t, root->id, &root->e[at], &id), -EEXIST);
		return;
	}
	if (root->n == ENTRIES_MAX)
		return;
	e = make_entry(f, key);
	assert_int_equal(tree_insert(f->t, root->id, &e, &id), 0);
	work_take(f, w, id);
	memmove(&root->e[at + 1], &root->e[at], (root->n++ - at) * sizeof e);
	root->e[at] = e;
}

static void do_append(struct forest *f, struct work *w, size_t n)
{
	struct root *root = &w->root;
	uint64_t key = root->n ? root->e[root->n - 1].key : 0, id;

	if (root->n + n > ENTRIES_MAX)
		return;
	for (size_t i = 0; i < n; i++)
		root->e[root->n + i] = make_entry(f, key += 1 + test_random(&f->random) % 9);
	assert_int_equal(tree_append(f->t, root->id, root->e + root->n, n, &id), 0);
	work_take(f, w, id);
	root->n += n;
}

static void do_remove(struct forest *f, struct work *w, size_t run)
{
	struct root *root = &w->root;
	size_t at = root->n ? test_random(&f->random) % root->n : 0;
	uint64_t id;

	assert_int_equal(tree_remove(f->t, root->id, UINT64_MAX, &id), -ENOENT);
	for (; run && at < root->n; run--) {
		assert_int_equal(tree_remove(f->t, root->id, root->e[at].key, &id), 0);
		work_take(f, w, id);
		memmove(&root->e[at], &root->e[at + 1], (--root->n - at) * sizeof root->e[0]);
	}
}

static void do_replace(struct forest *f, struct work *w)
{
	struct root *root = &w->root;
	struct tree_entry e = {.key = 1};
	uint64_t id;
	size_t at;

	if (!root->n) {
		assert_int_equal(tree_replace(f->t, root->id, &e, &id), -ENOENT);
		return;
	}
	at = test_random(&f->random) % root->n;
	e = make_entry(f, root->e[at].key);
	assert_int_equal(tree_replace(f->t, root->id, &e, &id), 0);
	work_take(f, w, id);
	root->e[at] = e;
}

/* Changes of all kinds at once, in runs and here and there. */
static void do_edit(struct forest *f, struct work *w)
{
	struct root *root = &w->root, *made = &f->edited;
	struct tree_change *c = f->changes;
	uint64_t sparse = 1 + test_random(&f->random) % 60, id;
	size_t n = 0, at = 0;

	made->n = 0;
	for (uint64_t key = 1; key <= 4 * ENTRIES_MAX && made->n < ENTRIES_MAX; key++) {
		bool found = at < root->n && root->e[at].key == key;
		bool changes = !(test_random(&f->random) % sparse);

		if (found && !changes)
			made->e[made->n++] = root->e[at];
		if (changes) {
			enum tree_change_kind kind = found ? TREE_REMOVE : TREE_INSERT;

			if (found && test_random(&f->random) % 2)
				kind = TREE_REPLACE;
			if (!found && test_random(&f->random) % 8)
				continue;
			c[n] = (struct tree_change){kind, {.key = key}};
			if (kind != TREE_REMOVE)
				made->e[made->n++] = c[n].e = make_entry(f, key);
			n++;
		}
		at += found;
		if (key % 400 == 0)
			sparse = 1 + test_random(&f->random) % 60;
	}
	for (; at < root->n; at++)
		c[n++] = (struct tree_change){TREE_REMOVE, {.key = root->e[at].key}};
	assert_int_equal(tree_edit(f->t, root->id, (struct tree_changes){c, n}, &id), 0);
	work_take(f, w, id);
	memcpy(root->e, made->e, made->n * sizeof made->e[0]);
	root->n = made->n;
}

static void do_any(struct forest *f, struct work *w)
{
	uint64_t dice = test_random(&f->random);

	switch (dice % 9) {
	case 0:
	case 1:
		for (size_t n = dice / 8 % 20; n; n--)
			do_insert(f, w);
		break;
	case 2:
		do_append(f, w, dice / 8 % 3);
		break;
	case 3:
		do_append(f, w, dice / 8 % 300);
		break;
	case 4:
	case 5:
		do_remove(f, w, 1);
		break;
	case 6:
		do_remove(f, w, dice / 8 % 200);
		break;
	case 7:
		do_edit(f, w);
		break;
	default:
		do_replace(f, w);
	}
}

static void step(struct forest *f, struct work *w)
{
	uint64_t dice = test_random(&f->random);

	if (f->n && (f->n == ROOTS_MAX || dice % 4 == 0))
		release(f, dice / 4 % f->n);
	*w = (struct work){0};
	if (f->n && dice % 64)
		w->root = f->roots[dice / 64 % f->n];
	do_any(f, w);
	if (w->is_ours)
		f->roots[f->n++] = w->root;
	recount(f);
	if (w->is_ours)
		check_root(f, &w->root);
}

static void random_changes_keep_counts_exact(void **state)
{
	struct engine *e = *state;
	struct forest *f = calloc(1, sizeof *f);
	struct work *w = calloc(1, sizeof *w);
	uint64_t most = 0;

	f->random = test_seed();
	assert_int_equal(kv_begin(e->kv, KV_WRITE, &f->t), 0);
	for (uint64_t i = test_scale(400); i; i--) {
		step(f, w);
		most = f->records > most ? f->records : most;
		if (i % 50)
			continue;
		for (size_t j = 0; j < f->n; j++)
			check_root(f, &f->roots[j]);
		assert_int_equal(kv_commit(&f->t), 0);
		assert_int_equal(kv_begin(e->kv, KV_WRITE, &f->t), 0);
	}
	while (f->n)
		release(f, 0);
	recount(f);
	assert_int_equal(f->records, 0);
	assert_true(most > 500);
	kv_abort(f->t);
	free(f);
	free(w);
}

static struct tree_entry plain(uint64_t key)
{
	return (struct tree_entry){.key = key, .child = 1000000 + key, .rows = 1, .bytes = key};
}

static void appends_fill_nodes(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = NULL;
	struct tree_node n;
	uint64_t root = 0;

	assert_int_equal(kv_begin(e->kv, KV_WRITE, &t), 0);
	for (uint64_t key = 1; key <= 10 * TREE_FANOUT; key++) {
		struct tree_entry entry = plain(key);

		assert_int_equal(tree_insert(t, root, &entry, &root), 0);
	}
	assert_int_equal(tree_node_get(t, root, &n), 0);
	assert_int_equal(n.level, 1);
	for (size_t i = 0; i + 1 < n.n; i++) {
		struct tree_node child;

		assert_int_equal(tree_child_get(t, &n, i, &child), 0);
		assert_int_equal(child.n, TREE_FANOUT * 9 / 10);
	}
}

/* Entries as wide as they come: nodes are cut by bytes then. */
static void widest_entries_fit(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = NULL;
	struct tree_entry wide[200], found;
	uint64_t root = 0;

	assert_int_equal(kv_begin(e->kv, KV_WRITE, &t), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
		wide[i] = (struct tree_entry){(i + 1) << 56, ID_MAX - i, UINT64_MAX, UINT64_MAX};
	assert_int_equal(tree_append(t, 0, wide, ARRAY_SIZE(wide), &root), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wide); i++) {
		assert_int_equal(tree_find(t, root, wide[i].key, &found), 0);
		assert_memory_equal(&found, &wide[i], sizeof found);
	}
}

static void append_refuses_keys_that_do_not_rise(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = NULL;
	struct tree_entry two[] = {plain(5), plain(5)};
	uint64_t root, other;

	assert_int_equal(kv_begin(e->kv, KV_WRITE, &t), 0);
	assert_int_equal(tree_append(t, 0, two, 2, &other), -EINVAL);
	assert_int_equal(tree_append(t, 0, two, 1, &root), 0);
	assert_int_equal(tree_append(t, root, two, 1, &other), -EINVAL);
	assert_int_equal(tree_append(t, root, two, 0, &other), 0);
	assert_int_equal(other, root);
}

static int count_record(void *arg, struct slice key, struct slice value)
{
	(void)key;
	(void)value;
	++*(size_t *)arg;
	return 0;
}

static size_t count_nodes(struct kv_txn *t)
{
	struct key lo = key_make(KEY_NODE), hi = key_next(&lo);
	size_t n = 0;

	assert_int_equal(kv_scan(t, KV_BULK, key_slice(&lo), key_slice(&hi), count_record, &n), 0);
	return n;
}

static int drop_node(void *arg, enum rec_queue_kind kind, uint64_t child)
{
	uint32_t left;
	bool last;

	return kind == REC_QUEUE_NODE ? tree_node_release(arg, child, drop_node, arg, &last)
				      : rec_count_sub(arg, KEY_SEGMENT, child, &left);
}

/* Removes @key; the old root is not kept. */
static void remove_key(struct kv_txn *t, uint64_t *root, uint64_t key)
{
	uint64_t old = *root;
	bool last;

	assert_int_equal(tree_remove(t, old, key, root), 0);
	assert_int_equal(tree_node_release(t, old, drop_node, t, &last), 0);
	assert_true(last);
}

static void removals_join_nodes(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = NULL;
	struct tree_entry entries[16 * TREE_FANOUT];
	uint64_t root;

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		entries[i] = plain(i + 1);
	assert_int_equal(kv_begin(e->kv, KV_WRITE, &t), 0);
	assert_int_equal(tree_append(t, 0, entries, ARRAY_SIZE(entries), &root), 0);
	assert_int_equal(count_nodes(t), 1 + 19); /* filled by nine tenths */
	for (uint64_t key = 1; key <= ARRAY_SIZE(entries); key++)
		if (key % 10)
			remove_key(t, &root, key);
	/* A tenth is left: all leaves but one may have had too full a neighbour. */
	assert_in_range(count_nodes(t), 3, 5);
	for (uint64_t key = 10; key + 50 <= ARRAY_SIZE(entries); key += 10)
		remove_key(t, &root, key);
	assert_int_equal(count_nodes(t), 1);
}

/* Under a root of two, a node of one child that another tree holds too. */
static void shrinking_leaves_shared_nodes_alone(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = NULL;
	struct tree_entry a[] = {plain(1), plain(2)}, b[] = {plain(9)}, level1[2], level2[2], top;
	uint64_t root;
	uint32_t count;

	assert_int_equal(kv_begin(e->kv, KV_WRITE, &t), 0);
	assert_int_equal(tree_node_put(t, 0, a, 2, &level1[0]), 0);
	assert_int_equal(tree_node_put(t, 0, b, 1, &level1[1]), 0);
	assert_int_equal(tree_node_put(t, 1, &level1[0], 1, &level2[0]), 0);
	assert_int_equal(tree_node_put(t, 1, &level1[1], 1, &level2[1]), 0);
	assert_int_equal(tree_node_put(t, 2, level2, 2, &top), 0);
	assert_int_equal(tree_remove(t, top.child, 9, &root), 0);
	assert_int_equal(root, level1[0].child);
	assert_int_equal(rec_count_get(t, KEY_NODE, root, &count), 0);
	assert_int_equal(count, 2); /* the new root, and the node of one child */
	assert_int_equal(rec_count_get(t, KEY_NODE, level2[0].child, &count), 0);
	assert_int_equal(count, 1);
}

/* Each byte of a node set to each of a few values: an error or a well-formed node. */
static void damaged_nodes_are_refused(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = NULL;
	struct tree_entry three[] = {plain(1), plain(300), plain(301)};
	struct tree_node n;
	uint64_t root;
	struct slice value;
	uint8_t copy[TREE_NODE_BYTES_MAX];
	struct key k;
	size_t len;

	assert_int_equal(kv_begin(e->kv, KV_WRITE, &t), 0);
	assert_int_equal(tree_node_get(t, 12345, &n), -EUCLEAN);
	assert_int_equal(tree_append(t, 0, three, 3, &root), 0);
	k = key_u64(KEY_NODE, root);
	assert_int_equal(kv_get(t, KV_BULK, key_slice(&k), &value), 0);
	len = value.len;
	memcpy(copy, value.data, len);
	for (size_t i = 0; i < len; i++) {
		static const uint8_t bad[] = {0, 1, 2, 0x7f, 0x80, 0xff};

		for (size_t j = 0; j < sizeof bad; j++) {
			uint8_t keep = copy[i];

			copy[i] = bad[j];
			assert_int_equal(
				kv_put(t, KV_BULK, key_slice(&k), (struct slice){copy, len}), 0);
			if (!tree_node_get(t, root, &n))
				assert_true(n.n > 0 && n.n <= TREE_FANOUT &&
					    n.e[0].key < n.e[n.n - 1].key);
			copy[i] = keep;
		}
	}
	for (size_t cut = 0; cut < len; cut++) {
		assert_int_equal(kv_put(t, KV_BULK, key_slice(&k), (struct slice){copy, cut}), 0);
		assert_int_equal(tree_node_get(t, root, &n), -EUCLEAN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		engine_test(random_changes_keep_counts_exact),
		engine_test(appends_fill_nodes),
		engine_test(widest_entries_fit),
		engine_test(append_refuses_keys_that_do_not_rise),
		engine_test(removals_join_nodes),
		engine_test(shrinking_leaves_shared_nodes_alone),
		engine_test(damaged_nodes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
