/* History of a ref: the chain of its head, and moments in it. */
#include "refs/ref.h"
#include "refs/table.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define ERROR_NO_SNAPSHOT 2013
#define PREFIX_DIGITS_MIN 4

int refs_log(struct refs_txn *x, uint64_t head, refs_log_fn fn, void *arg)
{
	while (head) {
		struct rec_snapshot rec;
		int r = rec_snapshot_get(x->kv, head, &rec);

		if (r)
			return r == -ENOENT ? 0 : r; /* the rest of the chain has expired */
		r = fn(arg, head, &rec);
		if (r)
			return r;
		if (rec.parent >= head)
			return -EUCLEAN;
		head = rec.parent;
	}
	return 0;
}

/** What a moment names, and what was found. */
struct moment {
	struct refs_txn *x;
	const char *prefix; /* hex digits, else NULL */
	uint64_t not_after_us;
	uint64_t found;
	char first[ID_NAME_BYTES_MAX], second[ID_NAME_BYTES_MAX];
};

static int match(void *arg, uint64_t id, const struct rec_snapshot *rec)
{
	struct moment *m = arg;
	char name[ID_NAME_BYTES_MAX];

	if (!m->prefix) {
		if (rec->timestamp_us > m->not_after_us)
			return 0;
		m->found = id;
		return 1;
	}
	refs_snapshot_name(m->x->store, id, rec, name);
	if (strncmp(name + 1, m->prefix, strlen(m->prefix)))
		return 0;
	strcpy(m->found ? m->second : m->first, name);
	m->found = m->found ? m->found : id;
	return *m->second ? 1 : 0;
}

static int match_link(void *arg, uint64_t id)
{
	struct moment *m = arg;
	struct rec_snapshot rec;
	int r = rec_snapshot_get(m->x->kv, id, &rec);

	return r ? r : match(arg, id, &rec);
}

static bool is_prefix(const char *text)
{
	size_t n = strspn(text, "0123456789abcdef");

	return n >= PREFIX_DIGITS_MIN && n <= 32 && (!text[n] || !strcmp(text + n, "_v4.mpk"));
}

/* Fills m->prefix or m->not_after_us. "2026" is a prefix, "2026-11-21" a time. */
static int parse(struct moment *m, const char *text, char digits[static 33])
{
	uint64_t us;

	if (text[0] == '-' && !clock_parse_duration(text + 1, &us)) {
		m->not_after_us = us < m->x->now_us ? m->x->now_us - us : 0;
		return 0;
	}
	if (is_prefix(text[0] == 'h' ? text + 1 : text)) {
		const char *from = text[0] == 'h' ? text + 1 : text;
		size_t n = strspn(from, "0123456789abcdef");

		memcpy(digits, from, n);
		digits[n] = 0;
		m->prefix = digits;
		return 0;
	}
	return clock_parse_rfc3339(text, &m->not_after_us);
}

int refs_moment(struct refs_txn *x, uint64_t ref, const char *moment, uint64_t *ret_snapshot,
	struct bough_error *error)
{
	struct moment m = {.x = x};
	struct rec_ref rec;
	char digits[33];
	int r = parse(&m, moment, digits);

	if (r) {
		error_set(error, -EINVAL, "'%.255s' is no moment", moment);
		return error_hint(error, -EINVAL,
			"expected the first digits of a snapshot, a time such as "
			"2026-11-21T07:34:00Z, or -2h");
	}
	r = refs_ref_open(x, ref, &rec, error);
	if (!r)
		r = refs_log(x, rec.head, match, &m);
	if (!r && m.prefix && !m.found) /* a snapshot that the ref headed before a reset */
		r = refs_link_list(x, ref, 0, match_link, &m);
	if (r < 0)
		return r;
	if (m.prefix && *m.second) {
		error_set(error, -ENOTUNIQ, "'%s' fits %s and %s", moment, m.first, m.second);
		return error_hint(error, -ENOTUNIQ, "give more of its digits");
	}
	if (!m.found) {
		error_set(error, -ENOENT, "'%s' has no snapshot at '%.255s'", rec.name, moment);
		error_number(error, ERROR_NO_SNAPSHOT);
		return -ENOENT;
	}
	*ret_snapshot = m.found;
	return 0;
}
