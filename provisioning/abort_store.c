#include "provisioning/abort.h"

#include "ca/certificate_columns.h"

/* $1 months, $2 serials */
static const struct stmt ABORT = STMT("certificates_abort", 2, 1,
    "SELECT certificate_abort(u.month, u.serial) IS NULL"
    " FROM unnest($1::int2[], $2::bytea[]) AS u(month, serial) ORDER BY u.month, u.serial");

static const struct stmt *const STATEMENTS[] = {&ABORT, NULL};

const struct stmt *const *
abort_statements(void)
{
	return STATEMENTS;
}

bool
abort_write(void *context, struct tx *tx, const uint8_t (*refs)[CERTIFICATE_REF_BYTES],
    size_t count, struct error *err)
{
	DEFER(certificate_columns_clear) struct certificate_columns columns;
	DEFER(params_clear) struct params params = {0};

	(void)context;
	certificate_columns_init(&columns, count);
	for (size_t i = 0; i < count; i++)
		certificate_columns_key(&columns, i, refs[i] + 2);
	params_int2_array(&params, columns.months, count);
	params_bytea_array(&params, columns.serials, count);
	return tx_run(tx, &ABORT, &params, err);
}
