/* Operations on refs and tables with every call of the metadata failing once. */
#include "refs/fold.h"
#include "refs/name.h"
#include "refs/render.h"
#include "refs/trash.h"
#include "tests/refs/faulty.h"

#include <errno.h>
#include <string.h>

static int create(struct refs_txn *x, void *arg, struct bough_error *e)
{
	struct faulty *t = arg;
	struct refs_create c = {.table = t->table, .name = "new", .kind = REC_REF_BRANCH};
	uint64_t id;

	return refs_ref_create(x, &c, &id, e);
}

static int tag(struct refs_txn *x, void *arg, struct bough_error *e)
{
	struct faulty *t = arg;
	struct refs_create c = {
		.table = t->table, .name = "v1", .kind = REC_REF_TAG, .source_ref = t->dev};
	uint64_t id;

	return refs_ref_create(x, &c, &id, e);
}

static int drop(struct refs_txn *x, void *arg, struct bough_error *e)
{
	return refs_ref_drop(x, ((struct faulty *)arg)->dev, e);
}

static int rename_ref(struct refs_txn *x, void *arg, struct bough_error *e)
{
	return refs_ref_rename(x, ((struct faulty *)arg)->dev, "other", e);
}

static int table_create(struct refs_txn *x, void *arg, struct bough_error *e)
{
	uint64_t db, id;
	int r = refs_db_create(x, "e", &db, e);

	(void)arg;
	return r ? r : refs_table_create(x, db, "u", &id, e);
}

static int table_drop(struct refs_txn *x, void *arg, struct bough_error *e)
{
	return refs_table_drop(x, ((struct faulty *)arg)->table, e);
}

static int table_rename(struct refs_txn *x, void *arg, struct bough_error *e)
{
	uint64_t db;
	int r = refs_db_lookup(x, "d", &db, e);

	return r ? r : refs_table_rename(x, ((struct faulty *)arg)->table, db, "u", e);
}

static int drop_and_restore(struct refs_txn *x, void *arg, struct bough_error *e)
{
	struct faulty *t = arg;
	struct refs_restore back = {.name = "back"};
	int r = refs_ref_drop(x, t->dev, e);

	if (!r)
		r = refs_trash_find(x, t->table, REC_TRASH_REF, "dev", &back.id, e);
	return r ? r : refs_trash_restore(x, &back, NULL, e);
}

#define WRITES(name)                                                                               \
	static int run_##name(struct faulty *t, struct bough_error *e)                             \
	{                                                                                          \
		return refs_write(t->f->store, name, t, e);                                        \
	}
WRITES(create)
WRITES(tag)
WRITES(drop)
WRITES(rename_ref)
WRITES(table_create)
WRITES(table_drop)
WRITES(table_rename)
WRITES(drop_and_restore)

static int count_child(void *arg, uint64_t id, const char *name)
{
	(void)id;
	(void)name;
	++*(unsigned *)arg;
	return 0;
}

static int count_snapshot(void *arg, uint64_t id, const struct rec_snapshot *r)
{
	(void)id;
	(void)r;
	++*(unsigned *)arg;
	return 0;
}

/* Everything that only reads; what it gives is right or an error. */
static int read_all(struct refs_txn *x, struct faulty *t, struct bough_error *e)
{
	struct buf body auto_buf = {0};
	uint64_t dev, at;
	unsigned refs = 0, snapshots = 0;
	int r = refs_ref_lookup(x, t->table, "dev", &dev, e);

	if (!r)
		r = refs_moment(x, dev, "-0s", &at, e);
	if (r == -EINVAL) /* no such duration */
		r = refs_moment(x, dev, "2999-01-01", &at, e);
	if (!r)
		r = refs_dir_list(x, t->table, 0, count_child, &refs);
	if (!r)
		r = refs_log(x, t->head, count_snapshot, &snapshots);
	if (!r)
		r = refs_render_snapshot(x, t->head, &body);
	if (r)
		return r;
	assert_int_equal(dev, t->dev);
	assert_int_equal(refs, 1);
	assert_int_equal(snapshots, 3);
	assert_true(at > t->head && body.len);
	return 0;
}

static int run_read(struct faulty *t, struct bough_error *e)
{
	struct refs_txn *x auto_refs_txn = NULL;
	int r = refs_begin(t->f->store, KV_READ, &x);

	return r ? r : read_all(x, t, e);
}

static void prepare_fold(struct faulty *t)
{
	faulty_prepare(t);
	for (int i = 0; i < 10; i++)
		fixture_append(t->f, t->table, t->main, 1);
}

static int run_fold(struct faulty *t, struct bough_error *e)
{
	struct refs_folded done;
	int r = refs_fold_run(t->f->store, t->main, NULL, &done, e);

	return done.commits ? 0 : r; /* done is done, if the look for more fails or not */
}

static const struct faulty_scenario fold = {
	.name = "fold", .prepare = prepare_fold, .run = run_fold, .in_slices = true};

static const struct faulty_scenario scenarios[] = {
	{.name = "branch create", .prepare = faulty_prepare, .run = run_create},
	{.name = "tag create", .prepare = faulty_prepare, .run = run_tag},
	{.name = "branch drop", .prepare = faulty_prepare, .run = run_drop},
	{.name = "branch rename", .prepare = faulty_prepare, .run = run_rename_ref},
	{.name = "table create", .prepare = faulty_prepare, .run = run_table_create},
	{.name = "table drop", .prepare = faulty_prepare, .run = run_table_drop},
	{.name = "table rename", .prepare = faulty_prepare, .run = run_table_rename},
	{.name = "drop and undrop", .prepare = faulty_prepare, .run = run_drop_and_restore},
	{.name = "moment, listing, log, render",
		.prepare = faulty_prepare,
		.run = run_read,
		.reads_only = true},
};

#define OPS(a) (1u << KV_OP_##a)

static const struct faulty_fault faults[] = {
	{.name = "EUCLEAN at a read", .kv = {.ops = OPS(GET) | OPS(SCAN), .code = -EUCLEAN}},
	{.name = "ENOSPC at a write",
		.kv = {.ops = OPS(BEGIN_WRITE) | OPS(PUT) | OPS(DEL) | OPS(COMMIT),
			.code = -ENOSPC}},
	{.name = "EIO", .kv = {.ops = KV_OPS_ALL, .code = -EIO}},
	{.name = "EIO for good", .kv = {.ops = KV_OPS_ALL, .code = -EIO, .sticky = true}},
	{.name = "ESTALE at the commit",
		.kv = {.ops = OPS(COMMIT), .code = -ESTALE},
		.may_pass = true},
	{.name = "ESTALE at each commit",
		.kv = {.ops = OPS(COMMIT), .code = -ESTALE, .sticky = true}},
	{.name = "EIO after the commit", .kv = {.ops = OPS(COMMIT), .code = -EIO, .applied = true}},
};

/* What was staged and cannot be taken back for the same reason stays, marked. */
static const struct faulty_fault fold_faults[] = {
	{.name = "EUCLEAN at a read",
		.kv = {.ops = OPS(GET) | OPS(SCAN), .code = -EUCLEAN},
		.may_pass = true},
	{.name = "ENOSPC at a write",
		.kv = {.ops = OPS(BEGIN_WRITE) | OPS(PUT) | OPS(DEL) | OPS(COMMIT),
			.code = -ENOSPC},
		.may_pass = true},
	{.name = "ENOSPC for good",
		.kv = {.ops = OPS(PUT) | OPS(COMMIT), .code = -ENOSPC, .sticky = true},
		.may_leave = true,
		.may_pass = true},
	{.name = "EIO", .kv = {.ops = OPS(COMMIT), .code = -EIO}, .may_leave = true},
	{.name = "EIO for good",
		.kv = {.ops = OPS(PUT) | OPS(COMMIT), .code = -EIO, .sticky = true},
		.may_leave = true,
		.may_pass = true},
	{.name = "ESTALE at the commit",
		.kv = {.ops = OPS(COMMIT), .code = -ESTALE},
		.may_pass = true},
	{.name = "EIO after the commit",
		.kv = {.ops = OPS(COMMIT), .code = -EIO, .applied = true},
		.may_pass = true},
};

static void a_fold_fails(void **state)
{
	(void)state;
	for (size_t j = 0; j < ARRAY_SIZE(fold_faults); j++)
		faulty_run(&fold, &fold_faults[j]);
}

static void all_or_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
		for (size_t j = 0; j < ARRAY_SIZE(faults); j++)
			faulty_run(&scenarios[i], &faults[j]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_or_nothing), cmocka_unit_test(a_fold_fails)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
