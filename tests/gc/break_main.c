/* Makes a store in a folder that does not exist, broken in the named ways, for tests of programs.
 */
#include "tests/gc/world.h"

#include <stdio.h>
#include <string.h>

static int break_as(struct world *w, const char *name)
{
	for (size_t i = 0; i < n_breaks; i++)
		if (!strcmp(breaks[i].name, name)) {
			breaks[i].fn(w);
			return 0;
		}
	fprintf(stderr, "no break is called '%s'\n", name);
	return -1;
}

int main(int argc, char **argv)
{
	struct world *w;
	char command[2 * TEST_PATH_BYTES_MAX + 64];
	int r = 0;

	if (argc < 2 || world_setup((void **)&w)) {
		fprintf(stderr, "usage: fsck_break FOLDER [BREAK ...]\n");
		return 2;
	}
	for (int i = 2; i < argc && !r; i++) {
		r = kv_begin(w->f->store->kv, KV_WRITE, &w->t);
		if (!r)
			r = break_as(w, argv[i]);
		if (!r)
			r = kv_commit(&w->t);
	}
	refs_store_close(steal(&w->f->store));
	snprintf(command, sizeof command, "cp -r --sparse=always %s %s", w->f->path, argv[1]);
	r = r || system(command);
	world_teardown((void **)&w);
	return r ? 1 : 0;
}
