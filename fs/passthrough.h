/*
 * Kernel passthrough: the kernel reads a block's file itself. Written against the kernel's own
 * interface, since libfuse knows it only from 3.17 on: the INIT reply is patched on its way out,
 * and the reply to an OPEN is built by hand.
 *
 * The kernel wants one backing id per inode while it is open, and all opens of an inode of one
 * kind: so every open of a block is counted here, with the way it was opened.
 */
#pragma once
#include "objstore/base/base.h"
#include <fuse_lowlevel.h>

struct fs_passthrough;

/** The two calls of the kernel, or a test's. */
struct fs_backing_ops {
	int (*open)(int dev_fd, int fd); /* backing id > 0, or -errno */
	void (*close)(int dev_fd, uint32_t id);
};

/** fs_passthrough_new() - @ops NULL: the kernel. @dev_fd is borrowed. */
int fs_passthrough_new(int dev_fd, const struct fs_backing_ops *ops, struct fs_passthrough **ret);
/** fs_passthrough_free() - takes NULL. */
void fs_passthrough_free(struct fs_passthrough *p);
DEFINE_CLEANUP(struct fs_passthrough *, fs_passthrough_free)

/**
 * fs_passthrough_session() - serve @se from @dev_fd, with the INIT reply patched
 *
 * The session's userdata must be a struct fs_passthrough **.
 */
int fs_passthrough_session(struct fs_passthrough *p, struct fuse_session *se);
/** fs_passthrough_request(), fs_passthrough_reply() - see INIT pass; for the session and tests. */
void fs_passthrough_request(struct fs_passthrough *p, const void *data, size_t len);
void fs_passthrough_reply(struct fs_passthrough *p, const struct iovec *iov, int count);
/** fs_passthrough_granted() - the kernel offered it, and has not refused it since. */
bool fs_passthrough_granted(const struct fs_passthrough *p);

/** fs_passthrough_join() - one more open of an inode that is open. Return: id, or 0: it is not. */
uint32_t fs_passthrough_join(struct fs_passthrough *p, uint64_t ino);
/**
 * fs_passthrough_open() - count an open of @ino, whose file is @fd
 * Return: backing id, or 0: read it through the daemon. Each open wants one fs_passthrough_close().
 */
uint32_t fs_passthrough_open(struct fs_passthrough *p, uint64_t ino, int fd);
void fs_passthrough_close(struct fs_passthrough *p, uint64_t ino);
/** fs_passthrough_send() - the OPEN's reply. -ENOENT: interrupted, there is no open file. */
int fs_passthrough_send(fuse_req_t req, uint32_t id);
