#include "refs/change.h"
#include "meta/enc.h"
#include "meta/key.h"

#include <errno.h>
#include <string.h>

#define VERSION 1
/* Each commit in so many trims, as that costs it pages that are else left alone; a prime, so that
 * others' commits, which take turns with it, do not get all of these. */
#define TRIM_EVERY 61
#define TRIM_MAX (4 * TRIM_EVERY)

static bool same(const struct change *a, const struct change *b)
{
	if (a->kind != b->kind || a->dir != b->dir || a->id != b->id || !a->name != !b->name)
		return false;
	return !a->name || !strcmp(a->name, b->name);
}

/* Consumes c->name. */
static int push(struct change_list *l, struct change *c)
{
	for (size_t i = 0; i < l->n; i++)
		if (same(&l->items[i], c))
			goto drop;
	if (l->overflow || l->n == CHANGE_LIST_MAX) {
		l->overflow = true;
		goto drop;
	}
	if (!array_grow(l->items, l->n, l->capacity)) {
		free(c->name);
		return -ENOMEM;
	}
	l->items[l->n++] = *c;
	return 0;
drop:
	free(c->name);
	return 0;
}

int change_add(struct change_list *l, enum change_kind kind, uint64_t id)
{
	return push(l, &(struct change){.kind = kind, .id = id});
}

int change_add_gone(struct change_list *l, enum change_dir dir, uint64_t id, const char *name)
{
	struct change c = {.kind = CHANGE_GONE, .dir = dir, .id = id, .name = strdup(name)};

	return c.name ? push(l, &c) : -ENOMEM;
}

int change_move(struct change_list *into, struct change_list *from)
{
	int r = 0;

	into->overflow |= from->overflow;
	for (size_t i = 0; i < from->n && !r; i++) {
		struct change c = from->items[i];

		from->items[i].name = NULL;
		r = push(into, &c);
	}
	change_list_deinit(from);
	return r;
}

void change_list_deinit(struct change_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i].name);
	free(l->items);
	*l = (struct change_list){0};
}

/** The oldest change records, which are too old to keep. */
struct trim {
	uint64_t below, n, commits[TRIM_MAX];
};

static int too_old(void *arg, struct slice key, struct slice value)
{
	struct trim *t = arg;

	(void)value;
	if (key_read_u64(key, 1) >= t->below || t->n == TRIM_MAX)
		return 1;
	t->commits[t->n++] = key_read_u64(key, 1);
	return 0;
}

static int trim(struct kv_txn *t)
{
	struct key lo = key_make(KEY_CHANGE), hi = key_next(&lo);
	struct trim old = {.below = t->commit > CHANGE_KEEP ? t->commit - CHANGE_KEEP : 0};
	int r = kv_scan(t, KV_HOT, key_slice(&lo), key_slice(&hi), too_old, &old);

	for (uint64_t i = 0; i < old.n && r >= 0; i++) {
		struct key k = key_u64(KEY_CHANGE, old.commits[i]);

		r = kv_del(t, KV_HOT, key_slice(&k));
	}
	return r < 0 ? r : 0;
}

static int encode_one(struct buf *b, const struct change *c)
{
	int r = enc_u8(b, (uint8_t)c->kind);

	if (!r)
		r = enc_u8(b, (uint8_t)c->dir);
	if (!r)
		r = enc_varint(b, c->id);
	return r ? r : enc_str(b, c->name ? c->name : "");
}

int change_put(struct kv_txn *t, const struct change_list *l)
{
	static const struct change all = {.kind = CHANGE_ALL};
	struct buf b auto_buf = {0};
	struct key k = key_u64(KEY_CHANGE, t->commit);
	int r = enc_u8(&b, VERSION);

	if (!r)
		r = enc_varint(&b, l->overflow ? 1 : l->n);
	if (!r && l->overflow)
		r = encode_one(&b, &all);
	for (size_t i = 0; i < l->n && !l->overflow && !r; i++)
		r = encode_one(&b, &l->items[i]);
	if (!r)
		r = kv_put(t, KV_HOT, key_slice(&k), buf_slice(&b));
	return r || t->commit % TRIM_EVERY ? r : trim(t);
}

static int decode_all(void *arg, struct slice key, struct slice value)
{
	struct change_list *l = arg;
	struct dec d = dec_of(value);
	uint64_t n;
	int r = dec_u8(&d) == VERSION ? 0 : -EUCLEAN;

	(void)key;
	n = dec_varint(&d);
	if (n > CHANGE_LIST_MAX)
		return -EUCLEAN;
	for (uint64_t i = 0; i < n && !r && !d.failed; i++) {
		char name[512];
		struct change c = {.kind = dec_u8(&d), .dir = dec_u8(&d)};

		c.id = dec_varint(&d);
		dec_str(&d, name, sizeof name);
		if (c.kind == CHANGE_GONE && !(c.name = strdup(name)))
			return -ENOMEM;
		r = push(l, &c);
	}
	return r ? r : dec_end(&d);
}

int change_read(struct kv_txn *t, uint64_t after, struct change_list *ret, uint64_t *ret_after)
{
	struct change_list l = {0};
	struct key lo = key_u64(KEY_CHANGE, after + 1), end = key_make(KEY_CHANGE);
	struct key hi = key_next(&end);
	int r;

	if (after + CHANGE_KEEP <= t->commit)
		r = change_add(&l, CHANGE_ALL, 0);
	else
		r = kv_scan(t, KV_HOT, key_slice(&lo), key_slice(&hi), decode_all, &l);
	if (!r && l.overflow) {
		change_list_deinit(&l);
		r = change_add(&l, CHANGE_ALL, 0);
	}
	if (r) {
		change_list_deinit(&l);
		return r;
	}
	*ret = l;
	*ret_after = t->commit;
	return 0;
}
