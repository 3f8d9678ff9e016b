/*
 * What a commit changed, so that mounts can forget what they cached. Written as KEY_CHANGE by each
 * commit; the last CHANGE_KEEP commits, at least, are kept: a mount further behind forgets
 * everything.
 */
#pragma once
#include "meta/kv.h"
#include "objstore/base/buf.h"

#define CHANGE_KEEP 4096
#define CHANGE_LIST_MAX 1024 /* of one commit; more are CHANGE_ALL */

enum change_kind {
	CHANGE_ALL = 1,	 /* anything */
	CHANGE_ROOT,	 /* the list of databases */
	CHANGE_DB,	 /* id: its list of tables, its attributes */
	CHANGE_TABLE,	 /* id: its list of refs */
	CHANGE_OBJECTS,	 /* table id: _b/ and _sg/ */
	CHANGE_REF,	 /* id: head, directory, data/, attributes */
	CHANGE_SNAPSHOT, /* id: attributes (nlink) */
	CHANGE_BLOCK,	 /* id: attributes (nlink) */
	CHANGE_GONE,	 /* name in directory parent/id is gone or means something else */
};

/** Directory of a CHANGE_GONE. */
enum change_dir { CHANGE_IN_ROOT = 1, CHANGE_IN_DB, CHANGE_IN_REFS, CHANGE_IN_REF, CHANGE_IN_DATA };

struct change {
	enum change_kind kind;
	enum change_dir dir; /* CHANGE_GONE: which directory of ... */
	uint64_t id;	     /* ... this database, table or ref */
	char *name;	     /* CHANGE_GONE; owned */
};

struct change_list {
	size_t n, capacity;
	struct change *items;
	bool overflow; /* -> CHANGE_ALL */
};

/** change_add() - the same change twice is one. -ENOMEM. */
int change_add(struct change_list *l, enum change_kind kind, uint64_t id);
int change_add_gone(struct change_list *l, enum change_dir dir, uint64_t id, const char *name);
/** change_move() - append all of @from to @into and empty @from. */
int change_move(struct change_list *into, struct change_list *from);
void change_list_deinit(struct change_list *l);

/** change_put() - the record of commit t->commit; drops now and then what is too old to keep. */
int change_put(struct kv_txn *t, const struct change_list *l);
/**
 * change_read() - all changes of commits above @after, in order
 *
 * *@ret_after: the last commit that @t sees. If records between are missing: one CHANGE_ALL.
 */
int change_read(struct kv_txn *t, uint64_t after, struct change_list *ret, uint64_t *ret_after);
