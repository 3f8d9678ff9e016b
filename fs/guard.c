#include "fs/guard.h"
#include "objstore/base/base.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORPHANED SIGUSR1
#define END_MS 50 /* what a killed daemon may take to end by itself */

struct guard {
	const char *path;
	unsigned major, minor;
	pid_t daemon;
	int daemon_fd;
};

/** fusectl's file for it, where that is mounted: works for users too. */
static bool abort_by_fusectl(const struct guard *g)
{
	char path[64];
	int fd cleanup(close_p) = -1;

	snprintf(path, sizeof path, "/sys/fs/fuse/connections/%u/abort", g->minor);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, "1", 1) == 1;
}

/** Without asking the daemon for anything. */
static bool is_our_mount(const struct guard *g, int fd)
{
	struct statx st;

	return !statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) &&
	       st.stx_dev_major == g->major && st.stx_dev_minor == g->minor;
}

/** As umount -f begins, which then finds the mount in use: by @fd. It stays, dead, as ever. */
static void abort_by_force(const struct guard *g)
{
	int fd cleanup(close_p) = open(g->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && is_our_mount(g, fd))
		umount2(g->path, MNT_FORCE | UMOUNT_NOFOLLOW);
}

/** Its main thread may be gone; has every other one ended too? */
static bool has_ended(const struct guard *g)
{
	struct pollfd p = {.fd = g->daemon_fd, .events = POLLIN};

	return poll(&p, 1, END_MS) == 1;
}

static void watch(struct guard *g, const sigset_t *awaited)
{
	int number;

	setsid(); /* who kills the daemon's group does not mean its guard */
	prctl(PR_SET_NAME, "bough-guard");
	syscall(SYS_close_range, 0U, ~0U, 0U);
	g->daemon_fd = (int)syscall(SYS_pidfd_open, g->daemon, 0U);
	if (chdir("/") || g->daemon_fd < 0 || prctl(PR_SET_PDEATHSIG, ORPHANED))
		return;
	if (getppid() == g->daemon && (sigwait(awaited, &number) || number != ORPHANED))
		return;
	if (!has_ended(g) && !abort_by_fusectl(g))
		abort_by_force(g);
}

pid_t fs_guard_start(const char *path, unsigned major, unsigned minor)
{
	struct guard g = {.path = path, .major = major, .minor = minor, .daemon = getpid()};
	sigset_t all, awaited, before;
	pid_t pid;

	sigfillset(&all);
	sigemptyset(&awaited);
	sigaddset(&awaited, ORPHANED);
	sigaddset(&awaited, SIGTERM);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (!pid) {
		watch(&g, &awaited);
		_exit(0);
	}
	if (pid < 0)
		pid = -errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

void fs_guard_stop(pid_t guard)
{
	if (guard <= 0)
		return;
	kill(guard, SIGTERM);
	while (waitpid(guard, NULL, 0) < 0 && errno == EINTR)
		;
}
