/*
 * Listings. A cookie says where to go on and means the same to every handle:
 *   fixed entries ("..", "HEAD", ".bough" ...)   position + 1: below REC_ID_FIRST
 *   data/                                        segment key << 12 | position in it + 1,
 *                                                then 2^62 + id of what is being written
 *   all others                                   the child's id
 */
#include "fs/spool.h"
#include "fs/tree_impl.h"
#include "meta/tree.h"
#include "refs/client.h"
#include "refs/data.h"
#include "refs/name.h"
#include "refs/ref.h"
#include "refs/stage.h"
#include "refs/trash.h"
#include <errno.h>
#include <string.h>

#define POSITION_BITS 12
#define STAGED (UINT64_C(1) << 62)
#define FIXED_MAX 10 /* below REC_ID_FIRST */

struct list {
	const struct fs_tree *t;
	struct refs_txn *x;
	const struct fs_dir *dir;
	uint64_t after;
	enum fs_kind child;	  /* of the listing in progress */
	struct stage_list staged; /* of _b/ and _sg/: not to be seen yet */
	bool with_attributes;
	fs_dir_fn fn;
	void *arg;
};

/** One entry. Attributes that cannot be read are left out: the look-up will say why. */
static int emit(struct list *l, const char *name, uint64_t ino, uint64_t cookie)
{
	struct fs_node n;

	if (!l->with_attributes || fs_node_stat(l->t, l->x, ino, &n))
		n = (struct fs_node){
			.st = {.st_ino = ino, .st_mode = fs_kind_type(fs_ino_kind(ino))}};
	else if (l->dir->expire_at_us && !n.expire_at_us)
		n.expire_at_us = l->dir->expire_at_us;
	return l->fn(l->arg, name, &n, cookie);
}

struct fixed {
	const char *name;
	uint64_t ino;
};

static size_t fixed_of_bough(struct fixed *f)
{
	size_t n = 0;

	f[n++] = (struct fixed){"trash", fs_ino(FS_TRASH, 0)};
	for (unsigned i = 0; i < FS_FILES; i++)
		f[n++] = (struct fixed){fs_file_name((enum fs_file)i), fs_ino(FS_FILE, i)};
	return n;
}

/** HEAD, where there is one, and data/. */
static int fixed_of_ref(struct refs_txn *x, uint64_t id, struct fixed *f, size_t *n)
{
	struct fs_ref ref;
	int r = fs_ref_get(x, id, &ref);

	if (r)
		return r;
	if (ref.rec.head)
		f[(*n)++] = (struct fixed){"HEAD", fs_ino(FS_HEAD, id)};
	f[(*n)++] = (struct fixed){"data", fs_ino(FS_DATA, id)};
	return 0;
}

static int fixed_of_table(struct refs_txn *x, uint64_t id, struct fixed *f, size_t *n)
{
	struct rec_table t;
	int r = rec_table_get(x->kv, id, &t);

	if (r)
		return r;
	f[(*n)++] = (struct fixed){"_b", fs_ino(FS_B, id)};
	f[(*n)++] = (struct fixed){"_refs", fs_ino(FS_REFS, id)};
	f[(*n)++] = (struct fixed){"_sg", fs_ino(FS_SG, id)};
	f[(*n)++] = (struct fixed){"_ss", fs_ino(FS_SS, id)};
	return fixed_of_ref(x, t.main_ref, f, n);
}

static int list_fixed(struct list *l, uint64_t first)
{
	uint64_t ino = l->dir->ino, id = fs_ino_id(ino);
	struct fixed f[FIXED_MAX] = {{".", ino}, {"..", FS_INO_ROOT}};
	enum fs_kind kind = fs_ino_kind(ino);
	size_t n = 2;
	int r = fs_node_parent(l->x, ino, &f[1].ino);

	if (!r && kind == FS_ROOT)
		f[n++] = (struct fixed){FS_BOUGH_NAME, fs_ino(FS_BOUGH, 0)};
	else if (!r && kind == FS_BOUGH)
		n += fixed_of_bough(f + n);
	else if (!r && kind == FS_TABLE)
		r = fixed_of_table(l->x, id, f, &n);
	else if (!r && kind == FS_REF)
		r = fixed_of_ref(l->x, id, f, &n);
	for (uint64_t i = first; i < n && !r; i++)
		r = emit(l, f[i].name, f[i].ino, i + 1);
	return r;
}

static int list_named(void *arg, uint64_t id, const char *name)
{
	struct list *l = arg;
	char *path cleanup(free_p) = NULL;
	int r = l->child == FS_REF ? 0 : name_to_path(name, &path);

	return r ? r : emit(l, path ? path : name, fs_ino(l->child, id), id);
}

static int list_trashed(void *arg, uint64_t id, const struct rec_trash *e)
{
	struct list *l = arg;
	char name[FS_NAME_BYTES_MAX + 1];
	int r = e->kind == REC_TRASH_LINK ? 1 : fs_trash_name(l->x, id, name);

	if (r)
		return r == 1 ? 0 : r == -ENOENT ? -EUCLEAN : r;
	return emit(l, name, fs_ino(FS_TRASHED, id), id);
}

static int list_link(void *arg, uint64_t id)
{
	struct list *l = arg;
	char name[FS_NAME_BYTES_MAX + 1];
	int r = fs_node_name(l->x, fs_ino(FS_SNAPSHOT, id), name);

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	return emit(l, name, fs_ino(FS_SNAPSHOT, id), id);
}

static int list_object(void *arg, struct slice key, struct slice value)
{
	struct list *l = arg;
	char name[FS_NAME_BYTES_MAX + 1];
	uint64_t id = key_read_u64(key, 9);
	int r;

	(void)value;
	if (stage_list_has(&l->staged, id))
		return 0;
	r = fs_node_name(l->x, fs_ino(l->child, id), name);
	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	return emit(l, name, fs_ino(l->child, id), id);
}

static int list_objects(struct list *l, enum key_kind index)
{
	uint64_t table = fs_ino_id(l->dir->ino);
	struct key lo = key_u64_u64(index, table, l->after + 1), all = key_u64(index, table);
	struct key hi = key_next(&all);
	int r = refs_stage_list(l->x, table, &l->staged);

	if (r)
		return r;
	r = kv_scan(l->x->kv, KV_BULK, key_slice(&lo), key_slice(&hi), list_object, l);
	stage_list_deinit(&l->staged);
	return r;
}

static int emit_block(struct list *l, const struct rec_segment_entry *e, uint64_t cookie)
{
	char name[FS_NAME_BYTES_MAX + 1];
	struct fs_node n;
	int r = refs_data_name(l->x, l->dir->table, l->dir->root, e, name);

	if (r)
		return r;
	if (!l->with_attributes)
		return emit(l, name, fs_ino(FS_BLOCK, e->block), cookie);
	r = fs_node_block(l->t, l->x, e->block, e->modified_us, &n);
	n.expire_at_us = refs_data_is_shadowed(e, name) ? FS_NEVER_BELIEVED : l->dir->expire_at_us;
	return r ? r : l->fn(l->arg, name, &n, cookie);
}

static int list_segment(void *arg, const struct tree_entry *e)
{
	struct list *l = arg;
	struct rec_segment rec;
	uint64_t first = e->key << POSITION_BITS, done = 0;
	int r = rec_segment_get(l->x->kv, e->child, &rec);

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	if (l->after > first)
		done = l->after - first;
	for (uint64_t i = done; i < rec.blocks && !r; i++) {
		struct rec_segment_entry entry;

		r = rec_segment_entry_at(&rec, (uint32_t)i, &entry);
		if (!r)
			r = emit_block(l, &entry, first + i + 1);
	}
	return r;
}

static int emit_staged(void *arg, struct fs_staged *f, const char *name)
{
	struct list *l = arg;
	uint64_t id = fs_staged_id(f);

	return emit(l, name, fs_ino(FS_STAGED, id), STAGED + id);
}

static int list_staged(struct list *l)
{
	return l->t->spool
		       ? fs_spool_list(l->t->spool, l->dir->ino, l->after - STAGED, emit_staged, l)
		       : 0;
}

static int list_links(struct list *l, uint64_t ref)
{
	return refs_link_list(l->x, ref, l->after, list_link, l);
}

static int list_main_links(struct list *l, uint64_t table)
{
	struct rec_table t;
	int r = rec_table_get(l->x->kv, table, &t);

	return r ? r : list_links(l, t.main_ref);
}

static int list_children(struct list *l)
{
	uint64_t id = fs_ino_id(l->dir->ino);
	struct fs_ref ref;
	int r;

	switch (fs_ino_kind(l->dir->ino)) {
	case FS_ROOT:
		l->child = FS_DB;
		return refs_dir_list(l->x, REC_DIR_ROOT, l->after, list_named, l);
	case FS_TRASH:
		return refs_trash_list(l->x, l->after, list_trashed, l);
	case FS_DB:
		l->child = FS_TABLE;
		return refs_dir_list(l->x, id, l->after, list_named, l);
	case FS_REFS:
		l->child = FS_REF;
		return refs_dir_list(l->x, id, l->after, list_named, l);
	case FS_SS:
		return list_main_links(l, id);
	case FS_REF:
		r = fs_ref_get(l->x, id, &ref);
		return r ? r : list_links(l, id);
	case FS_SG:
		l->child = FS_SEGMENT;
		return list_objects(l, KEY_SEGMENT_IN);
	case FS_B:
		l->child = FS_BLOCK;
		return list_objects(l, KEY_BLOCK_IN);
	case FS_DATA:
		if (l->after < STAGED) {
			r = tree_walk(
				l->x->kv, l->dir->root, l->after >> POSITION_BITS, list_segment, l);
			if (r)
				return r;
			l->after = STAGED;
		}
		return list_staged(l);
	default:
		return 0;
	}
}

int fs_dir_list(const struct fs_tree *t, const struct fs_dir *d, uint64_t cookie,
	bool with_attributes, fs_dir_fn fn, void *arg)
{
	struct refs_txn *x auto_refs_txn = NULL;
	bool at_fixed = cookie < REC_ID_FIRST;
	struct list l = {.t = t,
		.dir = d,
		.after = at_fixed ? 0 : cookie,
		.with_attributes = with_attributes,
		.fn = fn,
		.arg = arg};
	int r = refs_begin(t->store, KV_READ, &x);

	l.x = x;
	if (!r && at_fixed)
		r = list_fixed(&l, cookie);
	return r ? r : list_children(&l);
}

/** How many entries a directory of objects has at least, by main's head. */
static int count_objects(struct refs_txn *x, uint64_t table, bool segments, uint64_t *ret)
{
	struct rec_snapshot s = {0};
	struct rec_table t;
	struct rec_ref main;
	int r = rec_table_get(x->kv, table, &t);

	if (!r)
		r = rec_ref_get(x->kv, t.main_ref, &main);
	if (!r && main.head)
		r = rec_snapshot_get(x->kv, main.head, &s);
	*ret = segments ? s.segments : s.blocks;
	return r;
}

static int pin_head(struct refs_txn *x, uint64_t id, struct fs_dir *d)
{
	struct rec_snapshot s = {0};
	struct fs_ref ref;
	int r = fs_ref_get(x, id, &ref);

	if (!r && ref.rec.head)
		r = rec_snapshot_get(x->kv, ref.rec.head, &s);
	if (r)
		return r;
	d->table = ref.rec.table;
	d->root = s.root;
	d->entries_min = s.blocks;
	return 0;
}

static int dir_open(const struct fs_tree *t, uint64_t ino, struct fs_dir *d)
{
	struct refs_txn *x auto_refs_txn = NULL;
	enum fs_kind kind = fs_ino_kind(ino);
	struct fs_node n;
	struct fs_ref ref;
	int r = refs_begin(t->store, KV_READ, &x);

	if (!r)
		r = fs_node_stat(t, x, ino, &n);
	if (!r && kind == FS_REF) {
		r = fs_ref_get(x, fs_ino_id(ino), &ref);
		n.expire_at_us = r ? 0 : ref.rec.expire_at_us;
	}
	if (!r && kind == FS_DATA) {
		r = pin_head(x, fs_ino_id(ino), d);
		/* what is being written is listed too: another version, another number */
		n.version += t->spool ? fs_spool_version(t->spool, ino) << 40 : 0;
	}
	if (!r && (kind == FS_B || kind == FS_SG))
		r = count_objects(x, fs_ino_id(ino), kind == FS_SG, &d->entries_min);
	if (r)
		return r;
	d->ino = ino;
	d->version = n.version;
	d->expire_at_us = n.expire_at_us;
	return 0;
}

int fs_dir_open(const struct fs_tree *t, uint64_t ino, struct fs_dir *ret)
{
	struct fs_dir d = {.epoch = -1};
	int r;

	if (!fs_ino_valid(ino))
		return -ENOENT;
	/* rule publish_first: the epoch before the read that finds the head */
	if (fs_ino_kind(ino) == FS_DATA)
		d.epoch = client_epoch_enter(t->store->client);
	r = dir_open(t, ino, &d);
	if (r)
		fs_dir_close(t, &d);
	else
		*ret = d;
	return r;
}

void fs_dir_close(const struct fs_tree *t, struct fs_dir *d)
{
	if (d->epoch >= 0)
		client_epoch_leave(t->store->client, d->epoch);
	d->epoch = -1;
}
