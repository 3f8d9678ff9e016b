#include "tests/support/fixture.h"
#include "meta/codec.h"
#include "refs/client.h"
#include "refs/plan_impl.h"
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

struct fixture_segment {
	struct commit_segment g;
	struct commit_block *blocks;
	struct client_ids ids; /* blocks, then the segment, then FOLD_IDS more */
	char (*names)[48];
};

struct fixture_segment *fixture_segment_new(struct fixture *f, uint64_t table, unsigned n)
{
	struct fixture_segment *s = calloc(1, sizeof *s);
	struct codec_block *metas = calloc(n, sizeof *metas);
	struct codec_segment seg = {.n_blocks = n, .blocks = metas};

	assert(s && metas);
	s->g.blocks = s->blocks = calloc(n, sizeof *s->blocks);
	s->g.entries = calloc(n, sizeof *s->g.entries);
	s->names = calloc(n, sizeof *s->names);
	assert(!client_ids_take(f->store->client, table, n + 1 + FOLD_IDS, &s->ids));
	for (unsigned i = 0; i < n; i++) {
		make_block(f, table, &s->ids, i, &s->blocks[i], s->names[i], &metas[i]);
		s->g.entries[i] = s->blocks[i].entry;
	}
	assert(!codec_segment_encode(&seg, CODEC_ZSTD, &s->g.v4));
	s->g.id = s->ids.first + n;
	s->g.rec = (struct rec_segment){.table = table,
		.ms = s->ids.ms,
		.incarnation = s->ids.incarnation,
		.rows = (uint64_t)n * BLOCK_ROWS,
		.bytes = (uint64_t)n * 2 * BLOCK_BYTES,
		.file_bytes = (uint64_t)n * BLOCK_BYTES,
		.blocks = n,
		.metas = n,
		.v4_size = s->g.v4.len};
	free(metas);
	return s;
}

void fixture_segment_free(struct fixture_segment *s)
{
	if (!s)
		return;
	buf_deinit(&s->g.v4);
	free(s->g.entries);
	free(s->blocks);
	free(s->names);
	free(s);
}

const struct commit_segment *fixture_segment_of(const struct fixture_segment *s)
{
	return &s->g;
}

const struct client_ids *fixture_segment_ids(const struct fixture_segment *s)
{
	return &s->ids;
}

static uint64_t append(struct fixture *f, uint64_t table, uint64_t ref, unsigned n, bool folds)
{
	struct fixture_segment *s cleanup(fixture_segment_free_p) =
		fixture_segment_new(f, table, n);
	struct schema schema auto_schema = {0};
	struct plan fold auto_plan = {0};
	struct client_ids fold_ids = s->ids;
	struct commit_append c = {.ref = ref,
		.schema = &schema,
		.segments = &s->g,
		.n_segments = 1,
		.fold = &fold,
		.author = "tester",
		.message = "made up"};
	uint64_t snapshot;

	read_schema(f, ref, &c.schema_id, &schema);
	fold_ids.first += n + 1;
	if (folds)
		assert(!fold_append(f->store, ref, &s->g, &fold_ids, &fold));
	commit_one(f, &c, &s->ids, &snapshot);
	return snapshot;
}

uint64_t fixture_append(struct fixture *f, uint64_t table, uint64_t ref, unsigned n)
{
	return append(f, table, ref, n, false);
}

uint64_t fixture_append_folded(struct fixture *f, uint64_t table, uint64_t ref, unsigned n)
{
	return append(f, table, ref, n, true);
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
