/* Upwards: parents and names of inodes, for ".." and for messages. */
#include "fs/tree_impl.h"
#include "refs/name.h"
#include <errno.h>
#include <string.h>

#define DEPTH_MAX 8

/** The table's directory in which an object is always found. */
static int object_parent(struct refs_txn *x, enum fs_kind kind, uint64_t id, uint64_t *ret_ino)
{
	struct rec_snapshot s;
	struct rec_segment g;
	struct rec_block b;
	int r;

	switch (kind) {
	case FS_SNAPSHOT:
		r = rec_snapshot_get(x->kv, id, &s);
		*ret_ino = r ? 0 : fs_ino(FS_SS, s.table);
		return r;
	case FS_SEGMENT:
		r = rec_segment_get(x->kv, id, &g);
		*ret_ino = r ? 0 : fs_ino(FS_SG, g.table);
		return r;
	default:
		r = rec_block_get(x->kv, id, &b);
		*ret_ino = r ? 0 : fs_ino(FS_B, b.table);
		return r;
	}
}

static int ref_parent(struct refs_txn *x, enum fs_kind kind, uint64_t id, uint64_t *ret_ino)
{
	struct rec_ref ref;
	int r = rec_ref_get(x->kv, id, &ref);

	if (r)
		return r;
	if (kind == FS_REF)
		*ret_ino = fs_ino(FS_REFS, ref.table);
	else
		*ret_ino =
			ref.kind == REC_REF_MAIN ? fs_ino(FS_TABLE, ref.table) : fs_ino(FS_REF, id);
	return 0;
}

int fs_node_parent(struct refs_txn *x, uint64_t ino, uint64_t *ret_ino)
{
	uint64_t id = fs_ino_id(ino);
	enum fs_kind kind = fs_ino_kind(ino);
	struct rec_table t;
	int r;

	switch (kind) {
	case FS_ROOT:
	case FS_DB:
	case FS_BOUGH:
		*ret_ino = FS_INO_ROOT;
		return 0;
	case FS_HEADLINK:
	case FS_STAGED:
		return -ENOENT; /* only the mount knows */
	case FS_TRASHED:
		*ret_ino = fs_ino(FS_TRASH, 0);
		return 0;
	case FS_TRASH:
	case FS_FILE:
		*ret_ino = fs_ino(FS_BOUGH, 0);
		return 0;
	case FS_TABLE:
		r = rec_table_get(x->kv, id, &t);
		*ret_ino = r ? 0 : fs_ino(FS_DB, t.db);
		return r;
	case FS_REF:
	case FS_DATA:
	case FS_HEAD:
		return ref_parent(x, kind, id, ret_ino);
	case FS_SNAPSHOT:
	case FS_SEGMENT:
	case FS_BLOCK:
		return object_parent(x, kind, id, ret_ino);
	default:
		*ret_ino = fs_ino(FS_TABLE, id);
		return 0;
	}
}

static int object_name(struct refs_txn *x, enum fs_kind kind, uint64_t id, char *ret)
{
	struct rec_snapshot s;
	struct rec_segment g;
	struct rec_block b;
	int r;

	if (kind == FS_SNAPSHOT) {
		r = rec_snapshot_get(x->kv, id, &s);
		if (!r)
			refs_snapshot_name(x->store, id, &s, ret);
	} else if (kind == FS_SEGMENT) {
		r = rec_segment_get(x->kv, id, &g);
		if (!r)
			refs_segment_name(x->store, id, &g, ret);
	} else {
		r = rec_block_get(x->kv, id, &b);
		if (!r)
			refs_block_name(x->store, id, &b, ret);
	}
	return r;
}

static int record_name(struct refs_txn *x, enum fs_kind kind, uint64_t id, char *ret)
{
	char *name cleanup(free_p) = NULL;
	struct rec_table t;
	struct rec_db d;
	struct rec_ref ref;
	int r;

	if (kind == FS_REF) {
		r = rec_ref_get(x->kv, id, &ref);
		if (!r)
			strcpy(ret, ref.name); /* both hold 255 bytes and a NUL */
		return r;
	}
	r = kind == FS_DB ? rec_db_get(x->kv, id, &d) : rec_table_get(x->kv, id, &t);
	if (!r)
		r = name_to_path(kind == FS_DB ? d.name : t.name, &name);
	if (!r && strlen(name) > FS_NAME_BYTES_MAX)
		r = -ENAMETOOLONG;
	if (!r)
		strcpy(ret, name);
	return r;
}

int fs_node_name(struct refs_txn *x, uint64_t ino, char ret[static FS_NAME_BYTES_MAX + 1])
{
	static const char *const fixed[FS_KINDS] = {
		[FS_ROOT] = "",
		[FS_BOUGH] = FS_BOUGH_NAME,
		[FS_TRASH] = "trash",
		[FS_SS] = "_ss",
		[FS_REFS] = "_refs",
		[FS_SG] = "_sg",
		[FS_B] = "_b",
		[FS_DATA] = "data",
		[FS_HEAD] = "HEAD",
	};
	enum fs_kind kind = fs_ino_kind(ino);
	uint64_t id = fs_ino_id(ino);

	if (kind == FS_DB || kind == FS_TABLE || kind == FS_REF)
		return record_name(x, kind, id, ret);
	if (kind == FS_SNAPSHOT || kind == FS_SEGMENT || kind == FS_BLOCK)
		return object_name(x, kind, id, ret);
	if (kind == FS_HEADLINK || kind == FS_STAGED)
		return -ENOENT;
	if (kind == FS_TRASHED)
		return fs_trash_name(x, id, ret);
	strcpy(ret, kind == FS_FILE ? fs_file_name((enum fs_file)id) : fixed[kind]);
	return 0;
}

static int path_of(struct refs_txn *x, uint64_t ino, struct buf *ret)
{
	char names[DEPTH_MAX][FS_NAME_BYTES_MAX + 1];
	size_t n = 0;
	int r = 0;

	while (!r && ino != FS_INO_ROOT && n < DEPTH_MAX) {
		r = fs_node_name(x, ino, names[n++]);
		if (!r)
			r = fs_node_parent(x, ino, &ino);
	}
	while (!r && n--)
		r = buf_printf(ret, "%s%s", ret->len ? "/" : "", names[n]);
	return r;
}

int fs_tree_path(const struct fs_tree *t, uint64_t ino, const char *name, struct buf *ret)
{
	struct refs_txn *x auto_refs_txn = NULL;
	int r = fs_ino_valid(ino) ? refs_begin(t->store, KV_READ, &x) : -ENOENT;

	if (!r)
		r = path_of(x, ino, ret);
	if (r)
		r = buf_append(ret, "?", 1);
	if (!r && name)
		r = buf_printf(ret, "%s%s", ret->len ? "/" : "", name);
	return r ? r : buf_append(ret, "", 1);
}
