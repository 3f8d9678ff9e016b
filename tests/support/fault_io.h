/*
 * The file system's calls with the n-th one failing. A scenario is run for n = 1, 2, ... until it
 * passes without meeting the fault: then every call of it has failed once.
 */
#pragma once
#include "objstore/base/io.h"

struct fault_io {
	struct io io; /* hand &fault.io to the code under test */
	const struct io *inner;
	unsigned fail_at; /* the call that fails, from 1; 0 = none */
	int code;	  /* with this negative errno */
	bool sticky;	  /* all calls after it fail too, as after a power cut */
	bool applied;	  /* the failing call takes effect all the same, as a lost answer */
	unsigned calls;	  /* so far */
	unsigned hit;	  /* faults given */
	/* fsyncs of a file whose fsync failed before: must stay 0 */
	unsigned fsyncs_repeated;
	ino_t failed_inode;
};

/** fault_io_init() - pass everything to @inner until a fault is set. */
void fault_io_init(struct fault_io *f, const struct io *inner);
/** fault_io_arm() - count from zero; fail call number @fail_at with @code. */
void fault_io_arm(struct fault_io *f, unsigned fail_at, int code);
