/* What a process that confined itself can still do: asked of children that try it. */
#include "tools/reader/reader_impl.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MEMORY_BYTES (UINT64_C(1) << 30)

static char dir[TEST_PATH_BYTES_MAX], file[TEST_PATH_BYTES_MAX + 8];

static int setup(void **state)
{
	int fd cleanup(close_p) = -1;

	(void)state;
	test_dir_make(dir);
	snprintf(file, sizeof file, "%s/data", dir);
	fd = open(file, O_WRONLY | O_CREAT, 0600);
	return fd < 0 || write(fd, "data", 4) != 4;
}

static int teardown(void **state)
{
	(void)state;
	test_dir_remove(dir);
	return 0;
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
		       LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

/* Exit status of a child that does @act, confined to what is open as @fd: 0 where it is true. */
static int confined_to(int fd, bool is_file, bool (*act)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		dup2(fd, READER_FILE_FD);
		if (confine_limits(MEMORY_BYTES) || confine_rights(is_file ? READER_FILE_FD : -1))
			_exit(99);
		_exit(act() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static int confined(bool (*act)(void))
{
	int memory cleanup(close_p) = memfd_create("footer", 0);

	return confined_to(memory, false, act);
}

static int confined_to_file(bool (*act)(void))
{
	int fd cleanup(close_p) = open(file, O_RDONLY);

	assert_true(fd >= 0);
	return confined_to(fd, true, act);
}

static bool fails(long result, int error)
{
	return result < 0 && errno == error;
}

static bool opens_footer(void)
{
	return open(READER_FILE_PATH, O_RDONLY) >= 0;
}

static bool reads_file(void)
{
	int fd = open(READER_FILE_PATH, O_RDONLY);
	char data[5];

	return pread(fd, data, sizeof data, 0) == 4 && !memcmp(data, "data", 4);
}

static bool cannot_open_others(void)
{
	return fails(open("/etc/passwd", O_RDONLY), EACCES) && fails(open("/", O_RDONLY), EACCES) &&
	       fails(open("/proc/self/environ", O_RDONLY), EACCES) &&
	       fails(open(dir, O_RDONLY), EACCES);
}

static bool cannot_open(void)
{
	return cannot_open_others() && fails(open(file, O_RDONLY), EACCES);
}

static bool cannot_write(void)
{
	return fails(open("/tmp/x", O_WRONLY | O_CREAT, 0600), EPERM) &&
	       fails(open(READER_FILE_PATH, O_RDWR), EPERM) && fails(unlink("/tmp/x"), EPERM) &&
	       fails(chmod("/etc/passwd", 0644), EPERM) && fails(mkdir("/tmp/x", 0700), EPERM);
}

static bool cannot_reach(void)
{
	char *argv[] = {"true", NULL};

	return fails(socket(AF_INET, SOCK_STREAM, 0), EPERM) &&
	       fails(execv("/bin/true", argv), EPERM) && fails(fork(), EPERM) &&
	       fails(kill(getpid(), 0), EPERM) && fails(ptrace(PTRACE_TRACEME, 0, 0, 0), EPERM) &&
	       fails(syscall(SYS_tgkill, 1, 1, 0), EPERM) &&
	       fails(prctl(PR_SET_NAME, "x"), EPERM) && fails(setuid(0), EPERM);
}

static bool lacks_memory(void)
{
	return mmap(NULL, 2 * MEMORY_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED;
}

static bool aborts(void)
{
	abort();
}

static void test_allowed(void **state)
{
	(void)state;
	assert_int_equal(confined(opens_footer), 0);
	assert_int_equal(confined(aborts), 256 + SIGABRT);
}

/* The one file, also where only its owner may read it, who is not root. */
static void test_file(void **state)
{
	(void)state;
	assert_int_equal(confined_to_file(reads_file), 0);
	assert_int_equal(confined_to_file(cannot_write), 0);
	assert_int_equal(confined_to_file(cannot_reach), 0);
	if (has_landlock() && !geteuid()) {
		assert_int_equal(chown(file, 12345, 12345), 0);
		assert_int_equal(confined_to_file(reads_file), 0);
	}
	assert_int_equal(unlink(file), 0);
	assert_int_equal(setup(NULL), 0);
}

static void test_forbidden(void **state)
{
	(void)state;
	assert_int_equal(confined(cannot_write), 0);
	assert_int_equal(confined(cannot_reach), 0);
#ifndef __SANITIZE_ADDRESS__
	assert_int_equal(confined(lacks_memory), 0);
#endif
}

static void test_paths(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_int_equal(confined(cannot_open), 0);
	assert_int_equal(confined_to_file(cannot_open_others), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_forbidden),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
