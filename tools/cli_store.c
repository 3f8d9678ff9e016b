/* The store, and what names mean in it: with the nearest name where one is unknown. */
#include "refs/export.h"
#include "tools/cli_impl.h"

#include <errno.h>
#include <string.h>

int cli_open(struct cli *c, struct refs_store **ret)
{
	char *path cleanup(free_p) = NULL;
	int r = refs_store_find(c->store, &path, &c->error);

	return r ? r : refs_store_open(path, REFS_ROLE_CLI, ret, &c->error);
}

int cli_begin(struct cli *c, struct refs_store **ret, struct refs_txn **ret_x)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	int r = cli_open(c, &s);

	if (!r)
		r = refs_begin(s, KV_READ, ret_x);
	if (!r)
		*ret = steal(&s);
	return r;
}

int cli_write(struct cli *c, refs_body body, void *arg)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	int r = cli_open(c, &s);

	if (!r)
		r = refs_write(s, body, arg, &c->error);
	if (!r)
		cli_leave(s);
	return r;
}

void cli_leave(struct refs_store *s)
{
	struct bough_error error = {0};

	if (!refs_export_leave(s, &error))
		return;
	fprintf(stderr, "bough: done, but not exported yet: %s\n", error.message);
	fprintf(stderr, "hint: the next command that writes, or 'bough sync', tries again\n");
}

static int offer_child(void *arg, uint64_t id, const char *name)
{
	(void)id;
	cli_nearest_offer(arg, name);
	return 0;
}

/* @name is not in @dir: is there one like it? */
static void hint_nearest(struct refs_txn *x, uint64_t dir, const char *name, const char *list,
	struct bough_error *error)
{
	struct cli_nearest near;

	if (!error || error->hint[0])
		return;
	cli_nearest_init(&near, name);
	if (!refs_dir_list(x, dir, 0, offer_child, &near) && near.best[0])
		error_hint(error, error->code, "did you mean '%s'?", near.best);
	else
		error_hint(error, error->code, "'bough %s list' shows what there is", list);
}

int cli_lookup_db(struct refs_txn *x, const char *name, uint64_t *ret_db, struct bough_error *error)
{
	int r = refs_db_lookup(x, name, ret_db, error);

	if (r == -ENOENT)
		hint_nearest(x, REC_DIR_ROOT, name, "db", error);
	return r;
}

int cli_lookup_table(struct refs_txn *x, const struct name_target *t, struct cli_place *ret,
	struct bough_error *error)
{
	int r = cli_lookup_db(x, t->db, &ret->db, error);

	if (r)
		return r;
	r = refs_table_lookup(x, ret->db, t->table, &ret->table, error);
	if (r == -ENOENT)
		hint_nearest(x, ret->db, t->table, "table", error);
	return r;
}

int cli_lookup(struct refs_txn *x, const struct name_target *t, struct cli_place *ret,
	struct bough_error *error)
{
	int r = cli_lookup_table(x, t, ret, error);

	if (r)
		return r;
	r = refs_ref_lookup(x, ret->table, t->ref, &ret->ref, error);
	if (r == -ENOENT)
		hint_nearest(x, ret->table, t->ref, "branch", error);
	return r;
}

int cli_parse_target(struct cli *c, const char *text, enum cli_target form, struct name_target *ret)
{
	static const char *const wanted[] = {[CLI_TABLE] = "db.table",
		[CLI_TABLE_OR_REF] = "db.table or db.table/ref",
		[CLI_REF] = "db.table/name",
		[CLI_REF_AND_MOMENT] = "db.table, db.table/ref or db.table/ref@moment"};
	int r = name_target_parse(text, ret, &c->error);

	if (r)
		return r == -EINVAL ? CLI_USAGE : r;
	if ((ret->moment && form != CLI_REF_AND_MOMENT) || (ret->ref && form == CLI_TABLE) ||
		(!ret->ref && form == CLI_REF)) {
		name_target_deinit(ret);
		return cli_usage(c, "'%s' cannot stand here: expected %s", text, wanted[form]);
	}
	return 0;
}

int cli_parse_name(struct cli *c, const char *text, char **ret)
{
	size_t n = strlen(text), at = 0;
	char *out;

	if (text[0] != '"') {
		*ret = cli_check(strdup(text));
		return 0;
	}
	if (n < 2 || text[n - 1] != '"')
		return cli_usage(c, "'%s' has no closing quote", text);
	out = cli_check(malloc(n));
	for (size_t i = 1; i < n - 1; i++) {
		out[at++] = text[i];
		if (text[i] == '"')
			i++; /* doubled */
	}
	out[at] = 0;
	*ret = out;
	return 0;
}

static void append_part(struct buf *out, const char *part, const char *stops)
{
	int r;

	if (part[0] != '"' && !strpbrk(part, stops)) {
		r = buf_printf(out, "%s", part);
	} else {
		r = buf_append(out, "\"", 1);
		for (; !r && *part; part++)
			r = buf_append(out, *part == '"' ? "\"\"" : part, *part == '"' ? 2 : 1);
		if (!r)
			r = buf_append(out, "\"", 1);
	}
	if (r)
		cli_check(NULL);
}

char *cli_name(const char *db, const char *table, const char *ref)
{
	struct buf out auto_buf = {0};

	append_part(&out, db, ".");
	if (table && !buf_append(&out, ".", 1))
		append_part(&out, table, "/@");
	if (ref && !buf_append(&out, "/", 1))
		append_part(&out, ref, "@");
	if (buf_append(&out, "", 1))
		cli_check(NULL);
	return (char *)steal(&out.data);
}

int cli_snapshot_hex(struct refs_txn *x, uint64_t id, char ret[static 33])
{
	char name[ID_NAME_BYTES_MAX];
	struct rec_snapshot rec;
	int r;

	ret[0] = 0;
	if (!id)
		return 0;
	r = rec_snapshot_get(x->kv, id, &rec);
	if (r)
		return r == -ENOENT ? 0 : r; /* history may be gone */
	refs_snapshot_name(x->store, id, &rec, name);
	memcpy(ret, name + 1, 32);
	ret[32] = 0;
	return 0;
}

int cli_cannot_read(struct cli *c, int r, const char *path)
{
	error_set(&c->error, r, "cannot read '%s': %s", path, strerror(-r));
	if (r == -ENOENT || r == -ELOOP)
		error_hint(&c->error, r, "'ls -l' shows whether it is there, or a dead link");
	else if (r == -EACCES)
		error_hint(&c->error, r, "it takes the right to read it and the folders above");
	return r;
}

int cli_no_file(struct cli *c, const char *path)
{
	error_set(&c->error, -EINVAL, "'%s' is no regular file", path);
	return error_hint(&c->error, -EINVAL, "copy what it gives into a file first");
}

#define ERROR_NO_SNAPSHOT 2013 /* Databend's */

/* What to do about errors that the library only names. */
static void add_hint(struct cli *c, int r)
{
	if (c->error.hint[0])
		return;
	if (r == -ENOSPC)
		error_hint(&c->error, r, "nothing was changed: free some space, then repeat it");
	else if (r == -EEXIST && c->error.message[0])
		error_hint(&c->error, r, "choose another name, or rename or drop what has it");
	else if (c->error.number == ERROR_NO_SNAPSHOT)
		error_hint(
			&c->error, r, "'bough log' shows the snapshots of a ref and their times");
}

int cli_finish(struct cli *c, int r)
{
	const char *where = c->store ? c->store : "the store";

	if (r >= 0)
		return r;
	add_hint(c, r);
	if (c->error.message[0])
		return r;
	if (r == -EUCLEAN) {
		error_set(&c->error, r, "a record of %s is damaged", where);
		error_hint(&c->error, r, "run 'bough fsck'");
	} else if (r == -ENOSPC) {
		error_set(&c->error, r, "no space left for %s", where);
	} else {
		error_set(&c->error, r, "%s: %s", where, strerror(-r));
	}
	return r;
}
