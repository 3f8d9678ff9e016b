#include "fs/xattr.h"
#include "fs/tree_impl.h"
#include "refs/usage.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STORE FS_XATTR_PREFIX "store"
#define EXCLUSIVE "exclusive_bytes"
#define EXCLUSIVE_LOOKS_MAX 100000 /* some 50 ms */

/** Attributes of one inode on their way to the callback; the first result that is not 0 stays. */
struct each {
	struct refs_txn *x;
	fs_xattr_fn fn;
	void *arg;
	const char *only; /* this one is asked for, so costly others need no value; NULL all */
	int result;
};

static void text(struct each *e, const char *name, const char *value)
{
	char full[64];

	if (e->result)
		return;
	snprintf(full, sizeof full, FS_XATTR_PREFIX "%s", name);
	e->result = e->fn(e->arg, full, value);
}

static void number(struct each *e, const char *name, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
	text(e, name, digits);
}

static void moment(struct each *e, const char *name, uint64_t us)
{
	char value[28];

	if (!us)
		return;
	clock_format_rfc3339(us, value);
	text(e, name, value);
}

/** Name of a snapshot; nothing where it is gone. */
static void snapshot(struct each *e, const char *name, uint64_t id)
{
	char value[FS_NAME_BYTES_MAX + 1];

	if (id && !fs_node_name(e->x, fs_ino(FS_SNAPSHOT, id), value))
		text(e, name, value);
}

static void each_head(struct each *e, uint64_t head)
{
	struct rec_snapshot s = {0};

	if (head && rec_snapshot_get(e->x->kv, head, &s))
		return;
	snapshot(e, "head", head);
	number(e, "rows", s.rows);
	number(e, "bytes", s.file_bytes);
}

/** What it takes too long to find out has no value. */
static int exclusive(struct each *e, uint64_t id)
{
	uint64_t bytes = 0;
	int r = 0;

	if (!e->only || !strcmp(e->only, FS_XATTR_PREFIX EXCLUSIVE))
		r = refs_exclusive_bytes(e->x, id, EXCLUSIVE_LOOKS_MAX, &bytes);
	if (!r)
		number(e, EXCLUSIVE, bytes);
	return r == -E2BIG ? 0 : r;
}

static int each_ref(struct each *e, uint64_t id)
{
	struct rec_ref ref;
	int r = rec_ref_get(e->x->kv, id, &ref);

	if (r)
		return r;
	number(e, "id", id);
	text(e, "type", ref.kind == REC_REF_TAG ? "tag" : "branch");
	each_head(e, ref.head);
	snapshot(e, "base", ref.base);
	moment(e, "created", ref.created_us);
	moment(e, "expire_at", ref.expire_at_us);
	text(e, "protected", ref.is_protected ? "1" : "0");
	text(e, "holds", "");
	return exclusive(e, id);
}

static int each_db(struct each *e, uint64_t id)
{
	struct rec_db d;
	int r = rec_db_get(e->x->kv, id, &d);

	if (r)
		return r;
	number(e, "id", id);
	text(e, "type", "database");
	moment(e, "created", d.created_us);
	return 0;
}

static int each_table(struct each *e, uint64_t id)
{
	struct rec_table t;
	struct rec_ref main;
	int r = rec_table_get(e->x->kv, id, &t);

	if (!r)
		r = rec_ref_get(e->x->kv, t.main_ref, &main);
	if (r)
		return r;
	number(e, "id", id);
	text(e, "type", "table");
	each_head(e, main.head);
	moment(e, "created", t.created_us);
	text(e, "protected", main.is_protected ? "1" : "0");
	return 0;
}

static int each_snapshot(struct each *e, uint64_t id)
{
	struct rec_snapshot s;
	int r = rec_snapshot_get(e->x->kv, id, &s);

	if (r)
		return r;
	number(e, "id", id);
	text(e, "type", "snapshot");
	snapshot(e, "base", s.parent);
	moment(e, "created", s.timestamp_us);
	number(e, "rows", s.rows);
	number(e, "bytes", s.file_bytes);
	return 0;
}

static int each_segment(struct each *e, uint64_t id)
{
	struct rec_segment s;
	int r = rec_segment_get(e->x->kv, id, &s);

	if (r)
		return r;
	number(e, "id", id);
	text(e, "type", "segment");
	number(e, "rows", s.rows);
	number(e, "bytes", s.file_bytes);
	return 0;
}

static int each_block(struct each *e, uint64_t id)
{
	struct rec_block b;
	int r = rec_block_get(e->x->kv, id, &b);

	if (r)
		return r;
	number(e, "id", id);
	text(e, "type", "block");
	number(e, "rows", b.rows);
	number(e, "bytes", b.size_bytes);
	return 0;
}

static int each_of_kind(struct each *e, uint64_t ino)
{
	uint64_t id = fs_ino_id(ino);

	switch (fs_ino_kind(ino)) {
	case FS_DB:
		return each_db(e, id);
	case FS_TABLE:
		return each_table(e, id);
	case FS_REF:
		return each_ref(e, id);
	case FS_SNAPSHOT:
		return each_snapshot(e, id);
	case FS_SEGMENT:
		return each_segment(e, id);
	case FS_BLOCK:
		return each_block(e, id);
	default:
		return 0;
	}
}

static int each_attribute(
	const struct fs_tree *t, uint64_t ino, const char *only, fs_xattr_fn fn, void *arg)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct each e = {.fn = fn, .arg = arg, .only = only};
	int r = fs_ino_valid(ino) ? refs_begin(t->store, KV_READ, &x) : -ENOENT;

	e.x = x;
	if (r)
		return r;
	text(&e, "store", t->store->path);
	r = each_of_kind(&e, ino);
	return e.result ? e.result : r;
}

int fs_xattr_each(const struct fs_tree *t, uint64_t ino, fs_xattr_fn fn, void *arg)
{
	return each_attribute(t, ino, NULL, fn, arg);
}

static bool is_known(const char *name)
{
	static const char *const known[] = {"id", "type", "head", "base", "created", "expire_at",
		"rows", "bytes", "exclusive_bytes", "protected", "holds", "store", "retain"};
	size_t prefix = strlen(FS_XATTR_PREFIX);

	if (strncmp(name, FS_XATTR_PREFIX, prefix) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(name + prefix, known[i]))
			return true;
	return false;
}

int fs_xattr_retain(uint64_t ino, struct slice value, uint64_t *ret_us, struct bough_error *error)
{
	enum fs_kind kind = fs_ino_kind(ino);
	const char *bytes = value.data;
	size_t n = value.len;
	char word[24];

	if (kind != FS_REF && kind != FS_TABLE) {
		error_set(error, -EOPNOTSUPP, "only branches and tags expire");
		return error_hint(error, -EOPNOTSUPP, "set it on a folder of _refs");
	}
	while (n && (!bytes[n - 1] || bytes[n - 1] == '\n'))
		n--; /* as echo and C programs add them */
	snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word), bytes);
	*ret_us = 0;
	if (n < sizeof word && (!strcmp(word, "0") || !clock_parse_duration(word, ret_us)))
		return 0;
	error_set(error, -EINVAL, "'%s' is no time to retain", word);
	return error_hint(error, -EINVAL, "expected 30s, 5m, 2h, 7d, or 0 for ever");
}

int fs_xattr_refuse(uint64_t ino, const char *name, struct bough_error *error)
{
	/* of files mv and cp -a copy them along: there it is no news that they stay behind */
	if (!is_known(name) || fs_kind_type(fs_ino_kind(ino)) == S_IFREG)
		return -EOPNOTSUPP;
	error_set(error, -EPERM, "%s can only be read", name);
	if (!strcmp(name, FS_XATTR_PREFIX "protected"))
		error_hint(error, -EPERM, "'bough branch protect' (or tag) sets it");
	return -EPERM;
}

struct wanted {
	const char *name;
	struct buf *ret;
};

static int take_value(void *arg, const char *name, const char *value)
{
	struct wanted *w = arg;
	int r;

	if (strcmp(name, w->name) != 0)
		return 0;
	r = buf_append(w->ret, value, strlen(value));
	return r ? r : 1;
}

int fs_xattr_get(const struct fs_tree *t, uint64_t ino, const char *name, struct buf *ret)
{
	struct wanted w = {name, ret};
	int r;

	if (strncmp(name, "user.", 5) != 0)
		return -EOPNOTSUPP;
	if (!strcmp(name, STORE))
		return buf_append(ret, t->store->path, strlen(t->store->path));
	if (strncmp(name, FS_XATTR_PREFIX, strlen(FS_XATTR_PREFIX)) != 0)
		return -ENODATA;
	if (!is_known(name))
		return -EOPNOTSUPP;
	r = each_attribute(t, ino, name, take_value, &w);
	if (!r)
		return -ENODATA;
	return r == 1 ? 0 : r;
}

static int take_name(void *arg, const char *name, const char *value)
{
	(void)value;
	return buf_append(arg, name, strlen(name) + 1);
}

int fs_xattr_list(const struct fs_tree *t, uint64_t ino, struct buf *ret)
{
	return each_attribute(t, ino, "", take_name, ret);
}
