/*
 * The key-value layer against LMDB itself with the same records, commit by commit in turn.
 * usage: kvcommit DIR. Prints microseconds per small durable commit (median) and nanoseconds per
 * put of 1,000,000, each for LMDB, for the layer, and their ratio.
 */
#include "meta/key.h"
#include "meta/wake.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define COMMITS 2001
#define PUTS_PER_COMMIT 10
#define VALUE_BYTES 120
#define BULK_PUTS 1000000
#define BULK_VALUE_BYTES 60

struct raw {
	MDB_env *env;
	MDB_dbi db[KV_DBS];
};

static struct raw raw_open(const char *dir)
{
	struct raw r;
	MDB_txn *t;

	bench_need(mkdir(dir, 0755), "mkdir");
	bench_need(mdb_env_create(&r.env), "create");
	bench_need(mdb_env_set_mapsize(r.env, (size_t)1 << 36), "map size");
	bench_need(mdb_env_set_maxdbs(r.env, KV_DBS), "databases");
	bench_need(mdb_env_open(r.env, dir, MDB_NOTLS, 0600), "open");
	bench_need(mdb_txn_begin(r.env, NULL, 0, &t), "begin");
	bench_need(mdb_dbi_open(t, "hot", MDB_CREATE, &r.db[KV_HOT]), "hot");
	bench_need(mdb_dbi_open(t, "bulk", MDB_CREATE, &r.db[KV_BULK]), "bulk");
	bench_need(mdb_txn_commit(t), "commit");
	return r;
}

static struct kv *layer_open(const char *dir)
{
	struct kv_lmdb_options options = {.create = true};
	struct kv *kv;

	bench_need(mkdir(dir, 0755), "mkdir");
	bench_need(wake_open(dir, &options.wake, NULL), "wake");
	bench_need(kv_lmdb_open(dir, &options, &kv, NULL), "open");
	return kv;
}

/* Keys in no order. */
static struct key key_of(uint64_t number)
{
	return key_u64(KEY_BLOCK, number * UINT64_C(0x9e3779b97f4a7c15));
}

static double raw_commit(struct raw *r, enum kv_db db, uint64_t first, uint64_t n, size_t len)
{
	static char value[VALUE_BYTES];
	double start = bench_now_us();
	MDB_txn *t;

	bench_need(mdb_txn_begin(r->env, NULL, 0, &t), "begin");
	for (uint64_t i = 0; i < n; i++) {
		struct key key = key_of(first + i);
		MDB_val k = {key.len, key.bytes}, v = {len, value};

		bench_need(mdb_put(t, r->db[db], &k, &v, 0), "put");
	}
	bench_need(mdb_txn_commit(t), "commit");
	return bench_now_us() - start;
}

static double layer_commit(struct kv *kv, enum kv_db db, uint64_t first, uint64_t n, size_t len)
{
	static char value[VALUE_BYTES];
	double start = bench_now_us();
	struct kv_txn *t;

	bench_need(kv_begin(kv, KV_WRITE, &t), "begin");
	for (uint64_t i = 0; i < n; i++) {
		struct key key = key_of(first + i);

		bench_need(kv_put(t, db, key_slice(&key), (struct slice){value, len}), "put");
	}
	bench_need(kv_commit(&t), "commit");
	return bench_now_us() - start;
}

static void report(const char *what, double *raw, double *layer, size_t n)
{
	bench_sort(raw, n);
	bench_sort(layer, n);
	printf("%s: LMDB %.1f layer %.1f ratio %.3f\n", what, raw[n / 2], layer[n / 2],
		layer[n / 2] / raw[n / 2]);
}

int main(int argc, char **argv)
{
	static double raw_us[COMMITS], layer_us[COMMITS];
	char path[4096];
	struct raw r;
	struct kv *kv;

	if (argc != 2)
		return 2;
	snprintf(path, sizeof path, "%s/raw", argv[1]);
	r = raw_open(path);
	snprintf(path, sizeof path, "%s/layer", argv[1]);
	kv = layer_open(path);
	for (uint64_t i = 0; i < COMMITS; i++) {
		uint64_t first = i * PUTS_PER_COMMIT;

		raw_us[i] = raw_commit(&r, KV_HOT, first, PUTS_PER_COMMIT, VALUE_BYTES);
		layer_us[i] = layer_commit(kv, KV_HOT, first, PUTS_PER_COMMIT, VALUE_BYTES);
	}
	report("small commit, us", raw_us, layer_us, COMMITS);
	raw_us[0] = raw_commit(&r, KV_BULK, 0, BULK_PUTS, BULK_VALUE_BYTES) * 1e3 / BULK_PUTS;
	layer_us[0] = layer_commit(kv, KV_BULK, 0, BULK_PUTS, BULK_VALUE_BYTES) * 1e3 / BULK_PUTS;
	report("one of 10^6 puts, ns", raw_us, layer_us, 1);
	kv_close(kv);
	mdb_env_close(r.env);
	return 0;
}
