/*
 * Export: after commits, the objects from which the refs can be rebuilt without the records
 * (protocol: "Export and rebuild"; tests/models/export_model.py). Beside blocks, the store of
 * objects then holds, every one written once and never changed:
 *
 *   <db>/<table>/_sg/h<32 hex>_v4.mpk           segments that an exported snapshot reaches
 *   <db>/<table>/_ss/h<32 hex>_v4.mpk           snapshots that main committed,
 *   <db>/<table>/_refs/<ref>/h<32 hex>_v4.mpk   or another ref; heads and bases of refs only
 *   <db>/<table>/_refs/<ref>/r<16 hex commit><16 hex random>.json   a version of a ref
 *   _export/m<4 hex incarnation><16 hex commit>.json                a marker
 *   _owner.json                                 whose objects these are; written by init
 *
 * What counts of a ref is its highest version that is not above the newest marker: so a transaction
 * over several refs is seen whole. A dropped ref has a last version whose state is "dropped".
 * Each .json ends in a member "crc32c", 8 hex digits: of all bytes before the comma in front of it.
 */
#pragma once
#include "refs/store.h"
#include <stdatomic.h>

struct refs_exported {
	uint64_t commit; /* a marker, or nothing having changed since it, covers this commit */
	uint64_t marker; /* commit number of the newest marker; 0 none */
	uint64_t refs, snapshots, segments; /* objects that this pass wrote or found written */
};

/**
 * refs_export_run() - one pass: all that is committed now is exported on return
 *
 * Holds the client's epoch until its last object is written, but no transaction. Several exporters
 * may run at once. On any error nothing is lost: what is not known to be exported stays in the
 * outbox for the next pass. Errors: -EAGAIN another exporter is at work on the same object;
 * -EPERM the objects belong to another store; -ENOSPC, -EIO.
 */
int refs_export_run(struct refs_store *s, struct refs_exported *ret, struct bough_error *error);
/** refs_export_until() - the same; -ECANCELED before its next object once *@stop is set. */
int refs_export_until(struct refs_store *s, const atomic_bool *stop, struct refs_exported *ret,
	struct bough_error *error);
/** refs_export_wait() - the same until it succeeds or fails for good; -EAGAIN after 10 s. */
int refs_export_wait(struct refs_store *s, struct refs_exported *ret, struct bough_error *error);
/** refs_export_leave() - before a process exits that wrote: a pass, unless a mount will do it. */
int refs_export_leave(struct refs_store *s, struct bough_error *error);
/**
 * refs_export_commit() - after a commit: refs_export_wait() where bough.conf says so, else 0
 *
 * Never -EAGAIN, which would ask for a change again that is made.
 */
int refs_export_commit(struct refs_store *s, struct bough_error *error);
/** refs_export_marker() - key and text of the marker of @commit; @ret_text owned. */
int refs_export_marker(const struct refs_store *s, uint64_t commit,
	char ret_key[static OBJSTORE_KEY_BYTES_MAX + 1], char **ret_text);
/**
 * refs_export_check_ref() - is @text what a version of @ref, written at @commit, must be?
 * @x: in which neither ref nor table nor database waits in the outbox
 *
 * Errors: -EBADMSG it is damaged, its checksum does not fit; -ESTALE it is sound, but says
 * something else than the records; those of reading these, as -EUCLEAN.
 */
int refs_export_check_ref(
	struct refs_txn *x, uint64_t ref, uint64_t table, uint64_t commit, struct slice text);
/** refs_export_check_owner() - -ENOENT; -EUCLEAN damaged; -EPERM another store's. */
int refs_export_check_owner(const struct refs_store *s, struct bough_error *error);
/** refs_export_owner() - the same, and written where it is not there. */
int refs_export_owner(struct objstore *objects, const uint8_t uuid[static UUID_BYTES],
	uint16_t incarnation, struct bough_error *error);
