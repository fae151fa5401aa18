/*
 * params: the parameters of one statement, in PostgreSQL's binary format, in order ($1 first).
 *
 * Zero-initialised is empty. Each call copies its value, so callers keep nothing alive.
 */
#ifndef DB_PARAMS_H
#define DB_PARAMS_H

#include "base/buf.h"
#include "base/bytes.h"

#define PARAMS_MAX 32

struct params {
	struct buf arena;
	size_t offset[PARAMS_MAX];
	int length[PARAMS_MAX]; /* -1: NULL */
	int count;
};

void params_clear(struct params *params); /* wipes */
DEFER_DECLARE_CLEAR(struct params, params_clear)

void params_null(struct params *params);
void params_bool(struct params *params, bool value);
void params_int2(struct params *params, int16_t value);
void params_int4(struct params *params, int32_t value);
void params_int8(struct params *params, int64_t value);
void params_text(struct params *params, const char *text); /* NULL: SQL NULL */
void params_bytea(struct params *params, struct bytes value);
void params_uuid(struct params *params, const uint8_t uuid[static 16]);

/* One-dimensional arrays; an element whose data is NULL is SQL NULL. */
void params_bool_array(struct params *params, const bool *values, size_t count);
void params_int2_array(struct params *params, const int16_t *values, size_t count);
void params_int4_array(struct params *params, const int32_t *values, size_t count);
void params_int8_array(struct params *params, const int64_t *values, size_t count);
void params_text_array(struct params *params, const struct bytes *values, size_t count);
void params_bytea_array(struct params *params, const struct bytes *values, size_t count);
void params_uuid_array(struct params *params, const struct bytes *values, size_t count);

#endif
