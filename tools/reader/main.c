/*
 * bough-reader: describes Parquet files that nobody vouches for, or finds minima and maxima of one,
 * with as few rights as it can do with. It is started by refs/reader.c and speaks as README.md
 * says.
 */
#include "tools/reader/reader_impl.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define MEMORY_BYTES_DEFAULT (UINT64_C(2) << 30)

/* Return: descriptor; -EPIPE the client is gone; another negative errno: it speaks nonsense. */
static int receive(void)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(__alignof__(struct cmsghdr))));
	char request = 0;
	struct iovec part = {.iov_base = &request, .iov_len = 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control};
	struct cmsghdr *c;
	ssize_t n;
	int fd;

	do
		n = recvmsg(READER_SOCKET_FD, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : -EPIPE;
	c = CMSG_FIRSTHDR(&message);
	if (request != READER_REQUEST || !c || c->cmsg_type != SCM_RIGHTS ||
		c->cmsg_len != CMSG_LEN(sizeof fd))
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

static int receive_all(void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = recv(READER_SOCKET_FD, (char *)data + done, len - done, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EPIPE;
		done += (size_t)n;
	}
	return 0;
}

static int receive_question(struct buf *ret)
{
	uint32_t len;
	int r = receive_all(&len, sizeof len);

	if (r)
		return r;
	len = le32toh(len);
	r = len > READER_QUESTION_BYTES_MAX ? -EPROTO : buf_reserve(ret, len);
	if (!r)
		r = receive_all(ret->data, len);
	if (!r)
		ret->len = len;
	return r;
}

static int send_all(const void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n =
			send(READER_SOCKET_FD, (const char *)data + done, len - done, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

static int answer(const char *text, size_t len)
{
	uint32_t head = htole32((uint32_t)len);
	int r = send_all(&head, sizeof head);

	return r ? r : send_all(text, len);
}

static int answer_error(const struct bough_error *error)
{
	struct json_object *j = json_object_new_object();
	const char *text;
	size_t len;
	int r = -ENOMEM;

	json_object_object_add(j, "error", json_object_new_string(error->message));
	if (error->code == -EIO)
		json_object_object_add(j, "unreadable", json_object_new_boolean(true));
	text = json_object_to_json_string_length(j, JSON_C_TO_STRING_PLAIN, &len);
	if (text)
		r = answer(text, len);
	json_object_put(j);
	return r;
}

/* One file. Non-zero ends the program: DuckDB is not trusted after an error of its own. */
static int serve(struct describer *d)
{
	int fd cleanup(close_p) = receive();
	struct bough_error error = {0};
	struct buf description auto_buf = {0};
	uint64_t size = 0;
	int r, described = 0;

	if (fd < 0)
		return fd;
	r = footer_load(fd, &size, &error);
	if (!r)
		r = described = describer_run(d, size, &description, &error);
	r = r ? answer_error(&error) : answer((char *)description.data, description.len);
	return r ? r : described;
}

static int prepare(uint64_t memory_bytes, struct describer **ret, struct bough_error *error)
{
	struct describer *d cleanup(describer_close_p) = NULL;
	int footer = memfd_create("parquet", MFD_CLOEXEC), r = 0;

	if (footer < 0 || (footer != READER_FILE_FD && dup2(footer, READER_FILE_FD) < 0))
		r = error_set(error, -errno, "no memory file: %s", strerror(errno));
	if (!r)
		r = confine_limits(memory_bytes);
	if (!r)
		r = describer_open(memory_bytes, &d, error);
	if (!r)
		r = confine_rights(-1);
	if (r)
		return error_set(error, r, "cannot start: %s", strerror(-r));
	*ret = steal(&d);
	return 0;
}

/* What a file is asked for arrives before any right is given up: it is its descriptor that is kept.
 */
static int prepare_ranges(uint64_t memory_bytes, struct ranges **ret, struct bough_error *error)
{
	struct ranges *q cleanup(ranges_close_p) = NULL;
	struct buf question auto_buf = {0};
	int fd = receive(), r = fd < 0 ? fd : receive_question(&question);

	if (!r && fd != READER_FILE_FD && dup2(fd, READER_FILE_FD) < 0)
		r = -errno;
	if (!r)
		r = confine_limits(memory_bytes);
	if (!r)
		r = ranges_open(memory_bytes, buf_slice(&question), &q, error);
	if (!r)
		r = confine_rights(READER_FILE_FD);
	if (!r)
		*ret = steal(&q);
	return r;
}

/* Whatever fails, the file goes without them; the words are for who runs this by hand. */
static int find_ranges(uint64_t memory_bytes)
{
	struct bough_error error = {0};
	struct buf found auto_buf = {0};
	struct ranges *q = NULL;
	int r = prepare_ranges(memory_bytes, &q, &error);

	if (!r)
		r = ranges_run(q, &found, &error);
	if (!r)
		r = answer((char *)found.data, found.len);
	if (r)
		fprintf(stderr, "bough-reader: %s\n",
			*error.message ? error.message : strerror(-r));
	return r;
}

static int usage(void)
{
	fprintf(stderr,
		"bough-reader %s: started by bough and boughfs, with a socket as"
		" descriptor 3.\nusage: bough-reader [--memory BYTES] [--ranges]\n",
		BOUGH_VERSION);
	return 2;
}

static int describe_files(uint64_t memory_bytes)
{
	struct describer *d = NULL;
	struct bough_error error = {0};
	int r = prepare(memory_bytes, &d, &error);

	if (r) {
		fprintf(stderr, "bough-reader: %s\n", error.message);
		return r;
	}
	r = send_all(&(char){READER_HELLO}, 1);
	while (!r) {
		r = describer_plan(d); /* nobody waits now */
		if (!r)
			r = serve(d);
	}
	return r;
}

int main(int argc, char **argv)
{
	uint64_t memory_bytes = MEMORY_BYTES_DEFAULT;
	bool wants_ranges = argc > 1 && !strcmp(argv[argc - 1], "--ranges");
	int type, r;
	socklen_t len = sizeof type;

	argc -= wants_ranges;
	if (argc == 3 && !strcmp(argv[1], "--memory"))
		memory_bytes = strtoull(argv[2], NULL, 10);
	else if (argc != 1)
		return usage();
	if (!memory_bytes || getsockopt(READER_SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &len))
		return usage();
	r = wants_ranges ? find_ranges(memory_bytes) : describe_files(memory_bytes);
	/* No clean-up: an instance that failed may hang in its own, and the process ends anyway. */
	_exit(!r || r == -EPIPE ? 0 : 1);
}
