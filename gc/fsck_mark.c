/* What fsck knows of ids, tables, subtrees and ranges; the scan over one kind of record. */
#include "gc/fsck_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_MARKS 4096
#define DAMAGE_PROBES_MAX 100000

static const struct fsck_mark no_mark;

static void *need(void *p)
{
	if (!p)
		abort(); /* the child's death is told by its parent */
	return p;
}

static void use_page(struct fsck *f, uint64_t page)
{
	if (!array_grow(f->used, f->n_used, f->used_capacity))
		abort(); /* the child's death is told by its parent */
	f->used[f->n_used++] = page;
}

struct fsck_mark *fsck_mark(struct fsck *f, uint64_t id)
{
	struct fsck_mark **page;

	if (!id || id >= f->next_id)
		return NULL;
	if (!f->pages) {
		f->n_pages = f->next_id / PAGE_MARKS + 1;
		/* reserved, not used: ids may be sparse */
		f->pages = mmap(NULL, f->n_pages * sizeof *f->pages, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (f->pages == MAP_FAILED)
			abort();
	}
	page = &f->pages[id / PAGE_MARKS];
	if (!*page) {
		*page = need(calloc(PAGE_MARKS, sizeof **page));
		use_page(f, id / PAGE_MARKS);
	}
	return &(*page)[id % PAGE_MARKS];
}

const struct fsck_mark *fsck_peek(const struct fsck *f, uint64_t id)
{
	if (!f->pages || id >= f->next_id || !f->pages[id / PAGE_MARKS])
		return &no_mark;
	return &f->pages[id / PAGE_MARKS][id % PAGE_MARKS];
}

bool fsck_is(const struct fsck *f, uint64_t id, enum fsck_kind kind)
{
	return fsck_peek(f, id)->kind == kind;
}

static int compare_pages(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int fsck_each(struct fsck *f, fsck_mark_fn fn)
{
	size_t n = f->n_used;

	qsort(f->used, n, sizeof *f->used, compare_pages);
	for (size_t at = 0; at < n; at++)
		for (uint64_t i = 0; i < PAGE_MARKS; i++) {
			struct fsck_mark *m = &f->pages[f->used[at]][i];
			int r = m->kind ? fn(f, f->used[at] * PAGE_MARKS + i, m) : 0;

			if (r)
				return r;
		}
	return 0;
}

const char *fsck_word(enum fsck_kind kind)
{
	static const char *const words[FSCK_KINDS] = {"nothing", "database", "table", "ref",
		"snapshot", "schema", "client", "trash entry", "node", "segment", "block"};

	return words[kind];
}

enum key_kind fsck_counted_as(enum fsck_kind kind)
{
	switch (kind) {
	case FSCK_NODE:
		return KEY_NODE;
	case FSCK_SEGMENT:
		return KEY_SEGMENT;
	case FSCK_BLOCK:
		return KEY_BLOCK;
	default:
		return (enum key_kind)0;
	}
}

const char *fsck_label(const struct fsck *f, uint32_t table)
{
	return table ? f->tables[table - 1].label : "no table";
}

int fsck_table_add(struct fsck *f, uint64_t id, uint64_t home_db, char *label)
{
	if (!array_grow(f->tables, f->n_tables, f->tables_capacity))
		abort();
	f->tables[f->n_tables++] =
		(struct fsck_table){.id = id, .home_db = home_db, .label = label};
	return 0;
}

uint32_t fsck_table_of(struct fsck *f, uint64_t id)
{
	char *label;
	const struct fsck_mark *m = fsck_peek(f, id);

	if (m->kind == FSCK_TABLE)
		return m->table;
	for (size_t i = f->n_tables; i-- > 0;)
		if (f->tables[i].id == id)
			return (uint32_t)i + 1;
	if (asprintf(&label, "table %012llx", (unsigned long long)id) < 0)
		abort();
	fsck_table_add(f, id, 0, label);
	f->tables[f->n_tables - 1].is_gone = true;
	return (uint32_t)f->n_tables;
}

static size_t sums_at(const struct fsck *f, uint64_t id)
{
	size_t at = fsck_mix(id, 0) & (f->sums_capacity - 1);

	while (f->sums[at].id && f->sums[at].id != id)
		at = (at + 1) & (f->sums_capacity - 1);
	return at;
}

struct fsck_sums *fsck_sums_find(struct fsck *f, uint64_t id)
{
	struct fsck_sums *s = f->n_sums ? &f->sums[sums_at(f, id)] : NULL;

	return s && s->id ? s : NULL;
}

struct fsck_sums *fsck_sums_add(struct fsck *f, uint64_t id)
{
	struct fsck_sums *s;

	if (2 * f->n_sums >= f->sums_capacity) {
		struct fsck_sums *old = f->sums;
		size_t n = f->sums_capacity;

		f->sums_capacity = n ? 2 * n : 1024;
		f->sums = need(calloc(f->sums_capacity, sizeof *f->sums));
		for (size_t i = 0; i < n; i++)
			if (old[i].id)
				f->sums[sums_at(f, old[i].id)] = old[i];
		free(old);
	}
	s = &f->sums[sums_at(f, id)];
	f->n_sums += !s->id;
	*s = (struct fsck_sums){.id = id};
	return s;
}

/* Position of the first run that ends above @id. */
static size_t ids_at(const struct fsck_ids *ids, uint64_t id)
{
	size_t lo = 0, hi = ids->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (ids->items[mid].end <= id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool fsck_ids_add(struct fsck_ids *ids, uint64_t start, uint64_t end)
{
	size_t at = ids_at(ids, start);

	if (start >= end || (at < ids->n && ids->items[at].start < end))
		return false;
	if (!array_grow(ids->items, ids->n, ids->capacity))
		abort();
	memmove(&ids->items[at + 1], &ids->items[at], (ids->n - at) * sizeof *ids->items);
	ids->items[at] = (struct fsck_range){start, end};
	ids->n++;
	return true;
}

bool fsck_ids_has(const struct fsck_ids *ids, uint64_t id)
{
	size_t at = ids_at(ids, id);

	return at < ids->n && ids->items[at].start <= id;
}

uint64_t fsck_mix(uint64_t a, uint64_t b)
{
	uint64_t h = a * UINT64_C(0x9e3779b97f4a7c15) ^ (b + UINT64_C(0x7f4a7c159e3779b9));

	h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
	return h ^ h >> 31;
}

uint64_t fsck_mix_name(uint64_t table, struct slice name)
{
	uint64_t h = fsck_mix(table, name.len);
	const uint8_t *p = name.data;

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return fsck_mix(h, 1);
}

void fsck_unreadable(struct fsck *f, enum fsck_kind kind, uint64_t id)
{
	struct fsck_mark *m = fsck_mark(f, id);

	if (m && m->flags & FSCK_DAMAGED)
		return;
	if (m)
		m->flags |= FSCK_DAMAGED;
	f->has_lost_edges |= kind == FSCK_REF || kind == FSCK_SNAPSHOT || kind == FSCK_NODE ||
			     kind == FSCK_SEGMENT;
	fsck_say(f, "%s %012llx: its record is damaged", fsck_word(kind), (unsigned long long)id);
}

struct scan {
	struct fsck *f;
	fsck_record_fn fn;
	struct key last;
	bool is_out_of_order;
};

static int on_record(void *arg, struct slice key, struct slice value)
{
	struct scan *s = arg;
	size_t n = key.len < s->last.len ? key.len : s->last.len;
	int c = memcmp(key.data, s->last.bytes, n);

	/* a damaged tree of LMDB may lead in circles */
	if (c < 0 || (!c && key.len < s->last.len)) {
		s->is_out_of_order = true;
		return -EUCLEAN;
	}
	memcpy(s->last.bytes, key.data, key.len);
	s->last.len = key.len;
	fsck_step(s->f);
	return s->fn(s->f, key, value);
}

/* The damaged record behind the one read last: found by trying the ids that follow. */
static bool probe_damaged(struct fsck *f, enum key_kind kind, uint64_t after, uint64_t *ret_id)
{
	for (uint64_t id = after + 1; id < f->next_id && id - after < DAMAGE_PROBES_MAX; id++) {
		struct key k = key_u64(kind, id);
		struct slice v;
		int r = kv_get(f->t, rec_db_of(kind), key_slice(&k), &v);

		if (r == -EUCLEAN) {
			*ret_id = id;
			return true;
		}
		if (r != -ENOENT)
			return false;
	}
	return false;
}

static enum fsck_kind kind_of_key(enum key_kind kind)
{
	switch (kind) {
	case KEY_DB:
		return FSCK_DB;
	case KEY_TABLE:
		return FSCK_TABLE;
	case KEY_REF:
		return FSCK_REF;
	case KEY_SNAPSHOT:
		return FSCK_SNAPSHOT;
	case KEY_SCHEMA:
		return FSCK_SCHEMA;
	case KEY_CLIENT:
		return FSCK_CLIENT;
	case KEY_TRASH:
		return FSCK_TRASH;
	case KEY_NODE:
		return FSCK_NODE;
	case KEY_SEGMENT:
		return FSCK_SEGMENT;
	case KEY_BLOCK:
		return FSCK_BLOCK;
	default:
		return FSCK_NONE;
	}
}

/* After some damage LMDB gives nothing more in this transaction. */
static bool is_over(struct fsck *f)
{
	uint64_t next;

	return rec_id_peek(f->t, &next);
}

int fsck_scan(struct fsck *f, enum key_kind kind, fsck_record_fn fn)
{
	struct scan s = {.f = f, .fn = fn, .last = key_make(kind)};
	struct key lo = s.last, hi = key_next(&lo);
	enum fsck_kind what = kind_of_key(kind);
	uint64_t id = 0, last;
	int r;

	for (;;) {
		r = kv_scan(f->t, rec_db_of(kind), key_slice(&lo), key_slice(&hi), on_record, &s);
		if (r != -EUCLEAN)
			return r;
		last = s.last.len >= 9 ? key_read_u64(key_slice(&s.last), 1) : 0;
		if (last > id)
			id = last;
		if (s.is_out_of_order || !what || is_over(f) || !probe_damaged(f, kind, id, &id))
			break;
		fsck_mark(f, id)->kind = what;
		fsck_unreadable(f, what, id);
		lo = key_u64(kind, id + 1);
	}
	f->report.metadata_damaged = true;
	fsck_say(f, "metadata damaged behind record '%c' %012llx", kind, (unsigned long long)id);
	return -EUCLEAN;
}

void fsck_deinit(struct fsck *f)
{
	for (size_t i = 0; i < f->n_used; i++)
		free(f->pages[f->used[i]]);
	free(f->used);
	if (f->pages)
		munmap(f->pages, f->n_pages * sizeof *f->pages);
	for (size_t i = 0; i < f->n_tables; i++)
		free(f->tables[i].label);
	free(f->tables);
	free(f->sums);
	free(f->ranges.items);
	free(f->staged.items);
	free(f->pairs);
	free(f->versions);
}
