/* Downwards: a name in a directory to its inode. */
#include "fs/headlink.h"
#include "fs/spool.h"
#include "fs/tree_impl.h"
#include "refs/data.h"
#include "refs/name.h"
#include "refs/ref.h"
#include <errno.h>
#include <string.h>

int fs_snapshot_named(struct refs_txn *x, const char *name, uint64_t *ret_id)
{
	char whole[ID_NAME_BYTES_MAX];
	uint8_t uuid[UUID_BYTES];
	struct rec_snapshot s;
	struct id_space space;
	enum id_kind kind;
	uint64_t ms, id;
	int r;

	if (id_of_name(name, &kind, uuid) || id_of_uuid(uuid, &space, &ms, &id))
		return -EINVAL;
	r = rec_snapshot_get(x->kv, id, &s);
	if (r)
		return r;
	refs_snapshot_name(x->store, id, &s, whole);
	if (strcmp(name, whole) != 0)
		return -ENOENT;
	*ret_id = id;
	return 0;
}

int fs_snapshot_find(struct refs_txn *x, uint64_t ref, const char *name, uint64_t *ret_id)
{
	int r = fs_snapshot_named(x, name, ret_id);

	return r ? (r == -EINVAL ? -ENOENT : r) : refs_link_exists(x, ref, *ret_id);
}

static int in_root(struct refs_txn *x, const char *name, uint64_t *ret_ino)
{
	char *plain cleanup(free_p) = NULL;
	uint64_t id;
	int r;

	if (!strcmp(name, FS_BOUGH_NAME)) {
		*ret_ino = fs_ino(FS_BOUGH, 0);
		return 0;
	}
	r = name_of_path(name, &plain);
	if (!r)
		r = rec_dir_lookup(x->kv, REC_DIR_ROOT, plain, &id);
	if (!r)
		*ret_ino = fs_ino(FS_DB, id);
	return r;
}

static int in_bough(const char *name, uint64_t *ret_ino)
{
	if (!strcmp(name, "trash")) {
		*ret_ino = fs_ino(FS_TRASH, 0);
		return 0;
	}
	for (unsigned i = 0; i < FS_FILES; i++)
		if (!strcmp(name, fs_file_name((enum fs_file)i))) {
			*ret_ino = fs_ino(FS_FILE, i);
			return 0;
		}
	return -ENOENT;
}

static int in_db(struct refs_txn *x, uint64_t db, const char *name, uint64_t *ret_ino)
{
	char *plain cleanup(free_p) = NULL;
	uint64_t id;
	int r = name_of_path(name, &plain);

	if (!r)
		r = rec_dir_lookup(x->kv, db, plain, &id);
	if (!r)
		*ret_ino = fs_ino(FS_TABLE, id);
	return r;
}

static int in_table(struct refs_txn *x, uint64_t table, const char *name, uint64_t *ret_ino)
{
	static const struct {
		const char *name;
		enum fs_kind kind;
	} own[] = {{"_ss", FS_SS}, {"_refs", FS_REFS}, {"_sg", FS_SG}, {"_b", FS_B}};
	bool is_head = !strcmp(name, "HEAD");
	struct rec_table t;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (!strcmp(name, own[i].name)) {
			*ret_ino = fs_ino(own[i].kind, table);
			return 0;
		}
	if (!is_head && strcmp(name, "data") != 0)
		return -ENOENT;
	r = rec_table_get(x->kv, table, &t);
	if (!r)
		*ret_ino = fs_ino(is_head ? FS_HEAD : FS_DATA, t.main_ref);
	return r;
}

static int in_ss(struct refs_txn *x, uint64_t table, const char *name, uint64_t *ret_ino)
{
	struct rec_table t;
	uint64_t id;
	int r = rec_table_get(x->kv, table, &t);

	if (!r)
		r = fs_snapshot_find(x, t.main_ref, name, &id);
	if (!r)
		*ret_ino = fs_ino(FS_SNAPSHOT, id);
	return r;
}

static int in_refs(struct refs_txn *x, uint64_t table, const char *name, uint64_t *ret_ino)
{
	uint64_t id;
	int r = rec_dir_lookup(x->kv, table, name, &id);

	if (!r)
		*ret_ino = fs_ino(FS_REF, id);
	return r;
}

static int in_object_dir(
	struct refs_txn *x, uint64_t table, enum fs_kind kind, const char *name, uint64_t *ret_ino)
{
	uint64_t id;
	int r = refs_object_find(x, table, kind == FS_SG ? ID_SEGMENT : ID_BLOCK, name, &id);

	if (!r)
		*ret_ino = fs_ino(kind == FS_SG ? FS_SEGMENT : FS_BLOCK, id);
	return r;
}

static int in_ref(struct refs_txn *x, const struct fs_ref *ref, const char *name, uint64_t *ret_ino)
{
	uint64_t id;
	int r;

	if (!strcmp(name, "data") || !strcmp(name, "HEAD")) {
		*ret_ino = fs_ino(*name == 'd' ? FS_DATA : FS_HEAD, ref->id);
		return 0;
	}
	r = fs_snapshot_find(x, ref->id, name, &id);
	if (!r)
		*ret_ino = fs_ino(FS_SNAPSHOT, id);
	return r;
}

/* A shadowed name ends by a change of another one, which the kernel knows nothing of. */
static int in_data(struct refs_txn *x, const struct fs_ref *ref, const char *name,
	uint64_t *ret_ino, uint64_t *ret_expire_at_us)
{
	uint64_t root, block;
	bool is_shadowed;
	int r = fs_ref_root(x, &ref->rec, &root);

	if (!r)
		r = refs_data_find(x, ref->rec.table, root, name, &block, &is_shadowed);
	if (r)
		return r;
	*ret_ino = fs_ino(FS_BLOCK, block);
	if (is_shadowed)
		*ret_expire_at_us = FS_NEVER_BELIEVED;
	return 0;
}

static int in_trash(struct refs_txn *x, const char *name, uint64_t *ret_ino)
{
	uint64_t id;
	int r = fs_trash_find(x, name, &id);

	if (!r)
		*ret_ino = fs_ino(FS_TRASHED, id);
	return r;
}

/** @ret_expire_at_us: of the ref whose directory this is. */
static int find(struct refs_txn *x, uint64_t dir, const char *name, uint64_t *ret_ino,
	uint64_t *ret_expire_at_us)
{
	enum fs_kind kind = fs_ino_kind(dir);
	uint64_t id = fs_ino_id(dir);
	struct fs_ref ref;
	int r;

	switch (kind) {
	case FS_ROOT:
		return in_root(x, name, ret_ino);
	case FS_BOUGH:
		return in_bough(name, ret_ino);
	case FS_TRASH:
		return in_trash(x, name, ret_ino);
	case FS_DB:
		return in_db(x, id, name, ret_ino);
	case FS_TABLE:
		return in_table(x, id, name, ret_ino);
	case FS_SS:
		return in_ss(x, id, name, ret_ino);
	case FS_REFS:
		return in_refs(x, id, name, ret_ino);
	case FS_SG:
	case FS_B:
		return in_object_dir(x, id, kind, name, ret_ino);
	case FS_REF:
	case FS_DATA:
		r = fs_ref_get(x, id, &ref);
		if (r)
			return r;
		*ret_expire_at_us = ref.rec.expire_at_us;
		return kind == FS_REF ? in_ref(x, &ref, name, ret_ino)
				      : in_data(x, &ref, name, ret_ino, ret_expire_at_us);
	default:
		return -ENOENT;
	}
}

int fs_tree_lookup(const struct fs_tree *t, uint64_t dir, const char *name, struct fs_node *ret)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct fs_headlink link;
	uint64_t ino, id, expire_at_us = 0;
	int r = fs_ino_valid(dir) ? refs_begin(t->store, KV_READ, &x) : -ENOENT;

	if (!r)
		r = find(x, dir, name, &ino, &expire_at_us);
	if (r == -ENOENT && !fs_headlink_find(t->headlinks, dir, name, &link)) {
		ino = link.block ? fs_ino(FS_BLOCK, link.block) : fs_ino(FS_HEADLINK, link.id);
		expire_at_us = FS_NEVER_BELIEVED;
		r = 0;
	}
	if (r == -ENOENT && t->spool && !fs_spool_find(t->spool, dir, name, &id)) {
		ino = fs_ino(FS_STAGED, id);
		r = 0;
	}
	if (!r)
		r = fs_node_stat(t, x, ino, ret);
	if (!r && expire_at_us && !ret->expire_at_us) /* what is never believed stays so */
		ret->expire_at_us = expire_at_us;
	/* A name that could not be one, or is longer than any, is just not there. */
	return r == -EINVAL || r == -ENAMETOOLONG ? -ENOENT : r;
}
