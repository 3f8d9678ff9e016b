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
#include "tests/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ROUNDS 201
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
	struct bench_raw raw;
	uint64_t main;
	char dir[PATH_BYTES / 2];
	int spool; /* directory */
	struct slice body;
};

static double lap(double *since)
{
	double now = bench_now_us(), taken = now - *since;

	*since = now;
	return taken;
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
	bench_need(mkdir(dir, 0755) ? -errno : 0, dir);
	snprintf(path, sizeof path, "%s/store", dir);
	bench_need(refs_store_init(path, &e), "init");
	bench_need(refs_store_open(path, REFS_ROLE_MOUNT, &w->store, &e), "open");
	bench_need(refs_write(w->store, make_target, w, &e), "table");
	snprintf(path, sizeof path, "%s/spool", dir);
	bench_need(mkdir(path, 0755), "mkdir");
	w->spool = open(path, O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof path, "%s%s", file[0] == '/' ? "" : "./", file);
	bench_need(io_read_file(io_system(), open("/", O_RDONLY), realpath(path, NULL) + 1,
			   1u << 30, &w->body, &owned),
		file);
	bench_need(reader_open(0, &w->reader), "reader");
	snprintf(path, sizeof path, "%s/raw", dir);
	bench_raw_open(&w->raw, path);
}

/* Return: descriptor of a file of the body, not yet flushed. */
static int spool_file(struct work *w, const char *name)
{
	int fd = openat(w->spool, name, O_RDWR | O_CREAT | O_EXCL, 0600);

	bench_need(io_system()->pwrite_all(io_system(), fd, w->body.data, w->body.len, 0), "write");
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
	double begin = bench_now_us(), at = begin;
	int r;

	snprintf(name, sizeof name, "%zu.parquet", i);
	snprintf(path, sizeof path, "%s/spool/%s", w->dir, name);
	close(spool_file(w, name));
	times[WRITE][i] = lap(&at);
	bench_need(refs_put_new(w->store, &in, &p), "put");
	r = refs_put_prepare(p, w->reader, &e);
	bench_need(r, e.message);
	times[PREPARE][i] = lap(&at);
	bench_need(refs_begin(w->store, KV_WRITE, &x), "begin");
	bench_need(refs_put_apply(x, p, &e), "apply");
	times[APPLY][i] = lap(&at);
	bench_need(refs_commit(&x, NULL), "commit");
	times[COMMIT][i] = lap(&at);
	refs_put_end(p, 0, NULL);
	bench_need(unlinkat(w->spool, name, 0), "unlink");
	times[END][i] = lap(&at);
	times[PUT][i] = bench_now_us() - begin;
}

static void timed_floor(struct work *w, size_t i)
{
	double begin = bench_now_us();
	int fd = spool_file(w, "new");

	bench_need(fsync(fd), "fsync");
	close(fd);
	bench_need(renameat(w->spool, "new", w->spool, "floor"), "rename");
	bench_need(fsync(w->spool), "fsync");
	bench_raw_commit(&w->raw);
	times[FLOOR][i] = bench_now_us() - begin;
	bench_need(unlinkat(w->spool, "floor", 0), "unlink");
}

static void timed_parts(struct work *w, size_t i)
{
	struct json_object *description = NULL;
	struct bough_error e = {0};
	uint8_t sum[SHA256_BYTES];
	int fd = spool_file(w, "part");
	double at = bench_now_us();

	bench_need(reader_inspect(w->reader, fd, "part", &description, &e), e.message);
	times[DESCRIBE][i] = lap(&at);
	bench_need(sha256_of(w->body, sum), "hash");
	times[HASH][i] = lap(&at);
	bench_need(fsync(fd), "fsync");
	times[FSYNC][i] = lap(&at);
	bench_need(linkat(w->spool, "part", w->spool, "linked", 0), "link");
	bench_need(fsync(w->spool), "fsync");
	times[LINK][i] = lap(&at);
	close(fd);
	unlinkat(w->spool, "part", 0);
	unlinkat(w->spool, "linked", 0);
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
		bench_sort(times[o], rounds);
	for (int o = 0; o < PHASES; o++)
		printf("%-26s 10 %% %8.0f us, %8.0f us, 90 %% %8.0f us\n", names[o],
			times[o][rounds / 10], times[o][rounds / 2], times[o][rounds * 9 / 10]);
	printf("whole put / floor: 10 %% %.2f, %.2f\n",
		times[PUT][rounds / 10] / times[FLOOR][rounds / 10],
		times[PUT][rounds / 2] / times[FLOOR][rounds / 2]);
	mdb_env_close(w.raw.env);
	reader_close(w.reader);
	refs_store_close(w.store);
	return 0;
}
