/*
 * The floor of a mount: a FUSE file system that does nothing. Its root takes directories in
 * memory; with a folder as second argument, that folder's files can be looked up and read through
 * kernel passthrough. Single-threaded, runs in the foreground. usage: barefs MNT [FOLDER]
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define TIMEOUT_S 86400
#define NAMES_MAX 1000000

/* What the kernel knows and the headers of libfuse 3.14 do not; frozen ABI. */
#define KERNEL_INIT 26
#define KERNEL_INIT_EXT (1u << 30)
#define KERNEL_PASSTHROUGH_HIGH (1u << 5)
#define KERNEL_OPEN_PASSTHROUGH (1u << 7)
struct kernel_in_header {
	uint32_t len, opcode;
	uint64_t unique, nodeid;
	uint32_t uid, gid, pid, padding;
};
struct kernel_out_header {
	uint32_t len;
	int32_t error;
	uint64_t unique;
};
struct kernel_init_out {
	uint32_t major, minor, max_readahead, flags;
	uint16_t max_background, congestion_threshold;
	uint32_t max_write, time_gran;
	uint16_t max_pages, map_alignment;
	uint32_t flags2, max_stack_depth;
	uint16_t unused[12];
};
struct kernel_open_out {
	uint64_t fh;
	uint32_t open_flags;
	int32_t backing_id;
};
struct kernel_backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define KERNEL_BACKING_OPEN _IOW(229, 1, struct kernel_backing_map)
#define KERNEL_BACKING_CLOSE _IOW(229, 2, uint32_t)

static int device, folder = -1;
static uint64_t init_unique;
static char *names[NAMES_MAX]; /* inode - 2 */
static size_t n_names, n_files;

static ssize_t device_read(int fd, void *buffer, size_t len, void *arg)
{
	ssize_t n = read(fd, buffer, len);
	const struct kernel_in_header *h = buffer;

	(void)arg;
	if (n >= (ssize_t)sizeof *h && h->opcode == KERNEL_INIT)
		init_unique = h->unique;
	return n;
}

static ssize_t device_write(int fd, struct iovec *v, int n, void *arg)
{
	const struct kernel_out_header *h = v[0].iov_base;

	(void)arg;
	if (init_unique && h->unique == init_unique && !h->error && n == 2 &&
		v[1].iov_len >= sizeof(struct kernel_init_out)) {
		struct kernel_init_out *out = v[1].iov_base;

		init_unique = 0;
		out->flags |= KERNEL_INIT_EXT;
		out->flags2 |= KERNEL_PASSTHROUGH_HIGH;
		out->max_stack_depth = 1;
	}
	return writev(fd, v, n);
}

static uint64_t find(const char *name)
{
	for (size_t i = n_names; i-- > 0;)
		if (!strcmp(names[i], name))
			return i + 2;
	return 0;
}

static uint64_t add(const char *name)
{
	if (n_names == NAMES_MAX || !(names[n_names] = strdup(name)))
		abort();
	return ++n_names + 1;
}

static void fill(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof *st);
	if (ino >= 2 && ino - 2 < n_files)
		fstatat(folder, names[ino - 2], st, 0);
	else
		st->st_mode = S_IFDIR | 0755;
	st->st_ino = ino;
	st->st_nlink = 1;
}

static void reply_entry(fuse_req_t req, uint64_t ino)
{
	struct fuse_entry_param e = {
		.ino = ino, .attr_timeout = TIMEOUT_S, .entry_timeout = ino ? TIMEOUT_S : 0};

	fill(ino, &e.attr);
	if (ino)
		fuse_reply_entry(req, &e);
	else
		fuse_reply_err(req, ENOENT);
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_entry(req, parent == FUSE_ROOT_ID ? find(name) : 0);
}

static void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)parent;
	(void)mode;
	reply_entry(req, add(name));
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct stat st;

	(void)info;
	fill(ino, &st);
	fuse_reply_attr(req, &st, TIMEOUT_S);
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct kernel_open_out out = {.open_flags = KERNEL_OPEN_PASSTHROUGH};
	struct kernel_backing_map map = {0};

	(void)info;
	map.fd = openat(folder, names[ino - 2], O_RDONLY | O_CLOEXEC);
	out.backing_id = map.fd < 0 ? -1 : ioctl(device, KERNEL_BACKING_OPEN, &map);
	if (map.fd >= 0)
		close(map.fd);
	out.fh = (uint64_t)out.backing_id;
	if (out.backing_id < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, (const char *)&out, sizeof out);
}

static void on_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	uint32_t id = (uint32_t)info->fh;

	(void)ino;
	ioctl(device, KERNEL_BACKING_CLOSE, &id);
	fuse_reply_err(req, 0);
}

static void on_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	info->cache_readdir = info->keep_cache = 1;
	fuse_reply_open(req, info);
}

static void list(fuse_req_t req, size_t size, off_t at, int is_plus)
{
	char *buffer = malloc(size);
	size_t used = 0, len;

	for (size_t i = (size_t)at; buffer && i < n_names; i++, used += len) {
		struct fuse_entry_param e = {
			.ino = i + 2, .attr_timeout = TIMEOUT_S, .entry_timeout = TIMEOUT_S};

		fill(i + 2, &e.attr);
		len = is_plus ? fuse_add_direntry_plus(
					req, buffer + used, size - used, names[i], &e, (off_t)i + 1)
			      : fuse_add_direntry(req, buffer + used, size - used, names[i],
					&e.attr, (off_t)i + 1);
		if (len > size - used)
			break;
	}
	fuse_reply_buf(req, buffer, used);
	free(buffer);
}

static void on_readdir(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t at, struct fuse_file_info *info)
{
	(void)ino;
	(void)info;
	list(req, size, at, 0);
}

static void on_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t at, struct fuse_file_info *info)
{
	(void)ino;
	(void)info;
	list(req, size, at, 1);
}

static void on_init(void *arg, struct fuse_conn_info *c)
{
	(void)arg;
	c->want &= ~(unsigned)(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_WRITEBACK_CACHE);
	c->max_readahead = 1 << 20;
}

static const struct fuse_lowlevel_ops ops = {.init = on_init,
	.lookup = on_lookup,
	.mkdir = on_mkdir,
	.getattr = on_getattr,
	.open = on_open,
	.release = on_release,
	.opendir = on_opendir,
	.readdir = on_readdir,
	.readdirplus = on_readdirplus};

static void take_folder(const char *path)
{
	struct dirent *e;
	DIR *d = opendir(path);

	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			add(e->d_name);
	n_files = n_names;
	if (d)
		closedir(d);
}

int main(int argc, char **argv)
{
	char options[128], *args[] = {"barefs", NULL};
	struct fuse_args fuse_args = FUSE_ARGS_INIT(1, args);
	struct fuse_custom_io io = {.read = device_read, .writev = device_write};
	struct fuse_session *session;
	int r;

	if (argc < 2)
		return 2;
	if (argc > 2)
		take_folder(argv[2]);
	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
		device);
	if (device < 0 || mount("barefs", argv[1], "fuse.barefs", MS_NOSUID | MS_NODEV, options)) {
		perror("barefs: mount");
		return 1;
	}
	session = fuse_session_new(&fuse_args, &ops, sizeof ops, NULL);
	if (!session || fuse_session_custom_io(session, &io, device))
		return 1;
	fuse_set_signal_handlers(session);
	r = fuse_session_loop(session);
	umount2(argv[1], MNT_DETACH);
	return r != 0;
}
