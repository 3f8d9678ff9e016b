#include "objstore/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "objstore/base/clock.h"

#define LOG_LINE_BYTES_MAX 2048
#define LOG_PROGRAM_BYTES_MAX 32

/* All fields: @lock. */
static struct {
	pthread_mutex_t lock;
	int fd;
	char program[LOG_PROGRAM_BYTES_MAX];
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO, .program = "bough"};

int log_open(const char *path, const char *program)
{
	int fd = STDERR_FILENO;

	if (path) {
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0)
			return -errno;
	}
	pthread_mutex_lock(&sink.lock);
	if (sink.fd != STDERR_FILENO)
		close(sink.fd);
	sink.fd = fd;
	snprintf(sink.program, sizeof sink.program, "%s", program);
	pthread_mutex_unlock(&sink.lock);
	return 0;
}

/* What snprintf() put into @size bytes, of the @n it wanted to put. */
static size_t written(int n, size_t size)
{
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

void log_line(enum log_level level, const char *format, ...)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	char line[LOG_LINE_BYTES_MAX], time[28];
	size_t start, len, room = sizeof line - 1;
	va_list args;

	clock_format_rfc3339(clock_system()->now_us(clock_system()), time);
	pthread_mutex_lock(&sink.lock);
	start = written(snprintf(line, room, "%s %s %s: ", time, names[level], sink.program), room);
	va_start(args, format);
	len = start + written(vsnprintf(line + start, room - start, format, args), room - start);
	va_end(args);
	/* A name with a line break in it must not forge a line. */
	for (size_t i = start; i < len; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = '?';
	line[len++] = '\n';
	/* Where the log cannot be written there is nobody left to tell. */
	if (write(sink.fd, line, len) < 0)
		len = 0;
	pthread_mutex_unlock(&sink.lock);
}
