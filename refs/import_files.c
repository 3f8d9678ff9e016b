/* The files of an import: looked into and matched. */
#include "refs/import_impl.h"
#include "refs/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <json-c/json.h>
#include <sys/stat.h>

static void json_put_p(struct json_object **j)
{
	json_object_put(*j);
}

int import_open(const char *path, struct stat *ret, struct bough_error *error)
{
	int fd cleanup(close_p) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int taken, r;

	if (fd < 0 || fstat(fd, ret)) {
		r = error_set(error, -errno, "cannot open %s: %s", path, strerror(errno));
		return r == -EACCES ? error_hint(error, r, "it takes the right to read it") : r;
	}
	if (!S_ISREG(ret->st_mode))
		return error_set(error, -EINVAL, "%s is not a regular file", path);
	taken = fd;
	fd = -1;
	return taken;
}

uint64_t import_modified_us(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000 + (uint64_t)st->st_mtim.tv_nsec / 1000;
}

int import_take(struct import *im, struct reader *reader, int fd, struct json_object *description,
	size_t at, const struct stat *st, struct bough_error *error)
{
	struct import_file *f = &im->files[at];
	struct refs_file *in = &im->in->files[at];
	int r;

	f->desc = calloc(1, sizeof *f->desc);
	r = f->desc ? parquet_look(reader, fd, description, in->path, f->desc, error) : -ENOMEM;
	if (r)
		return r;
	f->rows = f->desc->rows;
	f->size_bytes = (uint64_t)st->st_size;
	in->modified_us = import_modified_us(st);
	return 0;
}

int import_describe(struct import *im, struct reader *reader, size_t at, struct bough_error *error)
{
	const char *path = im->in->files[at].path;
	struct json_object *j cleanup(json_put_p) = NULL;
	struct stat st;
	int fd cleanup(close_p) = import_open(path, &st, error);
	int r = fd < 0 ? fd : reader_inspect(reader, fd, path, &j, error);

	if (!r)
		r = import_take(im, reader, fd, j, at, &st, error);
	return r == -EINVAL ? error_hint(error, r,
				      "nothing was imported: leave this file out, or write "
				      "it again as whole Parquet")
			    : r;
}

/* The first file of an empty table decides its schema; all others are matched against it. */
static int match(struct import *im, size_t at)
{
	struct parquet_file *d = im->files[at].desc;
	struct bough_error why = {0};
	uint32_t *ids cleanup(free_p) = NULL;
	size_t n;
	int r;

	if (!im->has_schema) {
		r = schema_copy(&d->schema, &im->schema);
		im->has_schema = !r;
		return r;
	}
	r = parquet_drop_nullable(&im->schema, d, &why);
	if (!r)
		r = schema_match(&im->schema, &d->schema, &ids, &n, &why);
	if (!r)
		r = parquet_match(&im->schema, &d->schema, ids, n, &why);
	if (!r)
		return parquet_renumber(d, &im->schema, ids, n);
	if (*why.message) {
		error_set(im->error, r, "%s: %s", im->in->files[at].path, why.message);
		if (*why.hint)
			error_hint(im->error, r, "%s", why.hint);
		error_hint(im->error, r, "'bough table show' shows the columns of %.100s.%.100s",
			im->in->db, im->in->table);
	}
	return r;
}

static void make_block(struct import *im, size_t at)
{
	struct import_file *f = &im->files[at];
	const struct refs_file *in = &im->in->files[at];

	f->block.id = im->ids.first + im->n_blocks++;
	f->block.rec = (struct rec_block){.table = im->table,
		.ms = im->ids.ms,
		.rows = f->rows,
		.size_bytes = f->size_bytes,
		.raw_bytes = f->desc->raw_bytes,
		.row_groups = (uint32_t)f->desc->n_groups,
		.incarnation = im->ids.incarnation,
		.flags = f->desc->is_foreign ? REC_BLOCK_FOREIGN : 0};
	f->block.entry =
		(struct rec_segment_entry){f->block.id, in->modified_us, slice_str(in->name)};
}

int import_match(struct import *im, size_t at)
{
	int r = match(im, at);

	if (r)
		return r;
	schema_deinit(&im->files[at].desc->schema);
	if (!im->files[at].rows)
		return 0;
	make_block(im, at);
	return import_pack_add(im, at);
}

void import_forget(struct import_file *f)
{
	if (f->desc)
		parquet_file_deinit(f->desc);
	free(f->desc);
	f->desc = NULL;
}
