/*
 * A segment's value: version and fields, then for each block the end of its entry as u32 (counted
 * from the first entry), then the entries: block, time, name.
 */
#include "meta/record_impl.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static const struct field segment_fields[] = {
	ID(rec_segment, table),
	SIZE(rec_segment, key),
	TIME(rec_segment, ms),
	SIZE(rec_segment, rows),
	SIZE(rec_segment, bytes),
	SIZE(rec_segment, file_bytes),
	SIZE(rec_segment, v4_size),
	NUMBER(rec_segment, blocks, UINT32_MAX / sizeof(uint32_t)),
	NUMBER(rec_segment, metas, UINT32_MAX),
	NUMBER(rec_segment, incarnation, 0xfff),
};
static const struct layout segment_layout = LAYOUT(1, rec_segment, segment_fields);

/* Where entry @at ends, counted from the first entry. */
static uint32_t entry_end(struct slice entries, uint32_t at)
{
	uint32_t le;

	memcpy(&le, (const uint8_t *)entries.data + at * sizeof le, sizeof le);
	return le32toh(le);
}

int rec_segment_get(struct kv_txn *t, uint64_t id, struct rec_segment *ret)
{
	struct key k = key_u64(KEY_SEGMENT, id);
	struct slice value;
	struct rec_segment s;
	struct dec d;
	size_t table_bytes;
	int r = kv_get(t, KV_BULK, key_slice(&k), &value);

	if (r)
		return r;
	d = dec_of(value);
	layout_decode(&d, &segment_layout, &s);
	if (d.failed)
		return -EUCLEAN;
	s.entries = (struct slice){d.p, d.left};
	table_bytes = s.blocks * sizeof(uint32_t);
	if (d.left < table_bytes)
		return -EUCLEAN;
	if (d.left - table_bytes != (s.blocks ? entry_end(s.entries, s.blocks - 1) : 0))
		return -EUCLEAN;
	*ret = s;
	return 0;
}

int rec_segment_entry_at(const struct rec_segment *s, uint32_t at, struct rec_segment_entry *ret)
{
	size_t table_bytes = s->blocks * sizeof(uint32_t);
	const uint8_t *first = (const uint8_t *)s->entries.data + table_bytes;
	struct rec_segment_entry e;
	uint32_t from, to;
	struct dec d;
	int r;

	if (at >= s->blocks)
		return -EUCLEAN;
	from = at ? entry_end(s->entries, at - 1) : 0;
	to = entry_end(s->entries, at);
	if (from > to || to > s->entries.len - table_bytes)
		return -EUCLEAN;
	d = dec_of((struct slice){first + from, to - from});
	e.block = dec_varint_max(&d, ID_MAX);
	e.modified_us = dec_varint(&d);
	e.name = dec_bytes(&d);
	r = dec_end(&d);
	if (r || e.name.len > REC_NAME_BYTES_MAX)
		return -EUCLEAN;
	*ret = e;
	return 0;
}

static int entry_encode(struct buf *b, const struct rec_segment_entry *e)
{
	int r;

	if (e->name.len > REC_NAME_BYTES_MAX || e->block > ID_MAX)
		return -EINVAL;
	r = enc_varint(b, e->block);
	if (!r)
		r = enc_varint(b, e->modified_us);
	return r ? r : enc_bytes(b, e->name.data, e->name.len);
}

int rec_segment_put(struct kv_txn *t, uint64_t id, const struct rec_segment *r,
	const struct rec_segment_entry *entries)
{
	struct key k = key_u64(KEY_SEGMENT, id);
	struct buf head auto_buf = {0}, tail auto_buf = {0};
	int e = layout_encode(&head, &segment_layout, r);

	for (uint32_t i = 0; i < r->blocks && !e; i++) {
		e = entry_encode(&tail, &entries[i]);
		if (!e)
			e = tail.len > UINT32_MAX ? -EINVAL : enc_u32(&head, (uint32_t)tail.len);
	}
	if (!e)
		e = buf_append(&head, tail.data, tail.len);
	return e ? e : kv_put(t, KV_BULK, key_slice(&k), buf_slice(&head));
}
