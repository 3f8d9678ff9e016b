/*
 * Locks: fs_passthrough.lock guards the table and the flags; INIT is one thread's, before all
 * others. Backing ids are opened and closed under the lock: two opens of one inode get one id.
 */
#include "fs/passthrough.h"
#include <errno.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* The kernel's interface (include/uapi/linux/fuse.h, 7.40), as far as it is needed. */
struct in_header {
	uint32_t len, opcode;
	uint64_t unique, nodeid;
	uint32_t uid, gid, pid;
	uint16_t extensions, padding;
};
struct init_in {
	uint32_t major, minor, max_readahead, flags, flags2;
};
struct out_header {
	uint32_t len;
	int32_t error;
	uint64_t unique;
};
struct init_out {
	uint32_t major, minor, max_readahead, flags;
	uint16_t max_background, congestion_threshold;
	uint32_t max_write, time_granularity;
	uint16_t max_pages, map_alignment;
	uint32_t flags2, max_stack_depth;
	uint16_t unused[12];
};
struct open_out {
	uint64_t fh;
	uint32_t open_flags;
	int32_t backing_id;
};
struct backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define BACKING_OPEN _IOW(229, 1, struct backing_map)
#define BACKING_CLOSE _IOW(229, 2, uint32_t)
#define OPEN_PASSTHROUGH (1u << 7)
#define OPCODE_INIT 26
#define INIT_EXTENDED (1u << 30)
#define INIT2_PASSTHROUGH (1u << 5) /* bit 37 of both words */

#define BUCKETS 1024

/** An inode that is open. */
struct backing {
	struct backing *next;
	uint64_t ino;
	uint32_t id; /* 0: read through the daemon */
	uint32_t opens;
};

struct fs_passthrough {
	int dev_fd;
	struct fs_backing_ops ops;
	bool is_offered;
	uint64_t init_unique; /* of the INIT in progress; 0 none */
	pthread_mutex_t lock;
	bool is_granted;		  /* lock */
	struct backing *buckets[BUCKETS]; /* lock */
};

static int kernel_open(int dev_fd, int fd)
{
	struct backing_map map = {.fd = fd};
	int id = ioctl(dev_fd, BACKING_OPEN, &map);

	return id < 0 ? -errno : id;
}

static void kernel_close(int dev_fd, uint32_t id)
{
	ioctl(dev_fd, BACKING_CLOSE, &id);
}

int fs_passthrough_new(int dev_fd, const struct fs_backing_ops *ops, struct fs_passthrough **ret)
{
	static const struct fs_backing_ops kernel = {kernel_open, kernel_close};
	struct fs_passthrough *p = calloc(1, sizeof *p);

	if (!p)
		return -ENOMEM;
	p->dev_fd = dev_fd;
	p->ops = ops ? *ops : kernel;
	pthread_mutex_init(&p->lock, NULL);
	*ret = p;
	return 0;
}

void fs_passthrough_free(struct fs_passthrough *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (p->buckets[i]) {
			struct backing *next = p->buckets[i]->next;

			free(p->buckets[i]);
			p->buckets[i] = next;
		}
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static void set_granted(struct fs_passthrough *p, bool granted)
{
	pthread_mutex_lock(&p->lock);
	p->is_granted = granted;
	pthread_mutex_unlock(&p->lock);
}

bool fs_passthrough_granted(const struct fs_passthrough *p)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&p->lock;
	bool result;

	pthread_mutex_lock(lock);
	result = p->is_granted;
	pthread_mutex_unlock(lock);
	return result;
}

void fs_passthrough_request(struct fs_passthrough *p, const void *data, size_t len)
{
	const struct in_header *h = data;
	const struct init_in *in = (const void *)(h + 1);

	if (len < sizeof *h || h->opcode != OPCODE_INIT)
		return;
	p->init_unique = h->unique;
	p->is_offered = len >= sizeof *h + sizeof *in && (in->flags & INIT_EXTENDED) &&
			(in->flags2 & INIT2_PASSTHROUGH);
}

void fs_passthrough_reply(struct fs_passthrough *p, const struct iovec *iov, int count)
{
	const struct out_header *h = iov[0].iov_base;
	struct init_out *out;

	if (!p->init_unique || h->unique != p->init_unique)
		return;
	p->init_unique = 0;
	if (h->error || !p->is_offered || count != 2 || iov[1].iov_len < sizeof *out)
		return;
	out = iov[1].iov_base;
	out->flags |= INIT_EXTENDED;
	out->flags2 |= INIT2_PASSTHROUGH;
	out->max_stack_depth = 1;
	set_granted(p, true);
}

static ssize_t hook_read(int fd, void *buf, size_t len, void *userdata)
{
	struct fs_passthrough **p = userdata;
	ssize_t n = read(fd, buf, len);

	if (n > 0)
		fs_passthrough_request(*p, buf, (size_t)n);
	return n;
}

static ssize_t hook_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct fs_passthrough **p = userdata;

	fs_passthrough_reply(*p, iov, count);
	return writev(fd, iov, count);
}

int fs_passthrough_session(struct fs_passthrough *p, struct fuse_session *se)
{
	static const struct fuse_custom_io io = {.writev = hook_writev, .read = hook_read};

	return fuse_session_custom_io(se, &io, p->dev_fd) ? -EINVAL : 0;
}

static struct backing **find(struct fs_passthrough *p, uint64_t ino)
{
	struct backing **b = &p->buckets[ino / 32 % BUCKETS];

	while (*b && (*b)->ino != ino)
		b = &(*b)->next;
	return b;
}

uint32_t fs_passthrough_join(struct fs_passthrough *p, uint64_t ino)
{
	struct backing *b;
	uint32_t id = 0;

	pthread_mutex_lock(&p->lock);
	b = *find(p, ino);
	if (b && b->id) {
		b->opens++;
		id = b->id;
	}
	pthread_mutex_unlock(&p->lock);
	return id;
}

/** Under the lock. 0: the kernel does not want this file, or none at all. */
static uint32_t backing_id(struct fs_passthrough *p, int fd)
{
	int id = p->is_granted ? p->ops.open(p->dev_fd, fd) : 0;

	if (id == -EPERM || id == -EOPNOTSUPP || id == -ENOTTY)
		p->is_granted = false; /* it will not change its mind */
	return id > 0 ? (uint32_t)id : 0;
}

uint32_t fs_passthrough_open(struct fs_passthrough *p, uint64_t ino, int fd)
{
	struct backing **at, *b;
	uint32_t id = 0;

	pthread_mutex_lock(&p->lock);
	at = find(p, ino);
	b = *at;
	if (!b) {
		b = calloc(1, sizeof *b);
		if (b) {
			*b = (struct backing){.ino = ino, .id = backing_id(p, fd)};
			*at = b;
		}
	}
	if (b) {
		b->opens++;
		id = b->id;
	}
	pthread_mutex_unlock(&p->lock);
	return id;
}

void fs_passthrough_close(struct fs_passthrough *p, uint64_t ino)
{
	struct backing **at, *b;

	pthread_mutex_lock(&p->lock);
	at = find(p, ino);
	b = *at;
	if (b && !--b->opens) {
		if (b->id)
			p->ops.close(p->dev_fd, b->id);
		*at = b->next;
		free(b);
	}
	pthread_mutex_unlock(&p->lock);
}

int fs_passthrough_send(fuse_req_t req, uint32_t id)
{
	struct open_out out = {.open_flags = OPEN_PASSTHROUGH, .backing_id = (int32_t)id};

	return fuse_reply_buf(req, (const char *)&out, sizeof out);
}
