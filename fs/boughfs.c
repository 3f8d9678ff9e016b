/* boughfs: mounts a store. By default in the background: the parent says whether it answers. */
#include "fs/mount.h"
#include "objstore/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define EXIT_USAGE 2
#define THREADS_MAX 1024

struct arguments {
	const char *store, *path;
	bool in_foreground;
	struct fs_mount_options options;
};

static const char usage[] =
	"usage: boughfs [-f] [-o OPTION[,OPTION...]] STORE MOUNTPOINT\n"
	"\n"
	"  -f, --foreground     stay, log to standard error\n"
	"  -o, --options LIST   allow_other   other users may use the mount\n"
	"                       ro            read only\n"
	"                       uid=N, gid=N  owner of all files (default: the store's)\n"
	"                       max_threads=N\n"
	"  -h, --help           this text\n"
	"  -V, --version        the version\n";

static int say(const struct bough_error *e, int r)
{
	if (e->message[0])
		fprintf(stderr, "boughfs: %s\n", e->message);
	else
		fprintf(stderr, "boughfs: %s\n", strerror(-r));
	if (e->hint[0])
		fprintf(stderr, "hint: %s\n", e->hint);
	return EXIT_FAILURE;
}

static int parse_number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text ? text : "", &end, 10);
	return !text || !*text || *text == '-' || *end || errno || *ret > max ? -EINVAL : 0;
}

static int parse_option(char *word, struct fs_mount_options *o)
{
	char *value = strchr(word, '=');
	unsigned long n;

	if (value)
		*value++ = 0;
	if (!strcmp(word, "allow_other") && !value) {
		o->allow_other = true;
	} else if (!strcmp(word, "ro") && !value) {
		o->is_read_only = true;
	} else if ((!strcmp(word, "rw") || !strcmp(word, "default_permissions")) && !value) {
		return 0; /* always so */
	} else if (!strcmp(word, "uid") && !parse_number(value, UINT32_MAX - 1, &n)) {
		o->has_uid = true;
		o->uid = (uid_t)n;
	} else if (!strcmp(word, "gid") && !parse_number(value, UINT32_MAX - 1, &n)) {
		o->has_gid = true;
		o->gid = (gid_t)n;
	} else if (!strcmp(word, "max_threads") && !parse_number(value, THREADS_MAX, &n) && n) {
		o->max_threads = (unsigned)n;
	} else {
		fprintf(stderr,
			"boughfs: unknown option or bad value: %s\nhint: see boughfs --help\n",
			word);
		return -EINVAL;
	}
	return 0;
}

static int parse_options(char *list, struct fs_mount_options *o)
{
	char *rest = NULL;

	for (char *w = strtok_r(list, ",", &rest); w; w = strtok_r(NULL, ",", &rest))
		if (parse_option(w, o))
			return -EINVAL;
	return 0;
}

/** Return: -1 go on, else the exit status. */
static int parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{"foreground", no_argument, NULL, 'f'},
		{"options", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "fo:hV", options, NULL)) >= 0)
		switch (c) {
		case 'f':
			a->in_foreground = true;
			break;
		case 'o':
			if (parse_options(optarg, &a->options))
				return EXIT_USAGE;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		case 'V':
			printf("boughfs %s\n", BOUGH_VERSION);
			return EXIT_SUCCESS;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	if (argc - optind != 2) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	a->store = argv[optind];
	a->path = argv[optind + 1];
	return -1;
}

/** The background daemon, once it is mounted: from here on it speaks through its log. */
struct background {
	const struct refs_store *store;
	int ready_fd;
	bool is_silent;
};

static void leave_terminal(void *arg)
{
	struct background *b = arg;
	char *path cleanup(free_p) = NULL;
	int null = open("/dev/null", O_RDWR);
	int r = asprintf(&path, "%s/log/boughfs.log", b->store->path) < 0 ? -ENOMEM : 0;

	if (!r)
		r = log_open(path, "boughfs");
	if (r)
		fprintf(stderr, "boughfs: no log: %s\n", strerror(-r));
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	if (write(b->ready_fd, "", 1) != 1)
		log_warning("who started this daemon is gone");
	close(b->ready_fd);
	b->is_silent = true;
}

/* Every file being written or read through the daemon is a descriptor of ours. */
static void raise_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l))
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

static int serve(const struct arguments *a, const char *path, int ready_fd)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct bough_error error = {0};
	struct background b = {.ready_fd = ready_fd};
	int r = refs_store_open(a->store, REFS_ROLE_MOUNT, &s, &error);

	b.store = s;
	if (!r)
		r = fs_mount_serve(
			s, path, &a->options, ready_fd < 0 ? NULL : leave_terminal, &b, &error);
	if (r && b.is_silent)
		log_error("%s", error.message[0] ? error.message : strerror(-r));
	return r ? say(&error, r) : EXIT_SUCCESS;
}

static int serve_in_background(const struct arguments *a, const char *path, int ready_fd)
{
	char *store cleanup(free_p) = realpath(a->store, NULL);
	struct arguments absolute = *a;

	if (store)
		absolute.store = store; /* else opening it says what is wrong */
	setsid();
	if (chdir("/"))
		return EXIT_FAILURE;
	return serve(&absolute, path, ready_fd);
}

/** Until the mount answers, or its daemon has said why not. */
static int wait_for_answer(const char *path, pid_t pid, int fd)
{
	char *version cleanup(free_p) = NULL;
	struct stat st;
	char byte;
	ssize_t n = read(fd, &byte, 1);

	if (n != 1) {
		waitpid(pid, NULL, 0); /* its message stands on standard error already */
		return EXIT_FAILURE;
	}
	if (asprintf(&version, "%s/.bough/version", path) < 0)
		return EXIT_FAILURE;
	if (!stat(version, &st))
		return EXIT_SUCCESS;
	fprintf(stderr, "boughfs: mounted at %s, but it does not answer: %s\n", path,
		strerror(errno));
	return EXIT_FAILURE;
}

static int start_in_background(const struct arguments *a, const char *path)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC)) {
		perror("boughfs: pipe");
		return EXIT_FAILURE;
	}
	pid = fork(); /* before the store is opened */
	if (pid < 0) {
		perror("boughfs: fork");
		return EXIT_FAILURE;
	}
	if (!pid) {
		close(fds[0]);
		return serve_in_background(a, path, fds[1]);
	}
	close(fds[1]);
	return wait_for_answer(path, pid, fds[0]);
}

int main(int argc, char **argv)
{
	struct arguments a = {0};
	struct bough_error error = {0};
	char *path cleanup(free_p) = NULL;
	int r = parse(argc, argv, &a);

	if (r >= 0)
		return r;
	log_open(NULL, "boughfs");
	raise_descriptors();
	r = fs_mount_prepare(a.path, &path, &error);
	if (r)
		return say(&error, r);
	return a.in_foreground ? serve(&a, path, -1) : start_in_background(&a, path);
}
