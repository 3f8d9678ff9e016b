/* What a commit means to the kernel. Inside fs/ only. */
#pragma once
#include "fs/notify.h"

/** A name to be forgotten. */
struct fs_item {
	struct fs_item *next;
	uint64_t dir;
	uint64_t before; /* all up to this commit was shown when it was read */
	char name[FS_NAME_BYTES_MAX + 1];
};

/** What one reading of the changes means to the kernel. */
struct notify_plan {
	size_t n_inodes, inodes_capacity, n_items;
	uint64_t *inodes;      /* owned */
	struct fs_item *items; /* owned */
	bool all;
};
void notify_plan_deinit(struct notify_plan *p);
/** notify_plan_change() - adds one; @before: as in struct fs_item. */
int notify_plan_change(
	struct notify_plan *p, struct refs_txn *x, const struct change *c, uint64_t before);
