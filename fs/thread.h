/* The daemon's own threads: signals go to the main thread alone. */
#pragma once
#include <pthread.h>

/** fs_thread_start() - a thread with all signals blocked and a name. Return: 0 or -errno. */
int fs_thread_start(pthread_t *ret, const char *name, void *(*run)(void *), void *arg);
