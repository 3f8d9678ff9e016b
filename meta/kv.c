#include "meta/kv.h"

void kv_close(struct kv *kv)
{
	if (kv)
		kv->ops->close(kv);
}
