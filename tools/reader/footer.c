/*
 * A Parquet file ends in: footer, its length (u32, little-endian), "PAR1". These bytes, after a
 * leading "PAR1", are all that DuckDB needs to describe the file.
 */
#include "tools/reader/reader_impl.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC_BYTES 4
#define TAIL_BYTES 8
#define FILE_BYTES_MIN (MAGIC_BYTES + TAIL_BYTES)

/* All @len bytes or an error. */
static int read_at(int fd, void *data, size_t len, uint64_t offset, struct bough_error *error)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, (char *)data + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(error, -EIO, "cannot be read: %s", strerror(errno));
		if (!n)
			return error_set(error, -EINVAL, "became shorter while it was read");
		done += (size_t)n;
	}
	return 0;
}

static int check_ends(const char head[static MAGIC_BYTES], const char tail[static TAIL_BYTES],
	uint64_t size, uint64_t *ret_footer_size, struct bough_error *error)
{
	const char *end = tail + TAIL_BYTES - MAGIC_BYTES;
	uint32_t length;

	if (!memcmp(head, "PARE", MAGIC_BYTES))
		return error_set(error, -EINVAL, "is encrypted");
	if (memcmp(head, "PAR1", MAGIC_BYTES))
		return error_set(
			error, -EINVAL, "is not a Parquet file: it does not begin with PAR1");
	if (memcmp(end, "PAR1", MAGIC_BYTES))
		return error_set(error, -EINVAL, "is truncated: it does not end with PAR1");
	memcpy(&length, tail, sizeof length);
	length = le32toh(length);
	if (!length || length > size - FILE_BYTES_MIN)
		return error_set(error, -EINVAL,
			"is damaged: its footer should have %" PRIu32
			" bytes, the file has %" PRIu64,
			length, size);
	if (length > READER_FOOTER_BYTES_MAX)
		return error_set(error, -EINVAL,
			"has a footer of %" PRIu32 " bytes; at most %" PRIu64 " are read", length,
			READER_FOOTER_BYTES_MAX);
	*ret_footer_size = length;
	return 0;
}

/* The last @len bytes of @fd go behind the magic. */
static int copy_end(int fd, uint64_t size, uint64_t len, struct bough_error *error)
{
	char part[65536];
	int r = 0;

	if (ftruncate(READER_FILE_FD, 0) ||
		pwrite(READER_FILE_FD, "PAR1", MAGIC_BYTES, 0) != MAGIC_BYTES)
		return error_set(error, -EIO, "cannot be read: %s", strerror(errno));
	for (uint64_t done = 0; !r && done < len;) {
		size_t n = len - done < sizeof part ? len - done : sizeof part;

		r = read_at(fd, part, n, size - len + done, error);
		if (!r &&
			pwrite(READER_FILE_FD, part, n, (off_t)(MAGIC_BYTES + done)) != (ssize_t)n)
			r = error_set(error, -ENOMEM, "cannot be read: no memory");
		done += n;
	}
	return r;
}

int footer_load(int fd, uint64_t *ret_size, struct bough_error *error)
{
	char head[MAGIC_BYTES], tail[TAIL_BYTES];
	uint64_t size, footer_size = 0;
	struct stat st;
	int r;

	if (fstat(fd, &st))
		return error_set(error, -EIO, "cannot be read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(error, -EINVAL, "is not a regular file");
	size = (uint64_t)st.st_size;
	if (!size)
		return error_set(error, -EINVAL, "is not a Parquet file: it is empty");
	if (size < FILE_BYTES_MIN)
		return error_set(error, -EINVAL,
			"is not a Parquet file: it has only %" PRIu64 " bytes", size);
	r = read_at(fd, head, sizeof head, 0, error);
	if (!r)
		r = read_at(fd, tail, sizeof tail, size - sizeof tail, error);
	if (!r)
		r = check_ends(head, tail, size, &footer_size, error);
	if (!r)
		r = copy_end(fd, size, footer_size + TAIL_BYTES, error);
	if (!r)
		*ret_size = size;
	return r;
}
