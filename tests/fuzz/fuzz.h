/*
 * A fuzz target is one file with LLVMFuzzerTestOneInput(). It is linked with libFuzzer, or with
 * fuzz_main.c, which replays a corpus and random mutations of it as an ordinary test.
 */
#pragma once
#include "meta/codec.h"
#include <stdio.h>

/** LLVMFuzzerTestOneInput() - aborts where a promise is broken. Return: 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/** FUZZ_CHECK() - end the process, telling what did not hold. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #condition))
static inline void fuzz_broken(const char *file, int line, const char *condition)
{
	dprintf(STDERR_FILENO, "%s:%d: %s\n", file, line, condition);
	abort();
}
