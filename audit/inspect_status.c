#include "audit/inspect_status.h"

#include "proof/status_note.h"

#define ROWS_AT_ONCE 256

static void
put_month(uint8_t out[static INSPECT_REVOCATION_BYTES], int64_t month, struct bytes serial)
{
	out[0] = (uint8_t)(month >> 8);
	out[1] = (uint8_t)month;
	memcpy(out + 2, serial.data, INSPECT_REVOCATION_BYTES - 2);
}

static bool
look_at_revocations(
    struct db *db, struct inspect_status *status, struct inspect_faults *faults, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;
	const size_t max = ROWS_AT_ONCE;

	if (!inspect_store_revocations(db, status->revocation, max, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		put_month(status->revocation, rows_int(rows, i, 0), rows_bytes(rows, i, 1));
		if (!rows_bool(rows, i, 3))
			inspect_faults_add(
			    faults, (struct inspect_fault){.what = INSPECT_REVOCATION_PLACE,
					.seq = rows_int(rows, i, 2)});
	}
	status->revocations_done = rows_count(rows) < max;
	return true;
}

static bool
word_of(struct bytes state, enum status_word *out)
{
	static const char *const WORDS[] = {
	    [STATUS_GOOD] = "good", [STATUS_HELD] = "held", [STATUS_REVOKED] = "revoked"};

	for (size_t i = 0; i < COUNT(WORDS); i++)
		if (bytes_equal(state, bytes_of_text(WORDS[i]))) {
			*out = (enum status_word)i;
			return true;
		}
	return false;
}

void
inspect_change_judge(const struct inspect_change *change, struct inspect_faults *faults)
{
	struct status_line line = {.at_s = change->at_s};
	uint8_t hash[SHA256_BYTES] = {0};
	char text[STATUS_LINE_MAX + 1];

	if (change->seq > 1 && change->before.len != sizeof hash) {
		inspect_faults_add(faults,
		    (struct inspect_fault){
			.what = INSPECT_STATUS_CHANGE, .seq = change->seq - 1, .missing = true});
		return;
	}
	if (change->before.len == sizeof hash)
		memcpy(hash, change->before.data, sizeof hash);
	if (word_of(change->state, &line.state) && change->issuer.len == sizeof line.issuer &&
	    change->serial.len == sizeof line.serial && change->at_s >= 0) {
		line.reason = line.state == STATUS_GOOD ? 0 : (int)change->reason;
		memcpy(line.issuer, change->issuer.data, sizeof line.issuer);
		memcpy(line.serial, change->serial.data, sizeof line.serial);
		status_line_encode(&line, text);
		status_chain(hash, bytes_of_text(text));
		if (bytes_equal(bytes_of(hash, sizeof hash), change->hash))
			return;
	}
	inspect_faults_add(
	    faults, (struct inspect_fault){.what = INSPECT_STATUS_CHANGE, .seq = change->seq});
}

static bool
look_at_changes(struct db *db, struct inspect_status *status, struct inspect_faults *faults,
    bool *out_more, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!inspect_store_changes(db, status->change, ROWS_AT_ONCE, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		const struct inspect_change change = {.seq = rows_int(rows, i, 0),
		    .issuer = rows_bytes(rows, i, 1),
		    .serial = rows_bytes(rows, i, 2),
		    .state = rows_bytes(rows, i, 3),
		    .at_s = rows_int(rows, i, 4),
		    .reason = rows_int(rows, i, 5),
		    .hash = rows_bytes(rows, i, 6),
		    .before = rows_bytes(rows, i, 7)};

		inspect_change_judge(&change, faults);
		status->change = change.seq;
	}
	*out_more = rows_count(rows) == ROWS_AT_ONCE;
	return true;
}

bool
inspect_status_step(struct db *db, struct inspect_status *status, struct inspect_faults *faults,
    bool *out_more, struct error *err)
{
	*out_more = true;
	return status->revocations_done ? look_at_changes(db, status, faults, out_more, err)
					: look_at_revocations(db, status, faults, err);
}
