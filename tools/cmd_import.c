/* bough import: which files, under which names; refs/commit does the rest. */
#include "tools/cmd_impl.h"
#include "refs/commit.h"

#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

/* Files in the order given; those of a folder sorted by path. */
struct file_list {
	struct refs_file *items;
	char **below; /* beside each: its path below the folder given, for its name */
	size_t n, capacity;
};

static void file_list_deinit(struct file_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free((char *)l->items[i].path);
		free(l->items[i].name);
		free(l->below[i]);
	}
	free(l->items);
	free(l->below);
}

static void add_file(
	struct file_list *l, const char *path, const char *below, const struct stat *st)
{
	if (l->n == l->capacity) {
		l->capacity = l->capacity ? 2 * l->capacity : 64;
		l->items = cli_check(realloc(l->items, l->capacity * sizeof *l->items));
		l->below = cli_check(realloc(l->below, l->capacity * sizeof *l->below));
	}
	l->below[l->n] = cli_check(strdup(below));
	l->items[l->n++] = (struct refs_file){.path = cli_check(strdup(path)),
		.modified_us = (uint64_t)st->st_mtim.tv_sec * 1000000 +
			       (uint64_t)st->st_mtim.tv_nsec / 1000};
}

/* As the mount has it: other names are temporary files and markers of other programs. */
static bool is_data_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && !strcasecmp(dot, ".parquet") && name[0] != '.' && name[0] != '_' &&
	       strncmp(name, "tmp_", 4);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int take_entry(struct cli *c, struct file_list *l, FTS *fts, FTSENT *e, size_t root)
{
	switch (e->fts_info) {
	case FTS_D:
		if (e->fts_level > 0 && (e->fts_name[0] == '.' || e->fts_name[0] == '_'))
			fts_set(fts, e, FTS_SKIP);
		return 0;
	case FTS_F:
		if (is_data_name(e->fts_name))
			add_file(l, e->fts_path, e->fts_path + root + 1, e->fts_statp);
		return 0;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return cli_cannot_read(c, -e->fts_errno, e->fts_path);
	case FTS_DC:
		error_set(&c->error, -ELOOP, "'%s' leads back into itself", e->fts_path);
		return error_hint(&c->error, -ELOOP, "name the folders beside it one by one");
	default:
		return 0;
	}
}

static int walk(struct cli *c, struct file_list *l, char *folder)
{
	char *roots[] = {folder, NULL};
	size_t n = strlen(folder), before = l->n;
	FTS *fts;
	int r = 0;

	while (n > 1 && folder[n - 1] == '/')
		folder[--n] = 0;
	fts = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
	if (!fts)
		return -errno;
	for (FTSENT *e; !r && (e = fts_read(fts));)
		r = take_entry(c, l, fts, e, n);
	fts_close(fts);
	if (r || l->n > before)
		return r;
	error_set(&c->error, -ENOENT, "no *.parquet file in or below '%s'", folder);
	return error_hint(
		&c->error, -ENOENT, "name the files themselves if they are called otherwise");
}

static int find_files(struct cli *c, struct file_list *l)
{
	int r = 0;

	for (int i = 1; !r && i < c->n_args; i++) {
		char *path = c->args[i], *slash = strrchr(path, '/');
		struct stat st;

		if (stat(path, &st))
			r = cli_cannot_read(c, -errno, path);
		else if (S_ISDIR(st.st_mode))
			r = walk(c, l, path);
		else if (S_ISREG(st.st_mode))
			add_file(l, path, slash ? slash + 1 : path, &st);
		else
			r = cli_no_file(c, path);
	}
	return r;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * A file keeps its own name. Where two folders hold the same (part-0.parquet of every partition),
 * all files of that name carry the folders in it.
 */
static int name_files(struct cli *c, struct file_list *l)
{
	const char **sorted cleanup(free_p) = cli_check(calloc(l->n, sizeof *sorted));

	for (size_t i = 0; i < l->n; i++)
		sorted[i] = base_name(l->below[i]);
	qsort(sorted, l->n, sizeof *sorted, by_text);
	for (size_t i = 0; i < l->n; i++) {
		const char *base = base_name(l->below[i]);
		const char **at = bsearch(&base, sorted, l->n, sizeof *sorted, by_text);
		bool twice = (at > sorted && !strcmp(at[-1], base)) ||
			     (at + 1 < sorted + l->n && !strcmp(at[1], base));

		l->items[i].name = cli_check(strdup(twice ? l->below[i] : base));
		for (char *p = l->items[i].name; *p; p++)
			if (*p == '/')
				*p = '-';
		if (strlen(l->items[i].name) > REC_NAME_BYTES_MAX) {
			error_set(&c->error, -ENAMETOOLONG, "the name of '%s' is too long",
				l->items[i].path);
			return error_hint(&c->error, -ENAMETOOLONG,
				"it keeps its name, of at most %d bytes: rename it first",
				REC_NAME_BYTES_MAX);
		}
	}
	return 0;
}

/* Each file is two steps, and all of the first come first: a user counts files. */
static void take_progress(void *arg, size_t done, size_t total, uint64_t bytes)
{
	struct cli_progress *p = arg;
	size_t files = total / 2;

	p->label = done > files ? "storing" : "reading";
	cli_progress_update(p, done > files ? done - files : done, files, bytes);
}

static void print(const struct cli *c, const struct refs_store *s, const char *name, size_t files,
	const struct refs_imported *done)
{
	struct json_object *out auto_json = cli_object();
	char object[ID_NAME_BYTES_MAX] = "", size[32];

	if (done->snapshot)
		refs_object_name(s, ID_SNAPSHOT, done->incarnation, done->timestamp_us / 1000,
			done->snapshot, object);
	cli_format_bytes(done->bytes, c->human, size);
	object[object[0] ? 33 : 0] = 0;
	cli_add_text(out, "imported", name);
	cli_add_text(out, "snapshot", done->snapshot ? object + 1 : NULL);
	cli_add_number(out, "commit", done->commit);
	cli_add_number(out, "files", files);
	cli_add_number(out, "blocks", done->blocks);
	cli_add_number(out, "rows", done->rows);
	cli_add_number(out, "bytes", done->bytes);
	if (done->snapshot)
		cli_report(c, out,
			"imported %zu file%s into %s: %llu row%s, %s bytes, snapshot %.*s", files,
			cli_s(files), name, (unsigned long long)done->rows, cli_s(done->rows), size,
			CLI_ID_DIGITS, object + 1);
	else
		cli_report(c, out, "the files hold no rows: nothing was committed to %s", name);
}

/* What was unknown may be the ref: is there one with a name like it? */
static void hint_target(struct cli *c, struct refs_store *s, const struct name_target *t)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct cli_place place;

	if (!refs_begin(s, KV_READ, &x))
		cli_lookup(x, t, &place, &c->error);
}

static int run(struct cli *c, struct file_list *l, const struct name_target *t)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct cli_progress progress auto_progress;
	char *name cleanup(free_p) = cli_name(t->db, t->table, t->ref);
	struct refs_import in = {.db = t->db,
		.table = t->table,
		.ref = t->ref,
		.files = l->items,
		.n_files = l->n,
		.author = cli_option(c, "author"),
		.message = cli_option(c, "message"),
		.take = OBJSTORE_COPY,
		.progress = take_progress,
		.progress_arg = &progress};
	struct refs_imported done = {0};
	int r;

	cli_progress_init(&progress, "reading");
	r = cli_open(c, &s);
	if (!r)
		r = refs_import_run(s, &in, &done, &c->error);
	cli_progress_end(&progress);
	if (r == -ENOENT && s && t->ref)
		hint_target(c, s, t);
	if (r)
		return cli_finish(c, r);
	print(c, s, name, l->n, &done);
	cli_leave(s);
	return 0;
}

int cmd_import(struct cli *c)
{
	struct file_list files cleanup(file_list_deinit) = {0};
	struct name_target target cleanup(name_target_deinit) = {0};
	int r = cli_parse_target(c, c->args[0], CLI_TABLE_OR_REF, &target);

	if (r)
		return r;
	if (cli_option(c, "rewrite")) {
		error_set(&c->error, -EOPNOTSUPP, "--rewrite is not there yet: it comes with SQL");
		return error_hint(&c->error, -EOPNOTSUPP, "without it each file is kept as it is");
	}
	r = find_files(c, &files);
	if (!r)
		r = name_files(c, &files);
	return r ? cli_finish(c, r) : run(c, &files, &target);
}
