/*
 * Fails the 1st, 2nd, 3rd ... allocation of a scenario until it passes: each failure is -ENOMEM,
 * and leaves nothing behind. This program's own malloc() stands before everybody's, the
 * libraries' too; a sanitizer has its own and leaves no room for it.
 */
#include "tests/meta/sample.h"
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "meta/codec.h"

#define SKIPPED 77

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static bool is_counting;
static unsigned n_calls, fail_at;
static long n_live;

static bool fails(void)
{
	return is_counting && ++n_calls == fail_at;
}

void *malloc(size_t n)
{
	void *p = fails() ? NULL : __libc_malloc(n);

	n_live += is_counting && p;
	return p;
}

void *calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __libc_calloc(n, size);

	n_live += is_counting && p;
	return p;
}

void *realloc(void *old, size_t n)
{
	void *p = fails() ? NULL : __libc_realloc(old, n);

	n_live += is_counting && p && !old;
	return p;
}

void free(void *p)
{
	n_live -= is_counting && p;
	__libc_free(p);
}

static int through_snapshot(struct slice file)
{
	struct codec_snapshot s cleanup(codec_snapshot_deinit) = {0};
	struct buf again auto_buf = {0};
	int r = codec_snapshot_decode(file, &s, NULL);

	return r ? r : codec_snapshot_encode(&s, CODEC_ZSTD, &again);
}

static int through_segment(struct slice file)
{
	struct codec_segment s cleanup(codec_segment_deinit) = {0};
	struct buf again auto_buf = {0};
	int r = codec_segment_decode(file, &s, NULL);

	return r ? r : codec_segment_encode(&s, CODEC_ZSTD, &again);
}

static int through_show(struct slice file)
{
	struct json_object *shown auto_json = NULL;

	return codec_show(file, &shown, NULL);
}

static int through_schemas(struct slice file)
{
	struct codec_snapshot s cleanup(codec_snapshot_deinit) = {0};
	struct schema copy auto_schema = {0};
	struct stats stats auto_stats = {0};
	uint32_t *ids cleanup(free_p) = NULL;
	size_t n = 0;
	int r = codec_snapshot_decode(file, &s, NULL);

	if (!r)
		r = schema_copy(&s.schema, &copy);
	if (!r)
		r = schema_match(&s.schema, &copy, &ids, &n, NULL);
	if (!r)
		r = stats_copy(&s.summary.stats, &stats);
	return r ? r : stats_merge(&stats, &s.summary.stats);
}

static void assert_every_failure(
	int (*scenario)(struct slice file), const char *path, long left_max)
{
	struct buf file auto_buf = {0};
	int r;

	sample_read(path, &file);
	fail_at = 0;
	do {
		fail_at++;
		n_calls = 0;
		n_live = 0;
		is_counting = true;
		r = scenario(buf_slice(&file));
		codec_contexts_release();
		is_counting = false;
		assert_true(n_live <= left_max);
		assert_true(r == 0 || r == -ENOMEM);
		assert_true(r == -ENOMEM || n_calls < fail_at);
	} while (r);
	print_message("%u allocations\n", n_calls);
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	assert_every_failure(through_snapshot, "databend-types/snapshot_v4.mpk", 0);
	assert_every_failure(through_segment, "databend-types/segment_v4.mpk", 0);
	/* json-c 0.16 forgets its copy of a key when its table cannot grow */
	assert_every_failure(through_show, "databend-types/segment_v4.mpk", 1);
	assert_every_failure(through_schemas, "databend-types/snapshot_v4.mpk", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
	return SKIPPED;
}

#endif
