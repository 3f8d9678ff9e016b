#include "fs/dircache.h"
#include <errno.h>
#include <pthread.h>

#define SLOTS 4096

struct slot {
	uint64_t dir, version;
	bool is_spoilt, is_large;
};

struct fs_dircache {
	pthread_mutex_t lock; /* slots */
	struct slot slots[SLOTS];
};

int fs_dircache_new(struct fs_dircache **ret)
{
	struct fs_dircache *c = calloc(1, sizeof *c);

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	*ret = c;
	return 0;
}

void fs_dircache_free(struct fs_dircache *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct slot *slot_of(struct fs_dircache *c, uint64_t dir)
{
	return &c->slots[(dir * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SLOTS];
}

void fs_dircache_open(
	struct fs_dircache *c, uint64_t dir, uint64_t version, bool *ret_keep, bool *ret_cache)
{
	struct slot *s = slot_of(c, dir);

	pthread_mutex_lock(&c->lock);
	*ret_keep = s->dir == dir && s->version == version && !s->is_spoilt && !s->is_large;
	*ret_cache = s->dir != dir || !s->is_large;
	*s = (struct slot){.dir = dir, .version = version, .is_large = !*ret_cache};
	pthread_mutex_unlock(&c->lock);
}

void fs_dircache_read(struct fs_dircache *c, uint64_t dir, uint64_t version, uint64_t listed)
{
	struct slot *s = slot_of(c, dir);

	pthread_mutex_lock(&c->lock);
	if (s->dir == dir) {
		s->is_spoilt |= s->version != version;
		s->is_large |= listed > FS_DIR_CACHED_MAX;
	}
	pthread_mutex_unlock(&c->lock);
}
