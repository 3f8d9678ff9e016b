/* What dir.c and dir_list.c share. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "objstore/objstore.h"

struct objstore_dir {
	struct objstore base;
	const struct io *io;
	int root_fd;
	atomic_int broken; /* the code of the first fsync that failed; 0 = none */
	pthread_mutex_t lock;
	void *durable_dirs; /* @lock; tsearch(3) tree of paths whose entries are known durable */
};

static inline struct objstore_dir *dir_of(struct objstore *s)
{
	return (struct objstore_dir *)s;
}

static inline struct objstore_stat dir_stat_of(const struct stat *st)
{
	return (struct objstore_stat){
		.size_bytes = (uint64_t)st->st_size,
		.modified_us = (uint64_t)st->st_mtim.tv_sec * 1000000 +
			       (uint64_t)st->st_mtim.tv_nsec / 1000,
	};
}

int dir_list(
	struct objstore *s, const char *prefix, const char *after, objstore_list_fn fn, void *arg);
