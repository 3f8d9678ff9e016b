#include "objstore/base/base.h"

#include <string.h>

#define ITEMS_MIN 16

void *array_more(void *items, size_t n, size_t *capacity, size_t item_bytes)
{
	size_t want, bytes;
	void *more;

	if (n < *capacity)
		return items;
	if (__builtin_mul_overflow(*capacity ? *capacity : ITEMS_MIN / 2, (size_t)2, &want) ||
		__builtin_mul_overflow(want, item_bytes, &bytes))
		return NULL;
	more = realloc(items, bytes);
	if (more)
		*capacity = want;
	return more;
}

struct slice slice_str(const char *s)
{
	return (struct slice){s, strlen(s)};
}

bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

int slice_compare(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int c = len ? memcmp(a.data, b.data, len) : 0;

	return c ? c : (a.len > b.len) - (a.len < b.len);
}
