/*
 * This process as a client of the store: slot and lock, epoch, durable record, ranges of ids.
 * Rules (protocol, tests/models/bough_model.py): publish_first, unknown_is_0, fence, close_range.
 */
#pragma once
#include "refs/store.h"

struct refs_client;

/** client_open() - takes a slot (its lock says we live). Called by refs_store_open(). */
int client_open(struct refs_store *s, struct refs_client **ret, struct bough_error *error);
/** client_close() - closes all ranges and removes the record, durably; takes NULL. */
void client_close(struct refs_client *c);

/**
 * client_epoch_enter() - whatever is read from now on may still be used: publish, fence
 * Return: token for client_epoch_leave(). Threads: safe.
 */
int client_epoch_enter(struct refs_client *c);
void client_epoch_leave(struct refs_client *c, int token);

/** Ids of one table that this client may use. */
struct client_ids {
	uint64_t first, n;
	uint64_t range, ms; /* the range they come from: its start, its milliseconds */
	uint16_t incarnation;
};
/**
 * client_ids_take() - @n ids for objects of @table, durable before return
 *
 * From a range of the client; a new one (64 ids first for a command, 4,096 for a daemon, or @n if
 * more) is one transaction. The client's record is made with the first range.
 */
int client_ids_take(struct refs_client *c, uint64_t table, uint64_t n, struct client_ids *ret);
/**
 * client_ids_take_apart() - the same, from ranges that client_ids_take() does not use
 *
 * For segments that last: each commit counts its references to those in the nodes it copies, and
 * counts of ids next to each other lie in few pages.
 */
int client_ids_take_apart(
	struct refs_client *c, uint64_t table, uint64_t n, struct client_ids *ret);
/**
 * client_fence() - inside a commit: this client still holds the range of @ids, else -ESTALE
 *
 * Rule fence: one who was taken for dead must not commit what a sweep may be deleting.
 */
int client_fence(struct refs_txn *x, const struct client_ids *ids);
/**
 * client_release() - inside a commit, after client_fence(): this was the range's last use
 *
 * All its ids have records now or were never used as names of objects. With the last range goes the
 * client's record. One thread at a time.
 */
int client_release(struct refs_txn *x, const struct client_ids *ids);
/** client_forget() - after that commit: the range is not used any more. */
void client_forget(struct refs_client *c, const struct client_ids *ids);
/**
 * client_keep() - what may lie under these ids could not be taken back
 *
 * Their range and the client's record outlive client_close(), as those of one who was killed, so
 * that a sweep finds what is there.
 */
void client_keep(struct refs_client *c, const struct client_ids *ids);
/** client_reserve() - @n plain ids (tables, refs) for later use, one transaction. */
int client_reserve(struct refs_client *c, uint64_t n, uint64_t *ret_first);
