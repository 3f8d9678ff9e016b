#include "tests/meta/model.h"

#include <errno.h>
#include <string.h>

static struct slice copy_of(struct slice s)
{
	void *data = malloc(s.len + 1);

	assert_non_null(data);
	memcpy(data, s.data, s.len);
	return (struct slice){data, s.len};
}

static void free_record(struct model_record *r)
{
	free((void *)r->key.data);
	free((void *)r->value.data);
}

void model_deinit(struct model *m)
{
	while (m->n)
		free_record(&m->records[--m->n]);
}

void model_copy(const struct model *from, struct model *to)
{
	model_deinit(to);
	for (size_t i = 0; i < from->n; i++) {
		const struct model_record *r = &from->records[i];

		to->records[i] = (struct model_record){r->db, copy_of(r->key), copy_of(r->value)};
	}
	to->n = from->n;
}

/* Where (@db, @key) is or belongs. */
static size_t find(const struct model *m, enum kv_db db, struct slice key, bool *ret_found)
{
	size_t i = 0;

	while (i < m->n &&
		(m->records[i].db < db ||
			(m->records[i].db == db && slice_compare(m->records[i].key, key) < 0)))
		i++;
	*ret_found = i < m->n && m->records[i].db == db && slice_equal(m->records[i].key, key);
	return i;
}

void model_put(struct model *m, enum kv_db db, struct slice key, struct slice value)
{
	bool found;
	size_t at = find(m, db, key, &found);

	if (found) {
		free_record(&m->records[at]);
	} else {
		assert_true(m->n < MODEL_RECORDS_MAX);
		memmove(&m->records[at + 1], &m->records[at], (m->n - at) * sizeof m->records[0]);
		m->n++;
	}
	m->records[at] = (struct model_record){db, copy_of(key), copy_of(value)};
}

int model_del(struct model *m, enum kv_db db, struct slice key)
{
	bool found;
	size_t at = find(m, db, key, &found);

	if (!found)
		return -ENOENT;
	free_record(&m->records[at]);
	memmove(&m->records[at], &m->records[at + 1], (--m->n - at) * sizeof m->records[0]);
	return 0;
}

int model_get(const struct model *m, enum kv_db db, struct slice key, struct slice *ret)
{
	bool found;
	size_t at = find(m, db, key, &found);

	if (!found)
		return -ENOENT;
	*ret = m->records[at].value;
	return 0;
}

/* The records that a scan has still to give: [next, end), from either side. */
struct expected {
	const struct model *m;
	size_t next, end;
	bool down;
};

static int same(void *arg, struct slice key, struct slice value)
{
	struct expected *x = arg;
	const struct model_record *r;

	if (slice_equal(key, slice_str(KV_COMMIT_KEY)))
		return 0;
	assert_true(x->next < x->end);
	r = &x->m->records[x->down ? --x->end : x->next++];
	assert_true(slice_equal(key, r->key));
	assert_true(slice_equal(value, r->value));
	return 0;
}

void model_check_scans(
	const struct model *m, struct kv_txn *t, enum kv_db db, struct slice lo, struct slice hi)
{
	bool found;
	size_t from = find(m, db, lo, &found);
	size_t to = find(m, hi.len ? db : db + 1, hi, &found);
	struct expected up = {m, from, to, false}, down = {m, from, to, true};

	if (to < from)
		up.end = down.end = from;
	assert_int_equal(kv_scan(t, db, lo, hi, same, &up), 0);
	assert_int_equal(up.next, up.end);
	assert_int_equal(kv_scan_down(t, db, lo, hi, same, &down), 0);
	assert_int_equal(down.next, down.end);
}
