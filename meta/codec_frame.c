#include "meta/codec_frame_impl.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define FORMAT_VERSION 4
#define VERSIONS_EVER 64 /* a larger number is no version of this format */
#define ENCODING_MESSAGEPACK 2
#define ZSTD_LEVEL 3

/*
 * A compressed part may inflate to this, and to so much per byte of it. A thousand blocks of one
 * row and 2,000 columns, all NULL, come near to that ratio; common ones stay below 20. So what a
 * hostile file costs is bounded by its own size.
 */
#define INFLATED_BYTES_FREE (UINT64_C(4) << 20)
#define INFLATED_PER_BYTE 4096

/** zstd's working memory, kept by each thread: to make it costs more than a small part. */
struct contexts {
	ZSTD_DCtx *inflate;
	ZSTD_CCtx *deflate;
};

static pthread_key_t contexts_key;
static pthread_once_t contexts_once = PTHREAD_ONCE_INIT;
static bool contexts_have_key;

static void contexts_free(void *arg)
{
	struct contexts *c = arg;

	ZSTD_freeDCtx(c->inflate);
	ZSTD_freeCCtx(c->deflate);
	free(c);
}

static void contexts_init(void)
{
	contexts_have_key = !pthread_key_create(&contexts_key, contexts_free);
}

/* NULL: no memory. */
static struct contexts *contexts(void)
{
	struct contexts *c;

	pthread_once(&contexts_once, contexts_init);
	if (!contexts_have_key)
		return NULL;
	c = pthread_getspecific(contexts_key);
	if (c)
		return c;
	c = calloc(1, sizeof *c);
	if (c && pthread_setspecific(contexts_key, c)) {
		free(c);
		c = NULL;
	}
	return c;
}

static ZSTD_DCtx *context_inflate(void)
{
	struct contexts *c = contexts();

	if (c && !c->inflate)
		c->inflate = ZSTD_createDCtx();
	if (c && c->inflate)
		ZSTD_DCtx_reset(c->inflate, ZSTD_reset_session_and_parameters);
	return c ? c->inflate : NULL;
}

static ZSTD_CCtx *context_deflate(void)
{
	struct contexts *c = contexts();

	if (c && !c->deflate)
		c->deflate = ZSTD_createCCtx();
	if (c && c->deflate)
		ZSTD_CCtx_reset(c->deflate, ZSTD_reset_session_and_parameters);
	return c ? c->deflate : NULL;
}

void codec_contexts_release(void)
{
	struct contexts *c = contexts_have_key ? pthread_getspecific(contexts_key) : NULL;

	if (!c)
		return;
	pthread_setspecific(contexts_key, NULL);
	contexts_free(c);
}

static uint64_t le64_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

void codec_part_deinit(struct codec_part *p)
{
	buf_deinit(&p->owned);
	*p = (struct codec_part){0};
}

/* Do the sizes of the header add up to the file's, as a segment's do? */
static bool is_segment(struct slice file, uint64_t first)
{
	uint64_t second, sum;

	if (file.len < CODEC_SEGMENT_HEADER_BYTES)
		return false;
	second = le64_at((const uint8_t *)file.data + 18);
	return !__builtin_add_overflow(first, second, &sum) &&
	       sum == file.len - CODEC_SEGMENT_HEADER_BYTES;
}

static int check_header(const uint8_t *p, size_t len, struct bough_error *error)
{
	uint64_t version;

	if (len < CODEC_SNAPSHOT_HEADER_BYTES)
		return error_set(
			error, -EUCLEAN, "neither a snapshot nor a segment: %zu bytes", len);
	version = le64_at(p);
	if (version > VERSIONS_EVER)
		return error_set(error, -EUCLEAN, "neither a snapshot nor a segment");
	if (version != FORMAT_VERSION)
		return error_set(error, -EPROTONOSUPPORT,
			"format version %u is not supported, only version 4", (unsigned)version);
	if (p[8] != ENCODING_MESSAGEPACK)
		return error_set(error, -EPROTONOSUPPORT,
			"encoding %u is not supported, only MessagePack", p[8]);
	if (p[9] != CODEC_NONE && p[9] != CODEC_ZSTD)
		return error_set(error, -EPROTONOSUPPORT,
			"compression %u is not supported, only zstd and none", p[9]);
	return 0;
}

int codec_file_open(struct slice file, struct codec_file *ret, struct bough_error *error)
{
	const uint8_t *p = file.data;
	int r = check_header(p, file.len, error);
	uint64_t first;

	if (r)
		return r;
	first = le64_at(p + 10);
	*ret = (struct codec_file){.compression = p[9]};
	if (first == file.len - CODEC_SNAPSHOT_HEADER_BYTES) {
		ret->kind = CODEC_SNAPSHOT;
		ret->parts[0] = (struct slice){p + CODEC_SNAPSHOT_HEADER_BYTES, first};
		return 0;
	}
	if (!is_segment(file, first))
		return error_set(error, -EUCLEAN,
			"the sizes in the header do not add up to the %zu bytes of the file",
			file.len);
	ret->kind = CODEC_SEGMENT;
	ret->parts[0] = (struct slice){p + CODEC_SEGMENT_HEADER_BYTES, first};
	ret->parts[1] = (struct slice){p + CODEC_SEGMENT_HEADER_BYTES + first,
		file.len - CODEC_SEGMENT_HEADER_BYTES - first};
	return 0;
}

static int zstd_error(size_t code)
{
	return ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation ? -ENOMEM : -EUCLEAN;
}

/* Databend's frames carry no content size, so the output grows as it comes. */
static int inflate_stream(ZSTD_DCtx *z, struct slice in, uint64_t bytes_max, struct buf *ret)
{
	ZSTD_inBuffer src = {in.data, in.len, 0};
	size_t left = 1;

	while (left) {
		ZSTD_outBuffer dst = {0};
		size_t before = src.pos;

		if (buf_reserve(ret, ZSTD_DStreamOutSize()))
			return -ENOMEM;
		dst = (ZSTD_outBuffer){ret->data + ret->len, ret->capacity - ret->len, 0};
		left = ZSTD_decompressStream(z, &dst, &src);
		if (ZSTD_isError(left))
			return zstd_error(left);
		if (!dst.pos && src.pos == before)
			return -EUCLEAN;
		ret->len += dst.pos;
		if (ret->len > bytes_max)
			return -EUCLEAN;
	}
	return src.pos == src.size ? 0 : -EUCLEAN;
}

/* *@ret is the caller's to free. */
static int inflate(struct slice in, uint64_t bytes_max, struct buf *ret)
{
	ZSTD_DCtx *z = context_inflate();
	unsigned long long size = ZSTD_getFrameContentSize(in.data, in.len);
	size_t n;

	if (!z)
		return -ENOMEM;
	if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR)
		return inflate_stream(z, in, bytes_max, ret);
	if (size > bytes_max || ZSTD_findFrameCompressedSize(in.data, in.len) != in.len)
		return -EUCLEAN;
	if (buf_reserve(ret, size))
		return -ENOMEM;
	n = ZSTD_decompressDCtx(z, ret->data, size, in.data, in.len);
	if (ZSTD_isError(n))
		return zstd_error(n);
	ret->len = n;
	return n == size ? 0 : -EUCLEAN;
}

static uint64_t inflated_bytes_max(size_t compressed)
{
	uint64_t most = INFLATED_BYTES_FREE + (uint64_t)compressed * INFLATED_PER_BYTE;

	return most < CODEC_PAYLOAD_BYTES_MAX ? most : CODEC_PAYLOAD_BYTES_MAX;
}

int codec_part_open(const struct codec_file *f, unsigned part, struct codec_part *ret,
	struct bough_error *error)
{
	struct slice in = f->parts[part];
	struct codec_part p auto_part = {.bytes = in};
	int r;

	if (f->compression == CODEC_NONE) {
		if (in.len > CODEC_PAYLOAD_BYTES_MAX)
			return error_set(
				error, -EUCLEAN, "a part of %zu bytes is too large", in.len);
		ret->bytes = in;
		return 0;
	}
	r = inflate(in, inflated_bytes_max(in.len), &p.owned);
	if (r == -EUCLEAN)
		error_set(error, r, "the zstd frame is damaged, or too large for its %zu bytes",
			in.len);
	if (r)
		return r;
	p.bytes = buf_slice(&p.owned);
	*ret = p;
	p = (struct codec_part){0};
	return 0;
}

/* With a checksum: a flipped bit may otherwise be one in a name that a reader does not know. */
static int append_compressed(struct slice in, struct buf *out)
{
	ZSTD_CCtx *z = context_deflate();
	size_t bound = ZSTD_compressBound(in.len), n;
	int r = z ? buf_reserve(out, bound) : -ENOMEM;

	if (r)
		return r;
	ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(z, out->data + out->len, bound, in.data, in.len);
	if (ZSTD_isError(n))
		return -ENOMEM; /* all that is left to fail, the output being large enough */
	if (in.len > inflated_bytes_max(n))
		return -EFBIG;
	out->len += n;
	return 0;
}

static int append_file(enum codec_file_kind kind, enum codec_compression compression,
	const struct buf *parts, struct buf *ret)
{
	uint8_t header[CODEC_SEGMENT_HEADER_BYTES] = {
		FORMAT_VERSION, [8] = ENCODING_MESSAGEPACK, [9] = (uint8_t)compression};
	unsigned n_parts = kind == CODEC_SEGMENT ? 2 : 1;
	size_t start = ret->len;
	int r = buf_append(ret, header, 10 + 8 * n_parts);

	for (unsigned i = 0; i < n_parts && !r; i++) {
		size_t before = ret->len;
		uint64_t size;

		if (compression == CODEC_ZSTD)
			r = append_compressed(buf_slice(&parts[i]), ret);
		else
			r = buf_append(ret, parts[i].data, parts[i].len);
		size = htole64(ret->len - before);
		memcpy(ret->data + start + 10 + 8 * i, &size, sizeof size);
	}
	if (r)
		ret->len = start;
	return r;
}

int codec_file_append(enum codec_file_kind kind, enum codec_compression compression,
	const struct buf *parts, struct buf *ret)
{
	int r = append_file(kind, compression, parts, ret);

	/* It shrinks so well that a reader would take it for a bomb: so it goes uncompressed. */
	return r == -EFBIG ? append_file(kind, CODEC_NONE, parts, ret) : r;
}
