/* Arguments by getopt_long, from the command's row. */
#include "tools/cli_impl.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

enum { OPT_HELP = 256, OPT_JSON, OPT_TZ, OPT_VERSION, OPT_OWN /* + index of the command's */ };

#define COMMON_OPTIONS 6

static const struct option common[COMMON_OPTIONS] = {
	{"store", required_argument, NULL, 's'},
	{"json", no_argument, NULL, OPT_JSON},
	{"human-readable", no_argument, NULL, 'h'},
	{"tz", required_argument, NULL, OPT_TZ},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
};

static int own_options(const struct cli_command *command)
{
	int n = 0;

	while (n < CLI_OPTIONS_MAX && command->options[n].name)
		n++;
	return n;
}

int cli_usage(struct cli *c, const char *format, ...)
{
	char text[BOUGH_MESSAGE_BYTES_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	error_set(&c->error, -EINVAL, "%s", text);
	if (c->error.hint[0])
		return CLI_USAGE;
	if (c->command)
		error_hint(&c->error, -EINVAL, "see 'bough %s --help'", c->command->name);
	else
		error_hint(&c->error, -EINVAL, "see 'bough --help'");
	return CLI_USAGE;
}

/* getopt's two complaints, in our words. @word: the argument it stopped at. */
static int refuse_option(struct cli *c, int what, const struct option *known, const char *word)
{
	struct cli_nearest near;

	if (what == ':')
		return cli_usage(c, "option '%s' needs a value", word);
	if (optopt && optopt < 256 && isgraph(optopt) && strncmp(word, "--", 2))
		return cli_usage(c, "unknown option '-%c'", optopt);
	if (optopt)
		return cli_usage(c, "option '%s' takes no value", word);
	cli_nearest_init(&near, word + strspn(word, "-"));
	for (; known->name; known++)
		cli_nearest_offer(&near, known->name);
	if (near.best[0])
		error_hint(&c->error, -EINVAL, "did you mean '--%s'?", near.best);
	return cli_usage(c, "unknown option '%s'", word);
}

static int set_common(struct cli *c, int what)
{
	switch (what) {
	case 's':
		c->store = optarg;
		break;
	case 'h':
		c->human = true;
		break;
	case OPT_JSON:
		c->json = true;
		break;
	case OPT_TZ:
		if (cli_set_zone(optarg))
			return cli_usage(c, "unknown time zone '%s'", optarg);
		break;
	}
	return 0;
}

int cli_parse_common(struct cli *c, int argc, char **argv, int *ret_at, const char **ret_special)
{
	struct option options[COMMON_OPTIONS + 1] = {0};
	int what, r;

	memcpy(options, common, sizeof common);
	opterr = 0;
	while ((what = getopt_long(argc, argv, "+:s:h", options, NULL)) != -1) {
		if (what == '?' || what == ':')
			return refuse_option(c, what, options, argv[optind - 1]);
		if (what == OPT_HELP || what == OPT_VERSION) {
			*ret_special = what == OPT_HELP ? "help" : "version";
			break;
		}
		r = set_common(c, what);
		if (r)
			return r;
	}
	*ret_at = optind;
	return 0;
}

static void make_options(const struct cli_command *command, struct option *ret, char *ret_letters)
{
	int n = own_options(command);
	char *l = stpcpy(ret_letters, ":s:h");

	for (int i = 0; i < n; i++) {
		const struct cli_option *o = &command->options[i];

		ret[i] = (struct option){.name = o->name,
			.has_arg = o->value ? required_argument : no_argument,
			.val = OPT_OWN + i};
		if (o->letter)
			*l++ = o->letter;
		if (o->letter && o->value)
			*l++ = ':';
	}
	*l = 0;
	memcpy(ret + n, common, sizeof common);
	ret[n + COMMON_OPTIONS - 1] = (struct option){0}; /* --version stands alone */
}

/* Index of the command's own option that getopt returned; -1 a common one. */
static int own_index(const struct cli_command *command, int what)
{
	if (what >= OPT_OWN)
		return what - OPT_OWN;
	for (int i = 0; i < own_options(command); i++)
		if (command->options[i].letter == what)
			return i;
	return -1;
}

static int check_count(struct cli *c)
{
	const struct cli_command *d = c->command;

	if (c->n_args < d->args_min)
		return cli_usage(
			c, "arguments are missing: usage: bough %s %s", d->name, d->arguments);
	if (c->n_args > d->args_max)
		return cli_usage(c, "unexpected argument '%s'", c->args[d->args_max]);
	return 0;
}

int cli_parse(struct cli *c, int argc, char **argv, bool *ret_help)
{
	struct option options[CLI_OPTIONS_MAX + COMMON_OPTIONS + 1] = {0};
	char letters[3 * CLI_OPTIONS_MAX + 8];
	int what, r, own;

	make_options(c->command, options, letters);
	optind = 0; /* start over */
	while ((what = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (what == '?' || what == ':')
			return refuse_option(c, what, options, argv[optind - 1]);
		if (what == OPT_HELP) {
			*ret_help = true;
			return 0;
		}
		own = own_index(c->command, what);
		if (own >= 0) {
			c->values[own] = optarg ? optarg : "";
			continue;
		}
		r = set_common(c, what);
		if (r)
			return r;
	}
	c->args = argv + optind;
	c->n_args = argc - optind;
	return check_count(c);
}

const char *cli_option(const struct cli *c, const char *name)
{
	for (int i = 0; i < own_options(c->command); i++)
		if (!strcmp(c->command->options[i].name, name))
			return c->values[i];
	assert(!"an option that the command does not have");
	return NULL;
}

int cli_option_duration(struct cli *c, const char *name, uint64_t *ret_us)
{
	const char *text = cli_option(c, name);

	if (text && clock_parse_duration(text, ret_us))
		return cli_usage(
			c, "'%s' is no duration for --%s: expected 30s, 5m, 2h or 7d", text, name);
	return 0;
}

int cli_option_number(struct cli *c, const char *name, uint64_t *ret)
{
	const char *text = cli_option(c, name);
	char *end;

	if (!text)
		return 0;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno)
		return cli_usage(c, "'%s' is no number for --%s", text, name);
	return 0;
}

static void print_option(FILE *out, const struct cli_option *o)
{
	char left[64];

	if (o->letter)
		snprintf(left, sizeof left, "-%c, --%s%s%s", o->letter, o->name,
			o->value ? " " : "", o->value ? o->value : "");
	else
		snprintf(left, sizeof left, "    --%s%s%s", o->name, o->value ? " " : "",
			o->value ? o->value : "");
	fprintf(out, "  %-24s %s\n", left, o->help);
}

void cli_help_common(FILE *out)
{
	static const struct cli_option options[] = {
		{"store", 's', "STORE", "store folder, or any path inside its mount"},
		{"json", 0, NULL, "print data as JSON"},
		{"human-readable", 'h', NULL, "print sizes as 1.5K, 20M, 3G"},
		{"tz", 0, "ZONE", "print times in this zone: local, UTC, +hh:mm, a name"},
		{"help", 0, NULL, "print this help"},
	};

	fprintf(out, "\nCommon options:\n");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		print_option(out, &options[i]);
}

void cli_help(FILE *out, const struct cli_command *command)
{
	int n = own_options(command), page = (int)strcspn(command->name, " ");

	fprintf(out, "usage: bough %s %s%s\n\n%s.\n", command->name, n ? "[OPTION ...] " : "",
		command->arguments, command->summary);
	if (command->details)
		fprintf(out, "\n%s\n", command->details);
	if (n)
		fprintf(out, "\nOptions:\n");
	for (int i = 0; i < n; i++)
		print_option(out, &command->options[i]);
	cli_help_common(out);
	if (!strcmp(command->name, "help") || !strcmp(command->name, "version"))
		fprintf(out, "\nManual page: bough(1)\n");
	else
		fprintf(out, "\nManual page: bough-%.*s(1)\n", page, command->name);
}
