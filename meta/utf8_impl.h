/* UTF-8 as text of the formats must be: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#pragma once
#include "objstore/base/base.h"

/** utf8_char() - bytes of the character at @p (@left > 0); 0 if it is not one. */
size_t utf8_char(const uint8_t *p, size_t left);
/** utf8_valid() - is all of @text characters? */
bool utf8_valid(struct slice text);
