#include "fs/mount.h"
#include "fs/mountpoint.h"
#include "meta/wake.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/sysmacros.h>

#define LEAVE_MS 30000
#define END_MS 1000
#define POLL_MS 10
#define TELL_MS 200

/** Who serves a mount. That it has the store open is a lock, which no namespace hides. */
struct server {
	struct wake *wake; /* NULL: not known who */
	struct wake_other client;
	int fd; /* of its process, to wait for its end; -1 it cannot be seen */
};

static void server_deinit(struct server *s)
{
	wake_close(s->wake);
	close_p(&s->fd);
}

static void find_client(struct server *s, dev_t device, struct wake_other *others)
{
	size_t n = wake_others(s->wake, others, WAKE_SLOTS);

	for (size_t i = 0; i < n; i++)
		if (others[i].device == device) {
			s->client = others[i];
			s->fd = others[i].pid ? pidfd_open(others[i].pid, 0) : -1;
			return;
		}
	wake_close(steal(&s->wake)); /* it was killed, or has just begun to end */
}

/** Before the mount goes: afterwards its device may be another's. */
static void find_server(const struct fs_mounted *m, struct server *ret)
{
	struct wake_other *others cleanup(free_p) = calloc(WAKE_SLOTS, sizeof *others);
	char *meta cleanup(free_p) = NULL;

	*ret = (struct server){.fd = -1};
	if (!others || asprintf(&meta, "%s/meta", m->source) < 0)
		return;
	if (!wake_open(meta, &ret->wake, NULL))
		find_client(ret, makedev(m->major, m->minor), others);
}

static int wait_for(const struct server *s, fs_mount_waiting waiting, void *arg)
{
	const struct clock *clock = clock_system();
	uint64_t begin_us = clock->mono_us(clock), ms = 0, told_ms = 0;
	struct pollfd end = {.fd = s->fd, .events = POLLIN};

	while (wake_other_alive(s->wake, &s->client)) {
		usleep(POLL_MS * 1000);
		ms = (clock->mono_us(clock) - begin_us) / 1000;
		if (ms >= LEAVE_MS)
			return -ETIMEDOUT;
		if (waiting && ms >= told_ms + TELL_MS) {
			waiting(arg, (unsigned)(ms / 1000), LEAVE_MS / 1000);
			told_ms = ms;
		}
	}
	/* its log is in the store's folder, whose disk may be unmounted next; but in another
	 * namespace the pid is somebody else's */
	if (s->fd >= 0)
		poll(&end, 1, END_MS);
	return 0;
}

static int detach(const char *real, struct bough_error *error)
{
	int r = fs_mountpoint_detach(real, 0);

	if (r == -EBUSY) {
		error_set(error, r, "%s is in use", real);
		return error_hint(error, r, "fuser -vm %.200s says by whom", real);
	}
	return r ? error_set(error, r, "cannot unmount %s: %s", real, strerror(-r)) : 0;
}

int fs_mount_unmount(
	const char *path, fs_mount_waiting waiting, void *arg, struct bough_error *error)
{
	struct fs_mounted m cleanup(fs_mounted_deinit) = {0};
	struct server server cleanup(server_deinit) = {.fd = -1};
	char *real cleanup(free_p) = NULL;
	int r = fs_mountpoint_real(path, &real);

	if (!r)
		r = fs_mountpoint_find(real, &m);
	if (r || !m.is_ours) {
		error_set(error, -EINVAL, "no store is mounted at %s", path);
		return error_hint(error, -EINVAL, "findmnt -t " FS_MOUNT_TYPE " shows where");
	}
	find_server(&m, &server);
	r = detach(real, error);
	if (r || !server.wake || fs_mountpoint_has_device(m.major, m.minor))
		return r;
	r = wait_for(&server, waiting, arg);
	if (!r)
		return 0;
	error_set(error, r, "%s is unmounted, but its daemon (pid %d) has not left %s after %d s",
		path, server.client.pid, m.source, LEAVE_MS / 1000);
	return error_hint(error, r,
		"it may still write, or serve a copy of the mount in a container; "
		"%.100s/log/boughfs.log says more",
		m.source);
}
