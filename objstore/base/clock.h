/* Time comes in as a parameter, so that tests decide it. */
#pragma once
#include "objstore/base/base.h"

struct clock {
	/** Unix time in microseconds, UTC. */
	uint64_t (*now_us)(const struct clock *c);
	/** Microseconds since boot, never backwards, suspend included. */
	uint64_t (*mono_us)(const struct clock *c);
};

/** clock_system() - the machine's clocks; static. */
const struct clock *clock_system(void);
/** clock_format_rfc3339() - "2026-11-21T07:34:00.123456Z"; @out holds 28 bytes. */
void clock_format_rfc3339(uint64_t unix_us, char out[static 28]);
/**
 * clock_parse_rfc3339() - seconds fraction of 0-9 digits; zone "Z" or +-hh:mm; a date alone is
 * its midnight UTC; 'T' or ' ' between. Return: 0 or -EINVAL.
 */
int clock_parse_rfc3339(const char *text, uint64_t *ret_unix_us);
/** clock_parse_duration() - "30s 5m 2h 7d", one unit, > 0. Return: 0 or -EINVAL. */
int clock_parse_duration(const char *text, uint64_t *ret_us);
