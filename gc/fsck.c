/* The parent: starts the child, hands on what it says, judges how it ended. */
#include "gc/fsck_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define FRAME_BYTES_MAX 8192

struct parent {
	const struct fsck_options *options;
	int in;
	struct fsck_end end;
	bool has_end;
	uint64_t told;
};

static int read_all(int fd, void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, (char *)data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EPIPE;
		done += (size_t)n;
	}
	return 0;
}

static void on_frame(struct parent *p, const struct fsck_frame *f, void *body)
{
	const struct fsck_options *o = p->options;
	struct fsck_progress progress;

	if (f->kind == FSCK_FRAME_FINDING) {
		p->told++;
		if (o->finding)
			o->finding(o->arg, body);
	} else if (f->kind == FSCK_FRAME_REPAIRED) {
		if (o->repaired)
			o->repaired(o->arg, body);
	} else if (f->kind == FSCK_FRAME_PROGRESS && f->len == sizeof progress) {
		memcpy(&progress, body, sizeof progress);
		if (o->progress)
			o->progress(o->arg, progress.stage, progress.done, progress.total);
	} else if (f->kind == FSCK_FRAME_END && f->len == sizeof p->end) {
		memcpy(&p->end, body, sizeof p->end);
		p->has_end = true;
	}
}

static void listen(struct parent *p)
{
	char body[FRAME_BYTES_MAX + 1];
	struct fsck_frame f;

	while (!read_all(p->in, &f, sizeof f) && f.len <= FRAME_BYTES_MAX &&
		!read_all(p->in, body, f.len)) {
		body[f.len] = 0;
		on_frame(p, &f, body);
	}
}

static void become_child(const char *path, const struct fsck_options *options, int in, int out)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGPIPE};
	struct rlimit none = {0};

	close(in);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &none);
	for (size_t i = 0; i < ARRAY_SIZE(deadly); i++)
		signal(deadly[i], SIG_DFL); /* none of the caller's handlers runs in here */
	_exit(fsck_child(path, options, out));
}

/* What exactly has been told as a finding. */
static int damaged(const char *path, struct bough_error *error)
{
	error_set(error, -EUCLEAN, "the metadata of %s are damaged", path);
	return error_hint(error, -EUCLEAN,
		"write nothing to this store any more: put back a copy of its folder");
}

/* The child did not come to its end: a page of LMDB led it astray. */
static void died(const struct parent *p, int status, struct fsck_report *ret)
{
	char text[128];

	snprintf(text, sizeof text, "metadata damaged: the check ended by %s %d",
		WIFSIGNALED(status) ? "signal" : "status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (p->options->finding)
		p->options->finding(p->options->arg, text);
	*ret = (struct fsck_report){.errors = p->told + 1, .metadata_damaged = true};
}

/* By someone, or for want of memory: that says nothing of the store. */
static int killed(struct bough_error *error)
{
	error_set(error, -ECANCELED, "the check was killed before its end");
	return error_hint(error, -ECANCELED,
		"nothing was changed unless it had said so; it takes 25 bytes of memory for each "
		"id");
}

int fsck_run(const char *store_path, const struct fsck_options *options, struct fsck_report *ret,
	struct bough_error *error)
{
	struct parent p = {.options = options};
	int fds[2], status;
	pid_t pid;

	if (pipe(fds))
		return error_set(error, -errno, "cannot make a pipe: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		int e = -errno;

		close(fds[0]);
		close(fds[1]);
		return error_set(error, e, "cannot start a process: %s", strerror(-e));
	}
	if (!pid)
		become_child(store_path, options, fds[0], fds[1]);
	close(fds[1]);
	p.in = fds[0];
	listen(&p);
	close(p.in);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(error, -errno, "cannot wait for the check");
	if (!p.has_end && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return killed(error);
	if (!p.has_end) {
		died(&p, status, ret);
		return damaged(store_path, error);
	}
	if (p.end.result && p.end.result != -EUCLEAN) {
		if (error)
			*error = p.end.error;
		return p.end.result;
	}
	*ret = p.end.report;
	return p.end.result ? damaged(store_path, error) : 0;
}
