/* Writers, commits, looks and renames at the same time; also run under TSan. */
#include "tests/fs/spool_world.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define WRITERS 2
#define ROUNDS 1000
#define COMMITS_MIN 30
#define PART_BYTES 512
#define FILE_BYTES (4 + WRITERS * PART_BYTES + 8)

struct race {
	struct spool_world *w;
	struct fs_staged *f;
	uint64_t rounds;
	_Atomic unsigned wrong, commits;
	_Atomic unsigned busy; /* threads that still change something */
};

struct writer {
	struct race *race;
	unsigned n;
	sem_t thawed;
};

struct sleeper {
	struct fs_waiter w;
	sem_t *thawed;
};

static void wake(struct fs_waiter *w)
{
	sem_post(((struct sleeper *)w)->thawed);
}

/* As the mount does it: wait for a thaw, renew what a commit has, try again. */
static void write_part(struct writer *x, uint8_t value)
{
	struct sleeper s = {{.run = wake}, &x->thawed};
	uint8_t data[PART_BYTES];
	ssize_t n;

	memset(data, value, sizeof data);
	for (;;) {
		n = fs_staged_write(x->race->f, data, sizeof data, 4 + x->n * PART_BYTES);
		if (n == -EBUSY && fs_staged_wait(x->race->f, &s.w))
			sem_wait(&x->thawed);
		else if (n == -EMLINK)
			fs_staged_renew(x->race->f); /* -EBUSY: another one was faster */
		else if (n != -EBUSY)
			break;
	}
	x->race->wrong += n != sizeof data;
}

static void *run_writer(void *arg)
{
	struct writer *x = arg;

	for (uint64_t i = 0; i < x->race->rounds || x->race->commits < COMMITS_MIN; i++)
		write_part(x, (uint8_t)i);
	x->race->busy--;
	return NULL;
}

/* No part is half of one round. */
static bool is_sound(const uint8_t *data)
{
	for (unsigned n = 0; n < WRITERS; n++) {
		const uint8_t *part = data + 4 + n * PART_BYTES;

		if (memcmp(part, part + 1, PART_BYTES - 1))
			return false;
	}
	return !memcmp(data, "PAR1", 4) && !memcmp(data + FILE_BYTES - 4, "PAR1", 4);
}

static bool reads(const char *path, uint8_t *data)
{
	int fd cleanup(close_p) = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, data, FILE_BYTES) == FILE_BYTES;
}

static void *run_committer(void *arg)
{
	struct race *race = arg;

	while (race->busy) {
		uint8_t first[FILE_BYTES], second[FILE_BYTES];
		const char *path;
		int r = fs_staged_freeze(race->f, &path);

		if (r) {
			race->wrong += r != 1 && r != -EBUSY;
			usleep(100);
			continue;
		}
		race->wrong += !reads(path, first) || !is_sound(first);
		usleep(100);
		race->wrong += !reads(path, second) || memcmp(first, second, FILE_BYTES);
		race->commits++;
		fs_staged_thaw(race->f, race->commits % 3 ? 0 : -EIO);
	}
	return NULL;
}

static void *run_looker(void *arg)
{
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_nsec = UTIME_NOW}};
	struct race *race = arg;

	while (race->busy) {
		uint8_t data[FILE_BYTES];
		struct stat st;

		race->wrong += fs_staged_stat(race->f, &st) || st.st_size != FILE_BYTES;
		race->wrong += fs_staged_read(race->f, data, FILE_BYTES, 0) != FILE_BYTES;
		race->wrong += fs_staged_utimens(race->f, times) != 0;
		race->wrong += fs_staged_sync(race->f) != 0;
		usleep(100);
	}
	return NULL;
}

/* Names of its own, and one that all fight for. */
static void *run_namer(void *arg)
{
	struct race *race = arg;
	struct fs_spool *p = race->w->p;

	for (uint64_t i = 0; i < race->rounds; i++) {
		struct fs_staged *f = NULL;
		uint64_t id;
		char name[32];

		snprintf(name, sizeof name, "%lu-%lu", (unsigned long)pthread_self(),
			(unsigned long)i);
		if (fs_spool_create(p, DIR_A, name, &f)) {
			race->wrong++;
			continue;
		}
		race->wrong += fs_staged_write(f, "x", 1, 0) != 1;
		race->wrong += fs_spool_find(p, DIR_A, name, &id) || id != fs_staged_id(f);
		race->wrong += fs_spool_rename(p, f, DIR_B, i % 2 ? "shared" : name) != 0;
		if (i % 3)
			fs_spool_remove(p, DIR_B, i % 2 ? "shared" : name);
		spool_world_close(race->w, f);
	}
	race->busy--;
	return NULL;
}

static int count(void *arg, struct fs_staged *f, const char *name)
{
	struct stat st;

	*(unsigned *)arg += fs_staged_stat(f, &st) || !*name;
	return 0;
}

static void *run_lister(void *arg)
{
	struct race *race = arg;

	while (race->busy) {
		unsigned wrong = 0;

		fs_spool_list(race->w->p, DIR_A, 0, count, &wrong);
		fs_spool_list(race->w->p, DIR_B, 0, count, &wrong);
		fs_spool_version(race->w->p, DIR_B);
		fs_spool_expire(race->w->p);
		race->wrong += wrong;
		usleep(100);
	}
	return NULL;
}

static void all_at_once(void **state)
{
	struct spool_world *w = *state;
	struct race race = {.w = w, .rounds = test_scale(ROUNDS), .busy = WRITERS + 2};
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS + 5];
	size_t n = 0;

	w->store.io = &w->gate.io; /* the other one counts, for one thread */
	race.f = spool_world_create(w, DIR_A, "f.parquet");
	spool_world_fill(race.f, FILE_BYTES);
	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.race = &race, .n = i};
		sem_init(&writers[i].thawed, 0, 0);
		pthread_create(&threads[n++], NULL, run_writer, &writers[i]);
	}
	pthread_create(&threads[n++], NULL, run_namer, &race);
	pthread_create(&threads[n++], NULL, run_namer, &race);
	pthread_create(&threads[n++], NULL, run_committer, &race);
	pthread_create(&threads[n++], NULL, run_looker, &race);
	pthread_create(&threads[n++], NULL, run_lister, &race);
	while (n)
		pthread_join(threads[--n], NULL);
	for (unsigned i = 0; i < WRITERS; i++)
		sem_destroy(&writers[i].thawed);
	print_message("%u commits\n", race.commits);
	assert_int_equal(race.wrong, 0);
	spool_world_close(w, race.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			all_at_once, spool_world_setup, spool_world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
