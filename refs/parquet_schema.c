/*
 * Parquet's schema in Databend's types. A Parquet type is a physical type and a meaning (logical
 * type, before 2.4 converted type); `mappings` lists the pairs that have a counterpart. Where it
 * is only nearly one, the column keeps its Parquet type in the schema's metadata.
 */
#include "refs/parquet_impl.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum meaning {
	MEANS_NOTHING,
	MEANS_INT8,
	MEANS_INT16,
	MEANS_INT32,
	MEANS_INT64,
	MEANS_UINT8,
	MEANS_UINT16,
	MEANS_UINT32,
	MEANS_UINT64,
	MEANS_STRING,
	MEANS_ENUM,
	MEANS_JSON,
	MEANS_BSON,
	MEANS_UUID,
	MEANS_FLOAT16,
	MEANS_DECIMAL,
	MEANS_DATE,
	MEANS_TIME_MS,
	MEANS_TIME_US,
	MEANS_TIME_NS,
	MEANS_TIMESTAMP_MS,
	MEANS_TIMESTAMP_US,
	MEANS_TIMESTAMP_NS,
	MEANS_INTERVAL,
	MEANS_GEOMETRY,
	MEANS_LIST,
	MEANS_MAP,
	MEANS_VARIANT,
	MEANS_UNKNOWN,
};

/* As DuckDB prints them; of a logical type that ends in '(' its arguments follow. */
static const struct {
	const char *converted, *logical;
	enum meaning meaning;
} meanings[] = {
	{"UTF8", "StringType(", MEANS_STRING},
	{"ENUM", "EnumType(", MEANS_ENUM},
	{"JSON", "JsonType(", MEANS_JSON},
	{"BSON", "BsonType(", MEANS_BSON},
	{NULL, "UUIDType(", MEANS_UUID},
	{NULL, "Float16Type(", MEANS_FLOAT16},
	{NULL, "NullType(", MEANS_NOTHING},
	{"DECIMAL", "DecimalType(", MEANS_DECIMAL},
	{"DATE", "DateType(", MEANS_DATE},
	{"TIME_MILLIS", "TimeType(", MEANS_TIME_MS},
	{"TIME_MICROS", "TimeType(", MEANS_TIME_US},
	{"TIMESTAMP_MILLIS", "TimestampType(", MEANS_TIMESTAMP_MS},
	{"TIMESTAMP_MICROS", "TimestampType(", MEANS_TIMESTAMP_US},
	{"INTERVAL", NULL, MEANS_INTERVAL},
	{NULL, "GeometryType(", MEANS_GEOMETRY},
	{NULL, "GeographyType(", MEANS_GEOMETRY},
	{"INT_8", NULL, MEANS_INT8},
	{"INT_16", NULL, MEANS_INT16},
	{"INT_32", NULL, MEANS_INT32},
	{"INT_64", NULL, MEANS_INT64},
	{"UINT_8", NULL, MEANS_UINT8},
	{"UINT_16", NULL, MEANS_UINT16},
	{"UINT_32", NULL, MEANS_UINT32},
	{"UINT_64", NULL, MEANS_UINT64},
	{"LIST", "ListType(", MEANS_LIST},
	{"MAP", "MapType(", MEANS_MAP},
	{"MAP_KEY_VALUE", NULL, MEANS_MAP},
	{NULL, "VariantType(", MEANS_VARIANT},
};

#define FIXED "FIXED_LEN_BYTE_ARRAY"

static const struct mapping {
	enum meaning meaning;
	const char *physical;
	enum schema_kind kind;
	bool has_ranges;
	const char *kept;    /* type that the schema's metadata keeps */
	const char *foreign; /* why Databend cannot read it */
} mappings[] = {
	{MEANS_NOTHING, "BOOLEAN", SCHEMA_BOOLEAN, false, NULL, NULL},
	{MEANS_NOTHING, "INT32", SCHEMA_INT32, true, NULL, NULL},
	{MEANS_NOTHING, "INT64", SCHEMA_INT64, true, NULL, NULL},
	{MEANS_NOTHING, "INT96", SCHEMA_TIMESTAMP, false, "INT96", "INT96 timestamps"},
	/* The footer does not tell whether there are NaNs, which sort above its maximum. */
	{MEANS_NOTHING, "FLOAT", SCHEMA_FLOAT32, false, NULL, NULL},
	{MEANS_NOTHING, "DOUBLE", SCHEMA_FLOAT64, false, NULL, NULL},
	{MEANS_NOTHING, "BYTE_ARRAY", SCHEMA_BINARY, false, NULL, NULL},
	{MEANS_NOTHING, FIXED, SCHEMA_BINARY, false, FIXED, "values of fixed length"},
	{MEANS_INT8, "INT32", SCHEMA_INT8, true, NULL, NULL},
	{MEANS_INT16, "INT32", SCHEMA_INT16, true, NULL, NULL},
	{MEANS_INT32, "INT32", SCHEMA_INT32, true, NULL, NULL},
	{MEANS_INT64, "INT64", SCHEMA_INT64, true, NULL, NULL},
	{MEANS_UINT8, "INT32", SCHEMA_UINT8, true, NULL, NULL},
	{MEANS_UINT16, "INT32", SCHEMA_UINT16, true, NULL, NULL},
	{MEANS_UINT32, "INT32", SCHEMA_UINT32, true, NULL, NULL},
	{MEANS_UINT64, "INT64", SCHEMA_UINT64, true, NULL, NULL},
	{MEANS_STRING, "BYTE_ARRAY", SCHEMA_STRING, true, NULL, NULL},
	{MEANS_ENUM, "BYTE_ARRAY", SCHEMA_STRING, true, "ENUM", NULL},
	{MEANS_JSON, "BYTE_ARRAY", SCHEMA_STRING, true, "JSON", NULL},
	{MEANS_BSON, "BYTE_ARRAY", SCHEMA_BINARY, false, "BSON", NULL},
	{MEANS_GEOMETRY, "BYTE_ARRAY", SCHEMA_BINARY, false, "GEOMETRY", NULL},
	{MEANS_UUID, FIXED, SCHEMA_BINARY, false, "UUID", "values of fixed length"},
	{MEANS_FLOAT16, FIXED, SCHEMA_FLOAT32, false, "FLOAT16", "16-bit floats"},
	{MEANS_INTERVAL, FIXED, SCHEMA_INTERVAL, false, "INTERVAL", "Parquet intervals"},
	{MEANS_DATE, "INT32", SCHEMA_DATE, true, NULL, NULL},
	{MEANS_TIME_MS, "INT32", SCHEMA_INT32, false, "TIME_MILLIS", NULL},
	{MEANS_TIME_US, "INT64", SCHEMA_INT64, false, "TIME_MICROS", NULL},
	{MEANS_TIME_NS, "INT64", SCHEMA_INT64, false, "TIME_NANOS", NULL},
	{MEANS_TIMESTAMP_MS, "INT64", SCHEMA_TIMESTAMP, true, "TIMESTAMP_MILLIS",
		"timestamps in milliseconds"},
	{MEANS_TIMESTAMP_US, "INT64", SCHEMA_TIMESTAMP, true, NULL, NULL},
	{MEANS_TIMESTAMP_NS, "INT64", SCHEMA_TIMESTAMP, false, "TIMESTAMP_NANOS",
		"timestamps in nanoseconds"},
};

bool parquet_has_ranges(enum schema_kind kind, struct slice exact)
{
	for (size_t i = 0; i < ARRAY_SIZE(mappings); i++) {
		const struct mapping *m = &mappings[i];

		if (m->kind == kind && slice_equal(exact, slice_str(m->kept ? m->kept : "")))
			return m->has_ranges;
	}
	return kind == SCHEMA_DECIMAL128;
}

enum repetition { REQUIRED, OPTIONAL, REPEATED };

/* One element of the footer's schema; texts borrowed from the JSON. */
struct node {
	const char *name, *physical; /* physical NULL: a group */
	enum repetition repetition;
	enum meaning meaning;
	int64_t n_children, length, precision, scale;
};

/* The schema's elements, depth first, and what is made of them. */
struct walk {
	struct json_object *nodes;
	size_t n, at;
	const char *name, *column;
	struct parquet_file *file;
	struct parquet_leaf *leaves;
	size_t n_leaves;
	struct bough_error *error;
};

/* Where in the tree a node is. */
struct place {
	unsigned depth;
	bool is_repeated, is_nullable;
};

static int walk_type(
	struct walk *w, const struct node *node, struct place at, struct schema_type *ret);

static int refuse(const struct walk *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(const struct walk *w, const char *format, ...)
{
	char what[200];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	if (!w->column)
		return error_set(w->error, -EINVAL, "%s: %s", w->name, what);
	return error_set(w->error, -EINVAL, "%s: column %s: %s", w->name, w->column, what);
}

/* A logical type's unit or width lies in its arguments. */
static enum meaning refine(enum meaning meaning, const char *logical)
{
	bool is_time = meaning == MEANS_TIME_MS || meaning == MEANS_TIME_US;
	bool is_timestamp = meaning == MEANS_TIMESTAMP_MS || meaning == MEANS_TIMESTAMP_US;

	if (!is_time && !is_timestamp)
		return meaning;
	if (strstr(logical, "NanoSeconds"))
		return is_time ? MEANS_TIME_NS : MEANS_TIMESTAMP_NS;
	if (strstr(logical, "MicroSeconds"))
		return is_time ? MEANS_TIME_US : MEANS_TIMESTAMP_US;
	return is_time ? MEANS_TIME_MS : MEANS_TIMESTAMP_MS;
}

static enum meaning integer_meaning(const char *logical)
{
	bool is_signed = strstr(logical, "isSigned=1");

	switch (logical[strlen("IntType(bitWidth=")]) { /* printed as a byte */
	case 8:
		return is_signed ? MEANS_INT8 : MEANS_UINT8;
	case 16:
		return is_signed ? MEANS_INT16 : MEANS_UINT16;
	case 32:
		return is_signed ? MEANS_INT32 : MEANS_UINT32;
	case 64:
		return is_signed ? MEANS_INT64 : MEANS_UINT64;
	default:
		return MEANS_UNKNOWN;
	}
}

static enum meaning meaning_of(const char *converted, const char *logical)
{
	const char *int_type = "IntType(bitWidth=";

	if (logical && !strncmp(logical, int_type, strlen(int_type)))
		return integer_meaning(logical);
	for (size_t i = 0; logical && i < ARRAY_SIZE(meanings); i++)
		if (meanings[i].logical &&
			!strncmp(logical, meanings[i].logical, strlen(meanings[i].logical)))
			return refine(meanings[i].meaning, logical);
	for (size_t i = 0; converted && i < ARRAY_SIZE(meanings); i++)
		if (meanings[i].converted && !strcmp(converted, meanings[i].converted))
			return meanings[i].meaning;
	return logical || converted ? MEANS_UNKNOWN : MEANS_NOTHING;
}

static int next_node(struct walk *w, struct node *ret)
{
	struct json_object *j = json_object_array_get_idx(w->nodes, w->at);
	const char *repetition = parquet_json_text(j, "repetition");

	if (w->at++ >= w->n || !j)
		return refuse(w, "its schema ends too early");
	*ret = (struct node){
		.name = parquet_json_text(j, "name"),
		.physical = parquet_json_text(j, "type"),
		.meaning = meaning_of(
			parquet_json_text(j, "converted"), parquet_json_text(j, "logical")),
		.n_children = parquet_json_int(j, "num_children", 0),
		.length = parquet_json_int(j, "type_length", 0),
		.precision = parquet_json_int(j, "precision", 0),
		.scale = parquet_json_int(j, "scale", 0),
	};
	if (repetition && !strcmp(repetition, "OPTIONAL"))
		ret->repetition = OPTIONAL;
	else if (repetition && !strcmp(repetition, "REPEATED"))
		ret->repetition = REPEATED;
	if (!ret->name || ret->n_children < 0 || (uint64_t)ret->n_children > w->n ||
		(ret->physical && ret->n_children))
		return refuse(w, "its schema makes no sense");
	return 0;
}

static int add_children(struct schema_type *type, size_t n)
{
	type->children = calloc(n, sizeof *type->children);
	type->n_children = type->children ? n : 0;
	return type->children ? 0 : -ENOMEM;
}

static bool decimal_is_canonical(const struct node *node, unsigned precision)
{
	if (precision <= 9)
		return !strcmp(node->physical, "INT32");
	if (precision <= 18)
		return !strcmp(node->physical, "INT64");
	return precision <= PARQUET_DECIMAL128_DIGITS && !strcmp(node->physical, FIXED) &&
	       node->length == 16;
}

static int decimal(struct walk *w, const struct node *node, struct parquet_leaf *leaf)
{
	bool is_wide = node->precision > PARQUET_DECIMAL128_DIGITS;

	if (node->precision < 1 || node->precision > PARQUET_DECIMAL256_DIGITS || node->scale < 0 ||
		node->scale > node->precision)
		return refuse(w, "DECIMAL(%lld,%lld) is not possible", (long long)node->precision,
			(long long)node->scale);
	leaf->kind = is_wide ? SCHEMA_DECIMAL256 : SCHEMA_DECIMAL128;
	/* Databend has no decimals of one digit in INT32, and all of them are of two digits too. */
	leaf->precision = node->precision < 2 ? 2 : (uint8_t)node->precision;
	leaf->scale = (uint8_t)node->scale;
	leaf->has_ranges = !is_wide; /* those DuckDB reads as floats */
	leaf->is_unordered = !strcmp(node->physical, "BYTE_ARRAY"); /* not everywhere as numbers */
	if (!decimal_is_canonical(node, leaf->precision))
		parquet_foreign(w->file, "column %s: DECIMAL(%d,%d) stored as %s", w->column,
			leaf->precision, leaf->scale, node->physical);
	return 0;
}

/* The schema begins without columns, so that a leaf's id is its number. */
static int keep_type(struct walk *w, const struct mapping *m, int64_t length)
{
	char key[64], value[64];

	snprintf(key, sizeof key, PARQUET_TYPE_KEY "%zu", w->n_leaves);
	if (m->meaning == MEANS_NOTHING && !strcmp(m->physical, FIXED))
		snprintf(value, sizeof value, "%s(%lld)", m->kept, (long long)length);
	else
		snprintf(value, sizeof value, "%s", m->kept);
	return schema_metadata_set(&w->file->schema, key, value);
}

static int plain(struct walk *w, const struct node *node, struct parquet_leaf *leaf)
{
	const struct mapping *m = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(mappings) && !m; i++)
		if (mappings[i].meaning == node->meaning &&
			!strcmp(mappings[i].physical, node->physical))
			m = &mappings[i];
	if (!m)
		return refuse(w, "its type has no counterpart");
	leaf->kind = m->kind;
	leaf->has_ranges = m->has_ranges;
	if (m->foreign)
		parquet_foreign(w->file, "column %s: %s", w->column, m->foreign);
	return m->kept ? keep_type(w, m, node->length) : 0;
}

static int walk_leaf(
	struct walk *w, const struct node *node, struct place at, struct schema_type *ret)
{
	struct parquet_leaf *leaf = &w->leaves[w->n_leaves];
	int r;

	if (w->n_leaves == SCHEMA_FIELDS_MAX)
		return refuse(w, "more than %d columns", SCHEMA_FIELDS_MAX);
	*leaf = (struct parquet_leaf){.column = w->column,
		.is_repeated = at.is_repeated,
		.is_required = !at.is_nullable && !at.is_repeated};
	r = node->meaning == MEANS_DECIMAL ? decimal(w, node, leaf) : plain(w, node, leaf);
	if (r)
		return r;
	w->n_leaves++;
	ret->kind = leaf->kind;
	ret->precision = leaf->precision;
	ret->scale = leaf->scale;
	return 0;
}

static int walk_tuple(
	struct walk *w, const struct node *node, struct place at, struct schema_type *ret)
{
	size_t n = (size_t)node->n_children;
	struct node child;
	int r;

	if (!n)
		return refuse(w, "a structure without fields");
	ret->kind = SCHEMA_TUPLE;
	r = add_children(ret, n);
	ret->names = r ? NULL : calloc(n, sizeof *ret->names);
	if (!ret->names)
		return -ENOMEM;
	for (size_t i = 0; i < n && !r; i++) {
		r = next_node(w, &child);
		if (!r)
			r = walk_type(w, &child, at, &ret->children[i]);
		if (!r && !(ret->names[i] = strdup(child.name)))
			r = -ENOMEM;
	}
	return r;
}

static int walk_plain(
	struct walk *w, const struct node *node, struct place at, struct schema_type *ret);

/* Before lists had three levels, the repeated node was the element itself. */
static bool is_two_level(const struct node *list, const struct node *repeated)
{
	size_t n = strlen(list->name);

	return repeated->physical || repeated->n_children != 1 ||
	       !strcmp(repeated->name, "array") ||
	       (!strncmp(repeated->name, list->name, n) && !strcmp(repeated->name + n, "_tuple"));
}

static int walk_list(
	struct walk *w, const struct node *node, struct place at, struct schema_type *ret)
{
	struct node repeated, element;
	int r = next_node(w, &repeated);

	if (!r && (node->n_children != 1 || repeated.repetition != REPEATED))
		r = refuse(w, "a list of unknown shape");
	at.is_repeated = true;
	ret->kind = SCHEMA_ARRAY;
	if (!r)
		r = add_children(ret, 1);
	if (r)
		return r;
	if (is_two_level(node, &repeated)) {
		parquet_foreign(w->file, "column %s: a list of two levels", w->column);
		return walk_plain(w, &repeated, at, ret->children);
	}
	r = next_node(w, &element);
	if (!r && element.repetition == REPEATED)
		r = refuse(w, "a list of unknown shape");
	return r ? r : walk_type(w, &element, at, ret->children);
}

static int walk_map(
	struct walk *w, const struct node *node, struct place at, struct schema_type *ret)
{
	struct node repeated, entry;
	int r = next_node(w, &repeated);

	if (!r && (node->n_children != 1 || repeated.repetition != REPEATED ||
			  repeated.n_children != 2))
		r = refuse(w, "a map of unknown shape");
	at.is_repeated = true;
	ret->kind = SCHEMA_MAP;
	if (!r)
		r = add_children(ret, 2);
	for (size_t i = 0; i < 2 && !r; i++) {
		r = next_node(w, &entry);
		if (!r)
			r = walk_type(w, &entry, at, &ret->children[i]);
	}
	if (!r && ret->children[0].nullable)
		parquet_foreign(w->file, "column %s: a map whose keys may be NULL", w->column);
	return r;
}

/* @node without its repetition. */
static int walk_plain(
	struct walk *w, const struct node *node, struct place at, struct schema_type *ret)
{
	if (++at.depth > SCHEMA_DEPTH_MAX)
		return refuse(w, "more than %d levels deep", SCHEMA_DEPTH_MAX);
	if (node->physical)
		return walk_leaf(w, node, at, ret);
	if (node->meaning == MEANS_LIST)
		return walk_list(w, node, at, ret);
	if (node->meaning == MEANS_MAP)
		return walk_map(w, node, at, ret);
	if (node->meaning != MEANS_NOTHING)
		return refuse(w, "its type has no counterpart");
	return walk_tuple(w, node, at, ret);
}

static int walk_type(
	struct walk *w, const struct node *node, struct place at, struct schema_type *ret)
{
	int r;

	if (node->repetition == REPEATED) {
		parquet_foreign(w->file, "column %s: repeated, but not a list", w->column);
		at.is_repeated = true;
		ret->kind = SCHEMA_ARRAY;
		r = add_children(ret, 1);
		return r ? r : walk_plain(w, node, at, ret->children);
	}
	at.is_nullable |= node->repetition == OPTIONAL;
	r = walk_plain(w, node, at, ret);
	ret->nullable = node->repetition == OPTIONAL;
	return r;
}

/* @type is consumed. */
static int add_column(struct walk *w, const char *name, struct schema_type *type)
{
	int r = schema_field_add(&w->file->schema, name, type);

	if (r == -EEXIST) /* and columns are matched by name */
		return refuse(w, "there are two of this name");
	return r == -EINVAL ? refuse(w, "its name or type is not possible") : r;
}

static int walk_column(struct walk *w)
{
	struct schema_type type = {0};
	struct node column;
	int r = next_node(w, &column);

	w->column = r ? NULL : column.name;
	if (!r && !*column.name)
		r = refuse(w, "it has no name");
	if (!r)
		r = walk_type(w, &column, (struct place){0}, &type);
	if (!r)
		r = add_column(w, column.name, &type);
	else
		schema_type_deinit(&type);
	return r;
}

static int walk_root(struct walk *w)
{
	struct node root;
	int r = next_node(w, &root);

	if (!r && (root.physical || !root.n_children))
		r = refuse(w, "it has no columns");
	for (int64_t i = 0; !r && i < root.n_children; i++)
		r = walk_column(w);
	if (!r && w->at != w->n)
		r = refuse(w, "its schema makes no sense");
	return r;
}

int parquet_schema_read(struct json_object *nodes, const char *name, struct parquet_file *f,
	struct parquet_leaf **ret_leaves, size_t *ret_n, struct bough_error *error)
{
	struct walk w = {.nodes = nodes, .name = name, .file = f, .error = error};
	struct parquet_leaf *leaves cleanup(free_p) = NULL;
	int r;

	if (!json_object_is_type(nodes, json_type_array))
		return error_set(error, -EINVAL, "%s: no schema", name);
	w.n = json_object_array_length(nodes);
	leaves = w.leaves = calloc(w.n + 1, sizeof *leaves);
	if (!leaves)
		return -ENOMEM;
	r = walk_root(&w);
	if (r)
		return r;
	*ret_leaves = steal(&leaves);
	*ret_n = w.n_leaves;
	return 0;
}
