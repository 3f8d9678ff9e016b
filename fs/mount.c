#include "fs/exporter.h"
#include "fs/folder.h"
#include "fs/guard.h"
#include "fs/headlink.h"
#include "fs/mount.h"
#include "fs/mountpoint.h"
#include "fs/ops_impl.h"
#include "objstore/base/log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define DEVICE "/dev/fuse"
#define EMPTY_FOLDER "mount at an empty folder"
#define READ_AHEAD_KB "1024"
#define EDIT_THREADS 2
#define PUT_THREADS 4

/** What is being served. Set by one thread before the session runs. */
struct mount {
	struct fs fs;
	const char *path;
	const struct fs_mount_options *options;
	struct fuse_session *session;
	int dev_fd;
	unsigned major, minor;
	bool is_own; /* by mount(2), else by fusermount3 */
	pid_t guard;
};

static volatile sig_atomic_t signalled;
static struct fuse_session *_Atomic signalled_session;

static void on_signal(int number)
{
	struct fuse_session *se = signalled_session;

	(void)number;
	signalled = 1;
	if (se)
		fuse_session_exit(se);
}

static void catch_signals(struct fuse_session *se)
{
	struct sigaction end = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};

	signalled_session = se;
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGHUP, &end, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static void closedir_p(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int check_empty(int dir_fd, const char *path, struct bough_error *error)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d cleanup(closedir_p) = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return error_set(error, -errno, "cannot read %s: %s", path, strerror(errno));
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			error_set(error, -ENOTEMPTY, "mount point %s is not empty: it holds '%s'",
				path, e->d_name);
			return error_hint(error, -ENOTEMPTY, EMPTY_FOLDER);
		}
	return 0;
}

/** A daemon that was killed leaves a mount that answers ENOTCONN. Only our own goes. */
static int clear_stale(const char *real, struct bough_error *error)
{
	struct fs_mounted m cleanup(fs_mounted_deinit) = {0};
	struct statfs st;
	int r;

	/* the kernel may answer stat(2) from what it remembers; statfs(2) it always asks for */
	if (!statfs(real, &st) || errno != ENOTCONN)
		return 0;
	r = fs_mountpoint_find(real, &m);
	if (r || !m.is_ours) {
		error_set(error, -ENOTCONN, "%s is a dead mount of another file system", real);
		return error_hint(error, -ENOTCONN, "unmount it first: umount -l %.200s", real);
	}
	r = fs_mountpoint_detach(real, MNT_DETACH);
	if (r)
		return error_set(
			error, r, "cannot unmount the dead mount at %s: %s", real, strerror(-r));
	log_warning("%s: a daemon had been killed; took its dead mount away", real);
	return 0;
}

static int check_device(struct bough_error *error)
{
	if (!access(DEVICE, R_OK | W_OK))
		return 0;
	if (errno == ENOENT || errno == ENODEV) {
		error_set(error, -ENODEV, "there is no " DEVICE ": this kernel has no FUSE");
		return error_hint(
			error, -ENODEV, "modprobe fuse, or give the container that device");
	}
	error_set(error, -EACCES, "no permission to use " DEVICE);
	return error_hint(error, -EACCES, "it must be readable and writable for this user");
}

int fs_mount_prepare(const char *path, char **ret_path, struct bough_error *error)
{
	struct fs_mounted m cleanup(fs_mounted_deinit) = {0};
	char *real cleanup(free_p) = NULL;
	int fd cleanup(close_p) = -1;
	int r = fs_mountpoint_real(path, &real);

	if (r)
		return error_set(error, r, "mount point %s: %s", path, strerror(-r));
	r = clear_stale(real, error);
	if (!r && !fs_mountpoint_find(real, &m) && m.is_ours) {
		error_set(error, -EBUSY, "%s is mounted at %s already", m.source, real);
		r = error_hint(error, -EBUSY, "bough umount %.200s", real);
	}
	if (r)
		return r;
	fd = open(real, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		error_set(error, -ENOENT, "mount point %s does not exist", real);
		return error_hint(error, -ENOENT, "mkdir %.200s", real);
	}
	if (fd < 0 && errno == ENOTDIR) {
		error_set(error, -ENOTDIR, "mount point %s is no directory, or a symbolic link",
			real);
		return error_hint(error, -ENOTDIR, EMPTY_FOLDER);
	}
	if (fd < 0)
		return error_set(error, -errno, "mount point %s: %s", real, strerror(errno));
	r = check_empty(fd, real, error);
	if (!r)
		r = check_device(error);
	if (!r)
		*ret_path = steal(&real);
	return r;
}

/** mount(2), with a device of our own: what passthrough needs. -EPERM: we may not. */
static int mount_own(struct mount *m, const char *source)
{
	char options[160], target[32];
	int fd cleanup(close_p) = open(m->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int dev cleanup(close_p) = fd < 0 ? -1 : open(DEVICE, O_RDWR | O_CLOEXEC);
	unsigned long flags = MS_NOSUID | MS_NODEV | (m->options->is_read_only ? MS_RDONLY : 0);

	if (fd < 0 || dev < 0)
		return -errno;
	snprintf(options, sizeof options,
		"fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions%s", dev, getuid(),
		getgid(), m->options->allow_other ? ",allow_other" : "");
	snprintf(target, sizeof target, "/proc/self/fd/%d", fd);
	if (mount(source, target, FS_MOUNT_TYPE, flags, options))
		return -errno;
	m->dev_fd = dev;
	dev = -1;
	m->is_own = true;
	return 0;
}

/** "fsname=..": libfuse splits at commas. */
static int session_options(struct mount *m, const char *source, struct buf *ret)
{
	int r = buf_printf(ret, "subtype=bough,default_permissions%s%s,fsname=",
		m->options->allow_other ? ",allow_other" : "",
		m->options->is_read_only ? ",ro" : "");

	for (; *source && !r; source++)
		r = buf_printf(ret, *source == ',' || *source == '\\' ? "\\%c" : "%c", *source);
	return r ? r : buf_append(ret, "", 1);
}

__attribute__((format(printf, 2, 0))) static void log_fuse(
	enum fuse_log_level level, const char *format, va_list args)
{
	char line[1024];

	vsnprintf(line, sizeof line, format, args);
	line[strcspn(line, "\n")] = 0;
	log_line(level <= FUSE_LOG_ERR ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "libfuse: %s", line);
}

static int make_session(struct mount *m, const char *source)
{
	struct buf options auto_buf = {0};
	int r = session_options(m, source, &options);
	char *argv[] = {"boughfs", "-o", (char *)options.data, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(m->is_own ? 1 : 3, argv);

	if (r)
		return r;
	m->session = fuse_session_new(&args, &fs_ops, sizeof fs_ops, &m->fs);
	fuse_opt_free_args(&args);
	return m->session ? 0 : -ENOMEM;
}

static int cannot_mount(const struct mount *m, int r, struct bough_error *error)
{
	error_set(error, r, "cannot mount at %s: %s", m->path, strerror(-r));
	if (r == -ENODEV)
		error_hint(error, r, "this kernel has no FUSE: modprobe fuse");
	if (r == -EPERM)
		error_hint(error, r,
			"without root it takes fusermount3 (package fuse3), and its leave%s",
			m->options->allow_other ? "; allow_other needs user_allow_other in "
						  "/etc/fuse.conf"
						: "");
	return r;
}

/** By fusermount3: for users. The kernel gives them no passthrough. */
static int mount_by_helper(struct mount *m, const char *source, struct bough_error *error)
{
	int r = make_session(m, source);

	if (!r && fuse_session_mount(m->session, m->path))
		r = -EPERM;
	if (r)
		return cannot_mount(m, r, error);
	m->dev_fd = fuse_session_fd(m->session);
	return 0;
}

static int mount_it(struct mount *m, const char *source, struct bough_error *error)
{
	int r = mount_own(m, source);

	if (r == -EPERM)
		return mount_by_helper(m, source, error);
	if (!r)
		r = make_session(m, source);
	if (!r)
		r = fs_passthrough_new(m->dev_fd, NULL, &m->fs.passthrough);
	if (!r)
		r = fs_passthrough_session(m->fs.passthrough, m->session);
	return r ? cannot_mount(m, r, error) : 0;
}

static void find_device(struct mount *m)
{
	struct fs_mounted found cleanup(fs_mounted_deinit) = {0};
	char path[64];
	int fd cleanup(close_p) = -1;

	if (fs_mountpoint_find(m->path, &found) || !found.is_ours)
		return;
	m->major = found.major;
	m->minor = found.minor;
	wake_mount_device(m->fs.tree.store->wake, makedev(m->major, m->minor));
	snprintf(path, sizeof path, "/sys/class/bdi/%u:%u/read_ahead_kb", m->major, m->minor);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, READ_AHEAD_KB, strlen(READ_AHEAD_KB)) < 0)
		log_info("cannot raise the read-ahead: %s", strerror(errno));
}

/** Only after a signal, and only what is ours: another may have been mounted over it since. */
static void unmount_own(const struct mount *m)
{
	struct fs_mounted found cleanup(fs_mounted_deinit) = {0};

	if (fs_mountpoint_find(m->path, &found) || !found.is_ours || found.major != m->major ||
		found.minor != m->minor)
		return;
	/* by force: whoever waits for us in the kernel is woken, our own threads too */
	fs_mountpoint_detach(m->path, MNT_FORCE | MNT_DETACH);
}

static int sink_inode(void *arg, uint64_t ino, bool contents)
{
	struct mount *m = arg;

	return fuse_lowlevel_notify_inval_inode(m->session, ino, contents ? 0 : -1, 0);
}

static int sink_entry(void *arg, uint64_t dir, const char *name)
{
	struct mount *m = arg;

	return fuse_lowlevel_notify_inval_entry(m->session, dir, name, strlen(name));
}

/** FUSE_NOTIFY_INC_EPOCH, which libfuse does not know yet. */
static int sink_all(void *arg)
{
	struct mount *m = arg;
	struct {
		uint32_t len;
		int32_t code;
		uint64_t unique;
	} message = {sizeof message, 8, 0};

	return write(m->dev_fd, &message, sizeof message) < 0 ? -errno : 0;
}

/** After a commit of ours: this mount's attributes, then all other mounts. */
static void show(void *arg, uint64_t commit)
{
	struct mount *m = arg;

	fs_notify_wait(m->fs.notify, commit);
	refs_settle(m->fs.tree.store, commit);
}

static void tick(void *arg)
{
	struct mount *m = arg;

	if (m->fs.tree.spool)
		fs_spool_expire(m->fs.tree.spool);
}

static int start_pools(struct fs *fs)
{
	struct fs_pool_conf edits = {.committer = fs->committer, .threads = EDIT_THREADS};

	struct fs_pool_conf puts = {.committer = fs->committer,
		.threads = PUT_THREADS,
		.has_readers = true,
		.reader_memory_bytes = fs->tree.store->conf.reader_memory_bytes};
	int r = fs_pool_start(&edits, &fs->edits);

	return r ? r : fs_pool_start(&puts, &fs->puts);
}

static void start_guard(struct mount *m)
{
	m->guard = fs_guard_start(m->path, m->major, m->minor);
	if (m->guard < 0)
		log_warning("no guard: %s", strerror(-m->guard));
}

static int start_parts(struct mount *m)
{
	struct fs *fs = &m->fs;
	struct fs_committer_conf conf = {fs->tree.store, fs->report, show, m};
	int r;

	fs->sink = (struct fs_sink){sink_inode, sink_entry, sink_all, m};
	r = fs_notify_start(&fs->tree, &fs->sink, &fs->notify);
	if (!r)
		r = fs_exporter_start(fs->tree.store, tick, m, &fs->exporter);
	if (!r && !m->options->is_read_only)
		r = fs_folder_start(fs->tree.store, &fs->folder);
	if (!r)
		r = fs_committer_start(&conf, &fs->committer);
	if (!r)
		r = start_pools(fs);
	return r;
}

static int open_parts(struct mount *m, struct refs_store *store, struct bough_error *error)
{
	struct fs *fs = &m->fs;
	struct stat st;
	int r = fs_report_new(store->clock, &fs->report);

	if (!r)
		r = fs_dircache_new(&fs->dircache);
	if (!r)
		r = fs_headlinks_new(&fs->tree.headlinks);
	if (!r && fstat(store->dir_fd, &st))
		r = -errno;
	if (r)
		return r;
	fs->objects_fd = openat(store->dir_fd, "objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fs->objects_fd < 0)
		fs->objects_fd = fcntl(store->dir_fd, F_DUPFD_CLOEXEC, 0);
	if (!m->options->is_read_only)
		r = fs_spool_open(store, &fs->tree.spool, error);
	if (r)
		return r;
	fs->tree = (struct fs_tree){
		.store = store,
		.report = fs->report,
		.headlinks = fs->tree.headlinks,
		.spool = fs->tree.spool,
		.uid = m->options->has_uid ? m->options->uid : st.st_uid,
		.gid = m->options->has_gid ? m->options->gid : st.st_gid,
	};
	return 0;
}

static void close_parts(struct mount *m)
{
	struct fs *fs = &m->fs;

	/* the last changes are answered, then nothing waits in the kernel, then the threads end */
	fs_pool_stop(fs->puts);
	fs_pool_stop(fs->edits);
	fs_committer_stop(fs->committer);
	fs_folder_stop(fs->folder);
	if (signalled)
		unmount_own(m);
	fs_notify_stop(fs->notify);
	fs_exporter_stop(fs->exporter);
	signalled_session = NULL;
	if (m->session)
		fuse_session_destroy(m->session);
	fs_passthrough_free(fs->passthrough);
	close_p(&fs->objects_fd);
	fs_spool_close(fs->tree.spool);
	fs_headlinks_free(fs->tree.headlinks);
	fs_dircache_free(fs->dircache);
	fs_report_free(fs->report);
	fs_guard_stop(m->guard);
}

static int run_loop(struct mount *m)
{
	struct fuse_loop_config *c = fuse_loop_cfg_create();
	int r;

	if (!c)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(c, 0);
	if (m->options->max_threads) {
		fuse_loop_cfg_set_max_threads(c, m->options->max_threads);
		fuse_loop_cfg_set_idle_threads(c, m->options->max_threads);
	}
	r = fuse_session_loop_mt(m->session, c);
	fuse_loop_cfg_destroy(c);
	return r < 0 ? r : 0;
}

int fs_mount_serve(struct refs_store *store, const char *path,
	const struct fs_mount_options *options, void (*ready)(void *arg), void *arg,
	struct bough_error *error)
{
	struct mount m = {.path = path, .options = options, .dev_fd = -1, .fs.objects_fd = -1};
	int r;

	fuse_set_log_func(log_fuse);
	r = open_parts(&m, store, error);
	if (!r)
		r = mount_it(&m, store->path, error);
	if (!r) {
		find_device(&m);
		start_guard(&m);
		catch_signals(m.session);
		r = start_parts(&m);
		if (r)
			signalled = 1; /* take the mount away again */
	}
	if (!r) {
		if (ready)
			ready(arg);
		log_info("%s is mounted at %s%s", store->path, path,
			m.is_own ? ""
				 : " by fusermount3: files are read through the daemon (root gets "
				   "kernel passthrough)");
		r = run_loop(&m);
	}
	close_parts(&m);
	return r ? error_set(error, r, "cannot serve %s: %s", path, strerror(-r)) : 0;
}
