/* Whatever a user or the kernel names: parsed or refused, and one name has one path. */
#include "meta/id.h"
#include "refs/name.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

static void check_path(const char *text)
{
	char *name cleanup(free_p) = NULL, *path cleanup(free_p) = NULL;
	char *back cleanup(free_p) = NULL;

	FUZZ_CHECK(!name_to_path(text, &path));
	FUZZ_CHECK(!strchr(path, '/') && path[0] != '.' && path[0] != '_');
	FUZZ_CHECK(!name_of_path(path, &back));
	FUZZ_CHECK(!strcmp(back, text));
	if (name_of_path(text, &name))
		return;
	free(path);
	path = NULL;
	FUZZ_CHECK(!name_to_path(name, &path));
	FUZZ_CHECK(!strcmp(path, text));
}

static void check_target(const char *text)
{
	struct name_target t cleanup(name_target_deinit) = {0};
	int r = name_target_parse(text, &t, NULL);

	FUZZ_CHECK(!r || r == -EINVAL);
	if (!r)
		FUZZ_CHECK(t.db && *t.db && t.table && *t.table);
}

static void check_id(const char *text)
{
	char again[ID_NAME_BYTES_MAX];
	uint8_t uuid[UUID_BYTES];
	enum id_kind kind;

	if (id_of_name(text, &kind, uuid))
		return;
	id_name(kind, uuid, again);
	/* a segment and a snapshot are spelled alike */
	FUZZ_CHECK(!strcmp(again, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text cleanup(free_p) = strndup((const char *)data, len);

	FUZZ_CHECK(text);
	check_path(text);
	check_target(text);
	check_id(text);
	if (!name_check_ref(text, NULL))
		FUZZ_CHECK(strlen(text) <= REC_NAME_BYTES_MAX && !strchr(text, '/'));
	if (!name_check_object(text, "table", NULL))
		FUZZ_CHECK(*text);
	return 0;
}
