/* mkstore PATH BLOCKS [OPTION]: a synthetic store; prints what it costs. */
#include "tests/support/mkstore.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	if (isatty(2))
		fprintf(stderr, "\r%llu of %llu blocks", (unsigned long long)done,
			(unsigned long long)total);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool take_options(struct mkstore_options *o, char **argv)
{
	for (; *argv; argv++) {
		if (!strcmp(*argv, "--objects") ||
			sscanf(*argv, "--object-bytes=%" SCNu64, &o->object_bytes) == 1)
			o->has_objects = true;
		else if (sscanf(*argv, "--segment-blocks=%" SCNu64, &o->segment_blocks) != 1)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct mkstore_options o = {.progress = show_progress};
	struct mkstore_made made;
	struct bough_error error = {0};
	struct stat st;
	char data[4096];
	double start = seconds();

	if (argc < 3 || !take_options(&o, argv + 3)) {
		fprintf(stderr, "usage: mkstore PATH BLOCKS [--objects | --object-bytes=N] "
				"[--segment-blocks=N]\n");
		return 2;
	}
	o.blocks = strtoull(argv[2], NULL, 10);
	if (mkstore_run(argv[1], &o, &made, &error)) {
		fprintf(stderr, "mkstore: %s\n", error.message);
		return 1;
	}
	snprintf(data, sizeof data, "%s/meta/data.mdb", argv[1]);
	if (stat(data, &st))
		return 1;
	printf("%llu blocks, %llu segments, %.1f s, %lld bytes of LMDB, %.0f per block\n",
		(unsigned long long)o.blocks, (unsigned long long)made.segments, seconds() - start,
		(long long)st.st_size, o.blocks ? (double)st.st_size / (double)o.blocks : 0.0);
	return 0;
}
