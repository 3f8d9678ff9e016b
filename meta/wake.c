/*
 * The page is a file that anyone may damage, so nothing in it is believed without a check: numbers
 * carry their own, a bad header is made anew. Who is alive, who writes and who opens are locks of
 * the kernel on bytes of meta/clients (bytes 0 .. WAKE_SLOTS - 1: the slots), which fall with
 * their process and know nothing of the page:
 *
 *   BYTE_PAGE    held while the page is made
 *   BYTE_OPEN    shared by all that have it open: who finds it free is the first
 *   BYTE_WRITER  the writer lock; the page only makes waiting for it quick and names the holder
 */
#include "meta/wake.h"
#include "objstore/base/hash.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define PAGE_MAGIC UINT64_C(0x31656b6177686762) /* "bghwake1" */
#define IS_MOUNT UINT32_C(0x746e6f6d)
#define HAS_FAILED UINT32_C(0x6c696166)

#define BYTE_PAGE WAKE_SLOTS
#define BYTE_OPEN (WAKE_SLOTS + 1)
#define BYTE_WRITER (WAKE_SLOTS + 2)

#define WRITER_POLL_MS 4 /* a holder that was killed wakes nobody */
#define MOUNT_POLL_MS 50 /* nor does a mount */
#define SLOW_MS 1000

/* A number of 44 bits with 20 bits that say it was meant. */
#define NUMBER_BITS 44
#define NUMBER_MAX ((UINT64_C(1) << NUMBER_BITS) - 1)

struct slot {
	_Atomic uint64_t epoch;	 /* sealed */
	_Atomic uint64_t ack;	 /* sealed: what the mount shows */
	_Atomic uint64_t lag;	 /* sealed: a commit that was not waited for to the end */
	_Atomic uint32_t mount;	 /* IS_MOUNT */
	_Atomic uint32_t pid;	 /* of who took it last: for words only */
	_Atomic uint64_t device; /* of the mount: for who unmounts it */
	uint8_t unused[24];	 /* a cache line for each */
};

struct page {
	_Atomic uint64_t magic;
	_Atomic uint64_t size;
	_Atomic uint64_t commit; /* sealed */
	_Atomic uint32_t turns;	 /* futex: a commit, or a kick */
	_Atomic uint32_t kicks;
	_Atomic uint32_t acks;	 /* futex: a mount acknowledged */
	_Atomic uint32_t writes; /* futex: the writer lock was given back */
	_Atomic uint32_t writer_pid;
	_Atomic uint32_t failed; /* HAS_FAILED */
	uint8_t unused[16];
	struct slot slots[WAKE_SLOTS];
};
_Static_assert(sizeof(struct slot) == 64, "a cache line");
_Static_assert(offsetof(struct page, slots) == 64, "a cache line");

struct wake {
	struct page *page;
	int clients_fd;
	int slot; /* -1 none */
	/* What our slot should hold, in case it is overwritten. */
	_Atomic uint64_t epoch, ack, device;
	atomic_bool is_mount;
	atomic_bool writing;	/* we hold BYTE_WRITER */
	pthread_mutex_t writer; /* our threads, before BYTE_WRITER */
	pthread_mutex_t remake; /* our threads, before BYTE_PAGE */
};

static uint64_t seal(uint64_t v)
{
	uint64_t n = v > NUMBER_MAX ? NUMBER_MAX : v;

	return n | (uint64_t)crc32c(PAGE_MAGIC >> 32, &n, sizeof n) << NUMBER_BITS;
}

/* @ret gets WAKE_EPOCH_IDLE for the highest number. Return: false if it is not one of ours. */
static bool unseal(uint64_t sealed, uint64_t *ret)
{
	uint64_t n = sealed & NUMBER_MAX;

	if (seal(n) != sealed)
		return false;
	*ret = n == NUMBER_MAX ? UINT64_MAX : n;
	return true;
}

static uint64_t unseal_or_0(uint64_t sealed)
{
	uint64_t n;

	return unseal(sealed, &n) ? n : 0;
}

/* Return: false if it was that high already. */
static bool raise_to(_Atomic uint64_t *at, uint64_t n)
{
	uint64_t old = atomic_load(at);

	do {
		if (unseal_or_0(old) >= n)
			return false;
	} while (!atomic_compare_exchange_weak(at, &old, seal(n)));
	return true;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Shared, not private: the waiters are other processes. */
static void futex_wait(_Atomic uint32_t *at, uint32_t value, uint64_t timeout_ms)
{
	struct timespec t = {(time_t)(timeout_ms / 1000), (long)(timeout_ms % 1000) * 1000000};

	syscall(SYS_futex, at, FUTEX_WAIT, value, &t, NULL, 0);
}

static void futex_turn(_Atomic uint32_t *at)
{
	atomic_fetch_add(at, 1);
	syscall(SYS_futex, at, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* fcntl() on bytes of meta/clients. Return: 0 or -errno; -EAGAIN another holds it. */
static int byte_lock(const struct wake *w, int command, short type, off_t byte)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
	int r;

	do
		r = fcntl(w->clients_fd, command, &l);
	while (r && errno == EINTR);
	return !r ? 0 : errno == EACCES ? -EAGAIN : -errno;
}

/* A byte in [@from, @to) that another open file holds; -1 none; unknown counts as held. */
static off_t byte_held(const struct wake *w, off_t from, off_t to)
{
	struct flock l = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = from, .l_len = to - from};

	if (from >= to)
		return -1;
	if (fcntl(w->clients_fd, F_OFD_GETLK, &l))
		return from;
	if (l.l_type == F_UNLCK)
		return -1;
	return l.l_start > from ? l.l_start : from;
}

static bool page_good(const struct page *p)
{
	return atomic_load(&p->magic) == PAGE_MAGIC && atomic_load(&p->size) == sizeof *p;
}

static void slot_restore(struct wake *w)
{
	struct slot *s;

	if (w->slot < 0)
		return;
	s = &w->page->slots[w->slot];
	if (atomic_load(&s->epoch) != atomic_load(&w->epoch))
		atomic_store(&s->epoch, atomic_load(&w->epoch));
	if (atomic_load(&s->ack) != atomic_load(&w->ack))
		atomic_store(&s->ack, atomic_load(&w->ack));
	if (atomic_load(&s->device) != atomic_load(&w->device))
		atomic_store(&s->device, atomic_load(&w->device));
	if ((atomic_load(&s->mount) == IS_MOUNT) != atomic_load(&w->is_mount))
		atomic_store(&s->mount, atomic_load(&w->is_mount) ? IS_MOUNT : 0);
}

/* Zeros: no slot is well-formed, so each client alive counts as epoch 0 until it publishes. */
static void page_make(struct page *p)
{
	_Atomic uint64_t *words = (_Atomic uint64_t *)p;

	for (size_t i = 0; i < sizeof *p / sizeof *words; i++)
		atomic_store_explicit(&words[i], 0, memory_order_relaxed);
	atomic_store(&p->size, sizeof *p);
	atomic_store(&p->magic, PAGE_MAGIC);
}

/* Before each use that writes: a page that was overwritten is made anew, our slot said again. */
static void page_heal(struct wake *w)
{
	if (page_good(w->page)) {
		slot_restore(w);
		return;
	}
	pthread_mutex_lock(&w->remake);
	if (!byte_lock(w, F_OFD_SETLKW, F_WRLCK, BYTE_PAGE)) {
		if (!page_good(w->page))
			page_make(w->page);
		byte_lock(w, F_OFD_SETLK, F_UNLCK, BYTE_PAGE);
	}
	pthread_mutex_unlock(&w->remake);
	slot_restore(w);
}

static int file_open(const char *dir, const char *name, struct bough_error *error)
{
	char *path cleanup(free_p) = NULL;
	int fd;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	return fd >= 0 ? fd : error_set(error, -errno, "%s: %s", path, strerror(errno));
}

static int page_map(struct wake *w, int fd)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st))
		return -errno;
	/* Never shortened: that would kill those who have it mapped. */
	if (st.st_size < (off_t)sizeof *w->page && ftruncate(fd, sizeof *w->page))
		return -errno;
	map = mmap(NULL, sizeof *w->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	w->page = map;
	return 0;
}

/* The first client believes nothing of what earlier ones left: an announced commit may be of a
 * metadata file that has been replaced since. */
static int page_join(struct wake *w, int fd)
{
	int r = byte_lock(w, F_OFD_SETLKW, F_WRLCK, BYTE_PAGE);

	if (r)
		return r;
	r = page_map(w, fd);
	if (!r && (!page_good(w->page) || byte_held(w, BYTE_OPEN, BYTE_OPEN + 1) < 0))
		page_make(w->page);
	if (!r)
		r = byte_lock(w, F_OFD_SETLK, F_RDLCK, BYTE_OPEN);
	byte_lock(w, F_OFD_SETLK, F_UNLCK, BYTE_PAGE);
	return r;
}

int wake_open(const char *dir, struct wake **ret, struct bough_error *error)
{
	struct wake *w cleanup(wake_close_p) = calloc(1, sizeof *w);
	int fd cleanup(close_p) = -1;
	int r;

	if (!w)
		return -ENOMEM;
	w->slot = -1;
	atomic_init(&w->epoch, seal(WAKE_EPOCH_IDLE));
	atomic_init(&w->ack, seal(0));
	pthread_mutex_init(&w->writer, NULL);
	pthread_mutex_init(&w->remake, NULL);
	w->clients_fd = file_open(dir, "clients", error);
	if (w->clients_fd < 0)
		return w->clients_fd;
	fd = file_open(dir, "wake", error);
	if (fd < 0)
		return fd;
	r = page_join(w, fd);
	if (r)
		return error_set(error, r, "%s/wake: %s", dir, strerror(-r));
	*ret = steal(&w);
	return 0;
}

void wake_close(struct wake *w)
{
	if (!w)
		return;
	if (w->page)
		munmap(w->page, sizeof *w->page);
	if (w->clients_fd >= 0)
		close(w->clients_fd);
	pthread_mutex_destroy(&w->writer);
	pthread_mutex_destroy(&w->remake);
	free(w);
}

uint64_t wake_commit(const struct wake *w)
{
	return unseal_or_0(atomic_load(&w->page->commit));
}

void wake_announce(struct wake *w, uint64_t n)
{
	page_heal(w);
	if (raise_to(&w->page->commit, n))
		futex_turn(&w->page->turns);
}

uint64_t wake_wait(struct wake *w, uint64_t seen, unsigned timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms, now;
	uint32_t kicks = atomic_load(&w->page->kicks);

	page_heal(w);
	for (;;) {
		uint32_t turns = atomic_load(&w->page->turns);

		now = now_ms();
		if (wake_commit(w) > seen || atomic_load(&w->page->kicks) != kicks || now >= end)
			break;
		futex_wait(&w->page->turns, turns, end - now);
	}
	return wake_commit(w);
}

void wake_kick(struct wake *w)
{
	atomic_fetch_add(&w->page->kicks, 1);
	futex_turn(&w->page->turns);
}

/* Waits at most a second for our own threads. */
static int writer_lock_threads(struct wake *w)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SLOW_MS / 1000;
	return -pthread_mutex_timedlock(&w->writer, &until);
}

/* Waits at most a second for other processes. */
static int writer_lock_processes(struct wake *w)
{
	uint64_t end = now_ms() + SLOW_MS;
	int r;

	for (;;) {
		uint32_t writes = atomic_load(&w->page->writes);

		r = byte_lock(w, F_OFD_SETLK, F_WRLCK, BYTE_WRITER);
		if (r != -EAGAIN)
			return r;
		if (now_ms() >= end)
			return -ETIMEDOUT;
		futex_wait(&w->page->writes, writes, WRITER_POLL_MS);
	}
}

int wake_writer_lock(struct wake *w, void (*slow)(void *arg, int pid), void *arg)
{
	int r;

	while ((r = writer_lock_threads(w)) == -ETIMEDOUT)
		if (slow)
			slow(arg, wake_writer_pid(w));
	if (r)
		return r;
	while ((r = writer_lock_processes(w)) == -ETIMEDOUT)
		if (slow)
			slow(arg, wake_writer_pid(w));
	if (r) {
		pthread_mutex_unlock(&w->writer);
		return r;
	}
	atomic_store(&w->writing, true);
	atomic_store(&w->page->writer_pid, (uint32_t)getpid());
	return 0;
}

void wake_writer_unlock(struct wake *w)
{
	atomic_store(&w->page->writer_pid, 0);
	atomic_store(&w->writing, false);
	byte_lock(w, F_OFD_SETLK, F_UNLCK, BYTE_WRITER);
	futex_turn(&w->page->writes);
	pthread_mutex_unlock(&w->writer);
}

int wake_writer_pid(const struct wake *w)
{
	if (atomic_load(&w->writing))
		return getpid();
	if (byte_held(w, BYTE_WRITER, BYTE_WRITER + 1) < 0)
		return 0;
	return (int)(atomic_load(&w->page->writer_pid) & INT_MAX);
}

bool wake_failed(const struct wake *w)
{
	return atomic_load(&w->page->failed) == HAS_FAILED;
}

void wake_set_failed(struct wake *w)
{
	page_heal(w);
	atomic_store(&w->page->failed, HAS_FAILED);
}

int wake_slot_take(struct wake *w, unsigned *ret_slot)
{
	int r = -EAGAIN;

	assert(w->slot < 0);
	for (int slot = 0; slot < WAKE_SLOTS && r == -EAGAIN; slot++) {
		r = byte_lock(w, F_OFD_SETLK, F_WRLCK, slot);
		if (!r)
			w->slot = slot;
	}
	if (r)
		return r == -EAGAIN ? -EBUSY : r;
	page_heal(w);
	atomic_store(&w->page->slots[w->slot].lag, seal(0));
	atomic_store(&w->page->slots[w->slot].pid, (uint32_t)getpid());
	*ret_slot = (unsigned)w->slot;
	return 0;
}

bool wake_slot_alive(const struct wake *w, unsigned slot)
{
	return (int)slot == w->slot || (slot < WAKE_SLOTS && byte_held(w, slot, slot + 1) >= 0);
}

bool wake_other_alive(const struct wake *w, const struct wake_other *other)
{
	int pid = (int)(atomic_load(&w->page->slots[other->slot].pid) & INT_MAX);

	return wake_slot_alive(w, other->slot) && (!pid || pid == other->pid);
}

/* Calls @fn for each slot in [@from, @to) that another holds. */
static void slots_alive(const struct wake *w, off_t from, off_t to,
	void (*fn)(struct slot *slot, void *arg), void *arg)
{
	off_t held;

	while ((held = byte_held(w, from, to)) >= 0) {
		fn(&w->page->slots[held], arg);
		slots_alive(w, from, held, fn, arg);
		from = held + 1;
	}
}

/** Others that are alive, as far as there is room for them. */
struct others {
	const struct slot *slots;
	struct wake_other *at;
	size_t n, max;
};

static void take_other(struct slot *s, void *arg)
{
	struct others *o = arg;

	if (o->n < o->max)
		o->at[o->n++] = (struct wake_other){.slot = (unsigned)(s - o->slots),
			.pid = (int)(atomic_load(&s->pid) & INT_MAX),
			.device = atomic_load(&s->device),
			.is_mount = atomic_load(&s->mount) == IS_MOUNT};
}

size_t wake_others(const struct wake *w, struct wake_other *ret, size_t max)
{
	struct others o = {.slots = w->page->slots, .at = ret, .max = max};

	slots_alive(w, 0, WAKE_SLOTS, take_other, &o);
	return o.n;
}

void wake_epoch_publish(struct wake *w, uint64_t epoch)
{
	assert(w->slot >= 0);
	atomic_store(&w->epoch, seal(epoch));
	page_heal(w);
	atomic_store(&w->page->slots[w->slot].epoch, seal(epoch));
	atomic_thread_fence(memory_order_seq_cst);
}

static void epoch_lower(struct slot *s, void *arg)
{
	uint64_t *min = arg, epoch = unseal_or_0(atomic_load(&s->epoch));

	if (epoch < *min)
		*min = epoch;
}

uint64_t wake_epoch_min(const struct wake *w)
{
	uint64_t min = WAKE_EPOCH_IDLE;

	atomic_thread_fence(memory_order_seq_cst);
	if (w->slot >= 0)
		min = unseal_or_0(atomic_load(&w->epoch));
	slots_alive(w, 0, WAKE_SLOTS, epoch_lower, &min);
	return min;
}

void wake_mount_set(struct wake *w, bool is_mount)
{
	assert(w->slot >= 0);
	if (is_mount)
		atomic_store(&w->ack, seal(wake_commit(w)));
	atomic_store(&w->is_mount, is_mount);
	page_heal(w);
}

void wake_mount_device(struct wake *w, uint64_t device)
{
	assert(w->slot >= 0);
	atomic_store(&w->device, device);
	page_heal(w);
}

void wake_mount_ack(struct wake *w, uint64_t n)
{
	assert(w->slot >= 0);
	raise_to(&w->ack, n);
	page_heal(w);
	futex_turn(&w->page->acks);
}

struct mounts {
	uint64_t commit;
	bool give_up; /* remember those that are missing, so that nobody waits for them again */
	unsigned missing;
};

static void mount_check(struct slot *s, void *arg)
{
	struct mounts *m = arg;
	uint64_t ack = unseal_or_0(atomic_load(&s->ack));

	if (atomic_load(&s->mount) != IS_MOUNT || ack >= m->commit)
		return;
	if (unseal_or_0(atomic_load(&s->lag)) > ack)
		return;
	m->missing++;
	if (m->give_up)
		raise_to(&s->lag, m->commit);
}

static void mount_seen(struct slot *s, void *arg)
{
	if (atomic_load(&s->mount) == IS_MOUNT)
		*(bool *)arg = true;
}

bool wake_mount_alive(struct wake *w)
{
	bool seen = false;

	slots_alive(w, 0, WAKE_SLOTS, mount_seen, &seen);
	return seen;
}

void wake_mount_wait(struct wake *w, uint64_t n, unsigned timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms, now, left;

	for (;;) {
		struct mounts m = {.commit = n};
		uint32_t acks = atomic_load(&w->page->acks);

		now = now_ms();
		left = now < end ? end - now : 0;
		m.give_up = !left;
		slots_alive(w, 0, WAKE_SLOTS, mount_check, &m);
		if (!m.missing || !left)
			return;
		futex_wait(&w->page->acks, acks, left < MOUNT_POLL_MS ? left : MOUNT_POLL_MS);
	}
}
