/* Contents of the files in .bough/. */
#include "fs/tree_impl.h"

static const char readme[] =
	"This is a Bough store: tables of immutable Parquet files with branches and tags.\n"
	"\n"
	"  ls DB/TABLE/data                 the table's files, as the newest snapshot has them\n"
	"  mkdir DB/TABLE/_refs/dev         a branch: instant, whatever the table's size\n"
	"  mkdir -m 555 DB/TABLE/_refs/v1   a tag: read-only for ever\n"
	"  cp x.parquet DB/TABLE/_refs/dev/data/   appends it, or replaces the file of that name\n"
	"  rm, mv, ln in data/              remove, rename, take from another branch\n"
	"  mv DB/TABLE/_refs/dev DB/TABLE/_refs/dev2\n"
	"  rmdir DB/TABLE/_refs/dev         drops a branch, whole. Not rm -r: that empties it "
	"first.\n"
	"  mv .bough/trash/NAME DB/TABLE/_refs/dev   brings it back, for some days\n"
	"  ln -sfn ../../_ss/SNAPSHOT DB/TABLE/_refs/dev/HEAD   resets a branch\n"
	"\n"
	"Each change in data/ is a commit of that branch alone. A file is committed when it is\n"
	"closed, or renamed to its name; until then nobody sees it. It must be a whole Parquet\n"
	"file with the table's columns, and its name end in .parquet and not begin with '.', '_'\n"
	"or 'tmp_'; other names are for files on their way and no part of the table. Committed\n"
	"files are replaced as a whole, never changed. There are no folders in data/. To commit\n"
	"many files at once: 'bough import'.\n"
	"Where a program says only 'Invalid argument' or 'Operation not permitted', .bough/errors\n"
	"has the reason.\n"
	"\n"
	"Files of this directory: version; stats (Prometheus text); config (what is in force);\n"
	"errors (the last 1,000 refused or failed operations with their reasons); trash/.\n"
	"All of it: man bough-mount. The command 'bough --help' says what else there is.\n";

static int config_text(const struct fs_tree *t, struct buf *ret)
{
	const struct refs_conf *c = &t->store->conf;
	int r = buf_printf(ret, "store = %s\n", t->store->path);

	if (!r)
		r = buf_printf(ret, "objects = %s\n", c->objects_url ? c->objects_url : "");
	if (!r)
		r = buf_printf(
			ret, "meta_max_size = %llu\n", (unsigned long long)c->meta_size_max_bytes);
	if (!r)
		r = buf_printf(ret, "group = %s\n", c->group ? c->group : "");
	if (!r)
		r = buf_printf(
			ret, "reader_memory = %llu\n", (unsigned long long)c->reader_memory_bytes);
	return r ? r
		 : buf_printf(ret, "trash = %llus\n", (unsigned long long)c->trash_us / 1000000);
}

int fs_text(const struct fs_tree *t, enum fs_file file, struct buf *ret)
{
	switch (file) {
	case FS_FILE_README:
		return buf_append(ret, readme, sizeof readme - 1);
	case FS_FILE_VERSION:
		return buf_printf(ret, "bough %s\n", BOUGH_VERSION);
	case FS_FILE_STATS:
		return fs_report_stats_text(t->report, ret);
	case FS_FILE_CONFIG:
		return config_text(t, ret);
	case FS_FILE_ERRORS:
		return fs_report_errors_text(t->report, ret);
	}
	return 0;
}
