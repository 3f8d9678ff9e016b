#include "meta/record_impl.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define NUMBER_VERSION 1
#define RECORD_BYTES_MAX 2048 /* in memory */

static uint64_t number_load(const void *p, size_t size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return *(const uint16_t *)p;
	case 4:
		return *(const uint32_t *)p;
	default:
		return *(const uint64_t *)p;
	}
}

static void number_store(void *p, size_t size, uint64_t v)
{
	switch (size) {
	case 1:
		*(uint8_t *)p = (uint8_t)v;
		break;
	case 2:
		*(uint16_t *)p = (uint16_t)v;
		break;
	case 4:
		*(uint32_t *)p = (uint32_t)v;
		break;
	default:
		*(uint64_t *)p = v;
	}
}

static int field_encode(struct buf *b, const struct field *f, const void *p)
{
	uint64_t v;

	switch (f->type) {
	case FIELD_RAW:
		return buf_append(b, p, f->size);
	case FIELD_STRING:
		assert(memchr(p, 0, f->size));
		return enc_str(b, p);
	case FIELD_NUMBER:
		v = number_load(p, f->size);
		return v > f->max ? -EINVAL : enc_varint(b, v);
	}
	return -EINVAL;
}

static void field_decode(struct dec *d, const struct field *f, void *p)
{
	switch (f->type) {
	case FIELD_RAW:
		dec_raw(d, p, f->size);
		break;
	case FIELD_STRING:
		dec_str(d, p, f->size);
		break;
	case FIELD_NUMBER:
		number_store(p, f->size, dec_varint_max(d, f->max));
	}
}

int layout_encode(struct buf *b, const struct layout *l, const void *rec)
{
	int r = enc_u8(b, l->version);

	for (size_t i = 0; i < l->n && !r; i++)
		r = field_encode(b, &l->fields[i], (const uint8_t *)rec + l->fields[i].at);
	return r;
}

void layout_decode(struct dec *d, const struct layout *l, void *rec)
{
	if (dec_u8(d) != l->version)
		d->failed = true;
	for (size_t i = 0; i < l->n; i++)
		field_decode(d, &l->fields[i], (uint8_t *)rec + l->fields[i].at);
}

static enum kv_db db_of(const struct key *k)
{
	return rec_db_of((enum key_kind)k->bytes[0]);
}

int record_get(struct kv_txn *t, const struct key *k, const struct layout *l, void *ret)
{
	_Alignas(uint64_t) uint8_t rec[RECORD_BYTES_MAX] = {0};
	struct slice value;
	struct dec d;
	int r = kv_get(t, db_of(k), key_slice(k), &value);

	assert(l->size <= sizeof rec);
	if (r)
		return r;
	d = dec_of(value);
	layout_decode(&d, l, rec);
	r = dec_end(&d);
	if (!r)
		memcpy(ret, rec, l->size);
	return r;
}

int record_put(struct kv_txn *t, const struct key *k, const struct layout *l, const void *rec)
{
	struct buf b auto_buf = {0};
	int r = layout_encode(&b, l, rec);

	return r ? r : kv_put(t, db_of(k), key_slice(k), buf_slice(&b));
}

int number_get(struct kv_txn *t, const struct key *k, uint64_t max, uint64_t *ret)
{
	struct slice value;
	struct dec d;
	uint64_t v;
	int r = kv_get(t, db_of(k), key_slice(k), &value);

	if (r)
		return r;
	d = dec_of(value);
	if (dec_u8(&d) != NUMBER_VERSION)
		return -EUCLEAN;
	v = dec_varint_max(&d, max);
	r = dec_end(&d);
	if (!r)
		*ret = v;
	return r;
}

int number_put(struct kv_txn *t, const struct key *k, uint64_t v)
{
	struct buf b auto_buf = {0};
	int r = enc_u8(&b, NUMBER_VERSION);

	if (!r)
		r = enc_varint(&b, v);
	return r ? r : kv_put(t, db_of(k), key_slice(k), buf_slice(&b));
}

int rec_exists(struct kv_txn *t, const struct key *k)
{
	struct slice value;

	return kv_get(t, db_of(k), key_slice(k), &value);
}

int rec_mark(struct kv_txn *t, const struct key *k)
{
	return kv_put(t, db_of(k), key_slice(k), (struct slice){"", 0});
}
