/* A store at a mount point: made, served, taken away. */
#pragma once
#include "objstore/base/error.h"
#include "refs/store.h"
#include <sys/types.h>

#define FS_MOUNT_TYPE "fuse.bough"

struct fs_mount_options {
	bool allow_other; /* users other than the one who mounts */
	bool is_read_only;
	bool has_uid, has_gid;
	uid_t uid; /* of all files; else that of the store's folder */
	gid_t gid;
	unsigned max_threads; /* 0: libfuse's own choice */
};

/**
 * fs_mount_prepare() - may a store be mounted at @path?
 * @ret_path: absolute, without symbolic links; owned
 *
 * What a killed daemon of ours left there is taken away. Call before anything is started.
 * Errors, each with words: -ENOENT; -ENOTDIR, also of a symbolic link; -ENOTEMPTY; -EBUSY mounted
 * already; -ENOTCONN a dead mount of another file system; -ENODEV no /dev/fuse; -EACCES.
 */
int fs_mount_prepare(const char *path, char **ret_path, struct bough_error *error);
/**
 * fs_mount_serve() - mount @store at @path and serve it until it is unmounted or a signal comes
 * @path:  of fs_mount_prepare()
 * @ready: called once when the mount is there, just before it is served; may be NULL
 *
 * SIGTERM, SIGINT and SIGHUP unmount cleanly; unmounted from outside it just ends.
 */
int fs_mount_serve(struct refs_store *store, const char *path,
	const struct fs_mount_options *options, void (*ready)(void *arg), void *arg,
	struct bough_error *error);
/** Called several times a second. */
typedef void (*fs_mount_waiting)(void *arg, unsigned waited_s, unsigned at_most_s);
/**
 * fs_mount_unmount() - take a mount of ours away, and wait until its daemon has left the store
 * @waiting: called while the daemon ends; may be NULL
 *
 * Does not wait where it is mounted at another path too, or where the store cannot be opened to
 * look. Errors, each with words: -EINVAL no mount of a store there; -EBUSY in use; -EPERM;
 * -ETIMEDOUT unmounted, but the daemon is still there.
 */
int fs_mount_unmount(
	const char *path, fs_mount_waiting waiting, void *arg, struct bough_error *error);
