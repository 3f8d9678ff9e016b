/* What a process that confined itself can still do: asked of children that try it. */
#include "tools/reader/reader_impl.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
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

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
		       LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

/* Exit status of a confined child that does @act: 0 where it returns true. */
static int confined(bool (*act)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		int memory = memfd_create("footer", 0);

		dup2(memory, READER_FOOTER_FD);
		if (confine_limits(MEMORY_BYTES) || confine_rights())
			_exit(99);
		_exit(act() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static bool fails(long result, int error)
{
	return result < 0 && errno == error;
}

static bool opens_footer(void)
{
	return open(READER_FOOTER_PATH, O_RDONLY) >= 0;
}

static bool cannot_open(void)
{
	return fails(open("/etc/passwd", O_RDONLY), EACCES) && fails(open("/", O_RDONLY), EACCES) &&
	       fails(open("/proc/self/environ", O_RDONLY), EACCES);
}

static bool cannot_write(void)
{
	return fails(open("/tmp/x", O_WRONLY | O_CREAT, 0600), EPERM) &&
	       fails(open(READER_FOOTER_PATH, O_RDWR), EPERM) && fails(unlink("/tmp/x"), EPERM) &&
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
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_forbidden),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
