/*
 * Dates are computed here, not by libc: no time zone files, no locale, no static buffers, and the
 * same answer on every machine.
 */
#include "objstore/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_S 1000000ull
#define S_PER_DAY 86400
#define DAYS_PER_ERA 146097	      /* 400 Gregorian years */
#define DAYS_TO_EPOCH 719468	      /* from 0000-03-01 to 1970-01-01 */
#define LAST_US 253402300799999999ull /* 9999-12-31T23:59:59.999999Z */
#define FRACTION_DIGITS_MAX 9

struct civil {
	unsigned year, month, day;
};

static uint64_t read_clock(clockid_t id)
{
	struct timespec t = {0};

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * US_PER_S + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t system_now_us(const struct clock *c)
{
	(void)c;
	return read_clock(CLOCK_REALTIME);
}

static uint64_t system_mono_us(const struct clock *c)
{
	(void)c;
	return read_clock(CLOCK_BOOTTIME);
}

const struct clock *clock_system(void)
{
	static const struct clock system = {system_now_us, system_mono_us};

	return &system;
}

/* Years are counted from March, so that the leap day is the last of its year. */
static unsigned days_of_civil(struct civil c)
{
	unsigned year = c.year - (c.month <= 2);
	unsigned month = (c.month + 9) % 12;
	unsigned day_of_year = (153 * month + 2) / 5 + c.day - 1;

	return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - DAYS_TO_EPOCH;
}

static struct civil civil_of_days(unsigned days)
{
	unsigned n = days + DAYS_TO_EPOCH;
	unsigned era = n / DAYS_PER_ERA, of_era = n % DAYS_PER_ERA;
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153;

	return (struct civil){
		.year = era * 400 + year + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = of_year - (153 * month + 2) / 5 + 1,
	};
}

void clock_format_rfc3339(uint64_t unix_us, char out[static 28])
{
	uint64_t us = unix_us < LAST_US ? unix_us : LAST_US;
	uint64_t s = us / US_PER_S;
	unsigned of_day = (unsigned)(s % S_PER_DAY);
	struct civil c = civil_of_days((unsigned)(s / S_PER_DAY));

	/* The moduli change no value: they let the compiler see that all of it fits. */
	snprintf(out, 28, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", c.year % 10000, c.month % 100,
		c.day % 100, of_day / 3600 % 100, of_day / 60 % 60, of_day % 60,
		(unsigned)(us % US_PER_S));
}

/* Reads exactly @digits digits and moves @p past them. */
static bool take_number(const char **p, unsigned digits, unsigned *ret)
{
	unsigned n = 0;

	for (unsigned i = 0; i < digits; i++) {
		if ((*p)[i] < '0' || (*p)[i] > '9')
			return false;
		n = n * 10 + (unsigned)((*p)[i] - '0');
	}
	*p += digits;
	*ret = n;
	return true;
}

static bool take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool take_date(const char **p, struct civil *ret)
{
	struct civil c;

	if (!take_number(p, 4, &c.year) || !take_char(p, '-') || !take_number(p, 2, &c.month) ||
		!take_char(p, '-') || !take_number(p, 2, &c.day))
		return false;
	/* 1969-12-31 and 10000-01-01 would be in range only by their zone: not worth a rule. */
	if (c.year < 1970 || c.month < 1 || c.month > 12 || c.day < 1 ||
		c.day > days_in_month(c.year, c.month))
		return false;
	*ret = c;
	return true;
}

/* Digits below the microsecond are checked and dropped. */
static bool take_fraction(const char **p, unsigned *ret_us)
{
	unsigned us = 0, scale = US_PER_S / 10, digits = 0, digit;

	*ret_us = 0;
	if (!take_char(p, '.'))
		return true;
	for (; take_number(p, 1, &digit); digits++, scale /= 10)
		us += digit * scale;
	*ret_us = us;
	return digits >= 1 && digits <= FRACTION_DIGITS_MAX;
}

static bool take_time(const char **p, uint64_t *ret_us)
{
	unsigned hour, minute, second, us;

	if (!take_number(p, 2, &hour) || !take_char(p, ':') || !take_number(p, 2, &minute) ||
		!take_char(p, ':') || !take_number(p, 2, &second) || !take_fraction(p, &us))
		return false;
	if (hour > 23 || minute > 59 || second > 59)
		return false;
	*ret_us = (hour * 3600 + minute * 60 + second) * US_PER_S + us;
	return true;
}

static bool take_zone(const char **p, int64_t *ret_east_us)
{
	unsigned hour, minute;
	bool west = **p == '-';

	*ret_east_us = 0;
	if (take_char(p, 'Z'))
		return true;
	if (!west && **p != '+')
		return false;
	(*p)++;
	if (!take_number(p, 2, &hour) || !take_char(p, ':') || !take_number(p, 2, &minute) ||
		hour > 23 || minute > 59)
		return false;
	*ret_east_us = (int64_t)((hour * 3600 + minute * 60) * US_PER_S) * (west ? -1 : 1);
	return true;
}

int clock_parse_rfc3339(const char *text, uint64_t *ret_unix_us)
{
	const char *p = text;
	struct civil date;
	uint64_t of_day = 0;
	int64_t east = 0, us;

	if (!take_date(&p, &date))
		return -EINVAL;
	if (*p) {
		if (!take_char(&p, 'T') && !take_char(&p, ' '))
			return -EINVAL;
		if (!take_time(&p, &of_day) || !take_zone(&p, &east) || *p)
			return -EINVAL;
	}
	us = (int64_t)(days_of_civil(date) * (S_PER_DAY * US_PER_S) + of_day) - east;
	if (us < 0 || us > (int64_t)LAST_US)
		return -EINVAL;
	*ret_unix_us = (uint64_t)us;
	return 0;
}

int clock_parse_duration(const char *text, uint64_t *ret_us)
{
	static const struct {
		char unit;
		uint64_t us;
	} units[] = {{'s', US_PER_S}, {'m', 60 * US_PER_S}, {'h', 3600 * US_PER_S},
		{'d', S_PER_DAY * US_PER_S}};
	const char *p = text;
	uint64_t n = 0;
	unsigned digit;

	while (take_number(&p, 1, &digit))
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n))
			return -EINVAL;
	if (!n || !*p || p[1])
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (units[i].unit != *p)
			continue;
		if (__builtin_mul_overflow(n, units[i].us, &n))
			return -EINVAL;
		*ret_us = n;
		return 0;
	}
	return -EINVAL;
}
