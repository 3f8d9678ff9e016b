/* Which of the calls that are counted fails: of the wrappers that make the n-th one fail. */
#pragma once
#include "objstore/base/base.h"

#include <stdatomic.h>

/** What fails. Zeroed: nothing. */
struct fault_plan {
	unsigned ops;	  /* bits 1u << operation: only these are counted */
	unsigned fail_at; /* the call that fails, from 1; 0 = none */
	int code;	  /* with this negative errno */
	bool sticky;	  /* all calls after it fail too */
	bool applied;	  /* it takes effect all the same, as where an answer is lost */
};

/** Calls counted by a plan. Threads: calls may be at work while others count. */
struct fault {
	struct fault_plan plan;
	atomic_uint calls, hits;
};

/** fault_arm() - count from zero, by @plan. While no call is at work. */
void fault_arm(struct fault *f, const struct fault_plan *plan);
/** fault_is_due() - counts a call of @op. Return: it is one that fails. */
bool fault_is_due(struct fault *f, unsigned op);
