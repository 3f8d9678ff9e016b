/* bough.conf: key = value. Every key stands in bough.conf(5). */
#pragma once
#include "objstore/base/error.h"

#define REFS_TRASH_US (UINT64_C(7) * 24 * 3600 * 1000000)

struct refs_conf {
	char *objects_url;	      /* "" = objects/ beside it */
	uint64_t meta_size_max_bytes; /* meta_max_size; 0 none */
	char *group;		      /* group: of the store's files; "" none */
	uint64_t reader_memory_bytes; /* reader_memory: of bough-reader */
	uint64_t trash_us;	      /* trash: how long what was dropped can be brought back */
	bool publish_commit;	      /* publish = commit: a commit waits for its export */
};

/** refs_conf_read() - defaults, then @path if it is there. -EINVAL names line and key. */
int refs_conf_read(const char *path, struct refs_conf *ret, struct bough_error *error);
void refs_conf_deinit(struct refs_conf *c);
