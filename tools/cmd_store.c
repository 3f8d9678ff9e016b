/* bough init, mount, umount, version, help. */
#include "tools/cmd_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/xattr.h>

int cmd_init(struct cli *c)
{
	struct json_object *out auto_json = NULL;
	int r = refs_store_init(c->args[0], &c->error);

	if (r == -EEXIST && !c->error.hint[0])
		error_hint(&c->error, "it is ready to use: bough mount '%.200s' MNT", c->args[0]);
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
	*a++ = store;
	*a++ = c->args[c->n_args - 1];
	if (cli_option(c, "foreground"))
		*a++ = "-f";
	if (options) {
		*a++ = "-o";
		*a++ = options;
	}
	*a = NULL;
	execv(path, (char **)argv);
	error_set(&c->error, -errno, "cannot start %s: %s", path, strerror(errno));
	error_hint(&c->error, "boughfs is installed beside bough");
	return CLI_FAILED;
}

/* The root of a mount of Bough's answers this attribute and has inode 1. */
static int check_mount(struct cli *c, const char *path)
{
	char store[4096];

	if (access(path, F_OK) && errno == ENOENT)
		return error_set(&c->error, -ENOENT, "there is no '%s'", path);
	if (getxattr(path, "user.bough.store", store, sizeof store) < 0 && errno != ENOTCONN)
		return error_set(&c->error, -EINVAL, "'%s' is no mount of a store", path);
	return 0;
}

int cmd_umount(struct cli *c)
{
	const char *path = c->args[0];
	int r = check_mount(c, path);

	if (r)
		return r;
	if (!umount2(path, UMOUNT_NOFOLLOW)) {
		if (!c->json)
			printf("unmounted %s\n", path);
		return 0;
	}
	r = -errno;
	error_set(&c->error, r, "cannot unmount '%s': %s", path, strerror(-r));
	if (r == -EBUSY)
		error_hint(&c->error, "a program works in it: 'fuser -vm %.200s' names it", path);
	else if (r == -EINVAL)
		error_hint(&c->error, "give the folder that it is mounted on");
	return r;
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
