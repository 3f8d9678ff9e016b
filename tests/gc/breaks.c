/* Ways to break a store by editing its records: one invariant each. */
#include "meta/tree.h"
#include "meta/tree_impl.h"
#include "refs/client.h"
#include "tests/gc/world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct pick {
	struct kv_txn *t;
	uint64_t id;
};

static int take_child(void *arg, const struct tree_entry *e)
{
	((struct pick *)arg)->id = e->child;
	return 1;
}

/* The oldest segment of the head of main: two snapshots and a branch share it. */
static uint64_t segment_of(struct world *w)
{
	struct pick p = {w->t, 0};

	assert_int_equal(tree_walk(w->t, w->head_rec.root, 0, take_child, &p), 1);
	return p.id;
}

static uint64_t block_of(struct world *w, struct rec_segment_entry *e)
{
	struct rec_segment g;

	assert_int_equal(rec_segment_get(w->t, segment_of(w), &g), 0);
	assert_int_equal(rec_segment_entry_at(&g, 0, e), 0);
	return e->block;
}

static uint64_t new_id(struct world *w)
{
	uint64_t id;

	assert_int_equal(rec_next_id(w->t, 1, &id), 0);
	return id;
}

static void del(struct world *w, struct key k)
{
	assert_int_equal(kv_del(w->t, rec_db_of((enum key_kind)k.bytes[0]), key_slice(&k)), 0);
}

static void mark(struct world *w, struct key k)
{
	assert_int_equal(rec_mark(w->t, &k), 0);
}

static void put(struct world *w, struct key k, const char *text)
{
	assert_int_equal(
		kv_put(w->t, rec_db_of((enum key_kind)k.bytes[0]), key_slice(&k), slice_str(text)),
		0);
}

#define EDIT(noun, id, statement)                                                                  \
	do {                                                                                       \
		struct rec_##noun rec;                                                             \
		uint64_t id_ = (id);                                                               \
		assert_int_equal(rec_##noun##_get(w->t, id_, &rec), 0);                            \
		statement;                                                                         \
		assert_int_equal(rec_##noun##_put(w->t, id_, &rec), 0);                            \
	} while (0)

/* 1. counts */
static void count_of_segment(struct world *w)
{
	assert_int_equal(rec_count_add(w->t, KEY_SEGMENT, segment_of(w)), 0);
}
static void count_of_node(struct world *w)
{
	assert_int_equal(rec_count_add(w->t, KEY_NODE, w->head_rec.root), 0);
}
static void count_lost(struct world *w)
{
	del(w, key_count(KEY_SEGMENT, segment_of(w)));
}
static void count_of_block(struct world *w)
{
	struct rec_segment_entry e;

	assert_int_equal(rec_count_add(w->t, KEY_BLOCK, block_of(w, &e)), 0);
}
static void count_of_snapshot(struct world *w)
{
	EDIT(snapshot, w->head, rec.count++);
}
static void count_of_nothing(struct world *w)
{
	assert_int_equal(rec_count_add(w->t, KEY_BLOCK, new_id(w)), 0);
}

/* 2. edges */
static void block_missing(struct world *w)
{
	struct rec_segment_entry e;
	uint64_t block = block_of(w, &e);
	char name[REC_NAME_BYTES_MAX + 1] = "";

	memcpy(name, e.name.data, e.name.len);
	del(w, key_file(w->orders, name, block));
	del(w, key_u64_u64(KEY_BLOCK_IN, w->orders, block));
	del(w, key_u64_u64(KEY_HOLDER, block, segment_of(w)));
	del(w, key_u64(KEY_BLOCK, block));
}
static void node_missing(struct world *w)
{
	struct tree_node n;
	struct rec_snapshot first;
	uint32_t left;

	assert_int_equal(rec_snapshot_get(w->t, w->first, &first), 0);
	assert_int_equal(tree_node_get(w->t, first.root, &n), 0);
	assert_int_equal(rec_count_sub(w->t, tree_child_kind(&n), n.e[0].child, &left), 0);
	del(w, key_u64(KEY_NODE, first.root));
}
static void base_missing(struct world *w)
{
	EDIT(ref, w->dev, rec.base = new_id(w));
	EDIT(snapshot, w->head, rec.count--);
}
static void head_missing(struct world *w)
{
	EDIT(ref, w->dev, rec.head = new_id(w));
}
static void main_missing(struct world *w)
{
	EDIT(table, w->orders, rec.main_ref = w->dev);
}
static void other_table(struct world *w)
{
	EDIT(snapshot, w->dev_head, rec.table = w->big);
}

/* 3, 4. links */
static void nlink(struct world *w)
{
	EDIT(snapshot, w->head, rec.nlink++);
}
static void head_not_in_directory(struct world *w)
{
	del(w, key_u64_u64(KEY_LINK, w->dev, w->dev_head));
	del(w, key_u64_u64(KEY_LINK_OF, w->dev_head, w->dev));
	EDIT(snapshot, w->dev_head, (rec.nlink--, rec.count--, rec.count++));
	EDIT(snapshot, w->dev_head, rec.count = 0);
}

/* 5. unreachable */
static void outbox_damaged(struct world *w)
{
	put(w, key_u64(KEY_OUTBOX, new_id(w)), "x");
}

static void exported_damaged(struct world *w)
{
	put(w, key_u64(KEY_EXPORTED, segment_of(w)), "../no/key");
}

static void block_unreachable(struct world *w)
{
	struct rec_segment_entry e;
	struct rec_block rec;
	uint64_t id = new_id(w);

	assert_int_equal(rec_block_get(w->t, block_of(w, &e), &rec), 0);
	assert_int_equal(rec_block_put(w->t, id, &rec), 0);
	mark(w, key_u64_u64(KEY_BLOCK_IN, w->orders, id));
}
static void snapshot_unreachable(struct world *w)
{
	struct rec_snapshot rec = w->head_rec;

	rec.root = rec.rows = rec.bytes = rec.file_bytes = 0;
	rec.blocks = rec.segments = rec.metas = rec.count = rec.nlink = 0;
	assert_int_equal(rec_snapshot_put(w->t, new_id(w), &rec), 0);
}
static void schema_unreachable(struct world *w)
{
	struct key from = key_u64(KEY_SCHEMA, w->head_rec.schema), to;
	struct slice v;
	char *copy;

	assert_int_equal(kv_get(w->t, KV_HOT, key_slice(&from), &v), 0);
	copy = malloc(v.len);
	memcpy(copy, v.data, v.len);
	to = key_u64(KEY_SCHEMA, new_id(w));
	assert_int_equal(kv_put(w->t, KV_HOT, key_slice(&to), (struct slice){copy, v.len}), 0);
	free(copy);
}

/* 6. ids */
static void id_never_given(struct world *w)
{
	struct rec_db rec = {.name = "far"};
	uint64_t id = UINT64_C(1) << 40;

	assert_int_equal(rec_db_put(w->t, id, &rec), 0);
}
static void id_given_twice(struct world *w)
{
	struct rec_segment_entry e;
	struct rec_block rec;

	assert_int_equal(rec_block_get(w->t, block_of(w, &e), &rec), 0);
	assert_int_equal(rec_block_put(w->t, w->head_rec.schema, &rec), 0);
}

/* 7. mirrors */
static void entry_missing(struct world *w)
{
	del(w, key_u64_u64(KEY_ENTRY, w->orders, w->dev));
}
static void name_missing(struct world *w)
{
	del(w, key_name(KEY_NAME, w->orders, "dev"));
}
static void entry_of_nothing(struct world *w)
{
	put(w, key_u64_u64(KEY_ENTRY, w->orders, new_id(w)), "ghost");
}
static void entry_with_other_name(struct world *w)
{
	put(w, key_u64_u64(KEY_ENTRY, w->orders, w->dev), "deu");
}
static void name_of_nothing(struct world *w)
{
	assert_int_equal(rec_dir_add(w->t, w->orders, "ghost", new_id(w)), 0);
}
static void reverse_link_missing(struct world *w)
{
	del(w, key_u64_u64(KEY_LINK_OF, w->head, w->dev));
}
static void reverse_link_of_nothing(struct world *w)
{
	mark(w, key_u64_u64(KEY_LINK_OF, w->first, w->dev));
}
static void holder_missing(struct world *w)
{
	struct rec_segment_entry e;
	uint64_t block = block_of(w, &e);

	del(w, key_u64_u64(KEY_HOLDER, block, segment_of(w)));
}
static void holder_wrong(struct world *w)
{
	struct rec_segment_entry e;

	mark(w, key_u64_u64(KEY_HOLDER, block_of(w, &e), w->orders));
}
static void file_name_missing(struct world *w)
{
	struct rec_segment_entry e;
	uint64_t block = block_of(w, &e);
	char name[REC_NAME_BYTES_MAX + 1] = "";

	memcpy(name, e.name.data, e.name.len);
	del(w, key_file(w->orders, name, block));
}
static void file_name_wrong(struct world *w)
{
	struct rec_segment_entry e;

	mark(w, key_file(w->orders, "ghost.parquet", block_of(w, &e)));
}
static void block_not_listed(struct world *w)
{
	struct rec_segment_entry e;

	del(w, key_u64_u64(KEY_BLOCK_IN, w->orders, block_of(w, &e)));
}
static void block_listed_elsewhere(struct world *w)
{
	struct rec_segment_entry e;

	mark(w, key_u64_u64(KEY_BLOCK_IN, w->big, block_of(w, &e)));
}
static void segment_not_listed(struct world *w)
{
	del(w, key_u64_u64(KEY_SEGMENT_IN, w->orders, segment_of(w)));
}

/* sums and forms */
static void sums_of_snapshot(struct world *w)
{
	EDIT(snapshot, w->first, rec.rows++);
}
static void segments_of_snapshot(struct world *w)
{
	EDIT(snapshot, w->head, rec.segments++);
}
static void sums_of_block(struct world *w)
{
	struct rec_segment_entry e;

	EDIT(block, block_of(w, &e), rec.raw_bytes++);
}
/* The root of dev's head, written anew by @edit. */
static void edit_root(struct world *w, void (*edit)(struct tree_node *n))
{
	struct tree_entry made;
	struct tree_node n;
	struct rec_snapshot rec;

	assert_int_equal(rec_snapshot_get(w->t, w->dev_head, &rec), 0);
	assert_int_equal(tree_node_get(w->t, rec.root, &n), 0);
	edit(&n);
	assert_int_equal(tree_node_put(w->t, n.level, n.e, n.n, &made), 0);
	del(w, key_u64(KEY_NODE, rec.root));
	rec.root = made.child;
	assert_int_equal(rec_snapshot_put(w->t, w->dev_head, &rec), 0);
}
static void swap_entries(struct tree_node *n)
{
	struct tree_entry first = n->e[0];

	n->e[0] = n->e[1];
	n->e[1] = first;
}
static void raise_rows(struct tree_node *n)
{
	n->e[1].rows++;
}
static void raise_key(struct tree_node *n)
{
	n->e[n->n - 1].key++;
}
static void keys_of_node(struct world *w)
{
	edit_root(w, swap_entries);
}
static void sums_of_node(struct world *w)
{
	edit_root(w, raise_rows);
}
static void key_of_entry(struct world *w)
{
	edit_root(w, raise_key);
}
static void size_of_snapshot(struct world *w)
{
	EDIT(snapshot, w->head, rec.v4_size++);
}
static void v4_missing(struct world *w)
{
	del(w, key_u64(KEY_SEGMENT_V4, segment_of(w)));
}
static void v4_damaged(struct world *w)
{
	struct key k = key_u64(KEY_SEGMENT_V4, segment_of(w));
	struct slice v;
	char *copy;

	assert_int_equal(kv_get(w->t, KV_BULK, key_slice(&k), &v), 0);
	copy = malloc(v.len);
	memcpy(copy, v.data, v.len);
	copy[v.len / 2] ^= 0x40;
	assert_int_equal(kv_put(w->t, KV_BULK, key_slice(&k), (struct slice){copy, v.len}), 0);
	free(copy);
}
static void v4_of_another(struct world *w)
{
	struct pick p = {w->t, 0};
	struct key from, to = key_u64(KEY_SEGMENT_V4, segment_of(w));
	struct slice v;
	char *copy;
	struct rec_segment g;
	struct rec_segment_entry e[8];
	struct rec_segment_entry one;

	assert_int_equal(tree_walk_down(w->t, w->head_rec.root, take_child, &p), 1);
	from = key_u64(KEY_SEGMENT_V4, p.id);
	assert_int_equal(kv_get(w->t, KV_BULK, key_slice(&from), &v), 0);
	copy = malloc(v.len);
	memcpy(copy, v.data, v.len);
	assert_int_equal(kv_put(w->t, KV_BULK, key_slice(&to), (struct slice){copy, v.len}), 0);
	assert_int_equal(rec_segment_get(w->t, segment_of(w), &g), 0);
	for (uint32_t i = 0; i < g.blocks; i++) {
		assert_int_equal(rec_segment_entry_at(&g, i, &one), 0);
		e[i] = one;
		e[i].name = slice_str(strndup(one.name.data, one.name.len));
	}
	g.v4_size = v.len;
	assert_int_equal(rec_segment_put(w->t, segment_of(w), &g, e), 0);
	for (uint32_t i = 0; i < g.blocks; i++)
		free((void *)e[i].name.data);
	free(copy);
}
static void schema_damaged(struct world *w)
{
	put(w, key_u64(KEY_SCHEMA, w->head_rec.schema), "nonsense");
}
static void record_of_unknown_kind(struct world *w)
{
	struct key k = {.len = 2, .bytes = {'z', 'z'}};

	assert_int_equal(kv_put(w->t, KV_HOT, key_slice(&k), slice_str("?")), 0);
}
static void snapshot_of_the_future(struct world *w)
{
	EDIT(table, w->big, rec.last_timestamp_us--);
}

/* queue, clients */
static void queue_of_nothing(struct world *w)
{
	assert_int_equal(rec_queue_push(w->t, REC_QUEUE_SNAPSHOT, new_id(w)), 0);
}
static void queue_too_much(struct world *w)
{
	assert_int_equal(rec_queue_push(w->t, REC_QUEUE_SNAPSHOT, w->head), 0);
}
static void range_of_nobody(struct world *w)
{
	struct rec_range rec = {.start = new_id(w), .length = 1, .table = w->orders};

	assert_int_equal(rec_range_put(w->t, new_id(w), &rec), 0);
}
static void range_too_far(struct world *w)
{
	struct rec_range rec = {.start = new_id(w), .length = 1000, .table = w->orders};
	struct rec_client client = {.role = "command"};
	uint64_t id = new_id(w);

	assert_int_equal(rec_client_put(w->t, id, &client), 0);
	assert_int_equal(rec_range_put(w->t, id, &rec), 0);
}
static void client_in_no_slot(struct world *w)
{
	struct rec_client client = {.role = "command", .slot = WAKE_SLOTS};

	assert_int_equal(rec_client_put(w->t, new_id(w), &client), 0);
}
static void stage_in_no_range(struct world *w)
{
	struct key k = key_u64_u64(KEY_STAGE, w->orders, new_id(w));
	uint8_t one[8] = {1};

	assert_int_equal(kv_put(w->t, KV_HOT, key_slice(&k), (struct slice){one, sizeof one}), 0);
}
static void stage_damaged(struct world *w)
{
	put(w, key_u64_u64(KEY_STAGE, w->orders, new_id(w)), "?");
}
static void outbox_of_a_ref_damaged(struct world *w)
{
	put(w, key_u64(KEY_OUTBOX, w->dev), "x");
}
static void schema_of_a_ref(struct world *w)
{
	EDIT(ref, w->dev, rec.schema = w->big_schema);
}
static void queue_of_the_future(struct world *w)
{
	struct key k = key_u64(KEY_QUEUE, 7);
	uint8_t value[] = {1, REC_QUEUE_SNAPSHOT, 0, 0xff, 0xff, 0xff, 0x7f};

	EDIT(snapshot, w->first, rec.count++);
	assert_true(w->first < 0x80);
	value[2] = (uint8_t)w->first;
	assert_int_equal(
		kv_put(w->t, KV_HOT, key_slice(&k), (struct slice){value, sizeof value}), 0);
}
static void next_id_too_low(struct world *w)
{
	struct key k = key_meta(REC_META_NEXT);
	struct buf b auto_buf = {0};

	assert_int_equal(enc_u8(&b, 1), 0);
	assert_int_equal(enc_varint(&b, w->old_entry), 0); /* the last that was given */
	assert_int_equal(kv_put(w->t, KV_HOT, key_slice(&k), buf_slice(&b)), 0);
}
static void node_unreachable(struct world *w)
{
	struct tree_entry made;
	struct tree_node n;

	assert_int_equal(tree_node_get(w->t, w->head_rec.root, &n), 0);
	for (unsigned i = 0; i < n.n; i++)
		assert_int_equal(rec_count_add(w->t, tree_child_kind(&n), n.e[i].child), 0);
	assert_int_equal(tree_node_put(w->t, n.level, n.e, n.n, &made), 0);
}
static void name_taken_by_nothing(struct world *w)
{
	struct key k = key_name(KEY_NAME, w->orders, "dev");
	uint64_t ghost = new_id(w);

	del(w, k);
	del(w, key_u64_u64(KEY_ENTRY, w->orders, w->dev));
	assert_int_equal(rec_dir_add(w->t, w->orders, "dev", ghost), 0);
}

/* the trash */
static void trash_of_nothing(struct world *w)
{
	EDIT(trash, w->old_entry, rec.ref = w->dev);
}
static void trash_not_indexed(struct world *w)
{
	del(w, key_u64_u64(KEY_TRASH_IN, w->orders, w->old_entry));
}
static void trash_indexed_elsewhere(struct world *w)
{
	mark(w, key_u64_u64(KEY_TRASH_IN, w->big, w->old_entry));
}
static void trash_lost(struct world *w)
{
	del(w, key_u64_u64(KEY_TRASH_IN, w->orders, w->old_entry));
	del(w, key_u64(KEY_TRASH, w->old_entry));
}
static void trash_named(struct world *w)
{
	assert_int_equal(rec_dir_add(w->t, w->orders, "old", w->old), 0);
}
static void trash_link_owns_too_much(struct world *w)
{
	struct rec_trash e = {.kind = REC_TRASH_LINK,
		.table = w->orders,
		.ref = w->dev,
		.snapshot = w->head,
		.name = "dev"};
	uint64_t id = new_id(w);

	assert_int_equal(rec_trash_put(w->t, id, &e), 0);
	mark(w, key_u64_u64(KEY_TRASH_IN, w->orders, id));
}
static void trash_with_reverse_link(struct world *w)
{
	mark(w, key_u64_u64(KEY_LINK_OF, w->dev_head, w->old));
}

const struct broken breaks[] = {
	{"count of a segment", count_of_segment, 1, "segment %: its count is"},
	{"count of a node", count_of_node, 1, "node %: its count is 2, references are 1"},
	{"count lost", count_lost, 1, "segment %: its count is 1, references are"},
	{"count of a block", count_of_block, 1, "block %: its count is 2, references are 1"},
	{"count of a snapshot", count_of_snapshot, 1, "snapshot %: its count is"},
	{"count of nothing", count_of_nothing, 1, "count of %, which has no record"},
	{"block missing", block_missing, 1, "segment %: its block % has no record"},
	{"node missing", node_missing, 1, "snapshot %: its node % has no record"},
	{"base missing", base_missing, 1, "sales.orders/dev: its merge base % has no record"},
	{"head missing", head_missing, 1, "sales.orders/dev: its head % has no record"},
	{"main missing", main_missing, 2, "sales.orders/%: the table's main is ref"},
	{"head of another table", other_table, 5, "belongs to sales.big"},
	{"nlink", nlink, 1, "snapshot %: its nlink is 3, names are 2"},
	{"head not in its directory", head_not_in_directory, 2,
		"sales.orders/dev: its head % is not in its directory"},
	{"outbox damaged", outbox_damaged, 1, "outbox entry of %: it is damaged"},
	{"mark of export damaged", exported_damaged, 1, "mark of exported %: it is damaged"},
	{"block unreachable", block_unreachable, 1, "block %: nothing refers to it"},
	{"snapshot unreachable", snapshot_unreachable, 1, "snapshot %: nothing refers to it"},
	{"schema unreachable", schema_unreachable, 1, "schema %: nothing refers to it"},
	{"id never given", id_never_given, 1, "database 010000000000: its id was never given"},
	{"id given twice", id_given_twice, 1, "block %: its id is that of a schema too"},
	{"entry missing", entry_missing, 1, "ref %: no directory lists it"},
	{"name missing", name_missing, 1, "ref %: no name leads to it"},
	{"entry of nothing", entry_of_nothing, 1, "entry 'ghost' of directory"},
	{"entry with another name", entry_with_other_name, 2, "entry 'deu' of directory"},
	{"name of nothing", name_of_nothing, 2, "name 'ghost' of directory"},
	{"reverse link missing", reverse_link_missing, 1, "snapshot %: no reverse link to ref"},
	{"reverse link of nothing", reverse_link_of_nothing, 1, "reverse link of snapshot"},
	{"holder missing", holder_missing, 1, "block %: no holder record for segment"},
	{"holder wrong", holder_wrong, 1, "holder record of block"},
	{"file name missing", file_name_missing, 1, "block %: no file name record for 'part-"},
	{"file name wrong", file_name_wrong, 1, "file name record 'ghost.parquet' of block"},
	{"block not listed", block_not_listed, 1, "block %: _b does not list it"},
	{"block listed elsewhere", block_listed_elsewhere, 1, "_b of table"},
	{"segment not listed", segment_not_listed, 1, "segment %: _sg does not list it"},
	{"sums of a snapshot", sums_of_snapshot, 1, "snapshot %: its sums are not those"},
	{"segments of a snapshot", segments_of_snapshot, 1, "snapshot %: its sums are not"},
	{"sums of a block", sums_of_block, 1, "segment %: its sums are not those of its blocks"},
	{"keys of a node", keys_of_node, 1, "node %: its record is damaged"},
	{"sums of a node", sums_of_node, 1, "node %: the sums of entry 1 are not those"},
	{"key of an entry", key_of_entry, 1, "node %: the key of entry 2 is not that"},
	{"size of a snapshot", size_of_snapshot, 1, "snapshot %: rendered it has not"},
	{"v4 missing", v4_missing, 1, "segment %: its v4 object is missing"},
	{"v4 damaged", v4_damaged, 1, "segment %: its v4 object is damaged"},
	{"v4 of another", v4_of_another, 1, "segment %: its v4 object lists other blocks"},
	{"schema damaged", schema_damaged, 1, "schema %: its record is damaged"},
	{"unknown kind", record_of_unknown_kind, 1, "record of an unknown kind: key 7a7a"},
	{"snapshot of the future", snapshot_of_the_future, 1, "it is younger than the last"},
	{"queue of nothing", queue_of_nothing, 1, "queue entry 0: its snapshot % has no record"},
	{"queue owns too much", queue_too_much, 1, "snapshot %: its count is"},
	{"range of nobody", range_of_nobody, 1, "range %: its client has no record"},
	{"range too far", range_too_far, 1, "range %: it holds ids that were never given"},
	{"client in no slot", client_in_no_slot, 1, "client %: there is no slot 4096"},
	{"trash holds what is live", trash_of_nothing, 2, "what it holds is not there"},
	{"trash without index", trash_not_indexed, 1, "trash entry % 'old': no index leads to it"},
	{"trash indexed elsewhere", trash_indexed_elsewhere, 1, "index of the trash: entry"},
	{"trash lost", trash_lost, 1, "ref %: trash entry % does not hold it"},
	{"dropped ref with a name", trash_named, 2, "entry 'old' of directory"},
	{"trash owns too much", trash_link_owns_too_much, 1, "snapshot %: its count is"},
	{"dropped ref with a reverse link", trash_with_reverse_link, 1, "reverse link of snapshot"},
	{"stage damaged", stage_damaged, 1, "mark of staged ids from"},
	{"outbox of a ref damaged", outbox_of_a_ref_damaged, 1, "outbox entry of %: it is damaged"},
	{"schema of a ref", schema_of_a_ref, 1, "sales.orders/dev: its schema is not that"},
	{"queue of the future", queue_of_the_future, 1, "queue entry 7: it is of commit"},
	{"next id too low", next_id_too_low, 3, "its id was never given out"},
	{"node unreachable", node_unreachable, 1, "node %: nothing refers to it"},
	{"name taken by nothing", name_taken_by_nothing, 4, "name 'dev' of directory"},
	{"stage in no range", stage_in_no_range, 1, "mark of staged ids from"},
};
const size_t n_breaks = ARRAY_SIZE(breaks);
