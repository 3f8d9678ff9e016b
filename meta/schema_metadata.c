#include "meta/schema_impl.h"

#include <errno.h>

/* The pairs of @s->metadata; 0 and nothing to read where it is empty. */
static uint32_t open_pairs(const struct schema *s, struct unpack *ret)
{
	*ret = unpack_of(buf_slice(&s->metadata));
	return s->metadata.len ? unpack_map(ret, 2) : 0;
}

/* How many pairs are not @key's: those are packed too, unless @p is NULL. */
static int other_pairs(const struct schema *s, struct slice key, struct pack *p, uint32_t *ret_n)
{
	struct unpack u;
	uint32_t n = open_pairs(s, &u), others = 0;

	for (uint32_t i = 0; i < n && !u.error; i++) {
		struct slice name = unpack_str(&u), value = unpack_raw(&u);

		if (u.error || slice_equal(name, key))
			continue;
		others++;
		if (!p)
			continue;
		pack_str_header(p, name.len);
		pack_raw(p, name);
		pack_raw(p, value);
	}
	*ret_n = others;
	return u.error;
}

int schema_metadata_set(struct schema *s, const char *key, const char *value)
{
	struct buf out auto_buf = {0};
	struct pack p;
	uint32_t n;
	int r = other_pairs(s, slice_str(key), NULL, &n);

	if (r)
		return r;
	pack_init(&p, &out);
	pack_map(&p, (size_t)n + 1);
	r = other_pairs(s, slice_str(key), &p, &n);
	pack_str(&p, key);
	pack_str(&p, value);
	if (r || p.error)
		return r ? r : p.error;
	buf_deinit(&s->metadata);
	s->metadata = out;
	out = (struct buf){0};
	return 0;
}

int schema_metadata_get(const struct schema *s, const char *key, struct slice *ret)
{
	struct unpack u;
	uint32_t n = open_pairs(s, &u);

	for (uint32_t i = 0; i < n && !u.error; i++) {
		struct slice name = unpack_str(&u);

		if (!slice_equal(name, slice_str(key))) {
			unpack_skip(&u);
			continue;
		}
		name = unpack_str(&u);
		if (!u.error)
			*ret = name;
		return u.error;
	}
	return u.error ? u.error : -ENOENT;
}
