/*
 * Preloaded into a command: its n-th call on files ($BOUGH_FAIL_AT) fails with $BOUGH_FAIL_CODE (a
 * number), or, with 0, writes or reads only half. LMDB's calls count as well as those of the
 * file-system table. What was met is told in the file $BOUGH_FAIL_TOLD: the call's name; and
 * "again" when a file is synced whose fsync has failed before.
 */
#undef _FILE_OFFSET_BITS /* else pwrite() is pwrite64() by another name */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static _Atomic ino_t failed;

static void tell(const char *word)
{
	const char *path = getenv("BOUGH_FAIL_TOLD");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

	if (fd < 0 || syscall(SYS_write, fd, word, strlen(word)) < 0)
		_exit(99);
	close(fd);
}

/* Return: 0 go on; -1 half; else the code. */
static int fault(const char *name)
{
	const char *at = getenv("BOUGH_FAIL_AT"), *code = getenv("BOUGH_FAIL_CODE");
	long number = atomic_fetch_add(&calls, 1) + 1;

	if (!at || !code || number != atol(at))
		return 0;
	tell(name);
	return atoi(code) ? atoi(code) : -1;
}

/* Of a regular file: a directory is synced again when the clean-up takes other names from it. */
static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) || !S_ISREG(st.st_mode) ? 0 : st.st_ino;
}

static void synced(int fd, int r)
{
	ino_t inode = inode_of(fd);

	if (inode && inode == failed)
		tell("again");
	if (r > 0)
		failed = inode;
}

#define REAL(name)                                                                                 \
	static __typeof__(name) *real;                                                             \
	if (!real)                                                                                 \
	*(void **)&real = dlsym(RTLD_NEXT, #name)

#define FAIL(code)                                                                                 \
	do {                                                                                       \
		errno = (code);                                                                    \
		return -1;                                                                         \
	} while (0)

#define SYNC(name)                                                                                 \
	int name(int fd)                                                                           \
	{                                                                                          \
		int f = fault(#name "\n");                                                         \
		REAL(name);                                                                        \
		synced(fd, f);                                                                     \
		if (f > 0)                                                                         \
			FAIL(f);                                                                   \
		return real(fd);                                                                   \
	}

/* Half of it, where that is less. */
#define BYTES(name, type)                                                                          \
	ssize_t name(int fd, type *p, size_t n, __off_t at)                                        \
	{                                                                                          \
		int f = fault(#name "\n");                                                         \
		REAL(name);                                                                        \
		if (f > 0)                                                                         \
			FAIL(f);                                                                   \
		return real(fd, p, f < 0 && n > 1 ? n / 2 : n, at);                                \
	}

#define CALL(type, name, params, args)                                                             \
	type name params                                                                           \
	{                                                                                          \
		int f = fault(#name "\n");                                                         \
		REAL(name);                                                                        \
		if (f > 0)                                                                         \
			FAIL(f);                                                                   \
		return real args;                                                                  \
	}

SYNC(fsync)
SYNC(fdatasync)
BYTES(pwrite, const void)
BYTES(pwrite64, const void)
BYTES(pread, void)
BYTES(pread64, void)
CALL(ssize_t, pwritev, (int fd, const struct iovec *v, int n, __off_t at), (fd, v, n, at))
CALL(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
CALL(int, syncfs, (int fd), (fd))
CALL(int, ftruncate, (int fd, __off_t n), (fd, n))
CALL(int, ftruncate64, (int fd, __off64_t n), (fd, n))
CALL(int, renameat2, (int a, const char *p, int b, const char *q, unsigned f_), (a, p, b, q, f_))
CALL(int, renameat, (int a, const char *p, int b, const char *q), (a, p, b, q))
CALL(int, linkat, (int a, const char *p, int b, const char *q, int f_), (a, p, b, q, f_))
CALL(int, unlinkat, (int fd, const char *p, int f_), (fd, p, f_))
CALL(int, mkdirat, (int fd, const char *p, mode_t m), (fd, p, m))
