/*
 * Blocks and snapshots whose mirrored records did not sum to zero: pair by pair. What should be
 * there is looked up; then what is there is compared with the list of what should be.
 */
#include "gc/fsck_impl.h"

#include <errno.h>
#include <string.h>

#define ID(id) ((unsigned long long)(id))

static int suspect(struct fsck *f, uint64_t id, struct fsck_mark *m)
{
	/* what is staged is mirrored only when all of it is there */
	if (!m->sum || m->flags & FSCK_DAMAGED || fsck_ids_has(&f->staged, id))
		return 0;
	m->flags |= FSCK_SUSPECT;
	f->has_suspects = true;
	return 0;
}

static bool is_suspect(const struct fsck *f, uint64_t id)
{
	return fsck_peek(f, id)->flags & FSCK_SUSPECT;
}

static uint64_t holder_pair(uint64_t block, uint64_t segment)
{
	return fsck_mix(fsck_mix(block, 5), segment);
}

static uint64_t file_pair(uint64_t table, struct slice name, uint64_t block)
{
	return fsck_mix(fsck_mix_name(table, name), block);
}

static int expect(struct fsck *f, uint64_t pair)
{
	if (!array_grow(f->pairs, f->n_pairs, f->pairs_capacity))
		return -ENOMEM;
	f->pairs[f->n_pairs++] = pair;
	return 0;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

static bool expected(const struct fsck *f, uint64_t pair)
{
	return f->n_pairs && bsearch(&pair, f->pairs, f->n_pairs, sizeof pair, compare_u64);
}

static int look_forward(struct fsck *f, uint64_t segment, const struct rec_segment *g,
	const struct rec_segment_entry *e)
{
	struct key holder = key_u64_u64(KEY_HOLDER, e->block, segment), file;
	char name[REC_NAME_BYTES_MAX + 1];
	const char *label = fsck_label(f, fsck_peek(f, e->block)->table);
	uint64_t pair = file_pair(g->table, e->name, e->block);
	int r;

	if (!is_suspect(f, e->block))
		return 0;
	memcpy(name, e->name.data, e->name.len);
	name[e->name.len] = 0;
	if (rec_exists(f->t, &holder)) {
		fsck_say(f, "block %012llx of %s: no holder record for segment %012llx",
			ID(e->block), label, ID(segment));
		fsck_fix_key(f, FSCK_ADDS, fsck_fix_mark, 0, key_slice(&holder));
	}
	file = key_file(g->table, name, e->block);
	if (rec_exists(f->t, &file)) {
		fsck_say(f, "block %012llx of %s: no file name record for '%s'", ID(e->block),
			label, name);
		fsck_fix_key(f, FSCK_ADDS, fsck_fix_mark, 0, key_slice(&file));
	}
	r = expect(f, holder_pair(e->block, segment));
	return r ? r : expect(f, pair);
}

static int on_holder(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t block = key_read_u64(key, 1), segment = key_read_u64(key, 9);

	(void)value;
	if (!is_suspect(f, block) || fsck_ids_has(&f->staged, segment) ||
		expected(f, holder_pair(block, segment)))
		return 0;
	fsck_say(f, "holder record of block %012llx of %s: segment %012llx does not list it",
		ID(block), fsck_label(f, fsck_peek(f, block)->table), ID(segment));
	fsck_fix_key(f, FSCK_LAST, fsck_fix_del, 0, key);
	return 0;
}

static int on_file(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t block = key_read_u64(key, key.len - 8), table = key_read_u64(key, 1);
	struct slice name = {(const uint8_t *)key.data + 9, key.len - 18};

	(void)value;
	if (!is_suspect(f, block) || expected(f, file_pair(table, name, block)))
		return 0;
	fsck_say(f, "file name record '%.*s' of block %012llx of %s: no segment gives it",
		(int)name.len, (const char *)name.data, ID(block),
		fsck_label(f, fsck_peek(f, block)->table));
	fsck_fix_key(f, FSCK_LAST, fsck_fix_del, 0, key);
	return 0;
}

static int on_link(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t ref = key_read_u64(key, 1), id = key_read_u64(key, 9);
	struct key back = key_u64_u64(KEY_LINK_OF, id, ref);

	(void)value;
	if (!is_suspect(f, id) || fsck_peek(f, ref)->links || !rec_exists(f->t, &back))
		return 0;
	fsck_say(f, "snapshot %012llx of %s: no reverse link to ref %012llx", ID(id),
		fsck_label(f, fsck_peek(f, id)->table), ID(ref));
	fsck_fix_key(f, FSCK_ADDS, fsck_fix_mark, 0, key_slice(&back));
	return 0;
}

static int on_link_of(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1), ref = key_read_u64(key, 9);
	struct key there = key_u64_u64(KEY_LINK, ref, id);

	(void)value;
	if (!is_suspect(f, id) || (!fsck_peek(f, ref)->links && !rec_exists(f->t, &there)))
		return 0;
	fsck_say(f, "reverse link of snapshot %012llx of %s: ref %012llx has no such link", ID(id),
		fsck_label(f, fsck_peek(f, id)->table), ID(ref));
	fsck_fix_key(f, FSCK_LAST, fsck_fix_del, 0, key);
	return 0;
}

int fsck_suspects(struct fsck *f)
{
	static const struct {
		enum key_kind kind;
		fsck_record_fn fn;
	} all[] = {{KEY_HOLDER, on_holder}, {KEY_FILE, on_file}, {KEY_LINK, on_link},
		{KEY_LINK_OF, on_link_of}};
	int r = fsck_each(f, suspect);

	if (r || !f->has_suspects)
		return r;
	fsck_stage(f, "what differs");
	r = fsck_entries(f, look_forward);
	if (!r && f->n_pairs)
		qsort(f->pairs, f->n_pairs, sizeof *f->pairs, compare_u64);
	for (size_t i = 0; i < ARRAY_SIZE(all) && !r; i++)
		r = fsck_scan(f, all[i].kind, all[i].fn);
	return r;
}
