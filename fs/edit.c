#include "fs/edit.h"
#include "fs/change_impl.h"
#include "fs/headlink.h"
#include "fs/spool.h"
#include "fs/tree_impl.h"
#include <errno.h>

static bool is_data(uint64_t dir)
{
	return fs_ino_kind(dir) == FS_DATA;
}

bool fs_is_edit(const struct fs_change *c)
{
	switch (c->what) {
	case FS_UNLINK:
		return is_data(c->dir);
	case FS_RENAME:
		return is_data(c->dir) && is_data(c->to_dir);
	case FS_LINK:
		return is_data(c->dir) && fs_ino_kind(c->ino) == FS_BLOCK;
	default:
		return false;
	}
}

static int check_name(const char *name, struct bough_error *error)
{
	if (fs_name_commits(name))
		return 0;
	error_set(error, -EINVAL, "'%s' cannot name a committed file", name);
	return error_hint(error, -EINVAL,
		"its name ends in .parquet and does not begin with '.', '_' or 'tmp_'");
}

/* One op for what happens in a ref; a move to another ref is two, of one transaction. */
static size_t make_ops(const struct fs_change *c, struct refs_edit_op ops[static 2])
{
	uint64_t ref = fs_ino_id(c->dir);
	struct fs_headlink link;

	switch (c->what) {
	case FS_UNLINK:
		ops[0] = (struct refs_edit_op){
			.kind = REFS_EDIT_REMOVE, .ref = ref, .given = c->name};
		return 1;
	case FS_LINK:
		ops[0] = (struct refs_edit_op){.kind = REFS_EDIT_LINK,
			.ref = ref,
			.block = fs_ino_id(c->ino),
			.name = c->name};
		return 1;
	default:
		break;
	}
	if (!fs_headlink_find(c->tree->headlinks, c->dir, c->name, &link)) {
		ops[0] = (struct refs_edit_op){.kind = REFS_EDIT_LINK,
			.ref = fs_ino_id(c->to_dir),
			.block = link.block,
			.name = c->to_name,
			.replaces = !c->no_replace};
		return 1;
	}
	if (c->dir == c->to_dir) {
		ops[0] = (struct refs_edit_op){.kind = REFS_EDIT_RENAME,
			.ref = ref,
			.given = c->name,
			.name = c->to_name,
			.replaces = !c->no_replace};
		return 1;
	}
	ops[0] = (struct refs_edit_op){.kind = REFS_EDIT_REMOVE, .ref = ref, .given = c->name};
	ops[1] = (struct refs_edit_op){.kind = REFS_EDIT_LINK,
		.ref = fs_ino_id(c->to_dir),
		.source = ref,
		.given = c->name,
		.name = c->to_name,
		.replaces = !c->no_replace};
	return 2;
}

int fs_edit_prepare(struct fs_edit *e, struct bough_error *error)
{
	const struct fs_change *c = e->change;
	size_t n = make_ops(c, e->ops);
	int r;

	refs_edit_free(steal(&e->edit));
	e->options = (struct refs_edit_options){.author = e->author};
	if (c->what == FS_UNLINK)
		e->options.squash = &e->squashes->items[fs_ino_id(c->dir) % FS_SQUASHES];
	r = refs_edit_prepare(c->tree->store, e->ops, n, &e->options, &e->edit, error);
	if (r || c->what == FS_UNLINK)
		return r;
	return check_name(c->what == FS_LINK ? c->name : c->to_name, error);
}

int fs_edit_apply(struct refs_txn *x, struct fs_edit *e, struct bough_error *error)
{
	struct fs_change *c = e->change;
	int r = refs_edit_apply(x, e->edit, error);

	return r || c->what != FS_LINK ? r : fs_node_stat(c->tree, x, c->ino, &c->made);
}

void fs_edit_done(struct fs_edit *e, int result)
{
	struct refs_edited done[REFS_EDIT_REFS_MAX];

	if (e->edit && !result)
		refs_edit_done(e->edit, done);
	refs_edit_free(steal(&e->edit));
}
