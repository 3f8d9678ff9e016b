#include "objstore/fault.h"

#include <errno.h>
#include <stdatomic.h>

struct objstore_fault {
	struct objstore base;
	struct objstore *inner;
	struct fault fault;
};

static struct objstore_fault *fault_of(struct objstore *s)
{
	return (struct objstore_fault *)s;
}

static int fault_put(struct objstore *s, const char *key, struct slice body)
{
	struct objstore_fault *f = fault_of(s);
	bool fail = fault_is_due(&f->fault, OBJSTORE_OP_PUT);
	int r = fail && !f->fault.plan.applied ? 0 : objstore_put(f->inner, key, body);

	return fail ? f->fault.plan.code : r;
}

static int fault_put_file(struct objstore *s, const char *key, int fd, const char *path,
	enum objstore_take take, uint8_t ret_sha256[static SHA256_BYTES])
{
	struct objstore_fault *f = fault_of(s);
	uint8_t sha256[SHA256_BYTES];

	if (!fault_is_due(&f->fault, OBJSTORE_OP_PUT_FILE))
		return objstore_put_file(f->inner, key, fd, path, take, ret_sha256);
	/* The source stays where it is, as after every failure. */
	if (f->fault.plan.applied)
		objstore_put_file(f->inner, key, fd, NULL, OBJSTORE_COPY, sha256);
	return f->fault.plan.code;
}

/* On failure any of the files may be there: the first half is, or all. */
static int fault_put_files(
	struct objstore *s, struct objstore_file *files, size_t n, size_t *ret_failed)
{
	struct objstore_fault *f = fault_of(s);
	size_t done = f->fault.plan.applied ? n : n / 2;

	if (!fault_is_due(&f->fault, OBJSTORE_OP_PUT_FILES))
		return objstore_put_files(f->inner, files, n, ret_failed);
	objstore_put_files(f->inner, files, done, ret_failed);
	*ret_failed = n / 2;
	return f->fault.plan.code;
}

static int fault_get(struct objstore *s, const char *key, size_t size_max, struct buf *ret)
{
	struct objstore_fault *f = fault_of(s);

	return fault_is_due(&f->fault, OBJSTORE_OP_GET)
		       ? f->fault.plan.code
		       : objstore_get(f->inner, key, size_max, ret);
}

static ssize_t fault_get_range(
	struct objstore *s, const char *key, uint64_t offset, void *data, size_t len)
{
	struct objstore_fault *f = fault_of(s);
	bool fail = fault_is_due(&f->fault, OBJSTORE_OP_GET_RANGE);

	if (fail && f->fault.plan.code)
		return f->fault.plan.code;
	return objstore_get_range(f->inner, key, offset, data, fail ? len / 2 : len);
}

static int fault_stat(struct objstore *s, const char *key, struct objstore_stat *ret)
{
	struct objstore_fault *f = fault_of(s);

	return fault_is_due(&f->fault, OBJSTORE_OP_STAT) ? f->fault.plan.code
							 : objstore_stat(f->inner, key, ret);
}

static int fault_open_local(struct objstore *s, const char *key)
{
	struct objstore_fault *f = fault_of(s);

	return fault_is_due(&f->fault, OBJSTORE_OP_OPEN_LOCAL) ? f->fault.plan.code
							       : objstore_open_local(f->inner, key);
}

static int fault_del(struct objstore *s, const char *key)
{
	struct objstore_fault *f = fault_of(s);
	bool fail = fault_is_due(&f->fault, OBJSTORE_OP_DEL);
	int r = fail && !f->fault.plan.applied ? 0 : objstore_del(f->inner, key);

	return fail ? f->fault.plan.code : r;
}

static int fault_list(
	struct objstore *s, const char *prefix, const char *after, objstore_list_fn fn, void *arg)
{
	struct objstore_fault *f = fault_of(s);
	bool fail = fault_is_due(&f->fault, OBJSTORE_OP_LIST);
	int r = fail && !f->fault.plan.applied ? 0
					       : objstore_list(f->inner, prefix, after, fn, arg);

	return fail ? f->fault.plan.code : r;
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

void objstore_fault_arm(struct objstore_fault *f, const struct fault_plan *plan)
{
	fault_arm(&f->fault, plan);
	if (!plan->code)
		f->fault.plan.ops &= 1u << OBJSTORE_OP_GET_RANGE;
}

unsigned objstore_fault_calls(const struct objstore_fault *f)
{
	return atomic_load(&f->fault.calls);
}

unsigned objstore_fault_hits(const struct objstore_fault *f)
{
	return atomic_load(&f->fault.hits);
}
