#include "refs/render.h"
#include "meta/tree.h"
#include "refs/ref_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int schema_read(struct refs_txn *x, uint64_t schema, struct schema *ret)
{
	struct key k = key_u64(KEY_SCHEMA, schema);
	struct slice value;
	int r = kv_get(x->kv, KV_HOT, key_slice(&k), &value);

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	return schema_decode(value, ret);
}

size_t segment_path_bytes(const struct refs_store *s, uint64_t table, const struct rec_table *rec)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1];

	refs_object_key(s, rec->home_db, table, ID_SEGMENT, 0, 0, 0, key);
	return strlen(key);
}

int snapshot_codec(const struct refs_store *s, uint64_t id, const struct rec_snapshot *rec,
	const struct schema *schema, struct codec_snapshot *ret)
{
	struct codec_snapshot c = {.has_prev = rec->parent, .timestamp_us = rec->timestamp_us};
	struct id_space space = s->ids;
	int r = schema_copy(schema, &c.schema);

	if (r)
		return r;
	space.incarnation = rec->incarnation;
	id_uuid(space, rec->timestamp_us / 1000, id, c.id);
	space.incarnation = rec->parent_incarnation;
	if (rec->parent)
		id_uuid(space, rec->parent_timestamp_us / 1000, rec->parent, c.prev_id);
	c.prev_version = 4;
	c.prev_table_seq = rec->seq - 1;
	c.summary.row_count = rec->rows;
	c.summary.block_count = rec->metas;
	c.summary.uncompressed_byte_size = rec->bytes;
	c.summary.compressed_byte_size = rec->file_bytes;
	*ret = c;
	return 0;
}

/** The segments of a snapshot, newest first. */
struct segment_list {
	struct refs_txn *x;
	const struct rec_table *table;
	uint64_t table_id;
	struct codec_snapshot *c;
	size_t room;
};

static int add_segment(void *arg, const struct tree_entry *e)
{
	struct segment_list *l = arg;
	struct rec_segment rec;
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	struct codec_location *at = &l->c->segments[l->c->n_segments];
	int r = rec_segment_get(l->x->kv, e->child, &rec);

	if (r || l->c->n_segments == l->room)
		return r && r != -ENOENT ? r : -EUCLEAN;
	refs_object_key(l->x->store, l->table->home_db, l->table_id, ID_SEGMENT, rec.incarnation,
		rec.ms, e->child, key);
	snprintf(at->path, sizeof at->path, "%s", key);
	at->version = 4;
	l->c->n_segments++;
	return 0;
}

static int list_segments(
	struct refs_txn *x, const struct rec_snapshot *rec, struct codec_snapshot *c)
{
	struct rec_table table;
	struct segment_list l = {x, &table, rec->table, c, rec->segments};
	int r = rec_table_get(x->kv, rec->table, &table);

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	c->segments = calloc(rec->segments + 1, sizeof *c->segments);
	if (!c->segments)
		return -ENOMEM;
	r = tree_walk_down(x->kv, rec->root, add_segment, &l);
	if (!r && c->n_segments != rec->segments)
		r = -EUCLEAN;
	return r;
}

static int encode_snapshot(struct refs_txn *x, uint64_t id, const struct rec_snapshot *rec,
	enum codec_compression compression, struct buf *ret)
{
	struct codec_snapshot c cleanup(codec_snapshot_deinit) = {0};
	struct schema schema auto_schema = {0};
	int r = schema_read(x, rec->schema, &schema);

	if (!r)
		r = snapshot_codec(x->store, id, rec, &schema, &c);
	if (!r)
		r = list_segments(x, rec, &c);
	return r ? r : codec_snapshot_encode(&c, compression, ret);
}

int refs_render_snapshot(struct refs_txn *x, uint64_t id, struct buf *ret)
{
	struct rec_snapshot rec;
	size_t before = ret->len;
	int r = rec_snapshot_get(x->kv, id, &rec);

	if (!r)
		r = encode_snapshot(x, id, &rec, CODEC_NONE, ret);
	return r || ret->len - before == rec.v4_size ? r : -EUCLEAN;
}

int refs_render_snapshot_object(struct refs_txn *x, uint64_t id, struct buf *ret)
{
	struct rec_snapshot rec;
	int r = rec_snapshot_get(x->kv, id, &rec);

	return r ? r : encode_snapshot(x, id, &rec, CODEC_ZSTD, ret);
}

int refs_render_segment(struct refs_txn *x, uint64_t id, struct buf *ret)
{
	struct key k = key_u64(KEY_SEGMENT_V4, id);
	struct rec_segment rec;
	struct slice value;
	int r = rec_segment_get(x->kv, id, &rec);
	uint64_t size = r ? 0 : rec.v4_size;

	if (!r)
		r = kv_get(x->kv, KV_BULK, key_slice(&k), &value);
	if (r)
		return r;
	return value.len == size ? buf_append(ret, value.data, value.len) : -EUCLEAN;
}
