/* bough stat: sizes and counts. */
#include "tools/cmd_impl.h"
#include "tools/describe_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int count_record(void *arg, struct slice key, struct slice value)
{
	(void)key;
	(void)value;
	++*(uint64_t *)arg;
	return 0;
}

/* Records whose keys begin with @prefix. */
static int count(struct refs_txn *x, enum key_kind kind, struct key prefix, uint64_t *ret)
{
	struct key hi = key_next(&prefix);

	*ret = 0;
	return kv_scan(
		x->kv, rec_db_of(kind), key_slice(&prefix), key_slice(&hi), count_record, ret);
}

static int add_count(
	struct refs_txn *x, struct json_object *o, const char *name, enum key_kind kind)
{
	uint64_t n;
	int r = count(x, kind, key_make(kind), &n);

	if (!r)
		cli_add_number(o, name, n);
	return r;
}

struct block_sum {
	struct refs_txn *x;
	size_t id_at; /* of the block's id in the key */
	uint64_t n, bytes;
};

static int sum_block(void *arg, struct slice key, struct slice value)
{
	struct block_sum *s = arg;
	struct rec_block block;
	int r = rec_block_get(s->x->kv, key_read_u64(key, s->id_at), &block);

	(void)value;
	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	s->n++;
	s->bytes += block.size_bytes;
	return 0;
}

static int sum_blocks(struct refs_txn *x, struct key prefix, enum key_kind kind, size_t id_at,
	struct block_sum *ret)
{
	struct key hi = key_next(&prefix);

	*ret = (struct block_sum){.x = x, .id_at = id_at};
	return kv_scan(x->kv, rec_db_of(kind), key_slice(&prefix), key_slice(&hi), sum_block, ret);
}

struct clients {
	struct refs_txn *x;
	struct json_object *rows;
	uint64_t dead;
};

static int add_client(void *arg, struct slice key, struct slice value)
{
	struct clients *l = arg;
	struct json_object *row;
	struct rec_client rec;
	uint64_t id = key_read_u64(key, 1);
	bool alive;
	int r = rec_client_get(l->x->kv, id, &rec);

	(void)value;
	if (r)
		return r;
	alive = wake_slot_alive(l->x->store->wake, rec.slot);
	l->dead += !alive;
	row = cli_object();
	cli_append(l->rows, row);
	cli_add_number(row, "id", id);
	cli_add_text(row, "role", rec.role);
	cli_add_number(row, "pid", rec.pid);
	cli_add_text(row, "host", rec.host);
	cli_add_time(row, "started", rec.started_us);
	cli_add_flag(row, "alive", alive);
	return 0;
}

/* Living processes by their locks: also those that wrote nothing and have no record. */
static uint64_t slots_alive(const struct refs_store *s)
{
	uint64_t n = 0;

	for (unsigned slot = 0; slot < WAKE_SLOTS; slot++)
		n += wake_slot_alive(s->wake, slot);
	return n;
}

static int add_clients(struct refs_txn *x, struct json_object *o)
{
	struct json_object *rows auto_json = cli_array();
	struct clients l = {x, rows, 0};
	struct key lo = key_make(KEY_CLIENT), hi = key_next(&lo);
	int r = kv_scan(
		x->kv, rec_db_of(KEY_CLIENT), key_slice(&lo), key_slice(&hi), add_client, &l);

	if (r)
		return r;
	cli_add_number(o, "clients_alive", slots_alive(x->store));
	cli_add_number(o, "clients_dead", l.dead);
	cli_add(o, "clients", steal(&rows));
	return 0;
}

static void add_metadata(struct refs_store *s, struct json_object *o, uint64_t blocks)
{
	struct stat st;
	uint64_t bytes;

	if (fstatat(s->dir_fd, "meta/data.mdb", &st, 0))
		return;
	bytes = (uint64_t)st.st_blocks * 512;
	cli_add_number(o, "metadata_bytes", bytes);
	cli_add_number(o, "metadata_max_bytes", s->conf.meta_size_max_bytes);
	if (blocks)
		cli_add_number(o, "metadata_bytes_per_block", bytes / blocks);
}

/* By their names: what was dropped keeps its records. */
struct named {
	struct refs_txn *x;
	uint64_t tables, refs;
};

static int count_ref(void *arg, uint64_t id, const char *name)
{
	(void)id;
	(void)name;
	((struct named *)arg)->refs++;
	return 0;
}

static int count_table(void *arg, uint64_t id, const char *name)
{
	struct named *n = arg;

	(void)name;
	n->tables++;
	n->refs++; /* main */
	return refs_dir_list(n->x, id, 0, count_ref, n);
}

static int add_records(struct refs_txn *x, struct json_object *o)
{
	static const struct {
		const char *name;
		enum key_kind kind;
	} kinds[] = {{"databases", KEY_DB}, {"trash", KEY_TRASH}, {"snapshots", KEY_SNAPSHOT},
		{"nodes", KEY_NODE}, {"segments", KEY_SEGMENT}, {"schemas", KEY_SCHEMA},
		{"queue", KEY_QUEUE}};
	struct named named = {.x = x};
	int r = describe_tables(x, 0, count_table, &named);

	cli_add_number(o, "tables", named.tables);
	cli_add_number(o, "refs", named.refs);
	for (size_t i = 0; !r && i < ARRAY_SIZE(kinds); i++)
		r = add_count(x, o, kinds[i].name, kinds[i].kind);
	return r;
}

static int stat_store(struct refs_txn *x, struct json_object *o)
{
	char uuid[2 * UUID_BYTES + 1];
	struct block_sum blocks;
	struct rec_store rec;
	int r = rec_store_get(x->kv, &rec);

	if (r)
		return r;
	hex_encode(rec.uuid, UUID_BYTES, uuid);
	cli_add_text(o, "store", x->store->path);
	cli_add_text(o, "uuid", uuid);
	cli_add_number(o, "format", REFS_FORMAT_VERSION);
	cli_add_number(o, "incarnation", rec.incarnation);
	cli_add_time(o, "created", rec.created_us);
	cli_add_number(o, "commit", x->commit);
	r = add_records(x, o);
	if (!r)
		r = sum_blocks(x, key_make(KEY_BLOCK), KEY_BLOCK, 1, &blocks);
	if (r)
		return r;
	cli_add_number(o, "blocks", blocks.n);
	cli_add_number(o, "block_bytes", blocks.bytes);
	add_metadata(x->store, o, blocks.n);
	return add_clients(x, o);
}

static int stat_table(
	struct refs_txn *x, const struct cli_place *at, const char *name, struct json_object *o)
{
	struct block_sum blocks;
	struct rec_table rec;
	uint64_t refs, segments;
	int r = rec_table_get(x->kv, at->table, &rec);

	if (!r)
		r = count(x, KEY_ENTRY, key_u64(KEY_ENTRY, at->table), &refs);
	if (!r)
		r = count(x, KEY_SEGMENT_IN, key_u64(KEY_SEGMENT_IN, at->table), &segments);
	if (!r)
		r = sum_blocks(x, key_u64(KEY_BLOCK_IN, at->table), KEY_BLOCK_IN,
			1 + sizeof(uint64_t), &blocks);
	if (r)
		return r;
	cli_add_text(o, "name", name);
	cli_add_number(o, "id", at->table);
	cli_add_number(o, "refs", refs);
	cli_add_number(o, "commits", rec.next_snapshot_seq ? rec.next_snapshot_seq - 1 : 0);
	cli_add_number(o, "segments", segments);
	cli_add_number(o, "blocks", blocks.n);
	cli_add_number(o, "block_bytes", blocks.bytes);
	cli_add_time(o, "created", rec.created_us);
	cli_add_time(o, "changed", rec.last_timestamp_us);
	return 0;
}

static const struct cli_column columns[] = {
	{"store", "store", CLI_TEXT},
	{"name", "name", CLI_TEXT},
	{"type", "type", CLI_TEXT},
	{"uuid", "uuid", CLI_TEXT},
	{"format", "format", CLI_NUMBER},
	{"head", "head", CLI_TEXT},
	{"commit", "commit number", CLI_NUMBER},
	{"commits", "commits", CLI_NUMBER},
	{"databases", "databases", CLI_NUMBER},
	{"tables", "tables", CLI_NUMBER},
	{"refs", "refs", CLI_NUMBER},
	{"snapshots", "snapshots", CLI_NUMBER},
	{"rows", "rows", CLI_NUMBER},
	{"segments", "segments", CLI_NUMBER},
	{"blocks", "blocks", CLI_NUMBER},
	{"row_groups", "row groups", CLI_NUMBER},
	{"bytes", "bytes", CLI_BYTES},
	{"raw_bytes", "uncompressed", CLI_BYTES},
	{"block_bytes", "bytes of blocks", CLI_BYTES},
	{"metadata_bytes", "bytes of metadata", CLI_BYTES},
	{"metadata_bytes_per_block", "metadata per block", CLI_BYTES},
	{"queue", "waiting for GC", CLI_NUMBER},
	{"clients_alive", "clients alive", CLI_NUMBER},
	{"clients_dead", "clients dead", CLI_NUMBER},
	{"created", "created", CLI_TIME},
	{"changed", "changed", CLI_TIME},
	{"expires", "expires", CLI_TIME},
};

/* Of the columns those that @o has. */
static void print(const struct cli *c, struct json_object *o)
{
	struct cli_column have[ARRAY_SIZE(columns)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (json_object_object_get_ex(o, columns[i].key, NULL))
			have[n++] = columns[i];
	cli_print_record(c, o, have, n);
}

static int stat_target(
	struct cli *c, struct refs_txn *x, const struct name_target *t, struct json_object **o)
{
	char *name cleanup(free_p) = NULL;
	struct json_object *ref;
	struct cli_place place;
	uint64_t links;
	int r = t->ref ? cli_lookup(x, t, &place, &c->error)
		       : cli_lookup_table(x, t, &place, &c->error);

	name = cli_name(t->db, t->table, NULL);
	if (r || !t->ref)
		return r ? r : stat_table(x, &place, name, *o);
	r = describe_ref(x, place.ref, &ref);
	if (r)
		return r;
	json_object_put(*o);
	*o = ref;
	r = describe_links(x, place.ref, &links);
	if (!r)
		cli_add_number(*o, "snapshots", links);
	return r;
}

int cmd_stat(struct cli *c)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct refs_txn *x auto_refs_txn = NULL;
	struct json_object *out auto_json = cli_object();
	struct name_target target cleanup(name_target_deinit) = {0};
	int r = c->n_args ? cli_parse_target(c, c->args[0], CLI_TABLE_OR_REF, &target) : 0;

	if (!r)
		r = cli_begin(c, &s, &x);
	if (!r)
		r = c->n_args ? stat_target(c, x, &target, &out) : stat_store(x, out);
	if (r)
		return cli_finish(c, r);
	print(c, out);
	return 0;
}
