/* bough init, mount, umount, version, help. */
#include "tools/cmd_impl.h"
#include "fs/mount.h"

#include <errno.h>
#include <string.h>

int cmd_init(struct cli *c)
{
	struct json_object *out auto_json = NULL;
	int r = refs_store_init(c->args[0], &c->error);

	if (r == -EEXIST && !c->error.hint[0])
		error_hint(
			&c->error, r, "it is ready to use: bough mount '%.200s' MNT", c->args[0]);
	if (r)
		return cli_finish(c, r);
	if (!c->json) {
		printf("made an empty store in %s\n", c->args[0]);
		return 0;
	}
	out = cli_object();
	cli_add_text(out, "store", c->args[0]);
	cli_print_json(out);
	return 0;
}

/* boughfs stands beside bough, in the build folder and when installed. */
static int boughfs_path(char *ret, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", ret, size - sizeof "boughfs");
	char *slash;

	if (n < 0)
		return -errno;
	ret[n] = 0;
	slash = strrchr(ret, '/');
	if (!slash)
		return -ENOENT;
	strcpy(slash + 1, "boughfs");
	return 0;
}

int cmd_mount(struct cli *c)
{
	char *store cleanup(free_p) = NULL, path[4096];
	const char *options = cli_option(c, "options"), *argv[8], **a = argv;
	int r;

	if (c->n_args == 2 && c->store)
		return cli_usage(
			c, "the store is given twice: '%s' and '%s'", c->store, c->args[0]);
	r = refs_store_find(c->n_args == 2 ? c->args[0] : c->store, &store, &c->error);
	if (!r)
		r = boughfs_path(path, sizeof path);
	if (r)
		return cli_finish(c, r);
	*a++ = path;
	if (cli_option(c, "foreground"))
		*a++ = "-f";
	if (options) {
		*a++ = "-o";
		*a++ = options;
	}
	*a++ = "--";
	*a++ = store;
	*a++ = c->args[c->n_args - 1];
	*a = NULL;
	execv(path, (char **)argv);
	error_set(&c->error, -errno, "cannot start %s: %s", path, strerror(errno));
	error_hint(&c->error, -errno, "boughfs is installed beside bough");
	return CLI_FAILED;
}

static void show_waiting(void *arg, unsigned waited_s, unsigned at_most_s)
{
	cli_progress_update(arg, waited_s, at_most_s, 0);
}

int cmd_umount(struct cli *c)
{
	struct cli_progress progress;
	struct json_object *out auto_json = NULL;
	int r;

	cli_progress_init(&progress, "waiting for its daemon, seconds");
	r = fs_mount_unmount(c->args[0], show_waiting, &progress, &c->error);
	cli_progress_end(&progress);
	if (r)
		return cli_finish(c, r);
	out = cli_object();
	cli_add_text(out, "unmounted", c->args[0]);
	cli_report(c, out, "unmounted %s", c->args[0]);
	return 0;
}

int cmd_version(struct cli *c)
{
	struct json_object *out auto_json = NULL;

	if (!c->json) {
		printf("bough %s (store format %d)\n", BOUGH_VERSION, REFS_FORMAT_VERSION);
		return 0;
	}
	out = cli_object();
	cli_add_text(out, "version", BOUGH_VERSION);
	cli_add_number(out, "store_format", REFS_FORMAT_VERSION);
	cli_print_json(out);
	return 0;
}

int cmd_help(struct cli *c)
{
	const struct cli_command *d;
	int words;

	if (!c->n_args) {
		cli_help_all(stdout);
		return 0;
	}
	if (c->n_args == 1 && cli_help_group(stdout, c->args[0]))
		return 0;
	d = cli_find_command(c->n_args, c->args, &words);
	if (!d)
		return cli_unknown_command(c, c->n_args, c->args);
	cli_help(stdout, d);
	return 0;
}
