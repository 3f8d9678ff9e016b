/*
 * What the subcommands of bough share: arguments, the store and its names, output.
 *
 * A command is a row of a table: its name, its options, its help and a function. The function gets
 * a struct cli and returns an exit status, or a negative errno with cli->error filled, which main
 * prints as "bough: message" and "hint: ...".
 */
#pragma once
#include "refs/name.h"
#include "refs/ref.h"
#include "refs/store.h"
#include "refs/table.h"

#include <json-c/json.h>
#include <stdio.h>

enum cli_status { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

#define CLI_OPTIONS_MAX 8 /* of one command */
#define CLI_ARGS_ANY 1000000

struct cli;

struct cli_option {
	const char *name;  /* "at" for --at */
	char letter;	   /* 0 none */
	const char *value; /* what the help calls its value; NULL: a flag */
	const char *help;
};

struct cli_command {
	const char *name;      /* "log", or group and verb: "branch create" */
	const char *arguments; /* as the usage line shows them */
	const char *summary;   /* one line */
	const char *details;   /* paragraphs for --help; NULL none */
	int args_min, args_max;
	struct cli_option options[CLI_OPTIONS_MAX]; /* to the first without a name */
	int (*run)(struct cli *c);
};

/** One invocation. */
struct cli {
	const struct cli_command *command;
	const char *store; /* -s; NULL: found by refs_store_find() */
	bool json, human;
	const char *values[CLI_OPTIONS_MAX]; /* of command->options; NULL not given */
	int n_args;
	char **args;
	struct bough_error error;
};

/* --- arguments (cli_args.c) --- */

/**
 * cli_parse_common() - options before the command; *@ret_at: index of the command in @argv
 * Return: 0, or CLI_USAGE with c->error filled.
 */
int cli_parse_common(struct cli *c, int argc, char **argv, int *ret_at, const char **ret_special);
/**
 * cli_parse() - the command's own options and arguments, mixed in any order
 * @argv: begins with the command's last word
 *
 * *@ret_help: --help was asked for. Return: 0, or CLI_USAGE with c->error filled.
 */
int cli_parse(struct cli *c, int argc, char **argv, bool *ret_help);
/** cli_option() - value of the command's option @name ("" of a flag); NULL not given. */
const char *cli_option(const struct cli *c, const char *name);
/** cli_usage() - the arguments are wrong. Return: CLI_USAGE. */
int cli_usage(struct cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** cli_option_duration() - microseconds; *@ret unchanged where not given. 0 or CLI_USAGE. */
int cli_option_duration(struct cli *c, const char *name, uint64_t *ret_us);
/** cli_option_number() - as cli_option_duration(). */
int cli_option_number(struct cli *c, const char *name, uint64_t *ret);
/** cli_help() - the help of one command, from its row. */
void cli_help(FILE *out, const struct cli_command *command);
void cli_help_common(FILE *out);

/* --- the table of commands (bough.c) --- */

/** cli_commands() - all of them, ended by one without a name. */
const struct cli_command *cli_commands(void);
/** cli_find_command() - by its words; NULL unknown. *@ret_words: how many make its name. */
const struct cli_command *cli_find_command(int argc, char **argv, int *ret_words);
/** cli_unknown_command() - says so, with the nearest name. Return: CLI_USAGE. */
int cli_unknown_command(struct cli *c, int argc, char **argv);
/** cli_help_group() - the verbs of "branch"; false: no such group. */
bool cli_help_group(FILE *out, const char *group);
void cli_help_all(FILE *out);

/* --- text (cli_text.c) --- */

/** cli_distance() - edits between two words, case not counted; above @max: @max + 1. */
unsigned cli_distance(const char *a, const char *b, unsigned max);
/** Keeps the candidate nearest to a word. */
struct cli_nearest {
	const char *word;
	unsigned distance;
	char best[REC_NAME_BYTES_MAX + 1]; /* "" none is near */
};
void cli_nearest_init(struct cli_nearest *n, const char *word);
void cli_nearest_offer(struct cli_nearest *n, const char *candidate);
/** cli_s() - of a plural. */
static inline const char *cli_s(uint64_t n)
{
	return n == 1 ? "" : "s";
}
/** cli_format_bytes() - "1536" or, @human, "1.5K". */
void cli_format_bytes(uint64_t bytes, bool human, char ret[static 32]);
/** cli_set_zone() - print times in @tz from now on: "local", "UTC", a name, "+hh:mm". -EINVAL. */
int cli_set_zone(const char *tz);
/** cli_format_time() - RFC 3339 in the zone; @exact with microseconds. */
void cli_format_time(uint64_t unix_us, bool exact, char ret[static 40]);
/** cli_clean() - @text with control characters as \xNN, appended to @ret. */
int cli_clean(const char *text, struct buf *ret);
/** cli_shell() - @text as one word of a shell; owned; NULL out of memory. */
char *cli_shell(const char *text);
/** cli_width() - columns that @text takes on a terminal. */
size_t cli_width(const char *text);

/* --- the store and its names (cli_store.c) --- */

/** cli_open() - the store of -s, $BOUGH_STORE or the mount. */
int cli_open(struct cli *c, struct refs_store **ret);
/** cli_begin() - the same, and a read transaction in it. */
int cli_begin(struct cli *c, struct refs_store **ret, struct refs_txn **ret_x);
/** cli_write() - the same, and @body in a write transaction. */
int cli_write(struct cli *c, refs_body body, void *arg);

/** cli_leave() - after a change: export it, unless a mount does; a failure is told, no more. */
void cli_leave(struct refs_store *s);

/** What a target means in a transaction. */
struct cli_place {
	uint64_t db, table, ref;
};
/** cli_lookup() - database, table and ref (main if none is named), with hints. */
int cli_lookup(struct refs_txn *x, const struct name_target *t, struct cli_place *ret,
	struct bough_error *error);
/** cli_lookup_db() - one database, with a hint. */
int cli_lookup_db(
	struct refs_txn *x, const char *name, uint64_t *ret_db, struct bough_error *error);
/** cli_lookup_table() - without its ref. */
int cli_lookup_table(struct refs_txn *x, const struct name_target *t, struct cli_place *ret,
	struct bough_error *error);

enum cli_target {
	CLI_TABLE = 1,	    /* db.table */
	CLI_TABLE_OR_REF,   /* db.table[/ref] */
	CLI_REF,	    /* db.table/ref */
	CLI_REF_AND_MOMENT, /* db.table[/ref][@moment] */
};
/** cli_parse_target() - Return: 0, or CLI_USAGE where @text has another form. */
int cli_parse_target(
	struct cli *c, const char *text, enum cli_target form, struct name_target *ret);
/** cli_parse_name() - a database's or ref's name alone, in double quotes or not; owned. */
int cli_parse_name(struct cli *c, const char *text, char **ret);
/** cli_name() - "db.table/ref" as cli_parse_target() reads it; @table and @ref may be NULL. */
char *cli_name(const char *db, const char *table, const char *ref); /* owned */
/** cli_snapshot_hex() - the 32 digits of a snapshot's name; "" for id 0 or a lost record. */
int cli_snapshot_hex(struct refs_txn *x, uint64_t id, char ret[static 33]);
/** cli_cannot_read() - says why file @path could not be opened or read. Return: @r. */
int cli_cannot_read(struct cli *c, int r, const char *path);
/** cli_no_file() - says that @path is no regular file. Return: -EINVAL. */
int cli_no_file(struct cli *c, const char *path);
/** cli_finish() - @r of a transaction's body as a command's result, with words for bare codes. */
int cli_finish(struct cli *c, int r);

/* --- output (cli_print.c) --- */

enum cli_kind {
	CLI_TEXT,
	CLI_ID, /* the first digits of a snapshot's name */
	CLI_NUMBER,
	CLI_BYTES,
	CLI_TIME,
	CLI_TIME_EXACT,
	CLI_FLAG
};

#define CLI_ID_DIGITS 12

/** One column of a list, or one line of a record. */
struct cli_column {
	const char *key;   /* of the JSON object */
	const char *title; /* in text; NULL: JSON only */
	enum cli_kind kind;
};

/** cli_check() - out of memory while printing ends the program; else @p. */
void *cli_check(void *p);
struct json_object *cli_array(void);
struct json_object *cli_object(void);
void cli_add(struct json_object *o, const char *key, struct json_object *value);
void cli_add_text(struct json_object *o, const char *key, const char *text); /* NULL: null */
void cli_add_number(struct json_object *o, const char *key, uint64_t n);
void cli_add_flag(struct json_object *o, const char *key, bool flag);
/** cli_add_time() - RFC 3339, UTC, microseconds; 0: null. */
void cli_add_time(struct json_object *o, const char *key, uint64_t unix_us);
void cli_append(struct json_object *array, struct json_object *value);
static inline void json_put_p(struct json_object **o)
{
	json_object_put(*o);
}
#define auto_json cleanup(json_put_p)

/** cli_print_list() - an array of objects: with --json as it is, else as a table. */
void cli_print_list(
	const struct cli *c, struct json_object *rows, const struct cli_column *columns, size_t n);
/** cli_print_record() - one object: with --json as it is, else a line per column. */
void cli_print_record(const struct cli *c, struct json_object *record,
	const struct cli_column *columns, size_t n);
/** cli_print_json() - pretty, to stdout. */
void cli_print_json(struct json_object *o);
/** cli_done() - {"<action>": name, "id": id}: what a writing command did. */
struct json_object *cli_done(const char *action, const char *name, uint64_t id);
/** cli_report() - that object with --json, else the sentence. */
void cli_report(const struct cli *c, struct json_object *done, const char *sentence, ...)
	__attribute__((format(printf, 3, 4)));
/** cli_print_error() - "bough: message" and "hint: ..." to stderr. */
void cli_print_error(const struct bough_error *e);

/* --- progress (cli_progress.c) --- */

/** A bar on a terminal (stderr) for what takes longer than a second; else nothing. */
struct cli_progress {
	const char *label;
	uint64_t begin_us, last_us;
	bool enabled, drawn;
};
void cli_progress_init(struct cli_progress *p, const char *label);
void cli_progress_update(struct cli_progress *p, uint64_t done, uint64_t total, uint64_t bytes);
/** cli_progress_end() - takes the bar away. */
void cli_progress_end(struct cli_progress *p);
#define auto_progress cleanup(cli_progress_end)
