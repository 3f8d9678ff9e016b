/* The files of tests/samples. */
#pragma once
#include "objstore/base/buf.h"
#include <json-c/json.h>

#define SAMPLE_TABLE "databend-table/1/6"
#define SAMPLE_TABLE_ROOT "databend-table"

/** sample_read() - a file by its path below tests/samples; aborts the test where it cannot. */
void sample_read(const char *path, struct buf *ret);
/** sample_size() - its size in bytes. */
uint64_t sample_size(const char *path);
/** sample_each() - every snapshot, or segment, of all samples. Return: how many. */
unsigned sample_each_snapshot(void (*fn)(const char *path, struct slice file));
unsigned sample_each_segment(void (*fn)(const char *path, struct slice file));
/** sample_json() - the member of @object called @key; NULL for null and absent. */
struct json_object *sample_json(struct json_object *object, const char *key);
/** sample_show() - codec_show(), which must succeed. */
struct json_object *sample_show(struct slice file);
static inline void sample_json_put_p(struct json_object **j)
{
	json_object_put(*j);
}
#define auto_json cleanup(sample_json_put_p)
