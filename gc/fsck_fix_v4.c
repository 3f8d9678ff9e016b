/* Repairs of v4 forms and exported objects: each has a second copy, or is made from records. */
#include "gc/fsck_impl.h"
#include "refs/render.h"
#include "refs/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Where the object of @id lies by its record. Return: 0, FSCK_CANNOT, or an error. */
static int object_key(struct fsck *f, uint64_t id, char ret[static OBJSTORE_KEY_BYTES_MAX + 1])
{
	struct rec_snapshot s;
	struct rec_segment g;
	int r;

	switch (fsck_peek(f, id)->kind) {
	case FSCK_SEGMENT:
		r = rec_segment_get(f->t, id, &g);
		if (!r)
			r = refs_segment_key(f->x, id, &g, ret);
		break;
	case FSCK_SNAPSHOT:
		r = rec_snapshot_get(f->t, id, &s);
		if (!r)
			r = refs_snapshot_key(f->x, id, &s, ret);
		break;
	default:
		return FSCK_CANNOT;
	}
	return r == -EUCLEAN || r == -ENOENT ? FSCK_CANNOT : r;
}

/* The mark says where an object lies: made anew where there is one. */
int fsck_fix_exported(struct fsck *f, const struct fsck_fix *x)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	struct key mark = key_u64(KEY_EXPORTED, x->a);
	struct objstore_stat st;
	int r = object_key(f, x->a, key);

	if (!r)
		r = objstore_stat(f->store->objects, key, &st);
	if (r)
		return r == -ENOENT ? FSCK_CANNOT : r;
	return kv_put(f->t, KV_BULK, key_slice(&mark), slice_str(key));
}

/* An exported object that is not there is written again, as the records make it. */
int fsck_fix_object(struct fsck *f, const struct fsck_fix *x)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	struct buf body auto_buf = {0};
	int r = object_key(f, x->a, key);

	if (r)
		return r;
	if (fsck_is(f, x->a, FSCK_SEGMENT))
		r = refs_render_segment(f->x, x->a, &body);
	else
		r = refs_render_snapshot_object(f->x, x->a, &body);
	if (!r)
		r = objstore_put(f->store->objects, key, buf_slice(&body));
	return r == -EEXIST || r == -EUCLEAN || r == -ENOENT ? FSCK_CANNOT : r;
}

/* The exported object of a segment is the same bytes as its record's. */
int fsck_fix_v4(struct fsck *f, const struct fsck_fix *x)
{
	struct key v4 = key_u64(KEY_SEGMENT_V4, x->a);
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	struct buf body auto_buf = {0};
	struct rec_segment g;
	int r = object_key(f, x->a, key);

	if (!r)
		r = rec_segment_get(f->t, x->a, &g);
	if (!r)
		r = objstore_get(f->store->objects, key, CODEC_PAYLOAD_BYTES_MAX, &body);
	if (r == -ENOENT || r == -EFBIG || r == -EUCLEAN)
		return FSCK_CANNOT;
	if (!r)
		r = fsck_segment_fits(f, &g, buf_slice(&body)) ? 0 : FSCK_CANNOT;
	return r ? r : kv_put(f->t, KV_BULK, key_slice(&v4), buf_slice(&body));
}

/* The size is that of what is rendered: nothing else says it. */
int fsck_fix_v4_size(struct fsck *f, const struct fsck_fix *x)
{
	struct buf b auto_buf = {0};
	struct rec_snapshot rec;
	uint64_t before;
	int r = rec_snapshot_get(f->t, x->a, &rec);

	if (r)
		return r == -EUCLEAN ? FSCK_CANNOT : r;
	before = rec.v4_size;
	r = refs_render_snapshot(f->x, x->a, &b);
	if (r != -EUCLEAN || !b.len)
		return r ? FSCK_CANNOT : 0;
	rec.v4_size = b.len;
	r = rec_snapshot_put(f->t, x->a, &rec);
	b.len = 0;
	if (r || !refs_render_snapshot(f->x, x->a, &b))
		return r;
	rec.v4_size = before; /* it is something else that is wrong */
	r = rec_snapshot_put(f->t, x->a, &rec);
	return r ? r : FSCK_CANNOT;
}
