#include "meta/codec_common_impl.h"
#include "meta/schema_impl.h"

#include <errno.h>
#include <string.h>

#define FORMAT_VERSION 4

void codec_snapshot_deinit(struct codec_snapshot *s)
{
	schema_deinit(&s->schema);
	codec_summary_deinit(&s->summary);
	free(s->segments);
	*s = (struct codec_snapshot){0};
}

/* All before the locations of the segments. */
static void pack_head(struct pack *p, const struct codec_snapshot *s)
{
	pack_map(p, 11);
	pack_key_u64(p, "format_version", FORMAT_VERSION);
	pack_str(p, "snapshot_id");
	pack_bin(p, s->id, UUID_BYTES);
	pack_key_time(p, "timestamp", s->timestamp_us);
	if (s->prev_table_seq)
		pack_key_u64(p, "prev_table_seq", s->prev_table_seq);
	else
		pack_key_nil(p, "prev_table_seq");
	pack_str(p, "prev_snapshot_id");
	if (s->has_prev) {
		pack_array(p, 2);
		pack_bin(p, s->prev_id, UUID_BYTES);
		pack_u64(p, s->prev_version);
	} else {
		pack_nil(p);
	}
	pack_str(p, "schema");
	schema_pack(p, &s->schema);
	pack_str(p, "summary");
	codec_pack_summary(p, &s->summary);
	pack_str(p, "segments");
}

/* All after them. */
static void pack_tail(struct pack *p)
{
	pack_key_nil(p, "cluster_key_meta");
	pack_key_nil(p, "cluster_type");
	pack_key_nil(p, "table_statistics_location");
}

int codec_snapshot_encode(
	const struct codec_snapshot *s, enum codec_compression compression, struct buf *ret)
{
	struct buf payload auto_buf = {0};
	struct pack p;

	pack_init(&p, &payload);
	pack_head(&p, s);
	pack_array(&p, s->n_segments);
	for (size_t i = 0; i < s->n_segments; i++)
		codec_pack_location(&p, &s->segments[i]);
	pack_tail(&p);
	return p.error ? p.error : codec_file_append(CODEC_SNAPSHOT, compression, &payload, ret);
}

int codec_snapshot_size(
	const struct codec_snapshot *s, uint64_t n_segments, size_t path_bytes, uint64_t *ret_bytes)
{
	struct pack p, location;
	uint64_t all;

	pack_init(&location, NULL);
	pack_array(&location, 2);
	pack_str_header(&location, path_bytes);
	pack_u64(&location, CODEC_LOCATION_VERSION_SEGMENT);
	pack_init(&p, NULL);
	pack_head(&p, s);
	pack_array(&p, n_segments);
	pack_tail(&p);
	if (p.error || location.error)
		return -EINVAL;
	if (__builtin_mul_overflow(n_segments, location.bytes + path_bytes, &all))
		return -EINVAL;
	*ret_bytes = CODEC_SNAPSHOT_HEADER_BYTES + p.bytes + all;
	return 0;
}

static void read_id(struct unpack *u, void *id)
{
	struct slice b = unpack_bin(u);

	if (b.len == UUID_BYTES)
		memcpy(id, b.data, UUID_BYTES);
	else
		unpack_fail(u, -EUCLEAN);
}

static void read_prev(struct unpack *u, void *snapshot)
{
	struct codec_snapshot *s = snapshot;

	if (unpack_nil(u))
		return;
	if (unpack_array(u, 1) != 2)
		unpack_fail(u, -EUCLEAN);
	read_id(u, s->prev_id);
	s->prev_version = unpack_u64(u);
	s->has_prev = true;
}

static void read_segments(struct unpack *u, void *snapshot)
{
	struct codec_snapshot *s = snapshot;
	uint32_t n = unpack_array(u, CODEC_LOCATION_BYTES_MIN);

	if (u->error || !n)
		return;
	s->segments = calloc(n, sizeof *s->segments);
	if (!s->segments) {
		unpack_fail(u, -ENOMEM);
		return;
	}
	for (; s->n_segments < n && !u->error; s->n_segments++)
		codec_unpack_location(u, &s->segments[s->n_segments]);
}

static void read_version(struct unpack *u, void *snapshot)
{
	(void)snapshot;
	if (unpack_u64(u) != FORMAT_VERSION)
		unpack_fail(u, -EUCLEAN);
}

static const struct unpack_field snapshot_fields[] = {
	{"format_version", read_version, 0, true},
	{"snapshot_id", read_id, offsetof(struct codec_snapshot, id), true},
	{"timestamp", unpack_read_time, offsetof(struct codec_snapshot, timestamp_us), true},
	{"prev_table_seq", unpack_read_u64_or_nil, offsetof(struct codec_snapshot, prev_table_seq),
		false},
	{"prev_snapshot_id", read_prev, 0, false},
	{"schema", schema_unpack, offsetof(struct codec_snapshot, schema), true},
	{"summary", codec_unpack_summary, offsetof(struct codec_snapshot, summary), true},
	{"segments", read_segments, 0, true},
};

int codec_snapshot_decode(struct slice file, struct codec_snapshot *ret, struct bough_error *error)
{
	struct codec_snapshot s cleanup(codec_snapshot_deinit) = {0};
	struct codec_part part auto_part = {0};
	struct codec_file f;
	struct unpack u;
	int r = codec_file_open(file, &f, error);

	if (!r && f.kind != CODEC_SNAPSHOT)
		r = error_set(error, -EUCLEAN, "this is a segment, not a snapshot");
	if (!r)
		r = codec_part_open(&f, 0, &part, error);
	if (r)
		return r;
	u = unpack_of(part.bytes);
	unpack_object(&u, snapshot_fields, ARRAY_SIZE(snapshot_fields), &s);
	r = codec_unpack_error(&u, "snapshot", error);
	if (r)
		return r;
	*ret = s;
	s = (struct codec_snapshot){0};
	return 0;
}
