#include "tests/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define RAW_PUTS 10
#define VALUE_BYTES 120

void bench_need(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "%s: %s: %d\n", program_invocation_short_name, what, r);
	exit(1);
}

double bench_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void bench_sort(double *times, size_t n)
{
	qsort(times, n, sizeof *times, compare);
}

void bench_raw_open(struct bench_raw *r, const char *dir)
{
	MDB_txn *t;

	bench_need(mkdir(dir, 0755), "mkdir");
	bench_need(mdb_env_create(&r->env), "create");
	bench_need(mdb_env_set_mapsize(r->env, (size_t)1 << 32), "map size");
	bench_need(mdb_env_open(r->env, dir, MDB_NOTLS, 0600), "open");
	bench_need(mdb_txn_begin(r->env, NULL, 0, &t), "begin");
	bench_need(mdb_dbi_open(t, NULL, 0, &r->db), "database");
	bench_need(mdb_txn_commit(t), "commit");
}

void bench_raw_commit(struct bench_raw *r)
{
	static char value[VALUE_BYTES];
	MDB_txn *t;

	bench_need(mdb_txn_begin(r->env, NULL, 0, &t), "begin");
	for (unsigned i = 0; i < RAW_PUTS; i++) {
		uint64_t key = r->next++ * UINT64_C(0x9e3779b97f4a7c15);
		MDB_val k = {sizeof key, &key}, v = {sizeof value, value};

		bench_need(mdb_put(t, r->db, &k, &v, 0), "put");
	}
	bench_need(mdb_txn_commit(t), "commit");
}
