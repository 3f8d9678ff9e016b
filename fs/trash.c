/* .bough/trash/: one directory per entry that can be restored, "<db>.<table>~<ref>~<id>". */
#include "fs/tree_impl.h"
#include "refs/name.h"
#include "refs/trash.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/** Where the entry was, as the mount writes it. */
static int place_of(struct refs_txn *x, const struct rec_trash *e, struct buf *ret)
{
	char *db_path cleanup(free_p) = NULL, *table_path cleanup(free_p) = NULL;
	const char *db_name = e->db_name, *table_name = e->name;
	struct rec_table table;
	struct rec_db db;
	int r = rec_table_get(x->kv, e->table, &table);

	if (r)
		return r;
	if (!rec_db_get(x->kv, table.db, &db)) /* it may be gone, or have a new name */
		db_name = db.name;
	if (e->kind != REC_TRASH_TABLE)
		table_name = table.name;
	r = name_to_path(db_name, &db_path);
	if (!r)
		r = name_to_path(table_name, &table_path);
	if (!r)
		r = buf_printf(ret, "%s.%s", db_path, table_path);
	return r || e->kind == REC_TRASH_TABLE ? r : buf_printf(ret, "~%s", e->name);
}

int fs_trash_name(struct refs_txn *x, uint64_t id, char ret[static FS_NAME_BYTES_MAX + 1])
{
	struct buf place auto_buf = {0};
	struct rec_trash e;
	char tail[24];
	int n = snprintf(tail, sizeof tail, "~%llu", (unsigned long long)id);
	int r = rec_trash_get(x->kv, id, &e);

	if (!r)
		r = place_of(x, &e, &place);
	if (!r)
		r = buf_append(&place, "", 1);
	if (!r) /* what is too long for a name is cut: the id says it all */
		snprintf(ret, FS_NAME_BYTES_MAX + 1, "%.*s%s", FS_NAME_BYTES_MAX - n,
			(const char *)place.data, tail);
	return r;
}

int fs_trash_find(struct refs_txn *x, const char *name, uint64_t *ret_id)
{
	const char *tail = strrchr(name, '~');
	char whole[FS_NAME_BYTES_MAX + 1], *end;
	unsigned long long id;
	int r;

	if (!tail || tail[1] < '1' || tail[1] > '9')
		return -ENOENT;
	id = strtoull(tail + 1, &end, 10);
	if (*end || id > ID_MAX)
		return -ENOENT;
	r = fs_trash_name(x, id, whole);
	if (!r && strcmp(name, whole) != 0)
		r = -ENOENT;
	if (!r)
		*ret_id = id;
	return r;
}
