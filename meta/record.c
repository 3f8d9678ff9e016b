#include "meta/record_impl.h"

#include <errno.h>
#include <string.h>

#define INCARNATION_MAX 0xfff

static const struct field store_fields[] = {
	RAW(rec_store, uuid),
	NUMBER(rec_store, incarnation, INCARNATION_MAX),
	TIME(rec_store, created_us),
	SIZE(rec_store, version),
	TIME(rec_store, changed_us),
};
static const struct layout store_layout = LAYOUT(1, rec_store, store_fields);

static const struct field db_fields[] = {
	TIME(rec_db, created_us),
	SIZE(rec_db, version),
	TIME(rec_db, changed_us),
	STRING(rec_db, name),
};
static const struct layout db_layout = LAYOUT(1, rec_db, db_fields);

static const struct field table_fields[] = {
	ID(rec_table, db),
	ID(rec_table, main_ref),
	ID(rec_table, home_db),
	TIME(rec_table, created_us),
	SIZE(rec_table, next_segment_key),
	SIZE(rec_table, next_snapshot_seq),
	TIME(rec_table, last_timestamp_us),
	SIZE(rec_table, version),
	TIME(rec_table, changed_us),
	SIZE(rec_table, objects_version),
	TIME(rec_table, objects_changed_us),
	ID(rec_table, trash),
	STRING(rec_table, name),
};
static const struct layout table_layout = LAYOUT(1, rec_table, table_fields);

static const struct field ref_fields[] = {
	ID(rec_ref, table),
	ID(rec_ref, head),
	ID(rec_ref, base),
	ID(rec_ref, base_ref),
	ID(rec_ref, schema),
	TIME(rec_ref, created_us),
	TIME(rec_ref, expire_at_us),
	SIZE(rec_ref, version),
	TIME(rec_ref, changed_us),
	SIZE(rec_ref, drops),
	ID(rec_ref, trash),
	NUMBER(rec_ref, kind, REC_REF_TAG),
	NUMBER(rec_ref, is_protected, true),
	STRING(rec_ref, name),
};
static const struct layout ref_layout = LAYOUT(1, rec_ref, ref_fields);

static const struct field snapshot_fields[] = {
	ID(rec_snapshot, table),
	ID(rec_snapshot, ref),
	ID(rec_snapshot, root),
	ID(rec_snapshot, parent),
	TIME(rec_snapshot, parent_timestamp_us),
	SIZE(rec_snapshot, seq),
	TIME(rec_snapshot, timestamp_us),
	ID(rec_snapshot, schema),
	SIZE(rec_snapshot, rows),
	SIZE(rec_snapshot, bytes),
	SIZE(rec_snapshot, file_bytes),
	SIZE(rec_snapshot, blocks),
	SIZE(rec_snapshot, segments),
	SIZE(rec_snapshot, metas),
	SIZE(rec_snapshot, v4_size),
	NUMBER(rec_snapshot, nlink, UINT32_MAX),
	NUMBER(rec_snapshot, count, UINT32_MAX),
	NUMBER(rec_snapshot, incarnation, INCARNATION_MAX),
	NUMBER(rec_snapshot, parent_incarnation, INCARNATION_MAX),
	NUMBER(rec_snapshot, operation, REC_OP_DELETE),
	STRING(rec_snapshot, author),
	STRING(rec_snapshot, message),
};
static const struct layout snapshot_layout = LAYOUT(1, rec_snapshot, snapshot_fields);

static const struct field block_fields[] = {
	ID(rec_block, table),
	TIME(rec_block, ms),
	SIZE(rec_block, rows),
	SIZE(rec_block, size_bytes),
	SIZE(rec_block, raw_bytes),
	NUMBER(rec_block, row_groups, UINT32_MAX),
	NUMBER(rec_block, incarnation, INCARNATION_MAX),
	NUMBER(rec_block, flags, REC_BLOCK_FOREIGN),
	RAW(rec_block, sha256),
};
static const struct layout block_layout = LAYOUT(1, rec_block, block_fields);

static const struct field client_fields[] = {
	TIME(rec_client, started_us),
	SIZE(rec_client, pid),
	SIZE(rec_client, pid_start),
	NUMBER(rec_client, slot, UINT32_MAX),
	STRING(rec_client, host),
	STRING(rec_client, boot),
	STRING(rec_client, role),
};
static const struct layout client_layout = LAYOUT(1, rec_client, client_fields);

static const struct field trash_fields[] = {
	ID(rec_trash, db),
	ID(rec_trash, table),
	ID(rec_trash, ref),
	ID(rec_trash, snapshot),
	TIME(rec_trash, dropped_us),
	TIME(rec_trash, due_us),
	NUMBER(rec_trash, kind, REC_TRASH_LINK),
	NUMBER(rec_trash, is_emptying, true),
	STRING(rec_trash, name),
	STRING(rec_trash, db_name),
};
static const struct layout trash_layout = LAYOUT(1, rec_trash, trash_fields);

/* start is the second number of the key. */
static const struct field range_fields[] = {
	SIZE(rec_range, length),
	TIME(rec_range, ms),
	ID(rec_range, table),
	NUMBER(rec_range, incarnation, INCARNATION_MAX),
};
static const struct layout range_layout = LAYOUT(1, rec_range, range_fields);

/* id is the number of the key. */
static const struct field outbox_fields[] = {
	NUMBER(rec_outbox, kind, REC_OUTBOX_DB),
	ID(rec_outbox, table),
	SIZE(rec_outbox, commit),
};
static const struct layout outbox_layout = LAYOUT(1, rec_outbox, outbox_fields);

int rec_store_get(struct kv_txn *t, struct rec_store *ret)
{
	struct key k = key_meta(REC_META_STORE);

	return record_get(t, &k, &store_layout, ret);
}

int rec_store_put(struct kv_txn *t, const struct rec_store *r)
{
	struct key k = key_meta(REC_META_STORE);

	return record_put(t, &k, &store_layout, r);
}

/* rec_X_get() and rec_X_put() of records keyed by one id. */
#define DEFINE_RECORD(noun, kind)                                                                  \
	int rec_##noun##_get(struct kv_txn *t, uint64_t id, struct rec_##noun *ret)                \
	{                                                                                          \
		struct key k = key_u64(kind, id);                                                  \
                                                                                                   \
		return record_get(t, &k, &noun##_layout, ret);                                     \
	}                                                                                          \
	int rec_##noun##_put(struct kv_txn *t, uint64_t id, const struct rec_##noun *r)            \
	{                                                                                          \
		struct key k = key_u64(kind, id);                                                  \
                                                                                                   \
		return record_put(t, &k, &noun##_layout, r);                                       \
	}

DEFINE_RECORD(db, KEY_DB)
DEFINE_RECORD(table, KEY_TABLE)
DEFINE_RECORD(snapshot, KEY_SNAPSHOT)
DEFINE_RECORD(block, KEY_BLOCK)
DEFINE_RECORD(client, KEY_CLIENT)
DEFINE_RECORD(trash, KEY_TRASH)

int rec_ref_get(struct kv_txn *t, uint64_t id, struct rec_ref *ret)
{
	struct key k = key_u64(KEY_REF, id);

	return record_get(t, &k, &ref_layout, ret);
}

int rec_ref_put(struct kv_txn *t, uint64_t id, const struct rec_ref *r)
{
	struct key k = key_u64(KEY_REF, id);
	int err = record_put(t, &k, &ref_layout, r);

	return err ? err : rec_outbox_put(t, REC_OUTBOX_REF, id, r->table);
}

int rec_outbox_put(struct kv_txn *t, enum rec_outbox_kind kind, uint64_t id, uint64_t table)
{
	struct key k = key_u64(KEY_OUTBOX, id);
	struct rec_outbox o = {(uint8_t)kind, id, table, t->commit};

	return record_put(t, &k, &outbox_layout, &o);
}

int rec_outbox_decode(struct slice key, struct slice value, struct rec_outbox *ret)
{
	struct dec d = dec_of(value);
	struct rec_outbox o;

	layout_decode(&d, &outbox_layout, &o);
	if (dec_end(&d) || !o.kind || key.len != 9)
		return -EUCLEAN;
	o.id = key_read_u64(key, 1);
	*ret = o;
	return 0;
}

int rec_range_get(struct kv_txn *t, uint64_t client, uint64_t start, struct rec_range *ret)
{
	struct key k = key_u64_u64(KEY_RANGE, client, start);
	int r = record_get(t, &k, &range_layout, ret);

	if (!r)
		ret->start = start;
	return r;
}

int rec_range_put(struct kv_txn *t, uint64_t client, const struct rec_range *r)
{
	struct key k = key_u64_u64(KEY_RANGE, client, r->start);

	return record_put(t, &k, &range_layout, r);
}

int rec_del(struct kv_txn *t, enum key_kind kind, uint64_t id)
{
	struct key k = key_u64(kind, id);

	return kv_del(t, rec_db_of(kind), key_slice(&k));
}

enum kv_db rec_db_of(enum key_kind kind)
{
	switch (kind) {
	case KEY_NODE:
	case KEY_SEGMENT:
	case KEY_SEGMENT_V4:
	case KEY_SEGMENT_IN:
	case KEY_BLOCK:
	case KEY_BLOCK_IN:
	case KEY_HOLDER:
	case KEY_FILE:
	case KEY_EXPORTED:
	case KEY_COUNT:
		return KV_BULK;
	default:
		return KV_HOT;
	}
}
