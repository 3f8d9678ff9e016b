/*
 * Folds of large classes (protocol: Folding). One fold is: a plan, made from the head as read;
 * the records of its segments in slices, under KEY_STAGE; a transaction that hangs them.
 *
 * A staged segment has its record before it holds a block, and each block that it holds has both
 * KEY_HOLDER and one reference more: so whoever takes back what a dead process left finds all of
 * it, and fsck counts it, at any point between two slices.
 */
#include "refs/client.h"
#include "refs/export.h"
#include "refs/fold.h"
#include "refs/plan_impl.h"
#include "refs/ref.h"
#include "refs/ref_impl.h"

#include <assert.h>
#include <errno.h>

#define TRIES_MAX 5
#define RUN_SILENCE_US 2000000 /* more than ends a run of removals (refs/squash.c) */

static const struct refs_fold_options all_of_it = {.all = true};

struct folding {
	struct refs_store *store;
	const struct refs_fold_options *options;
	struct bough_error *error;
	struct refs_squash *squash;
	struct plan plan;
	struct schema schema;
	struct client_ids ids;
	struct commit_segment *segments; /* as in the plan, which owns what they point to */
	struct stage stage;
	struct commit_changed made;
	bool is_unknown; /* the last commit failed, but may have taken effect */
};

static void folding_deinit(struct folding *f)
{
	plan_deinit(&f->plan);
	schema_deinit(&f->schema);
	free(f->segments);
}

int refs_fold_due(struct refs_txn *x, uint64_t ref)
{
	struct bough_error quiet = {0};
	struct rec_snapshot head;
	struct rec_ref rec;
	int r = refs_ref_open(x, ref, &rec, &quiet);

	if (r == -ENOENT || r == -ESTALE)
		return 0;
	if (r || rec.kind == REC_REF_TAG || !rec.head)
		return r;
	r = rec_snapshot_get(x->kv, rec.head, &head);
	if (r)
		return r == -ENOENT ? -EUCLEAN : r;
	return head.ref == ref && head.segments > fold_full(&head) + 1;
}

static bool is_removed_from(const struct refs_txn *x, const struct rec_snapshot *head)
{
	return head->operation == REC_OP_DELETE && x->now_us < head->timestamp_us + RUN_SILENCE_US;
}

static int make_plan(struct folding *f, uint64_t ref)
{
	struct refs_txn *x auto_refs_txn = NULL;
	struct planning p auto_planning = {.plan = &f->plan};
	struct rec_snapshot head;
	struct rec_ref rec;
	int r = refs_begin(f->store, KV_READ, &x);

	p.x = x;
	if (!r)
		r = commit_open_ref(x, ref, &rec, f->error);
	if (r || !rec.head)
		return r;
	r = plan_begin(&p, ref, &rec);
	if (!r)
		r = rec_snapshot_get(x->kv, rec.head, &head);
	if (!r && f->options->spares_runs && is_removed_from(x, &head))
		return -EAGAIN;
	if (!r)
		r = fold_plan_large(&p, &head, f->options->all);
	return r || !f->plan.n_segments ? r : schema_read(x, rec.schema, &f->schema);
}

/* The segment first: what holds a block has a record. */
static int put_one(struct kv_txn *t, const struct commit_segment *g, uint32_t at)
{
	return commit_put_one(t, g, at ? at - 1 : g->rec.blocks);
}

static int stage(struct folding *f)
{
	struct plan *plan = &f->plan;
	int r = client_ids_take_apart(f->store->client, plan->table, plan->n_segments, &f->ids);

	f->segments = calloc(plan->n_segments, sizeof *f->segments);
	if (r || !f->segments)
		return r ? r : -ENOMEM;
	plan_give_ids(plan, &f->ids);
	for (size_t i = 0; i < plan->n_segments; i++)
		f->segments[i] = plan->segments[i].g;
	for (size_t i = 0; i < plan->n_segments; i++)
		assert(!plan->segments[i].takes_key); /* never more than they replace */
	f->stage = (struct stage){.store = f->store,
		.table = plan->table,
		.ids = &f->ids,
		.segments = f->segments,
		.n_segments = plan->n_segments,
		.keeps_keys = true,
		.is_patient = true,
		.stop = f->options->stop};
	r = stage_run(&f->stage, put_one);
	return r == -ENOENT ? -EAGAIN : r; /* a block is gone: so is the head */
}

static int unmark(struct folding *f)
{
	struct refs_txn *x auto_refs_txn = NULL;
	int r = refs_begin(f->store, KV_WRITE, &x);

	if (!r)
		r = stage_unmark(x, f->plan.table, &f->ids);
	if (!r)
		r = change_add(&x->changes, CHANGE_ALL, 0); /* nlink of blocks, where it was seen */
	return r ? r : refs_commit(&x, NULL);
}

/* What cannot be taken back stays marked, in a range that outlives us, for a sweep to judge. */
static void unstage(struct folding *f)
{
	if (!f->stage.begun)
		return;
	f->stage.stop = NULL;
	if (f->is_unknown || stage_run(&f->stage, commit_del_one) || unmark(f))
		client_keep(f->store->client, &f->ids);
}

static int hang(struct folding *f, uint64_t *ret_commit)
{
	struct refs_txn *x auto_refs_txn = NULL;
	const struct commit_change c = {.plan = &f->plan,
		.schema = &f->schema,
		.schema_id = f->plan.schema,
		.operation = REC_OP_REPLACE,
		.author = "bough",
		.message = "fold segments",
		.squash = f->squash,
		.rebases = true};
	int r = refs_begin(f->store, KV_WRITE, &x);

	f->plan.staged = &f->ids;
	if (!r)
		r = client_fence(x, &f->ids);
	if (!r)
		r = commit_change(x, &c, &f->made, f->error);
	if (r)
		return r;
	r = refs_commit(&x, ret_commit);
	f->is_unknown = r == -EIO;
	return r == -ESTALE ? -EAGAIN : r;
}

/* The next one may take the place of this one in the log. */
static void go_on(struct folding *f)
{
	uint64_t now = f->store->clock->mono_us(f->store->clock);

	if (!f->made.squashed)
		f->squash->began_us = now;
	f->squash->last_us = now;
	f->squash->snapshot = f->made.snapshot;
}

/* Return: 1 done, 0 nothing is due. */
static int fold_once(struct folding *f, uint64_t ref, struct refs_folded *ret)
{
	uint64_t commit = 0;
	int r = make_plan(f, ref);

	if (r || !f->plan.n_segments)
		return r;
	r = stage(f);
	if (!r)
		r = hang(f, &commit);
	if (r) {
		unstage(f);
		return r;
	}
	go_on(f);
	ret->commits++;
	ret->snapshot = f->made.snapshot;
	ret->gone += f->plan.n_gone;
	ret->made += f->plan.n_segments;
	refs_settle(f->store, commit);
	r = refs_export_commit(f->store, f->error);
	return r ? r : 1;
}

int refs_fold_run(struct refs_store *s, uint64_t ref, const struct refs_fold_options *options,
	struct refs_folded *ret, struct bough_error *error)
{
	struct refs_squash squash = {0};
	int r = 1;

	*ret = (struct refs_folded){0};
	for (int tries = 0; r == 1 || (r == -EAGAIN && tries < TRIES_MAX); tries++) {
		struct folding f cleanup(folding_deinit) = {.store = s,
			.options = options ? options : &all_of_it,
			.error = error,
			.squash = &squash};

		if (r == 1)
			tries = 0;
		r = fold_once(&f, ref, ret);
	}
	return r;
}
