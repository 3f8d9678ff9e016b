/*
 * Loads on files, timed where they run. usage:
 *   fileload seq FILE              bytes per second of one sequential read in pieces of 1 MiB
 *   fileload rand FILE N           nanoseconds per pread of 4 KiB at random places
 *   fileload stat DIR N            nanoseconds per stat of its first N names, after a warm round
 *   fileload open FILE N           nanoseconds per open and close
 *   fileload drop FILE             its pages leave the page cache
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE_BYTES (1 << 20)

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_or_die(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

static double run_seq(const char *path)
{
	char *buffer = malloc(PIECE_BYTES);
	double start = now_s(), bytes = 0;
	int fd = open_or_die(path);
	ssize_t n;

	while ((n = read(fd, buffer, PIECE_BYTES)) > 0)
		bytes += (double)n;
	if (n < 0)
		die(path);
	close(fd);
	free(buffer);
	return bytes / (now_s() - start);
}

static double run_rand(const char *path, long n)
{
	char buffer[4096];
	uint64_t random = 88172645463325252;
	int fd = open_or_die(path);
	struct stat st;
	double start;

	if (fstat(fd, &st) || st.st_size < (off_t)sizeof buffer)
		die(path);
	start = now_s();
	for (long i = 0; i < n; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		if (pread(fd, buffer, sizeof buffer,
			    (off_t)(random % ((uint64_t)st.st_size / 4096)) * 4096) < 0)
			die(path);
	}
	close(fd);
	return (now_s() - start) * 1e9 / (double)n;
}

static double run_stat(const char *path, long n)
{
	char **names = calloc((size_t)n, sizeof *names);
	DIR *d = opendir(path);
	struct dirent *e;
	struct stat st;
	long found = 0;
	double start = 0;

	if (!d || !names)
		die(path);
	while (found < n && (e = readdir(d)))
		if (e->d_name[0] != '.')
			names[found++] = strdup(e->d_name);
	for (int round = 0; round < 2; round++) {
		start = now_s();
		for (long i = 0; i < found; i++)
			if (fstatat(dirfd(d), names[i], &st, 0))
				die(names[i]);
	}
	return (now_s() - start) * 1e9 / (double)found;
}

static double run_open(const char *path, long n)
{
	double start = now_s();

	for (long i = 0; i < n; i++)
		close(open_or_die(path));
	return (now_s() - start) * 1e9 / (double)n;
}

int main(int argc, char **argv)
{
	long n = argc > 3 ? atol(argv[3]) : 0;

	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "seq"))
		printf("%.0f\n", run_seq(argv[2]));
	else if (!strcmp(argv[1], "rand") && n > 0)
		printf("%.0f\n", run_rand(argv[2], n));
	else if (!strcmp(argv[1], "stat") && n > 0)
		printf("%.0f\n", run_stat(argv[2], n));
	else if (!strcmp(argv[1], "open") && n > 0)
		printf("%.0f\n", run_open(argv[2], n));
	else if (!strcmp(argv[1], "drop"))
		return posix_fadvise(open_or_die(argv[2]), 0, 0, POSIX_FADV_DONTNEED);
	else
		return 2;
	return 0;
}
