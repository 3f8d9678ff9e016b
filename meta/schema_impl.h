/* What the codecs share of schemas. */
#pragma once
#include "meta/codec_pack_impl.h"
#include "meta/codec_unpack_impl.h"
#include "meta/schema.h"

/** schema_kind_name() - the format's own name of a kind without parameters, else NULL. */
const char *schema_kind_name(enum schema_kind kind);
bool schema_kind_is_number(enum schema_kind kind);
/** schema_kind_named() - the inverse; SCHEMA_OTHER if unknown. */
enum schema_kind schema_kind_named(struct slice name, bool is_number);
/** schema_decimal_fits() - a precision and scale that the kind can have. */
bool schema_decimal_fits(enum schema_kind kind, unsigned precision, unsigned scale);
/** schema_check() - no leaf id is given twice, none reaches the next free one. Return: 0 or
 * -EUCLEAN. */
int schema_check(const struct schema *s);

void schema_pack(struct pack *p, const struct schema *s);
/** schema_unpack() - into a zeroed struct schema; partly filled after a failure. */
void schema_unpack(struct unpack *u, void *schema);
