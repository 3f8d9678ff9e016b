#include "meta/codec_common_impl.h"
#include "meta/stats_impl.h"

#include <errno.h>
#include <string.h>

void codec_pack_location(struct pack *p, const struct codec_location *l)
{
	pack_array(p, 2);
	pack_str(p, l->path);
	pack_u64(p, l->version);
}

void codec_unpack_location(struct unpack *u, void *location)
{
	struct codec_location *l = location;
	struct slice path;

	if (unpack_array(u, 1) != 2)
		unpack_fail(u, -EUCLEAN);
	path = unpack_str(u);
	l->version = unpack_u64(u);
	if (path.len < CODEC_PATH_BYTES_MIN || path.len > CODEC_PATH_BYTES_MAX ||
		memchr(path.data, 0, path.len)) {
		unpack_fail(u, -EUCLEAN);
		return;
	}
	memcpy(l->path, path.data, path.len);
	l->path[path.len] = 0;
}

void codec_summary_deinit(struct codec_summary *s)
{
	stats_deinit(&s->stats);
	*s = (struct codec_summary){0};
}

void codec_pack_summary(struct pack *p, const struct codec_summary *s)
{
	pack_map(p, 6 + stats_pack_fields(&s->stats));
	pack_key_u64(p, "row_count", s->row_count);
	pack_key_u64(p, "block_count", s->block_count);
	pack_key_u64(p, "perfect_block_count", s->perfect_block_count);
	pack_key_u64(p, "uncompressed_byte_size", s->uncompressed_byte_size);
	pack_key_u64(p, "compressed_byte_size", s->compressed_byte_size);
	pack_key_u64(p, "index_size", s->index_size);
	stats_pack(p, &s->stats);
}

#define FIELD(name) #name, unpack_read_u64, offsetof(struct codec_summary, name)

static const struct unpack_field summary_fields[] = {
	{FIELD(row_count), true},
	{FIELD(block_count), true},
	{FIELD(perfect_block_count), true},
	{FIELD(uncompressed_byte_size), true},
	{FIELD(compressed_byte_size), true},
	{FIELD(index_size), true},
	{"col_stats", stats_unpack, offsetof(struct codec_summary, stats), true},
	{"bough_col_stats", stats_unpack, offsetof(struct codec_summary, stats), false},
};

void codec_unpack_summary(struct unpack *u, void *summary)
{
	struct codec_summary *s = summary;

	unpack_object(u, summary_fields, ARRAY_SIZE(summary_fields), s);
	stats_unpack_end(u, &s->stats);
}

int codec_unpack_error(struct unpack *u, const char *noun, struct bough_error *error)
{
	int r = unpack_end(u);

	if (r == -EUCLEAN && u->field)
		error_set(error, r, "damaged %s: field '%s' is missing, malformed or there twice",
			noun, u->field);
	else if (r == -EUCLEAN)
		error_set(error, r, "damaged %s: not the MessagePack of one", noun);
	return r;
}
