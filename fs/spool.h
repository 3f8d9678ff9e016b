/*
 * Files that are being written through this mount, from their making to their commit. Their bytes
 * lie in a folder of ours below STORE/spool: never in a committed block's inode. A name that
 * commits (fs_name_commits()) is shown by nobody until its commit; every other name is seen, by
 * look-ups and in listings of this mount alone, and is never a row.
 *
 * References and handles are apart. A reference (fs_spool_create(), fs_spool_get(), given back by
 * fs_staged_unref()) keeps the memory and the bytes. Handles (counted by fs_spool_create(),
 * fs_spool_opened(), fs_spool_trunc_opened(), fs_spool_release()) decide how long the table keeps
 * the file; each needs a reference as long as it is used. Threads: safe, all of it.
 */
#pragma once
#include "fs/tree.h"

#define FS_STAGED_MAX 65536	     /* files of a mount */
#define FS_STAGED_KEEP_US 3600000000 /* a seen name without a handle */
#define FS_SPOOL_TRUNCS_MAX 64 /* truncating opens at once; one more takes the oldest's place */
#define FS_SPOOL_TRUNC_US 1000000

struct fs_spool;
struct fs_staged;

/** fs_name_commits() - ends in .parquet (any case), does not begin with '.', '_' or "tmp_". */
bool fs_name_commits(const char *name);

/**
 * fs_spool_open() - a folder of our own, locked for our lifetime; those of the dead are removed
 *
 * @s is borrowed: its io, clock and path. What cannot be removed is left for the next who opens.
 */
int fs_spool_open(struct refs_store *s, struct fs_spool **ret, struct bough_error *error);
/**
 * fs_spool_close() - everything goes, whatever handles and references are left; takes NULL
 *
 * No other thread uses it any more, and no commit of its files is under way.
 */
void fs_spool_close(struct fs_spool *p);
DEFINE_CLEANUP(struct fs_spool *, fs_spool_close)

/**
 * fs_spool_create() - a new empty file, with one handle; @ret is a reference
 *
 * Any number of files may have one name that commits.
 * Errors: -EEXIST a seen name that is there; -ENAMETOOLONG; -ENFILE FS_STAGED_MAX.
 */
int fs_spool_create(struct fs_spool *p, uint64_t dir, const char *name, struct fs_staged **ret);
/** fs_spool_get() - by its id, one reference more; NULL none. */
struct fs_staged *fs_spool_get(struct fs_spool *p, uint64_t id);
/** fs_staged_unref() - takes NULL. */
void fs_staged_unref(struct fs_spool *p, struct fs_staged *f);
/** fs_staged_id() - from 1; never reused in this mount. */
uint64_t fs_staged_id(const struct fs_staged *f);
/** fs_staged_where() - the data/ directory and the name it is bound to; forgotten: the last ones.
 */
void fs_staged_where(
	struct fs_staged *f, uint64_t *ret_dir, char ret_name[static FS_NAME_BYTES_MAX + 1]);

/** fs_spool_find() - a file that is seen under its name. -ENOENT. */
int fs_spool_find(struct fs_spool *p, uint64_t dir, const char *name, uint64_t *ret_id);
/** Non-zero ends the listing and is returned. @f and @name are borrowed for the call. */
typedef int (*fs_spool_fn)(void *arg, struct fs_staged *f, const char *name);
/** fs_spool_list() - those seen in @dir with ids above @after_id, rising; @fn under no lock. */
int fs_spool_list(struct fs_spool *p, uint64_t dir, uint64_t after_id, fs_spool_fn fn, void *arg);
/** fs_spool_version() - equal: fs_spool_list() of @dir shows the same. 0: nothing. */
uint64_t fs_spool_version(struct fs_spool *p, uint64_t dir);

/** fs_staged_stat() - size, times and blocks; the rest is the spool's own. Waits for no writer. */
int fs_staged_stat(struct fs_staged *f, struct stat *ret);
/** fs_staged_read() - fewer bytes only at the end. Waits for no writer. */
ssize_t fs_staged_read(struct fs_staged *f, void *data, size_t len, uint64_t off);
/**
 * fs_staged_write() - all of it, or an error and any part of it
 *
 * Errors: -EBUSY frozen, see fs_staged_wait(); -EMLINK a commit has these bytes: first
 * fs_staged_renew(). Return: @len or a negative errno.
 */
ssize_t fs_staged_write(struct fs_staged *f, const void *data, size_t len, uint64_t off);
/** fs_staged_truncate() - the same errors. */
int fs_staged_truncate(struct fs_staged *f, uint64_t size);
/** fs_staged_utimens() - as futimens(3). Frozen: after the thaw; after a commit: ignored. */
int fs_staged_utimens(struct fs_staged *f, const struct timespec times[2]);
/** fs_staged_sync() - fsync of file and folder. One that failed is the answer for ever. */
int fs_staged_sync(struct fs_staged *f);

/**
 * fs_staged_freeze() - a commit begins; nothing changes the bytes until fs_staged_thaw()
 * @ret_path: the spool file, absolute; borrowed until the thaw
 *
 * Whatever its name is. The commit may copy, clone or move the file away. May wait for writers, and
 * copy: not for a FUSE worker. Errors: -EINVAL no whole Parquet file (its two ends are looked at,
 * no more); -EBUSY another commit of it is under way; -EIO its fsync failed before. Return: 0
 * frozen; 1 nothing to do: empty, unchanged since its last commit, or forgotten.
 */
int fs_staged_freeze(struct fs_staged *f, const char **ret_path);
/**
 * fs_staged_hash() - of a frozen file: makes it durable, and keeps its hash until it changes
 *
 * So that its commit, later, has less to do. Slow. What fails here fails again there.
 */
void fs_staged_hash(struct fs_staged *f);
/** fs_staged_hashed() - of a frozen file: is its hash known? */
bool fs_staged_hashed(struct fs_staged *f, uint8_t ret_sha256[static SHA256_BYTES]);
/**
 * fs_staged_thaw() - the commit's end; then runs the waiters
 * @result: 0 committed: the spool name is gone, handles read on; else it is as before the freeze
 */
void fs_staged_thaw(struct fs_staged *f, int result);
/**
 * fs_staged_renew() - a committed file goes on in a fresh copy: open, unchanged
 *
 * May copy: not for a FUSE worker. 0 where nothing is to be done. Errors: -EBUSY frozen.
 */
int fs_staged_renew(struct fs_staged *f);

/** Who waits for a thaw. */
struct fs_waiter {
	void (*run)(struct fs_waiter *w); /* once, by the thawing thread, under no lock */
	struct fs_waiter *next;		  /* the spool's */
};
/** fs_staged_wait() - frozen: @w is kept, true. Else false. */
bool fs_staged_wait(struct fs_staged *f, struct fs_waiter *w);

/**
 * fs_spool_rename() - a seen name becomes another one, and replaces what is seen there
 *
 * To a name that commits only after the commit under that name (freeze, commit, thaw): it is not
 * seen any more; open handles write on under the new name, without one it goes.
 * Errors: -ENOENT it has lost its name.
 */
int fs_spool_rename(struct fs_spool *p, struct fs_staged *f, uint64_t to_dir, const char *to_name);
/** fs_spool_remove() - what is seen there loses its name; handles go on, it never commits. -ENOENT.
 */
int fs_spool_remove(struct fs_spool *p, uint64_t dir, const char *name);
/** fs_spool_forget() - the same for @f itself, whatever its name. */
void fs_spool_forget(struct fs_spool *p, struct fs_staged *f);

/** fs_spool_opened() - one handle more. -ESTALE it is gone. */
int fs_spool_opened(struct fs_spool *p, struct fs_staged *f);
enum fs_release {
	FS_RELEASE_NONE,
	FS_RELEASE_DROPPED /* of a name that commits: bytes that never were; worth a line in the log
			    */
};
/**
 * fs_spool_release() - a handle less; the caller's reference stays
 *
 * With its last one goes a file whose name commits, or that has none; a seen name stays for
 * FS_STAGED_KEEP_US.
 */
enum fs_release fs_spool_release(struct fs_spool *p, struct fs_staged *f);
/** fs_spool_expire() - drop what is kept for too long; to be called now and then. */
void fs_spool_expire(struct fs_spool *p);

/*
 * A truncating open of a committed block: the first OPEN is answered ESTALE and remembered by its
 * thread; the kernel walks again, the thread's look-ups find a new empty file W in the block's
 * place, and it opens that. All within FS_SPOOL_TRUNC_US; a W that nobody opened goes.
 */
/**
 * fs_spool_trunc_begin() - OPEN with O_TRUNC of a block; answer what this returns
 *
 * Return: -ESTALE remembered; -EPERM @tid is 0, a foreign pid namespace; what
 * fs_spool_trunc_lookup() was given as @refusal, which is then forgotten.
 */
int fs_spool_trunc_begin(struct fs_spool *p, uint32_t tid, uint64_t block_ino);
/** fs_spool_trunc_block() - inode of the block for which @tid has begun one; 0 none. */
uint64_t fs_spool_trunc_block(struct fs_spool *p, uint32_t tid);
/**
 * fs_spool_trunc_lookup() - a look-up of (@dir, @name) by @tid found the block
 * @refusal: why it may not be written here (-EROFS in a tag), 0 it may
 * @ret_id:  of W, bound to @dir and @name; to be shown with entry timeout 0
 *
 * Return: 0; -ENOENT show the block: nothing was remembered, or @refusal is now; else W could not
 * be made.
 */
int fs_spool_trunc_lookup(struct fs_spool *p, uint32_t tid, uint64_t block_ino, uint64_t dir,
	const char *name, int refusal, uint64_t *ret_id);
/** fs_spool_trunc_opened() - OPEN of W by @tid: W has one handle. -ENOENT @id is no W of @tid. */
int fs_spool_trunc_opened(struct fs_spool *p, uint32_t tid, uint64_t id);
