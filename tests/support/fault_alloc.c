#include "tests/support/fault_alloc.h"

#include <json-c/json.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* Before the real ones are found dlsym() may allocate, and so may AddressSanitizer as it starts. */
#define EARLY_BYTES 4096

static _Alignas(max_align_t) char early[EARLY_BYTES];
static size_t early_used;
static atomic_uint fail_at, calls, hits;
static _Thread_local bool is_spared; /* this thread is where we cannot help */

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);

static void find_real(void)
{
	real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	real_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
	real_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	real_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
}

static void *early_alloc(size_t size)
{
	void *p = early + early_used;

	size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (size > EARLY_BYTES - early_used)
		return NULL;
	early_used += size;
	return p;
}

/* The first allocation of all looks for the real ones; those within it come from @early. */
static bool is_early(void)
{
	static bool finding;

	if (real_realloc)
		return false;
	if (!finding) {
		finding = true;
		find_real();
	}
	return !real_realloc;
}

static bool fails(void)
{
	unsigned at = atomic_load(&fail_at);

	if (!at || is_spared || atomic_fetch_add(&calls, 1) + 1 != at)
		return false;
	atomic_fetch_add(&hits, 1);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	if (is_early())
		return early_alloc(size);
	return fails() ? NULL : real_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	if (is_early())
		return early_alloc(n * size);
	return fails() ? NULL : real_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	if (is_early())
		return early_alloc(size);
	return fails() ? NULL : real_realloc(p, size);
}

void free(void *p)
{
	if ((char *)p >= early && (char *)p < early + EARLY_BYTES)
		return;
	if (real_free)
		real_free(p);
}

/* json-c 0.16 copies a name without a look at what strdup() said: its own crash, not ours. */
struct json_object *json_tokener_parse_ex(struct json_tokener *tokener, const char *text, int len)
{
	__typeof__(&json_tokener_parse_ex) real =
		(__typeof__(real))dlsym(RTLD_NEXT, "json_tokener_parse_ex");
	struct json_object *j;

	is_spared = true;
	j = real(tokener, text, len);
	is_spared = false;
	return j;
}

/* AddressSanitizer asks for it as a thread starts, and ends the process where it fails. */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attr)
{
	__typeof__(&pthread_getattr_np) real =
		(__typeof__(real))dlsym(RTLD_NEXT, "pthread_getattr_np");
	int r;

	is_spared = true;
	r = real(thread, attr);
	is_spared = false;
	return r;
}

void fault_alloc_arm(unsigned at)
{
	atomic_store(&calls, 0);
	atomic_store(&hits, 0);
	atomic_store(&fail_at, at);
}

unsigned fault_alloc_hits(void)
{
	return atomic_load(&hits);
}
