/* An open store and its transactions. */
#pragma once
#include "meta/record.h"
#include "meta/wake.h"
#include "objstore/base/error.h"
#include "objstore/objstore.h"
#include "refs/change.h"
#include "refs/conf.h"

#define REFS_FORMAT_VERSION 2

enum refs_role { REFS_ROLE_CLI, REFS_ROLE_MOUNT, REFS_ROLE_GC };

/** Opened once per process; threads share it. Fields are read-only after refs_store_open(). */
struct refs_store {
	char *path; /* absolute */
	int dir_fd;
	struct refs_conf conf;
	struct kv *kv;
	struct wake *wake;
	struct objstore *objects;
	struct id_space ids;
	uint8_t uuid[UUID_BYTES];
	const struct clock *clock;
	const struct io *io;
	enum refs_role role;
	struct refs_client *client; /* see refs/client.h */
};

/** refs_store_init() - make a new store at @path (made if absent, must be empty). -EEXIST a store.
 */
int refs_store_init(const char *path, struct bough_error *error);
/**
 * refs_store_open() - open the store at @path
 * @path: a store folder (a path inside a mount is resolved by refs_store_find() before)
 *
 * Errors: -ENOENT no store there; -EPROTONOSUPPORT newer format or needed feature, by name;
 * -EUCLEAN damaged metadata; -EINVAL bough.conf; -EACCES, -EROFS no right to write its folder;
 * -EOPNOTSUPP network file system, or objects elsewhere; -EBUSY in use by too many. Open after
 * fork.
 */
int refs_store_open(
	const char *path, enum refs_role role, struct refs_store **ret, struct bough_error *error);
/** refs_store_close() - gives up ranges, slot and locks; takes NULL. */
void refs_store_close(struct refs_store *s);
DEFINE_CLEANUP(struct refs_store *, refs_store_close)
/**
 * refs_store_find() - the store folder that @path means: itself, or by the xattr user.bough.store
 * of any path in a mount. @path NULL: $BOUGH_STORE, else the mount of the current directory.
 * @ret: owned (free). -ENOENT.
 */
int refs_store_find(const char *path, char **ret, struct bough_error *error);

/**
 * One transaction with what it changes. Reading ones publish the client's epoch before they begin
 * and withdraw it at the end (protocol: epochs; model rule publish_first).
 */
struct refs_txn {
	struct refs_store *store;
	struct kv_txn *kv;
	uint64_t commit; /* as kv_txn */
	uint64_t now_us; /* taken once, at begin */
	struct change_list changes;
	struct refs_txn *parent; /* of a nested one */
	/** The last place found, of a reading one (refs_data_place()). */
	struct {
		uint64_t root, block;
		struct refs_place {
			uint64_t segment;
			uint32_t at;
			struct rec_segment_entry entry; /* borrows from the transaction */
		} place;
	} found;
	int epoch; /* token of refs/client.c; -1 none */
};

/** refs_begin() - as kv_begin(). @ret is freed by refs_commit() or refs_abort(). */
int refs_begin(struct refs_store *s, enum kv_mode mode, struct refs_txn **ret);
/** refs_nest() - inside a write transaction: its abort undoes only it and its changes. */
int refs_nest(struct refs_txn *parent, struct refs_txn **ret);
/**
 * refs_commit() - durable; writes the change record, then announces the commit
 * @ret_commit: its number; may be NULL; 0 if nothing was written
 *
 * Consumes *@x whatever is returned. A nested one hands its changes to its parent.
 * Does not wait for mounts: refs_settle().
 */
int refs_commit(struct refs_txn **x, uint64_t *ret_commit);
/** refs_abort() - takes NULL; ends read transactions too. */
void refs_abort(struct refs_txn *x);
DEFINE_CLEANUP(struct refs_txn *, refs_abort)
#define auto_refs_txn cleanup(refs_abort_p)

/** refs_settle() - until all mounts of the store but ours show @commit; at most 1 s. */
void refs_settle(struct refs_store *s, uint64_t commit);

/** refs_cannot_commit() - words for @r of a commit, which changed nothing; returns @r. */
int refs_cannot_commit(const struct refs_store *s, int r, struct bough_error *error);
/** A body: everything it does is in @x, so it can be run again. */
typedef int (*refs_body)(struct refs_txn *x, void *arg, struct bough_error *error);
/** refs_write() - begin, @body, commit (again after -ESTALE), settle, refs_export_commit(). */
int refs_write(struct refs_store *s, refs_body body, void *arg, struct bough_error *error);
