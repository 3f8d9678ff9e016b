/* Names: of refs, databases, tables; how a user writes them. */
#pragma once
#include "meta/record.h"
#include "objstore/base/error.h"

/** name_check_ref() - may @name name a branch or tag (semantics: Names)? -EINVAL says why. */
int name_check_ref(const char *name, struct bough_error *error);
/** name_check_object() - a database or table name. @what: "database" or "table". -EINVAL. */
int name_check_object(const char *name, const char *what, struct bough_error *error);
/** name_check_file() - the given name of a block: a file name, UTF-8. -EINVAL. */
int name_check_file(const char *name, struct bough_error *error);
/**
 * name_to_path() - a database or table name as a file name: '/', '%', control characters and a
 * leading '.' or '_' percent-encoded. @ret: owned. At most 255 bytes by name_check_object().
 */
int name_to_path(const char *name, char **ret);
/** name_of_path() - the inverse. -EINVAL not an encoding this makes. */
int name_of_path(const char *path, char **ret);

/** "db.table", "db.table/ref", "db.table/ref@moment"; a part in double quotes holds any character.
 */
struct name_target {
	char *db, *table, *ref, *moment; /* owned; ref and moment may be NULL */
};
/** name_target_parse() - -EINVAL with what was expected. */
int name_target_parse(const char *text, struct name_target *ret, struct bough_error *error);
void name_target_deinit(struct name_target *t);
