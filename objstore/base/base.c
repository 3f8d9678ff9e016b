#include "objstore/base/base.h"

#include <string.h>

#define ITEMS_MIN 16

void *array_more(void *items, size_t n, size_t *capacity, size_t item_bytes)
{
	size_t want = *capacity ? 2 * *capacity : ITEMS_MIN;
	void *more;

	if (n < *capacity)
		return items;
	more = reallocarray(items, want, item_bytes);
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
