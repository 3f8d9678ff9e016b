/* What ln and rm do in the directory of a ref; chmod and setfattr of it. */
#include "fs/change_impl.h"
#include "fs/headlink.h"
#include "fs/tree_impl.h"
#include "refs/ref.h"
#include <errno.h>
#include <string.h>

int change_snapshot_of(struct refs_txn *x, uint64_t ref, uint64_t id, struct rec_snapshot *ret,
	struct bough_error *error)
{
	struct rec_ref rec;
	int r = rec_ref_get(x->kv, ref, &rec);

	if (!r)
		r = rec_snapshot_get(x->kv, id, ret);
	if (r || ret->table == rec.table)
		return r;
	error_set(error, -EXDEV, "this snapshot is of another table");
	return error_hint(error, -EXDEV, "cp its files into data/");
}

int change_link(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	char name[FS_NAME_BYTES_MAX + 1];
	struct rec_snapshot s;
	uint64_t ref, id = fs_ino_id(c->ino);
	int r;

	if (fs_ino_kind(c->dir) != FS_REF || fs_ino_kind(c->ino) != FS_SNAPSHOT)
		return change_refuse(x, c->dir, error);
	r = fs_dir_ref(x, c->dir, &ref, error);
	if (!r)
		r = change_snapshot_of(x, ref, id, &s, error);
	if (!r)
		r = fs_node_name(x, c->ino, name);
	if (!r && strcmp(name, c->name) != 0) {
		error_set(error, -EPERM, "a snapshot keeps its name");
		return error_hint(error, -EPERM, "ln it into the folder, without a new name");
	}
	if (!r)
		r = refs_ref_reset(x, ref, id, error);
	return r ? r : fs_node_stat(c->tree, x, c->ino, &c->made);
}

int change_set_head(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	uint64_t ref, snapshot = 0;
	int r = fs_dir_ref(x, c->dir, &ref, error);

	if (!r)
		r = fs_headlink_resolve(x, c->dir, c->target, &snapshot, error);
	if (!r)
		r = refs_ref_reset(x, ref, snapshot, error);
	return r ? r : fs_node_stat(c->tree, x, fs_ino(FS_HEAD, ref), &c->made);
}

int change_move_head(struct refs_txn *x, struct fs_change *c, const struct fs_headlink *link,
	struct bough_error *error)
{
	uint64_t ref;
	int r;

	if (c->dir != c->to_dir || strcmp(c->to_name, "HEAD") != 0) {
		error_set(error, -EPERM, "a symbolic link can only become HEAD");
		return error_hint(error, -EPERM, "ln -sfn SNAPSHOT HEAD");
	}
	r = fs_dir_ref(x, c->dir, &ref, error);
	return r ? r : refs_ref_reset(x, ref, link->snapshot, error);
}

int change_unlink(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	uint64_t ref, id;
	int r;

	if (fs_ino_kind(c->dir) != FS_REF && fs_ino_kind(c->dir) != FS_TABLE)
		return change_refuse(x, c->dir, error);
	r = fs_dir_ref(x, c->dir, &ref, error);
	if (r)
		return r;
	if (!strcmp(c->name, "HEAD")) {
		error_set(error, -EBUSY, "HEAD cannot be removed");
		return error_hint(error, -EBUSY, "ln -sfn SNAPSHOT HEAD moves it");
	}
	if (fs_ino_kind(c->dir) == FS_TABLE)
		return change_refuse(x, c->dir, error);
	r = fs_snapshot_find(x, ref, c->name, &id);
	return r ? r : refs_link_remove(x, ref, id, error);
}

int change_freeze(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	int r = refs_ref_freeze(x, fs_ino_id(c->ino), error);

	return r ? r : fs_node_stat(c->tree, x, c->ino, &c->made);
}

int change_retain(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	struct rec_table t;
	uint64_t ref = fs_ino_id(c->ino);
	int r = 0;

	if (fs_ino_kind(c->ino) == FS_TABLE) {
		r = rec_table_get(x->kv, ref, &t);
		ref = t.main_ref;
	}
	return r ? r : refs_ref_retain(x, ref, c->retain_us, error);
}
