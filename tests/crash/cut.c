/*
 * Preloaded into a command: at its n-th durable call ($BOUGH_CUT_AT) the process is killed, before
 * the call is made or, with $BOUGH_CUT_AFTER, when it has been made. Counts what reaches a disk:
 * LMDB's calls as well as those of the file-system table. With $BOUGH_CUT_DISK, a path on ext4 or
 * xfs, that file system is shut down first: what was not flushed is lost.
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
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define SHUTDOWN _IOR('X', 125, unsigned)
#define WITHOUT_FLUSHING_THE_LOG 2

static atomic_long calls;

static void power_off(const char *disk)
{
	unsigned how = WITHOUT_FLUSHING_THE_LOG;
	int fd = open(disk, O_RDONLY | O_DIRECTORY);

	if (fd < 0 || ioctl(fd, SHUTDOWN, &how)) {
		perror("no shutdown");
		_exit(9); /* no status of a command */
	}
}

static void cut(long number, int is_after)
{
	const char *at = getenv("BOUGH_CUT_AT"), *disk = getenv("BOUGH_CUT_DISK");

	if (!at || number != atol(at) || !getenv("BOUGH_CUT_AFTER") != !is_after)
		return;
	if (disk)
		power_off(disk);
	raise(SIGKILL);
}

#define DURABLE(type, name, params, args)                                                          \
	type name params                                                                           \
	{                                                                                          \
		static type(*real) params;                                                         \
		long number = atomic_fetch_add(&calls, 1) + 1;                                     \
		type r;                                                                            \
		if (!real)                                                                         \
			*(void **)&real = dlsym(RTLD_NEXT, #name);                                 \
		cut(number, 0);                                                                    \
		r = real args;                                                                     \
		cut(number, 1);                                                                    \
		return r;                                                                          \
	}

DURABLE(int, fsync, (int fd), (fd))
DURABLE(int, fdatasync, (int fd), (fd))
DURABLE(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
DURABLE(ssize_t, pwrite64, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
DURABLE(ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
DURABLE(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
DURABLE(int, ftruncate, (int fd, off_t n), (fd, n))
DURABLE(int, ftruncate64, (int fd, off_t n), (fd, n))
DURABLE(int, renameat2, (int a, const char *p, int b, const char *q, unsigned f), (a, p, b, q, f))
DURABLE(int, renameat, (int a, const char *p, int b, const char *q), (a, p, b, q))
DURABLE(int, unlinkat, (int fd, const char *p, int f), (fd, p, f))
DURABLE(int, mkdirat, (int fd, const char *p, mode_t m), (fd, p, m))
