#include "objstore/fault.h"

#include <errno.h>
#include <stdatomic.h>

struct objstore_fault {
	struct objstore base;
	struct objstore *inner;
	struct objstore_fault_plan plan;
	atomic_uint calls, hits;
};

static struct objstore_fault *fault_of(struct objstore *s)
{
	return (struct objstore_fault *)s;
}

/* Counts a call and says whether it is one that fails. */
static bool fails(struct objstore_fault *f, enum objstore_op op)
{
	unsigned at;

	if (!(f->plan.ops & 1u << op))
		return false;
	at = atomic_fetch_add(&f->calls, 1) + 1;
	if (!f->plan.fail_at || at < f->plan.fail_at || (at > f->plan.fail_at && !f->plan.sticky))
		return false;
	if (!f->plan.code && op != OBJSTORE_OP_GET_RANGE)
		return false;
	atomic_fetch_add(&f->hits, 1);
	return true;
}

static int fault_put(struct objstore *s, const char *key, struct slice body)
{
	struct objstore_fault *f = fault_of(s);
	bool fail = fails(f, OBJSTORE_OP_PUT);
	int r = fail && !f->plan.applied ? 0 : objstore_put(f->inner, key, body);

	return fail ? f->plan.code : r;
}

static int fault_put_file(struct objstore *s, const char *key, int fd, const char *path,
	enum objstore_take take, uint8_t ret_sha256[static SHA256_BYTES])
{
	struct objstore_fault *f = fault_of(s);
	uint8_t sha256[SHA256_BYTES];

	if (!fails(f, OBJSTORE_OP_PUT_FILE))
		return objstore_put_file(f->inner, key, fd, path, take, ret_sha256);
	/* The source stays where it is, as after every failure. */
	if (f->plan.applied)
		objstore_put_file(f->inner, key, fd, NULL, OBJSTORE_COPY, sha256);
	return f->plan.code;
}

/* On failure any of the files may be there: the first half is, or all. */
static int fault_put_files(
	struct objstore *s, struct objstore_file *files, size_t n, size_t *ret_failed)
{
	struct objstore_fault *f = fault_of(s);
	size_t done = f->plan.applied ? n : n / 2;

	if (!fails(f, OBJSTORE_OP_PUT_FILES))
		return objstore_put_files(f->inner, files, n, ret_failed);
	objstore_put_files(f->inner, files, done, ret_failed);
	*ret_failed = n / 2;
	return f->plan.code;
}

static int fault_get(struct objstore *s, const char *key, size_t size_max, struct buf *ret)
{
	struct objstore_fault *f = fault_of(s);

	return fails(f, OBJSTORE_OP_GET) ? f->plan.code
					 : objstore_get(f->inner, key, size_max, ret);
}

static ssize_t fault_get_range(
	struct objstore *s, const char *key, uint64_t offset, void *data, size_t len)
{
	struct objstore_fault *f = fault_of(s);
	bool fail = fails(f, OBJSTORE_OP_GET_RANGE);

	if (fail && f->plan.code)
		return f->plan.code;
	return objstore_get_range(f->inner, key, offset, data, fail ? len / 2 : len);
}

static int fault_stat(struct objstore *s, const char *key, struct objstore_stat *ret)
{
	struct objstore_fault *f = fault_of(s);

	return fails(f, OBJSTORE_OP_STAT) ? f->plan.code : objstore_stat(f->inner, key, ret);
}

static int fault_open_local(struct objstore *s, const char *key)
{
	struct objstore_fault *f = fault_of(s);

	return fails(f, OBJSTORE_OP_OPEN_LOCAL) ? f->plan.code : objstore_open_local(f->inner, key);
}

static int fault_del(struct objstore *s, const char *key)
{
	struct objstore_fault *f = fault_of(s);
	bool fail = fails(f, OBJSTORE_OP_DEL);
	int r = fail && !f->plan.applied ? 0 : objstore_del(f->inner, key);

	return fail ? f->plan.code : r;
}

static int fault_list(
	struct objstore *s, const char *prefix, const char *after, objstore_list_fn fn, void *arg)
{
	struct objstore_fault *f = fault_of(s);
	bool fail = fails(f, OBJSTORE_OP_LIST);
	int r = fail && !f->plan.applied ? 0 : objstore_list(f->inner, prefix, after, fn, arg);

	return fail ? f->plan.code : r;
}

static void fault_close(struct objstore *s)
{
	objstore_close(fault_of(s)->inner);
	free(s);
}

static const struct objstore_ops fault_ops = {
	.put = fault_put,
	.put_file = fault_put_file,
	.put_files = fault_put_files,
	.get = fault_get,
	.get_range = fault_get_range,
	.stat = fault_stat,
	.open_local = fault_open_local,
	.del = fault_del,
	.list = fault_list,
	.close = fault_close,
};

int objstore_fault_open(struct objstore *inner, struct objstore_fault **ret)
{
	struct objstore_fault *f = calloc(1, sizeof *f);

	if (!f)
		return -ENOMEM;
	f->base.ops = &fault_ops;
	f->inner = inner;
	*ret = f;
	return 0;
}

struct objstore *objstore_fault_store(struct objstore_fault *f)
{
	return &f->base;
}

void objstore_fault_arm(struct objstore_fault *f, const struct objstore_fault_plan *plan)
{
	f->plan = *plan;
	atomic_store(&f->calls, 0);
	atomic_store(&f->hits, 0);
}

unsigned objstore_fault_calls(const struct objstore_fault *f)
{
	return atomic_load(&f->calls);
}

unsigned objstore_fault_hits(const struct objstore_fault *f)
{
	return atomic_load(&f->hits);
}
