/*
 * Listing in byte order of the whole key. A directory sorts as its name with '/' after it: "a-b"
 * comes before "a/c", although "a" comes before "a-b".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "objstore/dir_impl.h"

struct listing {
	struct objstore_dir *d;
	const char *after;
	objstore_list_fn fn;
	void *arg;
	char key[OBJSTORE_KEY_BYTES_MAX + 1]; /* where the walk is */
};

/* The names of one directory, directories with a '/': one allocation for millions of them. */
struct names {
	struct buf text;    /* each with its terminator */
	struct buf offsets; /* size_t into text */
};

static void names_deinit(struct names *n)
{
	buf_deinit(&n->text);
	buf_deinit(&n->offsets);
}

static size_t names_count(const struct names *n)
{
	return n->offsets.len / sizeof(size_t);
}

static const char *names_at(const struct names *n, size_t i)
{
	return (const char *)n->text.data + ((const size_t *)(const void *)n->offsets.data)[i];
}

static int names_add(struct names *n, const char *name, bool is_dir)
{
	size_t offset = n->text.len;
	int r = buf_append(&n->offsets, &offset, sizeof offset);

	if (!r)
		r = buf_append(&n->text, name, strlen(name));
	return r ? r : buf_append(&n->text, is_dir ? "/" : "", is_dir ? 2 : 1);
}

static int compare_offsets(const void *a, const void *b, void *text)
{
	const char *base = text;

	return strcmp(base + *(const size_t *)a, base + *(const size_t *)b);
}

static bool is_tmp(const char *name)
{
	const size_t suffix = sizeof OBJSTORE_TMP_SUFFIX - 1;
	size_t len = strlen(name);

	return len >= suffix && !strcmp(name + len - suffix, OBJSTORE_TMP_SUFFIX);
}

/* Return: DT_DIR, DT_REG, DT_UNKNOWN for what is neither or has gone. */
static int type_of(int dir_fd, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR || e->d_type == DT_REG ? e->d_type : DT_UNKNOWN;
	if (fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW))
		return DT_UNKNOWN;
	return S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
}

static int read_entries(DIR *dir, struct names *n)
{
	struct dirent *e;

	while (errno = 0, (e = readdir(dir)) != NULL) {
		int type, r = 0;

		if (!objstore_key_valid(e->d_name))
			continue;
		type = type_of(dirfd(dir), e);
		if (type == DT_DIR || (type == DT_REG && !is_tmp(e->d_name)))
			r = names_add(n, e->d_name, type == DT_DIR);
		if (r)
			return r;
	}
	return -errno;
}

/* Sorted names of what @dir_fd holds. */
static int read_names(int dir_fd, struct names *n)
{
	int r, fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		r = -errno;
		close_p(&fd);
		return r;
	}
	r = read_entries(dir, n);
	closedir(dir);
	if (!r && names_count(n))
		qsort_r(n->offsets.data, names_count(n), sizeof(size_t), compare_offsets,
			n->text.data);
	return r;
}

static int show_object(struct listing *l, int dir_fd, const char *name)
{
	struct objstore_stat shown;
	struct stat st;

	if (l->after && strcmp(l->key, l->after) <= 0)
		return 0;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	shown = dir_stat_of(&st);
	return l->fn(l->arg, l->key, &shown);
}

static int walk(struct listing *l, size_t len);

/* @len: of the directory's path in l->key, with its last '/'. */
static int walk_names(struct listing *l, int dir_fd, const struct names *n, size_t len)
{
	for (size_t i = 0; i < names_count(n); i++) {
		const char *name = names_at(n, i);
		size_t end = len + strlen(name);
		int r;

		if (end > OBJSTORE_KEY_BYTES_MAX)
			continue;
		memcpy(l->key + len, name, end - len + 1);
		r = l->key[end - 1] == '/' ? walk(l, end) : show_object(l, dir_fd, name);
		if (r)
			return r;
	}
	return 0;
}

static int walk(struct listing *l, size_t len)
{
	struct names n cleanup(names_deinit) = {0};
	int fd cleanup(close_p) = -1, r;

	/* All keys below begin with l->key: none of them is greater if that is smaller. */
	if (l->after && strncmp(l->key, l->after, len) < 0)
		return 0;
	fd = io_open_beneath(
		l->d->io, l->d->root_fd, len ? l->key : ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR ? 0 : fd;
	r = read_names(fd, &n);
	return r ? r : walk_names(l, fd, &n, len);
}

int dir_list(
	struct objstore *s, const char *prefix, const char *after, objstore_list_fn fn, void *arg)
{
	struct listing l = {.d = dir_of(s), .after = after, .fn = fn, .arg = arg};
	size_t len = strlen(prefix);

	memcpy(l.key, prefix, len);
	if (len && len < OBJSTORE_KEY_BYTES_MAX)
		l.key[len++] = '/';
	return walk(&l, len);
}
