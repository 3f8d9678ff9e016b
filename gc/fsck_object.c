/* Full check: every block's object by size and SHA-256; every object by what knows it. */
#include "gc/fsck_impl.h"
#include "refs/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ID(id) ((unsigned long long)(id))
#define READ_BYTES (1 << 20)

static int hash_object(
	struct fsck *f, const char *key, uint8_t *buffer, uint8_t ret[static SHA256_BYTES])
{
	struct sha256 *h cleanup(sha256_free_p) = sha256_new();
	uint64_t at = 0;
	ssize_t n;
	int r = h ? 0 : -ENOMEM;

	while (!r && (n = objstore_get_range(f->store->objects, key, at, buffer, READ_BYTES))) {
		r = n < 0 ? (int)n : sha256_update(h, buffer, (size_t)n);
		at += n > 0 ? (uint64_t)n : 0;
	}
	return r ? r : sha256_final(h, ret);
}

static void check_bytes(struct fsck *f, const char *key, uint64_t id, const struct rec_block *rec)
{
	uint8_t *buffer cleanup(free_p) = malloc(READ_BYTES);
	const char *label = fsck_label(f, fsck_peek(f, id)->table);
	uint8_t sha256[SHA256_BYTES];
	struct objstore_stat st;
	int r = objstore_stat(f->store->objects, key, &st);

	if (r == -ENOENT) {
		fsck_say(f, "block %012llx of %s: its object %s is missing", ID(id), label, key);
		return;
	}
	if (!r && st.size_bytes != rec->size_bytes) {
		fsck_say(f, "block %012llx of %s: its object %s has %llu bytes, not %llu", ID(id),
			label, key, ID(st.size_bytes), ID(rec->size_bytes));
		return;
	}
	if (!r)
		r = buffer ? hash_object(f, key, buffer, sha256) : -ENOMEM;
	if (r)
		fsck_say(f, "block %012llx of %s: its object %s cannot be read: %s", ID(id), label,
			key, strerror(-r));
	else if (memcmp(sha256, rec->sha256, sizeof sha256))
		fsck_say(f,
			"block %012llx of %s: its object %s is damaged: other bytes than were "
			"written",
			ID(id), label, key);
}

static int on_block(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	const struct fsck_mark *m = fsck_peek(f, id);
	char object[OBJSTORE_KEY_BYTES_MAX + 1];
	struct rec_block rec;

	(void)value;
	if (m->kind != FSCK_BLOCK || m->flags & FSCK_DAMAGED || !m->table ||
		rec_block_get(f->t, id, &rec))
		return 0;
	refs_object_key(f->store, f->tables[m->table - 1].home_db, rec.table, ID_BLOCK,
		rec.incarnation, rec.ms, id, object);
	check_bytes(f, object, id, &rec);
	return 0;
}

/* What an object's name says of itself. Return: is it one of ours? */
static bool parse_key(const struct fsck *f, const char *key, uint64_t *ret_id)
{
	char name[ID_NAME_BYTES_MAX];
	const char *last = strrchr(key, '/');
	uint8_t uuid[UUID_BYTES];
	struct id_space space;
	enum id_kind kind;
	uint64_t ms;
	size_t len;

	last = last ? last + 1 : key;
	len = strlen(last);
	if (len > 4 && !strcmp(last + len - 4, ".tmp"))
		len -= 4; /* half written: it belongs to the same id */
	if (len >= sizeof name)
		return false;
	memcpy(name, last, len);
	name[len] = 0;
	return !id_of_name(name, &kind, uuid) && !id_of_uuid(uuid, &space, &ms, ret_id) &&
	       space.store_hash == f->store->ids.store_hash;
}

/** In which range of any client an id lies. */
struct range_search {
	struct kv_txn *t;
	uint64_t id;
};

static int range_has(void *arg, struct slice key, struct slice value)
{
	const struct range_search *s = arg;
	struct rec_range rec;

	(void)value;
	if (rec_range_get(s->t, key_read_u64(key, 1), key_read_u64(key, 9), &rec))
		return 0;
	return s->id >= rec.start && s->id - rec.start < rec.length;
}

/* Others go on while we look: what they made since has a record or a range by now. */
static bool came_since(struct fsck *f, uint64_t id)
{
	static const enum key_kind kinds[] = {KEY_SNAPSHOT, KEY_SEGMENT, KEY_BLOCK};
	struct kv_txn *t auto_kv_txn = NULL;
	struct key lo = key_make(KEY_RANGE), hi = key_next(&lo);
	struct range_search s = {.id = id};
	int r = kv_begin(f->store->kv, KV_READ, &t);

	if (r || t->commit == f->t->commit)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct key k = key_u64(kinds[i], id);

		if (!rec_exists(t, &k))
			return true;
	}
	s.t = t;
	return kv_scan(t, KV_HOT, key_slice(&lo), key_slice(&hi), range_has, &s) == 1;
}

static int on_object(void *arg, const char *key, const struct objstore_stat *st)
{
	struct fsck *f = arg;
	struct objstore_stat now;
	uint64_t id = 0;

	fsck_step(f);
	f->report.objects++;
	f->report.object_bytes += st->size_bytes;
	if (fsck_is_export(key))
		return fsck_version_seen(f, key);
	if (parse_key(f, key, &id)) {
		struct fsck_mark *m = fsck_mark(f, id);

		if (m && (m->kind == FSCK_BLOCK || m->kind == FSCK_SEGMENT ||
				 m->kind == FSCK_SNAPSHOT || m->flags & FSCK_OBJECT))
			return 0;
		if (fsck_ids_has(&f->ranges, id)) {
			f->report.staged++;
			return 0;
		}
		if (came_since(f, id))
			return 0;
	}
	/* what was given up goes before its range does, which may be gone by now */
	if (objstore_stat(f->store->objects, key, &now) == -ENOENT)
		return 0;
	f->report.orphans++;
	fsck_say(f, "orphan: object %s has no record and lies in no client's range", key);
	return 0;
}

int fsck_objects(struct fsck *f)
{
	int r;

	if (!f->full)
		return 0;
	fsck_stage(f, "objects");
	r = fsck_scan(f, KEY_BLOCK, on_block);
	return r ? r : objstore_list(f->store->objects, "", NULL, on_object, f);
}
