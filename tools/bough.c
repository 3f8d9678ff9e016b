/* bough: the table of commands, and finding the right row. */
#include "tools/cmd_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>

#define CREATE_OPTIONS                                                                             \
	{                                                                                          \
		{"at", 0, "MOMENT", "a snapshot's prefix, a time, or -2h; default: the head"},     \
			{"from", 0, "REF", "whose history it is taken from; default: main"},       \
		{                                                                                  \
			"retain", 0, "TIME", "expires after 30s, 5m, 2h, 7d ...; default: never"   \
		}                                                                                  \
	}

#define UNDROP_OPTIONS                                                                             \
	{                                                                                          \
		{"as", 0, "NAME", "under another name"},                                           \
		{                                                                                  \
			"id", 0, "ENTRY", "this entry of the trash, not the newest of that name"   \
		}                                                                                  \
	}

static const struct cli_command commands[] = {
	{"init", "STORE", "Make a new, empty store", "STORE is made if it does not exist.", 1, 1,
		{{0}}, cmd_init},
	{"mount", "STORE MNT", "Mount a store as a file system",
		"With -s STORE, or inside a mount of it, MNT alone is enough.", 1, 2,
		{{"foreground", 'f', NULL, "stay in the foreground"},
			{"options", 'o', "OPTIONS", "mount options, as boughfs takes them"}},
		cmd_mount},
	{"umount", "MNT", "Unmount a store", NULL, 1, 1, {{0}}, cmd_umount},
	{"import", "TABLE[/REF] FILE|DIR ...", "Append Parquet files to a table, as one commit",
		"Database and table are made where they do not exist; a branch must be there.\n"
		"A folder stands for all *.parquet files in and below it.",
		2, CLI_ARGS_ANY,
		{{"message", 'm', "TEXT", "why, for the log"},
			{"author", 0, "NAME", "who; default: the login name"},
			{"rewrite", 0, NULL, "write canonical files (comes with SQL)"}},
		cmd_import},

	{"db create", "DB", "Create a database", NULL, 1, 1, {{0}}, cmd_db_create},
	{"db list", "", "List databases", NULL, 0, 0, {{0}}, cmd_db_list},
	{"db show", "DB", "Show one database", NULL, 1, 1, {{0}}, cmd_db_show},
	{"db drop", "DB", "Drop an empty database", NULL, 1, 1, {{0}}, cmd_db_drop},
	{"db rename", "DB NAME", "Rename a database", NULL, 2, 2, {{0}}, cmd_db_rename},

	{"table create", "TABLE", "Create an empty table", "Its first file decides its schema.", 1,
		1, {{0}}, cmd_table_create},
	{"table list", "[DB]", "List tables, of one database or all", NULL, 0, 1, {{0}},
		cmd_table_list},
	{"table show", "TABLE", "Show one table: its head, schema and refs", NULL, 1, 1, {{0}},
		cmd_table_show},
	{"table drop", "TABLE", "Drop a table with all its refs", NULL, 1, 1, {{0}},
		cmd_table_drop},
	{"table undrop", "TABLE", "Bring a dropped table back, with all its refs", NULL, 1, 1,
		UNDROP_OPTIONS, cmd_undrop},
	{"table rename", "TABLE TABLE|NAME", "Rename a table, or move it to another database", NULL,
		2, 2, {{0}}, cmd_table_rename},

	{"branch create", "TABLE/NAME", "Create a branch: writable, nothing is copied", NULL, 1, 1,
		CREATE_OPTIONS, cmd_ref_create},
	{"branch list", "[TABLE]", "List branches, of one table or all", NULL, 0, 1, {{0}},
		cmd_ref_list},
	{"branch show", "TABLE/NAME", "Show one branch: its head, schema and counts", NULL, 1, 1,
		{{0}}, cmd_ref_show},
	{"branch drop", "TABLE/NAME", "Drop a branch", NULL, 1, 1, {{0}}, cmd_ref_drop},
	{"branch undrop", "TABLE/NAME", "Bring a dropped branch back", NULL, 1, 1, UNDROP_OPTIONS,
		cmd_undrop},
	{"branch rename", "TABLE/NAME NAME", "Rename a branch", NULL, 2, 2, {{0}}, cmd_ref_rename},
	{"branch reset", "TABLE/NAME MOMENT", "Move the head of a branch, or of main",
		"MOMENT is a snapshot's prefix, a time, or -2h, in the branch's own history.\n"
		"Before -2h stands -- (it is no option). What was the head stays in the branch.",
		2, 2, {{"from", 0, "REF", "take MOMENT from the history of this ref"}},
		cmd_ref_reset},
	{"branch retain", "TABLE/NAME TIME|0", "Let a branch expire, or with 0 never",
		"TIME is counted from now: 30s, 5m, 2h, 7d ...", 2, 2, {{0}}, cmd_ref_retain},
	{"branch protect", "TABLE/NAME", "Refuse to drop, rename or reset a branch", NULL, 1, 1,
		{{0}}, cmd_ref_protect},
	{"branch unprotect", "TABLE/NAME", "Allow it again", NULL, 1, 1, {{0}}, cmd_ref_protect},

	{"tag create", "TABLE/NAME", "Create a tag: a read-only name of a snapshot", NULL, 1, 1,
		CREATE_OPTIONS, cmd_ref_create},
	{"tag list", "[TABLE]", "List tags, of one table or all", NULL, 0, 1, {{0}}, cmd_ref_list},
	{"tag show", "TABLE/NAME", "Show one tag: its head, schema and counts", NULL, 1, 1, {{0}},
		cmd_ref_show},
	{"tag drop", "TABLE/NAME", "Drop a tag", NULL, 1, 1, {{0}}, cmd_ref_drop},
	{"tag undrop", "TABLE/NAME", "Bring a dropped tag back", NULL, 1, 1, UNDROP_OPTIONS,
		cmd_undrop},
	{"tag rename", "TABLE/NAME NAME", "Rename a tag", NULL, 2, 2, {{0}}, cmd_ref_rename},
	{"tag retain", "TABLE/NAME TIME|0", "Let a tag expire, or with 0 never",
		"TIME is counted from now: 30s, 5m, 2h, 7d ...", 2, 2, {{0}}, cmd_ref_retain},
	{"tag protect", "TABLE/NAME", "Refuse to drop or rename a tag", NULL, 1, 1, {{0}},
		cmd_ref_protect},
	{"tag unprotect", "TABLE/NAME", "Allow it again", NULL, 1, 1, {{0}}, cmd_ref_protect},

	{"trash list", "", "List what was dropped and can be brought back", NULL, 0, 0, {{0}},
		cmd_trash_list},
	{"trash restore", "ENTRY", "Bring one entry of the trash back", NULL, 1, 1,
		{{"as", 0, "NAME", "under another name; of a table also DB.NAME"}},
		cmd_trash_restore},
	{"trash empty", "", "Remove for good what is due",
		"What is due could be restored for the trash period (bough.conf: trash).", 0, 0,
		{{"all", 0, NULL, "also what is not due yet"}}, cmd_trash_empty},

	{"log", "TABLE[/REF][@MOMENT]", "Show the commits of a ref, newest first", NULL, 1, 1,
		{{"all", 0, NULL, "every snapshot of its directory, not only the head's chain"},
			{"number", 'n', "N", "at most N of them"}},
		cmd_log},
	{"show", "OBJECT|REF|FILE", "Print a snapshot or segment as JSON, or describe a ref",
		"OBJECT is a name, its 32 digits or a unique prefix of at least 4; FILE a version "
		"4\n"
		"file of Bough's or Databend's by its path; REF is TABLE[/REF][@MOMENT].",
		1, 1, {{0}}, cmd_show},
	{"stat", "[TABLE[/REF]]", "Sizes and counts of the store, a table or a ref", NULL, 0, 1,
		{{0}}, cmd_stat},
	{"sync", "", "Export all that is committed, and wait for it",
		"Afterwards the objects alone are enough to rebuild every ref.", 0, 0, {{0}},
		cmd_sync},
	{"fsck", "", "Check the whole store, and repair what is safe",
		"Exit status 1: something was found, and is there still.", 0, 0,
		{{"full", 0, NULL, "read and checksum every object too"},
			{"repair", 0, NULL, "mend what follows from sound records"}},
		cmd_fsck},
	{"version", "", "Print the version", NULL, 0, 0, {{0}}, cmd_version},
	{"help", "[COMMAND]", "Explain a command", NULL, 0, 2, {{0}}, cmd_help},
	{.name = NULL},
};

const struct cli_command *cli_commands(void)
{
	return commands;
}

/* Is the first word of @command @word, and does a verb follow? */
static bool is_group(const struct cli_command *command, const char *word)
{
	size_t n = strlen(word);

	return n && !strncmp(command->name, word, n) && command->name[n] == ' ';
}

const struct cli_command *cli_find_command(int argc, char **argv, int *ret_words)
{
	for (const struct cli_command *d = commands; argc && d->name; d++) {
		if (!strcmp(d->name, argv[0])) {
			*ret_words = 1;
			return d;
		}
		if (argc > 1 && is_group(d, argv[0]) &&
			!strcmp(strchr(d->name, ' ') + 1, argv[1])) {
			*ret_words = 2;
			return d;
		}
	}
	return NULL;
}

static int needs_verb(struct cli *c, const char *group)
{
	error_hint(&c->error, c->error.code, "see 'bough %s --help'", group);
	return cli_usage(c, "'%s' needs a verb: create, list ...", group);
}

int cli_unknown_command(struct cli *c, int argc, char **argv)
{
	struct cli_nearest near;
	bool group = false;

	cli_nearest_init(&near, argv[0]);
	for (const struct cli_command *d = commands; d->name; d++)
		group = group || is_group(d, argv[0]);
	if (group && argc < 2)
		return needs_verb(c, argv[0]);
	if (group)
		cli_nearest_init(&near, argv[1]);
	for (const struct cli_command *d = commands; d->name; d++) {
		char word[32];

		if (group && !is_group(d, argv[0]))
			continue;
		snprintf(word, sizeof word, "%.*s", (int)strcspn(d->name, " "), d->name);
		cli_nearest_offer(&near, group ? strchr(d->name, ' ') + 1 : word);
	}
	if (near.best[0])
		error_hint(&c->error, c->error.code, "did you mean 'bough %s%s%s'?",
			group ? argv[0] : "", group ? " " : "", near.best);
	return cli_usage(
		c, "unknown command '%s%s%s'", argv[0], group ? " " : "", group ? argv[1] : "");
}

static void print_summary(FILE *out, const struct cli_command *d)
{
	char left[64];

	snprintf(left, sizeof left, "%s %s", d->name, d->arguments);
	fprintf(out, "  %-34s %s\n", left, d->summary);
}

bool cli_help_group(FILE *out, const char *group)
{
	bool found = false;

	for (const struct cli_command *d = commands; d->name; d++) {
		if (!is_group(d, group))
			continue;
		if (!found)
			fprintf(out, "usage: bough %s VERB ...\n\n", group);
		found = true;
		print_summary(out, d);
	}
	if (found) {
		cli_help_common(out);
		fprintf(out, "\nManual page: bough-%s(1)\n", group);
	}
	return found;
}

void cli_help_all(FILE *out)
{
	fprintf(out, "usage: bough [-s STORE] COMMAND ...\n\n"
		     "Tables with branches, tags and history, mounted as a file system.\n\n"
		     "Commands:\n");
	for (const struct cli_command *d = commands; d->name; d++)
		print_summary(out, d);
	cli_help_common(out);
	fprintf(out, "\nTABLE is db.table; a REF is a branch or tag of it.\n"
		     "Manual page: bough(1); 'bough help COMMAND' for one command.\n");
}

/* A missing standard descriptor would be given to the next file opened: to the records. */
static void fill_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
			open("/dev/null", O_RDONLY | O_NOCTTY) != fd)
			_exit(CLI_FAILED);
}

static int dispatch(struct cli *c, int argc, char **argv)
{
	const char *special = NULL;
	bool help = false;
	int at, words, r = cli_parse_common(c, argc, argv, &at, &special);

	if (r)
		return r;
	if (special)
		return !strcmp(special, "help") ? (cli_help_all(stdout), 0) : cmd_version(c);
	if (at == argc) {
		cli_help_all(stderr);
		return CLI_USAGE;
	}
	if (at + 1 < argc && !strcmp(argv[at + 1], "--help") && cli_help_group(stdout, argv[at]))
		return CLI_DONE;
	c->command = cli_find_command(argc - at, argv + at, &words);
	if (!c->command)
		return cli_unknown_command(c, argc - at, argv + at);
	at += words - 1;
	r = cli_parse(c, argc - at, argv + at, &help);
	if (r || !help)
		return r ? r : c->command->run(c);
	cli_help(stdout, c->command);
	return CLI_DONE;
}

int main(int argc, char **argv)
{
	struct cli c = {0};
	int r;

	fill_standard_fds();
	setlocale(LC_CTYPE, "C.UTF-8");
	r = dispatch(&c, argc, argv);
	if (c.error.message[0] && r)
		cli_print_error(&c.error);
	else if (r < 0)
		fprintf(stderr, "bough: %s\n", strerror(-r));
	if ((fflush(stdout) || ferror(stdout)) && !r) {
		fprintf(stderr, "bough: done, but its output could not be written\n");
		return CLI_FAILED;
	}
	return r < 0 ? CLI_FAILED : r;
}
