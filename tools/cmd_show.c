/* bough show: a file of the format, an object by its name, or a ref. */
#include "tools/cmd_impl.h"
#include "tools/describe_impl.h"
#include "meta/codec.h"
#include "refs/render.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define PREFIX_DIGITS_MIN 4
#define MATCHES_MAX 8 /* that the message about an ambiguous prefix names */

static int show_bytes(struct cli *c, struct slice bytes, const char *what)
{
	struct json_object *out auto_json = NULL;
	struct bough_error why = {0};
	int r = codec_show(bytes, &out, &why);

	if (r) {
		error_set(&c->error, r, "cannot show '%.500s': %s", what,
			why.message[0] ? why.message : strerror(-r));
		return error_hint(&c->error, r,
			"it takes a snapshot or segment of version 4, of Bough or Databend");
	}
	cli_print_json(out);
	return 0;
}

static int read_all(int fd, size_t size, struct buf *ret)
{
	int r = buf_reserve(ret, size + 1);

	while (!r && ret->len <= size) {
		ssize_t n = read(fd, ret->data + ret->len, size + 1 - ret->len);

		if (n > 0)
			ret->len += (size_t)n;
		else if (n == 0)
			return 0;
		else if (errno != EINTR)
			r = -errno;
	}
	return r ? r : -EAGAIN; /* it grew */
}

static int show_file(struct cli *c, const char *path)
{
	int fd cleanup(close_p) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct buf bytes auto_buf = {0};
	struct stat st;
	int r = fd < 0 || fstat(fd, &st) ? -errno : 0;

	if (!r && S_ISDIR(st.st_mode)) {
		error_set(&c->error, -EISDIR, "'%s' is a folder", path);
		return error_hint(&c->error, -EISDIR, "name a file in it, or an object or ref");
	}
	if (!r && !S_ISREG(st.st_mode))
		return cli_no_file(c, path);
	if (!r && (uint64_t)st.st_size > CODEC_PAYLOAD_BYTES_MAX) {
		error_set(&c->error, -EFBIG, "'%s' is larger than 1 GiB", path);
		return error_hint(&c->error, -EFBIG, "no snapshot or segment is that large");
	}
	if (!r)
		r = read_all(fd, (size_t)st.st_size, &bytes);
	if (r)
		return cli_cannot_read(c, r, path);
	if (bytes.len >= 4 && !memcmp(bytes.data, "PAR1", 4)) {
		error_set(&c->error, -EINVAL, "'%s' is a Parquet file: a block", path);
		return error_hint(&c->error, -EINVAL, "any reader of Parquet shows its rows");
	}
	return show_bytes(c, buf_slice(&bytes), path);
}

/* The digits of an object's name: "h0123.._v4.mpk", "h0123", "0123". Return: is it one? */
static bool object_digits(const char *text, char ret[static 33])
{
	const char *p = text[0] == 'h' ? text + 1 : text;
	size_t n = strspn(p, "0123456789abcdef");

	if (n < PREFIX_DIGITS_MIN || n > 32 || (p[n] && strcmp(p + n, "_v4.mpk")))
		return false;
	memcpy(ret, p, n);
	ret[n] = 0;
	return true;
}

/* Snapshots and segments whose digits begin with a prefix. */
struct search {
	struct refs_txn *x;
	const char *digits;
	size_t n;
	enum id_kind kind;
	uint64_t id;	    /* of the last match */
	struct buf matches; /* their digits, for a message */
};

static int offer(struct search *f, enum id_kind kind, uint64_t id, const char *name)
{
	if (strncmp(name + 1, f->digits, strlen(f->digits)))
		return 0;
	f->kind = kind;
	f->id = id;
	f->n++;
	return buf_printf(&f->matches, "%s%.32s", f->n > 1 ? ", " : "", name + 1);
}

static int offer_id(struct search *f, enum key_kind kind, uint64_t id)
{
	char name[ID_NAME_BYTES_MAX];
	struct rec_snapshot snapshot;
	struct rec_segment segment;
	int r;

	if (kind == KEY_SNAPSHOT) {
		r = rec_snapshot_get(f->x->kv, id, &snapshot);
		if (r)
			return r;
		refs_snapshot_name(f->x->store, id, &snapshot, name);
		return offer(f, ID_SNAPSHOT, id, name);
	}
	r = rec_segment_get(f->x->kv, id, &segment);
	if (r)
		return r;
	refs_segment_name(f->x->store, id, &segment, name);
	return offer(f, ID_SEGMENT, id, name);
}

static int offer_record(void *arg, struct slice key, struct slice value)
{
	struct search *f = arg;
	int r = offer_id(f, ((const uint8_t *)key.data)[0], key_read_u64(key, 1));

	(void)value;
	return r ? r : f->n >= MATCHES_MAX;
}

static int search_kind(struct search *f, enum key_kind kind)
{
	struct key lo = key_make(kind), hi = key_next(&lo);
	int r = kv_scan(f->x->kv, rec_db_of(kind), key_slice(&lo), key_slice(&hi), offer_record, f);

	return r < 0 ? r : 0;
}

/* A whole name holds its id; a prefix is looked for everywhere. */
static int search(struct search *f)
{
	uint8_t uuid[UUID_BYTES];
	struct id_space space;
	uint64_t ms, id;
	int r;

	if (strlen(f->digits) < 2 * UUID_BYTES) {
		r = search_kind(f, KEY_SNAPSHOT);
		return r || f->n >= MATCHES_MAX ? r : search_kind(f, KEY_SEGMENT);
	}
	if (hex_decode(f->digits, UUID_BYTES, uuid) || id_of_uuid(uuid, &space, &ms, &id))
		return 0;
	r = offer_id(f, KEY_SNAPSHOT, id);
	if (r == -ENOENT)
		r = offer_id(f, KEY_SEGMENT, id);
	return r == -ENOENT ? 0 : r;
}

static int show_object(struct cli *c, const char *digits)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct buf bytes auto_buf = {0};
	struct search f = {.digits = digits};
	int r = cli_begin(c, &s, &x);

	f.x = x;
	if (!r)
		r = search(&f);
	if (!r && f.n > 1) {
		r = error_set(&c->error, -ENOTUNIQ, "'%s' fits several objects: %.*s%s", digits,
			(int)f.matches.len, (const char *)f.matches.data,
			f.n >= MATCHES_MAX ? " ..." : "");
		error_hint(&c->error, r, "give more of its digits");
	}
	if (!r && !f.n) {
		r = error_set(
			&c->error, -ENOENT, "no snapshot or segment begins with '%s'", digits);
		error_hint(&c->error, -ENOENT, "'bough log REF' shows snapshots");
	}
	if (!r)
		r = f.kind == ID_SNAPSHOT ? refs_render_snapshot(x, f.id, &bytes)
					  : refs_render_segment(x, f.id, &bytes);
	buf_deinit(&f.matches);
	return r ? cli_finish(c, r) : show_bytes(c, buf_slice(&bytes), digits);
}

static int show_ref(struct cli *c, const char *text)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct json_object *out auto_json = NULL;
	struct name_target target cleanup(name_target_deinit) = {0};
	struct cli_place place;
	uint64_t at = 0;
	int r = cli_parse_target(c, text, CLI_REF_AND_MOMENT, &target);

	if (!r)
		r = cli_begin(c, &s, &x);
	if (!r)
		r = cli_lookup(x, &target, &place, &c->error);
	if (!r && target.moment)
		r = refs_moment(x, place.ref, target.moment, &at, &c->error);
	if (!r)
		r = describe_ref_full(x, place.ref, at, &out);
	if (r)
		return cli_finish(c, r);
	describe_print_ref(c, out);
	return 0;
}

int cmd_show(struct cli *c)
{
	const char *text = c->args[0];
	char digits[33];
	struct stat st;

	/* A folder may be named like a table: only a file, or what can be nothing else. */
	if ((!stat(text, &st) && !S_ISDIR(st.st_mode)) || text[0] == '/' || text[0] == '.')
		return show_file(c, text);
	if (object_digits(text, digits))
		return show_object(c, digits);
	if (strstr(text, "_v2.parquet") && !strchr(text, '/')) {
		error_set(&c->error, -EINVAL, "'%s' is a block: a Parquet file", text);
		return error_hint(&c->error, -EINVAL, "any reader of Parquet shows its rows");
	}
	return show_ref(c, text);
}
