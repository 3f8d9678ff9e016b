#include "meta/lmdb_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READERS_MAX 4096
#define MAP_BYTES_MAX (UINT64_C(1) << 40)
#define MAP_BYTES_MIN (UINT64_C(1) << 26)
#define FREE_DBI 0 /* LMDB's own: which transaction freed which pages */
#define MAIN_DBI 1 /* LMDB's own: the named databases */

static const char *const db_names[KV_DBS] = {[KV_HOT] = "hot", [KV_BULK] = "bulk"};

int lmdb_errno(int r)
{
	switch (r) {
	case 0:
		return 0;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case EDQUOT:
		return -ENOSPC;
	case MDB_INVALID:
	case MDB_CORRUPTED:
	case MDB_VERSION_MISMATCH:
	case MDB_PAGE_NOTFOUND:
	case MDB_INCOMPATIBLE:
	case MDB_CURSOR_FULL: /* a tree deeper than can be: it leads in circles */
	case MDB_PAGE_FULL:
	case MDB_BAD_TXN: /* it met damage before, and gives nothing more */
		return -EUCLEAN;
	case MDB_READERS_FULL:
		return -EAGAIN;
	case MDB_MAP_RESIZED:
		return -ENOMEM;
	default:
		return r > 0 ? -r : -EIO;
	}
}

/*
 * Free pages with numbers from @first up, of the lists that transactions before @before left. LMDB
 * shows the lists to readers only; the caller's write transaction keeps them as they are.
 */
static int free_pages(MDB_env *env, uint64_t before, uint64_t first, uint64_t *ret)
{
	uint64_t freed_by, n = 0;
	MDB_txn *txn;
	MDB_cursor *c;
	MDB_val k, v;
	int r = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);

	if (r)
		return lmdb_errno(r);
	r = mdb_cursor_open(txn, FREE_DBI, &c);
	if (r) {
		mdb_txn_abort(txn);
		return lmdb_errno(r);
	}
	while (!(r = mdb_cursor_get(c, &k, &v, MDB_NEXT))) {
		memcpy(&freed_by, k.mv_data, sizeof freed_by);
		if (freed_by >= before)
			break;
		/* A count, then so many page numbers. */
		for (size_t at = sizeof(size_t); at + sizeof(size_t) <= v.mv_size;
			at += sizeof(size_t)) {
			size_t page;

			memcpy(&page, (const uint8_t *)v.mv_data + at, sizeof page);
			n += page >= first;
		}
	}
	mdb_cursor_close(c);
	mdb_txn_abort(txn);
	if (r && r != MDB_NOTFOUND)
		return lmdb_errno(r);
	*ret = n;
	return 0;
}

/* A line of mdb_reader_list(): pid, thread, transaction or "-". */
static int reader_line(const char *line, void *arg)
{
	uint64_t *oldest = arg;
	unsigned long long txn_id;

	if (sscanf(line, "%*d %*x %llu", &txn_id) == 1 && txn_id < *oldest)
		*oldest = txn_id;
	return 0;
}

int lmdb_env_check_size(MDB_env *env, MDB_txn *txn, uint64_t limit)
{
	uint64_t used, freed, oldest = mdb_txn_id(txn) - 1;
	MDB_envinfo info;
	MDB_stat stat;
	int r;

	if (!limit)
		return 0;
	mdb_env_info(env, &info);
	mdb_env_stat(env, &stat);
	used = info.me_last_pgno + 1;
	if (used * stat.ms_psize < limit)
		return 0;
	/* Only pages freed before the oldest reader began can be used again. */
	if (mdb_reader_list(env, reader_line, &oldest) < 0)
		return -EIO;
	r = free_pages(env, oldest, 0, &freed);
	if (r)
		return r;
	return (used - freed) * stat.ms_psize < limit ? 0 : -ENOSPC;
}

/*
 * The file may end before the last page LMDB counts, but only by pages that were given out and
 * taken back unwritten: they are free. Reading others would be SIGBUS. The file is extended first,
 * so that looking is safe: what is missing reads as zeros, which LMDB refuses.
 */
static int check_tail_locked(MDB_env *env)
{
	uint64_t pages, last, freed;
	MDB_envinfo info;
	MDB_stat env_stat;
	struct stat st;
	int fd, r;

	mdb_env_info(env, &info);
	mdb_env_stat(env, &env_stat);
	if (mdb_env_get_fd(env, &fd) || fstat(fd, &st))
		return -EIO;
	last = info.me_last_pgno;
	pages = (uint64_t)st.st_size / env_stat.ms_psize;
	if (pages > last)
		return 0;
	if (ftruncate(fd, (off_t)((last + 1) * env_stat.ms_psize)))
		return -errno;
	r = free_pages(env, UINT64_MAX, pages, &freed);
	if (!r && freed == last + 1 - pages)
		return 0;
	if (ftruncate(fd, st.st_size))
		return -errno;
	return r == -EIO || r == -ENOMEM ? r : -EUCLEAN;
}

static int check_tail(
	MDB_env *env, const struct lmdb_head *head, const char *path, struct bough_error *error)
{
	MDB_txn *txn;
	int r;

	if (head->file_bytes / head->page_bytes > head->last_page)
		return 0;
	r = lmdb_errno(mdb_txn_begin(env, NULL, 0, &txn));
	if (r)
		return error_set(error, r, "%s/data.mdb: %s", path, strerror(-r));
	r = check_tail_locked(env);
	mdb_txn_abort(txn);
	if (r)
		error_set(error, r, "%s/data.mdb is truncated: %llu bytes of %llu", path,
			(unsigned long long)head->file_bytes,
			(unsigned long long)((head->last_page + 1) * head->page_bytes));
	return r;
}

static int env_try(const char *path, uint64_t map_bytes, MDB_env **ret)
{
	MDB_env *env;
	int r = mdb_env_create(&env);

	if (r)
		return lmdb_errno(r);
	r = mdb_env_set_mapsize(env, map_bytes);
	if (!r)
		r = mdb_env_set_maxreaders(env, READERS_MAX);
	if (!r)
		r = mdb_env_set_maxdbs(env, KV_DBS);
	if (!r)
		r = mdb_env_open(env, path, MDB_NOTLS, 0644);
	if (r)
		mdb_env_close(env);
	else
		*ret = env;
	return lmdb_errno(r);
}

/* The largest map that the address space allows. */
static int env_map(const char *path, MDB_env **ret)
{
	int r = -ENOMEM;

	for (uint64_t bytes = MAP_BYTES_MAX; r == -ENOMEM && bytes >= MAP_BYTES_MIN; bytes /= 2)
		r = env_try(path, bytes, ret);
	return r;
}

/* Opens the databases; with MDB_CREATE only in an environment that has nothing yet. */
static int databases_open(MDB_env *env, unsigned create, MDB_dbi ret_dbi[static KV_DBS])
{
	MDB_stat stat;
	MDB_txn *txn;
	int r = mdb_txn_begin(env, NULL, create ? 0 : MDB_RDONLY, &txn);

	if (r)
		return lmdb_errno(r);
	if (create) {
		r = mdb_stat(txn, MAIN_DBI, &stat);
		create = !r && stat.ms_entries ? 0 : create;
	}
	for (int db = 0; db < KV_DBS && !r; db++)
		r = mdb_dbi_open(txn, db_names[db], create, &ret_dbi[db]);
	if (!r)
		return lmdb_errno(mdb_txn_commit(txn));
	mdb_txn_abort(txn);
	return lmdb_errno(r);
}

/* 0: there is an environment; 1: there is none and one may be made. */
static int check_before_open(
	const char *path, bool create, struct lmdb_head *ret_head, struct bough_error *error)
{
	int r = lmdb_check_local(path, error);

	if (!r)
		r = lmdb_check_file(path, ret_head, error);
	if ((r == -ENOENT || r == -ENODATA) && create)
		return 1;
	if (r == -ENOENT)
		return error_set(error, r, "%s: no metadata here", path);
	if (r == -ENODATA)
		return error_set(error, -EUCLEAN, "%s/data.mdb is empty", path);
	return r;
}

int lmdb_env_open(const char *path, bool create, MDB_env **ret_env, MDB_dbi ret_dbi[static KV_DBS],
	struct bough_error *error)
{
	MDB_env *env = NULL;
	struct lmdb_head head;
	int dead, is_new = check_before_open(path, create, &head, error), r;

	if (is_new < 0)
		return is_new;
	r = env_map(path, &env);
	if (!r && !is_new)
		r = check_tail(env, &head, path, error);
	if (!r)
		r = databases_open(env, 0, ret_dbi);
	if (r == -ENOENT)
		r = create ? databases_open(env, MDB_CREATE, ret_dbi) : -EUCLEAN;
	if (!r)
		r = lmdb_errno(mdb_reader_check(env, &dead));
	if (r == -ENOENT)
		r = -EUCLEAN;
	if (!r) {
		*ret_env = env;
		return 0;
	}
	mdb_env_close(env);
	return error_set(error, r,
		r == -EUCLEAN ? "%s: not Bough's metadata, or damaged" : "%s: %s", path,
		strerror(-r));
}
