/* Mount points and the kernel's table of mounts, free of FUSE. */
#pragma once
#include "objstore/base/error.h"

/** The topmost mount at a path. */
struct fs_mounted {
	unsigned major, minor;
	bool is_ours; /* a mount of a store */
	char *source; /* the store; owned */
};

/** fs_mountpoint_real() - absolute, without symbolic links but for the last part; owned. */
int fs_mountpoint_real(const char *path, char **ret);
/** fs_mountpoint_find() - what is mounted exactly at @real. -ENOENT nothing. */
int fs_mountpoint_find(const char *real, struct fs_mounted *ret);
/** fs_mountpoint_parse() - the same from a table's text (/proc/self/mountinfo); for tests too. */
int fs_mountpoint_parse(char *table, const char *real, struct fs_mounted *ret);
/** fs_mountpoint_has_device() - is that file system mounted anywhere? (false: cannot tell, too) */
bool fs_mountpoint_has_device(unsigned major, unsigned minor);
void fs_mounted_deinit(struct fs_mounted *m);
/** fs_mountpoint_detach() - unmount @real, by fusermount3 where we may not. */
int fs_mountpoint_detach(const char *real, int flags);
