/* What a user reads when something failed. */
#pragma once
#include "objstore/base/base.h"

#define BOUGH_MESSAGE_BYTES_MAX 768
#define BOUGH_HINT_BYTES_MAX 256

/**
 * Filled by the one who knows the noun: what was wrong, with which name, and what to do.
 * Zeroed by its owner; a library function that returns 0 leaves it alone.
 */
struct bough_error {
	int code;   /* negative errno */
	int number; /* Databend's error number where there is one (semantics: 2745 unknown ref ...)
		     */
	char message[BOUGH_MESSAGE_BYTES_MAX];
	char hint[BOUGH_HINT_BYTES_MAX];
};

/**
 * error_set() - fill @e (NULL: nothing) and return @code
 *
 * An error already set is kept: the first one who knew the noun said most.
 */
int error_set(struct bough_error *e, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** error_hint() - say what to do about it (@e NULL: nothing) and return @code. */
int error_hint(struct bough_error *e, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** error_number() - attach Databend's number. */
void error_number(struct bough_error *e, int number);
