#include "meta/utf8_impl.h"

size_t utf8_char(const uint8_t *p, size_t left)
{
	uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c;

	if (n == 1)
		return 1;
	if (!n || p[0] > 0xf4 || n > left)
		return 0;
	c = p[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c < lowest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

bool utf8_valid(struct slice text)
{
	const uint8_t *p = text.data;
	size_t left = text.len;

	while (left) {
		size_t n = utf8_char(p, left);

		if (!n)
			return false;
		p += n;
		left -= n;
	}
	return true;
}
