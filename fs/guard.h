/*
 * What a killed daemon cannot do itself. Its notify threads wait in the kernel for a directory's
 * lock, and the holder of that lock for an answer of the daemon: killed then, the daemon cannot end
 * (such a wait is not interrupted), its connection is not closed, and nobody is ever told that it
 * is dead. So a small process of its own waits for its death, and if it does not end, aborts the
 * connection: callers get their error, the lock is free, the daemon ends.
 */
#pragma once
#include <sys/types.h>

/**
 * fs_guard_start() - watch over this process
 * @path:         where it has mounted
 * @major,@minor: the device number of that mount, so that no other is hit
 *
 * By the main thread: it is that one's end which is noticed. It leaves no descriptor open, has a
 * session of its own and ends with the daemon. Aborting takes root or, for the mount of a user,
 * the file system fusectl at its place.
 * Return: its pid, or a negative errno: there is none.
 */
pid_t fs_guard_start(const char *path, unsigned major, unsigned minor);
/** fs_guard_stop() - before an orderly end; takes what fs_guard_start() returned. */
void fs_guard_stop(pid_t guard);
