/*
 * One run of fsck, inside the child. Stages, in order:
 *   fsck_registers  every record is read; which id is what
 *   fsck_segments, fsck_trees, fsck_heads   edges are counted, sums compared
 *   fsck_trash      what was dropped and can be brought back
 *   fsck_indexes    listings, names, holders, links against what they mirror
 *   fsck_suspects   those whose sums say that something differs, pair by pair
 *   fsck_counts     what was counted against what is stored
 *   fsck_exports    the outbox, and (full) what was exported
 *   fsck_objects    (full) bytes
 *   fsck_versions   (full) what is exported of refs, as JSON
 * What is known of an id lies in one struct fsck_mark of 24 bytes, in pages made when first used.
 * Both sides of a mirrored pair are mixed into one sum per id, so that ten million pairs need no
 * look-up; only where a sum is not zero are the pairs compared one by one.
 */
#pragma once
#include "gc/fsck.h"
#include "meta/codec.h"
#include "meta/tree.h"

enum fsck_kind {
	FSCK_NONE,
	FSCK_DB,
	FSCK_TABLE,
	FSCK_REF,
	FSCK_SNAPSHOT,
	FSCK_SCHEMA,
	FSCK_CLIENT,
	FSCK_TRASH,
	FSCK_NODE,
	FSCK_SEGMENT,
	FSCK_BLOCK,
	FSCK_KINDS
};

enum fsck_flag {
	FSCK_DAMAGED = 1, /* the record is there but cannot be read: said once, then let be */
	FSCK_LISTED = 2,  /* seen in ENTRY, BLOCK_IN, SEGMENT_IN */
	FSCK_COUNTED = 4, /* has a KEY_COUNT */
	FSCK_SUSPECT = 8, /* its mirrored records differ: look closely */
	FSCK_QUEUED = 16,
	FSCK_OBJECT = 32, /* it was exported: its object is there */
	FSCK_NAMED = 64,  /* seen in NAME */
	FSCK_USED = 128,  /* a schema that something refers to; a segment with its v4 object */
};

struct fsck_mark {
	uint64_t sum;	/* forward minus reverse pairs */
	uint32_t edges; /* references found */
	uint32_t links; /* snapshot: names; block: stamp of the segment that listed it last;
			   ref: 1 in the trash */
	uint32_t table; /* position in fsck.tables + 1; 0 not known */
	uint8_t kind, flags;
};

struct fsck_table {
	uint64_t id, home_db;
	uint64_t main;	/* the last ref of kind main that was seen, ... */
	uint32_t mains; /* ... of so many */
	char *label;	/* "db.table"; owned */
	bool is_gone;	/* no record: dropped, and its parts wait in the queue */
};

/** What a subtree holds, counted from its segments. */
struct fsck_sums {
	uint64_t id, first_key, last_key;
	uint64_t rows, bytes, file_bytes, blocks, segments, metas;
	uint32_t table;
	int16_t level;	/* -1 a segment */
	bool is_broken; /* something beneath is wrong and was said: sums mean nothing */
};

/** Runs of ids, rising, none of them in two. */
struct fsck_ids {
	struct fsck_range {
		uint64_t start, end; /* end is not one of them */
	} * items;
	size_t n, capacity;
};

struct fsck;
struct fsck_fix;
struct fsck_repair;

enum fsck_fix_class {
	FSCK_ADDS, /* something is protected or found that was not: never wrong */
	FSCK_LAST, /* something goes, or is believed: when every finding of the store has a repair
		    */
};
/** Of a repair that was not made. */
enum fsck_fix_result {
	FSCK_CANNOT = 1, /* what it takes is not there: the finding stays */
	FSCK_WAITS,	 /* something is in its place that must go first */
};
/** Return: 0 done; one of the above; or a negative errno, which ends it all. */
typedef int (*fsck_fix_fn)(struct fsck *f, const struct fsck_fix *fix);
/** One change that repairs a finding; made after the check that found it, before the next. */
struct fsck_fix {
	fsck_fix_fn fn;
	uint64_t a, b;
	struct key *key; /* owned; NULL none */
	size_t finding;	 /* in struct fsck_repair */
	uint8_t class;
};

typedef int (*fsck_entry_fn)(struct fsck *f, uint64_t segment, const struct rec_segment *g,
	const struct rec_segment_entry *e);

struct fsck {
	struct refs_store *store;
	struct refs_txn *x;
	struct kv_txn *t;
	bool full;
	int out; /* pipe to the parent */
	struct fsck_report report;
	uint64_t next_id;
	struct fsck_mark **pages;
	size_t n_pages;
	uint64_t *used; /* pages that were made: ids may be sparse */
	size_t n_used, used_capacity;
	struct fsck_table *tables;
	size_t n_tables, tables_capacity;
	struct fsck_sums *sums; /* open addressing; id 0 is free */
	size_t n_sums, sums_capacity;
	struct fsck_ids ranges; /* of all clients */
	struct fsck_ids staged; /* marked as not visible yet */
	uint64_t *pairs;	/* of suspects, as they should be mirrored */
	size_t n_pairs, pairs_capacity;
	struct fsck_version *versions; /* exported of refs; sorted once all are there */
	size_t n_versions, versions_capacity;
	uint32_t stamp; /* the last one given to blocks */
	fsck_entry_fn entry_fn;
	bool has_suspects;
	bool has_lost_edges; /* of a damaged parent: too few references prove nothing */
	const char *stage;
	uint64_t stage_done;
	bool is_open;		    /* the finding said last has no repair yet */
	uint64_t adds, last;	    /* findings by the class of their repair */
	struct fsck_repair *repair; /* NULL: only checking */
};

/* fsck_child.c */
/** fsck_child() - the whole check; findings go to @out. Return: exit status. */
int fsck_child(const char *path, const struct fsck_options *options, int out);
/** fsck_check() - all stages, once. */
int fsck_check(struct fsck *f);
void fsck_send(int out, uint32_t kind, const void *body, size_t len);
/** fsck_say() - one finding more. */
void fsck_say(struct fsck *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fsck_stage(struct fsck *f, const char *stage);
void fsck_step(struct fsck *f);
/** Frames on the pipe: kind, length, bytes. */
struct fsck_frame {
	uint32_t kind, len;
};
enum fsck_frame_kind {
	FSCK_FRAME_FINDING = 1,
	FSCK_FRAME_REPAIRED,
	FSCK_FRAME_PROGRESS,
	FSCK_FRAME_END
};
struct fsck_progress {
	uint64_t done, total;
	char stage[24];
};
struct fsck_end {
	struct fsck_report report;
	struct bough_error error;
	int result;
};

/* fsck_repair.c */
#define FSCK_FINDINGS_TOLD_MAX 1000
#define FSCK_FINDING_BYTES_MAX 1024
#define FSCK_ID_RAISE_MAX (UINT64_C(1) << 44) /* marks reach that far */
/** fsck_hear() - a finding of a repairing run: kept until it is known what became of it. */
void fsck_hear(struct fsck *f, const char *text);
/** fsck_fix() - what would repair the finding said last; one finding may have several. */
void fsck_fix(struct fsck *f, enum fsck_fix_class class, fsck_fix_fn fn, uint64_t a, uint64_t b);
/** fsck_fix_key() - the same, with a key. */
void fsck_fix_key(
	struct fsck *f, enum fsck_fix_class class, fsck_fix_fn fn, uint64_t a, struct slice key);
/** fsck_repair_run() - check, repair, check, ... and commit; tells what came of it. */
int fsck_repair_run(struct fsck *f, struct bough_error *error);

/* fsck_fix.c: each looks again at the records it depends on; those with a key change that one */
int fsck_fix_del(struct fsck *f, const struct fsck_fix *x);	 /* it goes */
int fsck_fix_mark(struct fsck *f, const struct fsck_fix *x);	 /* it comes, as an index */
int fsck_fix_next(struct fsck *f, const struct fsck_fix *x);	 /* a: the next id, at least */
int fsck_fix_count(struct fsck *f, const struct fsck_fix *x);	 /* a: id, b: references */
int fsck_fix_nlink(struct fsck *f, const struct fsck_fix *x);	 /* a: snapshot, b: names */
int fsck_fix_unlinked(struct fsck *f, const struct fsck_fix *x); /* a: snapshot, to its ref */
int fsck_fix_queue(struct fsck *f, const struct fsck_fix *x);	 /* a: id, b: its kind */
int fsck_fix_link(struct fsck *f, const struct fsck_fix *x);	 /* a: ref, b: its head */
int fsck_fix_schema(struct fsck *f, const struct fsck_fix *x);	 /* a: ref */
int fsck_fix_main(struct fsck *f, const struct fsck_fix *x);	 /* a: table, b: ref */
int fsck_fix_table(struct fsck *f, const struct fsck_fix *x);	 /* a: table, b: snapshot */
int fsck_fix_home(struct fsck *f, const struct fsck_fix *x);	 /* a: database, table, ref */
int fsck_fix_stray(struct fsck *f, const struct fsck_fix *x);	 /* a: child, key: leads to it */
int fsck_fix_stage(struct fsck *f, const struct fsck_fix *x);	 /* key: a mark */
int fsck_fix_client(struct fsck *f, const struct fsck_fix *x);	 /* a: client */
int fsck_fix_trash(struct fsck *f, const struct fsck_fix *x);	 /* a: entry, b: dropped ref */
int fsck_fix_requeue(struct fsck *f, const struct fsck_fix *x);	 /* key: a queue entry */
int fsck_fix_outbox(struct fsck *f, const struct fsck_fix *x);	 /* a: id */
int fsck_fix_exported(struct fsck *f, const struct fsck_fix *x); /* a: segment or snapshot */
int fsck_fix_object(struct fsck *f, const struct fsck_fix *x);	 /* a: segment or snapshot */
int fsck_fix_owner(struct fsck *f, const struct fsck_fix *x);	 /* its object comes */
int fsck_fix_v4(struct fsck *f, const struct fsck_fix *x);	 /* a: segment */
int fsck_fix_v4_size(struct fsck *f, const struct fsck_fix *x);	 /* a: snapshot */

/** fsck_has_keeper() - is the branch that committed @s there to list it again? */
bool fsck_has_keeper(struct fsck *f, const struct rec_snapshot *s, struct rec_ref *ret);

/* fsck_index.c */
/** Where a database, table or ref says it stands. */
struct fsck_home {
	uint64_t dir;
	char name[REC_NAME_BYTES_MAX + 1]; /* empty: in no directory */
};
/** fsck_home_of() - -ENOENT: @id is none of the three. */
int fsck_home_of(struct fsck *f, uint64_t id, struct fsck_home *ret);

/* fsck_mark.c */
/** fsck_mark() - of @id; NULL when it is no id the store has given out. Aborts without memory. */
struct fsck_mark *fsck_mark(struct fsck *f, uint64_t id);
/** fsck_peek() - the same, FSCK_NONE for what was never marked. */
const struct fsck_mark *fsck_peek(const struct fsck *f, uint64_t id);
bool fsck_is(const struct fsck *f, uint64_t id, enum fsck_kind kind);
typedef int (*fsck_mark_fn)(struct fsck *f, uint64_t id, struct fsck_mark *m);
/** fsck_each() - every mark that is in use, by rising id. */
int fsck_each(struct fsck *f, fsck_mark_fn fn);
const char *fsck_word(enum fsck_kind kind);
/** fsck_counted_as() - of which kind of record the count is; 0: it has none of its own. */
enum key_kind fsck_counted_as(enum fsck_kind kind);
/** fsck_label() - "db.table" of a position + 1. */
const char *fsck_label(const struct fsck *f, uint32_t table);
/** fsck_table_of() - position + 1 of table @id, made as a gone one where it has no record. */
uint32_t fsck_table_of(struct fsck *f, uint64_t id);
int fsck_table_add(struct fsck *f, uint64_t id, uint64_t home_db, char *label);
struct fsck_sums *fsck_sums_find(struct fsck *f, uint64_t id);
struct fsck_sums *fsck_sums_add(struct fsck *f, uint64_t id);
/** fsck_ids_add() - false: it overlaps one that is there, or is empty. */
bool fsck_ids_add(struct fsck_ids *ids, uint64_t start, uint64_t end);
bool fsck_ids_has(const struct fsck_ids *ids, uint64_t id);
/** fsck_mix() - spreads a pair over 64 bits. */
uint64_t fsck_mix(uint64_t a, uint64_t b);
uint64_t fsck_mix_name(uint64_t table, struct slice name);
void fsck_deinit(struct fsck *f);

typedef int (*fsck_record_fn)(struct fsck *f, struct slice key, struct slice value);
/**
 * fsck_scan() - every record of @kind; a damaged one is a finding
 *
 * After a damaged record keyed by one id the scan goes on with the next.
 */
int fsck_scan(struct fsck *f, enum key_kind kind, fsck_record_fn fn);
/** fsck_unreadable() - say that a record which is there does not decode, once. */
void fsck_unreadable(struct fsck *f, enum fsck_kind kind, uint64_t id);

int fsck_registers(struct fsck *f);
int fsck_segments(struct fsck *f);
int fsck_trees(struct fsck *f);
int fsck_heads(struct fsck *f);
int fsck_trash(struct fsck *f);
int fsck_indexes(struct fsck *f);
int fsck_suspects(struct fsck *f);
int fsck_counts(struct fsck *f);
int fsck_exports(struct fsck *f);
int fsck_objects(struct fsck *f);
int fsck_versions(struct fsck *f);
/** fsck_is_export() - is @key that of a ref's version, a marker or the owner? */
bool fsck_is_export(const char *key);
/** fsck_version_seen() - @key, of which that holds, is there: for fsck_versions(). */
int fsck_version_seen(struct fsck *f, const char *key);
/** fsck_segment_fits() - are @v4 the bytes of the object of segment @g? */
bool fsck_segment_fits(struct fsck *f, const struct rec_segment *g, struct slice v4);
/** fsck_segment_v4() - the stored object of @id against its record. */
int fsck_segment_v4(struct fsck *f, uint64_t id, const struct rec_segment *g);
/** fsck_snapshot_v4() - @id as the mount renders it has the size its record says. */
int fsck_snapshot_v4(struct fsck *f, uint64_t id);
/** fsck_entries() - every entry of every readable segment. */
int fsck_entries(struct fsck *f, fsck_entry_fn fn);
