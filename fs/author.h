/* Who a commit is by. */
#pragma once
#include "meta/record.h"
#include <sys/types.h>

/** fs_author() - the login name of a user; the number of one without. May ask a directory. */
void fs_author(uid_t uid, char ret[static REC_NAME_BYTES_MAX + 1]);
