/* One model, two looks: the JSON objects of --json are also the rows of the text. */
#include "tools/cli_impl.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

void *cli_check(void *p)
{
	if (p)
		return p;
	fputs("bough: out of memory\n", stderr);
	exit(CLI_FAILED);
}

struct json_object *cli_array(void)
{
	return cli_check(json_object_new_array());
}

struct json_object *cli_object(void)
{
	return cli_check(json_object_new_object());
}

void cli_add(struct json_object *o, const char *key, struct json_object *value)
{
	if (json_object_object_add(o, key, value))
		cli_check(NULL);
}

void cli_add_text(struct json_object *o, const char *key, const char *text)
{
	cli_add(o, key, text ? cli_check(json_object_new_string(text)) : NULL);
}

void cli_add_number(struct json_object *o, const char *key, uint64_t n)
{
	cli_add(o, key, cli_check(json_object_new_uint64(n)));
}

void cli_add_flag(struct json_object *o, const char *key, bool flag)
{
	cli_add(o, key, cli_check(json_object_new_boolean(flag)));
}

void cli_add_time(struct json_object *o, const char *key, uint64_t unix_us)
{
	char text[28];

	clock_format_rfc3339(unix_us, text);
	cli_add_text(o, key, unix_us ? text : NULL);
}

void cli_append(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value))
		cli_check(NULL);
}

void cli_print_json(struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(o,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

	puts(cli_check((char *)text));
}

static void time_cell(const char *text, bool exact, struct buf *ret)
{
	char out[40];
	uint64_t us;

	if (clock_parse_rfc3339(text, &us))
		return;
	cli_format_time(us, exact, out);
	if (buf_append(ret, out, strlen(out)))
		cli_check(NULL);
}

/* A value as text; owned. A missing one is "-". */
static char *cell(const struct cli *c, struct json_object *o, const struct cli_column *column)
{
	struct json_object *v = NULL;
	struct buf out auto_buf = {0};
	char bytes[32];
	int r = 0;

	json_object_object_get_ex(o, column->key, &v);
	if (!v)
		r = buf_printf(&out, "-");
	else if (column->kind == CLI_TIME || column->kind == CLI_TIME_EXACT)
		time_cell(json_object_get_string(v), column->kind == CLI_TIME_EXACT, &out);
	else if (column->kind == CLI_FLAG)
		r = buf_printf(&out, "%s", json_object_get_boolean(v) ? "yes" : "no");
	else if (column->kind == CLI_BYTES) {
		cli_format_bytes(json_object_get_uint64(v), c->human, bytes);
		r = buf_printf(&out, "%s", bytes);
	} else if (column->kind == CLI_ID) {
		r = buf_printf(&out, "%.*s", CLI_ID_DIGITS, json_object_get_string(v));
	} else {
		r = cli_clean(json_object_get_string(v), &out);
	}
	if (!r)
		r = buf_append(&out, "", 1);
	if (r)
		cli_check(NULL);
	return (char *)steal(&out.data);
}

static bool is_right(enum cli_kind kind)
{
	return kind == CLI_NUMBER || kind == CLI_BYTES;
}

static void print_padded(const char *text, size_t width, bool right, bool last)
{
	int pad = (int)(width - cli_width(text));

	if (right)
		printf("%*s%s%s", pad, "", text, last ? "\n" : "  ");
	else
		printf("%s%*s", text, last ? 0 : pad + 2, "");
	if (last && !right)
		putchar('\n');
}

static void print_row(
	char **cells, const struct cli_column *columns, const size_t *widths, size_t n)
{
	while (n > 1 && !cells[n - 1][0]) /* no blanks at the end of a line */
		n--;
	for (size_t i = 0; i < n; i++)
		print_padded(cells[i], widths[i], is_right(columns[i].kind), i == n - 1);
}

static bool is_fancy(void)
{
	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
}

static void print_table(
	const struct cli *c, struct json_object *rows, const struct cli_column *columns, size_t n)
{
	size_t n_rows = json_object_array_length(rows) + 1, *widths;
	char **cells = cli_check(calloc(n_rows * n, sizeof *cells));
	bool fancy = is_fancy();

	widths = cli_check(calloc(n, sizeof *widths));
	for (size_t i = 0; i < n_rows * n; i++) {
		const struct cli_column *column = &columns[i % n];
		size_t width;

		cells[i] = i < n ? cli_check(strdup(column->title))
				 : cell(c, json_object_array_get_idx(rows, i / n - 1), column);
		width = cli_width(cells[i]);
		if (width > widths[i % n])
			widths[i % n] = width;
	}
	for (size_t i = 0; i < n_rows; i++) {
		fputs(fancy && !i ? "\033[1m" : "", stdout);
		print_row(cells + i * n, columns, widths, n);
		fputs(fancy && !i ? "\033[0m" : "", stdout);
	}
	for (size_t i = 0; i < n_rows * n; i++)
		free(cells[i]);
	free(cells);
	free(widths);
}

/* The columns that text shows. */
static size_t shown(const struct cli_column *columns, size_t n, struct cli_column *ret)
{
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		if (columns[i].title)
			ret[m++] = columns[i];
	return m;
}

void cli_print_list(
	const struct cli *c, struct json_object *rows, const struct cli_column *columns, size_t n)
{
	struct cli_column *text cleanup(free_p) = cli_check(calloc(n, sizeof *text));

	if (c->json)
		cli_print_json(rows);
	else
		print_table(c, rows, text, shown(columns, n, text));
}

void cli_print_record(
	const struct cli *c, struct json_object *record, const struct cli_column *columns, size_t n)
{
	size_t width = 0;

	if (c->json) {
		cli_print_json(record);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (columns[i].title && strlen(columns[i].title) > width)
			width = strlen(columns[i].title);
	for (size_t i = 0; i < n; i++) {
		char *text cleanup(free_p) = NULL;

		if (!columns[i].title)
			continue;
		text = cell(c, record, &columns[i]);
		for (const char *p = columns[i].title; *p; p++) /* headings of lists serve too */
			putchar(tolower((unsigned char)*p));
		printf("%*s  %s\n", (int)(width - strlen(columns[i].title)), "", text);
	}
}

struct json_object *cli_done(const char *action, const char *name, uint64_t id)
{
	struct json_object *o = cli_object();

	cli_add_text(o, action, name);
	cli_add_number(o, "id", id);
	return o;
}

void cli_report(const struct cli *c, struct json_object *done, const char *sentence, ...)
{
	struct buf clean auto_buf = {0};
	char *text cleanup(free_p) = NULL;
	va_list ap;

	if (c->json) {
		cli_print_json(done);
		return;
	}
	va_start(ap, sentence);
	if (vasprintf(&text, sentence, ap) < 0)
		cli_check(NULL);
	va_end(ap);
	if (cli_clean(text, &clean))
		cli_check(NULL);
	printf("%.*s\n", (int)clean.len, (const char *)clean.data);
}

void cli_print_error(const struct bough_error *e)
{
	struct buf text auto_buf = {0};
	int r = cli_clean(e->message, &text);

	if (!r && e->hint[0]) {
		r = buf_printf(&text, "\nhint: ");
		if (!r)
			r = cli_clean(e->hint, &text);
	}
	if (r)
		cli_check(NULL);
	fprintf(stderr, "bough: %.*s\n", (int)text.len, (const char *)text.data);
}
