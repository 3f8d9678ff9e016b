/* One put under way: an import of one file to a known ref, in two halves. Inside refs/ only. */
#pragma once
#include "refs/edit.h"
#include "refs/import_impl.h"
#include "refs/put.h"

#define PUT_IDS (2 + FOLD_IDS) /* block, segment, those of the fold */

/** What a name means in a head. */
struct put_meaning {
	uint64_t old; /* the block that it shows; 0 none */
	/** Others that were given it, and show their own: once the old one is gone they must be
	 * called so. */
	struct put_other {
		uint64_t block;
		char name[ID_NAME_BYTES_MAX];
	} * others;
	size_t n;
};

struct refs_put {
	struct import im; /* what depends on the head is made anew by each prepare */
	struct refs_import in;
	struct refs_file file; /* @path is only what messages call it */
	char *path, *message;
	char author[REC_NAME_BYTES_MAX + 1];
	bool no_replace;

	int fd;
	struct stat st;			 /* before it became read-only */
	struct json_object *description; /* owned; kept: the schema may change */
	bool is_matched;
	bool is_stored;
	bool was_tried; /* to be stored: there may be something to delete */
	uint8_t sha256[SHA256_BYTES];
	bool is_hashed; /* it was given */
	bool no_fold;

	struct put_meaning meaning; /* in the head that this is prepared for; owned */
	struct refs_edit_op *ops;
	struct refs_edit_options options;
	struct refs_edit *edit; /* that takes the old block out; owned */

	bool was_applied; /* a commit may hold it */
	uint64_t snapshot, timestamp_us;
};

/** put_open_ref() - as commit_open_ref(); one that is gone is -ESTALE. */
int put_open_ref(struct refs_txn *x, const struct refs_put *p, struct rec_ref *ret,
	struct bough_error *error);
/** put_find() - what the name means in the head of @ref. @ret: put_meaning_deinit(). */
int put_find(struct refs_txn *x, const struct refs_put *p, const struct rec_ref *ref,
	struct put_meaning *ret);
void put_meaning_deinit(struct put_meaning *m);
/** put_taken() - -EEXIST, in words. */
int put_taken(const struct refs_put *p, const struct rec_ref *ref, struct bough_error *error);
