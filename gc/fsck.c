#include "gc/fsck.h"
