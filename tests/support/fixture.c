#include "tests/support/fixture.h"
#include "meta/codec.h"
#include "refs/client.h"
#include "refs/commit_impl.h"
#include "refs/ref_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_ROWS 10
#define BLOCK_BYTES 1000

static void open_store(struct fixture *f)
{
	struct bough_error e = {0};

	if (refs_store_open(f->path, REFS_ROLE_CLI, &f->store, &e)) {
		fprintf(stderr, "fixture: %s\n", e.message);
		abort();
	}
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct bough_error e = {0};

	test_dir_make(f->path);
	if (refs_store_init(f->path, &e)) {
		fprintf(stderr, "fixture: %s\n", e.message);
		return -1;
	}
	open_store(f);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	refs_store_close(f->store);
	test_dir_remove(f->path);
	free(f);
	return 0;
}

void fixture_reopen(struct fixture *f)
{
	refs_store_close(f->store);
	open_store(f);
}

uint64_t fixture_table(struct fixture *f, const char *db, const char *table)
{
	struct refs_txn *x auto_refs_txn = NULL;
	uint64_t d, t;
	int r = refs_begin(f->store, KV_WRITE, &x);

	if (!r && refs_db_lookup(x, db, &d, NULL))
		r = refs_db_create(x, db, &d, NULL);
	if (!r && refs_table_lookup(x, d, table, &t, NULL))
		r = refs_table_create(x, d, table, &t, NULL);
	if (!r)
		r = refs_commit(&x, NULL);
	assert(!r);
	return t;
}

uint64_t fixture_main(struct fixture *f, uint64_t table)
{
	struct refs_txn *x auto_refs_txn = NULL;
	uint64_t ref;

	assert(!refs_begin(f->store, KV_READ, &x));
	assert(!refs_ref_lookup(x, table, NULL, &ref, NULL));
	return ref;
}

/* One Int64 column "id". */
static void make_schema(struct schema *s)
{
	struct schema_type t = {.kind = SCHEMA_INT64, .nullable = true};

	assert(!schema_field_add(s, "id", &t));
}

static void read_schema(struct fixture *f, uint64_t ref, uint64_t *ret_id, struct schema *ret)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_ref rec;

	assert(!refs_begin(f->store, KV_READ, &x));
	assert(!rec_ref_get(x->kv, ref, &rec));
	*ret_id = rec.schema;
	if (rec.schema)
		assert(!schema_read(x, rec.schema, ret));
	else
		make_schema(ret);
}

static void make_block(struct fixture *f, uint64_t table, const struct client_ids *ids, unsigned at,
	struct commit_block *b, char *name, struct codec_block *meta)
{
	struct rec_table rec;
	struct refs_txn *x auto_refs_txn = NULL;
	char key[OBJSTORE_KEY_BYTES_MAX + 1];

	assert(!refs_begin(f->store, KV_READ, &x));
	assert(!rec_table_get(x->kv, table, &rec));
	b->id = ids->first + at;
	b->rec = (struct rec_block){.table = table,
		.ms = ids->ms,
		.rows = BLOCK_ROWS,
		.size_bytes = BLOCK_BYTES,
		.raw_bytes = 2 * BLOCK_BYTES,
		.row_groups = 1,
		.incarnation = ids->incarnation};
	sprintf(name, "part-%llu.parquet", (unsigned long long)b->id);
	b->entry = (struct rec_segment_entry){b->id, 1700000000000000, slice_str(name)};
	refs_object_key(
		f->store, rec.home_db, table, ID_BLOCK, ids->incarnation, ids->ms, b->id, key);
	*meta = (struct codec_block){.row_count = BLOCK_ROWS,
		.block_size = 2 * BLOCK_BYTES,
		.file_size = BLOCK_BYTES,
		.location.version = 2,
		.compression = "Zstd",
		.given_name = name,
		.modified_us = b->entry.modified_us};
	snprintf(meta->location.path, sizeof meta->location.path, "%s", key);
}

static void commit_one(struct fixture *f, struct commit_append *c, const struct client_ids *ids,
	uint64_t *ret_snapshot)
{
	struct refs_txn *x auto_refs_txn = NULL;
	uint64_t us;

	assert(!refs_begin(f->store, KV_WRITE, &x));
	assert(!client_fence(x, ids));
	assert(!commit_append(x, c, ret_snapshot, &us, NULL));
	assert(!refs_commit(&x, NULL));
}

uint64_t fixture_append(struct fixture *f, uint64_t table, uint64_t ref, unsigned n)
{
	struct commit_block *blocks = calloc(n, sizeof *blocks);
	struct rec_segment_entry *entries = calloc(n, sizeof *entries);
	struct codec_block *metas = calloc(n, sizeof *metas);
	char(*names)[48] = calloc(n, sizeof *names);
	struct codec_segment seg = {.n_blocks = n, .blocks = metas};
	struct commit_segment g = {.entries = entries, .blocks = blocks};
	struct schema schema auto_schema = {0};
	struct commit_append c = {.ref = ref,
		.schema = &schema,
		.segments = &g,
		.n_segments = 1,
		.author = "tester",
		.message = "made up"};
	struct client_ids ids;
	uint64_t snapshot;

	read_schema(f, ref, &c.schema_id, &schema);
	assert(!client_ids_take(f->store->client, table, n + 1, &ids));
	for (unsigned i = 0; i < n; i++) {
		make_block(f, table, &ids, i, &blocks[i], names[i], &metas[i]);
		entries[i] = blocks[i].entry;
	}
	assert(!codec_segment_encode(&seg, CODEC_ZSTD, &g.v4));
	g.id = ids.first + n;
	g.rec = (struct rec_segment){.table = table,
		.ms = ids.ms,
		.incarnation = ids.incarnation,
		.rows = (uint64_t)n * BLOCK_ROWS,
		.bytes = (uint64_t)n * 2 * BLOCK_BYTES,
		.file_bytes = (uint64_t)n * BLOCK_BYTES,
		.blocks = n,
		.metas = n,
		.v4_size = g.v4.len};
	commit_one(f, &c, &ids, &snapshot);
	buf_deinit(&g.v4);
	free(blocks);
	free(entries);
	free(metas);
	free(names);
	return snapshot;
}

uint64_t fixture_branch(struct fixture *f, uint64_t table, uint64_t source, const char *name)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct refs_create c = {
		.table = table, .name = name, .kind = REC_REF_BRANCH, .source_ref = source};
	uint64_t id;

	assert(!refs_begin(f->store, KV_WRITE, &x));
	assert(!refs_ref_create(x, &c, &id, NULL));
	assert(!refs_commit(&x, NULL));
	return id;
}
