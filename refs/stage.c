#include "refs/stage.h"
#include "refs/client.h"
#include "refs/commit_impl.h"

#include <errno.h>
#include <unistd.h>

#define SLICE_US 4000  /* of one transaction */
#define CLOCK_EVERY 32 /* records between two looks at the clock */

static int add(void *arg, struct slice key, struct slice value)
{
	struct stage_list *l = arg;
	struct dec d = dec_of(value);
	struct stage_ids *items = reallocarray(l->items, l->n + 1, sizeof *items);
	uint64_t first = key_read_u64(key, 9);

	if (!items)
		return -ENOMEM;
	l->items = items;
	l->items[l->n++] = (struct stage_ids){first, first + dec_u64(&d)};
	return dec_end(&d);
}

int refs_stage_list(struct refs_txn *x, uint64_t table, struct stage_list *ret)
{
	struct stage_list l = {0};
	struct key lo = key_u64(KEY_STAGE, table), hi = key_next(&lo);
	int r = kv_scan(x->kv, KV_HOT, key_slice(&lo), key_slice(&hi), add, &l);

	if (r)
		stage_list_deinit(&l);
	else
		*ret = l;
	return r;
}

void stage_list_deinit(struct stage_list *l)
{
	free(l->items);
	*l = (struct stage_list){0};
}

bool stage_list_has(const struct stage_list *l, uint64_t id)
{
	for (size_t i = 0; i < l->n; i++)
		if (id >= l->items[i].first && id < l->items[i].end)
			return true;
	return false;
}

int stage_mark(struct refs_txn *x, uint64_t table, const struct client_ids *ids)
{
	struct key k = key_u64_u64(KEY_STAGE, table, ids->first);
	struct buf b auto_buf = {0};
	int r = enc_u64(&b, ids->n);

	return r ? r : kv_put(x->kv, KV_HOT, key_slice(&k), buf_slice(&b));
}

int stage_unmark(struct refs_txn *x, uint64_t table, const struct client_ids *ids)
{
	struct key k = key_u64_u64(KEY_STAGE, table, ids->first);

	return kv_del(x->kv, KV_HOT, key_slice(&k));
}

/* The first slice: the mark, and a key in the tree for each segment that has none. */
static int begin(struct refs_txn *x, struct stage *g)
{
	struct rec_table table = {.next_segment_key = 1}; /* of one that the commit will make */
	int found, r = stage_mark(x, g->table, g->ids);

	if (r || g->keeps_keys)
		return r;
	found = rec_table_get(x->kv, g->table, &table);
	if (found && found != -ENOENT)
		return found;
	for (size_t i = 0; i < g->n_segments; i++)
		g->segments[i].rec.key = table.next_segment_key++;
	return found ? 0 : rec_table_put(x->kv, g->table, &table);
}

/* As many records as fit into one slice. */
static int run_slice(struct stage *g, stage_step step)
{
	struct refs_txn *x auto_refs_txn = NULL;
	const struct clock *clock = g->store->clock;
	uint64_t until = 0;
	int r = refs_begin(g->store, KV_WRITE, &x);

	if (!r)
		r = client_fence(x, g->ids);
	if (!r && !g->begun)
		r = begin(x, g);
	until = clock->mono_us(clock) + SLICE_US;
	for (unsigned n = 0; !r && g->at < g->n_segments; n++) {
		struct commit_segment *s = &g->segments[g->at];

		if (n && n % CLOCK_EVERY == 0 && clock->mono_us(clock) >= until)
			break;
		r = step(x->kv, s, g->block);
		if (!r && ++g->block > s->rec.blocks) {
			g->at++;
			g->block = 0;
		}
	}
	if (r)
		return r;
	r = refs_commit(&x, NULL);
	/* after -EIO nobody knows whether it is there */
	g->begun |= !r || r == -EIO;
	return r;
}

int stage_run(struct stage *g, stage_step step)
{
	int r = 0;

	g->at = g->block = 0;
	while (!r && (!g->begun || g->at < g->n_segments)) {
		r = g->stop && *g->stop ? -ECANCELED : run_slice(g, step);
		if (!r && g->is_patient && g->at < g->n_segments)
			usleep(SLICE_US);
	}
	return r;
}
