/*
 * New segments out of old ones: the metas of blocks are carried over as they are encoded. A segment
 * taken whole brings its summary along; of a part, statistics are read to sum up, not rewritten.
 */
#include "meta/codec_splice.h"
#include "meta/codec_common_impl.h"

#include <errno.h>
#include <string.h>

struct codec_metas {
	struct codec_part part;
	struct slice *metas; /* into part */
	size_t n;
	struct codec_summary summary;
};

void codec_metas_free(struct codec_metas *m)
{
	if (!m)
		return;
	codec_part_deinit(&m->part);
	codec_summary_deinit(&m->summary);
	free(m->metas);
	free(m);
}

static int open_blocks(const struct codec_file *f, struct codec_metas *m, struct bough_error *error)
{
	int r = codec_part_open(f, 0, &m->part, error);
	struct unpack u = unpack_of(m->part.bytes);
	uint32_t n = r ? 0 : unpack_array(&u, CODEC_BLOCK_BYTES_MIN);

	if (r)
		return r;
	m->metas = calloc(n + 1, sizeof *m->metas);
	if (!m->metas)
		return -ENOMEM;
	for (; m->n < n && !u.error; m->n++)
		m->metas[m->n] = unpack_raw(&u);
	return codec_unpack_error(&u, "segment", error);
}

static int open_summary(
	const struct codec_file *f, struct codec_metas *m, struct bough_error *error)
{
	struct codec_part part auto_part = {0};
	int r = codec_part_open(f, 1, &part, error);
	struct unpack u;

	if (r)
		return r;
	u = unpack_of(part.bytes);
	codec_unpack_summary(&u, &m->summary);
	return codec_unpack_error(&u, "segment's summary", error);
}

int codec_metas_open(struct slice file, struct codec_metas **ret, struct bough_error *error)
{
	struct codec_metas *m cleanup(codec_metas_free_p) = calloc(1, sizeof *m);
	struct codec_file f;
	int r = m ? codec_file_open(file, &f, error) : -ENOMEM;

	if (!r && f.kind != CODEC_SEGMENT)
		r = error_set(error, -EUCLEAN, "this is a snapshot, not a segment");
	if (!r)
		r = open_blocks(&f, m, error);
	if (!r)
		r = open_summary(&f, m, error);
	if (!r)
		*ret = steal(&m);
	return r;
}

size_t codec_metas_count(const struct codec_metas *m)
{
	return m->n;
}

void codec_splice_deinit(struct codec_splice *s)
{
	buf_deinit(&s->metas);
	codec_summary_deinit(&s->summary);
	*s = (struct codec_splice){0};
}

static int add_summary(struct codec_splice *s, const struct codec_summary *from)
{
	struct codec_summary *to = &s->summary;

	if (__builtin_add_overflow(to->row_count, from->row_count, &to->row_count) ||
		__builtin_add_overflow(to->uncompressed_byte_size, from->uncompressed_byte_size,
			&to->uncompressed_byte_size) ||
		__builtin_add_overflow(to->compressed_byte_size, from->compressed_byte_size,
			&to->compressed_byte_size))
		return -EINVAL;
	return s->n ? stats_merge(&to->stats, &from->stats) : stats_copy(&from->stats, &to->stats);
}

static int add_meta(struct codec_splice *s, const struct codec_block *b, bool is_first)
{
	const struct codec_summary one = {.row_count = b->row_count,
		.uncompressed_byte_size = b->block_size,
		.compressed_byte_size = is_first ? b->file_size : 0,
		.stats = b->stats};

	return add_summary(s, &one);
}

int codec_splice_whole(struct codec_splice *s, const struct codec_metas *from)
{
	int r = from->n ? add_summary(s, &from->summary) : 0;

	for (size_t i = 0; i < from->n && !r; i++)
		r = buf_append(&s->metas, from->metas[i].data, from->metas[i].len);
	s->n += from->n;
	return r;
}

static int read_meta(struct slice meta, struct codec_block *ret)
{
	struct unpack u = unpack_of(meta);

	codec_unpack_block(&u, ret);
	return unpack_end(&u);
}

static int rename_block(struct codec_block *b, const char *name)
{
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	free(b->given_name);
	b->given_name = copy;
	return 0;
}

static int put_meta(struct codec_splice *s, struct slice meta, bool is_first, const char *name)
{
	struct codec_block b cleanup(codec_block_deinit) = {0};
	struct pack p;
	int r = read_meta(meta, &b);

	if (!r)
		r = add_meta(s, &b, is_first);
	if (!r && !name)
		return buf_append(&s->metas, meta.data, meta.len);
	if (!r)
		r = rename_block(&b, name);
	if (r)
		return r;
	pack_init(&p, &s->metas);
	codec_pack_block(&p, &b);
	return p.error;
}

int codec_splice_file(struct codec_splice *s, const struct codec_metas *from, size_t first,
	size_t n, const char *name)
{
	int r = first <= from->n && n <= from->n - first ? 0 : -EUCLEAN;

	for (size_t i = 0; i < n && !r; i++) {
		r = put_meta(s, from->metas[first + i], !i, name);
		s->n++;
	}
	return r;
}

int codec_splice_end(struct codec_splice *s, enum codec_compression compression, struct buf *ret)
{
	struct buf blocks auto_buf = {0}, summary auto_buf = {0};
	struct pack p, q;
	int r;

	s->summary.block_count = s->n;
	pack_init(&p, &blocks);
	pack_array(&p, s->n);
	pack_init(&q, &summary);
	codec_pack_summary(&q, &s->summary);
	r = p.error ? p.error : q.error;
	if (!r)
		r = buf_append(&blocks, s->metas.data, s->metas.len);
	if (!r)
		r = codec_file_append(
			CODEC_SEGMENT, compression, (const struct buf[]){blocks, summary}, ret);
	return r;
}
