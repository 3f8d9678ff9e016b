#include "tools/describe_impl.h"
#include "meta/schema.h"
#include "meta/tree.h"

#include <errno.h>
#include <string.h>

#define DATABEND_METAS_MAX 2048 /* block metas of a segment that Databend reads */

void describe_names_deinit(struct describe_names *n)
{
	free(n->db);
	free(n->table);
	free(n->ref);
}

int describe_names_get(struct refs_txn *x, uint64_t ref, struct describe_names *ret)
{
	struct rec_ref rec;
	struct rec_table table;
	struct rec_db db;
	int r = rec_ref_get(x->kv, ref, &rec);

	if (!r)
		r = rec_table_get(x->kv, rec.table, &table);
	if (!r)
		r = rec_db_get(x->kv, table.db, &db);
	if (r)
		return r;
	ret->db = cli_check(strdup(db.name));
	ret->table = cli_check(strdup(table.name));
	ret->ref = rec.kind == REC_REF_MAIN ? NULL : cli_check(strdup(rec.name));
	return 0;
}

const char *describe_operation(uint8_t operation)
{
	static const char *const names[] = {[REC_OP_APPEND] = "append",
		[REC_OP_REPLACE] = "replace",
		[REC_OP_OVERWRITE] = "overwrite",
		[REC_OP_DELETE] = "delete"};

	return operation < ARRAY_SIZE(names) ? names[operation] : "unknown";
}

int describe_counts(struct refs_txn *x, uint64_t id, struct json_object *o)
{
	struct rec_snapshot s = {0};
	int r = id ? rec_snapshot_get(x->kv, id, &s) : 0;

	if (r)
		return r;
	cli_add_number(o, "rows", s.rows);
	cli_add_number(o, "bytes", s.file_bytes);
	cli_add_number(o, "raw_bytes", s.bytes);
	cli_add_number(o, "blocks", s.blocks);
	cli_add_number(o, "row_groups", s.metas);
	cli_add_number(o, "segments", s.segments);
	return 0;
}

static int add_snapshot(struct refs_txn *x, struct json_object *o, const char *key, uint64_t id)
{
	char hex[33];
	int r = cli_snapshot_hex(x, id, hex);

	if (!r)
		cli_add_text(o, key, hex[0] ? hex : NULL);
	return r;
}

static int add_base_ref(struct refs_txn *x, struct json_object *o, uint64_t ref)
{
	struct rec_ref base;
	int r = ref ? rec_ref_get(x->kv, ref, &base) : -ENOENT;

	if (r && r != -ENOENT)
		return r;
	cli_add_text(o, "base_ref", r || base.trash ? NULL : base.name); /* it may be gone */
	return 0;
}

static int add_name(struct refs_txn *x, struct json_object *o, uint64_t ref)
{
	struct describe_names names cleanup(describe_names_deinit) = {0};
	char *name cleanup(free_p) = NULL;
	int r = describe_names_get(x, ref, &names);

	if (r)
		return r;
	name = cli_name(names.db, names.table, names.ref);
	cli_add_text(o, "name", name);
	cli_add_text(o, "database", names.db);
	cli_add_text(o, "table", names.table);
	cli_add_text(o, "ref", names.ref ? names.ref : REFS_MAIN);
	return 0;
}

int describe_ref(struct refs_txn *x, uint64_t ref, struct json_object **ret)
{
	static const char *const kinds[] = {
		[REC_REF_MAIN] = "main", [REC_REF_BRANCH] = "branch", [REC_REF_TAG] = "tag"};
	struct json_object *o auto_json = cli_object();
	struct rec_ref rec;
	int r = rec_ref_get(x->kv, ref, &rec);

	if (!r)
		r = add_name(x, o, ref);
	if (r)
		return r;
	cli_add_text(o, "type", rec.kind < ARRAY_SIZE(kinds) ? kinds[rec.kind] : "unknown");
	cli_add_number(o, "id", ref);
	r = add_snapshot(x, o, "head", rec.head);
	if (!r)
		r = add_snapshot(x, o, "base", rec.base);
	if (!r)
		r = add_base_ref(x, o, rec.base_ref);
	if (!r)
		r = describe_counts(x, rec.head, o);
	if (r)
		return r;
	cli_add_time(o, "created", rec.created_us);
	cli_add_time(o, "changed", rec.changed_us);
	cli_add_time(o, "expires", rec.expire_at_us);
	cli_add_flag(o, "expired", refs_ref_expired(x, &rec));
	cli_add_flag(o, "protected", rec.is_protected);
	*ret = steal(&o);
	return 0;
}

int describe_schema(struct refs_txn *x, uint64_t schema, struct json_object **ret)
{
	struct json_object *rows auto_json = cli_array();
	struct key key = key_u64(KEY_SCHEMA, schema);
	struct schema s auto_schema = {0};
	struct slice value;
	int r = schema ? kv_get(x->kv, rec_db_of(KEY_SCHEMA), key_slice(&key), &value) : 0;

	if (!r && schema)
		r = schema_decode(value, &s);
	for (size_t i = 0; !r && i < s.n_fields; i++) {
		struct json_object *row = cli_object();
		struct buf type auto_buf = {0};

		cli_append(rows, row);
		r = schema_type_text(&s.fields[i].type, &type);
		if (!r)
			r = buf_append(&type, "", 1);
		if (r)
			break;
		cli_add_text(row, "name", s.fields[i].name);
		cli_add_text(row, "type", (const char *)type.data);
		cli_add_number(row, "id", s.fields[i].column_id);
	}
	if (!r)
		*ret = steal(&rows);
	return r;
}

/* Looks for blocks that Databend would read wrongly. */
struct foreign {
	struct refs_txn *x;
	uint64_t n;
	char first[REC_NAME_BYTES_MAX + 1]; /* given name */
	bool too_many_metas;
};

static int check_segment(void *arg, const struct tree_entry *e)
{
	struct foreign *f = arg;
	struct rec_segment segment;
	struct rec_segment_entry entry;
	struct rec_block block;
	int r = rec_segment_get(f->x->kv, e->child, &segment);

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	f->too_many_metas = f->too_many_metas || segment.metas > DATABEND_METAS_MAX;
	for (uint32_t i = 0; i < segment.blocks; i++) {
		r = rec_segment_entry_at(&segment, i, &entry);
		if (!r)
			r = rec_block_get(f->x->kv, entry.block, &block);
		if (r)
			return r == -ENOENT ? -EUCLEAN : r;
		if (!(block.flags & REC_BLOCK_FOREIGN))
			continue;
		if (!f->n++)
			snprintf(f->first, sizeof f->first, "%.*s", (int)entry.name.len,
				(const char *)entry.name.data);
	}
	return 0;
}

int describe_databend(struct refs_txn *x, uint64_t id, struct json_object **ret)
{
	struct foreign f = {.x = x};
	struct rec_snapshot s = {0};
	char reason[REC_NAME_BYTES_MAX + 128] = "";
	int r = id ? rec_snapshot_get(x->kv, id, &s) : 0;

	if (!r)
		r = tree_walk(x->kv, s.root, 0, check_segment, &f);
	if (r)
		return r;
	if (!id)
		snprintf(reason, sizeof reason, "there is no data yet");
	else if (f.n)
		snprintf(reason, sizeof reason,
			"%llu of %llu blocks break a rule of Databend's format, the first is %s",
			(unsigned long long)f.n, (unsigned long long)s.blocks, f.first);
	else if (f.too_many_metas)
		snprintf(reason, sizeof reason, "a segment holds more than %d row groups",
			DATABEND_METAS_MAX);
	*ret = cli_object();
	cli_add_flag(*ret, "attachable", !reason[0]);
	cli_add_text(*ret, "reason", reason[0] ? reason : NULL);
	return 0;
}

static int count_link(void *arg, uint64_t snapshot)
{
	(void)snapshot;
	++*(uint64_t *)arg;
	return 0;
}

int describe_links(struct refs_txn *x, uint64_t ref, uint64_t *ret_n)
{
	*ret_n = 0;
	return refs_link_list(x, ref, 0, count_link, ret_n);
}

struct each_table {
	struct refs_txn *x;
	refs_child_fn fn;
	void *arg;
};

static int each_db(void *arg, uint64_t id, const char *name)
{
	struct each_table *e = arg;

	(void)name;
	return refs_dir_list(e->x, id, 0, e->fn, e->arg);
}

int describe_tables(struct refs_txn *x, uint64_t db, refs_child_fn fn, void *arg)
{
	struct each_table e = {x, fn, arg};

	return db ? refs_dir_list(x, db, 0, fn, arg)
		  : refs_dir_list(x, REC_DIR_ROOT, 0, each_db, &e);
}

struct ref_rows {
	struct refs_txn *x;
	unsigned kinds;
	struct json_object *rows;
};

static int add_ref(void *arg, uint64_t id, const char *name)
{
	struct ref_rows *l = arg;
	struct json_object *row;
	struct rec_ref rec;
	int r = rec_ref_get(l->x->kv, id, &rec);

	(void)name;
	if (r || !(l->kinds & 1u << rec.kind))
		return r;
	r = describe_ref(l->x, id, &row);
	if (!r)
		cli_append(l->rows, row);
	return r;
}

int describe_refs(struct refs_txn *x, uint64_t table, unsigned kinds, struct json_object *rows)
{
	struct ref_rows l = {x, kinds, rows};
	struct rec_table rec;
	int r = rec_table_get(x->kv, table, &rec);

	if (!r && kinds & 1u << REC_REF_MAIN)
		r = add_ref(&l, rec.main_ref, REFS_MAIN);
	return r ? r : refs_dir_list(x, table, 0, add_ref, &l);
}

void describe_print_refs(const struct cli *c, struct json_object *rows)
{
	static const struct cli_column columns[] = {
		{"name", "NAME", CLI_TEXT},
		{"rows", "ROWS", CLI_NUMBER},
		{"bytes", "BYTES", CLI_BYTES},
		{"blocks", "BLOCKS", CLI_NUMBER},
		{"head", "HEAD", CLI_ID},
		{"base_ref", "FROM", CLI_TEXT},
		{"created", "CREATED", CLI_TIME},
		{"expires", "EXPIRES", CLI_TIME},
		{"protected", "PROTECTED", CLI_FLAG},
	};

	cli_print_list(c, rows, columns, ARRAY_SIZE(columns));
}

void describe_print_schema(const struct cli *c, struct json_object *o)
{
	static const struct cli_column columns[] = {
		{"name", "COLUMN", CLI_TEXT}, {"type", "TYPE", CLI_TEXT}};
	struct json_object *rows = NULL;

	json_object_object_get_ex(o, "schema", &rows);
	if (!rows || !json_object_array_length(rows))
		return;
	putchar('\n');
	cli_print_list(c, rows, columns, ARRAY_SIZE(columns));
}

int describe_ref_full(struct refs_txn *x, uint64_t ref, uint64_t at, struct json_object **ret)
{
	struct json_object *o auto_json = NULL;
	struct json_object *schema = NULL, *databend = NULL;
	struct rec_ref rec;
	struct rec_snapshot s = {0};
	uint64_t links;
	int r = rec_ref_get(x->kv, ref, &rec);

	if (!r)
		r = describe_ref(x, ref, &o);
	if (!r && at)
		r = rec_snapshot_get(x->kv, at, &s);
	if (!r && at) {
		r = add_snapshot(x, o, "at", at);
		r = r ? r : describe_counts(x, at, o);
	}
	if (!r)
		r = describe_links(x, ref, &links);
	if (r)
		return r;
	cli_add_number(o, "snapshots", links);
	r = describe_schema(x, at ? s.schema : rec.schema, &schema);
	if (r)
		return r;
	cli_add(o, "schema", schema);
	r = describe_databend(x, at ? at : rec.head, &databend);
	if (r)
		return r;
	cli_add(o, "databend", databend);
	*ret = steal(&o);
	return 0;
}

void describe_print_ref(const struct cli *c, struct json_object *o)
{
	static const struct cli_column columns[] = {
		{"name", "name", CLI_TEXT},
		{"type", "type", CLI_TEXT},
		{"head", "head", CLI_TEXT},
		{"base", "base", CLI_TEXT},
		{"base_ref", "from", CLI_TEXT},
		{"rows", "rows", CLI_NUMBER},
		{"bytes", "bytes", CLI_BYTES},
		{"raw_bytes", "uncompressed", CLI_BYTES},
		{"blocks", "blocks", CLI_NUMBER},
		{"segments", "segments", CLI_NUMBER},
		{"snapshots", "snapshots", CLI_NUMBER},
		{"created", "created", CLI_TIME},
		{"changed", "changed", CLI_TIME},
		{"expires", "expires", CLI_TIME},
		{"protected", "protected", CLI_FLAG},
	};
	struct json_object *databend, *reason = NULL;

	cli_print_record(c, o, columns, ARRAY_SIZE(columns));
	if (c->json)
		return;
	if (json_object_object_get_ex(o, "databend", &databend))
		json_object_object_get_ex(databend, "reason", &reason);
	printf("%-12s  %s%s\n", "databend", reason ? "not attachable: " : "attachable",
		reason ? json_object_get_string(reason) : "");
	describe_print_schema(c, o);
}
