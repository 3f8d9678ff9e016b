#include "objstore/base/base.h"

#include <string.h>

struct slice slice_str(const char *s)
{
	return (struct slice){s, strlen(s)};
}

bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}
