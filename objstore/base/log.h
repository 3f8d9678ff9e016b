/* One log for a program: to stderr, or to a file in the store's log/. Libraries do not log. */
#pragma once
#include "objstore/base/base.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/** log_open() - append to @path from now on (NULL: stderr). Return: 0 or -errno. */
int log_open(const char *path, const char *program);
/** log_line() - time, level, program, message; one write(2). Threads: safe. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
