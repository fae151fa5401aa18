/*
 * ocsp_fakes: what the responder stands on, in one test program: a ledger that signs at once with
 * the Device CA's key, a database and an index of a few rows. Include it in one file; it defines
 * ledger_submit(), ocsp_store_read() and status_index_find().
 */
#ifndef TESTS_UNIT_CA_OCSP_FAKES_H
#define TESTS_UNIT_CA_OCSP_FAKES_H

#include "ca/ocsp.h"
#include "ca/ocsp_store.h"
#include "ocsp_world.h"

#define FAKE_ROWS_MAX 40

static struct fake {
	const struct authorities *authorities; /* whose Device CA the ledger's keeper has */
	bool ledger_away, database_away, index_late;
	int certified, reads;
	struct {
		uint8_t serial[SERIAL_BYTES];
		struct ocsp_row row;
	} rows[FAKE_ROWS_MAX];
	size_t row_count;
	int64_t now_s;
	int64_t index_behind_s; /* the index is of so long ago */
} fake;

bool
ledger_submit(
    struct ledger *ledger, struct proposal *const *proposals, size_t count, struct error *err)
{
	struct ledger_batch batch = {.now_s = fake.now_s, .proposals = proposals, .count = count};
	DEFER(buf_clear_public) struct buf signature = {0};
	struct record *record;

	(void)ledger;
	if (fake.ledger_away)
		return error_set(err, E_RECORD_UNAVAILABLE, "the fake ledger is away");
	assert_int_equal(count, 1);
	proposals[0]->kind->decide(proposals[0]->kind->context, &batch);
	record = &proposals[0]->records[0];
	assert_int_equal(record->leaf.event, LEAF_CERT_ISSUE);
	assert_true(record->leaf.has_commitment);
	assert_true(ceremony_sign(authorities_ring(fake.authorities, ISSUER_DEVICE_CA),
	    record->issuer, record->tbs, &signature, err));
	memcpy(record->signature, signature.data, signature.len);
	record->signature_len = signature.len;
	fake.certified++;
	return true;
}

static struct ocsp_row *
fake_row(const uint8_t *serial)
{
	for (size_t i = 0; i < fake.row_count; i++)
		if (memcmp(fake.rows[i].serial, serial, SERIAL_BYTES) == 0)
			return &fake.rows[i].row;
	return NULL;
}

bool
ocsp_store_read(struct db *db, const uint8_t (*serials)[SERIAL_BYTES], size_t count,
    struct ocsp_row *out, struct error *err)
{
	(void)db;
	if (fake.database_away)
		return error_set(err, E_DATABASE_UNAVAILABLE, "the fake database is away");
	fake.reads++;
	for (size_t i = 0; i < count; i++) {
		const struct ocsp_row *row = fake_row(serials[i]);

		out[i] = row != NULL ? *row : (struct ocsp_row){.state = OCSP_UNKNOWN};
	}
	return true;
}

void
status_index_find(struct status_index *index, const uint8_t serial[static SERIAL_BYTES],
    const uint8_t issuer[static ISSUER_ID_BYTES], struct status_index_found *out)
{
	const struct ocsp_row *row = fake_row(serial);

	(void)index;
	(void)issuer;
	*out = (struct status_index_found){.as_of_s = fake.now_s - fake.index_behind_s,
	    .age_ms = fake.index_late ? STATUS_INDEX_LATE_MS + 1 : 0};
	if (row == NULL || row->state == OCSP_GOOD)
		return;
	out->entry.state = row->reason == REASON_HOLD ? CERTIFICATE_HELD : CERTIFICATE_REVOKED;
	out->entry.reason = row->reason;
	out->entry.at_s = row->revoked_at_s;
}

#endif
