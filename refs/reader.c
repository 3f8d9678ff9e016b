/*
 * The helper is expendable: whatever a file does to it, the answer is an error about that file and
 * a new helper for the next one. It gets no environment (which may hold keys) and no descriptor
 * but its socket.
 *
 *   no helper --spawn--> starting --'r'--> ready --request--> asked --answer--> ready
 *       ^                    |                             |
 *       `--died, hung, nonsense----------------------------'
 */
#include "refs/reader.h"
#include "objstore/base/buf.h"
#include "objstore/base/clock.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PROGRAM "bough-reader"
#define HELPER_SOCKET_FD 3
#define ANSWER_BYTES_MAX ((64u << 20) + (1u << 20))
#define TIMEOUT_MS 30000
#define RANGES_TIMEOUTS 20 /* all data of a few columns take longer than a footer */
#define RANGES_MODE "--ranges"
#define MEMORY_BYTES_DEFAULT (UINT64_C(2) << 30)

struct reader {
	pthread_mutex_t lock; /* protects all of it */
	uint64_t memory_bytes;
	unsigned timeout_ms;
	char *mode;    /* an argument of the helper, NULL: none */
	int socket;    /* -1: no helper */
	bool is_ready; /* it said so */
	int asked_fd;  /* its answer is to come; -1: none */
	pid_t pid;
	int status; /* of waitpid(), of the last one that ended */
};

int reader_open(uint64_t memory_bytes, struct reader **ret)
{
	struct reader *r = calloc(1, sizeof *r);

	if (!r)
		return -ENOMEM;
	pthread_mutex_init(&r->lock, NULL);
	r->memory_bytes = memory_bytes ? memory_bytes : MEMORY_BYTES_DEFAULT;
	r->timeout_ms = TIMEOUT_MS;
	r->socket = r->asked_fd = -1;
	*ret = r;
	return 0;
}

void reader_set_timeout(struct reader *r, unsigned timeout_ms)
{
	r->timeout_ms = timeout_ms;
}

static void helper_stop(struct reader *r)
{
	if (r->socket < 0)
		return;
	close(r->socket);
	r->socket = r->asked_fd = -1;
	kill(r->pid, SIGKILL);
	while (waitpid(r->pid, &r->status, 0) < 0 && errno == EINTR)
		;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	helper_stop(r);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* Beside this program, else $BOUGH_READER, else where it is installed. */
static int helper_find(char path[static PATH_MAX], struct bough_error *error)
{
	const char *env = getenv("BOUGH_READER");
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof PROGRAM);
	char *slash;

	path[n < 0 ? 0 : n] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, PROGRAM);
	if (!access(path, X_OK))
		return 0;
	snprintf(path, PATH_MAX, "%s", env && *env ? env : BOUGH_LIBEXEC_DIR "/" PROGRAM);
	if (!access(path, X_OK))
		return 0;
	error_set(error, -ENOENT, "%s is not installed: there is no %s", PROGRAM, path);
	error_hint(error, -ENOENT, "install it beside bough, or set BOUGH_READER to its path");
	return -ENOENT;
}

static int spawn(const char *path, const struct reader *reader, int socket, pid_t *ret)
{
	char memory[24];
	char *argv[] = {PROGRAM, "--memory", memory, reader->mode, NULL};
	char *env[] = {"LC_ALL=C", "TZ=UTC", NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	snprintf(memory, sizeof memory, "%llu", (unsigned long long)reader->memory_bytes);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	r = posix_spawn_file_actions_adddup2(&files, socket, HELPER_SOCKET_FD);
	for (int fd = 0; !r && fd < HELPER_SOCKET_FD; fd++)
		r = posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(&files, HELPER_SOCKET_FD + 1);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (!r)
		r = posix_spawn(ret, path, &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

/* -EPIPE the other side is gone; -ETIMEDOUT. */
static int receive(const struct reader *r, void *data, size_t len, uint64_t deadline_us)
{
	for (size_t done = 0; done < len;) {
		uint64_t now = clock_system()->mono_us(clock_system());
		struct pollfd p = {.fd = r->socket, .events = POLLIN};
		ssize_t n;

		if (now >= deadline_us)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)((deadline_us - now + 999) / 1000)) <= 0)
			continue;
		n = recv(r->socket, (char *)data + done, len - done, MSG_DONTWAIT);
		if (!n || (n < 0 && errno == ECONNRESET))
			return -EPIPE;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		done += n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

static uint64_t deadline(const struct reader *r)
{
	return clock_system()->mono_us(clock_system()) + r->timeout_ms * UINT64_C(1000);
}

/* How the helper that was stopped ended, for a message. */
static const char *helper_end(const struct reader *r, char text[static 32])
{
	if (WIFSIGNALED(r->status))
		snprintf(text, 32, "signal %d", WTERMSIG(r->status));
	else
		snprintf(text, 32, "exit status %d", WEXITSTATUS(r->status));
	return text;
}

static int helper_spawn(struct reader *r, struct bough_error *error)
{
	char path[PATH_MAX];
	int pair[2], n;

	n = helper_find(path, error);
	if (n)
		return n;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return error_set(error, -errno, "no socket for %s: %s", PROGRAM, strerror(errno));
	n = spawn(path, r, pair[1], &r->pid);
	close(pair[1]);
	if (n) {
		close(pair[0]);
		return error_set(error, n, "%s does not start: %s", path, strerror(-n));
	}
	r->socket = pair[0];
	r->is_ready = false;
	return 0;
}

static int helper_start(struct reader *r, struct bough_error *error)
{
	char path[PATH_MAX], end[32], hello;
	int n = r->socket < 0 ? helper_spawn(r, error) : 0;

	if (n || r->is_ready)
		return n;
	n = receive(r, &hello, 1, deadline(r));
	r->is_ready = !n;
	if (!n)
		return 0;
	/* One that ends by itself is left to do so: its status tells why. */
	if (n == -EPIPE)
		waitid(P_PID, (id_t)r->pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
	helper_stop(r);
	n = helper_find(path, error);
	if (n)
		return n;
	error_set(error, -EIO, "%s does not start (%s)", path, helper_end(r, end));
	error_hint(error, -EIO, "run it by hand: it says what it lacks");
	return -EIO;
}

void reader_start(struct reader *r)
{
	pthread_mutex_lock(&r->lock);
	if (r->socket < 0)
		helper_spawn(r, NULL);
	pthread_mutex_unlock(&r->lock);
}

void reader_stop(struct reader *r)
{
	pthread_mutex_lock(&r->lock);
	helper_stop(r);
	pthread_mutex_unlock(&r->lock);
}

static int request(const struct reader *r, int fd)
{
	char control[CMSG_SPACE(sizeof fd)] __attribute__((aligned(__alignof__(struct cmsghdr))));
	char what = 'i';
	struct iovec part = {.iov_base = &what, .iov_len = 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	ssize_t n;

	memset(control, 0, sizeof control);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	do
		n = sendmsg(r->socket, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

/* One try. -EPIPE the helper died, -ETIMEDOUT it hangs, -EBADMSG it speaks nonsense. */
static int exchange(struct reader *r, int fd, struct buf *ret)
{
	uint64_t until_us = deadline(r);
	uint32_t len = 0;
	int n = r->asked_fd == fd ? 0 : request(r, fd);

	r->asked_fd = -1;
	if (!n)
		n = receive(r, &len, sizeof len, until_us);
	if (n)
		return n;
	len = le32toh(len);
	if (len > ANSWER_BYTES_MAX)
		return -EBADMSG;
	n = buf_reserve(ret, len);
	if (!n)
		n = receive(r, ret->data, len, until_us);
	if (!n)
		ret->len = len;
	return n;
}

static int fail(const struct reader *r, int code, const char *name, struct bough_error *error)
{
	char end[32];

	if (code == -ETIMEDOUT)
		return error_set(
			error, code, "%s: no description of it after %u ms", name, r->timeout_ms);
	if (code == -EPIPE || code == -EBADMSG) {
		error_set(error, -EINVAL, "%s is damaged: it breaks %s (%s)", name, PROGRAM,
			helper_end(r, end));
		error_hint(error, -EINVAL, "the file is refused; nothing else is harmed");
		return -EINVAL;
	}
	return error_set(error, code, "%s: %s: %s", name, PROGRAM, strerror(-code));
}

static int ask(
	struct reader *r, int fd, const char *name, struct buf *ret, struct bough_error *error)
{
	int n = -EPIPE;

	/* Twice: the one before may have ended after its last file, or with the thread that
	 * started it. */
	if (r->asked_fd >= 0 && r->asked_fd != fd)
		helper_stop(r); /* nobody wants that answer any more */
	for (int try = 0; n == -EPIPE && try < 2; try++) {
		n = helper_start(r, error);
		if (n)
			return n;
		n = exchange(r, fd, ret);
		if (n)
			helper_stop(r);
	}
	return n ? fail(r, n, name, error) : 0;
}

/** Is a helper that was spawned ready by now? Does not wait. */
static bool became_ready(struct reader *r)
{
	char hello;

	if (!r->is_ready && recv(r->socket, &hello, 1, MSG_DONTWAIT) == 1)
		r->is_ready = true;
	return r->is_ready;
}

void reader_ask(struct reader *r, int fd)
{
	pthread_mutex_lock(&r->lock);
	if (r->asked_fd >= 0)
		helper_stop(r);
	if (r->socket < 0)
		helper_spawn(r, NULL);
	else if (became_ready(r) && !request(r, fd))
		r->asked_fd = fd;
	pthread_mutex_unlock(&r->lock);
}

static bool is_blank(const struct buf *text, size_t from)
{
	for (size_t i = from; i < text->len; i++)
		if (text->data[i] != '\n')
			return false;
	return true;
}

static int parse(const struct buf *text, const char *name, struct json_object **ret,
	struct bough_error *error)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *j, *message = NULL;

	if (!tokener)
		return -ENOMEM;
	/* Not strict: json-c 0.18 then takes every byte above 127 for a control character. */
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	j = json_tokener_parse_ex(tokener, (const char *)text->data, (int)text->len);
	if (!is_blank(text, json_tokener_get_parse_end(tokener))) {
		json_object_put(j);
		j = NULL;
	}
	json_tokener_free(tokener);
	if (!json_object_is_type(j, json_type_object)) {
		json_object_put(j);
		return error_set(error, -EINVAL, "%s is damaged: no description of it", name);
	}
	if (json_object_object_get_ex(j, "error", &message)) {
		int r = json_object_object_get_ex(j, "unreadable", NULL) ? -EIO : -EINVAL;

		error_set(error, r, "%s %s", name, json_object_get_string(message));
		json_object_put(j);
		return r;
	}
	*ret = j;
	return 0;
}

int reader_inspect(struct reader *r, int fd, const char *name, struct json_object **ret,
	struct bough_error *error)
{
	struct buf text auto_buf = {0};
	int n;

	pthread_mutex_lock(&r->lock);
	n = ask(r, fd, name, &text, error);
	pthread_mutex_unlock(&r->lock);
	return n ? n : parse(&text, name, ret, error);
}

static int send_all(const struct reader *r, const void *data, size_t len, uint64_t deadline_us)
{
	for (size_t done = 0; done < len;) {
		uint64_t now = clock_system()->mono_us(clock_system());
		struct pollfd p = {.fd = r->socket, .events = POLLOUT};
		ssize_t n;

		if (now >= deadline_us)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)((deadline_us - now + 999) / 1000)) <= 0)
			continue;
		n = send(r->socket, (const char *)data + done, len - done,
			MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		done += n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

/* The question follows its file at once: this helper wants both before it gives up its rights. */
static int exchange_ranges(struct reader *r, int fd, const char *question, struct buf *ret)
{
	uint64_t until_us = deadline(r);
	uint32_t len = htole32((uint32_t)strlen(question));
	int n = request(r, fd);

	if (!n)
		n = send_all(r, &len, sizeof len, until_us);
	if (!n)
		n = send_all(r, question, strlen(question), until_us);
	r->asked_fd = fd;
	return n ? n : exchange(r, fd, ret);
}

int reader_ranges(struct reader *r, int fd, const char *question, struct json_object **ret)
{
	struct reader one = {.memory_bytes = r->memory_bytes,
		.timeout_ms = r->timeout_ms * RANGES_TIMEOUTS,
		.mode = RANGES_MODE,
		.socket = -1,
		.asked_fd = -1};
	struct buf text auto_buf = {0};
	int n = helper_spawn(&one, NULL);

	*ret = NULL;
	if (!n)
		n = exchange_ranges(&one, fd, question, &text);
	helper_stop(&one);
	if (!n)
		n = parse(&text, "", ret, NULL);
	return n == -ENOMEM ? n : 0;
}
