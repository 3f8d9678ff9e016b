/*
 * Which listings the kernel may keep: a directory whose version equals that at its last opendir is
 * listed from the kernel's cache, fresh without any notification. A small table; a directory that
 * fell out of it is just read again.
 */
#pragma once
#include "objstore/base/base.h"

#define FS_DIR_CACHED_MAX 1000000 /* entries; larger directories are not kept at all */

struct fs_dircache;

int fs_dircache_new(struct fs_dircache **ret);
/** fs_dircache_free() - takes NULL. */
void fs_dircache_free(struct fs_dircache *c);
DEFINE_CLEANUP(struct fs_dircache *, fs_dircache_free)

/**
 * fs_dircache_open() - @dir is opened at @version
 * @ret_keep:  what the kernel kept is still right
 * @ret_cache: it may keep what it reads now
 */
void fs_dircache_open(
	struct fs_dircache *c, uint64_t dir, uint64_t version, bool *ret_keep, bool *ret_cache);
/**
 * fs_dircache_read() - a handle opened at @version reads; @listed entries so far
 *
 * A handle older than the last opendir fills the cache with what is old: the next one drops it.
 */
void fs_dircache_read(struct fs_dircache *c, uint64_t dir, uint64_t version, uint64_t listed);
