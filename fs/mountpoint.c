#include "fs/mountpoint.h"
#include "fs/mount.h"
#include "objstore/base/buf.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define TABLE_PATH "/proc/self/mountinfo"

int fs_mountpoint_real(const char *path, char **ret)
{
	char *for_dir cleanup(free_p) = strdup(path), *for_base cleanup(free_p) = strdup(path);
	char *dir cleanup(free_p) = NULL;
	const char *base;

	if (!for_dir || !for_base)
		return -ENOMEM;
	base = basename(for_base);
	if (!strcmp(base, ".") || !strcmp(base, "..") || !strcmp(base, "/")) {
		*ret = realpath(path, NULL);
		return *ret ? 0 : -errno;
	}
	/* only the folder above is walked: the mount point itself may be dead */
	dir = realpath(dirname(for_dir), NULL);
	if (!dir)
		return -errno;
	return asprintf(ret, "%s/%s", strcmp(dir, "/") ? dir : "", base) < 0 ? -ENOMEM : 0;
}

/** Undoes the table's \040 and the like, in place. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		unsigned c;

		if (*s == '\\' && sscanf(s + 1, "%3o", &c) == 1) {
			*out++ = (char)c;
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = 0;
}

/** "36 35 0:34 / /mnt rw,nosuid - fuse.bough /store rw": fields as in proc(5). */
static int parse_line(char *line, const char *real, struct fs_mounted *ret)
{
	char *tail = strstr(line, " - "), *rest = NULL, *field = strtok_r(line, " ", &rest);
	unsigned major = 0, minor = 0;
	char *type, *source;

	for (int i = 0; field && i < 4; i++) {
		field = strtok_r(NULL, " ", &rest);
		if (i == 1 && field && sscanf(field, "%u:%u", &major, &minor) != 2)
			return -EINVAL;
	}
	if (!field || !tail)
		return -EINVAL;
	unescape(field);
	if (strcmp(field, real) != 0)
		return -ENOENT;
	type = strtok_r(tail + 3, " ", &rest);
	source = strtok_r(NULL, " ", &rest);
	if (!type || !source)
		return -EINVAL;
	unescape(source);
	fs_mounted_deinit(ret);
	*ret = (struct fs_mounted){major, minor, !strcmp(type, FS_MOUNT_TYPE), strdup(source)};
	return ret->source ? 0 : -ENOMEM;
}

int fs_mountpoint_parse(char *table, const char *real, struct fs_mounted *ret)
{
	struct fs_mounted m = {0};
	char *rest = NULL;

	for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (parse_line(line, real, &m) == -ENOMEM)
			return -ENOMEM; /* the last line that fits is the topmost mount */
	if (!m.source)
		return -ENOENT;
	*ret = m;
	return 0;
}

static int read_table(struct buf *ret)
{
	char piece[4096];
	ssize_t n;
	int fd cleanup(close_p) = open(TABLE_PATH, O_RDONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	while (!r && (n = read(fd, piece, sizeof piece)) != 0)
		r = n < 0 ? -errno : buf_append(ret, piece, (size_t)n);
	return r ? r : buf_append(ret, "", 1);
}

int fs_mountpoint_find(const char *real, struct fs_mounted *ret)
{
	struct buf table auto_buf = {0};
	int r = read_table(&table);

	return r ? r : fs_mountpoint_parse((char *)table.data, real, ret);
}

bool fs_mountpoint_has_device(unsigned major, unsigned minor)
{
	struct buf table auto_buf = {0};
	unsigned at_major, at_minor;
	char *rest = NULL;

	if (read_table(&table))
		return false;
	for (char *line = strtok_r((char *)table.data, "\n", &rest); line;
		line = strtok_r(NULL, "\n", &rest))
		if (sscanf(line, "%*u %*u %u:%u", &at_major, &at_minor) == 2 && at_major == major &&
			at_minor == minor)
			return true;
	return false;
}

void fs_mounted_deinit(struct fs_mounted *m)
{
	free(m->source);
	m->source = NULL;
}

static int run_fusermount(const char *real, bool lazily)
{
	char *argv[] = {"fusermount3", "-q", lazily ? "-uz" : "-u", "--", (char *)real, NULL};
	pid_t pid;
	int status, r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);

	if (r)
		return -r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EPERM;
}

int fs_mountpoint_detach(const char *real, int flags)
{
	if (!umount2(real, flags | UMOUNT_NOFOLLOW))
		return 0;
	return errno == EPERM ? run_fusermount(real, flags & MNT_DETACH) : -errno;
}
