/*
 * What parquet_full_metadata() answers, lists of structs, as the JSON of README.md: of the fields
 * named here only. They are read from DuckDB's vectors, as its JSON functions cost more than all
 * the rest.
 */
#include "tools/reader/facts_impl.h"
#include "tools/reader/reader_impl.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

/* The store keeps 16 of a text; any number is shorter. */
#define BOUND_CHARACTERS 64
#define FIELDS_MAX 16

enum how {
	VALUE,
	DIGITS, /* a text that is a number, else null */
	BOUND,	/* a text, cut */
	RUNS,	/* a list of texts, each as often as it begins anew */
	FIRST,	/* an offset above 0, where it is the lower one, or else the next field */
	OTHER,	/* of FIRST; is not printed itself */
};

struct field {
	const char *key, *column; /* key: NULL in an array */
	enum how how;
};

struct list {
	const char *key;
	const struct field *fields;
	size_t n_fields;
	bool is_one; /* is printed without the brackets of a list */
};

static const struct field file_fields[] = {
	{"rows", "num_rows", VALUE},
	{"row_groups", "num_row_groups", VALUE},
	{"writer", "created_by", VALUE},
	{"encryption", "encryption_algorithm", VALUE},
	{"column_orders", "column_orders", RUNS},
};

static const struct field schema_fields[] = {
	{"name", "name", VALUE},
	{"type", "type", VALUE},
	{"type_length", "type_length", DIGITS},
	{"repetition", "repetition_type", VALUE},
	{"num_children", "num_children", VALUE},
	{"converted", "converted_type", VALUE},
	{"logical", "logical_type", VALUE},
	{"scale", "scale", VALUE},
	{"precision", "precision", VALUE},
	{"field_id", "field_id", VALUE},
};

/* Of statistics only *_value, whose order is defined. */
static const struct field chunk_fields[] = {
	{NULL, "row_group_id", VALUE},
	{NULL, "row_group_num_rows", VALUE},
	{NULL, "column_id", VALUE},
	{NULL, "dictionary_page_offset", FIRST},
	{NULL, "data_page_offset", OTHER},
	{NULL, "total_compressed_size", VALUE},
	{NULL, "total_uncompressed_size", VALUE},
	{NULL, "num_values", VALUE},
	{NULL, "compression", VALUE},
	{NULL, "encodings", VALUE},
	{NULL, "stats_null_count", VALUE},
	{NULL, "stats_distinct_count", VALUE},
	{NULL, "stats_min_value", BOUND},
	{NULL, "stats_max_value", BOUND},
	{NULL, "min_is_exact", VALUE},
	{NULL, "max_is_exact", VALUE},
};

/* In the order of FACTS_COLUMNS. */
static const struct list lists[] = {
	{"file", file_fields, ARRAY_SIZE(file_fields), true},
	{"schema", schema_fields, ARRAY_SIZE(schema_fields), false},
	{"chunks", chunk_fields, ARRAY_SIZE(chunk_fields), false},
};

/** One field of all structs of a list. */
struct column {
	duckdb_vector vector;
	duckdb_type type;
	uint64_t *valid; /* NULL: all */
	void *data;
};

static bool is_null(const struct column *c, idx_t row)
{
	return c->valid && !duckdb_validity_row_is_valid(c->valid, row);
}

static struct slice text_of(duckdb_vector vector, idx_t row)
{
	duckdb_string_t *s = (duckdb_string_t *)duckdb_vector_get_data(vector) + row;

	return (struct slice){duckdb_string_t_data(s), duckdb_string_t_length(*s)};
}

static int put_text(struct buf *b, struct slice text)
{
	struct json_object *j = json_object_new_string_len(text.data, (int)text.len);
	size_t len;
	const char *json =
		j ? json_object_to_json_string_length(
			    j, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len)
		  : NULL;
	int r = json ? buf_append(b, json, len) : -ENOMEM;

	json_object_put(j);
	return r;
}

static struct slice cut(struct slice text)
{
	const uint8_t *p = text.data;
	size_t characters = 0, len = 0;

	while (len < text.len && (characters < BOUND_CHARACTERS || (p[len] & 0xC0) == 0x80))
		characters += (p[len++] & 0xC0) != 0x80;
	return (struct slice){p, len};
}

int facts_put_bound(struct buf *b, struct slice text)
{
	return put_text(b, cut(text));
}

static int put_digits(struct buf *b, struct slice text)
{
	const char *p = text.data;

	for (size_t i = 0; i < text.len; i++)
		if (!isdigit((unsigned char)p[i]))
			return buf_printf(b, "null");
	return text.len ? buf_append(b, p, text.len) : buf_printf(b, "null");
}

static int put_runs(struct buf *b, const struct column *c, idx_t row)
{
	duckdb_list_entry at = ((duckdb_list_entry *)c->data)[row];
	duckdb_vector texts = duckdb_list_vector_get_child(c->vector);
	struct slice last = {NULL, 0};
	int r = buf_printf(b, "[");

	for (idx_t i = at.offset; !r && i < at.offset + at.length; i++) {
		struct slice text = text_of(texts, i);

		if (i > at.offset && slice_equal(text, last))
			continue;
		if (i > at.offset)
			r = buf_printf(b, ",");
		if (!r)
			r = put_text(b, text);
		last = text;
	}
	return r ? r : buf_printf(b, "]");
}

static int put_value(struct buf *b, const struct column *c, idx_t row)
{
	switch (c->type) {
	case DUCKDB_TYPE_VARCHAR:
		return put_text(b, text_of(c->vector, row));
	case DUCKDB_TYPE_BOOLEAN:
		return buf_printf(b, ((bool *)c->data)[row] ? "true" : "false");
	default:
		return buf_printf(b, "%" PRId64, ((int64_t *)c->data)[row]);
	}
}

static int put_field(struct buf *b, const struct field *f, const struct column *c, idx_t row)
{
	if (f->how == FIRST) {
		const int64_t *first = c[0].data, *other = c[1].data;

		if (is_null(c, row) || first[row] <= 0 ||
			(!is_null(c + 1, row) && first[row] >= other[row]))
			c++;
	}
	if (is_null(c, row))
		return buf_printf(b, "null");
	switch (f->how) {
	case DIGITS:
		return put_digits(b, text_of(c->vector, row));
	case BOUND:
		return facts_put_bound(b, text_of(c->vector, row));
	case RUNS:
		return put_runs(b, c, row);
	default:
		return put_value(b, c, row);
	}
}

static int put_struct(struct buf *b, const struct list *l,
	const struct column columns[static FIELDS_MAX], idx_t row)
{
	bool named = l->fields[0].key;
	int r = buf_printf(b, named ? "{" : "[");

	for (size_t i = 0; !r && i < l->n_fields; i++) {
		const struct field *f = &l->fields[i];

		if (f->how == OTHER)
			continue;
		if (i)
			r = buf_printf(b, ",");
		if (!r && named)
			r = buf_printf(b, "\"%s\":", f->key);
		if (!r)
			r = put_field(b, f, &columns[i], row);
	}
	return r ? r : buf_printf(b, named ? "}" : "]");
}

static bool is_expected(const struct field *f, duckdb_type type)
{
	switch (f->how) {
	case RUNS:
		return type == DUCKDB_TYPE_LIST;
	case DIGITS:
	case BOUND:
		return type == DUCKDB_TYPE_VARCHAR;
	case FIRST:
	case OTHER:
		return type == DUCKDB_TYPE_BIGINT;
	default:
		return type == DUCKDB_TYPE_VARCHAR || type == DUCKDB_TYPE_BOOLEAN ||
		       type == DUCKDB_TYPE_BIGINT;
	}
}

/* Where each field of @l is. -EPROTO: this DuckDB answers something else. */
static int find_columns(const struct list *l, duckdb_logical_type structs, duckdb_vector vector,
	struct column ret[static FIELDS_MAX])
{
	idx_t n = duckdb_struct_type_child_count(structs);
	size_t found = 0;

	for (idx_t at = 0; at < n; at++) {
		char *name = duckdb_struct_type_child_name(structs, at);
		duckdb_logical_type type = duckdb_struct_type_child_type(structs, at);

		for (size_t i = 0; name && i < l->n_fields; i++) {
			struct column *c = &ret[i];

			if (strcmp(name, l->fields[i].column) ||
				!is_expected(&l->fields[i], duckdb_get_type_id(type)))
				continue;
			c->type = duckdb_get_type_id(type);
			c->vector = duckdb_struct_vector_get_child(vector, at);
			c->valid = duckdb_vector_get_validity(c->vector);
			c->data = duckdb_vector_get_data(c->vector);
			found++;
		}
		duckdb_free(name);
		duckdb_destroy_logical_type(&type);
	}
	return found == l->n_fields ? 0 : -EPROTO;
}

/* The structs of the list at row 0 of @vector, of type @type. */
static int put_list(
	struct buf *b, const struct list *l, duckdb_logical_type type, duckdb_vector vector)
{
	struct column columns[FIELDS_MAX];
	duckdb_logical_type structs = duckdb_list_type_child_type(type);
	duckdb_list_entry at = *(duckdb_list_entry *)duckdb_vector_get_data(vector);
	int r = find_columns(l, structs, duckdb_list_vector_get_child(vector), columns);

	duckdb_destroy_logical_type(&structs);
	if (!r && l->is_one && at.length != 1)
		r = -EPROTO;
	if (!r)
		r = buf_printf(b, "\"%s\": %s", l->key, l->is_one ? "" : "[");
	for (idx_t i = at.offset; !r && i < at.offset + at.length; i++) {
		if (i > at.offset)
			r = buf_printf(b, ",\n");
		if (!r)
			r = put_struct(b, l, columns, i);
		if (!r && b->len > READER_ANSWER_BYTES_MAX)
			r = -E2BIG;
	}
	return r ? r : buf_printf(b, "%s", l->is_one ? "" : "]");
}

int facts_put(struct buf *b, duckdb_result *result, duckdb_data_chunk chunk)
{
	int r = duckdb_data_chunk_get_size(chunk) == 1 ? 0 : -EPROTO;

	for (size_t i = 0; !r && i < ARRAY_SIZE(lists); i++) {
		duckdb_logical_type type = duckdb_column_logical_type(result, i);
		duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, i);
		uint64_t *valid = duckdb_vector_get_validity(vector);

		if (valid && !duckdb_validity_row_is_valid(valid, 0))
			r = -EPROTO;
		if (!r)
			r = buf_printf(b, "%s", i ? ",\n" : "");
		if (!r)
			r = put_list(b, &lists[i], type, vector);
		duckdb_destroy_logical_type(&type);
	}
	return r;
}
