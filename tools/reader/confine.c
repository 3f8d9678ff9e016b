/*
 * What bough-reader gives up before it looks at a file that may be made to harm it. The file comes
 * as a descriptor. Its footer is copied to memory, so no path needs to be readable and landlock
 * allows none (memory files are beyond it); where its data are read, that one file is allowed.
 */
#include "tools/reader/reader_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define CPU_SECONDS_MAX 600 /* of one process; refs/reader starts another */
#define OPEN_FILES_MAX 32

#ifdef __has_feature /* clang's word for what gcc calls __SANITIZE_ADDRESS__ */
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

static int limit(int resource, uint64_t value)
{
	struct rlimit l = {.rlim_cur = value, .rlim_max = value};

	return setrlimit(resource, &l) ? -errno : 0;
}

int confine_limits(uint64_t memory_bytes)
{
	int r = prctl(PR_SET_PDEATHSIG, SIGKILL) ? -errno : 0;

#ifndef __SANITIZE_ADDRESS__ /* whose shadow is larger than any limit */
	if (!r)
		r = limit(RLIMIT_AS, memory_bytes);
#else
	(void)memory_bytes;
#endif
	if (!r)
		r = limit(RLIMIT_CPU, CPU_SECONDS_MAX);
	if (!r)
		r = limit(RLIMIT_NOFILE, OPEN_FILES_MAX);
	if (!r)
		r = limit(RLIMIT_FSIZE, READER_FOOTER_BYTES_MAX + 64);
	return r ? r : limit(RLIMIT_CORE, 0);
}

/* @kept: a mask of those below 32, where they are held. */
static int drop_capabilities(uint32_t kept)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3] = {0}, wanted[2] = {0};

	if (kept && syscall(SYS_capget, &header, held))
		return -errno;
	wanted[0].permitted = wanted[0].effective = held[0].permitted & kept;
	return syscall(SYS_capset, &header, wanted) ? -errno : 0;
}

/* Rights of the file system that this kernel's landlock knows; 0 = it has none. */
static uint64_t landlock_rights(void)
{
	static const unsigned bits[] = {0, 13, 14, 15};
	long abi = syscall(
		SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi <= 0)
		return 0;
	return (UINT64_C(1) << bits[abi < 3 ? abi : 3]) - 1;
}

/* Return: 1 all but @file are forbidden, 0 this kernel cannot, or an error. */
static int forbid_paths(int file)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = landlock_rights()};
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE, .parent_fd = file};
	int rules cleanup(close_p) = -1;

	if (!attr.handled_access_fs)
		return 0;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	if (rules < 0)
		return -errno;
	if (file >= 0 &&
		syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		return -errno;
	return syscall(SYS_landlock_restrict_self, rules, 0) ? -errno : 1;
}

#if defined __x86_64__
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef FILTER_ARCH
/* What DuckDB needs once it is open, and what aborting needs; everything else is EPERM. */
static const int allowed_calls[] = {
#ifdef SYS_open /* the old forms, where an architecture has them */
	SYS_access,
	SYS_stat,
	SYS_lstat,
	SYS_readlink,
#endif
	SYS_brk,
	SYS_clock_gettime,
	SYS_clock_nanosleep,
	SYS_close,
	SYS_exit,
	SYS_exit_group,
	SYS_faccessat,
	SYS_fstat,
	SYS_ftruncate,
	SYS_futex,
	SYS_getpid,
	SYS_getrandom,
	SYS_gettid,
	SYS_lseek,
	SYS_madvise,
	SYS_mmap,
	SYS_mprotect,
	SYS_mremap,
	SYS_munmap,
	SYS_newfstatat,
	SYS_pread64,
	SYS_pwrite64,
	SYS_read,
	SYS_readlinkat,
	SYS_recvmsg,
	SYS_restart_syscall,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sched_getaffinity,
	SYS_sched_yield,
	SYS_sendto,
#ifdef __SANITIZE_ADDRESS__ /* which asks for the stacks before a process ends; never shipped */
	SYS_sigaltstack,
#endif
	SYS_statx,
	SYS_sysinfo,
	SYS_write,
};

#define N_ALLOWED ARRAY_SIZE(allowed_calls)
#define ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n)) /* its low half */
#define OPEN_FLAGS_WRITING (O_ACCMODE | O_CREAT | O_TRUNC)

static int filter_calls(void)
{
	const struct sock_filter head[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	const struct sock_filter tail[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(2)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, OPEN_FLAGS_WRITING, 3, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_filter code[ARRAY_SIZE(head) + N_ALLOWED + ARRAY_SIZE(tail)];
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};

	memcpy(code, head, sizeof head);
	for (size_t i = 0; i < N_ALLOWED; i++)
		code[ARRAY_SIZE(head) + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			(uint32_t)allowed_calls[i],
			(uint8_t)(N_ALLOWED - 1 - i + ARRAY_SIZE(tail) - 1), 0);
	memcpy(code + ARRAY_SIZE(head) + N_ALLOWED, tail, sizeof tail);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) ? -errno : 0;
}
#else
static int filter_calls(void)
{
	return 0;
}
#endif

int confine_rights(int file)
{
	int r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;

	if (!r)
		r = forbid_paths(file);
	if (r >= 0)
		r = drop_capabilities(r && file >= 0 ? UINT32_C(1) << CAP_DAC_READ_SEARCH : 0);
	return r ? r : filter_calls();
}
