/*
 * The shared page by which processes tell each other of commits (STORE/meta/wake), and the locks
 * that say who is alive (one byte of STORE/meta/clients per slot, OFD-locked by its holder).
 *
 * The page is only ever a hint for speed, but for two things that fail safe: a live client without
 * a readable, well-formed epoch counts as epoch 0, and the sticky failure flag stops writers.
 */
#pragma once
#include "objstore/base/base.h"
#include "objstore/base/error.h"

#define WAKE_SLOTS 4096
#define WAKE_EPOCH_IDLE UINT64_MAX /* nothing in use: every epoch is past */

struct wake;

/** wake_open() - map @dir/wake and open @dir/clients, both made where absent. -EACCES, -EROFS. */
int wake_open(const char *dir, struct wake **ret, struct bough_error *error);
/** wake_close() - gives the slot back; takes NULL. */
void wake_close(struct wake *w);
DEFINE_CLEANUP(struct wake *, wake_close)

/** wake_commit() - the highest commit number announced. */
uint64_t wake_commit(const struct wake *w);
/** wake_announce() - commit @n is durable: raises the number and wakes all waiters. */
void wake_announce(struct wake *w, uint64_t n);
/** wake_wait() - until wake_commit() > @seen, or wake_kick(), or the time is over. Return: number.
 */
uint64_t wake_wait(struct wake *w, uint64_t seen, unsigned timeout_ms);
/** wake_kick() - end all waits of wake_wait() now, in this and every process. */
void wake_kick(struct wake *w);

/**
 * wake_writer_lock() - the lock around LMDB's own, that tells who holds it
 * @slow: called after each second of waiting with the holder's pid (0 unknown); may be NULL
 *
 * Robust against kill -9 of the holder. Not recursive. Threads: safe. Return: 0 or -errno.
 */
int wake_writer_lock(struct wake *w, void (*slow)(void *arg, int pid), void *arg);
void wake_writer_unlock(struct wake *w);
/** wake_writer_pid() - who is inside a write transaction; 0 nobody or unknown. */
int wake_writer_pid(const struct wake *w);
/** wake_failed() - a commit failed with EIO; cleared when the store is opened by its first client.
 */
bool wake_failed(const struct wake *w);
void wake_set_failed(struct wake *w);

/**
 * wake_slot_take() - a free slot, its byte locked for as long as @w lives. -EBUSY all in use.
 * Once per @w; its epoch is WAKE_EPOCH_IDLE then.
 */
int wake_slot_take(struct wake *w, unsigned *ret_slot);
/** wake_slot_alive() - does a living process hold @slot? (its own too) */
bool wake_slot_alive(const struct wake *w, unsigned slot);
/** Another living client of the store. */
struct wake_other {
	unsigned slot;
	int pid; /* as it said of itself; 0 not known */
	bool is_mount;
	uint64_t device; /* wake_mount_device(); 0 none */
};
/** wake_others() - at most @max of them. Return: how many. Complete for one moment: their locks. */
size_t wake_others(const struct wake *w, struct wake_other *ret, size_t max);
/** wake_other_alive() - is it that one still, and not another process in its slot? */
bool wake_other_alive(const struct wake *w, const struct wake_other *other);
/** wake_epoch_publish() - of this process's slot (taken before); a full fence follows the store. */
void wake_epoch_publish(struct wake *w, uint64_t epoch);
/** wake_epoch_min() - the lowest epoch of all living clients; WAKE_EPOCH_IDLE if none is in use. */
uint64_t wake_epoch_min(const struct wake *w);

/**
 * wake_mount_set() - this slot is a mount: committers wait for its acknowledgements
 *
 * Called before the mount shows anything: it begins as one that acknowledged wake_commit().
 */
void wake_mount_set(struct wake *w, bool is_mount);
/** wake_mount_device() - says which file system (st_dev) this client serves: wake_others(). */
void wake_mount_device(struct wake *w, uint64_t device);
/** wake_mount_ack() - this mount shows nothing older than commit @n any more. */
void wake_mount_ack(struct wake *w, uint64_t n);
/** wake_mount_alive() - does a living process other than this one mount the store? */
bool wake_mount_alive(struct wake *w);
/**
 * wake_mount_wait() - until every living mount but this process's own has acknowledged @n
 *
 * At most @timeout_ms; a mount that did not answer is not waited for again until it has caught up.
 */
void wake_mount_wait(struct wake *w, uint64_t n, unsigned timeout_ms);
