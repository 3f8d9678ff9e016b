#include "fs/author.h"
#include <pwd.h>
#include <stdio.h>

#define TEXT_BYTES 4096

void fs_author(uid_t uid, char ret[static REC_NAME_BYTES_MAX + 1])
{
	char text[TEXT_BYTES];
	struct passwd p, *found = NULL;

	if (!getpwuid_r(uid, &p, text, sizeof text, &found) && found)
		snprintf(ret, REC_NAME_BYTES_MAX + 1, "%s", p.pw_name);
	else
		snprintf(ret, REC_NAME_BYTES_MAX + 1, "%u", uid);
}
