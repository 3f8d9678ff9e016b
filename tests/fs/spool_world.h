/* A spool in a folder that is otherwise no store, with a clock and calls that tests decide. */
#pragma once
#include "fs/spool.h"
#include "tests/support/fault_io.h"
#include "tests/support/test.h"
#include <semaphore.h>
#include <stdatomic.h>

/** Calls that stop on their way: @entered is posted, and @go waited for. */
struct spool_gate {
	struct io io;
	const struct io *inner;
	_Atomic bool pwrite, fsync, reflink, pread; /* these stop */
	bool has_reflink;			    /* a reflink that works, by copying */
	unsigned reflinks;
	sem_t entered, go;
};

struct spool_world {
	char path[TEST_PATH_BYTES_MAX];
	struct refs_store store;
	struct clock clock;
	_Atomic uint64_t mono_us;
	struct spool_gate gate;
	struct fault_io fault; /* over gate */
	struct fs_spool *p;
};

#define DIR_A ((uint64_t)41 * 32 + FS_DATA)
#define DIR_B ((uint64_t)42 * 32 + FS_DATA)
#define BLOCK_INO ((uint64_t)77 * 32 + FS_BLOCK)

int spool_world_setup(void **state);
int spool_world_teardown(void **state);
/** spool_world_entries() - of @folder of the world: "spool" counts folders, NULL their files. */
size_t spool_world_entries(const struct spool_world *w, const char *folder);
/** spool_world_create() - one handle and one reference. */
struct fs_staged *spool_world_create(struct spool_world *w, uint64_t dir, const char *name);
/** spool_world_close() - the handle and the reference. */
enum fs_release spool_world_close(struct spool_world *w, struct fs_staged *f);
/** spool_world_fill() - @bytes (at least 12) that look like a whole Parquet file. */
void spool_world_fill(struct fs_staged *f, size_t bytes);
/** spool_world_size() - as fs_staged_stat() says. */
uint64_t spool_world_size(struct fs_staged *f);
