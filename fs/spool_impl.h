/*
 * Inside of fs/spool.h.
 *
 * | lock                 | guards                                   | held over              |
 * |----------------------|------------------------------------------|------------------------|
 * | fs_spool.lock        | the table: names, counts, trunc memory   | nothing                |
 * | fs_spool.sync_lock   | sync_error                               | fsync of the folder    |
 * | fs_staged.write_lock | the bytes, sync_error                    | writes, fsync, copying |
 * | fs_staged.lock       | state, which blob, its users, waiters    | opening an idle blob   |
 *
 * Order: write_lock, then lock or sync_lock. fs_spool.lock is taken under write_lock at most, and
 * never with lock. Whoever only reads or stats takes lock alone, and never for long.
 */
#pragma once
#include "fs/spool.h"
#include <pthread.h>

#define SPOOL_BUCKETS 4096
#define SPOOL_FILE_MODE 0600
#define SPOOL_FOLDER_BYTES_MAX 17

/** A folder of STORE/spool that is ours: its descriptor holds its lock. */
struct spool_folder {
	const struct refs_store *store;
	int root_fd, fd; /* STORE/spool; the folder */
	char name[SPOOL_FOLDER_BYTES_MAX];
};

/** A file of the folder. Its fields but the constant ones: the lock of its fs_staged. */
struct spool_blob {
	int fd;		  /* -1: idle, to be opened again by its name */
	unsigned users;	  /* of the descriptor, at this moment */
	const char *name; /* within path */
	char path[];
};

enum staged_state {
	STAGED_OPEN,   /* the bytes are its own */
	STAGED_FROZEN, /* a commit reads them */
	STAGED_TAKEN   /* a commit has them: never written again, renewed first */
};

/** What is seen in one directory; there is one only where something is. */
struct spool_dir {
	uint64_t dir, version;
	struct fs_staged *first, *last; /* by id */
	struct spool_dir *next;		/* of its bucket */
};

struct fs_staged {
	struct fs_spool *spool;
	uint64_t id;

	/* fs_spool.lock */
	uint64_t dir;
	char name[FS_NAME_BYTES_MAX + 1];
	unsigned refs, handles;
	uint64_t closed_us; /* without a handle since */
	bool is_kept;	    /* by the table, which has a reference */
	bool is_forgotten;
	bool is_pending;		       /* made by a truncating open, and not opened yet */
	struct spool_dir *seen;		       /* where it is listed, else NULL */
	struct fs_staged *prev, *next;	       /* of seen */
	struct fs_staged *next_id, *next_name; /* of their buckets */
	struct fs_staged *next_dropped;

	pthread_mutex_t write_lock; /* first */
	int sync_error;		    /* of the fsync that failed; write_lock */

	pthread_mutex_t lock; /* second; the rest */
	enum staged_state state;
	bool is_changed; /* since its last commit */
	bool is_hashed;	 /* and not changed since */
	uint8_t sha256[SHA256_BYTES];
	bool is_idle; /* no handles: the descriptor is closed between uses. A hint */
	struct spool_blob *blob;
	bool has_times; /* asked for while it was frozen */
	struct timespec times[2];
	struct fs_waiter *waiters, **last_waiter;
};

/** A truncating open between its OPENs; tid 0: none. */
struct spool_trunc {
	uint32_t tid;
	int refusal;
	uint64_t block, since_us;
	uint64_t id; /* of W, 0 not made yet */
};

struct fs_spool {
	struct refs_store *store;
	struct spool_folder folder;

	pthread_mutex_t lock; /* guards what follows, but for sync_* */
	uint64_t next_id, next_number, versions;
	size_t n;
	struct fs_staged *ids[SPOOL_BUCKETS], *names[SPOOL_BUCKETS];
	struct spool_dir *dirs[SPOOL_BUCKETS];
	struct spool_trunc truncs[FS_SPOOL_TRUNCS_MAX];

	pthread_mutex_t sync_lock;
	int sync_error; /* of the folder's fsync that failed; sync_lock */
};

/* spool_dir.c */
int spool_folder_open(struct refs_store *s, struct spool_folder *ret, struct bough_error *error);
void spool_folder_close(struct spool_folder *d);
/** spool_folder_create() - a new empty file. Return: descriptor or -errno. */
int spool_folder_create(const struct spool_folder *d, const char *name);

/* spool_file.c */
int spool_blob_new(struct fs_spool *p, struct spool_blob **ret);
void spool_blob_free(struct fs_spool *p, struct spool_blob *b);
/** staged_idle() - whether its descriptor may be closed between uses. */
void staged_idle(struct fs_staged *f, bool is_idle);
/** staged_use() - the bytes, whichever they are now, until staged_done(). */
int staged_use(struct fs_staged *f, struct spool_blob **ret);
void staged_done(struct fs_staged *f, struct spool_blob *b);
/** staged_is_lost() - it has bytes that no commit has, nor is taking. */
bool staged_is_lost(struct fs_staged *f);

/* spool.c; all but the last two under fs_spool.lock */
struct fs_staged *spool_by_id(struct fs_spool *p, uint64_t id);
/** spool_keep() - put a new file into the table. */
int spool_keep(struct fs_spool *p, struct fs_staged *f);
/** spool_drop() - out of the table, to *@dropped: for spool_unref_all(). */
void spool_drop(struct fs_spool *p, struct fs_staged *f, struct fs_staged **dropped);
void spool_bind(struct fs_staged *f, uint64_t dir, const char *name);
/** spool_new() - a file that is in no table yet, with one reference. */
int spool_new(struct fs_spool *p, uint64_t dir, const char *name, struct fs_staged **ret);
void spool_unref_all(struct fs_spool *p, struct fs_staged *dropped);

/* spool_trunc.c; under fs_spool.lock */
void spool_trunc_expire(struct fs_spool *p, struct fs_staged **dropped);
