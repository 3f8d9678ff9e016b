/* What is exported as JSON: versions of refs, markers, the owner. */
#include "refs/export_impl.h"
#include "refs/ref.h"
#include "refs/table.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define FORMAT 1
#define OWNER_KEY "_owner.json"
#define OWNER_BYTES_MAX 4096
/* A document's last member: the CRC-32C of all before its comma. */
#define SEAL ",\"crc32c\":\"%08x\"}\n"
#define SEAL_BYTES (sizeof ",\"crc32c\":\"01234567\"}\n" - 1)

static void json_put_p(struct json_object **j)
{
	json_object_put(*j);
}
#define auto_json cleanup(json_put_p)

/* Takes @value over, also when it fails; @value NULL: out of memory. */
static int add(struct json_object *o, const char *key, struct json_object *value)
{
	if (value && !json_object_object_add(o, key, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static int add_number(struct json_object *o, const char *key, uint64_t n)
{
	return add(o, key, json_object_new_uint64(n));
}

static int add_text(struct json_object *o, const char *key, const char *text)
{
	return add(o, key, json_object_new_string(text));
}

static int add_flag(struct json_object *o, const char *key, bool flag)
{
	return add(o, key, json_object_new_boolean(flag));
}

static int add_null(struct json_object *o, const char *key)
{
	return json_object_object_add(o, key, NULL) ? -ENOMEM : 0;
}

static int to_text(struct json_object *o, char **ret)
{
	size_t len;
	const char *text =
		json_object_to_json_string_length(o, JSON_C_TO_STRING_NOSLASHESCAPE, &len);

	if (!text)
		return -ENOMEM;
	len--; /* its last brace */
	return asprintf(ret, "%.*s" SEAL, (int)len, text, crc32c(0, text, len)) < 0 ? -ENOMEM : 0;
}

static bool is_sealed(struct slice text)
{
	char seal[SEAL_BYTES + 1];
	const char *at;

	if (text.len < SEAL_BYTES)
		return false;
	text.len -= SEAL_BYTES;
	at = (const char *)text.data + text.len;
	snprintf(seal, sizeof seal, SEAL, crc32c(0, text.data, text.len));
	return !memcmp(at, seal, SEAL_BYTES);
}

/* What every exported document begins with. */
static int begin(
	const uint8_t uuid[static UUID_BYTES], uint16_t incarnation, struct json_object **ret)
{
	struct json_object *o auto_json = json_object_new_object();
	char hex[2 * UUID_BYTES + 1];
	int r;

	hex_encode(uuid, UUID_BYTES, hex);
	r = o ? add_number(o, "format", FORMAT) : -ENOMEM;
	if (!r)
		r = add_text(o, "store", hex);
	if (!r)
		r = add_number(o, "incarnation", incarnation);
	if (!r)
		*ret = steal(&o);
	return r;
}

/* The 32 digits of a snapshot's name. */
static void digits(const struct refs_store *s, uint64_t id, const struct rec_snapshot *rec,
	char ret[static 33])
{
	char name[ID_NAME_BYTES_MAX];

	refs_snapshot_name(s, id, rec, name);
	memcpy(ret, name + 1, 32);
	ret[32] = 0;
}

/* {"snapshot", "object"} of a head or base, whose object this pass must see to. */
static int add_snapshot(struct export *e, struct refs_txn *x, struct json_object *o,
	const char *member, uint64_t id)
{
	struct json_object *at auto_json = json_object_new_object();
	char key[OBJSTORE_KEY_BYTES_MAX + 1], hex[33];
	struct rec_snapshot rec;
	int r = at ? rec_snapshot_get(x->kv, id, &rec) : -ENOMEM;

	if (!r)
		r = refs_snapshot_key(x, id, &rec, key);
	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	digits(e->store, id, &rec, hex);
	r = add_text(at, "snapshot", hex);
	if (!r)
		r = add_text(at, "object", key);
	if (!r)
		r = add_number(at, "operation", rec.operation);
	if (!r)
		r = add_text(at, "author", rec.author);
	if (!r)
		r = add_text(at, "message", rec.message);
	if (!r)
		r = export_ids_add(&e->snapshots, id);
	return r ? r : add(o, member, steal(&at));
}

struct directory {
	struct refs_txn *x;
	struct json_object *list;
};

static int add_link(void *arg, uint64_t id)
{
	struct directory *d = arg;
	struct json_object *text;
	struct rec_snapshot rec;
	char hex[33];
	int r = rec_snapshot_get(d->x->kv, id, &rec);

	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	digits(d->x->store, id, &rec, hex);
	text = json_object_new_string(hex);
	if (text && !json_object_array_add(d->list, text))
		return 0;
	json_object_put(text);
	return -ENOMEM;
}

static int add_directory(struct refs_txn *x, struct json_object *o, uint64_t ref)
{
	struct json_object *list auto_json = json_object_new_array();
	struct directory d = {x, list};
	int r = list ? refs_link_list(x, ref, 0, add_link, &d) : -ENOMEM;

	return r ? r : add(o, "directory", steal(&list));
}

static int add_snapshots(
	struct export *e, struct refs_txn *x, struct json_object *o, const struct rec_ref *rec)
{
	int r = rec->head ? add_snapshot(e, x, o, "head", rec->head) : add_null(o, "head");

	if (r)
		return r;
	return rec->base ? add_snapshot(e, x, o, "base", rec->base) : add_null(o, "base");
}

static int add_ref(struct export *e, struct refs_txn *x, struct json_object *o, uint64_t ref,
	const struct rec_ref *rec)
{
	static const char *const kinds[] = {"main", "branch", "tag"};
	int r = add_text(o, "ref", rec->name);

	if (!r)
		r = add_text(o, "kind", kinds[rec->kind]);
	if (!r)
		r = add_text(o, "state", "live");
	if (!r)
		r = add_snapshots(e, x, o, rec);
	if (!r)
		r = add_number(o, "base_ref_id", rec->base_ref);
	if (!r)
		r = add_directory(x, o, ref);
	if (!r)
		r = add_number(o, "created_us", rec->created_us);
	if (!r)
		r = add_number(o, "expire_at_us", rec->expire_at_us);
	if (!r)
		r = add_number(o, "drops", rec->drops);
	return r ? r : add_flag(o, "protected", rec->is_protected);
}

/* Database and table, by id and, unless they were dropped, by name. */
static int add_table(
	struct refs_txn *x, struct json_object *o, uint64_t id, const struct rec_table *table)
{
	struct rec_db db;
	int found = rec_db_get(x->kv, table->db, &db), r;

	if (found && found != -ENOENT)
		return found;
	r = add_number(o, "database_id", table->db);
	if (!r)
		r = found ? add_null(o, "database") : add_text(o, "database", db.name);
	if (!r)
		r = add_number(o, "table_id", id);
	if (!r)
		r = *table->name ? add_text(o, "table", table->name) : add_null(o, "table");
	return r;
}

static int ref_key(const struct export *e, uint64_t home_db, uint64_t table, uint64_t ref,
	char ret[static OBJSTORE_KEY_BYTES_MAX + 1])
{
	uint64_t random;

	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return -EIO;
	snprintf(ret, OBJSTORE_KEY_BYTES_MAX + 1, "%llu/%llu/_refs/%llu/r%016llx%016llx.json",
		(unsigned long long)home_db, (unsigned long long)table, (unsigned long long)ref,
		(unsigned long long)e->commit, (unsigned long long)random);
	return 0;
}

static int ref_document(struct export *e, struct refs_txn *x, uint64_t ref, uint64_t table_id,
	const struct rec_table *table, struct json_object **ret)
{
	struct json_object *o auto_json = NULL;
	struct rec_ref rec;
	int r = rec_ref_get(x->kv, ref, &rec);
	bool dropped = r == -ENOENT || (!r && rec.trash) || !*table->name;

	if (r && r != -ENOENT)
		return r;
	r = begin(e->store->uuid, e->store->ids.incarnation, &o);
	if (!r)
		r = add_number(o, "commit", e->commit);
	if (!r)
		r = add_table(x, o, table_id, table);
	if (!r)
		r = add_number(o, "ref_id", ref);
	if (!r)
		r = dropped ? add_text(o, "state", "dropped") : add_ref(e, x, o, ref, &rec);
	if (!r)
		*ret = steal(&o);
	return r;
}

int export_ref_read(struct export *e, struct refs_txn *x, uint64_t ref, uint64_t table_id)
{
	struct json_object *o auto_json = NULL;
	struct export_ref *to;
	struct rec_table table;
	int r = rec_table_get(x->kv, table_id, &table);

	if (!r)
		r = array_grow(e->refs, e->n_refs, e->refs_capacity) ? 0 : -ENOMEM;
	if (!r)
		r = ref_document(e, x, ref, table_id, &table, &o);
	if (r)
		return r;
	to = &e->refs[e->n_refs];
	*to = (struct export_ref){.id = ref};
	r = ref_key(e, table.home_db, table_id, ref, to->key);
	if (!r)
		r = to_text(o, &to->text);
	if (!r)
		e->n_refs++;
	return r;
}

/* What a dropped ref was called last is of no account. */
static bool says_dropped(struct slice text)
{
	struct json_object *o auto_json = NULL, *state;
	char *copy cleanup(free_p) = strndup(text.data, text.len);

	o = copy ? json_tokener_parse(copy) : NULL;
	return json_object_object_get_ex(o, "state", &state) &&
	       !strcmp(json_object_get_string(state), "dropped");
}

int refs_export_check_ref(
	struct refs_txn *x, uint64_t ref, uint64_t table_id, uint64_t commit, struct slice text)
{
	struct export e = {.store = x->store, .commit = commit};
	struct json_object *o auto_json = NULL;
	char *wanted cleanup(free_p) = NULL;
	struct rec_table table;
	int r = is_sealed(text) ? rec_table_get(x->kv, table_id, &table) : -EBADMSG;

	if (!r)
		r = ref_document(&e, x, ref, table_id, &table, &o);
	free(e.snapshots.items);
	if (!r)
		r = to_text(o, &wanted);
	if (r || slice_equal(slice_str(wanted), text))
		return r;
	return says_dropped(slice_str(wanted)) && says_dropped(text) ? 0 : -ESTALE;
}

int refs_export_marker(const struct refs_store *s, uint64_t commit,
	char ret_key[static OBJSTORE_KEY_BYTES_MAX + 1], char **ret_text)
{
	struct json_object *o auto_json = NULL;
	int r = begin(s->uuid, s->ids.incarnation, &o);

	if (!r)
		r = add_number(o, "commit", commit);
	if (!r)
		r = to_text(o, ret_text);
	snprintf(ret_key, OBJSTORE_KEY_BYTES_MAX + 1, "_export/m%04x%016llx.json",
		s->ids.incarnation, (unsigned long long)commit);
	return r;
}

static int check_owner(struct objstore *objects, const char *text, struct bough_error *error)
{
	struct buf there auto_buf = {0};
	int r = objstore_get(objects, OWNER_KEY, OWNER_BYTES_MAX, &there);

	if (!r && slice_equal(buf_slice(&there), slice_str(text)))
		return 0;
	if (r == -EFBIG || (!r && !is_sealed(buf_slice(&there)))) {
		r = error_set(error, -EUCLEAN,
			"the owner's object, " OWNER_KEY ", is damaged: its checksum does not fit");
		return error_hint(error, r,
			"if the objects are this store's, remove it: bough sync writes it again");
	}
	if (!r) {
		error_set(error, -EPERM,
			"the objects belong to another store: " OWNER_KEY " among them says so");
		return error_hint(error, -EPERM, "each store needs objects of its own");
	}
	return r;
}

static int owner_text(const uint8_t uuid[static UUID_BYTES], uint16_t incarnation, char **ret_text)
{
	struct json_object *o auto_json = NULL;
	int r = begin(uuid, incarnation, &o);

	return r ? r : to_text(o, ret_text);
}

int refs_export_check_owner(const struct refs_store *s, struct bough_error *error)
{
	char *text cleanup(free_p) = NULL;
	int r = owner_text(s->uuid, s->ids.incarnation, &text);

	return r ? r : check_owner(s->objects, text, error);
}

int refs_export_owner(struct objstore *objects, const uint8_t uuid[static UUID_BYTES],
	uint16_t incarnation, struct bough_error *error)
{
	char *text cleanup(free_p) = NULL;
	int r = owner_text(uuid, incarnation, &text);

	if (!r)
		r = check_owner(objects, text, error);
	if (r != -ENOENT)
		return r;
	r = objstore_put(objects, OWNER_KEY, slice_str(text));
	if (r != -EEXIST)
		return r;
	r = check_owner(objects, text, error);
	return r == -ENOENT ? -EAGAIN : r; /* another one is writing it */
}
