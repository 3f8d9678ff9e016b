#include "refs/name.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static const char *ref_fault(const char *name)
{
	static const char *const reserved[] = {"main", "HEAD", "data"};
	size_t n = strlen(name);

	if (!n)
		return "it is empty";
	if (n > REC_NAME_BYTES_MAX)
		return "it is longer than 255 bytes";
	for (size_t i = 0; i < n; i++)
		if (!isascii((unsigned char)name[i]) ||
			(!isalnum((unsigned char)name[i]) && !strchr("._-", name[i])))
			return "only letters, digits, '.', '_' and '-' are allowed";
	if (strchr("-_.", name[0]))
		return "it begins with '-', '_' or '.'";
	if (name[n - 1] == '.')
		return "it ends with '.'";
	if (strstr(name, ".."))
		return "it holds '..'";
	if (n >= 5 && !strcmp(name + n - 5, ".lock"))
		return "it ends with '.lock'";
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (!strcmp(name, reserved[i]))
			return "this name is taken by Bough itself";
	return NULL;
}

int name_check_ref(const char *name, struct bough_error *error)
{
	const char *fault = ref_fault(name);

	if (!fault)
		return 0;
	error_set(error, -EINVAL, "'%.255s' cannot name a branch or tag: %s", name, fault);
	return error_hint(error, -EINVAL,
		"begin with a letter or digit and go on with those, '.', '_' or '-'; not main, "
		"HEAD, data or *.lock");
}

/* Length of a well-formed UTF-8 sequence at @s, 0 if it is none. */
static size_t utf8_len(const unsigned char *s)
{
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80	     ? 1
		   : s[0] >> 5 == 6  ? 2
		   : s[0] >> 4 == 14 ? 3
		   : s[0] >> 3 == 30 ? 4
				     : 0;
	uint32_t c = n > 1 ? s[0] & (0x7f >> n) : s[0];

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (n > 1 && (c < lowest[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)))
		return 0;
	return n;
}

static bool utf8_valid(const char *s)
{
	for (size_t n; *s; s += n)
		if (!(n = utf8_len((const unsigned char *)s)))
			return false;
	return true;
}

static bool needs_escape(const char *name, size_t at)
{
	unsigned char c = (unsigned char)name[at];

	return c == '/' || c == '%' || c < 0x20 || c == 0x7f || (!at && (c == '.' || c == '_'));
}

int name_check_file(const char *name, struct bough_error *error)
{
	if (!*name || strlen(name) > REC_NAME_BYTES_MAX || strchr(name, '/') ||
		!strcmp(name, ".") || !strcmp(name, ".."))
		return error_set(error, -EINVAL, "'%s' is not a file name", name);
	if (!utf8_valid(name))
		return error_set(error, -EINVAL, "a file name must be UTF-8");
	return 0;
}

int name_to_path(const char *name, char **ret)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = strlen(name), at = 0;
	char *out = malloc(3 * n + 1);

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!needs_escape(name, i)) {
			out[at++] = name[i];
			continue;
		}
		out[at++] = '%';
		out[at++] = digits[(unsigned char)name[i] >> 4];
		out[at++] = digits[(unsigned char)name[i] & 15];
	}
	out[at] = 0;
	*ret = out;
	return 0;
}

static int digit_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int name_of_path(const char *path, char **ret)
{
	char *out cleanup(free_p) = strdup(path), *back cleanup(free_p) = NULL;
	size_t at = 0;
	int r;

	if (!out)
		return -ENOMEM;
	for (const char *p = path; *p; p++) {
		int hi = *p == '%' ? digit_of(p[1]) : -1, lo = hi < 0 ? -1 : digit_of(p[2]);

		if (*p == '%' && lo < 0)
			return -EINVAL;
		out[at++] = *p == '%' ? (char)(hi << 4 | lo) : *p;
		if (*p == '%')
			p += 2;
		if (!out[at - 1])
			return -EINVAL;
	}
	out[at] = 0;
	r = name_to_path(out, &back);
	if (r)
		return r;
	if (strcmp(back, path)) /* one name has one path */
		return -EINVAL;
	*ret = steal(&out);
	return 0;
}

int name_check_object(const char *name, const char *what, struct bough_error *error)
{
	char *path cleanup(free_p) = NULL;
	const char *fault = NULL;

	if (!*name)
		fault = "it is empty";
	else if (!utf8_valid(name))
		fault = "it is not UTF-8";
	else if (name_to_path(name, &path))
		return -ENOMEM;
	else if (strlen(path) > REC_NAME_BYTES_MAX)
		fault = "it is longer than 255 bytes as a file name";
	if (!fault)
		return 0;
	error_set(error, -EINVAL, "'%.255s' cannot name a %s: %s", name, what, fault);
	return error_hint(error, -EINVAL, "choose a name of 1 to 255 bytes in UTF-8");
}

/* Reads one part of a target, up to one of @stops outside quotes; moves *p behind it. */
static int take_part(const char **p, const char *stops, char **ret)
{
	char *out = malloc(strlen(*p) + 1);
	bool quoted = **p == '"', closed = false;
	size_t n = 0;

	if (!out)
		return -ENOMEM;
	if (quoted)
		(*p)++;
	for (; **p; (*p)++) {
		if (quoted && **p == '"') {
			if ((*p)[1] != '"') {
				(*p)++;
				closed = true;
				break;
			}
			(*p)++;
		} else if (!quoted && strchr(stops, **p)) {
			break;
		}
		out[n++] = **p;
	}
	out[n] = 0;
	if (!n || quoted != closed || (**p && !strchr(stops, **p))) {
		free(out);
		return -EINVAL;
	}
	*ret = out;
	return 0;
}

int name_target_parse(const char *text, struct name_target *ret, struct bough_error *error)
{
	struct name_target t = {0};
	const char *p = text;
	int r = take_part(&p, ".", &t.db);

	if (!r)
		r = *p++ == '.' ? take_part(&p, "/@", &t.table) : -EINVAL;
	if (!r && *p == '/')
		r = (p++, take_part(&p, "@", &t.ref));
	if (!r && *p == '@')
		r = (p++, take_part(&p, "", &t.moment));
	if (!r && *p)
		r = -EINVAL;
	if (!r) {
		*ret = t;
		return 0;
	}
	name_target_deinit(&t);
	if (r == -ENOMEM)
		return r;
	error_set(error, r,
		"'%.255s' names no table: expected db.table, db.table/ref or "
		"db.table/ref@moment",
		text);
	if (!strchr(text, '.'))
		return error_hint(error, r,
			"a table is named with its database: 'bough table list' shows them");
	return error_hint(
		error, r, "put a name with other characters in double quotes: 'db.\"t/x\"'");
}

void name_target_deinit(struct name_target *t)
{
	free(t->db);
	free(t->table);
	free(t->ref);
	free(t->moment);
	*t = (struct name_target){0};
}
