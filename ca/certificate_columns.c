#include "ca/certificate_columns.h"

#include "base/mem.h"

struct cell { /* what one row needs in all columns */
	struct bytes serial, issuer, nonce, body, handle, pseudonym, key;
	int64_t device, not_before_s, not_after_s;
	int16_t month;
};

/* One allocation; columns are laid out widest elements first, so each is aligned. */
void
certificate_columns_init(struct certificate_columns *columns, size_t count)
{
	struct bytes **const octets[] = {&columns->serials, &columns->issuers, &columns->nonces,
	    &columns->bodies, &columns->handles, &columns->pseudonyms, &columns->keys};
	int64_t **const numbers[] = {
	    &columns->devices, &columns->not_befores_s, &columns->not_afters_s};
	char *next = columns->memory = xcalloc(count + 1, sizeof(struct cell));

	for (size_t i = 0; i < COUNT(octets); i++, next += count * sizeof(struct bytes))
		*octets[i] = (struct bytes *)(void *)next;
	for (size_t i = 0; i < COUNT(numbers); i++, next += count * sizeof(int64_t))
		*numbers[i] = (int64_t *)(void *)next;
	columns->months = (int16_t *)(void *)next;
}

void
certificate_columns_clear(struct certificate_columns *columns)
{
	mem_free(columns->memory);
	columns->memory = NULL;
}

void
certificate_columns_key(struct certificate_columns *columns, size_t i, const uint8_t *serial)
{
	uint16_t month;
	const bool ours = serial_month(serial, &month);

	columns->months[i] = (int16_t)(ours ? month : -1);
	columns->serials[i] = bytes_of(serial, SERIAL_BYTES);
}

void
certificate_bind_serials(struct params *out, const uint8_t (*serials)[SERIAL_BYTES], size_t count)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;

	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++)
		certificate_columns_key(&columns, i, serials[i]);
	params_int2_array(out, columns.months, count);
	params_bytea_array(out, columns.serials, count);
}
