/*
 * Records and their values. Values are encoded field by field with a version byte first, never as
 * raw structs. rec_*_get() returns -ENOENT, or -EUCLEAN for a value that does not decode.
 */
#pragma once
#include "meta/enc.h"
#include "meta/id.h"
#include "meta/key.h"
#include "objstore/base/hash.h"

#define REC_NAME_BYTES_MAX 255
#define REC_TEXT_BYTES_MAX 1023 /* author, message */
#define REC_DIR_ROOT 0		/* dir of the databases in KEY_ENTRY and KEY_NAME */

/* Names of KEY_META; the kv layer keeps KV_COMMIT_KEY among them. */
#define REC_META_STORE "store"
#define REC_META_NEXT "next"	 /* the next free id */
#define REC_META_QUEUE "queue"	 /* the next free place in the queue */
#define REC_META_MARKER "marker" /* commit number of the newest export marker */
#define REC_ID_FIRST 32		 /* ids below are never given */

/** KEY_META "store": one per store. */
struct rec_store {
	uint8_t uuid[UUID_BYTES];
	uint16_t incarnation;
	uint64_t created_us;
	uint64_t version, changed_us; /* of the list of databases: commit number, time */
};

struct rec_db {
	uint64_t created_us;
	uint64_t version, changed_us; /* of its list of tables */
	char name[REC_NAME_BYTES_MAX + 1];
};

struct rec_table {
	uint64_t db, main_ref, created_us;
	uint64_t home_db;	   /* database of its object keys: stays when the table moves */
	uint64_t next_segment_key; /* of the tree */
	uint64_t next_snapshot_seq;
	uint64_t last_timestamp_us;		      /* of its newest snapshot; 0 none */
	uint64_t version, changed_us;		      /* of _refs/ */
	uint64_t objects_version, objects_changed_us; /* of _b/ and _sg/ */
	uint64_t trash;				      /* entry that holds it; 0 none */
	char name[REC_NAME_BYTES_MAX + 1];
};

enum rec_ref_kind { REC_REF_MAIN, REC_REF_BRANCH, REC_REF_TAG };

struct rec_ref {
	uint64_t table, head;		   /* head 0: no data yet */
	uint64_t base;			   /* snapshot it was made at: one reference; 0 none */
	uint64_t base_ref;		   /* ref it was made from; 0 none; may be gone */
	uint64_t schema;		   /* of the head; of an empty table 0 */
	uint64_t created_us, expire_at_us; /* 0 never */
	uint64_t version, changed_us;	   /* of its directory and its data/ */
	uint64_t drops;			   /* generation of its inodes */
	uint64_t trash;			   /* entry that holds it: dropped; 0 none */
	uint8_t kind;			   /* enum rec_ref_kind */
	bool is_protected;
	char name[REC_NAME_BYTES_MAX + 1]; /* "main" for the main ref, which has no KEY_NAME */
};

enum rec_operation { REC_OP_APPEND, REC_OP_REPLACE, REC_OP_OVERWRITE, REC_OP_DELETE };

struct rec_snapshot {
	uint64_t table, ref;	      /* ref that committed it */
	uint64_t root;		      /* tree node; 0 empty */
	uint64_t parent;	      /* snapshot id, no edge: it may be gone; 0 none */
	uint64_t parent_timestamp_us; /* so that the parent's UUID stays known */
	uint64_t seq, timestamp_us, schema;
	uint64_t rows, bytes, file_bytes, blocks, segments, metas; /* metas: row groups */
	uint64_t v4_size; /* bytes of the snapshot as rendered by the mount */
	uint32_t nlink, count;
	uint16_t incarnation, parent_incarnation;
	uint8_t operation;
	char author[REC_NAME_BYTES_MAX + 1];
	char message[REC_TEXT_BYTES_MAX + 1];
};

enum rec_block_flags {
	REC_BLOCK_FOREIGN = 1, /* breaks a rule of Databend's: good for all other readers */
};

struct rec_block {
	uint64_t table, ms, rows, size_bytes, raw_bytes; /* ms: of its range; raw: uncompressed */
	uint32_t row_groups;
	uint16_t incarnation;
	uint8_t flags;
	uint8_t sha256[SHA256_BYTES];
};

/** One block of a segment. */
struct rec_segment_entry {
	uint64_t block, modified_us;
	struct slice name; /* given name, borrowed from the record */
};

struct rec_segment {
	uint64_t table, key, ms, rows, bytes, file_bytes, v4_size;
	uint32_t blocks, metas;
	uint16_t incarnation;
	struct slice entries; /* encoded; read with rec_segment_entry_at(), borrowed */
};

struct rec_client {
	uint64_t started_us, pid, pid_start; /* pid_start: clock ticks since boot, /proc/PID/stat */
	uint32_t slot;
	char host[REC_NAME_BYTES_MAX + 1], boot[64], role[32];
};

struct rec_range {
	uint64_t start, length, ms, table;
	uint16_t incarnation;
};

enum rec_trash_kind { REC_TRASH_REF = 1, REC_TRASH_TABLE, REC_TRASH_LINK };

/** Something dropped by name. What it holds waits here, and can be brought back until it is due. */
struct rec_trash {
	uint64_t db, table; /* where it was */
	uint64_t ref;	    /* of a ref or link */
	uint64_t snapshot;  /* of a link: owns one reference to it */
	uint64_t dropped_us, due_us;
	uint8_t kind;			      /* enum rec_trash_kind */
	bool is_emptying;		      /* some of it is gone: it can only go on */
	char name[REC_NAME_BYTES_MAX + 1];    /* of the ref or table */
	char db_name[REC_NAME_BYTES_MAX + 1]; /* of a table: its database may be gone */
};

enum rec_queue_kind { REC_QUEUE_SNAPSHOT = 1, REC_QUEUE_NODE, REC_QUEUE_SEGMENT };

/** Something that lost a reference and is to be released in steps; it owns that one reference. */
struct rec_queue {
	uint8_t kind;
	uint64_t id, commit;
};

enum rec_outbox_kind { REC_OUTBOX_REF = 1, REC_OUTBOX_TABLE, REC_OUTBOX_DB };

/** What changed since it was exported last. Of a table or database: its name, for all its refs. */
struct rec_outbox {
	uint8_t kind;
	uint64_t id;
	uint64_t table;	 /* of a ref, which may be gone */
	uint64_t commit; /* that changed it last */
};

int rec_store_get(struct kv_txn *t, struct rec_store *ret);
int rec_store_put(struct kv_txn *t, const struct rec_store *r);
int rec_db_get(struct kv_txn *t, uint64_t id, struct rec_db *ret);
int rec_db_put(struct kv_txn *t, uint64_t id, const struct rec_db *r);
int rec_table_get(struct kv_txn *t, uint64_t id, struct rec_table *ret);
int rec_table_put(struct kv_txn *t, uint64_t id, const struct rec_table *r);
int rec_ref_get(struct kv_txn *t, uint64_t id, struct rec_ref *ret);
/** rec_ref_put() - and its mark in the outbox: whoever changes a ref cannot forget it. */
int rec_ref_put(struct kv_txn *t, uint64_t id, const struct rec_ref *r);
int rec_snapshot_get(struct kv_txn *t, uint64_t id, struct rec_snapshot *ret);
int rec_snapshot_put(struct kv_txn *t, uint64_t id, const struct rec_snapshot *r);
int rec_block_get(struct kv_txn *t, uint64_t id, struct rec_block *ret);
int rec_block_put(struct kv_txn *t, uint64_t id, const struct rec_block *r);
int rec_client_get(struct kv_txn *t, uint64_t id, struct rec_client *ret);
int rec_client_put(struct kv_txn *t, uint64_t id, const struct rec_client *r);
int rec_range_get(struct kv_txn *t, uint64_t client, uint64_t start, struct rec_range *ret);
int rec_range_put(struct kv_txn *t, uint64_t client, const struct rec_range *r);
int rec_trash_get(struct kv_txn *t, uint64_t id, struct rec_trash *ret);
int rec_trash_put(struct kv_txn *t, uint64_t id, const struct rec_trash *r);
int rec_queue_decode(struct slice value, struct rec_queue *ret);
/** rec_queue_push() - at the end of the queue, with the number of this transaction. */
int rec_queue_push(struct kv_txn *t, enum rec_queue_kind kind, uint64_t id);

/** rec_outbox_put() - @id changed in this transaction; @table: of a ref, else 0. */
int rec_outbox_put(struct kv_txn *t, enum rec_outbox_kind kind, uint64_t id, uint64_t table);
int rec_outbox_decode(struct slice key, struct slice value, struct rec_outbox *ret);
/** rec_marker_get() - commit number of the newest export marker; 0 none yet. */
int rec_marker_get(struct kv_txn *t, uint64_t *ret_commit);
/** rec_marker_put() - never back. */
int rec_marker_put(struct kv_txn *t, uint64_t commit);

/** rec_segment_get() - entries borrow from the transaction (until its next write). */
int rec_segment_get(struct kv_txn *t, uint64_t id, struct rec_segment *ret);
/** rec_segment_entry_at() - O(1). @at < blocks. -EUCLEAN. */
int rec_segment_entry_at(const struct rec_segment *s, uint32_t at, struct rec_segment_entry *ret);
/** rec_segment_put() - @entries: r->blocks of them, in order; r->entries is not read. */
int rec_segment_put(struct kv_txn *t, uint64_t id, const struct rec_segment *r,
	const struct rec_segment_entry *entries);

/** rec_del() - the record of @kind keyed by one id. */
int rec_del(struct kv_txn *t, enum key_kind kind, uint64_t id);
/** rec_db_of() - which database a kind of record lies in. */
enum kv_db rec_db_of(enum key_kind kind);

/** rec_next_id() - take @n ids from the store's counter. -EOVERFLOW above ID_MAX. */
int rec_next_id(struct kv_txn *t, uint64_t n, uint64_t *ret_first);
/** rec_id_peek() - the next id that will be given; none is taken. */
int rec_id_peek(struct kv_txn *t, uint64_t *ret_next);
/**
 * rec_count_get() - references to a node, segment or block (@of: KEY_NODE, ..) whose record exists
 *
 * Counts of one kind lie together: a commit counts the few nodes and segments that last, and they
 * would lie far apart among all the blocks.
 */
int rec_count_get(struct kv_txn *t, enum key_kind of, uint64_t id, uint32_t *ret_count);
/** rec_count_add() - one reference more (@id had at least one). */
int rec_count_add(struct kv_txn *t, enum key_kind of, uint64_t id);
/** rec_count_sub() - one reference less; *@ret_left 0: it was the last, no count is stored. */
int rec_count_sub(struct kv_txn *t, enum key_kind of, uint64_t id, uint32_t *ret_left);
/** rec_count_put() - for repairs: as many as were counted. */
int rec_count_put(struct kv_txn *t, enum key_kind of, uint64_t id, uint32_t count);
/** rec_exists() - 0, -ENOENT, -EUCLEAN. */
int rec_exists(struct kv_txn *t, const struct key *k);
/** rec_mark() - an empty value under @k: an index entry. */
int rec_mark(struct kv_txn *t, const struct key *k);

/*
 * A directory of named children (databases, tables, refs): KEY_ENTRY (dir, child), whose value is
 * the name's bytes, and KEY_NAME (dir, name) are written in step. Names: 1 to 255 bytes, -EINVAL.
 */
/** rec_dir_add() - -EEXIST: the name is taken, or the child has one here. */
int rec_dir_add(struct kv_txn *t, uint64_t dir, const char *name, uint64_t child);
/** rec_dir_remove() - -ENOENT: @child does not have this name here. */
int rec_dir_remove(struct kv_txn *t, uint64_t dir, const char *name, uint64_t child);
/** rec_dir_lookup() - -ENOENT. */
int rec_dir_lookup(struct kv_txn *t, uint64_t dir, const char *name, uint64_t *ret_child);
