/* The table of staged files, its folder, and truncating opens. */
#include "fs/spool_impl.h"
#include "tests/fs/spool_world.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static void names_that_commit(void **state)
{
	static const char *const yes[] = {"a.parquet", "a.PARQUET", "a.b.Parquet", "tmp.parquet"};
	static const char *const no[] = {"a", "a.parquet.tmp", ".a.parquet", "_a.parquet", "",
		"tmp_a.parquet", ".parquet", "parquet", "a.parquet~", "_", "."};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(fs_name_commits(yes[i]));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(fs_name_commits(no[i]));
}

static bool is_there(struct spool_world *w, uint64_t dir, const char *name)
{
	uint64_t id;
	int r = fs_spool_find(w->p, dir, name, &id);

	assert_true(!r || r == -ENOENT);
	return !r;
}

static int note(void *arg, struct fs_staged *f, const char *name)
{
	char *text = arg;
	size_t n = strlen(text);

	snprintf(text + n, 200 - n, "%s%s", *text ? " " : "", name);
	return spool_world_size(f) ? 7 : 0; /* the table may be used meanwhile */
}

static void assert_listed(struct spool_world *w, uint64_t dir, uint64_t after, const char *names)
{
	char text[200] = "";

	assert_int_equal(fs_spool_list(w->p, dir, after, note, text), 0);
	assert_string_equal(text, names);
}

static void seen_are_names_that_do_not_commit(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *t = spool_world_create(w, DIR_A, "x.tmp"), *second = NULL;
	struct fs_staged *a = spool_world_create(w, DIR_A, "x.parquet");
	struct fs_staged *b = spool_world_create(w, DIR_A, "x.parquet");
	char name[FS_NAME_BYTES_MAX + 1];
	uint64_t dir, id;

	assert_int_equal(fs_spool_find(w->p, DIR_A, "x.tmp", &id), 0);
	assert_int_equal(id, fs_staged_id(t));
	assert_false(is_there(w, DIR_B, "x.tmp"));
	assert_false(is_there(w, DIR_A, "x.parquet"));
	assert_int_equal(fs_spool_create(w->p, DIR_A, "x.tmp", &second), -EEXIST);
	assert_true(fs_staged_id(a) && fs_staged_id(a) != fs_staged_id(b));
	fs_staged_where(b, &dir, name);
	assert_int_equal(dir, DIR_A);
	assert_string_equal(name, "x.parquet");
	assert_int_equal(spool_world_entries(w, NULL), 3);
	spool_world_close(w, a);
	spool_world_close(w, b);
	spool_world_close(w, t);
	assert_int_equal(spool_world_entries(w, NULL), 1);
	assert_true(is_there(w, DIR_A, "x.tmp"));
}

static void names_have_a_limit(void **state)
{
	struct spool_world *w = *state;
	char name[FS_NAME_BYTES_MAX + 2];
	struct fs_staged *f = NULL;

	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = 0;
	assert_int_equal(fs_spool_create(w->p, DIR_A, name, &f), -ENAMETOOLONG);
	name[sizeof name - 2] = 0;
	f = spool_world_create(w, DIR_A, name);
	name[sizeof name - 2] = 'n';
	assert_int_equal(fs_spool_rename(w->p, f, DIR_A, name), -ENAMETOOLONG);
	spool_world_close(w, f);
	assert_int_equal(spool_world_entries(w, NULL), 1);
}

static void listed_by_rising_id(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f[4];
	char name[] = "0";

	for (int i = 0; i < 4; i++, name[0]++)
		f[i] = spool_world_create(w, i == 1 ? DIR_B : DIR_A, name);
	spool_world_close(w, spool_world_create(w, DIR_A, "hidden.parquet"));
	assert_listed(w, DIR_A, 0, "0 2 3");
	assert_int_equal(fs_spool_rename(w->p, f[1], DIR_A, "m"), 0);
	assert_listed(w, DIR_A, 0, "0 m 2 3");
	assert_listed(w, DIR_A, fs_staged_id(f[1]), "2 3");
	assert_listed(w, DIR_B, 0, "");
	assert_int_equal(fs_spool_remove(w->p, DIR_A, "2"), 0);
	assert_listed(w, DIR_A, fs_staged_id(f[2]), "3"); /* the way in has gone */
	assert_listed(w, DIR_A, fs_staged_id(f[3]), "");
	spool_world_fill(f[1], 12);
	assert_int_equal(fs_spool_list(w->p, DIR_A, 0, note, (char[200]){""}), 7);
	for (int i = 0; i < 4; i++)
		spool_world_close(w, f[i]);
}

/* Every change of a listing is another version, and nothing else is. */
static void versions_follow_listings(void **state)
{
	struct spool_world *w = *state;
	uint64_t seen[16], v = 0;
	struct fs_staged *f, *g;
	size_t n = 0;

	assert_int_equal(fs_spool_version(w->p, DIR_A), 0);
	f = spool_world_create(w, DIR_A, "a");
	seen[n++] = fs_spool_version(w->p, DIR_A);
	g = spool_world_create(w, DIR_A, "b");
	seen[n++] = fs_spool_version(w->p, DIR_A);
	spool_world_close(w, spool_world_create(w, DIR_A, "c.parquet"));
	spool_world_fill(f, 12);
	assert_int_equal(fs_spool_rename(w->p, f, DIR_A, "a"), 0);
	assert_int_equal(fs_spool_version(w->p, DIR_A), seen[n - 1]);
	assert_int_equal(fs_spool_rename(w->p, f, DIR_A, "d"), 0);
	seen[n++] = fs_spool_version(w->p, DIR_A);
	assert_int_equal(fs_spool_rename(w->p, f, DIR_A, "b"), 0); /* replaces */
	seen[n++] = fs_spool_version(w->p, DIR_A);
	assert_int_equal(fs_spool_rename(w->p, f, DIR_B, "b"), 0);
	assert_int_equal(fs_spool_version(w->p, DIR_A), 0);
	seen[n++] = fs_spool_version(w->p, DIR_B);
	assert_int_equal(fs_spool_rename(w->p, f, DIR_A, "b"), 0);
	seen[n++] = fs_spool_version(w->p, DIR_A);
	assert_int_equal(fs_spool_version(w->p, DIR_B), 0);
	spool_world_close(w, g);
	spool_world_close(w, f);
	assert_int_equal(fs_spool_version(w->p, DIR_A), seen[n - 1]);
	assert_int_equal(fs_spool_remove(w->p, DIR_A, "b"), 0);
	assert_int_equal(fs_spool_version(w->p, DIR_A), 0);
	spool_world_close(w, spool_world_create(w, DIR_A, "a"));
	seen[n++] = fs_spool_version(w->p, DIR_A);
	for (size_t i = 0; i < n; v = seen[i++])
		assert_true(seen[i] > v);
}

static void a_rename_replaces_what_is_seen(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "a"), *old, *closed;
	const char *path;
	uint64_t id;

	old = spool_world_create(w, DIR_B, "b");
	spool_world_fill(old, 12);
	assert_int_equal(fs_spool_rename(w->p, f, DIR_B, "b"), 0);
	assert_int_equal(fs_spool_find(w->p, DIR_B, "b", &id), 0);
	assert_int_equal(id, fs_staged_id(f));
	assert_false(is_there(w, DIR_A, "a"));
	assert_int_equal(spool_world_size(old), 12); /* its handle goes on */
	assert_int_equal(fs_staged_freeze(old, &path), 1);
	assert_int_equal(fs_spool_rename(w->p, old, DIR_B, "c"), -ENOENT);
	assert_int_equal(spool_world_close(w, old), FS_RELEASE_NONE);
	assert_int_equal(spool_world_entries(w, NULL), 1);
	closed = spool_world_create(w, DIR_B, "d");
	spool_world_close(w, closed);
	assert_int_equal(fs_spool_rename(w->p, f, DIR_B, "d"), 0);
	assert_int_equal(spool_world_entries(w, NULL), 1); /* without a handle it goes at once */
	spool_world_close(w, f);
}

/* mv x.tmp x.parquet, while somebody still writes to it. */
static void a_rename_to_a_committing_name(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "x.tmp");
	struct fs_staged *closed = spool_world_create(w, DIR_A, "y.tmp");
	char name[FS_NAME_BYTES_MAX + 1];
	const char *path;
	uint64_t dir;

	spool_world_fill(f, 20);
	assert_int_equal(fs_staged_freeze(f, &path), 0);
	fs_staged_thaw(f, 0);
	assert_int_equal(fs_spool_rename(w->p, f, DIR_B, "x.parquet"), 0);
	assert_listed(w, DIR_A, 0, "y.tmp");
	assert_false(is_there(w, DIR_B, "x.parquet"));
	fs_staged_where(f, &dir, name);
	assert_int_equal(dir, DIR_B);
	assert_string_equal(name, "x.parquet");
	assert_int_equal(fs_staged_renew(f), 0);
	spool_world_fill(f, 21);
	assert_int_equal(spool_world_close(w, f), FS_RELEASE_DROPPED);
	fs_spool_release(w->p, closed);
	assert_int_equal(fs_spool_rename(w->p, closed, DIR_A, "y.parquet"), 0);
	assert_int_equal(fs_spool_opened(w->p, closed), -ESTALE);
	fs_staged_unref(w->p, closed);
	assert_int_equal(spool_world_entries(w, NULL), 0);
}

static void removed_or_forgotten_it_never_commits(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "a"), *g, *again;
	const char *path;

	spool_world_fill(f, 12);
	assert_int_equal(fs_spool_remove(w->p, DIR_A, "b"), -ENOENT);
	assert_int_equal(fs_spool_remove(w->p, DIR_A, "a"), 0);
	assert_int_equal(fs_spool_remove(w->p, DIR_A, "a"), -ENOENT);
	assert_int_equal(fs_staged_write(f, "1", 1, 20), 1);
	again = fs_spool_get(w->p, fs_staged_id(f));
	assert_ptr_equal(again, f);
	fs_staged_unref(w->p, again);
	assert_int_equal(fs_staged_freeze(f, &path), 1);
	assert_int_equal(spool_world_close(w, f), FS_RELEASE_NONE);
	g = spool_world_create(w, DIR_A, "g.parquet");
	spool_world_fill(g, 12);
	fs_spool_forget(w->p, g);
	assert_int_equal(fs_staged_freeze(g, &path), 1);
	assert_int_equal(spool_world_close(w, g), FS_RELEASE_NONE);
	assert_int_equal(spool_world_entries(w, NULL), 0);
}

static void a_committing_name_goes_with_its_last_handle(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "f.parquet");
	uint64_t id = fs_staged_id(f);
	const char *path;

	assert_int_equal(fs_spool_opened(w->p, f), 0);
	spool_world_fill(f, 12);
	assert_int_equal(fs_spool_release(w->p, f), FS_RELEASE_NONE);
	assert_int_equal(spool_world_close(w, f), FS_RELEASE_DROPPED);
	assert_null(fs_spool_get(w->p, id));
	f = spool_world_create(w, DIR_A, "f.parquet"); /* empty */
	assert_int_not_equal(fs_staged_id(f), id);
	assert_int_equal(spool_world_close(w, f), FS_RELEASE_NONE);
	f = spool_world_create(w, DIR_A, "f.parquet");
	spool_world_fill(f, 12);
	assert_int_equal(fs_staged_freeze(f, &path), 0);
	assert_int_equal(fs_spool_release(w->p, f), FS_RELEASE_NONE); /* its commit will tell */
	assert_int_equal(access(path, F_OK), 0);
	fs_staged_thaw(f, 0);
	fs_staged_unref(w->p, f);
	assert_int_equal(spool_world_entries(w, NULL), 0);
}

static void a_seen_name_stays_for_an_hour(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = spool_world_create(w, DIR_A, "a"), *held;
	uint64_t id = fs_staged_id(f);
	char data[3];

	assert_int_equal(fs_staged_write(f, "abc", 3, 0), 3);
	spool_world_close(w, f);
	held = spool_world_create(w, DIR_A, "held");
	w->mono_us += FS_STAGED_KEEP_US - 1;
	fs_spool_expire(w->p);
	f = fs_spool_get(w->p, id);
	assert_non_null(f);
	assert_int_equal(spool_world_size(f), 3); /* no descriptor was kept */
	assert_int_equal(fs_staged_read(f, data, 3, 0), 3);
	assert_memory_equal(data, "abc", 3);
	assert_int_equal(fs_spool_opened(w->p, f), 0); /* and again from its close */
	spool_world_close(w, f);
	w->mono_us += FS_STAGED_KEEP_US - 1;
	fs_spool_expire(w->p);
	assert_true(is_there(w, DIR_A, "a"));
	w->mono_us += 1;
	fs_spool_expire(w->p);
	assert_listed(w, DIR_A, 0, "held");
	assert_null(fs_spool_get(w->p, id));
	assert_int_equal(spool_world_entries(w, NULL), 1);
	spool_world_close(w, held);
}

static void there_is_a_limit(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = NULL;

	w->p->n = FS_STAGED_MAX - 1;
	spool_world_close(w, spool_world_create(w, DIR_A, "a"));
	assert_int_equal(fs_spool_create(w->p, DIR_A, "x", &f), -ENFILE);
	assert_int_equal(spool_world_entries(w, NULL), 1);
	assert_int_equal(fs_spool_remove(w->p, DIR_A, "a"), 0);
	spool_world_close(w, spool_world_create(w, DIR_A, "x"));
}

/* There may be more of them than descriptors. */
static void without_a_handle_no_descriptor(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f;
	int before = open(w->path, O_RDONLY), after;

	for (char name[] = "a"; *name <= 'z'; name[0]++) {
		f = spool_world_create(w, DIR_A, name);
		fs_spool_release(w->p, f);
		assert_int_equal(spool_world_size(f), 0);
		fs_staged_unref(w->p, f);
	}
	after = open(w->path, O_RDONLY);
	assert_int_equal(after, before + 1);
	close(before);
	close(after);
	assert_int_equal(spool_world_entries(w, NULL), 26);
}

static void a_name_that_fails_leaves_nothing(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *f = NULL;

	fault_io_arm(&w->fault, 1, -ENOSPC);
	assert_int_equal(fs_spool_create(w->p, DIR_A, "a", &f), -ENOSPC);
	assert_false(is_there(w, DIR_A, "a"));
	assert_int_equal(fs_spool_version(w->p, DIR_A), 0);
	spool_world_close(w, spool_world_create(w, DIR_A, "a"));
}

static void opening_fails_at_each_call(void **state)
{
	struct spool_world *w = *state;
	struct bough_error e = {0};
	struct fs_spool *p = NULL;
	int r = -1;

	for (unsigned n = 1; r && n < 20; n++) {
		fault_io_arm(&w->fault, n, -EIO);
		r = fs_spool_open(&w->store, &p, &e);
		assert_true(!r || (r == -EIO && strstr(e.message, "spool")));
	}
	assert_int_equal(r, 0);
	fs_spool_close(p);
	assert_int_equal(
		fs_spool_open(&w->store, &p, &e), 0); /* sweeps what the failed ones left */
	assert_int_equal(spool_world_entries(w, "spool"), 2);
	fs_spool_close(p);
	assert_int_equal(spool_world_entries(w, "spool"), 1);
}

/* Opens the spool, writes a file, and waits for the end. */
static pid_t start_mount(struct spool_world *w)
{
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct fs_staged *f;
		struct fs_spool *p;

		if (fs_spool_open(&w->store, &p, NULL) || fs_spool_create(p, DIR_A, "a", &f) ||
			fs_staged_write(f, "x", 1, 0) != 1)
			_exit(1);
		c = 1;
		if (write(ready[1], &c, 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void end_mount(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void the_dead_are_swept_and_the_living_are_not(void **state)
{
	struct spool_world *w = *state;
	struct fs_staged *ours = spool_world_create(w, DIR_A, "a");
	pid_t killed = start_mount(w), alive = start_mount(w);
	struct fs_spool *p = NULL;

	end_mount(killed);
	assert_int_equal(spool_world_entries(w, "spool"), 3);
	assert_int_equal(fs_spool_open(&w->store, &p, NULL), 0);
	assert_int_equal(spool_world_entries(w, "spool"), 3); /* ours, of the living, the new one */
	assert_int_equal(spool_world_entries(w, NULL), 2);
	fs_spool_close(p);
	end_mount(alive);
	assert_int_equal(spool_world_entries(w, "spool"), 2);
	spool_world_close(w, ours);
	fs_spool_close(w->p);
	assert_int_equal(spool_world_entries(w, "spool"), 1);
	assert_int_equal(fs_spool_open(&w->store, &w->p, NULL), 0);
	assert_int_equal(spool_world_entries(w, "spool"), 1);
	assert_int_equal(spool_world_entries(w, NULL), 0);
}

static void closing_removes_all(void **state)
{
	struct spool_world *w = *state;

	spool_world_create(w, DIR_A, "open");
	spool_world_create(w, DIR_A, "open.parquet");
	spool_world_close(w, spool_world_create(w, DIR_B, "closed"));
	fs_spool_forget(w->p, spool_world_create(w, DIR_B, "forgotten"));
	fs_spool_trunc_begin(w->p, 1, BLOCK_INO);
	fs_spool_close(w->p);
	w->p = NULL;
	assert_int_equal(spool_world_entries(w, "spool"), 0);
}

int main(void)
{
#define SPOOL_TEST(f) cmocka_unit_test_setup_teardown(f, spool_world_setup, spool_world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_commit),
		SPOOL_TEST(seen_are_names_that_do_not_commit),
		SPOOL_TEST(names_have_a_limit),
		SPOOL_TEST(listed_by_rising_id),
		SPOOL_TEST(versions_follow_listings),
		SPOOL_TEST(a_rename_replaces_what_is_seen),
		SPOOL_TEST(a_rename_to_a_committing_name),
		SPOOL_TEST(removed_or_forgotten_it_never_commits),
		SPOOL_TEST(a_committing_name_goes_with_its_last_handle),
		SPOOL_TEST(a_seen_name_stays_for_an_hour),
		SPOOL_TEST(there_is_a_limit),
		SPOOL_TEST(without_a_handle_no_descriptor),
		SPOOL_TEST(a_name_that_fails_leaves_nothing),
		SPOOL_TEST(opening_fails_at_each_call),
		SPOOL_TEST(the_dead_are_swept_and_the_living_are_not),
		SPOOL_TEST(closing_removes_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
