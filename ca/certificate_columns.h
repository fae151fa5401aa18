/* certificate_columns: rows turned into columns, for statements over unnest() of arrays. */
#ifndef CA_CERTIFICATE_COLUMNS_H
#define CA_CERTIFICATE_COLUMNS_H

#include "base/bytes.h"
#include "base/defer.h"
#include "ca/serial.h"
#include "db/params.h"

struct certificate_columns { /* `count` elements each; the octets are borrowed */
	int16_t *months;
	int64_t *devices, *not_befores_s, *not_afters_s;
	struct bytes *serials, *issuers, *nonces, *bodies, *handles, *pseudonyms, *keys;
	void *memory;
};

void certificate_columns_init(struct certificate_columns *columns, size_t count);
void certificate_columns_clear(struct certificate_columns *columns);
DEFER_DECLARE_CLEAR(struct certificate_columns, certificate_columns_clear)

/* Sets month and serial of element i; a serial that is not ours gets month -1, which no row has. */
void certificate_columns_key(struct certificate_columns *columns, size_t i, const uint8_t *serial);

/* The next two parameters: months and serials, as certificate_columns_key() has them. */
void certificate_bind_serials(
    struct params *out, const uint8_t (*serials)[SERIAL_BYTES], size_t count);

#endif
