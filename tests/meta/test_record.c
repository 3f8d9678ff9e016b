#include "tests/meta/engine.h"

#include "meta/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct kv_txn *begin(struct engine *e)
{
	struct kv_txn *t;

	assert_int_equal(kv_begin(e->kv, KV_WRITE, &t), 0);
	return t;
}

static const struct rec_db a_db = {
	.created_us = 1, .version = UINT64_MAX, .changed_us = 3, .name = "sales"};
static const struct rec_table a_table = {.db = 33,
	.main_ref = 34,
	.created_us = 1,
	.home_db = 35,
	.next_segment_key = 36,
	.next_snapshot_seq = 37,
	.last_timestamp_us = 38,
	.version = 39,
	.changed_us = 40,
	.objects_version = 41,
	.objects_changed_us = 42,
	.name = "orders"};
static const struct rec_ref a_ref = {.table = 33,
	.head = 34,
	.base = 35,
	.base_ref = 36,
	.schema = 37,
	.created_us = 38,
	.expire_at_us = 39,
	.version = 40,
	.changed_us = 41,
	.drops = 42,
	.kind = REC_REF_TAG,
	.is_protected = true,
	.name = "v1"};
static const struct rec_snapshot a_snapshot = {.table = 33,
	.ref = 34,
	.root = 35,
	.parent = ID_MAX,
	.parent_timestamp_us = 36,
	.seq = 37,
	.timestamp_us = 38,
	.schema = 39,
	.rows = 40,
	.bytes = 41,
	.file_bytes = 42,
	.blocks = 43,
	.segments = 44,
	.metas = 45,
	.v4_size = 46,
	.nlink = UINT32_MAX,
	.count = 48,
	.incarnation = 0xfff,
	.parent_incarnation = 49,
	.operation = REC_OP_DELETE,
	.author = "someone",
	.message = "why"};
static const struct rec_block a_block = {.table = (1 << 20),
	.ms = UINT64_C(1800000000000),
	.rows = 1 << 20,
	.size_bytes = 300 << 20,
	.raw_bytes = 1000 << 20,
	.row_groups = 9,
	.incarnation = 100,
	.flags = REC_BLOCK_FOREIGN,
	.sha256 = {1, 2, 3, [31] = 4}};
static const struct rec_client a_client = {.started_us = 1,
	.pid = 2,
	.pid_start = 3,
	.slot = 4095,
	.host = "host",
	.boot = "boot",
	.role = "mount"};

static const struct rec_trash a_trash = {.db = 1,
	.table = 2,
	.ref = 3,
	.snapshot = ID_MAX,
	.dropped_us = UINT64_C(1) << 60,
	.due_us = UINT64_MAX,
	.kind = REC_TRASH_LINK,
	.is_emptying = true,
	.name = "dev",
	.db_name = "sales"};

/* One kind of record keyed by one id, behind common types. */
struct kind {
	enum key_kind key;
	size_t size;
	const void *sample;
	int (*get)(struct kv_txn *t, uint64_t id, void *ret);
	int (*put)(struct kv_txn *t, uint64_t id, const void *rec);
};

#define DEFINE_KIND(noun)                                                                          \
	static int get_##noun(struct kv_txn *t, uint64_t id, void *ret)                            \
	{                                                                                          \
		return rec_##noun##_get(t, id, ret);                                               \
	}                                                                                          \
	static int put_##noun(struct kv_txn *t, uint64_t id, const void *rec)                      \
	{                                                                                          \
		return rec_##noun##_put(t, id, rec);                                               \
	}
DEFINE_KIND(db)
DEFINE_KIND(table)
DEFINE_KIND(ref)
DEFINE_KIND(snapshot)
DEFINE_KIND(block)
DEFINE_KIND(client)
DEFINE_KIND(trash)

#define KIND(key, noun)                                                                            \
	{                                                                                          \
		key, sizeof(struct rec_##noun), &a_##noun, get_##noun, put_##noun                  \
	}
static const struct kind kinds[] = {
	KIND(KEY_DB, db),
	KIND(KEY_TABLE, table),
	KIND(KEY_REF, ref),
	KIND(KEY_SNAPSHOT, snapshot),
	KIND(KEY_BLOCK, block),
	KIND(KEY_CLIENT, client),
	KIND(KEY_TRASH, trash),
};

static void what_was_put_is_got(void **state)
{
	struct kv_txn *t auto_kv_txn = begin(*state);
	uint8_t got[4096];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *k = &kinds[i];

		memset(got, 0, sizeof got);
		assert_int_equal(k->get(t, 7, got), -ENOENT);
		assert_int_equal(k->put(t, 7, k->sample), 0);
		assert_int_equal(k->get(t, 7, got), 0);
		assert_memory_equal(got, k->sample, k->size);
		assert_int_equal(k->get(t, 8, got), -ENOENT);
		assert_int_equal(rec_del(t, k->key, 7), 0);
		assert_int_equal(k->get(t, 7, got), -ENOENT);
	}
}

/* A value that does not decode is told, and leaves what the caller had. */
static void expect_unclean(
	struct kv_txn *t, const struct kind *kind, const uint8_t *value, size_t len)
{
	struct key k = key_u64(kind->key, 7);
	uint8_t got[4096];

	assert_int_equal(
		kv_put(t, rec_db_of(kind->key), key_slice(&k), (struct slice){value, len}), 0);
	memset(got, 0xee, sizeof got);
	assert_int_equal(kind->get(t, 7, got), -EUCLEAN);
	for (size_t i = 0; i < kind->size; i++)
		assert_int_equal(got[i], 0xee);
}

static void damaged_values_are_refused(void **state)
{
	struct kv_txn *t auto_kv_txn = begin(*state);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct key k = key_u64(kinds[i].key, 7);
		uint8_t copy[4096];
		struct slice value;
		size_t len;

		assert_int_equal(kinds[i].put(t, 7, kinds[i].sample), 0);
		assert_int_equal(kv_get(t, rec_db_of(kinds[i].key), key_slice(&k), &value), 0);
		len = value.len;
		memcpy(copy, value.data, len);
		for (size_t cut = 0; cut < len; cut++)
			expect_unclean(t, &kinds[i], copy, cut);
		copy[len] = 0;
		expect_unclean(t, &kinds[i], copy, len + 1);
		copy[0]++;
		expect_unclean(t, &kinds[i], copy, len);
	}
}

static void limits_hold_when_written(void **state)
{
	struct kv_txn *t auto_kv_txn = begin(*state);
	struct rec_ref ref = a_ref;
	struct rec_block block = a_block;

	ref.kind = REC_REF_TAG + 1;
	assert_int_equal(rec_ref_put(t, 7, &ref), -EINVAL);
	ref = a_ref;
	ref.head = ID_MAX + 1;
	assert_int_equal(rec_ref_put(t, 7, &ref), -EINVAL);
	block.incarnation = 0x1000;
	assert_int_equal(rec_block_put(t, 7, &block), -EINVAL);
}

static void a_block_is_small(void **state)
{
	struct kv_txn *t auto_kv_txn = begin(*state);
	struct key k = key_u64(KEY_BLOCK, 7);
	struct slice value;

	assert_int_equal(rec_block_put(t, 7, &a_block), 0);
	assert_int_equal(kv_get(t, KV_BULK, key_slice(&k), &value), 0);
	assert_in_range(value.len + 4, 1, 66);
}

static void the_store_and_ranges(void **state)
{
	struct kv_txn *t auto_kv_txn = begin(*state);
	struct rec_store s = {{1, 2, 3}, 5, 6, 7, 8}, got_s = {0};
	struct rec_range range = {1000, 64, 5, 33, 2}, got = {0};

	assert_int_equal(rec_store_get(t, &got_s), -ENOENT);
	assert_int_equal(rec_store_put(t, &s), 0);
	assert_int_equal(rec_store_get(t, &got_s), 0);
	assert_memory_equal(&s, &got_s, sizeof s);

	assert_int_equal(rec_range_put(t, 9, &range), 0);
	assert_int_equal(rec_range_get(t, 9, 999, &got), -ENOENT);
	assert_int_equal(rec_range_get(t, 9, 1000, &got), 0);
	assert_int_equal(got.start, 1000);
	assert_int_equal(got.length, 64);
	assert_int_equal(got.ms, 5);
	assert_int_equal(got.table, 33);
	assert_int_equal(got.incarnation, 2);
}

static void ids_are_counted(void **state)
{
	struct kv_txn *t auto_kv_txn = begin(*state);
	uint64_t id;

	assert_int_equal(rec_next_id(t, 1, &id), 0);
	assert_int_equal(id, REC_ID_FIRST);
	assert_int_equal(rec_next_id(t, 1000, &id), 0);
	assert_int_equal(id, REC_ID_FIRST + 1);
	assert_int_equal(rec_next_id(t, ID_MAX - REC_ID_FIRST - 1002, &id), 0);
	assert_int_equal(rec_next_id(t, 2, &id), 0);
	assert_int_equal(id, ID_MAX - 1);
	assert_int_equal(rec_next_id(t, 1, &id), -EOVERFLOW);
}

static void counts(void **state)
{
	struct kv_txn *t auto_kv_txn = begin(*state);
	struct key k = key_count(KEY_NODE, 50);
	uint32_t n;

	assert_int_equal(rec_count_get(t, KEY_NODE, 50, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(rec_count_add(t, KEY_NODE, 50), 0);
	assert_int_equal(rec_count_add(t, KEY_NODE, 50), 0);
	assert_int_equal(rec_count_get(t, KEY_NODE, 50, &n), 0);
	assert_int_equal(n, 3);
	for (uint32_t left = 2; left + 1; left--) {
		assert_int_equal(rec_count_sub(t, KEY_NODE, 50, &n), 0);
		assert_int_equal(n, left);
		assert_int_equal(rec_exists(t, &k), left > 1 ? 0 : -ENOENT);
	}
	assert_int_equal(kv_put(t, KV_BULK, key_slice(&k), (struct slice){"\x01\x01", 2}), 0);
	assert_int_equal(rec_count_get(t, KEY_NODE, 50, &n), -EUCLEAN); /* 1 is never stored */
	assert_int_equal(rec_count_add(t, KEY_NODE, 50), -EUCLEAN);
	assert_int_equal(
		kv_put(t, KV_BULK, key_slice(&k), slice_str("\x01\xff\xff\xff\xff\x0f")), 0);
	assert_int_equal(rec_count_add(t, KEY_NODE, 50), -EOVERFLOW);
}

static int check_queue(void *arg, struct slice key, struct slice value)
{
	uint64_t *at = arg;
	struct rec_queue q;

	assert_int_equal(key_read_u64(key, 1), *at);
	assert_int_equal(rec_queue_decode(value, &q), 0);
	assert_int_equal(q.kind, *at % 2 ? REC_QUEUE_NODE : REC_QUEUE_SNAPSHOT);
	assert_int_equal(q.id, 100 + *at);
	assert_int_equal(q.commit, 1 + *at / 2);
	++*at;
	return 0;
}

static void the_queue_keeps_order_and_commit(void **state)
{
	struct engine *e = *state;
	struct kv_txn *t auto_kv_txn = NULL;
	struct key lo = key_make(KEY_QUEUE), hi = key_next(&lo);
	struct rec_queue q;
	uint64_t n = 0;

	for (uint64_t i = 0; i < 600; i += 2) {
		t = begin(e);
		assert_int_equal(rec_queue_push(t, REC_QUEUE_SNAPSHOT, 100 + i), 0);
		assert_int_equal(rec_queue_push(t, REC_QUEUE_NODE, 101 + i), 0);
		assert_int_equal(kv_commit(&t), 0);
	}
	t = begin(e);
	assert_int_equal(kv_scan(t, KV_HOT, key_slice(&lo), key_slice(&hi), check_queue, &n), 0);
	assert_int_equal(n, 600);
	assert_int_equal(rec_queue_decode(slice_str("\x01\x09\x01\x01"), &q), -EUCLEAN);
	assert_int_equal(rec_queue_decode(slice_str("\x02\x01\x01\x01"), &q), -EUCLEAN);
	assert_int_equal(rec_queue_decode(slice_str("\x01\x01\x01"), &q), -EUCLEAN);
}

static void directories(void **state)
{
	struct kv_txn *t auto_kv_txn = begin(*state);
	struct key entry = key_u64_u64(KEY_ENTRY, 40, 50);
	struct slice name;
	char longest[REC_NAME_BYTES_MAX + 2];
	uint64_t child;

	memset(longest, 'n', sizeof longest);
	longest[sizeof longest - 1] = 0;
	assert_int_equal(rec_dir_add(t, 40, longest, 50), -EINVAL);
	assert_int_equal(rec_dir_lookup(t, 40, longest, &child), -ENOENT);
	longest[sizeof longest - 2] = 0;
	assert_int_equal(rec_dir_add(t, 40, "", 50), -EINVAL);
	assert_int_equal(rec_dir_add(t, 40, longest, 50), 0);
	assert_int_equal(rec_dir_add(t, 40, longest, 51), -EEXIST);
	assert_int_equal(rec_dir_add(t, 40, "other", 50), -EEXIST);
	assert_int_equal(rec_dir_add(t, 41, longest, 50), 0);
	assert_int_equal(rec_dir_lookup(t, 40, longest, &child), 0);
	assert_int_equal(child, 50);
	assert_int_equal(kv_get(t, KV_HOT, key_slice(&entry), &name), 0);
	assert_true(slice_equal(name, slice_str(longest)));
	assert_int_equal(rec_dir_remove(t, 40, longest, 51), -ENOENT);
	assert_int_equal(rec_dir_remove(t, 40, "other", 50), -ENOENT);
	assert_int_equal(rec_dir_remove(t, 40, longest, 50), 0);
	assert_int_equal(rec_dir_lookup(t, 40, longest, &child), -ENOENT);
	assert_int_equal(rec_exists(t, &entry), -ENOENT);
	assert_int_equal(rec_dir_lookup(t, 41, longest, &child), 0);
}

#define BLOCKS 1000

static void segments(void **state)
{
	struct kv_txn *t auto_kv_txn = begin(*state);
	struct rec_segment s = {33, 34, 35, 36, 37, 38, 39, BLOCKS, 41, 42, {0}}, got;
	struct rec_segment_entry entries[BLOCKS], e;
	char names[BLOCKS][24];

	for (uint32_t i = 0; i < BLOCKS; i++) {
		snprintf(names[i], sizeof names[i], "%.*s%u", (int)(i % 13), "part-of-many-",
			i % 100);
		entries[i] = (struct rec_segment_entry){i * i, i, slice_str(names[i])};
	}
	assert_int_equal(rec_segment_put(t, 60, &s, entries), 0);
	assert_int_equal(rec_segment_get(t, 61, &got), -ENOENT);
	assert_int_equal(rec_segment_get(t, 60, &got), 0);
	got.entries = s.entries;
	assert_memory_equal(&got, &s, sizeof s);
	assert_int_equal(rec_segment_get(t, 60, &got), 0);
	for (uint32_t i = BLOCKS; i-- > 0;) {
		assert_int_equal(rec_segment_entry_at(&got, i, &e), 0);
		assert_int_equal(e.block, entries[i].block);
		assert_int_equal(e.modified_us, entries[i].modified_us);
		assert_true(slice_equal(e.name, entries[i].name));
	}
	assert_int_equal(rec_segment_entry_at(&got, BLOCKS, &e), -EUCLEAN);
	s.blocks = 0;
	assert_int_equal(rec_segment_put(t, 60, &s, NULL), 0);
	assert_int_equal(rec_segment_get(t, 60, &got), 0);
}

/* Any byte changed, any end cut off: an error, or entries within the value. */
static void damaged_segments_are_refused(void **state)
{
	struct kv_txn *t auto_kv_txn = begin(*state);
	struct rec_segment s = {.table = 33, .blocks = 3}, got;
	struct rec_segment_entry entries[] = {
		{1, 2, slice_str("one")}, {3, 4, slice_str("")}, {5, 6, slice_str("three")}};
	struct rec_segment_entry e;
	struct key k = key_u64(KEY_SEGMENT, 60);
	struct slice value;
	uint8_t copy[256];
	size_t len;

	assert_int_equal(rec_segment_put(t, 60, &s, entries), 0);
	assert_int_equal(kv_get(t, KV_BULK, key_slice(&k), &value), 0);
	len = value.len;
	memcpy(copy, value.data, len);
	for (size_t cut = 0; cut < len; cut++) {
		assert_int_equal(kv_put(t, KV_BULK, key_slice(&k), (struct slice){copy, cut}), 0);
		assert_int_equal(rec_segment_get(t, 60, &got), -EUCLEAN);
	}
	for (size_t i = 0; i < 256 * len; i++) {
		uint8_t keep = copy[i / 256];

		copy[i / 256] = (uint8_t)i;
		assert_int_equal(kv_put(t, KV_BULK, key_slice(&k), (struct slice){copy, len}), 0);
		if (!rec_segment_get(t, 60, &got))
			for (uint32_t at = 0; at < got.blocks; at++)
				if (!rec_segment_entry_at(&got, at, &e))
					assert_in_range(e.name.len, 0, len);
		copy[i / 256] = keep;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		engine_test(what_was_put_is_got),
		engine_test(damaged_values_are_refused),
		engine_test(limits_hold_when_written),
		engine_test(a_block_is_small),
		engine_test(the_store_and_ranges),
		engine_test(ids_are_counted),
		engine_test(counts),
		engine_test(the_queue_keeps_order_and_commit),
		engine_test(directories),
		engine_test(segments),
		engine_test(damaged_segments_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
