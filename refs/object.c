/* Names and keys of objects. */
#include "refs/stage.h"
#include "refs/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void refs_object_name(const struct refs_store *s, enum id_kind kind, uint16_t incarnation,
	uint64_t ms, uint64_t id, char ret[static ID_NAME_BYTES_MAX])
{
	uint8_t uuid[UUID_BYTES];

	id_uuid((struct id_space){incarnation, s->ids.store_hash}, ms, id, uuid);
	id_name(kind, uuid, ret);
}

void refs_object_key(const struct refs_store *s, uint64_t db, uint64_t table, enum id_kind kind,
	uint16_t incarnation, uint64_t ms, uint64_t id, char ret[static OBJSTORE_KEY_BYTES_MAX + 1])
{
	static const char *const folder[] = {
		[ID_SNAPSHOT] = "_ss", [ID_SEGMENT] = "_sg", [ID_BLOCK] = "_b"};
	char name[ID_NAME_BYTES_MAX];

	refs_object_name(s, kind, incarnation, ms, id, name);
	snprintf(ret, OBJSTORE_KEY_BYTES_MAX + 1, "%llu/%llu/%s/%s", (unsigned long long)db,
		(unsigned long long)table, folder[kind], name);
}

void refs_snapshot_name(const struct refs_store *s, uint64_t id, const struct rec_snapshot *r,
	char ret[static ID_NAME_BYTES_MAX])
{
	refs_object_name(s, ID_SNAPSHOT, r->incarnation, r->timestamp_us / 1000, id, ret);
}

void refs_segment_name(const struct refs_store *s, uint64_t id, const struct rec_segment *r,
	char ret[static ID_NAME_BYTES_MAX])
{
	refs_object_name(s, ID_SEGMENT, r->incarnation, r->ms, id, ret);
}

void refs_block_name(const struct refs_store *s, uint64_t id, const struct rec_block *r,
	char ret[static ID_NAME_BYTES_MAX])
{
	refs_object_name(s, ID_BLOCK, r->incarnation, r->ms, id, ret);
}

static int key_of(struct refs_txn *x, uint64_t table, enum id_kind kind, uint16_t incarnation,
	uint64_t ms, uint64_t id, char *ret)
{
	struct rec_table rec;
	int r = rec_table_get(x->kv, table, &rec);

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	refs_object_key(x->store, rec.home_db, table, kind, incarnation, ms, id, ret);
	return 0;
}

int refs_block_key(struct refs_txn *x, uint64_t id, const struct rec_block *r,
	char ret[static OBJSTORE_KEY_BYTES_MAX + 1])
{
	return key_of(x, r->table, ID_BLOCK, r->incarnation, r->ms, id, ret);
}

int refs_segment_key(struct refs_txn *x, uint64_t id, const struct rec_segment *r,
	char ret[static OBJSTORE_KEY_BYTES_MAX + 1])
{
	return key_of(x, r->table, ID_SEGMENT, r->incarnation, r->ms, id, ret);
}

int refs_snapshot_key(struct refs_txn *x, uint64_t id, const struct rec_snapshot *r,
	char ret[static OBJSTORE_KEY_BYTES_MAX + 1])
{
	char name[ID_NAME_BYTES_MAX];
	struct rec_table rec;
	int err = rec_table_get(x->kv, r->table, &rec);

	if (err)
		return err == -ENOENT ? -EUCLEAN : err;
	refs_snapshot_name(x->store, id, r, name);
	if (r->ref == rec.main_ref)
		snprintf(ret, OBJSTORE_KEY_BYTES_MAX + 1, "%llu/%llu/_ss/%s",
			(unsigned long long)rec.home_db, (unsigned long long)r->table, name);
	else
		snprintf(ret, OBJSTORE_KEY_BYTES_MAX + 1, "%llu/%llu/_refs/%llu/%s",
			(unsigned long long)rec.home_db, (unsigned long long)r->table,
			(unsigned long long)r->ref, name);
	return 0;
}

int refs_object_find(
	struct refs_txn *x, uint64_t table, enum id_kind kind, const char *name, uint64_t *ret_id)
{
	char whole[ID_NAME_BYTES_MAX];
	uint8_t uuid[UUID_BYTES];
	struct stage_list staged cleanup(stage_list_deinit) = {0};
	struct rec_segment g;
	struct rec_block b;
	struct id_space space;
	enum id_kind named;
	uint64_t ms, id;
	int r;

	if (id_of_name(name, &named, uuid) || id_of_uuid(uuid, &space, &ms, &id))
		return -ENOENT;
	if (kind == ID_SEGMENT) {
		r = rec_segment_get(x->kv, id, &g);
		if (!r)
			refs_segment_name(x->store, id, &g, whole);
	} else {
		r = rec_block_get(x->kv, id, &b);
		if (!r)
			refs_block_name(x->store, id, &b, whole);
	}
	if (r)
		return r;
	if (strcmp(name, whole) != 0 || (kind == ID_SEGMENT ? g.table : b.table) != table)
		return -ENOENT;
	r = refs_stage_list(x, table, &staged);
	if (!r && stage_list_has(&staged, id))
		r = -ENOENT;
	*ret_id = id;
	return r;
}
