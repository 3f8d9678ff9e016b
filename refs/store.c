#include "refs/store.h"
#include "refs/client.h"
#include "refs/export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define FORMAT_BYTES_MAX 4096
#define XATTR_STORE "user.bough.store"
#define EMPTY_FOLDER "name a folder that is empty or does not exist yet"
#define FROM_COPY "put it back from a copy of the store's folder"

static const char *const folders[] = {"meta", "objects", "cache", "spool", "log"};
static const char conf_text[] = "# Bough store. Every key is described in bough.conf(5).\n";

static void closedir_p(DIR **d)
{
	if (*d)
		closedir(*d);
}

static bool is_ours(const char *name)
{
	if (!strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, "bough.conf") ||
		!strcmp(name, "bough.conf.tmp") || !strcmp(name, "format.tmp"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (!strcmp(name, folders[i]))
			return true;
	return false;
}

/* Empty, or an init that was cut short before its last step. */
static int check_free(int dir_fd, const char *path, struct bough_error *error)
{
	DIR *d cleanup(closedir_p) = NULL;
	struct dirent *e;
	int fd;

	if (!faccessat(dir_fd, "format", F_OK, 0))
		return error_set(error, -EEXIST, "%s is a store already", path);
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return error_set(error, -errno, "cannot read %s: %s", path, strerror(errno));
	while ((e = readdir(d)))
		if (!is_ours(e->d_name)) {
			error_set(error, -ENOTEMPTY, "%s is not empty: it holds '%s'", path,
				e->d_name);
			return error_hint(error, -ENOTEMPTY, EMPTY_FOLDER);
		}
	return 0;
}

static int write_store_record(struct kv *kv, const struct clock *clock, struct rec_store *ret)
{
	struct kv_txn *t auto_kv_txn = NULL;
	struct rec_store rec = {.incarnation = 1, .created_us = clock->now_us(clock)};
	int r = kv_begin(kv, KV_WRITE, &t);

	if (!r)
		r = rec_store_get(t, &rec);
	if (r == -ENOENT) {
		rec.changed_us = rec.created_us;
		r = id_uuid_random(rec.uuid);
		if (!r)
			r = rec_store_put(t, &rec);
		if (!r)
			r = kv_commit(&t);
	}
	if (!r)
		*ret = rec;
	return r;
}

static int make_folders(const struct io *io, int dir_fd)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		int r = io->mkdir(io, dir_fd, folders[i], 0755);

		if (r && r != -EEXIST)
			return r;
	}
	return 0;
}

static int make_metadata(const char *path, struct rec_store *ret, struct bough_error *error)
{
	struct kv_lmdb_options options = {.create = true};
	struct kv *kv cleanup(kv_close_p) = NULL;
	char *meta cleanup(free_p) = NULL;
	int r = asprintf(&meta, "%s/meta", path) < 0 ? -ENOMEM : 0;

	if (!r)
		r = kv_lmdb_open(meta, &options, &kv, error);
	return r ? r : write_store_record(kv, clock_system(), ret);
}

/* Whose objects these will be: no other store may write among them. */
static int write_owner(const char *path, const struct rec_store *rec, struct bough_error *error)
{
	struct objstore *objects cleanup(objstore_close_p) = NULL;
	char *folder cleanup(free_p) = NULL;
	int r = asprintf(&folder, "%s/objects", path) < 0 ? -ENOMEM : 0;

	if (!r)
		r = objstore_dir_open(folder, io_system(), &objects);
	return r ? r : refs_export_owner(objects, rec->uuid, rec->incarnation, error);
}

/* @path may lie anywhere, which io_fsync_parent() does not allow. */
static int fsync_above(const struct io *io, int dir_fd)
{
	int fd cleanup(close_p) = openat(dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : io->fsync(io, fd);
}

int refs_store_init(const char *path, struct bough_error *error)
{
	const struct io *io = io_system();
	int fd cleanup(close_p) = -1;
	struct rec_store rec;
	char format[64];
	int r = io->mkdir(io, AT_FDCWD, path, 0755);
	bool made = !r;

	if (r && r != -EEXIST) {
		error_set(error, r, "cannot make %s: %s", path, strerror(-r));
		return r == -ENOENT   ? error_hint(error, r, "make the folder above it first")
		       : r == -EACCES ? error_hint(error, r, "choose a folder that you may write")
				      : r;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		r = error_set(error, -errno, "cannot open %s: %s", path, strerror(errno));
		return r == -ENOTDIR ? error_hint(error, r, EMPTY_FOLDER) : r;
	}
	r = made ? fsync_above(io, fd) : check_free(fd, path, error);
	if (!r)
		r = make_folders(io, fd);
	if (!r)
		r = make_metadata(path, &rec, error);
	if (!r)
		r = write_owner(path, &rec, error);
	if (!r)
		r = io_write_file(io, fd, "bough.conf", slice_str(conf_text), 0644);
	/* last of all: a folder without this file is no store */
	snprintf(format, sizeof format, "bough %d\nneeds\n", REFS_FORMAT_VERSION);
	if (!r)
		r = io_write_file(io, fd, "format", slice_str(format), 0644);
	if (r)
		error_set(error, r, "cannot make a store at %s: %s", path, strerror(-r));
	return r;
}

static int check_needs(const char *path, char *words, struct bough_error *error)
{
	char *rest = NULL, *word = strtok_r(words, " \n", &rest);

	if (!word || strcmp(word, "needs")) {
		error_set(error, -EUCLEAN, "%s/format is damaged: no line 'needs'", path);
		return error_hint(error, -EUCLEAN, FROM_COPY);
	}
	word = strtok_r(NULL, " \n", &rest);
	if (!word)
		return 0;
	error_set(error, -EPROTONOSUPPORT,
		"%s needs the feature '%s', which this version of Bough "
		"(%s) does not know",
		path, word, BOUGH_VERSION);
	return error_hint(error, -EPROTONOSUPPORT, "use a newer Bough");
}

static int check_format(struct refs_store *s, struct bough_error *error)
{
	void *owned cleanup(free_p) = NULL;
	struct slice body;
	char text[FORMAT_BYTES_MAX + 1];
	unsigned version;
	int n, r = io_read_file(s->io, s->dir_fd, "format", FORMAT_BYTES_MAX, &body, &owned);

	if (r == -ENOENT) {
		error_set(error, r, "%s is not a store: it holds no file 'format'", s->path);
		return error_hint(error, r, "bough init %s makes one", s->path);
	}
	if (r)
		return error_set(error, r, "cannot read %s/format: %s", s->path, strerror(-r));
	memcpy(text, body.data, body.len);
	text[body.len] = 0;
	if (sscanf(text, "bough %u\n%n", &version, &n) != 1) {
		error_set(error, -EUCLEAN, "%s/format is damaged", s->path);
		return error_hint(error, -EUCLEAN, FROM_COPY);
	}
	if (version > REFS_FORMAT_VERSION) {
		error_set(error, -EPROTONOSUPPORT,
			"%s has store format %u; this version of Bough (%s) knows formats up to %d",
			s->path, version, BOUGH_VERSION, REFS_FORMAT_VERSION);
		return error_hint(error, -EPROTONOSUPPORT, "use a newer Bough");
	}
	if (version < REFS_FORMAT_VERSION) {
		error_set(error, -EPROTONOSUPPORT,
			"%s has store format %u, from before the first release; this version of "
			"Bough (%s) knows format %d",
			s->path, version, BOUGH_VERSION, REFS_FORMAT_VERSION);
		return error_hint(error, -EPROTONOSUPPORT,
			"copy the tables out with the Bough that made them, import them into a new "
			"store");
	}
	return check_needs(s->path, text + n, error);
}

static int read_store_record(struct refs_store *s, struct bough_error *error)
{
	struct kv_txn *t auto_kv_txn = NULL;
	struct rec_store rec;
	int r = kv_begin(s->kv, KV_READ, &t);

	if (!r)
		r = rec_store_get(t, &rec);
	if (r)
		return error_set(error, r == -ENOENT ? -EUCLEAN : r,
			"metadata of %s are damaged: %s", s->path,
			r == -ENOENT ? "no store record" : strerror(-r));
	memcpy(s->uuid, rec.uuid, sizeof s->uuid);
	s->ids = (struct id_space){rec.incarnation, id_store_hash(rec.uuid)};
	return 0;
}

static int open_objects(struct refs_store *s, struct bough_error *error)
{
	char *path cleanup(free_p) = NULL;
	int r;

	if (*s->conf.objects_url) {
		error_set(error, -EOPNOTSUPP,
			"%s/bough.conf: object store '%s' is not supported by "
			"this version",
			s->path, s->conf.objects_url);
		return error_hint(error, -EOPNOTSUPP,
			"remove the key 'objects' to keep objects in %s/objects", s->path);
	}
	if (asprintf(&path, "%s/objects", s->path) < 0)
		return -ENOMEM;
	r = objstore_dir_open(path, s->io, &s->objects);
	return r ? error_set(error, r, "cannot open %s: %s", path, strerror(-r)) : 0;
}

static int open_metadata(struct refs_store *s, struct bough_error *error)
{
	struct kv_lmdb_options options = {.size_max_bytes = s->conf.meta_size_max_bytes};
	char *path cleanup(free_p) = NULL;
	int r;

	if (asprintf(&path, "%s/meta", s->path) < 0)
		return -ENOMEM;
	r = wake_open(path, &s->wake, error);
	options.wake = s->wake;
	if (!r)
		r = kv_lmdb_open(path, &options, &s->kv, error);
	if (!r)
		r = read_store_record(s, error);
	return r == -EUCLEAN || r == -ENOENT
		       ? error_hint(error, r, "put them back from a copy of the store's folder")
		       : r;
}

static int open_folder(struct refs_store *s, const char *path, struct bough_error *error)
{
	s->path = realpath(path, NULL);
	if (!s->path) {
		int r = -errno;

		error_set(error, r, "cannot open the store %s: %s", path, strerror(-r));
		return r == -ENOENT ? error_hint(error, r, "bough init %s makes one", path) : r;
	}
	s->dir_fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return error_set(
			error, -errno, "cannot open the store %s: %s", path, strerror(errno));
	return check_format(s, error);
}

/* What the folder lacks for it; everyone who opens a store also writes: its place among the
 * clients. */
static void hint_open(int r, struct bough_error *error)
{
	if (r == -EACCES)
		error_hint(error, r,
			"commands take the rights to write the store's folder; without them read "
			"its mount "
			"(-o allow_other)");
	else if (r == -EROFS)
		error_hint(error, r,
			"the store's folder must be writable, also for those who only read");
	else if (r == -ENOTDIR)
		error_hint(error, r, "name the folder of a store, or a path inside its mount");
}

int refs_store_open(
	const char *path, enum refs_role role, struct refs_store **ret, struct bough_error *error)
{
	struct refs_store *s cleanup(refs_store_close_p) = calloc(1, sizeof *s);
	char *conf cleanup(free_p) = NULL;
	int r;

	if (!s)
		return -ENOMEM;
	s->dir_fd = -1;
	s->clock = clock_system();
	s->io = io_system();
	s->role = role;
	r = open_folder(s, path, error);
	if (!r && asprintf(&conf, "%s/bough.conf", s->path) < 0)
		r = -ENOMEM;
	if (!r)
		r = refs_conf_read(conf, &s->conf, error);
	if (!r)
		r = open_metadata(s, error);
	if (!r)
		r = open_objects(s, error);
	if (!r)
		r = client_open(s, &s->client, error);
	hint_open(r, error);
	if (r)
		return error_set(error, r, "cannot open the store %s: %s", path, strerror(-r));
	*ret = steal(&s);
	return 0;
}

void refs_store_close(struct refs_store *s)
{
	if (!s)
		return;
	client_close(s->client);
	objstore_close(s->objects);
	kv_close(s->kv);
	wake_close(s->wake);
	refs_conf_deinit(&s->conf);
	close_p(&s->dir_fd);
	free(s->path);
	free(s);
}

/* The store that a path inside a mount belongs to. */
static int store_of_mount(const char *path, char **ret)
{
	char value[4096];
	ssize_t n = getxattr(path, XATTR_STORE, value, sizeof value - 1);

	if (n <= 0)
		return -ENOENT;
	value[n] = 0;
	*ret = strdup(value);
	return *ret ? 0 : -ENOMEM;
}

int refs_store_find(const char *path, char **ret, struct bough_error *error)
{
	char *format cleanup(free_p) = NULL;
	const char *named = path ? path : getenv("BOUGH_STORE");
	int r;

	if (!named || !*named) {
		r = store_of_mount(".", ret);
		if (r != -ENOENT)
			return r;
		error_set(error, r,
			"no store named, and the current directory is in no mount of one");
		return error_hint(error, r, "name a store with -s STORE or $BOUGH_STORE");
	}
	if (asprintf(&format, "%s/format", named) < 0)
		return -ENOMEM;
	if (access(format, F_OK)) {
		r = store_of_mount(named, ret);
		if (r != -ENOENT)
			return r;
	}
	*ret = strdup(named); /* opening it says what is wrong with it */
	return *ret ? 0 : -ENOMEM;
}
