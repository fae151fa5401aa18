#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "db/conn.h"

struct rows {
	PGresult *result;
};

struct rows *
rows_new(PGresult *result)
{
	struct rows *rows = xcalloc(1, sizeof *rows);

	rows->result = result;
	return rows;
}

void
rows_free(struct rows *rows)
{
	if (rows == NULL)
		return;
	PQclear(rows->result);
	free(rows);
}

size_t
rows_count(const struct rows *rows)
{
	return rows == NULL ? 0 : (size_t)PQntuples(rows->result);
}

size_t
rows_affected(const struct rows *rows)
{
	return (size_t)strtoull(PQcmdTuples(rows->result), NULL, 10);
}

bool
rows_null(const struct rows *rows, size_t row, int column)
{
	return PQgetisnull(rows->result, (int)row, column) == 1;
}

struct bytes
rows_bytes(const struct rows *rows, size_t row, int column)
{
	if (rows_null(rows, row, column))
		return (struct bytes){0};
	return bytes_of(PQgetvalue(rows->result, (int)row, column),
	    (size_t)PQgetlength(rows->result, (int)row, column));
}

bool
rows_bool(const struct rows *rows, size_t row, int column)
{
	const struct bytes value = rows_bytes(rows, row, column);

	assert(value.len <= 1);
	return value.len == 1 && value.data[0] != 0;
}

int64_t
rows_int(const struct rows *rows, size_t row, int column)
{
	const struct bytes value = rows_bytes(rows, row, column);
	uint64_t number = 0;

	assert(value.len == 0 || value.len == 2 || value.len == 4 || value.len == 8);
	if (value.len > 0 && (value.data[0] & 0x80) != 0)
		number = UINT64_MAX; /* sign extension */
	for (size_t i = 0; i < value.len; i++)
		number = number << 8 | value.data[i];
	return (int64_t)number;
}

void
rows_text(const struct rows *rows, size_t row, int column, char *out, size_t out_len)
{
	const struct bytes value = rows_bytes(rows, row, column);

	assert(value.len < out_len);
	if (value.len > 0)
		memcpy(out, value.data, value.len);
	out[value.len] = '\0';
}
