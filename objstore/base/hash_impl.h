/* For the test that compares both ways to a CRC-32C. */
#pragma once
#include <stddef.h>
#include <stdint.h>

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len);
