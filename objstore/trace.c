#include "objstore/trace.h"
#include "objstore/base/log.h"

#include <errno.h>

struct objstore_trace {
	struct objstore base;
	struct objstore *inner;
	const struct clock *clock;
	objstore_trace_fn fn;
	void *arg;
};

static struct objstore_trace *trace_of(struct objstore *s)
{
	return (struct objstore_trace *)s;
}

static uint64_t now(const struct objstore_trace *t)
{
	return t->clock->mono_us(t->clock);
}

/* Tells of @c, which began at @since_us. Return: its result. */
static int64_t tell(struct objstore_trace *t, struct objstore_call c, uint64_t since_us)
{
	c.calls = c.calls ? c.calls : 1;
	c.bytes = c.result < 0 ? 0 : c.bytes;
	c.taken_us = now(t) - since_us;
	t->fn(t->arg, &c);
	return c.result;
}

static int trace_put(struct objstore *s, const char *key, struct slice body)
{
	struct objstore_trace *t = trace_of(s);
	uint64_t us = now(t);
	int r = objstore_put(t->inner, key, body);

	return (int)tell(t, (struct objstore_call){OBJSTORE_OP_PUT, key, 1, body.len, r, 0}, us);
}

static uint64_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
}

static int trace_put_file(struct objstore *s, const char *key, int fd, const char *path,
	enum objstore_take take, uint8_t ret_sha256[static SHA256_BYTES])
{
	struct objstore_trace *t = trace_of(s);
	uint64_t us = now(t);
	int r = objstore_put_file(t->inner, key, fd, path, take, ret_sha256);

	return (int)tell(
		t, (struct objstore_call){OBJSTORE_OP_PUT_FILE, key, 1, size_of(fd), r, 0}, us);
}

static int trace_put_files(
	struct objstore *s, struct objstore_file *files, size_t n, size_t *ret_failed)
{
	struct objstore_trace *t = trace_of(s);
	struct objstore_call c = {OBJSTORE_OP_PUT_FILES, files[0].key, n, 0, 0, 0};
	uint64_t us = now(t);

	c.result = objstore_put_files(t->inner, files, n, ret_failed);
	for (size_t i = 0; i < n; i++)
		c.bytes += size_of(files[i].fd);
	return (int)tell(t, c, us);
}

static int trace_get(struct objstore *s, const char *key, size_t size_max, struct buf *ret)
{
	struct objstore_trace *t = trace_of(s);
	size_t before = ret->len;
	uint64_t us = now(t);
	int r = objstore_get(t->inner, key, size_max, ret);

	return (int)tell(
		t, (struct objstore_call){OBJSTORE_OP_GET, key, 1, ret->len - before, r, 0}, us);
}

static ssize_t trace_get_range(
	struct objstore *s, const char *key, uint64_t offset, void *data, size_t len)
{
	struct objstore_trace *t = trace_of(s);
	uint64_t us = now(t);
	ssize_t n = objstore_get_range(t->inner, key, offset, data, len);

	return tell(
		t, (struct objstore_call){OBJSTORE_OP_GET_RANGE, key, 1, (uint64_t)n, n, 0}, us);
}

static int trace_stat(struct objstore *s, const char *key, struct objstore_stat *ret)
{
	struct objstore_trace *t = trace_of(s);
	uint64_t us = now(t);
	int r = objstore_stat(t->inner, key, ret);

	return (int)tell(t, (struct objstore_call){OBJSTORE_OP_STAT, key, 1, 0, r, 0}, us);
}

static int trace_open_local(struct objstore *s, const char *key)
{
	struct objstore_trace *t = trace_of(s);
	uint64_t us = now(t);
	int fd = objstore_open_local(t->inner, key);

	return (int)tell(t, (struct objstore_call){OBJSTORE_OP_OPEN_LOCAL, key, 1, 0, fd, 0}, us);
}

static int trace_del(struct objstore *s, const char *key)
{
	struct objstore_trace *t = trace_of(s);
	uint64_t us = now(t);
	int r = objstore_del(t->inner, key);

	return (int)tell(t, (struct objstore_call){OBJSTORE_OP_DEL, key, 1, 0, r, 0}, us);
}

struct shown {
	objstore_list_fn fn;
	void *arg;
	uint64_t keys;
};

static int show(void *arg, const char *key, const struct objstore_stat *stat)
{
	struct shown *l = arg;

	l->keys++;
	return l->fn(l->arg, key, stat);
}

static int trace_list(
	struct objstore *s, const char *prefix, const char *after, objstore_list_fn fn, void *arg)
{
	struct objstore_trace *t = trace_of(s);
	struct shown l = {fn, arg, 0};
	uint64_t us = now(t);
	int r = objstore_list(t->inner, prefix, after, show, &l);

	return (int)tell(t, (struct objstore_call){OBJSTORE_OP_LIST, prefix, l.keys, 0, r, 0}, us);
}

static void trace_close(struct objstore *s)
{
	objstore_close(trace_of(s)->inner);
	free(s);
}

static const struct objstore_ops trace_ops = {
	.put = trace_put,
	.put_file = trace_put_file,
	.put_files = trace_put_files,
	.get = trace_get,
	.get_range = trace_get_range,
	.stat = trace_stat,
	.open_local = trace_open_local,
	.del = trace_del,
	.list = trace_list,
	.close = trace_close,
};

int objstore_trace_open(struct objstore *inner, const struct clock *clock, objstore_trace_fn fn,
	void *arg, struct objstore **ret)
{
	struct objstore_trace *t = calloc(1, sizeof *t);

	if (!t)
		return -ENOMEM;
	*t = (struct objstore_trace){{&trace_ops}, inner, clock, fn, arg};
	*ret = &t->base;
	return 0;
}

void objstore_trace_log(void *arg, const struct objstore_call *c)
{
	(void)arg;
	log_info("objects: %s %s calls=%llu bytes=%llu result=%lld us=%llu",
		objstore_op_name(c->op), c->key, (unsigned long long)c->calls,
		(unsigned long long)c->bytes, (long long)c->result,
		(unsigned long long)c->taken_us);
}
