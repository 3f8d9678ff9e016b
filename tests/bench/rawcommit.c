/*
 * The floor of a branch: one durable LMDB commit of the size that `mkdir _refs/x` makes, in an
 * environment of its own. usage: rawcommit DIR. Each line on stdin, a number of puts, is one
 * commit; answers its nanoseconds.
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KINDS 10
#define VALUE_BYTES 120
#define FILLED_COMMITS 100

static void need(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "rawcommit: %s: %s\n", what, mdb_strerror(r));
	exit(1);
}

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000000000 + (unsigned long long)t.tv_nsec;
}

/* As a store's: each kind of record has its own run of rising keys, so its own pages. */
static void put(MDB_txn *t, MDB_dbi db, unsigned kind, unsigned long long number)
{
	unsigned char key[17] = {(unsigned char)('a' + kind % KINDS)}, value[VALUE_BYTES] = {0};
	MDB_val k = {sizeof key, key}, v = {sizeof value, value};

	for (int i = 0; i < 8; i++)
		key[1 + i] = (unsigned char)(number >> (56 - 8 * i));
	need(mdb_put(t, db, &k, &v, 0), "put");
}

static void commit(MDB_env *env, const MDB_dbi db[2], unsigned n, unsigned long long number)
{
	MDB_txn *t;

	need(mdb_txn_begin(env, NULL, 0, &t), "begin");
	for (unsigned i = 0; i < n; i++)
		put(t, db[0], i, number);
	need(mdb_txn_commit(t), "commit");
}

int main(int argc, char **argv)
{
	MDB_env *env;
	MDB_txn *t;
	MDB_dbi db[2];
	unsigned long long number = 0, start;
	char line[64];

	if (argc != 2)
		return 2;
	need(mdb_env_create(&env), "create");
	need(mdb_env_set_mapsize(env, (size_t)1 << 34), "map size");
	need(mdb_env_set_maxdbs(env, 2), "databases");
	need(mdb_env_open(env, argv[1], MDB_NOTLS, 0600), "open");
	need(mdb_txn_begin(env, NULL, 0, &t), "begin");
	need(mdb_dbi_open(t, "hot", MDB_CREATE, &db[0]), "hot");
	need(mdb_dbi_open(t, "bulk", MDB_CREATE, &db[1]), "bulk");
	put(t, db[1], 0, 0);
	need(mdb_txn_commit(t), "commit");
	while (number < FILLED_COMMITS)
		commit(env, db, KINDS, number++);
	while (fgets(line, sizeof line, stdin)) {
		unsigned puts = (unsigned)strtoul(line, NULL, 10);

		if (!puts || puts > KINDS)
			return 2;
		start = now_ns();
		commit(env, db, puts, number++);
		printf("%llu\n", now_ns() - start);
		fflush(stdout);
	}
	mdb_env_close(env);
	return 0;
}
