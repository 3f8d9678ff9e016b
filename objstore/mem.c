/* Objects in memory: an array sorted by key. What the tests of the other folders stand on. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "objstore/objstore.h"

struct object {
	char *key;
	struct buf body;
	uint64_t modified_us;
};

struct objstore_mem {
	struct objstore base;
	const struct clock *clock;
	pthread_mutex_t lock;
	struct object *objects; /* @lock */
	size_t count, capacity; /* @lock */
};

static struct objstore_mem *mem_of(struct objstore *s)
{
	return (struct objstore_mem *)s;
}

static void unlock_p(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

/* Holds the lock until the end of the scope. */
#define LOCKED(m)                                                                                  \
	pthread_mutex_t *locked_ cleanup(unlock_p) = &(m)->lock;                                   \
	pthread_mutex_lock(locked_)

static void object_deinit(struct object *o)
{
	free(o->key);
	buf_deinit(&o->body);
}

/* The first object whose key is not below @key. */
static size_t lower_bound(const struct objstore_mem *m, const char *key)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(m->objects[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct object *find(const struct objstore_mem *m, const char *key)
{
	size_t i = lower_bound(m, key);

	return i < m->count && !strcmp(m->objects[i].key, key) ? &m->objects[i] : NULL;
}

/* Takes what @o owns on success. */
static int insert(struct objstore_mem *m, struct object *o)
{
	LOCKED(m);
	size_t i = lower_bound(m, o->key);

	if (i < m->count && !strcmp(m->objects[i].key, o->key))
		return -EEXIST;
	if (!array_grow(m->objects, m->count, m->capacity))
		return -ENOMEM;
	memmove(&m->objects[i + 1], &m->objects[i], (m->count - i) * sizeof *o);
	m->objects[i] = *o;
	m->count++;
	*o = (struct object){0};
	return 0;
}

static int mem_put(struct objstore *s, const char *key, struct slice body)
{
	struct objstore_mem *m = mem_of(s);
	struct object o cleanup(object_deinit) = {.key = strdup(key)};
	int r = o.key ? buf_append(&o.body, body.data, body.len) : -ENOMEM;

	o.modified_us = m->clock->now_us(m->clock);
	return r ? r : insert(m, &o);
}

static int mem_put_file(struct objstore *s, const char *key, int fd, const char *path,
	enum objstore_take take, uint8_t ret_sha256[static SHA256_BYTES])
{
	struct buf body auto_buf = {0};
	uint8_t sum[SHA256_BYTES];
	struct stat st;
	ssize_t n;
	int r;

	if (fstat(fd, &st))
		return -errno;
	/* One byte more than it had, to see that it has not grown. */
	r = buf_reserve(&body, (size_t)st.st_size + 1);
	if (r)
		return r;
	n = io_system()->pread(io_system(), fd, body.data, (size_t)st.st_size + 1, 0);
	if (n != st.st_size)
		return n < 0 ? (int)n : -EAGAIN;
	body.len = (size_t)n;
	r = sha256_of(buf_slice(&body), sum);
	if (!r)
		r = mem_put(s, key, buf_slice(&body));
	if (r)
		return r;
	if (take == OBJSTORE_MOVE)
		unlink(path);
	memcpy(ret_sha256, sum, sizeof sum);
	return 0;
}

static int mem_get(struct objstore *s, const char *key, size_t size_max, struct buf *ret)
{
	struct objstore_mem *m = mem_of(s);
	LOCKED(m);
	struct object *o = find(m, key);

	if (!o)
		return -ENOENT;
	return o->body.len > size_max ? -EFBIG : buf_append(ret, o->body.data, o->body.len);
}

static ssize_t mem_get_range(
	struct objstore *s, const char *key, uint64_t offset, void *data, size_t len)
{
	struct objstore_mem *m = mem_of(s);
	LOCKED(m);
	struct object *o = find(m, key);

	if (!o)
		return -ENOENT;
	if (offset >= o->body.len)
		return 0;
	if (len > o->body.len - offset)
		len = o->body.len - (size_t)offset;
	memcpy(data, o->body.data + offset, len);
	return (ssize_t)len;
}

static struct objstore_stat stat_of(const struct object *o)
{
	return (struct objstore_stat){.size_bytes = o->body.len, .modified_us = o->modified_us};
}

static int mem_stat(struct objstore *s, const char *key, struct objstore_stat *ret)
{
	struct objstore_mem *m = mem_of(s);
	LOCKED(m);
	struct object *o = find(m, key);

	if (!o)
		return -ENOENT;
	*ret = stat_of(o);
	return 0;
}

static int mem_open_local(struct objstore *s, const char *key)
{
	struct objstore_mem *m = mem_of(s);
	LOCKED(m);

	return find(m, key) ? -EOPNOTSUPP : -ENOENT;
}

static int mem_del(struct objstore *s, const char *key)
{
	struct objstore_mem *m = mem_of(s);
	LOCKED(m);
	struct object *o = find(m, key);

	if (!o)
		return -ENOENT;
	object_deinit(o);
	m->count--;
	memmove(o, o + 1, (size_t)(m->objects + m->count - o) * sizeof *o);
	return 0;
}

/* The first key greater than @cursor, copied, so that the lock is not held while it is shown. */
static bool next_key(
	struct objstore_mem *m, const char *cursor, char *key, struct objstore_stat *st)
{
	LOCKED(m);
	size_t i = lower_bound(m, cursor);

	if (i < m->count && !strcmp(m->objects[i].key, cursor))
		i++;
	if (i == m->count)
		return false;
	strcpy(key, m->objects[i].key);
	*st = stat_of(&m->objects[i]);
	return true;
}

static int mem_list(
	struct objstore *s, const char *prefix, const char *after, objstore_list_fn fn, void *arg)
{
	struct objstore_mem *m = mem_of(s);
	char key[OBJSTORE_KEY_BYTES_MAX + 1], below[OBJSTORE_KEY_BYTES_MAX + 2] = "";
	size_t len = strlen(prefix);
	struct objstore_stat st;
	const char *cursor = below;

	memcpy(below, prefix, len);
	if (len)
		below[len++] = '/';
	if (after && strcmp(after, below) > 0)
		cursor = after;
	while (next_key(m, cursor, key, &st) && !strncmp(key, below, len)) {
		int r = fn(arg, key, &st);

		if (r)
			return r;
		cursor = key;
	}
	return 0;
}

static void mem_close(struct objstore *s)
{
	struct objstore_mem *m = mem_of(s);

	for (size_t i = 0; i < m->count; i++)
		object_deinit(&m->objects[i]);
	free(m->objects);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

int objstore_mem_open(const struct clock *clock, struct objstore **ret)
{
	static const struct objstore_ops ops = {
		.put = mem_put,
		.put_file = mem_put_file,
		.get = mem_get,
		.get_range = mem_get_range,
		.stat = mem_stat,
		.open_local = mem_open_local,
		.del = mem_del,
		.list = mem_list,
		.close = mem_close,
	};
	struct objstore_mem *m = calloc(1, sizeof *m);

	if (!m)
		return -ENOMEM;
	m->base.ops = &ops;
	m->clock = clock;
	pthread_mutex_init(&m->lock, NULL);
	*ret = &m->base;
	return 0;
}
