/*
 * This process as a client of the store: slot and lock, epoch, durable record, ranges of ids.
 * Rules (protocol, models/bough_model.py): publish_first, unknown_is_0, fence, close_range.
 */
#pragma once
#include "refs/store.h"

/** client_open() - takes a slot (its lock says we live). Called by refs_store_open(). */
int client_open(struct refs_store *s, struct refs_client **ret, struct bough_error *error);
/** client_close() - closes all ranges, removes the record; takes NULL. */
void client_close(struct refs_client *c);

/** client_epoch_enter() - publish, fence; Return: token for leave. Threads: safe. */
int client_epoch_enter(struct refs_client *c);
void client_epoch_leave(struct refs_client *c, int token);

/** Ids of one table that this client may use. */
struct client_ids {
	uint64_t first, n, ms;
	uint16_t incarnation;
};
/**
 * client_ids_take() - @n ids for objects of @table, durable before return
 *
 * From a range of the client; a new one (64 ids first for a command, 4,096 for a daemon, or @n if
 * more) is one transaction. The client's record is made with the first range.
 */
int client_ids_take(struct refs_client *c, uint64_t table, uint64_t n, struct client_ids *ret);
/** client_fence() - inside a commit: the record still holds this range; else -ESTALE. */
int client_fence(struct refs_txn *x, const struct client_ids *ids);
/** client_reserve() - @n plain ids (tables, refs) for later use, one transaction. */
int client_reserve(struct refs_client *c, uint64_t n, uint64_t *ret_first);
