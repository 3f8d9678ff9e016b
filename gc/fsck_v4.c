/* The v4 forms: a segment's stored object and a snapshot's rendered one, against the records. */
#include "gc/fsck_impl.h"
#include "refs/render.h"
#include "refs/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ID(id) ((unsigned long long)(id))

/* The next block metas are the row groups of entry @e. Return: is it so? */
static bool check_block(struct fsck *f, const struct rec_segment *g,
	const struct rec_segment_entry *e, const struct codec_segment *v4, size_t *at)
{
	const struct fsck_table *t = &f->tables[fsck_table_of(f, g->table) - 1];
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	struct rec_block rec;
	uint64_t rows = 0;

	if (rec_block_get(f->t, e->block, &rec))
		return true; /* said elsewhere */
	refs_object_key(
		f->store, t->home_db, g->table, ID_BLOCK, rec.incarnation, rec.ms, e->block, key);
	for (uint32_t i = 0; i < rec.row_groups; i++, (*at)++) {
		const struct codec_block *b = &v4->blocks[*at];

		if (*at >= v4->n_blocks || strcmp(b->location.path, key) ||
			b->file_size != rec.size_bytes || !b->given_name ||
			!slice_equal(slice_str(b->given_name), e->name) ||
			b->modified_us != e->modified_us)
			return false;
		rows += b->row_count;
	}
	return rows == rec.rows;
}

static bool check_blocks(
	struct fsck *f, const struct rec_segment *g, const struct codec_segment *v4)
{
	size_t at = 0;

	for (uint32_t i = 0; i < g->blocks; i++) {
		struct rec_segment_entry e;

		if (rec_segment_entry_at(g, i, &e) || !check_block(f, g, &e, v4, &at))
			return false;
	}
	return at == v4->n_blocks && v4->summary.row_count == g->rows;
}

bool fsck_segment_fits(struct fsck *f, const struct rec_segment *g, struct slice v4)
{
	struct codec_segment c cleanup(codec_segment_deinit) = {0};
	struct bough_error error = {0};

	return v4.len == g->v4_size && !codec_segment_decode(v4, &c, &error) &&
	       check_blocks(f, g, &c);
}

static void say_v4(struct fsck *f, uint64_t id, const char *what)
{
	fsck_say(f, "segment %012llx of %s: its v4 object %s", ID(id),
		fsck_label(f, fsck_peek(f, id)->table), what);
	fsck_fix(f, FSCK_ADDS, fsck_fix_v4, id, 0);
}

int fsck_segment_v4(struct fsck *f, uint64_t id, const struct rec_segment *g)
{
	struct codec_segment v4 cleanup(codec_segment_deinit) = {0};
	struct bough_error error = {0};
	struct key k = key_u64(KEY_SEGMENT_V4, id);
	struct slice value;
	char what[sizeof error.message + 32];
	int r = kv_get(f->t, KV_BULK, key_slice(&k), &value);

	if (r == -ENOENT) {
		say_v4(f, id, "is missing");
		return 0;
	}
	if (!r && value.len != g->v4_size) {
		snprintf(what, sizeof what, "has %zu bytes, not %llu", value.len, ID(g->v4_size));
		say_v4(f, id, what);
	}
	if (!r)
		r = codec_segment_decode(value, &v4, &error);
	if (r == -ENOMEM)
		return r;
	if (r) {
		snprintf(what, sizeof what, "is damaged: %s",
			*error.message ? error.message : "not the bytes that were written");
		say_v4(f, id, what);
	} else if (!check_blocks(f, g, &v4)) {
		say_v4(f, id, "lists other blocks or rows");
	}
	return 0;
}

int fsck_snapshot_v4(struct fsck *f, uint64_t id)
{
	struct buf b auto_buf = {0};
	struct rec_snapshot rec;
	const struct fsck_sums *s;
	int r = rec_snapshot_get(f->t, id, &rec);

	s = r || !rec.root ? NULL : fsck_sums_find(f, rec.root);
	if (r || (rec.root && (!s || s->is_broken || s->segments != rec.segments)) ||
		!fsck_is(f, rec.schema, FSCK_SCHEMA) ||
		fsck_peek(f, rec.schema)->flags & FSCK_DAMAGED)
		return 0; /* said elsewhere */
	r = refs_render_snapshot(f->x, id, &b);
	if (r == -ENOMEM)
		return r;
	if (!r)
		return 0;
	fsck_say(f, "snapshot %012llx of %s: rendered it has not its v4_size", ID(id),
		fsck_label(f, fsck_peek(f, id)->table));
	fsck_fix(f, FSCK_LAST, fsck_fix_v4_size, id, 0);
	return 0;
}
