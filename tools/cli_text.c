/* Words, sizes and times for people. */
#include "tools/cli_impl.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#define WORD_BYTES_MAX 64 /* longer words are not compared */

static bool zone_chosen; /* by --tz; else UTC */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned cli_distance(const char *a, const char *b, unsigned max)
{
	unsigned row[WORD_BYTES_MAX + 1], diagonal, above;
	size_t n = strlen(a), m = strlen(b);

	if (n > WORD_BYTES_MAX || m > WORD_BYTES_MAX)
		return max + 1;
	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned i = 1; i <= n; i++) {
		diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			bool same = tolower((unsigned char)a[i - 1]) ==
				    tolower((unsigned char)b[j - 1]);

			above = row[j];
			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + !same);
			diagonal = above;
		}
	}
	return row[m] > max ? max + 1 : row[m];
}

void cli_nearest_init(struct cli_nearest *n, const char *word)
{
	size_t len = strlen(word);

	/* Beyond a third of the word another name is no slip of the finger. */
	*n = (struct cli_nearest){.word = word, .distance = len < 3 ? 2 : (unsigned)len / 3 + 2};
}

void cli_nearest_offer(struct cli_nearest *n, const char *candidate)
{
	unsigned d = cli_distance(n->word, candidate, n->distance);

	if (d >= n->distance || strlen(candidate) > REC_NAME_BYTES_MAX)
		return;
	n->distance = d;
	strcpy(n->best, candidate);
}

void cli_format_bytes(uint64_t bytes, bool human, char ret[static 32])
{
	static const char units[] = "KMGTPE";
	double v = (double)bytes;
	int u = -1;

	if (!human || bytes < 1024) {
		snprintf(ret, 32, "%llu", (unsigned long long)bytes);
		return;
	}
	for (; v >= 1023.95; v /= 1024)
		u++;
	snprintf(ret, 32, "%.1f%c", v, units[u]);
}

static bool zone_known(const char *tz)
{
	char path[256];

	if (strstr(tz, "..") || tz[0] == '/' || tz[0] == '.' || !tz[0])
		return false;
	snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", tz);
	return !access(path, R_OK);
}

int cli_set_zone(const char *tz)
{
	char posix[32];
	unsigned h, m;
	char sign;
	int n = 0;

	if (!strcmp(tz, "local")) {
		n = 0; /* TZ and /etc/localtime, as they are */
	} else if (!strcasecmp(tz, "UTC") || !strcmp(tz, "Z")) {
		n = setenv("TZ", "UTC0", 1);
	} else if (sscanf(tz, "%c%2u:%2u%n", &sign, &h, &m, &n) == 3 && strchr("+-", sign) &&
		   !tz[n] && n == 6 && h < 24 && m < 60) {
		/* POSIX counts westward. */
		snprintf(posix, sizeof posix, "<%c%02u>%c%02u:%02u", sign, h,
			sign == '+' ? '-' : '+', h, m);
		n = setenv("TZ", posix, 1);
	} else if (zone_known(tz)) {
		n = setenv("TZ", tz, 1);
	} else {
		return -EINVAL;
	}
	tzset();
	zone_chosen = true;
	return n ? -ENOMEM : 0;
}

void cli_format_time(uint64_t unix_us, bool exact, char ret[static 40])
{
	time_t seconds = (time_t)(unix_us / 1000000);
	struct tm tm;
	char date[32], fraction[16] = "";
	long offset;

	if (!(zone_chosen ? localtime_r(&seconds, &tm) : gmtime_r(&seconds, &tm))) {
		strcpy(ret, "?");
		return;
	}
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	if (exact)
		snprintf(fraction, sizeof fraction, ".%06u", (unsigned)(unix_us % 1000000));
	offset = tm.tm_gmtoff / 60;
	if (!offset)
		snprintf(ret, 40, "%.20s%sZ", date, fraction);
	else
		snprintf(ret, 40, "%.20s%.8s%c%02u:%02u", date, fraction, offset < 0 ? '-' : '+',
			(unsigned)labs(offset) / 60 % 100, (unsigned)labs(offset) % 60);
}

/* Next character of UTF-8 @s: its bytes, its columns (-1: not to be printed). */
static size_t next_char(const char *s, int *ret_width)
{
	mbstate_t state = {0};
	wchar_t wide;
	size_t n = mbrtowc(&wide, s, strlen(s), &state);

	if (n == 0 || n > 4) { /* not UTF-8 */
		*ret_width = -1;
		return 1;
	}
	*ret_width = wcwidth(wide);
	return n;
}

int cli_clean(const char *text, struct buf *ret)
{
	int width, r = 0;

	for (size_t n; !r && *text; text += n) {
		n = next_char(text, &width);
		if (width >= 0) {
			r = buf_append(ret, text, n);
			continue;
		}
		for (size_t i = 0; !r && i < n; i++)
			r = buf_printf(ret, "\\x%02x", (unsigned char)text[i]);
	}
	return r;
}

size_t cli_width(const char *text)
{
	size_t sum = 0;
	int width;

	for (size_t n; *text; text += n) {
		n = next_char(text, &width);
		if (width > 0)
			sum += (size_t)width;
	}
	return sum;
}

char *cli_shell(const char *text)
{
	struct buf out auto_buf = {0};
	size_t plain = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._/@%+,:=-");
	int r = 0;

	if (*text && !text[plain]) {
		r = buf_append(&out, text, plain);
	} else {
		r = buf_append(&out, "'", 1);
		for (; !r && *text; text++)
			r = *text == '\'' ? buf_printf(&out, "'\\''") : buf_append(&out, text, 1);
		if (!r)
			r = buf_append(&out, "'", 1);
	}
	if (r || buf_append(&out, "", 1))
		return NULL;
	return (char *)steal(&out.data);
}
