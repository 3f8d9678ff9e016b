/*
 * Preloaded into a command: at its n-th durable call ($BOUGH_CUT_AT) the process is killed, before
 * the call is made or, with $BOUGH_CUT_AFTER, when it has been made. Counts what reaches a disk:
 * LMDB's calls as well as those of the file-system table. With $BOUGH_CUT_DISK, a path on ext4 or
 * xfs, that file system is shut down first: what was not flushed is lost.
 *
 * Into a daemon: $BOUGH_CUT_CONTROL is a file with a struct control. Nothing is counted until its
 * pid is the daemon's, and never in the daemon's children.
 */
#undef _FILE_OFFSET_BITS /* else pwrite() is pwrite64() by another name */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define SHUTDOWN _IOR('X', 125, unsigned)
#define WITHOUT_FLUSHING_THE_LOG 2
#define ANY_PID (-1)

/* As cut_mount.py has it. */
struct control {
	atomic_long pid, at, is_after, calls;
	char call[32]; /* the one that was cut */
};

static struct control own, *control = &own;

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("BOUGH_CUT_AT"), *path = getenv("BOUGH_CUT_CONTROL");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *shared = fd < 0 ? MAP_FAILED
			      : mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (path && shared == MAP_FAILED) {
		perror(path);
		_exit(9); /* no status of a command */
	}
	if (path)
		control = shared;
	if (fd >= 0)
		close(fd);
	own.at = at ? atol(at) : 0;
	own.is_after = !!getenv("BOUGH_CUT_AFTER");
	own.pid = ANY_PID;
}

static void power_off(const char *disk)
{
	unsigned how = WITHOUT_FLUSHING_THE_LOG;
	int fd = open(disk, O_RDONLY | O_DIRECTORY);

	if (fd < 0 || ioctl(fd, SHUTDOWN, &how)) {
		perror("no shutdown");
		_exit(9);
	}
}

/** The number of a call that begins; 0: it does not count. */
static long count(void)
{
	long pid = control->pid;

	return pid == ANY_PID || pid == getpid() ? atomic_fetch_add(&control->calls, 1) + 1 : 0;
}

static void cut(const char *call, long number, int is_after)
{
	const char *disk = getenv("BOUGH_CUT_DISK");

	if (!number || number != control->at || is_after != control->is_after)
		return;
	strcpy(control->call, call);
	if (disk)
		power_off(disk);
	raise(SIGKILL);
}

/** /dev/fuse: what a mount answers the kernel. */
static int is_device(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode);
}

#define DURABLE(type, name, params, args) DURABLE_IF(1, type, name, params, args)
#define DURABLE_IF(condition, type, name, params, args)                                            \
	type name params                                                                           \
	{                                                                                          \
		static type(*real) params;                                                         \
		long number = (condition) ? count() : 0;                                           \
		type r;                                                                            \
		if (!real)                                                                         \
			*(void **)&real = dlsym(RTLD_NEXT, #name);                                 \
		cut(#name, number, 0);                                                             \
		r = real args;                                                                     \
		cut(#name, number, 1);                                                             \
		return r;                                                                          \
	}

DURABLE(int, fsync, (int fd), (fd))
DURABLE(int, fdatasync, (int fd), (fd))
DURABLE(int, syncfs, (int fd), (fd))
DURABLE(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
DURABLE(ssize_t, pwrite64, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
DURABLE(ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
DURABLE_IF(!is_device(fd), ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
DURABLE(int, ftruncate, (int fd, off_t n), (fd, n))
DURABLE(int, ftruncate64, (int fd, off_t n), (fd, n))
DURABLE(int, renameat2, (int a, const char *p, int b, const char *q, unsigned f), (a, p, b, q, f))
DURABLE(int, renameat, (int a, const char *p, int b, const char *q), (a, p, b, q))
DURABLE(int, linkat, (int a, const char *p, int b, const char *q, int f), (a, p, b, q, f))
DURABLE(int, unlinkat, (int fd, const char *p, int f), (fd, p, f))
DURABLE(int, mkdirat, (int fd, const char *p, mode_t m), (fd, p, m))
