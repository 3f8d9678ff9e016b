/* A growing buffer that owns its bytes. */
#pragma once
#include "objstore/base/base.h"

struct buf {
	uint8_t *data;
	size_t len, capacity;
};

/** buf_reserve() - make room for @more bytes. Return: 0 or -ENOMEM. */
int buf_reserve(struct buf *b, size_t more);
/** buf_append() - append @len bytes. Return: 0 or -ENOMEM. */
int buf_append(struct buf *b, const void *data, size_t len);
/** buf_printf() - append formatted text, without a terminator. Return: 0 or -ENOMEM. */
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** buf_slice() - the bytes, borrowed until the buffer changes. */
struct slice buf_slice(const struct buf *b);
/** buf_deinit() - free the bytes; takes an initialised or zeroed buffer and leaves it zeroed. */
void buf_deinit(struct buf *b);
#define auto_buf cleanup(buf_deinit)
