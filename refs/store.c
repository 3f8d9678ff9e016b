#include "refs/store.h"
