#include "objstore/base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BUF_CAPACITY_MIN 64

int buf_reserve(struct buf *b, size_t more)
{
	size_t need, capacity = b->capacity ? b->capacity : BUF_CAPACITY_MIN;
	void *data;

	if (__builtin_add_overflow(b->len, more, &need))
		return -ENOMEM;
	if (need <= b->capacity)
		return 0;
	while (capacity < need)
		if (__builtin_mul_overflow(capacity, 2, &capacity))
			return -ENOMEM;
	data = realloc(b->data, capacity);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->capacity = capacity;
	return 0;
}

int buf_append(struct buf *b, const void *data, size_t len)
{
	int r = buf_reserve(b, len);

	if (r)
		return r;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

int buf_printf(struct buf *b, const char *format, ...)
{
	va_list args, again;
	int n, r;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	r = n < 0 ? -ENOMEM : buf_reserve(b, (size_t)n + 1);
	if (!r) {
		vsnprintf((char *)b->data + b->len, (size_t)n + 1, format, again);
		b->len += (size_t)n;
	}
	va_end(again);
	return r;
}

struct slice buf_slice(const struct buf *b)
{
	return (struct slice){b->data, b->len};
}

void buf_deinit(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}
