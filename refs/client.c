/*
 * Epochs by generations: requests that enter join the current one, which carries the commit number
 * loaded when its first request entered. When the old one has drained and a newer commit is there,
 * the current becomes the old. So a busy daemon's epoch moves on although it is never idle.
 */
#include "refs/client.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define COMMAND_IDS 64
#define DAEMON_IDS 4096

struct generation {
	uint64_t epoch, users;
};

struct range {
	struct range *next, *next_open;
	struct rec_range rec;
	uint64_t used; /* ids taken from it */
	bool is_apart; /* of client_ids_take_apart() */
	bool is_kept;  /* stays when we leave */
};

struct refs_client {
	struct refs_store *store;
	unsigned slot;
	pthread_mutex_t epoch_lock; /* generations, current */
	struct generation generations[2];
	int current;
	/* One new range at a time. Held while waiting for a write transaction: never taken in one.
	 */
	pthread_mutex_t reserve_lock;
	pthread_mutex_t ids_lock; /* of what follows; taken in write transactions: never waits */
	uint64_t id;		  /* of the durable record; 0 none */
	struct range *ranges;	  /* all that we hold */
	struct range *open;	  /* those to take from: one of a table, or two, one apart */
};

int client_open(struct refs_store *s, struct refs_client **ret, struct bough_error *error)
{
	struct refs_client *c = calloc(1, sizeof *c);
	int r = c ? wake_slot_take(s->wake, &c->slot) : -ENOMEM;

	if (r) {
		free(c);
		if (r == -EBUSY) {
			error_set(error, r, "%s is in use by %d processes, the most there can be",
				s->path, WAKE_SLOTS);
			error_hint(error, r, "wait until some have ended");
		}
		return r;
	}
	c->store = s;
	pthread_mutex_init(&c->epoch_lock, NULL);
	pthread_mutex_init(&c->reserve_lock, NULL);
	pthread_mutex_init(&c->ids_lock, NULL);
	wake_epoch_publish(s->wake, WAKE_EPOCH_IDLE);
	*ret = c;
	return 0;
}

int client_epoch_enter(struct refs_client *c)
{
	struct generation *now, *old;
	uint64_t commit = wake_commit(c->store->wake);
	int token;

	pthread_mutex_lock(&c->epoch_lock);
	now = &c->generations[c->current];
	old = &c->generations[!c->current];
	if (now->users && commit > now->epoch && !old->users) {
		c->current = !c->current;
		now = &c->generations[c->current];
		old = &c->generations[!c->current];
	}
	if (!now->users) {
		now->epoch = commit;
		wake_epoch_publish(c->store->wake, old->users ? old->epoch : commit);
	}
	now->users++;
	token = c->current;
	pthread_mutex_unlock(&c->epoch_lock);
	return token;
}

void client_epoch_leave(struct refs_client *c, int token)
{
	struct generation *g = &c->generations[token], *other = &c->generations[!token];

	pthread_mutex_lock(&c->epoch_lock);
	assert(g->users);
	if (!--g->users)
		wake_epoch_publish(c->store->wake, other->users ? other->epoch : WAKE_EPOCH_IDLE);
	pthread_mutex_unlock(&c->epoch_lock);
}

static const char *role_name(enum refs_role role)
{
	return role == REFS_ROLE_MOUNT ? "mount" : role == REFS_ROLE_GC ? "gc" : "command";
}

static void read_line(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");

	if (!f || !fgets(out, (int)size, f))
		out[0] = 0;
	if (f)
		fclose(f);
	out[strcspn(out, "\n")] = 0;
}

/* Field 22 of /proc/self/stat; the name before it may hold anything but ends at the last ')'. */
static uint64_t own_start(void)
{
	char line[1024], *p;
	unsigned long long start = 0;

	read_line("/proc/self/stat", line, sizeof line);
	p = strrchr(line, ')');
	if (p)
		sscanf(p + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			"%*d %*d %llu",
			&start);
	return start;
}

static int put_record(struct refs_client *c, struct kv_txn *t, uint64_t *ret_id)
{
	struct rec_client rec = {
		.pid = (uint64_t)getpid(), .pid_start = own_start(), .slot = c->slot};
	int r = rec_next_id(t, 1, ret_id);

	rec.started_us = c->store->clock->now_us(c->store->clock);
	if (gethostname(rec.host, sizeof rec.host - 1))
		rec.host[0] = 0;
	read_line("/proc/sys/kernel/random/boot_id", rec.boot, sizeof rec.boot);
	snprintf(rec.role, sizeof rec.role, "%s", role_name(c->store->role));
	return r ? r : rec_client_put(t, *ret_id, &rec);
}

static uint64_t client_id(struct refs_client *c)
{
	uint64_t id;

	pthread_mutex_lock(&c->ids_lock);
	id = c->id;
	pthread_mutex_unlock(&c->ids_lock);
	return id;
}

/* A new range, durable, and the client it was written for; under reserve_lock. */
static int reserve(
	struct refs_client *c, uint64_t table, uint64_t n, uint64_t *ret_client, struct range **ret)
{
	struct kv_txn *t auto_kv_txn = NULL;
	struct range *g cleanup(free_p) = calloc(1, sizeof *g);
	uint64_t least = c->store->role == REFS_ROLE_CLI ? COMMAND_IDS : DAEMON_IDS;
	uint64_t client = client_id(c);
	int r = g ? kv_begin(c->store->kv, KV_WRITE, &t) : -ENOMEM;

	if (r)
		return r;
	g->rec = (struct rec_range){.length = n > least ? n : least, .table = table};
	g->rec.ms = c->store->clock->now_us(c->store->clock) / 1000;
	g->rec.incarnation = c->store->ids.incarnation;
	if (!client)
		r = put_record(c, t, &client);
	if (!r)
		r = rec_next_id(t, g->rec.length, &g->rec.start);
	if (!r)
		r = rec_range_put(t, client, &g->rec);
	if (!r)
		r = kv_commit(&t);
	if (r)
		return r;
	*ret_client = client;
	*ret = steal(&g);
	return 0;
}

static uint64_t left(const struct range *g)
{
	return g->rec.length - g->used;
}

static bool is_same_kind(const struct range *g, uint64_t table, bool is_apart)
{
	return g->rec.table == table && g->is_apart == is_apart;
}

/* @g is one more that we hold. To take from, the one of its kind with more left. */
static void hold(struct refs_client *c, struct range *g)
{
	struct range **p = &c->open;

	g->next = c->ranges;
	c->ranges = g;
	while (*p && !is_same_kind(*p, g->rec.table, g->is_apart))
		p = &(*p)->next_open;
	if (*p && left(*p) > left(g))
		return;
	g->next_open = *p ? (*p)->next_open : NULL;
	*p = g;
}

static struct client_ids take_from(struct range *g, uint64_t n)
{
	struct client_ids ids = {
		g->rec.start + g->used, n, g->rec.start, g->rec.ms, g->rec.incarnation};

	g->used += n;
	return ids;
}

static bool take_reserved(
	struct refs_client *c, uint64_t table, uint64_t n, bool is_apart, struct client_ids *ret)
{
	struct range *g;

	pthread_mutex_lock(&c->ids_lock);
	for (g = c->open; g; g = g->next_open)
		if (is_same_kind(g, table, is_apart) && left(g) >= n)
			break;
	if (g)
		*ret = take_from(g, n);
	pthread_mutex_unlock(&c->ids_lock);
	return g;
}

static int ids_take(
	struct refs_client *c, uint64_t table, uint64_t n, bool is_apart, struct client_ids *ret)
{
	uint64_t client;
	struct range *g;
	int r = 0;

	pthread_mutex_lock(&c->reserve_lock);
	if (!take_reserved(c, table, n, is_apart, ret)) {
		r = reserve(c, table, n, &client, &g);
		if (!r) {
			pthread_mutex_lock(&c->ids_lock);
			c->id = client;
			g->is_apart = is_apart;
			*ret = take_from(g, n);
			hold(c, g);
			pthread_mutex_unlock(&c->ids_lock);
		}
	}
	pthread_mutex_unlock(&c->reserve_lock);
	return r;
}

int client_ids_take(struct refs_client *c, uint64_t table, uint64_t n, struct client_ids *ret)
{
	return ids_take(c, table, n, false, ret);
}

int client_ids_take_apart(struct refs_client *c, uint64_t table, uint64_t n, struct client_ids *ret)
{
	return ids_take(c, table, n, true, ret);
}

int client_fence(struct refs_txn *x, const struct client_ids *ids)
{
	struct rec_range rec;
	int r = rec_range_get(x->kv, client_id(x->store->client), ids->range, &rec);

	if (r)
		return r == -ENOENT ? -ESTALE : r;
	return ids->first >= rec.start && ids->first + ids->n <= rec.start + rec.length ? 0
											: -ESTALE;
}

static int range_del(struct kv_txn *t, uint64_t client, uint64_t start)
{
	struct key k = key_u64_u64(KEY_RANGE, client, start);
	int r = kv_del(t, KV_HOT, key_slice(&k));

	return r == -ENOENT ? 0 : r;
}

int client_release(struct refs_txn *x, const struct client_ids *ids)
{
	struct refs_client *c = x->store->client;
	int r;

	pthread_mutex_lock(&c->ids_lock);
	r = range_del(x->kv, c->id, ids->range);
	if (!r && c->ranges && !c->ranges->next)
		r = rec_del(x->kv, KEY_CLIENT, c->id);
	pthread_mutex_unlock(&c->ids_lock);
	return r;
}

void client_forget(struct refs_client *c, const struct client_ids *ids)
{
	struct range **open = &c->open;

	pthread_mutex_lock(&c->ids_lock);
	while (*open && (*open)->rec.start != ids->range)
		open = &(*open)->next_open;
	if (*open)
		*open = (*open)->next_open;
	for (struct range **p = &c->ranges; *p; p = &(*p)->next)
		if ((*p)->rec.start == ids->range) {
			struct range *g = *p;

			*p = g->next;
			free(g);
			break;
		}
	if (!c->ranges)
		c->id = 0;
	pthread_mutex_unlock(&c->ids_lock);
}

void client_keep(struct refs_client *c, const struct client_ids *ids)
{
	pthread_mutex_lock(&c->ids_lock);
	for (struct range *g = c->ranges; g; g = g->next)
		g->is_kept |= g->rec.start == ids->range;
	pthread_mutex_unlock(&c->ids_lock);
}

int client_reserve(struct refs_client *c, uint64_t n, uint64_t *ret_first)
{
	struct kv_txn *t auto_kv_txn = NULL;
	int r = kv_begin(c->store->kv, KV_WRITE, &t);

	if (!r)
		r = rec_next_id(t, n, ret_first);
	return r ? r : kv_commit(&t);
}

static void leave_store(struct refs_client *c)
{
	struct kv_txn *t auto_kv_txn = NULL;
	int r = kv_begin(c->store->kv, KV_WRITE, &t);
	bool keeps = false;

	for (struct range *g = c->ranges; g && !r; g = g->next) {
		keeps |= g->is_kept;
		if (!g->is_kept)
			r = range_del(t, c->id, g->rec.start);
	}
	if (!r && !keeps)
		r = rec_del(t, KEY_CLIENT, c->id);
	if (!r)
		kv_commit(&t); /* else the record stays, as that of one who was killed */
}

void client_close(struct refs_client *c)
{
	if (!c)
		return;
	if (c->id)
		leave_store(c);
	while (c->ranges) {
		struct range *g = c->ranges;

		c->ranges = g->next;
		free(g);
	}
	pthread_mutex_destroy(&c->epoch_lock);
	pthread_mutex_destroy(&c->reserve_lock);
	pthread_mutex_destroy(&c->ids_lock);
	free(c);
}
