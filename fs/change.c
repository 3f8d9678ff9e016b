#include "fs/change_impl.h"
#include "fs/headlink.h"
#include "fs/tree_impl.h"
#include "refs/name.h"
#include "refs/ref.h"
#include "refs/table.h"
#include "refs/trash.h"
#include <errno.h>
#include <string.h>

#define WRITE_BITS (S_IWUSR | S_IWGRP | S_IWOTH)

static int refuse_in_ref(enum fs_kind kind, struct bough_error *error)
{
	if (kind == FS_DATA) {
		error_set(error, -EPERM, "data/ holds Parquet files and nothing else");
		return error_hint(error, -EPERM, "they lie directly in it, without folders");
	}
	if (kind == FS_HEAD) {
		error_set(error, -EPERM, "HEAD is a link to a snapshot");
		return error_hint(error, -EPERM, "ln -sfn SNAPSHOT HEAD moves it");
	}
	error_set(error, -EPERM, "here are only snapshots, HEAD and data/");
	return error_hint(error, -EPERM, "files go into data/; rmdir drops the whole branch");
}

int change_is_tag(const struct rec_ref *ref, int r, struct bough_error *error)
{
	error_set(error, r, "tag '%s' is read-only for ever", ref->name);
	return error_hint(error, r, "make a branch of it and write to that");
}

int change_refuse(struct refs_txn *x, uint64_t dir, struct bough_error *error)
{
	struct rec_ref ref;
	int r;

	switch (fs_ino_kind(dir)) {
	case FS_ROOT:
	case FS_DB:
		error_set(error, -EPERM, "here are only databases and tables");
		return error_hint(error, -EPERM, "mkdir makes one");
	case FS_REFS:
		error_set(error, -EPERM, "here are only branches and tags");
		return error_hint(error, -EPERM, "mkdir makes a branch, mkdir -m 555 a tag");
	case FS_TABLE:
		error_set(error, -EPERM, "a table's own folders are fixed");
		return error_hint(error, -EPERM, "branches and tags are made in _refs");
	case FS_REF:
	case FS_DATA:
	case FS_HEAD:
		r = refs_ref_open(x, fs_ino_id(dir), &ref, error);
		if (!r && ref.kind == REC_REF_TAG)
			r = change_is_tag(&ref, -EROFS, error);
		return r ? r : refuse_in_ref(fs_ino_kind(dir), error);
	case FS_TRASH:
	case FS_TRASHED:
		error_set(error, -EPERM, "what is in the trash can only be moved out");
		return error_hint(error, -EPERM,
			"mv it to where it was restores it; 'bough trash empty' removes it");
	case FS_BLOCK:
		error_set(error, -EPERM, "a committed file never changes");
		return error_hint(error, -EPERM, "write it again under its name in data/");
	default:
		error_set(error, -EROFS, "this changes only through commits");
		return error_hint(error, -EROFS, "write to data/ of main or of a branch");
	}
}

int fs_refuse(const struct fs_tree *t, uint64_t dir, struct bough_error *error)
{
	struct refs_txn *x auto_refs_txn = NULL;
	int r = refs_begin(t->store, KV_READ, &x);

	return r ? r : change_refuse(x, dir, error);
}

int fs_write_check(const struct fs_tree *t, uint64_t dir, struct bough_error *error)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_ref ref;
	int r;

	if (fs_ino_kind(dir) != FS_DATA)
		return fs_refuse(t, dir, error);
	if (!t->spool) {
		error_set(error, -EROFS, "this mount is read-only");
		return error_hint(error, -EROFS, "mount it without -o ro");
	}
	r = refs_begin(t->store, KV_READ, &x);
	if (!r)
		r = refs_ref_open(x, fs_ino_id(dir), &ref, error);
	return !r && ref.kind == REC_REF_TAG ? change_is_tag(&ref, -EROFS, error) : r;
}

int fs_chmod_check(const struct fs_tree *t, uint64_t ino, mode_t mode, struct bough_error *error)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_ref ref;
	int r;

	if (fs_ino_kind(ino) != FS_REF)
		return 0;
	r = refs_begin(t->store, KV_READ, &x);
	if (!r)
		r = rec_ref_get(x->kv, fs_ino_id(ino), &ref);
	if (r)
		return r;
	if (ref.kind == REC_REF_TAG && (mode & WRITE_BITS))
		return change_is_tag(&ref, -EPERM, error);
	return ref.kind != REC_REF_TAG && !(mode & WRITE_BITS);
}

/** A database's or table's name as the mount writes it. */
static int plain_name(const char *name, char **ret, struct bough_error *error)
{
	int r = name_of_path(name, ret);

	if (r != -EINVAL)
		return r;
	error_set(error, r, "'%.255s' cannot name a database or table", name);
	return error_hint(
		error, r, "names that begin with '_' or '.' are reserved; '%%' is '%%25'");
}

static int make_db(
	struct refs_txn *x, struct fs_change *c, uint64_t *ret, struct bough_error *error)
{
	char *name cleanup(free_p) = NULL;
	uint64_t id = 0;
	int r = plain_name(c->name, &name, error);

	if (!r)
		r = refs_db_create(x, name, &id, error);
	*ret = fs_ino(FS_DB, id);
	return r;
}

static int make_table(
	struct refs_txn *x, struct fs_change *c, uint64_t *ret, struct bough_error *error)
{
	char *name cleanup(free_p) = NULL;
	uint64_t id = 0;
	int r = plain_name(c->name, &name, error);

	if (!r)
		r = refs_table_create(x, fs_ino_id(c->dir), name, &id, error);
	*ret = fs_ino(FS_TABLE, id);
	return r;
}

static int make_ref(
	struct refs_txn *x, struct fs_change *c, uint64_t *ret, struct bough_error *error)
{
	struct refs_create create = {
		.table = fs_ino_id(c->dir),
		.name = c->name,
		.kind = c->mode & WRITE_BITS ? REC_REF_BRANCH : REC_REF_TAG,
	};
	uint64_t id = 0;
	int r = refs_ref_create(x, &create, &id, error);

	*ret = fs_ino(FS_REF, id);
	return r;
}

static int run_mkdir(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	uint64_t ino = 0;
	int r;

	switch (fs_ino_kind(c->dir)) {
	case FS_ROOT:
		r = make_db(x, c, &ino, error);
		break;
	case FS_DB:
		r = make_table(x, c, &ino, error);
		break;
	case FS_REFS:
		r = make_ref(x, c, &ino, error);
		break;
	default:
		r = change_refuse(x, c->dir, error);
	}
	return r ? r : fs_node_stat(c->tree, x, ino, &c->made);
}

/** Id of a database or table by its name in the mount. */
static int find_named(struct refs_txn *x, uint64_t dir, const char *name, uint64_t *ret,
	struct bough_error *error)
{
	char *plain cleanup(free_p) = NULL;
	int r = name_of_path(name, &plain);

	if (dir == REC_DIR_ROOT && !strcmp(name, FS_BOUGH_NAME)) {
		error_set(error, -EPERM, "this folder is Bough's own");
		return error_hint(error, -EPERM, "it comes and goes with the mount");
	}
	if (!r)
		r = rec_dir_lookup(x->kv, dir, plain, ret);
	return r == -EINVAL ? -ENOENT : r;
}

static int any_child(void *arg, uint64_t id, const char *name)
{
	(void)arg;
	(void)id;
	(void)name;
	return 1;
}

static int drop_table(struct refs_txn *x, uint64_t id, struct bough_error *error)
{
	struct rec_table t;
	struct rec_ref main;
	int r = rec_table_get(x->kv, id, &t);

	if (!r)
		r = rec_ref_get(x->kv, t.main_ref, &main);
	if (!r)
		r = main.head ? 1 : refs_dir_list(x, id, 0, any_child, NULL);
	if (!r)
		return refs_table_drop(x, id, error);
	if (r < 0)
		return r;
	error_set(error, -ENOTEMPTY, "table '%s' holds %s", t.name,
		main.head ? "data" : "branches or tags");
	return error_hint(error, -ENOTEMPTY, "bough table drop drops it whole");
}

static int run_rmdir(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	uint64_t id, dir = fs_ino_id(c->dir);
	int r;

	switch (fs_ino_kind(c->dir)) {
	case FS_ROOT:
		r = find_named(x, REC_DIR_ROOT, c->name, &id, error);
		return r ? r : refs_db_drop(x, id, error);
	case FS_DB:
		r = find_named(x, dir, c->name, &id, error);
		return r ? r : drop_table(x, id, error);
	case FS_REFS:
		r = rec_dir_lookup(x->kv, dir, c->name, &id);
		return r ? r : refs_ref_drop(x, id, error);
	default:
		return change_refuse(x, c->dir, error);
	}
}

static int rename_db(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	char *to cleanup(free_p) = NULL;
	uint64_t id;
	int r = find_named(x, REC_DIR_ROOT, c->name, &id, error);

	if (!r)
		r = plain_name(c->to_name, &to, error);
	return r ? r : refs_db_rename(x, id, to, error);
}

static int rename_table(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	char *to cleanup(free_p) = NULL;
	uint64_t id;
	int r = find_named(x, fs_ino_id(c->dir), c->name, &id, error);

	if (!r)
		r = plain_name(c->to_name, &to, error);
	return r ? r : refs_table_rename(x, id, fs_ino_id(c->to_dir), to, error);
}

static int rename_ref(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	uint64_t id;
	int r = rec_dir_lookup(x->kv, fs_ino_id(c->dir), c->name, &id);

	return r ? r : refs_ref_rename(x, id, c->to_name, error);
}

/** An entry of the trash back to where it was, under any name. */
static int restore(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	struct refs_restore restore = {.name = c->to_name};
	char *plain cleanup(free_p) = NULL;
	enum fs_kind to = fs_ino_kind(c->to_dir);
	struct rec_trash e;
	int r = fs_trash_find(x, c->name, &restore.id);

	if (!r)
		r = refs_trash_get(x, restore.id, &e, error);
	if (r)
		return r;
	if (e.kind == REC_TRASH_REF && to == FS_REFS && fs_ino_id(c->to_dir) == e.table)
		return refs_trash_restore(x, &restore, NULL, error);
	if (e.kind != REC_TRASH_TABLE || to != FS_DB)
		return error_set(error, -EPERM, "out of the trash %s moves only into %s",
			e.kind == REC_TRASH_TABLE ? "a table" : "a branch or tag",
			e.kind == REC_TRASH_TABLE ? "a database" : "the _refs that it was in");
	r = plain_name(c->to_name, &plain, error);
	restore.name = plain;
	restore.db = fs_ino_id(c->to_dir);
	return r ? r : refs_trash_restore(x, &restore, NULL, error);
}

static int run_rename(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	enum fs_kind kind = fs_ino_kind(c->dir);
	struct fs_headlink link;

	if (kind == FS_TRASH)
		return restore(x, c, error);
	if (!fs_headlink_find(c->tree->headlinks, c->dir, c->name, &link))
		return change_move_head(x, c, &link, error);
	if (kind == FS_DB && fs_ino_kind(c->to_dir) == FS_DB)
		return rename_table(x, c, error);
	if (kind == FS_ROOT && c->dir == c->to_dir)
		return rename_db(x, c, error);
	if (kind == FS_REFS && c->dir == c->to_dir)
		return rename_ref(x, c, error);
	if (kind == FS_ROOT || kind == FS_DB) {
		error_set(error, -EPERM, "a database stays in the root, a table in a database");
		return error_hint(error, -EPERM, "'bough table rename' moves a table");
	}
	if (kind == FS_REFS) {
		error_set(error, -EPERM, "a branch or tag moves only within its _refs");
		return error_hint(error, -EPERM, "its files can be copied anywhere");
	}
	return change_refuse(x, c->dir, error);
}

int fs_change_run(struct refs_txn *x, struct fs_change *c, struct bough_error *error)
{
	switch (c->what) {
	case FS_MKDIR:
		return run_mkdir(x, c, error);
	case FS_RMDIR:
		return run_rmdir(x, c, error);
	case FS_RENAME:
		return run_rename(x, c, error);
	case FS_LINK:
		return change_link(x, c, error);
	case FS_SET_HEAD:
		return change_set_head(x, c, error);
	case FS_UNLINK:
		return change_unlink(x, c, error);
	case FS_FREEZE:
		return change_freeze(x, c, error);
	case FS_RETAIN:
		return change_retain(x, c, error);
	}
	return -EINVAL;
}
