#include "refs/conf.h"
#include "objstore/base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void fclose_p(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* "64M": a number of bytes with an optional IEC unit. */
static int parse_bytes(const char *text, void *ret)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || end == text || !isdigit((unsigned char)text[0]))
		return -EINVAL;
	if (*end) {
		const char *units = "KMGT", *u = strchr(units, toupper((unsigned char)*end));
		unsigned shift = u ? 10 * (unsigned)(u - units + 1) : 0;

		if (!u || (end[1] && strcmp(end + 1, "iB")) || v > UINT64_MAX >> shift)
			return -EINVAL;
		v <<= shift;
	}
	*(uint64_t *)ret = v;
	return 0;
}

static int parse_duration(const char *text, void *ret)
{
	return clock_parse_duration(text, ret);
}

static int parse_text(const char *text, void *ret)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*(char **)ret);
	*(char **)ret = copy;
	return 0;
}

/* "commit" or "tick". */
static int parse_publish(const char *text, void *ret)
{
	bool commit = !strcmp(text, "commit");

	if (!commit && strcmp(text, "tick"))
		return -EINVAL;
	*(bool *)ret = commit;
	return 0;
}

static const struct conf_key {
	const char *name;
	int (*parse)(const char *text, void *ret);
	size_t offset;
} keys[] = {
	{"objects", parse_text, offsetof(struct refs_conf, objects_url)},
	{"meta_max_size", parse_bytes, offsetof(struct refs_conf, meta_size_max_bytes)},
	{"group", parse_text, offsetof(struct refs_conf, group)},
	{"reader_memory", parse_bytes, offsetof(struct refs_conf, reader_memory_bytes)},
	{"trash", parse_duration, offsetof(struct refs_conf, trash_us)},
	{"publish", parse_publish, offsetof(struct refs_conf, publish_commit)},
};

static char *trimmed(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	n = strlen(s);
	while (n && isspace((unsigned char)s[n - 1]))
		s[--n] = 0;
	return s;
}

static int parse_line(struct refs_conf *c, char *line, const char *path, unsigned number,
	struct bough_error *error)
{
	char *text = trimmed(line), *equals = strchr(text, '='), *key;

	if (!*text || *text == '#')
		return 0;
	if (!equals) {
		error_set(error, -EINVAL, "%s:%u: expected 'key = value', found '%s'", path, number,
			text);
		return error_hint(error, -EINVAL, "a comment begins with '#'");
	}
	*equals = 0;
	key = trimmed(text);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value = trimmed(equals + 1);

		if (strcmp(key, keys[i].name))
			continue;
		if (!keys[i].parse(value, (char *)c + keys[i].offset))
			return 0;
		error_set(
			error, -EINVAL, "%s:%u: '%s' is no value for %s", path, number, value, key);
		return error_hint(error, -EINVAL, "bough.conf(5) says what it may be");
	}
	error_set(error, -EINVAL, "%s:%u: unknown key '%s'", path, number, key);
	return error_hint(error, -EINVAL, "bough.conf(5) lists all keys");
}

int refs_conf_read(const char *path, struct refs_conf *ret, struct bough_error *error)
{
	struct refs_conf c = {
		.objects_url = strdup(""), .group = strdup(""), .trash_us = REFS_TRASH_US};
	FILE *f cleanup(fclose_p) = NULL;
	char line[1024];
	int r = c.objects_url && c.group ? 0 : -ENOMEM;

	if (!r && !(f = fopen(path, "re")) && errno != ENOENT)
		r = error_set(error, -errno, "cannot read %s: %s", path, strerror(errno));
	for (unsigned n = 1; !r && f && fgets(line, sizeof line, f); n++)
		r = parse_line(&c, line, path, n, error);
	if (r)
		refs_conf_deinit(&c);
	else
		*ret = c;
	return r;
}

void refs_conf_deinit(struct refs_conf *c)
{
	free(c->objects_url);
	free(c->group);
	*c = (struct refs_conf){0};
}
