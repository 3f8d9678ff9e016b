/* Keys of records: one byte of kind, then big-endian numbers and at most one name at the end. */
#pragma once
#include "meta/kv.h"

enum key_kind {
	/* KV_HOT */
	KEY_META = 'a',	    /* name -> see record.h; "commit" belongs to the kv layer */
	KEY_CHANGE = 'c',   /* commit number, position -> struct change list */
	KEY_DB = 'd',	    /* db -> struct rec_db */
	KEY_TABLE = 't',    /* table -> struct rec_table */
	KEY_REF = 'r',	    /* ref -> struct rec_ref */
	KEY_ENTRY = 'e',    /* dir, child -> its name's bytes (a listing; cookie = child id) */
	KEY_NAME = 'n',	    /* dir, name -> child u64 */
	KEY_LINK = 'l',	    /* ref, snapshot -> "" (directory of hard links) */
	KEY_LINK_OF = 'L',  /* snapshot, ref -> "" (the reverse) */
	KEY_SNAPSHOT = 's', /* snapshot -> struct rec_snapshot */
	KEY_SCHEMA = 'S',   /* schema -> bytes of schema_encode() */
	KEY_CLIENT = 'p',   /* client -> struct rec_client */
	KEY_RANGE = 'R',    /* client, start -> struct rec_range */
	KEY_QUEUE = 'q',    /* sequence -> struct rec_queue */
	KEY_OUTBOX = 'o',   /* ref, table or db -> struct rec_outbox: changed, not exported yet */
	KEY_STAGE = 'x',    /* table, first id -> how many: being staged, not to be seen yet */
	KEY_TRASH = 'T',    /* entry -> struct rec_trash */
	KEY_TRASH_IN = 'U', /* database or table it was in, entry -> "" */
	/* KV_BULK */
	KEY_NODE = 'N',	      /* node -> struct tree_node */
	KEY_SEGMENT = 'g',    /* segment -> struct rec_segment */
	KEY_SEGMENT_V4 = 'G', /* segment -> its object, byte for byte (formats: segment) */
	KEY_SEGMENT_IN = 'i', /* table, segment -> "" (listing of _sg) */
	KEY_BLOCK = 'b',      /* block -> struct rec_block */
	KEY_BLOCK_IN = 'B',   /* table, block -> "" (listing of _b) */
	KEY_HOLDER = 'h',     /* block, segment -> "" (which segments hold it) */
	KEY_FILE = 'f',	      /* table, given name, 0, block -> "" (candidates for a name) */
	KEY_EXPORTED = 'E',   /* segment or snapshot -> the key of its object, which is there */
	KEY_COUNT = 'k',      /* KEY_NODE, .._SEGMENT or .._BLOCK, its id -> u32; absent means 1 */
};

/** A key being built. */
struct key {
	size_t len;
	uint8_t bytes[KV_KEY_BYTES_MAX];
};

struct key key_make(enum key_kind kind);
/** key_meta() - KEY_META and one of the names in record.h. */
struct key key_meta(const char *name);
struct key key_u64(enum key_kind kind, uint64_t a);
struct key key_u64_u64(enum key_kind kind, uint64_t a, uint64_t b);
/** key_name() - kind, number, name (at most 255 bytes, asserted). */
struct key key_name(enum key_kind kind, uint64_t a, const char *name);
/** key_count() - KEY_COUNT: @of as a byte, @id. */
struct key key_count(enum key_kind of, uint64_t id);
/** key_file() - KEY_FILE: table, name, NUL, block; key_file_name() without the block, for scans. */
struct key key_file(uint64_t table, const char *name, uint64_t block);
struct key key_file_name(uint64_t table, const char *name);
/** key_next() - the smallest key above all that begin with @k: the upper bound of a scan. */
struct key key_next(const struct key *k);
struct slice key_slice(const struct key *k);
/** key_read_u8() - the byte at @at of a stored key; 0 if it is too short. */
uint8_t key_read_u8(struct slice key, size_t at);
/** key_read_u64() - the big-endian number at byte @at of a stored key; 0 if it is too short. */
uint64_t key_read_u64(struct slice key, size_t at);
