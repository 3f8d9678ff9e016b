#include "meta/codec_common_impl.h"
#include "meta/stats_impl.h"

#include <errno.h>
#include <string.h>

#define COLUMN_BYTES_MIN 36 /* an id and {"Parquet": {offset, len, num_values}} */

void codec_block_deinit(struct codec_block *b)
{
	free(b->columns);
	stats_deinit(&b->stats);
	free(b->given_name);
	*b = (struct codec_block){0};
}

void codec_segment_deinit(struct codec_segment *s)
{
	for (size_t i = 0; i < s->n_blocks && s->blocks; i++)
		codec_block_deinit(&s->blocks[i]);
	free(s->blocks);
	codec_summary_deinit(&s->summary);
	*s = (struct codec_segment){0};
}

static void pack_columns(struct pack *p, const struct codec_block *b)
{
	pack_str(p, "col_metas");
	pack_map(p, b->n_columns);
	for (size_t i = 0; i < b->n_columns; i++) {
		pack_u64(p, b->columns[i].leaf_id);
		pack_map(p, 1);
		pack_str(p, "Parquet");
		pack_map(p, 3);
		pack_key_u64(p, "offset", b->columns[i].offset);
		pack_key_u64(p, "len", b->columns[i].len);
		pack_key_u64(p, "num_values", b->columns[i].num_values);
	}
}

void codec_pack_block(struct pack *p, const struct codec_block *b)
{
	pack_map(p, 10 + stats_pack_fields(&b->stats) + !!b->given_name + !!b->modified_us);
	pack_key_u64(p, "row_count", b->row_count);
	pack_key_u64(p, "block_size", b->block_size);
	pack_key_u64(p, "file_size", b->file_size);
	stats_pack(p, &b->stats);
	pack_columns(p, b);
	pack_key_nil(p, "cluster_stats");
	pack_str(p, "location");
	codec_pack_location(p, &b->location);
	pack_key_nil(p, "bloom_filter_index_location");
	pack_key_u64(p, "bloom_filter_index_size", 0);
	pack_str(p, "compression");
	pack_str(p, b->compression);
	pack_key_time(p, "create_on", b->create_on_us);
	if (b->given_name) {
		pack_str(p, "bough_name");
		pack_str(p, b->given_name);
	}
	if (b->modified_us)
		pack_key_u64(p, "bough_modified_us", b->modified_us);
}

/* The metas of one file follow each other: its bytes are counted with the first. */
static bool is_of_file_before(const struct codec_segment *s, size_t i)
{
	return i && !strcmp(s->blocks[i].location.path, s->blocks[i - 1].location.path);
}

static int summary_add(struct codec_summary *sum, const struct codec_segment *s, size_t i)
{
	const struct codec_block *b = &s->blocks[i];
	uint64_t file_size = is_of_file_before(s, i) ? 0 : b->file_size;

	if (__builtin_add_overflow(sum->row_count, b->row_count, &sum->row_count) ||
		__builtin_add_overflow(
			sum->uncompressed_byte_size, b->block_size, &sum->uncompressed_byte_size) ||
		__builtin_add_overflow(
			sum->compressed_byte_size, file_size, &sum->compressed_byte_size))
		return -EINVAL;
	return i ? stats_merge(&sum->stats, &b->stats) : stats_copy(&b->stats, &sum->stats);
}

static int encode_blocks(const struct codec_segment *s, struct buf *ret)
{
	struct pack p;

	pack_init(&p, ret);
	pack_array(&p, s->n_blocks);
	for (size_t i = 0; i < s->n_blocks; i++)
		codec_pack_block(&p, &s->blocks[i]);
	return p.error;
}

static int encode_summary(const struct codec_segment *s, struct buf *ret)
{
	struct codec_summary sum cleanup(codec_summary_deinit) = {.block_count = s->n_blocks};
	struct pack p;

	for (size_t i = 0; i < s->n_blocks; i++) {
		int r = summary_add(&sum, s, i);

		if (r)
			return r;
	}
	pack_init(&p, ret);
	codec_pack_summary(&p, &sum);
	return p.error;
}

int codec_segment_encode(
	const struct codec_segment *s, enum codec_compression compression, struct buf *ret)
{
	struct buf blocks auto_buf = {0}, summary auto_buf = {0};
	int r = encode_blocks(s, &blocks);

	if (!r)
		r = encode_summary(s, &summary);
	if (!r)
		r = codec_file_append(
			CODEC_SEGMENT, compression, (const struct buf[]){blocks, summary}, ret);
	return r;
}

#define COLUMN_FIELD(name) #name, unpack_read_u64, offsetof(struct codec_column, name)

static const struct unpack_field column_fields[] = {
	{COLUMN_FIELD(offset), true},
	{COLUMN_FIELD(len), true},
	{COLUMN_FIELD(num_values), true},
};

static void read_column(struct unpack *u, struct codec_column *c)
{
	unpack_read_u32(u, &c->leaf_id);
	if (unpack_map(u, 2) != 1 || !slice_equal(unpack_str(u), slice_str("Parquet")))
		unpack_fail(u, -EUCLEAN);
	unpack_object(u, column_fields, ARRAY_SIZE(column_fields), c);
}

static int compare_columns(const void *a, const void *b)
{
	uint32_t x = ((const struct codec_column *)a)->leaf_id;
	uint32_t y = ((const struct codec_column *)b)->leaf_id;

	return (x > y) - (x < y);
}

static void read_columns(struct unpack *u, void *block)
{
	struct codec_block *b = block;
	uint32_t n = unpack_map(u, COLUMN_BYTES_MIN);

	if (u->error || !n)
		return;
	b->columns = calloc(n, sizeof *b->columns);
	if (!b->columns) {
		unpack_fail(u, -ENOMEM);
		return;
	}
	for (; b->n_columns < n && !u->error; b->n_columns++)
		read_column(u, &b->columns[b->n_columns]);
	qsort(b->columns, b->n_columns, sizeof *b->columns, compare_columns);
	for (uint32_t i = 1; i < b->n_columns; i++) {
		if (b->columns[i].leaf_id == b->columns[i - 1].leaf_id)
			unpack_fail(u, -EUCLEAN);
	}
}

static void read_compression(struct unpack *u, void *block)
{
	struct codec_block *b = block;
	struct slice s = unpack_str(u);

	if (s.len >= sizeof b->compression || memchr(s.data, 0, s.len))
		unpack_fail(u, -EUCLEAN);
	else
		memcpy(b->compression, s.data, s.len);
}

#define BLOCK_FIELD(name, read) #name, read, offsetof(struct codec_block, name)

static const struct unpack_field block_fields[] = {
	{BLOCK_FIELD(row_count, unpack_read_u64), true},
	{BLOCK_FIELD(block_size, unpack_read_u64), true},
	{BLOCK_FIELD(file_size, unpack_read_u64), true},
	{BLOCK_FIELD(location, codec_unpack_location), true},
	{"col_stats", stats_unpack, offsetof(struct codec_block, stats), true},
	{"bough_col_stats", stats_unpack, offsetof(struct codec_block, stats), false},
	{"col_metas", read_columns, 0, true},
	{"compression", read_compression, 0, true},
	{"create_on", unpack_read_time, offsetof(struct codec_block, create_on_us), false},
	{"bough_name", unpack_read_text, offsetof(struct codec_block, given_name), false},
	{"bough_modified_us", unpack_read_u64, offsetof(struct codec_block, modified_us), false},
};

void codec_unpack_block(struct unpack *u, struct codec_block *b)
{
	unpack_object(u, block_fields, ARRAY_SIZE(block_fields), b);
	stats_unpack_end(u, &b->stats);
}

static void read_blocks(struct unpack *u, struct codec_segment *s)
{
	uint32_t n = unpack_array(u, CODEC_BLOCK_BYTES_MIN);

	if (u->error || !n)
		return;
	s->blocks = calloc(n, sizeof *s->blocks);
	if (!s->blocks) {
		unpack_fail(u, -ENOMEM);
		return;
	}
	while (s->n_blocks < n && !u->error)
		codec_unpack_block(u, &s->blocks[s->n_blocks++]);
}

/* One part, decoded while its bytes are at hand. */
static int decode_part(
	const struct codec_file *f, unsigned at, struct codec_segment *s, struct bough_error *error)
{
	struct codec_part part auto_part = {0};
	int r = codec_part_open(f, at, &part, error);
	struct unpack u;

	if (r)
		return r;
	u = unpack_of(part.bytes);
	if (at)
		codec_unpack_summary(&u, &s->summary);
	else
		read_blocks(&u, s);
	return codec_unpack_error(&u, at ? "segment's summary" : "segment", error);
}

int codec_segment_decode(struct slice file, struct codec_segment *ret, struct bough_error *error)
{
	struct codec_segment s cleanup(codec_segment_deinit) = {0};
	struct codec_file f;
	int r = codec_file_open(file, &f, error);

	if (!r && f.kind != CODEC_SEGMENT)
		r = error_set(error, -EUCLEAN, "this is a snapshot, not a segment");
	if (!r)
		r = decode_part(&f, 0, &s, error);
	if (!r)
		r = decode_part(&f, 1, &s, error);
	if (r)
		return r;
	*ret = s;
	s = (struct codec_segment){0};
	return 0;
}
