/*
 * The transaction that moves a head. Everything it writes was encoded before it began.
 * Rules of the protocol carried out here: fence, final (tests/models/bough_model.py).
 */
#include "refs/commit_impl.h"
#include "meta/tree.h"
#include "refs/data.h"
#include "refs/edit.h"
#include "refs/plan_impl.h"
#include "refs/ref.h"
#include "refs/ref_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ERROR_TAG_READ_ONLY 3905

int commit_check_kind(const struct rec_ref *ref, struct bough_error *error)
{
	if (ref->kind != REC_REF_TAG)
		return 0;
	error_set(error, -EROFS, "'%s' is a tag: it never changes", ref->name);
	error_hint(error, -EROFS, "make a branch of it and write to that");
	error_number(error, ERROR_TAG_READ_ONLY);
	return -EROFS;
}

int commit_open_ref(
	struct refs_txn *x, uint64_t ref, struct rec_ref *ret, struct bough_error *error)
{
	int r = refs_ref_open(x, ref, ret, error);

	if (r == -ENOENT) {
		error_set(error, r, "the branch was dropped in the meantime");
		return error_hint(error, r, "'bough branch undrop' brings it back");
	}
	return r ? r : commit_check_kind(ret, error);
}

static int put_index(struct kv_txn *t, struct key k)
{
	return rec_mark(t, &k);
}

static void block_name(const struct commit_block *b, char ret[static REC_NAME_BYTES_MAX + 1])
{
	snprintf(ret, REC_NAME_BYTES_MAX + 1, "%.*s", (int)b->entry.name.len,
		(const char *)b->entry.name.data);
}

/* Rule final: an edge only to what has a record now. */
static int share_block(struct kv_txn *t, const struct commit_block *b)
{
	struct key k = key_u64(KEY_BLOCK, b->id);
	int r = rec_exists(t, &k);

	return r ? r : rec_count_add(t, KEY_BLOCK, b->id);
}

static int put_block(struct kv_txn *t, const struct commit_block *b, uint64_t segment)
{
	char name[REC_NAME_BYTES_MAX + 1];
	int r;

	if (b->state != COMMIT_BLOCK_NEW)
		r = share_block(t, b);
	else
		r = rec_block_put(t, b->id, &b->rec);
	if (!r && b->state == COMMIT_BLOCK_NEW)
		r = put_index(t, key_u64_u64(KEY_BLOCK_IN, b->rec.table, b->id));
	if (!r)
		r = put_index(t, key_u64_u64(KEY_HOLDER, b->id, segment));
	if (r || b->state == COMMIT_BLOCK_SHARED)
		return r;
	block_name(b, name);
	return put_index(t, key_file(b->rec.table, name, b->id));
}

static int put_segment(struct kv_txn *t, const struct commit_segment *g)
{
	struct key v4 = key_u64(KEY_SEGMENT_V4, g->id);
	int r = rec_segment_put(t, g->id, &g->rec, g->entries);

	if (!r)
		r = kv_put(t, KV_BULK, key_slice(&v4), buf_slice(&g->v4));
	return r ? r : put_index(t, key_u64_u64(KEY_SEGMENT_IN, g->rec.table, g->id));
}

int commit_put_one(struct kv_txn *t, const struct commit_segment *g, uint32_t at)
{
	return at < g->rec.blocks ? put_block(t, &g->blocks[at], g->id) : put_segment(t, g);
}

static int del_key(struct kv_txn *t, enum kv_db db, struct key k)
{
	int r = kv_del(t, db, key_slice(&k));

	return r == -ENOENT ? 0 : r;
}

/* The holder's record is there if and only if the reference is. */
static int unshare_block(struct kv_txn *t, const struct commit_block *b, uint64_t segment)
{
	struct key holder = key_u64_u64(KEY_HOLDER, b->id, segment);
	uint32_t left;
	int r = kv_del(t, KV_BULK, key_slice(&holder));

	if (r)
		return r == -ENOENT ? 0 : r;
	r = rec_count_sub(t, KEY_BLOCK, b->id, &left);
	return !r && !left ? -EBUSY : r;
}

int commit_del_one(struct kv_txn *t, const struct commit_segment *g, uint32_t at)
{
	const struct commit_block *b = &g->blocks[at];
	char name[REC_NAME_BYTES_MAX + 1];
	int r;

	if (at == g->rec.blocks) {
		r = del_key(t, KV_BULK, key_u64(KEY_SEGMENT_V4, g->id));
		if (!r)
			r = del_key(t, KV_BULK, key_u64_u64(KEY_SEGMENT_IN, g->rec.table, g->id));
		return r ? r : del_key(t, KV_BULK, key_u64(KEY_SEGMENT, g->id));
	}
	if (b->state != COMMIT_BLOCK_NEW)
		return unshare_block(t, b, g->id);
	block_name(b, name);
	r = del_key(t, KV_BULK, key_file(b->rec.table, name, b->id));
	if (!r)
		r = del_key(t, KV_BULK, key_u64_u64(KEY_HOLDER, b->id, g->id));
	if (!r)
		r = del_key(t, KV_BULK, key_u64_u64(KEY_BLOCK_IN, b->rec.table, b->id));
	return r ? r : del_key(t, KV_BULK, key_u64(KEY_BLOCK, b->id));
}

static int put_records(struct kv_txn *t, struct commit_segment *g)
{
	int r = 0;

	for (uint32_t i = 0; i <= g->rec.blocks && !r; i++)
		r = commit_put_one(t, g, i);
	return r;
}

static int take_key(void *arg, const struct tree_entry *e)
{
	*(uint64_t *)arg = e->key;
	return 1;
}

/* Staged segments got their keys earlier: where another commit's stand above them, they get new. */
static int renew_keys(
	struct refs_txn *x, const struct commit_append *c, struct rec_table *table, uint64_t root)
{
	uint64_t last = 0;
	int r = tree_walk_down(x->kv, root, take_key, &last);

	if (r < 0 || last < c->segments[0].rec.key)
		return r < 0 ? r : 0;
	r = 0;
	for (size_t i = 0; i < c->n_segments && !r; i++) {
		struct commit_segment *g = &c->segments[i];

		g->rec.key = table->next_segment_key++;
		r = rec_segment_put(x->kv, g->id, &g->rec, g->entries);
	}
	return r;
}

/* Puts all segments and hangs them into the tree of the old head. */
static int put_segments(struct refs_txn *x, const struct commit_append *c, struct rec_table *table,
	uint64_t old_root, struct rec_snapshot *s)
{
	struct tree_entry *e cleanup(free_p) = calloc(c->n_segments + 1, sizeof *e);
	int r = e ? 0 : -ENOMEM;

	if (!r && c->staged)
		r = renew_keys(x, c, table, old_root);
	for (size_t i = 0; i < c->n_segments && !r; i++) {
		struct rec_segment *g = &c->segments[i].rec;

		if (!c->staged)
			g->key = table->next_segment_key++;
		else if (table->next_segment_key <= g->key)
			table->next_segment_key = g->key + 1;
		e[i] = (struct tree_entry){g->key, c->segments[i].id, g->rows, g->file_bytes};
		s->rows += g->rows;
		s->bytes += g->bytes;
		s->file_bytes += g->file_bytes;
		s->blocks += g->blocks;
		s->metas += g->metas;
		s->segments++;
		r = c->staged ? 0 : put_records(x->kv, &c->segments[i]);
	}
	if (!r && c->staged)
		r = stage_unmark(x, s->table, c->staged);
	return r ? r : tree_append(x->kv, old_root, e, c->n_segments, &s->root);
}

static int put_schema(struct refs_txn *x, const struct schema *schema, uint64_t *ret_id)
{
	struct buf b auto_buf = {0};
	struct key k;
	int r = rec_next_id(x->kv, 1, ret_id);

	if (!r)
		r = schema_encode(schema, &b);
	if (r)
		return r;
	k = key_u64(KEY_SCHEMA, *ret_id);
	return kv_put(x->kv, KV_HOT, key_slice(&k), buf_slice(&b));
}

/* The parent's sums and identity, from which the new snapshot goes on. */
static int start_snapshot(struct refs_txn *x, uint64_t ref_id, const struct rec_ref *ref,
	struct rec_table *table, struct rec_snapshot *s, struct rec_snapshot *ret_head)
{
	struct rec_snapshot head = {0};
	int r = ref->head ? rec_snapshot_get(x->kv, ref->head, &head) : 0;

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	*ret_head = head;
	s->table = ref->table;
	s->ref = ref_id;
	s->parent = ref->head;
	s->parent_timestamp_us = head.timestamp_us;
	s->parent_incarnation = head.incarnation;
	s->incarnation = x->store->ids.incarnation;
	s->schema = ref->schema;
	s->rows = head.rows;
	s->bytes = head.bytes;
	s->file_bytes = head.file_bytes;
	s->blocks = head.blocks;
	s->metas = head.metas;
	s->segments = head.segments;
	s->seq = table->next_snapshot_seq++;
	/* names sort by commit: a clock that went back does not bring an older name */
	s->timestamp_us = x->now_us;
	if (s->timestamp_us <= table->last_timestamp_us)
		s->timestamp_us = table->last_timestamp_us + 1;
	table->last_timestamp_us = s->timestamp_us;
	return 0;
}

static int measure(struct refs_txn *x, uint64_t id, const struct rec_table *table,
	const struct schema *schema, struct rec_snapshot *s)
{
	struct codec_snapshot c cleanup(codec_snapshot_deinit) = {0};
	int r = snapshot_codec(x->store, id, s, schema, &c);

	if (r)
		return r;
	return codec_snapshot_size(
		&c, s->segments, segment_path_bytes(x->store, s->table, table), &s->v4_size);
}

/* The new snapshot becomes the head: record, link, ref, table. */
static int link_head(struct refs_txn *x, uint64_t ref_id, struct rec_ref *ref,
	struct rec_table *table, uint64_t id, const struct rec_snapshot *s)
{
	int r = rec_snapshot_put(x->kv, id, s);

	if (!r)
		r = refs_link_add(x, ref_id, id);
	ref->head = id;
	ref->schema = s->schema;
	ref->version = table->objects_version = x->commit;
	ref->changed_us = table->objects_changed_us = x->now_us;
	if (!r)
		r = rec_ref_put(x->kv, ref_id, ref);
	if (!r)
		r = rec_table_put(x->kv, s->table, table);
	if (!r)
		r = change_add(&x->changes, CHANGE_REF, ref_id);
	return r ? r : change_add(&x->changes, CHANGE_OBJECTS, s->table);
}

/** The records that a commit reads first and writes last. */
struct committing {
	struct rec_ref ref;
	struct rec_table table;
	struct rec_snapshot head, s;
};

static int begin_commit(struct refs_txn *x, uint64_t ref, struct committing *c)
{
	int r = rec_table_get(x->kv, c->ref.table, &c->table);

	return r ? r : start_snapshot(x, ref, &c->ref, &c->table, &c->s, &c->head);
}

static int end_commit(struct refs_txn *x, uint64_t ref, struct committing *c,
	const struct schema *schema, uint64_t *ret_snapshot)
{
	uint64_t id;
	int r = rec_next_id(x->kv, 1, &id);

	if (!r)
		r = measure(x, id, &c->table, schema, &c->s);
	if (!r)
		r = link_head(x, ref, &c->ref, &c->table, id, &c->s);
	if (!r)
		*ret_snapshot = id;
	return r;
}

static void set_texts(struct rec_snapshot *s, const char *author, const char *message)
{
	snprintf(s->author, sizeof s->author, "%s", author ? author : "");
	snprintf(s->message, sizeof s->message, "%s", message ? message : "");
}

static int take_name(struct refs_txn *x, uint64_t ref, uint64_t root, const struct commit_block *b)
{
	char name[REC_NAME_BYTES_MAX + 1];
	uint64_t younger;
	int r;

	block_name(b, name);
	r = refs_data_called(x, b->rec.table, root, name, b->id, &younger);
	if (!r)
		r = change_add_gone(&x->changes, CHANGE_IN_DATA, ref, name);
	return r == -ENOENT ? 0 : r;
}

/*
 * Of blocks with one name the oldest shows it, and that is a new one where others were committed
 * while it was taken in: then the name means another block than before. Those others are in no head
 * that is older than the new block's id.
 */
static int take_names(
	struct refs_txn *x, const struct commit_append *c, uint64_t head, uint64_t root)
{
	int r = 0;

	if (c->has_free_names)
		return 0;
	if (c->staged) /* too many to look at each */
		return head > c->staged->first ? change_add(&x->changes, CHANGE_ALL, 0) : 0;
	for (size_t i = 0; i < c->n_segments; i++)
		for (uint32_t at = 0; at < c->segments[i].rec.blocks && !r; at++)
			if (head > c->segments[i].blocks[at].id)
				r = take_name(x, c->ref, root, &c->segments[i].blocks[at]);
	return r;
}

int commit_append(struct refs_txn *x, const struct commit_append *c, uint64_t *ret_snapshot,
	uint64_t *ret_timestamp_us, struct bough_error *error)
{
	struct committing k = {.s.operation = REC_OP_APPEND};
	int r = commit_open_ref(x, c->ref, &k.ref, error);

	if (r)
		return r;
	if (k.ref.schema != c->schema_id)
		return -EAGAIN; /* matched against another schema */
	if (!k.ref.schema)
		r = put_schema(x, c->schema, &k.ref.schema);
	if (!r)
		r = begin_commit(x, c->ref, &k);
	if (!r)
		r = take_names(x, c, k.ref.head, k.head.root);
	set_texts(&k.s, c->author, c->message);
	/* made for another head the fold is left out: the next append makes up for it */
	if (!r && c->fold && c->fold->n_segments && c->fold->head == k.ref.head)
		r = plan_apply(x, c->fold, k.head.root, &k.table, &k.s);
	else if (!r)
		r = put_segments(x, c, &k.table, k.head.root, &k.s);
	if (!r)
		r = end_commit(x, c->ref, &k, c->schema, ret_snapshot);
	if (!r)
		*ret_timestamp_us = k.s.timestamp_us;
	return r;
}

int commit_change(struct refs_txn *x, const struct commit_change *c, struct commit_changed *ret,
	struct bough_error *error)
{
	struct committing k = {.s.operation = (uint8_t)c->operation};
	struct commit_changed made = {0};
	uint64_t ref = c->plan->ref, old;
	int r = commit_open_ref(x, ref, &k.ref, error);

	if (!r && (k.ref.schema != c->plan->schema || (k.ref.head != c->plan->head && !c->rebases)))
		r = -EAGAIN;
	old = k.ref.head;
	k.ref.schema = c->schema_id;
	if (!r)
		r = begin_commit(x, ref, &k);
	if (!r && old != c->plan->head)
		r = plan_stands(x, c->plan, k.head.root);
	if (r)
		return r;
	set_texts(&k.s, c->author, c->message);
	made.squashed = c->squash && squash_may(x, c->squash, old, &k.head, &k.s);
	if (made.squashed)
		squash_parent(&k.head, &k.s);
	r = plan_apply(x, c->plan, k.head.root, &k.table, &k.s);
	if (r == -ENOENT)
		return -EAGAIN; /* a block that another ref held is gone */
	if (!r)
		r = end_commit(x, ref, &k, c->schema, &made.snapshot);
	if (!r && made.squashed)
		r = squash_unlink(x, ref, old);
	made.timestamp_us = k.s.timestamp_us;
	if (!r)
		*ret = made;
	return r;
}
