/* Ids, counts, the queue and directories: records that others are found by. */
#include "meta/record_impl.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define QUEUE_VERSION 1

int rec_next_id(struct kv_txn *t, uint64_t n, uint64_t *ret_first)
{
	struct key k = key_meta(REC_META_NEXT);
	uint64_t next = REC_ID_FIRST;
	int r = number_get(t, &k, ID_MAX + 1, &next);

	assert(n);
	if (r && r != -ENOENT)
		return r;
	if (n > ID_MAX + 1 - next)
		return -EOVERFLOW;
	r = number_put(t, &k, next + n);
	if (!r)
		*ret_first = next;
	return r;
}

int rec_id_peek(struct kv_txn *t, uint64_t *ret_next)
{
	struct key k = key_meta(REC_META_NEXT);
	uint64_t next = REC_ID_FIRST;
	int r = number_get(t, &k, ID_MAX + 1, &next);

	if (r && r != -ENOENT)
		return r;
	*ret_next = next;
	return 0;
}

int rec_count_get(struct kv_txn *t, enum key_kind of, uint64_t id, uint32_t *ret_count)
{
	struct key k = key_count(of, id);
	uint64_t n = 1;
	int r = number_get(t, &k, UINT32_MAX, &n);

	if (r == -ENOENT)
		r = 0;
	else if (!r && n < 2)
		r = -EUCLEAN;
	if (!r)
		*ret_count = (uint32_t)n;
	return r;
}

int rec_count_add(struct kv_txn *t, enum key_kind of, uint64_t id)
{
	struct key k = key_count(of, id);
	uint32_t n;
	int r = rec_count_get(t, of, id, &n);

	if (r)
		return r;
	if (n == UINT32_MAX)
		return -EOVERFLOW;
	return number_put(t, &k, (uint64_t)n + 1);
}

int rec_count_sub(struct kv_txn *t, enum key_kind of, uint64_t id, uint32_t *ret_left)
{
	struct key k = key_count(of, id);
	uint32_t n;
	int r = rec_count_get(t, of, id, &n);

	if (r)
		return r;
	if (n == 2)
		r = kv_del(t, KV_BULK, key_slice(&k));
	else if (n > 2)
		r = number_put(t, &k, n - 1);
	if (!r)
		*ret_left = n - 1;
	return r;
}

int rec_count_put(struct kv_txn *t, enum key_kind of, uint64_t id, uint32_t count)
{
	struct key k = key_count(of, id);
	int r;

	if (count > 1)
		return number_put(t, &k, count);
	r = kv_del(t, KV_BULK, key_slice(&k));
	return r == -ENOENT ? 0 : r;
}

int rec_marker_get(struct kv_txn *t, uint64_t *ret_commit)
{
	struct key k = key_meta(REC_META_MARKER);
	uint64_t commit = 0;
	int r = number_get(t, &k, UINT64_MAX, &commit);

	if (r && r != -ENOENT)
		return r;
	*ret_commit = commit;
	return 0;
}

int rec_marker_put(struct kv_txn *t, uint64_t commit)
{
	struct key k = key_meta(REC_META_MARKER);
	uint64_t before;
	int r = rec_marker_get(t, &before);

	return r || before >= commit ? r : number_put(t, &k, commit);
}

int rec_queue_decode(struct slice value, struct rec_queue *ret)
{
	struct dec d = dec_of(value);
	struct rec_queue q;
	int r;

	if (dec_u8(&d) != QUEUE_VERSION)
		return -EUCLEAN;
	q.kind = dec_u8(&d);
	q.id = dec_varint_max(&d, ID_MAX);
	q.commit = dec_varint(&d);
	if (q.kind < REC_QUEUE_SNAPSHOT || q.kind > REC_QUEUE_SEGMENT)
		return -EUCLEAN;
	r = dec_end(&d);
	if (!r)
		*ret = q;
	return r;
}

int rec_queue_push(struct kv_txn *t, enum rec_queue_kind kind, uint64_t id)
{
	struct key meta = key_meta(REC_META_QUEUE), k;
	struct buf b auto_buf = {0};
	uint64_t at = 0;
	int r = number_get(t, &meta, UINT64_MAX - 1, &at);

	if (r && r != -ENOENT)
		return r;
	r = number_put(t, &meta, at + 1);
	if (!r)
		r = enc_u8(&b, QUEUE_VERSION);
	if (!r)
		r = enc_u8(&b, kind);
	if (!r)
		r = enc_varint(&b, id);
	if (!r)
		r = enc_varint(&b, t->commit);
	k = key_u64(KEY_QUEUE, at);
	return r ? r : kv_put(t, KV_HOT, key_slice(&k), buf_slice(&b));
}

static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	return len && len <= REC_NAME_BYTES_MAX;
}

int rec_dir_lookup(struct kv_txn *t, uint64_t dir, const char *name, uint64_t *ret_child)
{
	struct key k;

	if (!name_valid(name))
		return -ENOENT;
	k = key_name(KEY_NAME, dir, name);
	return number_get(t, &k, ID_MAX, ret_child);
}

int rec_dir_add(struct kv_txn *t, uint64_t dir, const char *name, uint64_t child)
{
	struct key entry = key_u64_u64(KEY_ENTRY, dir, child), k;
	int r;

	if (!name_valid(name) || child > ID_MAX)
		return -EINVAL;
	k = key_name(KEY_NAME, dir, name);
	r = rec_exists(t, &k);
	if (r == -ENOENT)
		r = rec_exists(t, &entry);
	if (r != -ENOENT)
		return r ? r : -EEXIST;
	r = number_put(t, &k, child);
	return r ? r : kv_put(t, KV_HOT, key_slice(&entry), slice_str(name));
}

int rec_dir_remove(struct kv_txn *t, uint64_t dir, const char *name, uint64_t child)
{
	struct key entry = key_u64_u64(KEY_ENTRY, dir, child), k;
	uint64_t found;
	int r = rec_dir_lookup(t, dir, name, &found);

	if (r)
		return r;
	if (found != child)
		return -ENOENT;
	k = key_name(KEY_NAME, dir, name);
	r = kv_del(t, KV_HOT, key_slice(&entry));
	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	return kv_del(t, KV_HOT, key_slice(&k));
}
