/* The outbox, and the objects that were exported: what is said to be there is there. */
#include "gc/fsck_impl.h"
#include "refs/render.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ID(id) ((unsigned long long)(id))

static int on_outbox(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	struct rec_outbox o;

	if (rec_outbox_decode(key, value, &o))
		fsck_say(f, "outbox entry of %012llx: it is damaged", ID(id));
	else if (id >= f->next_id || o.commit > f->x->commit)
		fsck_say(f, "outbox entry of %012llx: it is of an id or commit to come", ID(id));
	else
		return 0;
	if (fsck_is(f, id, FSCK_DB) || fsck_is(f, id, FSCK_TABLE) || fsck_is(f, id, FSCK_REF))
		fsck_fix(f, FSCK_ADDS, fsck_fix_outbox, id, 0);
	return 0;
}

/* The object as the records make it; -ENOENT: its record is gone, the object waits for its end. */
static int render(struct fsck *f, uint64_t id, struct buf *ret)
{
	switch (fsck_peek(f, id)->kind) {
	case FSCK_SEGMENT:
		return refs_render_segment(f->x, id, ret);
	case FSCK_SNAPSHOT:
		return refs_render_snapshot(f->x, id, ret);
	default:
		return -ENOENT;
	}
}

/* Snapshots are compared decoded: another version of zstd may have written them. */
static bool same_snapshot(struct slice object, struct slice wanted)
{
	struct codec_snapshot c cleanup(codec_snapshot_deinit) = {0};
	struct bough_error error = {0};
	struct buf plain auto_buf = {0};

	return !codec_snapshot_decode(object, &c, &error) &&
	       !codec_snapshot_encode(&c, CODEC_NONE, &plain) &&
	       slice_equal(buf_slice(&plain), wanted);
}

static void check_object(struct fsck *f, uint64_t id, const char *object)
{
	struct buf there auto_buf = {0}, wanted auto_buf = {0};
	const char *word = fsck_word((enum fsck_kind)fsck_peek(f, id)->kind);
	bool same;
	int r = render(f, id, &wanted);

	if (r)
		return; /* said elsewhere, or nothing to compare with */
	r = objstore_get(f->store->objects, object, CODEC_PAYLOAD_BYTES_MAX, &there);
	if (r == -ENOENT) {
		fsck_say(f, "%s %012llx: its object %s is missing", word, ID(id), object);
		fsck_fix(f, FSCK_ADDS, fsck_fix_object, id, 0);
		return;
	}
	if (r) {
		fsck_say(f, "%s %012llx: its object %s cannot be read: %s", word, ID(id), object,
			strerror(-r));
		return;
	}
	if (fsck_is(f, id, FSCK_SEGMENT))
		same = slice_equal(buf_slice(&there), buf_slice(&wanted));
	else
		same = same_snapshot(buf_slice(&there), buf_slice(&wanted));
	if (!same)
		fsck_say(f, "%s %012llx: its object %s is damaged: other bytes than were exported",
			word, ID(id), object);
}

static int on_exported(struct fsck *f, struct slice key, struct slice value)
{
	uint64_t id = key_read_u64(key, 1);
	struct fsck_mark *m = fsck_mark(f, id);
	char object[OBJSTORE_KEY_BYTES_MAX + 1];

	snprintf(object, sizeof object, "%.*s", (int)value.len, (const char *)value.data);
	if (!m || !objstore_key_valid(object)) {
		fsck_say(f, "mark of exported %012llx: it is damaged", ID(id));
		fsck_fix(f, FSCK_ADDS, fsck_fix_exported, id, 0);
		return 0;
	}
	m->flags |= FSCK_OBJECT;
	if (f->full && !(m->flags & FSCK_DAMAGED))
		check_object(f, id, object);
	return 0;
}

int fsck_exports(struct fsck *f)
{
	int r;

	fsck_stage(f, "exports");
	r = fsck_scan(f, KEY_OUTBOX, on_outbox);
	return r ? r : fsck_scan(f, KEY_EXPORTED, on_exported);
}

/* @n hexadecimal digits. */
static const char *skip_hex(const char *p, size_t n)
{
	for (; p && n; n--, p++)
		if (!isdigit((unsigned char)*p) && (*p < 'a' || *p > 'f'))
			return NULL;
	return p;
}

static const char *skip_text(const char *p, const char *text)
{
	size_t n = strlen(text);

	return p && !strncmp(p, text, n) ? p + n : NULL;
}

static const char *skip_number(const char *p)
{
	if (!p || !isdigit((unsigned char)*p))
		return NULL;
	while (isdigit((unsigned char)*p))
		p++;
	return p;
}

static bool ends(const char *p)
{
	return p && !*p;
}

bool fsck_is_export(const char *key)
{
	const char *p = skip_text(skip_hex(skip_text(key, "_export/m"), 20), ".json");

	if (ends(p) || !strcmp(key, "_owner.json"))
		return true;
	p = skip_number(skip_text(skip_number(key), "/"));
	p = skip_text(skip_number(skip_text(p, "/_refs/")), "/r");
	return ends(skip_text(skip_hex(p, 32), ".json"));
}
