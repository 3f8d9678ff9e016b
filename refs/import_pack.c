/* Blocks of an import into segments, with their v4 objects. */
#include "meta/codec.h"
#include "refs/import_impl.h"
#include "refs/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Completes the block metas of one file: where it lies, how it is named. */
static int add_metas(struct import *im, struct import_file *f, struct codec_segment *c)
{
	char key[OBJSTORE_KEY_BYTES_MAX + 1];
	struct slice name = f->block.entry.name;

	refs_object_key(im->store, im->home_db, im->table, ID_BLOCK, im->ids.incarnation,
		im->ids.ms, f->block.id, key);
	for (size_t i = 0; i < f->desc.n_groups; i++) {
		struct codec_block *b = &f->desc.groups[i];

		snprintf(b->location.path, sizeof b->location.path, "%s", key);
		b->location.version = 2;
		b->file_size = f->size_bytes;
		b->modified_us = f->block.entry.modified_us;
		free(b->given_name);
		b->given_name = strndup(name.data, name.len);
		if (!b->given_name)
			return -ENOMEM;
		c->blocks[c->n_blocks++] = *b; /* borrowed: f->desc owns it */
	}
	return 0;
}

static void add_file(struct commit_segment *g, const struct import_file *f)
{
	struct rec_segment *rec = &g->rec;

	g->entries[rec->blocks++] = f->block.entry;
	rec->rows += f->rows;
	rec->bytes += f->desc.raw_bytes;
	rec->file_bytes += f->size_bytes;
	rec->metas += (uint32_t)f->desc.n_groups;
}

static bool is_full(const struct commit_segment *g, const struct import_file *f)
{
	return g->rec.blocks == COMMIT_SEGMENT_BLOCKS_MAX ||
	       (g->rec.blocks && g->rec.metas + f->desc.n_groups > COMMIT_SEGMENT_METAS_MAX);
}

static int begin_segment(struct import *im, struct commit_segment *g, size_t at)
{
	g->id = im->ids.first + im->n_blocks + at;
	g->rec = (struct rec_segment){
		.table = im->table, .ms = im->ids.ms, .incarnation = im->ids.incarnation};
	g->entries = calloc(COMMIT_SEGMENT_BLOCKS_MAX, sizeof *g->entries);
	return g->entries ? 0 : -ENOMEM;
}

static int end_segment(struct commit_segment *g, struct codec_segment *c)
{
	int r = codec_segment_encode(c, CODEC_ZSTD, &g->v4);

	g->rec.v4_size = g->v4.len;
	c->n_blocks = 0;
	return r;
}

/* The blocks one after another, as the segments want them; frees nothing but the array. */
static struct commit_block *gather(const struct import *im)
{
	struct commit_block *all = calloc(im->n_blocks + 1, sizeof *all);
	size_t n = 0;

	for (size_t i = 0; all && i < im->in->n_files; i++)
		if (im->files[i].rows)
			all[n++] = im->files[i].block;
	return all;
}

static size_t most_metas(const struct import *im)
{
	size_t most = COMMIT_SEGMENT_METAS_MAX;

	for (size_t i = 0; i < im->in->n_files; i++)
		if (im->files[i].desc.n_groups > most)
			most = im->files[i].desc.n_groups;
	return most;
}

int import_pack(struct import *im)
{
	struct codec_block *metas cleanup(free_p) = calloc(most_metas(im), sizeof *metas);
	struct codec_segment c = {.blocks = metas};
	struct commit_segment *g = NULL;
	size_t n = 0, blocks = 0;
	int r = 0;

	im->blocks = gather(im);
	im->segments = calloc(im->n_segments + 1, sizeof *im->segments);
	if (!metas || !im->blocks || !im->segments)
		return -ENOMEM;
	for (size_t i = 0; i < im->in->n_files && !r; i++) {
		struct import_file *f = &im->files[i];

		if (!f->rows)
			continue;
		if (g && is_full(g, f)) {
			r = end_segment(g, &c);
			g = NULL;
		}
		if (!g && !r) {
			g = &im->segments[n];
			g->blocks = im->blocks + blocks;
			r = begin_segment(im, g, n++);
		}
		if (!r)
			r = add_metas(im, f, &c);
		if (!r)
			add_file(g, f);
		blocks++;
	}
	return r ? r : end_segment(g, &c);
}
