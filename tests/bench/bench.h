/* What the benchmarks in C share: time, order, and LMDB's own commit as the floor. */
#pragma once
#include <lmdb.h>
#include <stddef.h>
#include <stdint.h>

/** bench_need() - ends the program, saying @what, where @r is an error. */
void bench_need(int r, const char *what);
/** bench_now_us() - microseconds of a clock that only rises. */
double bench_now_us(void);
/** bench_sort() - so that [n / 2] is the median. */
void bench_sort(double *times, size_t n);

/** An environment of LMDB's own with one database. */
struct bench_raw {
	MDB_env *env;
	MDB_dbi db;
	uint64_t next; /* record */
};
/** bench_raw_open() - in the folder @dir, which is made. */
void bench_raw_open(struct bench_raw *r, const char *dir);
/** bench_raw_commit() - ten puts of 120 bytes, under keys in no order. */
void bench_raw_commit(struct bench_raw *r);
