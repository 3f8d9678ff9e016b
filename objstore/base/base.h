/* Words every library uses: cleanup attributes, borrowed bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup(f) __attribute__((cleanup(f)))

/** steal() - take the value of *@p and leave NULL: hands an owned pointer over. */
#define steal(p)                                                                                   \
	({                                                                                         \
		__typeof__(*(p)) stolen_ = *(p);                                                   \
		*(p) = NULL;                                                                       \
		stolen_;                                                                           \
	})

/** DEFINE_CLEANUP() - func##_p, for cleanup(); @func must take NULL. */
#define DEFINE_CLEANUP(type, func)                                                                 \
	static inline void func##_p(type *p)                                                       \
	{                                                                                          \
		func(*p);                                                                          \
	}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/** array_more() - as array_grow(). Return: where the items are now, or NULL: no memory. */
void *array_more(void *items, size_t n, size_t *capacity, size_t item_bytes);

/**
 * array_grow() - room for one item more in @items (malloc's; NULL at first) that holds @n
 * @capacity: a size_t, 0 at first
 *
 * Return: true, or false where there is no memory: then nothing has changed.
 */
#define array_grow(items, n, capacity)                                                             \
	({                                                                                         \
		void *more_ = array_more((items), (n), &(capacity), sizeof *(items));              \
		if (more_)                                                                         \
			(items) = more_;                                                           \
		more_ != NULL;                                                                     \
	})

static inline void free_p(void *p)
{
	free(*(void **)p);
}

/** close_p() - for cleanup() of a descriptor; -1 means none. */
static inline void close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/** A borrowed run of bytes. */
struct slice {
	const void *data;
	size_t len;
};

/** slice_str() - the bytes of a C string, without its terminator. */
struct slice slice_str(const char *s);

/** slice_equal() - same length, same bytes. */
bool slice_equal(struct slice a, struct slice b);

/** slice_compare() - by bytes, then by length: < 0, 0, > 0. */
int slice_compare(struct slice a, struct slice b);
