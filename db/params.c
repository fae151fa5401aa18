#include "db/params.h"

#include <assert.h>

/* Type OIDs of array elements (pg_type.dat); arrays name them in their header. */
enum element_oid {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_UUID = 2950
};

void
params_clear(struct params *params)
{
	buf_clear(&params->arena);
	params->count = 0;
}

/* Begins a value: all that is appended until finish() belongs to it. */
static void
begin(struct params *params)
{
	assert(params->count < PARAMS_MAX);
	params->offset[params->count] = params->arena.len;
}

static void
finish(struct params *params)
{
	const int i = params->count++;

	params->length[i] = (int)(params->arena.len - params->offset[i]);
}

void
params_null(struct params *params)
{
	begin(params);
	params->length[params->count++] = -1;
}

void
params_bool(struct params *params, bool value)
{
	begin(params);
	buf_append_u8(&params->arena, value);
	finish(params);
}

void
params_int2(struct params *params, int16_t value)
{
	begin(params);
	buf_append_u16(&params->arena, (uint16_t)value);
	finish(params);
}

void
params_int4(struct params *params, int32_t value)
{
	begin(params);
	buf_append_u32(&params->arena, (uint32_t)value);
	finish(params);
}

void
params_int8(struct params *params, int64_t value)
{
	begin(params);
	buf_append_u64(&params->arena, (uint64_t)value);
	finish(params);
}

void
params_text(struct params *params, const char *text)
{
	if (text == NULL)
		params_null(params);
	else
		params_bytea(params, bytes_of_text(text));
}

void
params_bytea(struct params *params, struct bytes value)
{
	begin(params);
	buf_append(&params->arena, value);
	finish(params);
}

void
params_uuid(struct params *params, const uint8_t uuid[static 16])
{
	params_bytea(params, bytes_of(uuid, 16));
}

/* dimensions, has-nulls flag, element type; then for the one dimension its length and lower bound.
 */
static void
begin_array(struct params *params, enum element_oid oid, size_t count, bool has_nulls)
{
	begin(params);
	buf_append_u32(&params->arena, count > 0 ? 1 : 0);
	buf_append_u32(&params->arena, has_nulls);
	buf_append_u32(&params->arena, (uint32_t)oid);
	if (count == 0)
		return;
	buf_append_u32(&params->arena, (uint32_t)count);
	buf_append_u32(&params->arena, 1);
}

void
params_bool_array(struct params *params, const bool *values, size_t count)
{
	begin_array(params, OID_BOOL, count, false);
	for (size_t i = 0; i < count; i++) {
		buf_append_u32(&params->arena, 1);
		buf_append_u8(&params->arena, values[i]);
	}
	finish(params);
}

void
params_int2_array(struct params *params, const int16_t *values, size_t count)
{
	begin_array(params, OID_INT2, count, false);
	for (size_t i = 0; i < count; i++) {
		buf_append_u32(&params->arena, 2);
		buf_append_u16(&params->arena, (uint16_t)values[i]);
	}
	finish(params);
}

void
params_int4_array(struct params *params, const int32_t *values, size_t count)
{
	begin_array(params, OID_INT4, count, false);
	for (size_t i = 0; i < count; i++) {
		buf_append_u32(&params->arena, 4);
		buf_append_u32(&params->arena, (uint32_t)values[i]);
	}
	finish(params);
}

void
params_int8_array(struct params *params, const int64_t *values, size_t count)
{
	begin_array(params, OID_INT8, count, false);
	for (size_t i = 0; i < count; i++) {
		buf_append_u32(&params->arena, 8);
		buf_append_u64(&params->arena, (uint64_t)values[i]);
	}
	finish(params);
}

static void
bytes_array(struct params *params, enum element_oid oid, const struct bytes *values, size_t count)
{
	bool has_nulls = false;

	for (size_t i = 0; i < count; i++)
		has_nulls = has_nulls || values[i].data == NULL;
	begin_array(params, oid, count, has_nulls);
	for (size_t i = 0; i < count; i++) {
		buf_append_u32(
		    &params->arena, values[i].data == NULL ? UINT32_MAX : (uint32_t)values[i].len);
		buf_append(&params->arena, values[i]);
	}
	finish(params);
}

void
params_text_array(struct params *params, const struct bytes *values, size_t count)
{
	bytes_array(params, OID_TEXT, values, count);
}

void
params_bytea_array(struct params *params, const struct bytes *values, size_t count)
{
	bytes_array(params, OID_BYTEA, values, count);
}

void
params_uuid_array(struct params *params, const struct bytes *values, size_t count)
{
	bytes_array(params, OID_UUID, values, count);
}
