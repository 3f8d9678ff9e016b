/* What dir.c, dir_batch.c and dir_list.c share. */
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

#define OBJECT_MODE 0444

/** An object being made: its directory, the last part of its key, the file's descriptor. */
struct draft {
	int dir_fd, fd;
	const char *name;
	char tmp[OBJSTORE_PART_BYTES_MAX + sizeof OBJSTORE_TMP_SUFFIX];
};

/** dir_draft_open() - its directory, made where absent; key is borrowed. */
int dir_draft_open(struct objstore_dir *d, const char *key, struct draft *w);
/** dir_draft_create() - key.tmp, locked and empty. -EEXIST another writer is at it. */
int dir_draft_create(struct objstore_dir *d, struct draft *w);
/** dir_draft_fill() - @to becomes a copy of @from. -EAGAIN it changed meanwhile. */
int dir_draft_fill(struct objstore_dir *d, int to, int from, uint8_t *ret_sha256);
void dir_draft_deinit(struct draft *w);
/** dir_sync() - fsync; after a failure nothing is written any more. */
int dir_sync(struct objstore_dir *d, int fd);
/** dir_sync_failed() - @r came from a flush: remember it unless it may pass. Return: @r. */
int dir_sync_failed(struct objstore_dir *d, int r);
/** dir_names_inode() - whether @name in @dir_fd leads to the very file that @fd has open. */
bool dir_names_inode(int dir_fd, const char *name, int fd);
/** dir_write_error() - errors of the file system in the words of objstore.h. */
int dir_write_error(int code);

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
int dir_put_files(struct objstore *s, struct objstore_file *files, size_t n, size_t *ret_failed);
