#include "tests/fs/spool_world.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static uint64_t world_mono_us(const struct clock *c)
{
	const struct spool_world *w =
		(const void *)((const char *)c - offsetof(struct spool_world, clock));

	return w->mono_us;
}

static struct spool_gate *gate_of(const struct io *io)
{
	return (struct spool_gate *)(uintptr_t)io;
}

static void pass(struct spool_gate *g, bool stops)
{
	if (!stops)
		return;
	sem_post(&g->entered);
	sem_wait(&g->go);
}

static int gate_pwrite(const struct io *io, int fd, const void *data, size_t len, uint64_t off)
{
	struct spool_gate *g = gate_of(io);

	pass(g, g->pwrite);
	return g->inner->pwrite_all(g->inner, fd, data, len, off);
}

static ssize_t gate_pread(const struct io *io, int fd, void *data, size_t len, uint64_t off)
{
	struct spool_gate *g = gate_of(io);

	pass(g, g->pread);
	return g->inner->pread(g->inner, fd, data, len, off);
}

static int gate_fsync(const struct io *io, int fd)
{
	struct spool_gate *g = gate_of(io);

	pass(g, g->fsync);
	return g->inner->fsync(g->inner, fd);
}

static int gate_reflink(const struct io *io, int from_fd, int to_fd)
{
	struct spool_gate *g = gate_of(io);
	char data[4096];
	ssize_t n;

	pass(g, g->reflink);
	if (!g->has_reflink)
		return -EOPNOTSUPP;
	g->reflinks++;
	n = pread(from_fd, data, sizeof data, 0);
	return n < 0 || pwrite(to_fd, data, (size_t)n, 0) != n ? -EIO : 0;
}

static void gate_init(struct spool_gate *g)
{
	g->io = *io_system();
	g->inner = io_system();
	g->io.pwrite_all = gate_pwrite;
	g->io.pread = gate_pread;
	g->io.fsync = gate_fsync;
	g->io.reflink = gate_reflink;
	sem_init(&g->entered, 0, 0);
	sem_init(&g->go, 0, 0);
}

int spool_world_setup(void **state)
{
	struct spool_world *w = calloc(1, sizeof *w);
	struct bough_error e = {0};

	if (!w)
		return -1;
	test_dir_make(w->path);
	gate_init(&w->gate);
	fault_io_init(&w->fault, &w->gate.io);
	w->clock.mono_us = world_mono_us;
	w->mono_us = 5000000;
	w->store = (struct refs_store){.path = w->path, .clock = &w->clock, .io = &w->fault.io};
	w->store.dir_fd = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = w;
	return fs_spool_open(&w->store, &w->p, &e);
}

int spool_world_teardown(void **state)
{
	struct spool_world *w = *state;

	fault_io_arm(&w->fault, 0, 0);
	fs_spool_close(w->p);
	close(w->store.dir_fd);
	test_dir_remove(w->path);
	sem_destroy(&w->gate.entered);
	sem_destroy(&w->gate.go);
	free(w);
	return 0;
}

static size_t entries(const char *path, bool deep)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char below[600];

		if (*e->d_name == '.')
			continue;
		snprintf(below, sizeof below, "%s/%s", path, e->d_name);
		n += deep ? entries(below, false) : 1;
	}
	closedir(d);
	return n;
}

size_t spool_world_entries(const struct spool_world *w, const char *folder)
{
	char path[TEST_PATH_BYTES_MAX + 16];

	snprintf(path, sizeof path, "%s/%s", w->path, folder ? folder : "spool");
	return entries(path, !folder);
}

struct fs_staged *spool_world_create(struct spool_world *w, uint64_t dir, const char *name)
{
	struct fs_staged *f = NULL;

	assert_int_equal(fs_spool_create(w->p, dir, name, &f), 0);
	return f;
}

enum fs_release spool_world_close(struct spool_world *w, struct fs_staged *f)
{
	enum fs_release r = fs_spool_release(w->p, f);

	fs_staged_unref(w->p, f);
	return r;
}

void spool_world_fill(struct fs_staged *f, size_t bytes)
{
	uint8_t *data cleanup(free_p) = calloc(1, bytes);

	assert_non_null(data);
	memcpy(data, "PAR1", 4);
	memcpy(data + bytes - 4, "PAR1", 4);
	assert_int_equal(fs_staged_write(f, data, bytes, 0), bytes);
}

uint64_t spool_world_size(struct fs_staged *f)
{
	struct stat st;

	assert_int_equal(fs_staged_stat(f, &st), 0);
	return (uint64_t)st.st_size;
}
