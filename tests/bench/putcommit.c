/*
 * One Parquet file put into a branch as a writer through the mount does, in turn with the floor:
 * write, fsync, rename, fsync of the directory, one LMDB commit of ten puts.
 * usage: putcommit DIR FILE [ROUNDS]. DIR: is made, for a store, its spool and LMDB's own.
 * Prints 10th percentile, median and 90th in microseconds, and the ratio of a whole put to the
 * floor. Needs bough-reader beside it, or BOUGH_READER.
 */
#include "refs/put.h"
#include "refs/ref.h"
#include "refs/table.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ROUNDS 201
#define RAW_PUTS 10
#define VALUE_BYTES 120
#define PATH_BYTES 4096

/* Of a put: its phases, then what parts of prepare take alone. */
enum { WRITE, PREPARE, APPLY, COMMIT, END, PUT, FLOOR, DESCRIBE, HASH, FSYNC, LINK, PHASES };
static const char *const names[] = {"write of the spool file", "prepare", "apply", "commit",
	"end, unlink", "whole put", "floor", "describe alone", "hash alone", "fsync alone",
	"link, fsync of dir alone"};

static double *times[PHASES];

struct work {
	struct refs_store *store;
	struct reader *reader;
	MDB_env *raw;
	MDB_dbi raw_db;
	uint64_t main, raw_next;
	char dir[PATH_BYTES / 2];
	int spool; /* directory */
	struct slice body;
};

static void need(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "putcommit: %s: %d\n", what, r);
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double lap(double *since)
{
	double now = now_us(), taken = now - *since;

	*since = now;
	return taken;
}

static void raw_open(struct work *w)
{
	char path[PATH_BYTES];
	MDB_txn *t;

	snprintf(path, sizeof path, "%s/raw", w->dir);
	need(mkdir(path, 0755), "mkdir");
	need(mdb_env_create(&w->raw), "create");
	need(mdb_env_set_mapsize(w->raw, (size_t)1 << 32), "map size");
	need(mdb_env_open(w->raw, path, MDB_NOTLS, 0600), "open");
	need(mdb_txn_begin(w->raw, NULL, 0, &t), "begin");
	need(mdb_dbi_open(t, NULL, 0, &w->raw_db), "database");
	need(mdb_txn_commit(t), "commit");
}

static void raw_commit(struct work *w)
{
	static char value[VALUE_BYTES];
	MDB_txn *t;

	need(mdb_txn_begin(w->raw, NULL, 0, &t), "begin");
	for (unsigned i = 0; i < RAW_PUTS; i++) {
		uint64_t key = w->raw_next++ * UINT64_C(0x9e3779b97f4a7c15);
		MDB_val k = {sizeof key, &key}, v = {sizeof value, value};

		need(mdb_put(t, w->raw_db, &k, &v, 0), "put");
	}
	need(mdb_txn_commit(t), "commit");
}

static int make_target(struct refs_txn *x, void *arg, struct bough_error *error)
{
	struct work *w = arg;
	uint64_t db, table;
	int r = refs_db_create(x, "d", &db, error);

	if (!r)
		r = refs_table_create(x, db, "t", &table, error);
	return r ? r : refs_ref_lookup(x, table, NULL, &w->main, error);
}

static void open_work(struct work *w, const char *dir, const char *file)
{
	struct bough_error e = {0};
	char path[PATH_BYTES];
	void *owned;

	snprintf(w->dir, sizeof w->dir, "%s", dir);
	need(mkdir(dir, 0755) ? -errno : 0, dir);
	snprintf(path, sizeof path, "%s/store", dir);
	need(refs_store_init(path, &e), "init");
	need(refs_store_open(path, REFS_ROLE_MOUNT, &w->store, &e), "open");
	need(refs_write(w->store, make_target, w, &e), "table");
	snprintf(path, sizeof path, "%s/spool", dir);
	need(mkdir(path, 0755), "mkdir");
	w->spool = open(path, O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof path, "%s%s", file[0] == '/' ? "" : "./", file);
	need(io_read_file(io_system(), open("/", O_RDONLY), realpath(path, NULL) + 1, 1u << 30,
		     &w->body, &owned),
		file);
	need(reader_open(0, &w->reader), "reader");
	raw_open(w);
}

/* Return: descriptor of a file of the body, not yet flushed. */
static int spool_file(struct work *w, const char *name)
{
	int fd = openat(w->spool, name, O_RDWR | O_CREAT | O_EXCL, 0600);

	need(io_system()->pwrite_all(io_system(), fd, w->body.data, w->body.len, 0), "write");
	return fd;
}

static void timed_put(struct work *w, size_t i)
{
	char path[PATH_BYTES], name[32];
	const struct refs_put_in in = {
		.ref = w->main, .path = path, .name = name, .author = "bench"};
	struct bough_error e = {0};
	struct refs_txn *x;
	struct refs_put *p;
	double begin = now_us(), at = begin;
	int r;

	snprintf(name, sizeof name, "%zu.parquet", i);
	snprintf(path, sizeof path, "%s/spool/%s", w->dir, name);
	close(spool_file(w, name));
	times[WRITE][i] = lap(&at);
	need(refs_put_new(w->store, &in, &p), "put");
	r = refs_put_prepare(p, w->reader, &e);
	need(r, e.message);
	times[PREPARE][i] = lap(&at);
	need(refs_begin(w->store, KV_WRITE, &x), "begin");
	need(refs_put_apply(x, p, &e), "apply");
	times[APPLY][i] = lap(&at);
	need(refs_commit(&x, NULL), "commit");
	times[COMMIT][i] = lap(&at);
	refs_put_end(p, 0, NULL);
	need(unlinkat(w->spool, name, 0), "unlink");
	times[END][i] = lap(&at);
	times[PUT][i] = now_us() - begin;
}

static void timed_floor(struct work *w, size_t i)
{
	double begin = now_us();
	int fd = spool_file(w, "new");

	need(fsync(fd), "fsync");
	close(fd);
	need(renameat(w->spool, "new", w->spool, "floor"), "rename");
	need(fsync(w->spool), "fsync");
	raw_commit(w);
	times[FLOOR][i] = now_us() - begin;
	need(unlinkat(w->spool, "floor", 0), "unlink");
}

static void timed_parts(struct work *w, size_t i)
{
	struct json_object *description = NULL;
	struct bough_error e = {0};
	uint8_t sum[SHA256_BYTES];
	int fd = spool_file(w, "part");
	double at = now_us();

	need(reader_inspect(w->reader, fd, "part", &description, &e), e.message);
	times[DESCRIBE][i] = lap(&at);
	need(sha256_of(w->body, sum), "hash");
	times[HASH][i] = lap(&at);
	need(fsync(fd), "fsync");
	times[FSYNC][i] = lap(&at);
	need(linkat(w->spool, "part", w->spool, "linked", 0), "link");
	need(fsync(w->spool), "fsync");
	times[LINK][i] = lap(&at);
	close(fd);
	unlinkat(w->spool, "part", 0);
	unlinkat(w->spool, "linked", 0);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct work w = {0};
	size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : ROUNDS;

	if (argc < 3 || !rounds)
		return 2;
	open_work(&w, argv[1], argv[2]);
	for (int o = 0; o < PHASES; o++)
		times[o] = calloc(rounds, sizeof **times);
	for (size_t i = 0; i < rounds; i++) {
		timed_put(&w, i);
		timed_floor(&w, i);
		timed_parts(&w, i);
	}
	for (int o = 0; o < PHASES; o++)
		qsort(times[o], rounds, sizeof **times, compare);
	for (int o = 0; o < PHASES; o++)
		printf("%-26s 10 %% %8.0f us, %8.0f us, 90 %% %8.0f us\n", names[o],
			times[o][rounds / 10], times[o][rounds / 2], times[o][rounds * 9 / 10]);
	printf("whole put / floor: 10 %% %.2f, %.2f\n",
		times[PUT][rounds / 10] / times[FLOOR][rounds / 10],
		times[PUT][rounds / 2] / times[FLOOR][rounds / 2]);
	mdb_env_close(w.raw);
	reader_close(w.reader);
	refs_store_close(w.store);
	return 0;
}
