#include "objstore/base/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct bough_error *e, int code, const char *format, ...)
{
	va_list args;

	if (!e || e->code)
		return code;
	e->code = code;
	va_start(args, format);
	vsnprintf(e->message, sizeof e->message, format, args);
	va_end(args);
	return code;
}

int error_hint(struct bough_error *e, int code, const char *format, ...)
{
	va_list args;

	if (!e || e->hint[0])
		return code;
	va_start(args, format);
	vsnprintf(e->hint, sizeof e->hint, format, args);
	va_end(args);
	return code;
}

void error_number(struct bough_error *e, int number)
{
	if (e)
		e->number = number;
}
