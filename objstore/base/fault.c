#include "objstore/base/fault.h"

void fault_arm(struct fault *f, const struct fault_plan *plan)
{
	f->plan = *plan;
	atomic_store(&f->calls, 0);
	atomic_store(&f->hits, 0);
}

bool fault_is_due(struct fault *f, unsigned op)
{
	unsigned at;

	if (!(f->plan.ops & 1u << op))
		return false;
	at = atomic_fetch_add(&f->calls, 1) + 1;
	if (!f->plan.fail_at || at < f->plan.fail_at || (at > f->plan.fail_at && !f->plan.sticky))
		return false;
	atomic_fetch_add(&f->hits, 1);
	return true;
}
