/*
 * The trash: what was dropped by name waits here for the trash period (bough.conf: trash) and can
 * be brought back whole. An entry owns what it holds:
 *
 *   ref    its record keeps head, base and links (KEY_LINK), and each of them its count; the names
 *          (KEY_NAME, KEY_ENTRY, KEY_LINK_OF, nlink) are gone
 *   table  its name is gone; its refs stay in it as they are, and entries of its refs go with it
 *   link   one reference to one snapshot of a ref that may be live
 *
 * Emptying hands those references to the queue.
 */
#pragma once
#include "refs/store.h"

/** refs_trash_get() - -ENOENT, with words. */
int refs_trash_get(
	struct refs_txn *x, uint64_t id, struct rec_trash *ret, struct bough_error *error);
/**
 * refs_trash_list() - entries that can be restored, ids above @after, oldest first
 *
 * Not those of a dropped table's refs: they come and go with the table.
 */
typedef int (*refs_trash_fn)(void *arg, uint64_t id, const struct rec_trash *r);
int refs_trash_list(struct refs_txn *x, uint64_t after, refs_trash_fn fn, void *arg);
/**
 * refs_trash_find() - the newest entry of that name and kind
 * @dir: table of a ref, database of a table
 *
 * Errors: -ENOENT (2745 a ref, 1025 a table).
 */
int refs_trash_find(struct refs_txn *x, uint64_t dir, enum rec_trash_kind kind, const char *name,
	uint64_t *ret_id, struct bough_error *error);

struct refs_restore {
	uint64_t id;
	uint64_t db;	  /* of a table: where to; 0 where it was */
	const char *name; /* NULL: as it was called */
};
/**
 * refs_trash_restore() - bring it back, O(its own links)
 * @ret: the ref or table; of a link its ref; may be NULL
 *
 * Errors: -EEXIST (2746) the name is taken; -ENOENT no such entry, or what it was in is gone;
 * -ESTALE it is being emptied; -EROFS (3905) its branch is a tag by now; -EINVAL bad name.
 */
int refs_trash_restore(struct refs_txn *x, const struct refs_restore *restore, uint64_t *ret,
	struct bough_error *error);

struct refs_emptied {
	uint64_t entries, references; /* gone; handed to the queue */
	bool is_done;		      /* nothing more is due */
};
/**
 * refs_trash_empty() - references of entries that are due to the queue, for a few milliseconds
 * @all: also of those that are not due yet
 *
 * Adds to @ret; call in a new transaction until it is done.
 */
int refs_trash_empty(struct refs_txn *x, bool all, struct refs_emptied *ret);
