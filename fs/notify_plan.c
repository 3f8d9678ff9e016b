#include "fs/notify_impl.h"
#include "refs/name.h"
#include <errno.h>
#include <string.h>

void notify_plan_deinit(struct notify_plan *p)
{
	free(p->inodes);
	while (p->items) {
		struct fs_item *next = p->items->next;

		free(p->items);
		p->items = next;
	}
}

static int plan_inode(struct notify_plan *p, enum fs_kind kind, uint64_t id)
{
	if (!array_grow(p->inodes, p->n_inodes, p->inodes_capacity))
		return -ENOMEM;
	p->inodes[p->n_inodes++] = fs_ino(kind, id);
	return 0;
}

static int plan_entry(
	struct notify_plan *p, enum fs_kind kind, uint64_t id, const char *name, uint64_t before)
{
	struct fs_item *item;

	if (strlen(name) > FS_NAME_BYTES_MAX)
		return 0; /* never shown */
	item = calloc(1, sizeof *item);
	if (!item)
		return -ENOMEM;
	item->dir = fs_ino(kind, id);
	item->before = before;
	strcpy(item->name, name);
	item->next = p->items;
	p->items = item;
	p->n_items++;
	return 0;
}

/** Main shows as the table; the other refs as themselves. */
static int plan_ref(struct notify_plan *p, struct refs_txn *x, uint64_t id)
{
	struct rec_ref ref;
	int found = rec_ref_get(x->kv, id, &ref);
	bool is_main = !found && ref.kind == REC_REF_MAIN;
	int r = plan_inode(p, is_main ? FS_TABLE : FS_REF, is_main ? ref.table : id);

	if (!r && is_main)
		r = plan_inode(p, FS_SS, ref.table);
	if (!r)
		r = plan_inode(p, FS_DATA, id);
	return r ? r : plan_inode(p, FS_HEAD, id);
}

static int plan_gone(
	struct notify_plan *p, struct refs_txn *x, const struct change *c, uint64_t before)
{
	char *path cleanup(free_p) = NULL;
	struct rec_ref ref;
	int r;

	switch (c->dir) {
	case CHANGE_IN_ROOT:
	case CHANGE_IN_DB:
		r = name_to_path(c->name, &path);
		return r ? r
			 : plan_entry(p, c->dir == CHANGE_IN_DB ? FS_DB : FS_ROOT,
				   c->dir == CHANGE_IN_DB ? c->id : 0, path, before);
	case CHANGE_IN_REFS:
		return plan_entry(p, FS_REFS, c->id, c->name, before);
	case CHANGE_IN_REF:
		if (!rec_ref_get(x->kv, c->id, &ref) && ref.kind == REC_REF_MAIN)
			return plan_entry(p, FS_SS, ref.table, c->name, before);
		return plan_entry(p, FS_REF, c->id, c->name, before);
	case CHANGE_IN_DATA:
		return plan_entry(p, FS_DATA, c->id, c->name, before);
	}
	p->all = true;
	return 0;
}

int notify_plan_change(
	struct notify_plan *p, struct refs_txn *x, const struct change *c, uint64_t before)
{
	int r;

	switch (c->kind) {
	case CHANGE_ROOT:
		return plan_inode(p, FS_ROOT, 0);
	case CHANGE_DB:
		return plan_inode(p, FS_DB, c->id);
	case CHANGE_TABLE:
		return plan_inode(p, FS_REFS, c->id);
	case CHANGE_OBJECTS:
		r = plan_inode(p, FS_B, c->id);
		return r ? r : plan_inode(p, FS_SG, c->id);
	case CHANGE_REF:
		return plan_ref(p, x, c->id);
	case CHANGE_SNAPSHOT:
		return plan_inode(p, FS_SNAPSHOT, c->id);
	case CHANGE_BLOCK:
		return plan_inode(p, FS_BLOCK, c->id);
	case CHANGE_GONE:
		return plan_gone(p, x, c, before);
	case CHANGE_ALL:
		break;
	}
	p->all = true; /* also what a newer process means by a kind unknown here */
	return plan_inode(p, FS_ROOT, 0);
}
