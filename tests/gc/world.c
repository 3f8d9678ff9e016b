#include "tests/gc/world.h"
#include "refs/ref.h"
#include "objstore/base/hash.h"
#include "refs/trash.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void hear(void *arg, const char *text)
{
	struct findings *l = arg;
	size_t used = strlen(l->text);

	snprintf(l->text + used, sizeof l->text - used, "%s\n", text);
	l->n++;
}

static void hear_repaired(void *arg, const char *text)
{
	struct findings *l = arg;
	size_t used = strlen(l->gone);

	snprintf(l->gone + used, sizeof l->gone - used, "%s\n", text);
	l->repaired++;
}

int world_repair(const char *path, bool full, struct findings *l, struct fsck_report *report)
{
	struct fsck_options o = {
		.full = full, .repair = true, .finding = hear, .repaired = hear_repaired, .arg = l};
	struct bough_error error = {0};
	int r;

	*l = (struct findings){0};
	*report = (struct fsck_report){0};
	r = fsck_run(path, &o, report, &error);
	if (r)
		hear(l, error.message);
	return r;
}

int world_check(const char *path, bool full, struct findings *l, struct fsck_report *report)
{
	struct fsck_options o = {.full = full, .finding = hear, .arg = l};
	struct bough_error error = {0};

	*l = (struct findings){0};
	*report = (struct fsck_report){0};
	return fsck_run(path, &o, report, &error);
}

int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct refs_txn *x auto_refs_txn = NULL;
	struct rec_snapshot big;
	struct fixture *f;

	if (!w || fixture_setup((void **)&f))
		return -1;
	w->f = f;
	w->orders = fixture_table(f, "sales", "orders");
	w->main = fixture_main(f, w->orders);
	w->first = fixture_append(f, w->orders, w->main, 3);
	w->head = fixture_append(f, w->orders, w->main, 1);
	w->dev = fixture_branch(f, w->orders, 0, "dev");
	w->dev_head = fixture_append(f, w->orders, w->dev, 2);
	w->big = fixture_table(f, "sales", "big");
	for (unsigned i = 0; i < BIG_APPENDS; i++)
		w->big_head = fixture_append(f, w->big, fixture_main(f, w->big), 1);
	w->old = fixture_branch(f, w->orders, w->dev, "old");
	fixture_append(f, w->orders, w->old, 1);
	if (refs_begin(f->store, KV_WRITE, &x) || refs_ref_drop(x, w->old, NULL) ||
		refs_commit(&x, NULL))
		return -1;
	if (refs_begin(f->store, KV_READ, &x) ||
		refs_trash_find(x, w->orders, REC_TRASH_REF, "old", &w->old_entry, NULL) ||
		rec_snapshot_get(x->kv, w->head, &w->head_rec) ||
		rec_snapshot_get(x->kv, w->big_head, &big))
		return -1;
	w->big_schema = big.schema;
	*state = w;
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;

	fixture_teardown((void **)&w->f);
	free(w);
	return 0;
}

/* A copy of the store that a case may break. */
void world_copy(const char *from, char *to, size_t size)
{
	char command[256];

	snprintf(to, size, "%s/bough-fsck-XXXXXX", test_tmp());
	assert_non_null(mkdtemp(to));
	snprintf(command, sizeof command, "cp -r --sparse=always %s/. %s", from, to);
	assert_int_equal(system(command), 0);
}

void world_remove(const char *path)
{
	char command[256];

	snprintf(command, sizeof command, "rm -r %s", path);
	assert_int_equal(system(command), 0);
}

static int digest_one(void *arg, struct slice key, struct slice value)
{
	uint32_t *crc = arg;

	*crc = crc32c(crc32c(*crc, key.data, key.len), value.data, value.len);
	return 0;
}

uint32_t world_digest(const char *store)
{
	struct kv_lmdb_options options = {0};
	struct kv *kv cleanup(kv_close_p) = NULL;
	struct kv_txn *t auto_kv_txn = NULL;
	struct bough_error error = {0};
	char path[TEST_PATH_BYTES_MAX + 32];
	uint32_t crc = 0;
	uint8_t zero = 0;

	snprintf(path, sizeof path, "%s/meta", store);
	assert_int_equal(kv_lmdb_open(path, &options, &kv, &error), 0);
	assert_int_equal(kv_begin(kv, KV_READ, &t), 0);
	for (int db = 0; db < KV_DBS; db++)
		assert_int_equal(kv_scan(t, (enum kv_db)db, (struct slice){&zero, 1},
					 (struct slice){NULL, 0}, digest_one, &crc),
			0);
	return crc;
}

/* Does @text hold @pattern's parts between '%' one after the other? */
bool world_says(const char *text, const char *pattern)
{
	char copy[128], *rest = copy, *part;

	snprintf(copy, sizeof copy, "%s", pattern);
	while (text && (part = strsep(&rest, "%"))) {
		text = strstr(text, part);
		text = text ? text + strlen(part) : NULL;
	}
	return text;
}

void world_flip(const char *path, uint64_t *random)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	uint64_t word = test_random(random);
	uint8_t byte;
	off_t at;

	assert_int_equal(fstat(fd, &st), 0);
	at = (off_t)((word >> 3) % (uint64_t)st.st_size);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= (uint8_t)(1u << (word & 7));
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}
