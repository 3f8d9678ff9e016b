#include "tests/support/mkstore.h"
#include "meta/codec.h"
#include "meta/tree.h"
#include "refs/ref.h"
#include "refs/ref_impl.h"
#include "refs/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SEGMENTS_PER_SLICE 20
#define ROWS_PER_BLOCK 1000000
#define NAME_BYTES 24
#define DECIMAL_PRECISION 15
#define DECIMAL_SCALE 2

static const struct {
	const char *name;
	enum schema_kind kind;
} columns[MKSTORE_COLUMNS] = {{"id", SCHEMA_INT64}, {"at", SCHEMA_TIMESTAMP}, {"day", SCHEMA_DATE},
	{"customer", SCHEMA_STRING}, {"quantity", SCHEMA_INT32}, {"price", SCHEMA_FLOAT64},
	{"amount", SCHEMA_DECIMAL128}, {"status", SCHEMA_STRING}};

struct maker {
	struct refs_store *store;
	const struct mkstore_options *options;
	uint64_t table, db, ref, ms, random;
	struct schema schema;	    /* owned */
	struct tree_entry *entries; /* owned */
	uint64_t n_entries, blocks_done, segment_blocks;
	struct rec_snapshot snapshot;
};

/** The blocks of one segment, before they are written. */
struct batch {
	uint64_t first, n, segment;
	struct rec_block recs[MKSTORE_SEGMENT_BLOCKS];
	struct rec_segment_entry entries[MKSTORE_SEGMENT_BLOCKS];
	char names[MKSTORE_SEGMENT_BLOCKS][NAME_BYTES];
};

/* xorshift: the same store each time. */
static uint64_t next_random(struct maker *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random;
}

static int make_schema(struct schema *ret)
{
	int r = 0;

	for (size_t i = 0; i < MKSTORE_COLUMNS && !r; i++) {
		struct schema_type type = {.kind = columns[i].kind, .nullable = true};

		if (type.kind == SCHEMA_DECIMAL128) {
			type.precision = DECIMAL_PRECISION;
			type.scale = DECIMAL_SCALE;
		}
		r = schema_field_add(ret, columns[i].name, &type);
	}
	return r;
}

static int string_value(const char *prefix, uint64_t n, bool is_max, struct stats_value *ret)
{
	char text[40];

	snprintf(text, sizeof text, "%s%08llu", prefix, (unsigned long long)n);
	return stats_string_bound(slice_str(text), is_max, ret);
}

/* Minimum or maximum of column @at in the block that begins at row @row. */
static int make_value(struct maker *m, size_t at, uint64_t row, bool is_max, struct stats_value *v)
{
	uint64_t random = next_random(m), end = row + (is_max ? ROWS_PER_BLOCK - 1 : 0);

	*v = (struct stats_value){.kind = columns[at].kind};
	switch (at) {
	case 0:
		v->i = (int64_t)end;
		return 0;
	case 1:
		v->i = INT64_C(1700000000000000) + (int64_t)(end * 1000 + random % 1000);
		return 0;
	case 2:
		v->i = 19000 + (int64_t)(end / 50000000);
		return 0;
	case 3:
		return string_value("customer-", random % 1000 + (is_max ? 9000 : 0), is_max, v);
	case 4:
		v->i = is_max ? 50 + (int64_t)(random % 50) : (int64_t)(random % 3);
		return 0;
	case 5:
		v->f = is_max ? 900 + (double)(random % 9999) / 100 : (double)(random % 99) / 100;
		return 0;
	case 6:
		v->precision = DECIMAL_PRECISION;
		v->scale = DECIMAL_SCALE;
		v->decimal[28] = is_max;
		for (size_t i = 29; i < 32; i++)
			v->decimal[i] = (uint8_t)(random >> (8 * i % 64));
		return 0;
	default:
		return string_value(is_max ? "shipped" : "cancelled", random % 3, is_max, v);
	}
}

static int make_stats(struct maker *m, uint64_t row, struct stats *ret)
{
	int r = 0;

	ret->columns = calloc(MKSTORE_COLUMNS, sizeof *ret->columns);
	if (!ret->columns)
		return -ENOMEM;
	ret->n = MKSTORE_COLUMNS;
	for (size_t i = 0; i < MKSTORE_COLUMNS && !r; i++) {
		struct stats_column *c = &ret->columns[i];

		*c = (struct stats_column){.leaf_id = (uint32_t)i,
			.has_range = true,
			.null_count = i ? next_random(m) % 100 : 0,
			.in_memory_size = ROWS_PER_BLOCK * 8,
			.distinct = -1};
		r = make_value(m, i, row, false, &c->min);
		if (!r)
			r = make_value(m, i, row, true, &c->max);
	}
	return r;
}

static int make_columns(struct maker *m, struct codec_block *b)
{
	uint64_t at = 4;

	b->columns = calloc(MKSTORE_COLUMNS, sizeof *b->columns);
	if (!b->columns)
		return -ENOMEM;
	b->n_columns = MKSTORE_COLUMNS;
	for (size_t i = 0; i < MKSTORE_COLUMNS; i++) {
		uint64_t len = 1000000 + next_random(m) % 500000;

		b->columns[i] = (struct codec_column){(uint32_t)i, at, len, ROWS_PER_BLOCK};
		at += len;
	}
	return 0;
}

static int put_object(struct maker *m, const char *key, struct rec_block *rec)
{
	struct buf body auto_buf = {0};
	int r = buf_printf(&body, "PAR1 object %s PAR1", key);

	if (!r && m->options->object_bytes > body.len)
		r = buf_reserve(&body, m->options->object_bytes - body.len);
	while (!r && body.len < m->options->object_bytes) {
		uint64_t word = next_random(m);

		r = buf_append(&body, &word, sizeof word);
	}
	rec->size_bytes = body.len;
	if (!r)
		r = sha256_of(buf_slice(&body), rec->sha256);
	return r ? r : objstore_put(m->store->objects, key, buf_slice(&body));
}

static int make_block(struct maker *m, struct batch *b, size_t i, struct codec_block *v4)
{
	struct rec_block *rec = &b->recs[i];
	uint64_t number = m->blocks_done + i, id = b->first + i;
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	int r;

	*rec = (struct rec_block){.table = m->table,
		.ms = m->ms,
		.rows = ROWS_PER_BLOCK,
		.size_bytes = 9000000 + next_random(m) % 1000000,
		.row_groups = 1,
		.raw_bytes = ROWS_PER_BLOCK * 64,
		.incarnation = m->store->ids.incarnation};
	for (size_t w = 0; w < SHA256_BYTES; w += 8) {
		uint64_t word = next_random(m);

		memcpy(rec->sha256 + w, &word, sizeof word);
	}
	snprintf(b->names[i], NAME_BYTES, "part-%08llu.parquet", (unsigned long long)number);
	b->entries[i] =
		(struct rec_segment_entry){id, m->ms * 1000 + number, slice_str(b->names[i])};
	refs_object_key(m->store, m->db, m->table, ID_BLOCK, rec->incarnation, rec->ms, id, key);
	r = m->options->has_objects ? put_object(m, key, rec) : 0;
	*v4 = (struct codec_block){.row_count = rec->rows,
		.block_size = rec->raw_bytes,
		.file_size = rec->size_bytes,
		.compression = "Zstd",
		.modified_us = b->entries[i].modified_us};
	snprintf(v4->location.path, sizeof v4->location.path, "%s", key);
	v4->location.version = 2;
	v4->given_name = strdup(b->names[i]);
	if (!r)
		r = v4->given_name ? make_columns(m, v4) : -ENOMEM;
	return r ? r : make_stats(m, number * ROWS_PER_BLOCK, &v4->stats);
}

static int mark2(struct kv_txn *t, enum key_kind kind, uint64_t a, uint64_t b)
{
	struct key k = key_u64_u64(kind, a, b);

	return rec_mark(t, &k);
}

static int put_block(struct maker *m, struct kv_txn *t, const struct batch *b, size_t i)
{
	uint64_t id = b->first + i;
	struct key file = key_file(m->table, b->names[i], id);
	int r = rec_block_put(t, id, &b->recs[i]);

	if (!r)
		r = mark2(t, KEY_BLOCK_IN, m->table, id);
	if (!r)
		r = mark2(t, KEY_HOLDER, id, b->segment);
	return r ? r : rec_mark(t, &file);
}

static int put_batch(struct maker *m, struct kv_txn *t, const struct batch *b,
	struct rec_segment *g, struct slice v4)
{
	struct key k = key_u64(KEY_SEGMENT_V4, b->segment);
	int r = rec_segment_put(t, b->segment, g, b->entries);

	if (!r)
		r = kv_put(t, KV_BULK, key_slice(&k), v4);
	if (!r)
		r = mark2(t, KEY_SEGMENT_IN, m->table, b->segment);
	for (size_t i = 0; i < b->n && !r; i++)
		r = put_block(m, t, b, i);
	m->entries[m->n_entries++] =
		(struct tree_entry){g->key, b->segment, g->rows, g->file_bytes};
	m->snapshot.rows += g->rows;
	m->snapshot.bytes += g->bytes;
	m->snapshot.file_bytes += g->file_bytes;
	m->snapshot.blocks += g->blocks;
	m->snapshot.metas += g->metas;
	m->snapshot.segments++;
	return r;
}

static int make_segment(struct maker *m, struct kv_txn *t, struct batch *b)
{
	struct codec_segment v4 cleanup(codec_segment_deinit) = {0};
	struct buf out auto_buf = {0};
	struct rec_segment g = {.table = m->table,
		.key = m->n_entries + 1,
		.ms = m->ms,
		.incarnation = m->store->ids.incarnation};
	int r = rec_next_id(t, b->n + 1, &b->first);

	b->segment = b->first + b->n;
	v4.blocks = calloc(b->n, sizeof *v4.blocks);
	if (!v4.blocks)
		return -ENOMEM;
	for (size_t i = 0; i < b->n && !r; i++) {
		v4.n_blocks++;
		r = make_block(m, b, i, &v4.blocks[i]);
		g.rows += b->recs[i].rows;
		g.bytes += b->recs[i].raw_bytes;
		g.file_bytes += b->recs[i].size_bytes;
	}
	g.blocks = g.metas = (uint32_t)b->n;
	if (!r)
		r = codec_segment_encode(&v4, CODEC_ZSTD, &out);
	g.v4_size = out.len;
	if (!r)
		r = put_batch(m, t, b, &g, buf_slice(&out));
	m->blocks_done += b->n;
	return r;
}

static int make_slice(struct maker *m, struct batch *b)
{
	struct kv_txn *t auto_kv_txn = NULL;
	int r = kv_begin(m->store->kv, KV_WRITE, &t);

	for (int i = 0; i < SEGMENTS_PER_SLICE && !r; i++) {
		uint64_t left = m->options->blocks - m->blocks_done;

		b->n = left < m->segment_blocks ? left : m->segment_blocks;
		if (b->n)
			r = make_segment(m, t, b);
	}
	if (!r)
		r = kv_commit(&t);
	if (m->options->progress)
		m->options->progress(m->options->progress_arg, m->blocks_done, m->options->blocks);
	return r;
}

static int put_schema(struct maker *m, struct kv_txn *t)
{
	struct buf b auto_buf = {0};
	struct key k;
	int r = rec_next_id(t, 1, &m->snapshot.schema);

	if (!r)
		r = schema_encode(&m->schema, &b);
	k = key_u64(KEY_SCHEMA, m->snapshot.schema);
	return r ? r : kv_put(t, KV_HOT, key_slice(&k), buf_slice(&b));
}

static int measure(struct maker *m, uint64_t id, const struct rec_table *table)
{
	struct codec_snapshot c cleanup(codec_snapshot_deinit) = {0};
	struct rec_snapshot *s = &m->snapshot;
	int r = snapshot_codec(m->store, id, s, &m->schema, &c);

	return r ? r
		 : codec_snapshot_size(&c, s->segments,
			   segment_path_bytes(m->store, m->table, table), &s->v4_size);
}

/* The last transaction: schema, tree, snapshot, head. */
static int link_head(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct maker *m = arg;
	struct rec_snapshot *s = &m->snapshot;
	struct rec_table table;
	struct rec_ref ref;
	uint64_t id = 0;
	int r = put_schema(m, x->kv);

	(void)error;
	if (!r)
		r = rec_table_get(x->kv, m->table, &table);
	if (!r)
		r = rec_ref_get(x->kv, m->ref, &ref);
	if (!r)
		r = tree_append(x->kv, 0, m->entries, m->n_entries, &s->root);
	if (!r)
		r = rec_next_id(x->kv, 1, &id);
	if (r)
		return r;
	s->table = m->table;
	s->ref = m->ref;
	s->seq = table.next_snapshot_seq++;
	s->timestamp_us = table.last_timestamp_us = x->now_us;
	s->incarnation = x->store->ids.incarnation;
	table.next_segment_key = m->n_entries + 1;
	table.objects_version = ref.version = x->commit;
	table.objects_changed_us = ref.changed_us = x->now_us;
	ref.head = id;
	ref.schema = s->schema;
	r = measure(m, id, &table);
	if (!r)
		r = rec_snapshot_put(x->kv, id, s);
	if (!r)
		r = refs_link_add(x, m->ref, id);
	if (!r)
		r = rec_ref_put(x->kv, m->ref, &ref);
	return r ? r : rec_table_put(x->kv, m->table, &table);
}

static int make_table(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct maker *m = arg;
	int r = refs_db_create(x, MKSTORE_DB, &m->db, error);

	if (!r)
		r = refs_table_create(x, m->db, MKSTORE_TABLE, &m->table, error);
	return r ? r : refs_ref_lookup(x, m->table, REFS_MAIN, &m->ref, error);
}

static void maker_deinit(struct maker *m)
{
	schema_deinit(&m->schema);
	free(m->entries);
	refs_store_close(m->store);
}

int mkstore_run(const char *path, const struct mkstore_options *options, struct mkstore_made *ret,
	struct bough_error *error)
{
	struct maker m cleanup(maker_deinit) = {.options = options,
		.random = UINT64_C(88172645463325252),
		.segment_blocks = MKSTORE_SEGMENT_BLOCKS};
	struct batch *b cleanup(free_p) = malloc(sizeof *b);
	struct rec_ref ref = {0};
	struct refs_txn *x auto_refs_txn = NULL;
	int r = refs_store_init(path, error);

	if (!r)
		r = refs_store_open(path, REFS_ROLE_CLI, &m.store, error);
	if (options->segment_blocks && options->segment_blocks < MKSTORE_SEGMENT_BLOCKS)
		m.segment_blocks = options->segment_blocks;
	m.entries = calloc(options->blocks / m.segment_blocks + 1, sizeof *m.entries);
	if (!r && (!b || !m.entries))
		r = -ENOMEM;
	if (!r)
		r = make_schema(&m.schema);
	if (!r)
		r = refs_write(m.store, make_table, &m, error);
	if (!r)
		m.ms = m.store->clock->now_us(m.store->clock) / 1000;
	while (!r && m.blocks_done < options->blocks)
		r = make_slice(&m, b);
	if (!r && options->blocks)
		r = refs_write(m.store, link_head, &m, error);
	if (!r)
		r = refs_begin(m.store, KV_READ, &x);
	if (!r)
		r = rec_ref_get(x->kv, m.ref, &ref);
	if (!r && ret)
		*ret = (struct mkstore_made){m.table, m.ref, ref.head, m.n_entries};
	return r ? error_set(error, r, "cannot make the store %s: %s", path, strerror(-r)) : 0;
}
