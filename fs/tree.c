/* Attributes, contents and paths of the mounted tree. */
#include "fs/headlink.h"
#include "fs/spool.h"
#include "fs/tree_impl.h"
#include "refs/data.h"
#include "refs/name.h"
#include "refs/ref.h"
#include "refs/render.h"
#include <errno.h>
#include <string.h>

int fs_ref_get(struct refs_txn *x, uint64_t id, struct fs_ref *ret)
{
	int r = refs_ref_open(x, id, &ret->rec, NULL);

	ret->id = id;
	ret->is_main = !r && ret->rec.kind == REC_REF_MAIN;
	return r;
}

int fs_ref_root(struct refs_txn *x, const struct rec_ref *ref, uint64_t *ret_root)
{
	struct rec_snapshot s = {0};
	int r = ref->head ? rec_snapshot_get(x->kv, ref->head, &s) : 0;

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	*ret_root = s.root;
	return 0;
}

static void set_time(struct fs_node *n, uint64_t us)
{
	n->st.st_mtim.tv_sec = (time_t)(us / 1000000);
	n->st.st_mtim.tv_nsec = (long)(us % 1000000 * 1000);
	n->st.st_ctim = n->st.st_atim = n->st.st_mtim;
}

static void set_size(struct fs_node *n, uint64_t bytes)
{
	n->st.st_size = (off_t)bytes;
	n->st.st_blocks = (blkcnt_t)((bytes + 511) / 512);
}

static void set_dir(struct fs_node *n, uint64_t changed_us, uint64_t version)
{
	set_time(n, changed_us);
	n->version = version;
}

static int stat_root(struct refs_txn *x, struct fs_node *ret)
{
	struct rec_store s;
	int r = rec_store_get(x->kv, &s);

	if (!r)
		set_dir(ret, s.changed_us ? s.changed_us : s.created_us, s.version);
	return r;
}

/** Any commit may change its list, and no notification says so: nothing of it is kept. */
static int stat_trash(struct refs_txn *x, struct fs_node *ret)
{
	struct rec_store s;
	int r = rec_store_get(x->kv, &s);

	if (!r)
		set_dir(ret, s.created_us, x->commit);
	ret->is_live = true;
	return r;
}

/** The name may become that of a ref, which is another inode: it is never believed. */
static int stat_trashed(struct refs_txn *x, uint64_t id, struct fs_node *ret)
{
	struct rec_trash e;
	int r = rec_trash_get(x->kv, id, &e);

	if (!r)
		set_dir(ret, e.dropped_us, x->commit);
	ret->is_live = true;
	ret->expire_at_us = FS_NEVER_BELIEVED;
	return r;
}

/** As of the trash: what is renamed over HEAD is HEAD from then on. */
static int stat_headlink(const struct fs_tree *t, uint64_t id, struct fs_node *ret)
{
	struct fs_headlink link;
	int r = fs_headlink_get(t->headlinks, id, &link);

	if (r)
		return r;
	ret->st.st_mode = S_IFLNK | 0777;
	ret->st.st_size = (off_t)strlen(link.target);
	ret->is_live = true;
	ret->expire_at_us = FS_NEVER_BELIEVED;
	return 0;
}

/** Names of what is being written are never believed: a commit puts a block in their place. */
static int stat_staged(const struct fs_tree *t, uint64_t id, struct fs_node *ret)
{
	struct fs_staged *f = t->spool ? fs_spool_get(t->spool, id) : NULL;
	struct stat st;
	int r = f ? fs_staged_stat(f, &st) : -ESTALE;

	if (f)
		fs_staged_unref(t->spool, f);
	if (r)
		return r;
	ret->st.st_size = st.st_size;
	ret->st.st_blocks = st.st_blocks;
	ret->st.st_atim = st.st_atim;
	ret->st.st_mtim = st.st_mtim;
	ret->st.st_ctim = st.st_ctim;
	ret->is_live = true;
	ret->expire_at_us = FS_NEVER_BELIEVED;
	return 0;
}

static int stat_file(const struct fs_tree *t, struct refs_txn *x, uint64_t id, struct fs_node *ret)
{
	struct buf text auto_buf = {0};
	int r = fs_text(t, (enum fs_file)id, &text);

	set_size(ret, text.len);
	set_time(ret, x->now_us);
	ret->st.st_mode = S_IFREG | 0444;
	ret->is_live = true;
	return r;
}

static int stat_db(struct refs_txn *x, uint64_t id, struct fs_node *ret)
{
	struct rec_db d;
	int r = rec_db_get(x->kv, id, &d);

	if (!r)
		set_dir(ret, d.changed_us ? d.changed_us : d.created_us, d.version);
	return r;
}

/** A table and the four directories that are its own. HEAD and _ss/ change with main. */
static int stat_table(struct refs_txn *x, enum fs_kind kind, uint64_t id, struct fs_node *ret)
{
	struct rec_table t;
	struct rec_ref main;
	int r = rec_table_get(x->kv, id, &t);

	if (!r)
		r = *t.name ? rec_ref_get(x->kv, t.main_ref, &main) : -ENOENT; /* dropped */
	if (r)
		return r;
	if (kind == FS_REFS)
		set_dir(ret, t.changed_us ? t.changed_us : t.created_us, t.version);
	else if (kind == FS_B || kind == FS_SG)
		set_dir(ret, t.objects_changed_us ? t.objects_changed_us : t.created_us,
			t.objects_version);
	else
		set_dir(ret, main.changed_us ? main.changed_us : t.created_us, main.version);
	return 0;
}

static int stat_ref(struct refs_txn *x, enum fs_kind kind, uint64_t id, struct fs_node *ret)
{
	struct rec_ref rec;
	int r = refs_ref_open(x, id, &rec, NULL);

	/* The ref itself can be looked up after its time, and dropped; nothing inside it. */
	if (r == -ESTALE && kind == FS_REF)
		r = rec_ref_get(x->kv, id, &rec);
	if (r)
		return r;
	set_dir(ret, rec.changed_us ? rec.changed_us : rec.created_us, rec.version);
	ret->generation = rec.drops;
	ret->expire_at_us = kind == FS_REF ? 0 : rec.expire_at_us;
	if (rec.kind == REC_REF_TAG)
		ret->st.st_mode = S_IFDIR | 0555;
	return 0;
}

static int head_target(
	struct refs_txn *x, const struct fs_ref *ref, char ret[static FS_TARGET_BYTES_MAX])
{
	struct rec_snapshot s;
	char *end = ret;
	int r = ref->rec.head ? rec_snapshot_get(x->kv, ref->rec.head, &s) : -ENOENT;

	if (r)
		return r;
	if (ref->is_main)
		end = stpcpy(end, "_ss/");
	refs_snapshot_name(x->store, ref->rec.head, &s, end);
	return 0;
}

static int stat_head(struct refs_txn *x, uint64_t id, struct fs_node *ret)
{
	struct fs_ref ref;
	char target[FS_TARGET_BYTES_MAX];
	int r = fs_ref_get(x, id, &ref);

	if (!r)
		r = head_target(x, &ref, target);
	if (r)
		return r;
	set_time(ret, ref.rec.changed_us);
	ret->st.st_mode = S_IFLNK | 0777;
	ret->st.st_size = (off_t)strlen(target);
	ret->generation = ref.rec.head; /* another target is another link, whatever was cached */
	ret->expire_at_us = ref.rec.expire_at_us;
	return 0;
}

static int stat_snapshot(struct refs_txn *x, uint64_t id, struct fs_node *ret)
{
	struct rec_snapshot s;
	int r = rec_snapshot_get(x->kv, id, &s);

	if (r)
		return r;
	ret->st.st_nlink = s.nlink;
	set_size(ret, s.v4_size);
	set_time(ret, s.timestamp_us);
	return 0;
}

static int stat_segment(struct refs_txn *x, uint64_t id, struct fs_node *ret)
{
	struct rec_segment s;
	int r = rec_segment_get(x->kv, id, &s);

	if (r)
		return r;
	set_size(ret, s.v4_size);
	set_time(ret, s.ms * 1000);
	return 0;
}

static void node_init(const struct fs_tree *t, uint64_t ino, struct fs_node *ret)
{
	mode_t type = fs_kind_type(fs_ino_kind(ino));

	*ret = (struct fs_node){
		.st = {.st_ino = ino,
			.st_mode = type | (type == S_IFDIR ? 0755 : 0644),
			.st_nlink = 1,
			.st_uid = t->uid,
			.st_gid = t->gid,
			.st_blksize = 4096},
	};
}

int fs_node_block(const struct fs_tree *t, struct refs_txn *x, uint64_t block, uint64_t modified_us,
	struct fs_node *ret)
{
	struct rec_block b;
	struct refs_place place;
	uint32_t holders;
	int r = rec_block_get(x->kv, block, &b);

	node_init(t, fs_ino(FS_BLOCK, block), ret);
	if (!r)
		r = rec_count_get(x->kv, KEY_BLOCK, block, &holders);
	if (!r && !modified_us) {
		r = refs_data_anywhere(x, block, &place);
		modified_us = r ? b.ms * 1000 : place.entry.modified_us;
		if (r == -ENOENT) /* what only the trash still holds */
			r = 0;
	}
	if (r)
		return r;
	ret->st.st_nlink = 1 + (nlink_t)holders;
	set_size(ret, b.size_bytes);
	set_time(ret, modified_us);
	return 0;
}

int fs_node_stat(const struct fs_tree *t, struct refs_txn *x, uint64_t ino, struct fs_node *ret)
{
	enum fs_kind kind = fs_ino_kind(ino);
	uint64_t id = fs_ino_id(ino);

	if (!fs_ino_valid(ino))
		return -ENOENT;
	node_init(t, ino, ret);
	switch (kind) {
	case FS_ROOT:
	case FS_BOUGH:
		ret->st.st_mode = S_IFDIR | (kind == FS_ROOT ? 0755 : 0555);
		return stat_root(x, ret);
	case FS_TRASH:
		return stat_trash(x, ret);
	case FS_TRASHED:
		return stat_trashed(x, id, ret);
	case FS_HEADLINK:
		return stat_headlink(t, id, ret);
	case FS_STAGED:
		return stat_staged(t, id, ret);
	case FS_FILE:
		return stat_file(t, x, id, ret);
	case FS_DB:
		return stat_db(x, id, ret);
	case FS_REF:
	case FS_DATA:
		return stat_ref(x, kind, id, ret);
	case FS_HEAD:
		return stat_head(x, id, ret);
	case FS_SNAPSHOT:
		return stat_snapshot(x, id, ret);
	case FS_SEGMENT:
		return stat_segment(x, id, ret);
	case FS_BLOCK:
		return fs_node_block(t, x, id, 0, ret);
	default:
		return stat_table(x, kind, id, ret);
	}
}

int fs_tree_stat(const struct fs_tree *t, uint64_t ino, struct fs_node *ret)
{
	struct refs_txn *x auto_refs_txn = NULL;
	int r = refs_begin(t->store, KV_READ, &x);

	return r ? r : fs_node_stat(t, x, ino, ret);
}

int fs_tree_readlink(const struct fs_tree *t, uint64_t ino, char ret[static FS_TARGET_BYTES_MAX])
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct fs_headlink link;
	struct fs_ref ref;
	int r;

	if (fs_ino_kind(ino) == FS_HEADLINK) {
		r = fs_headlink_get(t->headlinks, fs_ino_id(ino), &link);
		if (!r)
			memcpy(ret, link.target, sizeof link.target);
		return r;
	}
	r = fs_ino_kind(ino) == FS_HEAD ? refs_begin(t->store, KV_READ, &x) : -EINVAL;
	if (!r)
		r = fs_ref_get(x, fs_ino_id(ino), &ref);
	return r ? r : head_target(x, &ref, ret);
}

int fs_tree_render(const struct fs_tree *t, uint64_t ino, struct buf *ret)
{
	struct refs_txn *x auto_refs_txn = NULL;
	enum fs_kind kind = fs_ino_kind(ino);
	uint64_t id = fs_ino_id(ino);
	int r;

	if (kind == FS_FILE)
		return id < FS_FILES ? fs_text(t, (enum fs_file)id, ret) : -ENOENT;
	if (kind != FS_SNAPSHOT && kind != FS_SEGMENT)
		return -EINVAL;
	r = refs_begin(t->store, KV_READ, &x);
	if (r)
		return r;
	return kind == FS_SNAPSHOT ? refs_render_snapshot(x, id, ret)
				   : refs_render_segment(x, id, ret);
}

int fs_tree_block_key(
	const struct fs_tree *t, uint64_t ino, char ret[static OBJSTORE_KEY_BYTES_MAX + 1])
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_block b;
	int r = refs_begin(t->store, KV_READ, &x);

	if (!r)
		r = rec_block_get(x->kv, fs_ino_id(ino), &b);
	return r ? r : refs_block_key(x, fs_ino_id(ino), &b, ret);
}
