/*
 * Repair. One write transaction holds all of it, so that a kill, a full disk or a failed commit
 * leaves the store as it was:
 *
 *   alone    nobody else has the store open
 *   check    all stages; findings are kept, each with what would repair it
 *   add      what only protects or finds something more; then check again
 *   last     where nothing is left to add and every finding has its repair: what must go (a count
 *            that is too high, an index of nothing); then check again
 *   commit   when nothing changes any more, if less is wrong than at first
 *
 * So nothing is let go of while a record may be lost that needs it.
 */
#include "gc/fsck_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS_MAX 64
#define FIXES_MAX (1 << 20) /* of one round; the next goes on */
#define NAMED_MAX 8	    /* of those who have the store open */

struct finding {
	char *text;
	bool has_fix, is_last;
};

struct findings {
	struct finding at[FSCK_FINDINGS_TOLD_MAX];
	size_t n;
	uint64_t untold;
};

struct fsck_repair {
	struct findings now;
	struct fsck_fix *fixes;
	size_t n_fixes, fixes_capacity;
	char **gone; /* findings of rounds that changed something */
	size_t n_gone, gone_capacity;
	uint64_t first_errors, untold_gone;
	bool has_impossible; /* a repair that cannot be made: its finding stays */
	bool has_changed;
};

static void *need(void *p)
{
	if (!p)
		abort(); /* the child's death is told by its parent */
	return p;
}

void fsck_hear(struct fsck *f, const char *text)
{
	struct findings *l = &f->repair->now;

	if (l->n < FSCK_FINDINGS_TOLD_MAX)
		l->at[l->n++] = (struct finding){.text = need(strdup(text))};
	else
		l->untold++;
}

static void keep_fix(struct fsck *f, struct fsck_fix fix)
{
	struct fsck_repair *r = f->repair;

	if (!array_grow(r->fixes, r->n_fixes, r->fixes_capacity))
		abort(); /* as need() */
	if (fix.finding < r->now.n) {
		r->now.at[fix.finding].has_fix = true;
		r->now.at[fix.finding].is_last = fix.class == FSCK_LAST;
	}
	r->fixes[r->n_fixes++] = fix;
}

static void add_fix(struct fsck *f, struct fsck_fix fix, const struct key *k)
{
	if (f->is_open && fix.class == FSCK_ADDS)
		f->adds++;
	else if (f->is_open)
		f->last++;
	f->is_open = false;
	if (!f->repair || f->repair->n_fixes >= FIXES_MAX)
		return;
	fix.finding = f->report.errors - 1;
	if (k) {
		fix.key = need(malloc(offsetof(struct key, bytes) + k->len));
		memcpy(fix.key, k, offsetof(struct key, bytes) + k->len);
	}
	keep_fix(f, fix);
}

void fsck_fix(struct fsck *f, enum fsck_fix_class class, fsck_fix_fn fn, uint64_t a, uint64_t b)
{
	add_fix(f, (struct fsck_fix){.fn = fn, .a = a, .b = b, .class = class}, NULL);
}

void fsck_fix_key(
	struct fsck *f, enum fsck_fix_class class, fsck_fix_fn fn, uint64_t a, struct slice key)
{
	struct key k = {.len = key.len};

	memcpy(k.bytes, key.data, key.len);
	add_fix(f, (struct fsck_fix){.fn = fn, .a = a, .class = class}, &k);
}

static void forget_fixes(struct fsck_repair *r)
{
	for (size_t i = 0; i < r->n_fixes; i++)
		free(r->fixes[i].key);
	r->n_fixes = 0;
	r->has_impossible = false;
}

/* Before the next check: as if nothing had been looked at. */
static void start_again(struct fsck *f)
{
	struct fsck_repair *r = f->repair;

	for (size_t i = 0; i < r->now.n; i++)
		free(r->now.at[i].text);
	r->now.n = r->now.untold = 0;
	forget_fixes(r);
	fsck_deinit(f);
	*f = (struct fsck){.store = f->store,
		.x = f->x,
		.t = f->t,
		.full = f->full,
		.out = f->out,
		.stage = "",
		.repair = r};
}

static void repair_deinit(struct fsck_repair *r)
{
	for (size_t i = 0; i < r->now.n; i++)
		free(r->now.at[i].text);
	for (size_t i = 0; i < r->n_gone; i++)
		free(r->gone[i]);
	forget_fixes(r);
	free(r->fixes);
	free(r->gone);
}

/* Adds to @ret_changes how many were made. */
static int apply(struct fsck *f, enum fsck_fix_class class, size_t *ret_changes)
{
	struct fsck_repair *r = f->repair;
	int result = 0;

	for (size_t i = 0; i < r->n_fixes && result >= 0; i++) {
		if (r->fixes[i].class != class)
			continue;
		result = r->fixes[i].fn(f, &r->fixes[i]);
		*ret_changes += !result;
		r->has_impossible |= result == FSCK_CANNOT;
	}
	return result < 0 ? result : 0;
}

/* This round's findings are answered, unless the last check says them again. */
static void keep_gone(struct fsck_repair *r)
{
	for (size_t i = 0; i < r->now.n; i++) {
		if (!array_grow(r->gone, r->n_gone, r->gone_capacity))
			abort();
		r->gone[r->n_gone++] = steal(&r->now.at[i].text);
	}
	r->untold_gone += r->now.untold;
	r->has_changed = true;
}

/* Return: 1 something was changed: check again. */
static int repair_round(struct fsck *f)
{
	struct fsck_repair *r = f->repair;
	size_t changes = 0;
	int result = apply(f, FSCK_ADDS, &changes);

	if (!result && !changes && !r->has_impossible && f->adds + f->last == f->report.errors)
		result = apply(f, FSCK_LAST, &changes);
	if (result || !changes)
		return result;
	keep_gone(r);
	return 1;
}

static int repair_rounds(struct fsck *f)
{
	int r = fsck_check(f);

	f->repair->first_errors = f->report.errors;
	for (int round = 0; !r && f->report.errors && round < ROUNDS_MAX; round++) {
		r = repair_round(f);
		if (r <= 0)
			return r;
		start_again(f);
		r = fsck_check(f);
	}
	return r;
}

/* No better than before: everything as it was, and what was found then. */
static int give_up(struct fsck *f, struct refs_txn **x)
{
	struct fsck_repair *r = f->repair;
	int result;

	for (size_t i = 0; i < r->n_gone; i++)
		free(r->gone[i]);
	r->n_gone = r->untold_gone = 0;
	refs_abort(steal(x));
	result = refs_begin(f->store, KV_READ, x);
	if (result)
		return result;
	f->x = *x;
	f->t = (*x)->kv;
	start_again(f);
	return fsck_check(f);
}

static int finish(struct fsck *f, struct refs_txn **x, struct bough_error *error)
{
	struct fsck_repair *r = f->repair;
	int result;

	if (!r->has_changed)
		return 0;
	if (f->report.errors >= r->first_errors)
		return give_up(f, x);
	result = change_add(&f->x->changes, CHANGE_ALL, 0);
	if (!result)
		result = refs_commit(x, NULL);
	return result ? refs_cannot_commit(f->store, result, error) : 0;
}

static bool is_said(const struct findings *l, const char *text)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->at[i].text, text))
			return true;
	return false;
}

static void tell_gone(struct fsck *f)
{
	struct fsck_repair *r = f->repair;

	f->report.repaired = r->untold_gone;
	for (size_t i = 0; i < r->n_gone; i++) {
		bool again = is_said(&r->now, r->gone[i]);

		for (size_t k = 0; k < i && !again; k++)
			again = !strcmp(r->gone[k], r->gone[i]);
		if (again)
			continue;
		f->report.repaired++;
		fsck_send(f->out, FSCK_FRAME_REPAIRED, r->gone[i], strlen(r->gone[i]));
	}
}

static const char *why_left(const struct finding *l)
{
	if (!l->has_fix)
		return "not repaired: what is left does not say what was there";
	return l->is_last ? "not repaired: first everything else must be sound"
			  : "not repaired: what that takes is not there either";
}

static void tell_left(struct fsck *f)
{
	struct findings *l = &f->repair->now;

	for (size_t i = 0; i < l->n; i++) {
		char *text cleanup(free_p) = NULL;

		if (asprintf(&text, "%s (%s)", l->at[i].text, why_left(&l->at[i])) < 0)
			abort();
		fsck_send(f->out, FSCK_FRAME_FINDING, text, strlen(text));
	}
}

/* Whoever has the store open may hold what a repair would change in its memory. */
static int check_alone(struct fsck *f, struct bough_error *error)
{
	struct wake_other others[NAMED_MAX + 1];
	size_t n = wake_others(f->store->wake, others, ARRAY_SIZE(others));
	char names[NAMED_MAX * 32] = "";

	for (size_t i = 0, used = 0; i < n && i < NAMED_MAX; i++) {
		used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
			others[i].is_mount ? "a mount" : "a process");
		if (others[i].pid > 0)
			used += (size_t)snprintf(
				names + used, sizeof names - used, " (pid %d)", others[i].pid);
	}
	if (!n)
		return 0;
	error_set(error, -EBUSY, "cannot repair %s while others have it open: %s%s", f->store->path,
		names, n > NAMED_MAX ? ", and more" : "");
	return error_hint(error, -EBUSY, "unmount it and end what uses it, then try again");
}

int fsck_repair_run(struct fsck *f, struct bough_error *error)
{
	struct fsck_repair *r = need(calloc(1, sizeof *r));
	struct refs_txn *x auto_refs_txn = NULL;
	int result = check_alone(f, error);

	f->repair = r;
	if (!result)
		result = refs_begin(f->store, KV_WRITE, &x);
	if (!result)
		result = check_alone(f, error); /* those who come now wait for us to write */
	if (!result) {
		f->x = x;
		f->t = x->kv;
		result = repair_rounds(f);
		if (!result)
			result = finish(f, &x, error);
		if (!result)
			tell_gone(f);
		if (!result || result == -EUCLEAN)
			tell_left(f);
	}
	f->repair = NULL;
	repair_deinit(r);
	free(r);
	return result;
}
