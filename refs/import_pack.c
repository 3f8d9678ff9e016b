/* Blocks of an import into segments, with their v4 objects. */
#include "meta/codec.h"
#include "refs/import_impl.h"
#include "refs/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct commit_segment *last(struct import *im)
{
	return &im->segments[im->n_segments - 1];
}

static int make_room(struct import_pack *p, size_t n)
{
	size_t wanted = p->n_metas + n;
	struct codec_block *metas;

	if (wanted <= p->capacity)
		return 0;
	wanted = wanted > 2 * p->capacity ? wanted : 2 * p->capacity;
	metas = reallocarray(p->metas, wanted, sizeof *metas);
	if (!metas)
		return -ENOMEM;
	p->metas = metas;
	p->capacity = wanted;
	return 0;
}

/* Completes the block metas of one file: where it lies, how it is named. */
static int add_metas(struct import *im, struct import_file *f)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	struct slice name = f->block.entry.name;
	struct import_pack *p = &im->pack;
	int r = make_room(p, f->desc->n_groups);

	if (r)
		return r;
	import_block_key(im, f->block.id, key);
	for (size_t i = 0; i < f->desc->n_groups; i++) {
		struct codec_block *b = &f->desc->groups[i];

		snprintf(b->location.path, sizeof b->location.path, "%s", key);
		b->location.version = 2;
		b->file_size = f->size_bytes;
		b->modified_us = f->block.entry.modified_us;
		free(b->given_name);
		b->given_name = strndup(name.data, name.len);
		if (!b->given_name)
			return -ENOMEM;
		p->metas[p->n_metas++] = *b; /* borrowed: f->desc owns it */
	}
	return 0;
}

static void add_file(struct commit_segment *g, const struct import_file *f)
{
	struct rec_segment *rec = &g->rec;

	g->entries[rec->blocks++] = f->block.entry;
	rec->rows += f->rows;
	rec->bytes += f->desc->raw_bytes;
	rec->file_bytes += f->size_bytes;
	rec->metas += (uint32_t)f->desc->n_groups;
}

static bool is_full(const struct commit_segment *g, const struct import_file *f)
{
	return g->rec.blocks == COMMIT_SEGMENT_BLOCKS_MAX ||
	       (g->rec.blocks && g->rec.metas + f->desc->n_groups > COMMIT_SEGMENT_METAS_MAX);
}

static int begin_segment(struct import *im)
{
	struct commit_segment *all =
		reallocarray(im->segments, im->n_segments + 1, sizeof *im->segments);
	struct commit_segment *g;

	if (!all)
		return -ENOMEM;
	im->segments = all;
	g = &all[im->n_segments];
	*g = (struct commit_segment){.id = im->ids.first + im->in->n_files + im->n_segments};
	g->rec = (struct rec_segment){
		.table = im->table, .ms = im->ids.ms, .incarnation = im->ids.incarnation};
	g->entries = calloc(COMMIT_SEGMENT_BLOCKS_MAX, sizeof *g->entries);
	if (!g->entries)
		return -ENOMEM;
	im->n_segments++;
	im->pack.is_open = true;
	return 0;
}

/* Encodes the last segment, whose files end before @end: their descriptions have served. */
static int end_segment(struct import *im, size_t end)
{
	struct import_pack *p = &im->pack;
	struct codec_segment c = {.blocks = p->metas, .n_blocks = p->n_metas};
	struct commit_segment *g = last(im);
	int r = codec_segment_encode(&c, CODEC_ZSTD, &g->v4);

	g->rec.v4_size = g->v4.len;
	while (p->first < end)
		import_forget(&im->files[p->first++]);
	p->n_metas = 0;
	p->is_open = false;
	return r;
}

int import_pack_add(struct import *im, size_t at)
{
	struct import_file *f = &im->files[at];
	int r = 0;

	if (im->pack.is_open && is_full(last(im), f))
		r = end_segment(im, at);
	if (!r && !im->pack.is_open)
		r = begin_segment(im);
	if (!r)
		r = add_metas(im, f);
	if (!r)
		add_file(last(im), f);
	return r;
}

int import_pack_end(struct import *im)
{
	return im->pack.is_open ? end_segment(im, im->in->n_files) : 0;
}

void import_pack_undo(struct import *im)
{
	for (size_t i = 0; im->files && i < im->in->n_files; i++)
		import_forget(&im->files[i]);
	for (size_t i = 0; i < im->n_segments; i++) {
		free(im->segments[i].entries);
		buf_deinit(&im->segments[i].v4);
	}
	free(steal(&im->segments));
	free(steal(&im->blocks));
	free(im->pack.metas);
	im->pack = (struct import_pack){0};
	im->n_segments = im->n_blocks = 0;
}

int import_pack_blocks(struct import *im)
{
	size_t n = 0;

	im->blocks = calloc(im->n_blocks + 1, sizeof *im->blocks);
	if (!im->blocks)
		return -ENOMEM;
	for (size_t i = 0; i < im->in->n_files; i++)
		if (im->files[i].rows)
			im->blocks[n++] = im->files[i].block;
	n = 0;
	for (size_t i = 0; i < im->n_segments; i++) {
		im->segments[i].blocks = im->blocks + n;
		n += im->segments[i].rec.blocks;
	}
	return 0;
}
