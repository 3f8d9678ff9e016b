/*
 * Records are read here, and a search is not believed: a flipped bit in the order of a page's
 * records leads it to another place. It ends next to the record that lied, as all others sent it
 * the right way; and that one is out of order with its other neighbour, or does not match its
 * checksum. So two records on both sides of a key that is not there are looked at.
 */
#include "meta/lmdb_impl.h"
#include "objstore/base/hash.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

struct record {
	struct slice key, stored;
};

uint32_t lmdb_checksum(struct slice key, struct slice value)
{
	return crc32c(crc32c(0, key.data, key.len), value.data, value.len);
}

int lmdb_unseal(struct slice key, struct slice stored, struct slice *ret)
{
	struct slice value = {stored.data, stored.len - LMDB_CRC_BYTES};
	uint32_t le;

	if (stored.len < LMDB_CRC_BYTES)
		return -EUCLEAN;
	memcpy(&le, (const uint8_t *)stored.data + value.len, LMDB_CRC_BYTES);
	if (le32toh(le) != lmdb_checksum(key, value))
		return -EUCLEAN;
	*ret = value;
	return 0;
}

/* -ENOENT: there is none. */
static int move(MDB_cursor *c, MDB_cursor_op op, struct slice to, struct record *ret)
{
	MDB_val k = {to.len, (void *)to.data}, v;
	int r = mdb_cursor_get(c, &k, &v, op);

	if (r)
		return lmdb_errno(r);
	*ret = (struct record){{k.mv_data, k.mv_size}, {v.mv_data, v.mv_size}};
	return 0;
}

static int check_side(const struct record *at, struct slice key, bool is_below)
{
	struct slice value;

	if (is_below != (slice_compare(at->key, key) < 0))
		return -EUCLEAN;
	return lmdb_unseal(at->key, at->stored, &value);
}

/* The record beside @at, where there is one: is it on its right side? The cursor stays at @at. */
static int check_beyond(MDB_cursor *c, const struct record *at, bool is_below)
{
	const struct slice none = {NULL, 0};
	struct record beyond, again;
	int r = move(c, is_below ? MDB_PREV : MDB_NEXT, none, &beyond);

	if (r == -ENOENT)
		return move(c, is_below ? MDB_FIRST : MDB_LAST, none, &again);
	if (!r && is_below != (slice_compare(beyond.key, at->key) < 0))
		r = -EUCLEAN;
	return r ? r : move(c, is_below ? MDB_NEXT : MDB_PREV, none, &again);
}

/*
 * The first record that is not below @key, or, @below, the last one that is. -ENOENT: none.
 * The cursor stands there.
 */
static int seek(MDB_cursor *c, struct slice key, bool below, struct record *ret)
{
	const struct slice none = {NULL, 0};
	struct record prev, next;
	int rp, rn = move(c, MDB_SET_RANGE, key, &next);

	if (rn && rn != -ENOENT)
		return rn;
	if (!rn && (check_side(&next, key, false) || check_beyond(c, &next, false)))
		return -EUCLEAN;
	rp = move(c, rn ? MDB_LAST : MDB_PREV, none, &prev);
	if (rp && rp != -ENOENT)
		return rp;
	if (!rp && (check_side(&prev, key, true) || check_beyond(c, &prev, true)))
		return -EUCLEAN;
	*ret = below ? prev : next;
	if (below || rn)
		return below ? rp : rn;
	return move(c, rp ? MDB_FIRST : MDB_NEXT, none, ret);
}

static int scan_first(MDB_cursor *c, struct slice from, bool down, struct record *ret)
{
	if (!from.len)
		return move(c, down ? MDB_LAST : MDB_FIRST, from, ret);
	return seek(c, from, down, ret);
}

/* A search from the root, which the place of no other record misleads. */
static int search(MDB_txn *txn, MDB_dbi dbi, struct slice key, struct record *ret)
{
	MDB_cursor *c;
	int r = lmdb_errno(mdb_cursor_open(txn, dbi, &c));

	if (r)
		return r;
	r = seek(c, key, false, ret);
	mdb_cursor_close(c);
	return !r && !slice_equal(ret->key, key) ? -ENOENT : r;
}

int lmdb_read_get(MDB_cursor *c, struct slice key, struct slice *ret_value)
{
	struct record at;
	int r = move(c, MDB_SET, key, &at);

	if (r == -ENOENT)
		r = search(mdb_cursor_txn(c), mdb_cursor_dbi(c), key, &at);
	return r ? r : lmdb_unseal(key, at.stored, ret_value);
}

/* @last: what stood there before, none at first. */
static int take(const struct record *at, const struct record *last, bool down, struct slice *ret)
{
	if (last->key.data && down != (slice_compare(at->key, last->key) < 0))
		return -EUCLEAN;
	return lmdb_unseal(at->key, at->stored, ret);
}

int lmdb_read_scan(
	MDB_txn *txn, MDB_dbi dbi, const struct lmdb_range *range, kv_scan_fn fn, void *arg)
{
	const struct slice none = {NULL, 0}, lo = range->lo, hi = range->hi;
	const bool down = range->down;
	struct record at, last = {.key = none};
	struct slice value;
	MDB_cursor *c;
	int stop = 0, r = lmdb_errno(mdb_cursor_open(txn, dbi, &c));

	if (r)
		return r;
	for (r = scan_first(c, down ? hi : lo, down, &at); !r && !stop;
		r = stop ? 0 : move(c, down ? MDB_PREV : MDB_NEXT, none, &at)) {
		stop = take(&at, &last, down, &value);
		if (!stop && (down ? slice_compare(at.key, lo) < 0
				   : hi.len && slice_compare(at.key, hi) >= 0))
			break;
		if (!stop)
			stop = fn(arg, at.key, value);
		last = at;
	}
	mdb_cursor_close(c);
	return r && r != -ENOENT ? r : stop;
}
