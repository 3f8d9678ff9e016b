#include "tools/cli_impl.h"

#include <string.h>

#define BAR_COLUMNS 30
#define SHOW_AFTER_US 1000000
#define REDRAW_US 100000

void cli_progress_init(struct cli_progress *p, const char *label)
{
	const struct clock *clock = clock_system();

	*p = (struct cli_progress){.label = label, .enabled = isatty(STDERR_FILENO)};
	p->begin_us = clock->mono_us(clock);
}

void cli_progress_update(struct cli_progress *p, uint64_t done, uint64_t total, uint64_t bytes)
{
	static const char full[] = "##############################";
	const struct clock *clock = clock_system();
	uint64_t now = p->enabled ? clock->mono_us(clock) : 0;
	int at = total ? (int)((double)done / (double)total * BAR_COLUMNS) : 0;
	char size[32] = "", text[32];

	if (!p->enabled || now - p->begin_us < SHOW_AFTER_US || now - p->last_us < REDRAW_US)
		return;
	p->last_us = now;
	p->drawn = true;
	at = at > BAR_COLUMNS ? BAR_COLUMNS : at;
	if (bytes) {
		cli_format_bytes(bytes, true, text);
		snprintf(size, sizeof size, ", %.20sB", text);
	}
	if (total)
		fprintf(stderr, "\r%s [%-*.*s] %llu/%llu%s\033[K", p->label, BAR_COLUMNS, at, full,
			(unsigned long long)done, (unsigned long long)total, size);
	else
		fprintf(stderr, "\r%s %llu%s\033[K", p->label, (unsigned long long)done, size);
}

void cli_progress_end(struct cli_progress *p)
{
	if (p->drawn)
		fprintf(stderr, "\r\033[K");
	p->drawn = false;
}
