#include "ca/status.h"

#include "base/mem.h"
#include "proof/status_note.h"

/* $1 how many: locks the one row that orders all changes of status, and takes as many places. */
static const struct stmt STATUS_HEAD_TAKE = STMT(
    "status_head_take", 1, 2, "UPDATE status_head SET seq = seq + $1::int8 RETURNING seq, hash");

/* $1 hash: of the last that is written */
static const struct stmt STATUS_HEAD_HASH =
    STMT("status_head_hash", 1, 0, "UPDATE status_head SET hash = $1::bytea");

/* $1 seqs, $2 months, $3 serials, $4 issuers, $5 states, $6 reasons, $7 times, $8 hashes */
static const struct stmt STATUS_CHANGE_INSERT = STMT("status_change_insert", 8, 0,
    "INSERT INTO status_change (seq, month, serial, issuer, state, reason, at_s, hash)"
    " SELECT u.seq, u.month, u.serial, u.issuer, u.state, u.reason, u.at_s, u.hash"
    " FROM unnest($1::int8[], $2::int2[], $3::bytea[], $4::bytea[], $5::text[], $6::int2[],"
    " $7::int8[], $8::bytea[]) AS u(seq, month, serial, issuer, state, reason, at_s, hash)");

/*
 * $1 seqs, $2 months, $3 serials, $4 issuers, $5 states, $6 reasons, $7 times, $8 not_after_at_s:
 * those that are not good. A revocation is final, whatever the caller believed.
 */
static const struct stmt REVOCATION_UPSERT = STMT("revocation_upsert", 8, 0,
    "INSERT INTO revocation AS r"
    " (month, serial, issuer, state, reason, revoked_at_s, not_after_at_s, seq)"
    " SELECT u.month, u.serial, u.issuer, u.state, u.reason, u.at_s, u.not_after, u.seq"
    " FROM unnest($1::int8[], $2::int2[], $3::bytea[], $4::bytea[], $5::text[], $6::int2[],"
    " $7::int8[], $8::int8[]) AS u(seq, month, serial, issuer, state, reason, at_s, not_after)"
    " WHERE u.state <> 'good'"
    " ON CONFLICT (month, serial) DO UPDATE SET state = excluded.state,"
    " reason = excluded.reason, revoked_at_s = excluded.revoked_at_s, seq = excluded.seq"
    " WHERE r.state <> 'revoked'");

/* $1 months, $2 serials, $3 states: holds that are released. */
static const struct stmt REVOCATION_RELEASE = STMT("revocation_release", 3, 0,
    "DELETE FROM revocation AS r"
    " USING unnest($1::int2[], $2::bytea[], $3::text[]) AS u(month, serial, state)"
    " WHERE u.state = 'good' AND r.month = u.month AND r.serial = u.serial AND r.state = 'held'");

/* Sent at COMMIT. */
static const struct stmt STATUS_NOTIFY =
    STMT("status_notify", 0, 1, "SELECT pg_notify('status', '')");

static const struct stmt *const STATEMENTS[] = {
    &STATUS_HEAD_TAKE,
    &STATUS_HEAD_HASH,
    &STATUS_CHANGE_INSERT,
    &REVOCATION_UPSERT,
    &REVOCATION_RELEASE,
    &STATUS_NOTIFY,
    NULL,
};

const struct stmt *const *
status_statements(void)
{
	return STATEMENTS;
}

static const char *const ROW_STATES[DEVICE_STATE_COUNT] = {
    [DEVICE_ACTIVE] = "good",
    [DEVICE_HELD] = "held",
    [DEVICE_REVOKED] = "revoked",
    [DEVICE_REPLACED] = "revoked", /* the certificate of a device that was replaced is superseded */
};

struct columns { /* of `count` changes, as parameters */
	int64_t *seqs, *times_s, *not_afters_s;
	int16_t *months, *reasons;
	struct bytes *serials, *issuers, *states, *hashes;
	uint8_t (*chain)[SHA256_BYTES]; /* what hashes point to */
};

static void
columns_clear(struct columns *columns)
{
	mem_free(columns->seqs);
	mem_free(columns->times_s);
	mem_free(columns->not_afters_s);
	mem_free(columns->months);
	mem_free(columns->reasons);
	mem_free(columns->serials);
	mem_free(columns->issuers);
	mem_free(columns->states);
	mem_free(columns->hashes);
	mem_free(columns->chain);
}
DEFER_DECLARE_CLEAR(struct columns, columns_clear)

static bool
columns_fill(struct columns *out, const struct status_change *changes, size_t count,
    int64_t first_seq, int64_t now_s, struct error *err)
{
	out->seqs = xcalloc(count, sizeof *out->seqs);
	out->times_s = xcalloc(count, sizeof *out->times_s);
	out->not_afters_s = xcalloc(count, sizeof *out->not_afters_s);
	out->months = xcalloc(count, sizeof *out->months);
	out->reasons = xcalloc(count, sizeof *out->reasons);
	out->serials = xcalloc(count, sizeof *out->serials);
	out->issuers = xcalloc(count, sizeof *out->issuers);
	out->states = xcalloc(count, sizeof *out->states);
	for (size_t i = 0; i < count; i++) {
		uint16_t month;

		if (!serial_month(changes[i].serial, &month))
			return error_set(err, E_INTERNAL, "not a serial number of this service");
		out->seqs[i] = first_seq + (int64_t)i;
		out->times_s[i] = changes[i].at_s != 0 ? changes[i].at_s : now_s;
		out->not_afters_s[i] = changes[i].not_after_s;
		out->months[i] = (int16_t)month;
		out->reasons[i] = (int16_t)changes[i].reason;
		out->serials[i] = bytes_of(changes[i].serial, SERIAL_BYTES);
		out->issuers[i] = bytes_of(changes[i].issuer, ISSUER_ID_BYTES);
		out->states[i] = bytes_of_text(ROW_STATES[changes[i].state]);
	}
	return true;
}

/* H() of each, from that before the first. */
static void
chain(struct columns *columns, const struct status_change *changes, size_t count,
    const uint8_t before[static SHA256_BYTES])
{
	columns->hashes = xcalloc(count, sizeof *columns->hashes);
	columns->chain = xcalloc(count, sizeof *columns->chain);
	for (size_t i = 0; i < count; i++) {
		const bool released = changes[i].state == DEVICE_ACTIVE;
		struct status_line line = {.state = released ? STATUS_GOOD
						    : changes[i].state == DEVICE_HELD
							? STATUS_HELD
							: STATUS_REVOKED,
		    .at_s = columns->times_s[i],
		    .reason = released ? 0 : (int)changes[i].reason};
		char text[STATUS_LINE_MAX + 1];

		memcpy(line.issuer, changes[i].issuer, sizeof line.issuer);
		memcpy(line.serial, changes[i].serial, sizeof line.serial);
		status_line_encode(&line, text);
		memcpy(columns->chain[i], i == 0 ? before : columns->chain[i - 1], SHA256_BYTES);
		status_chain(columns->chain[i], bytes_of_text(text));
		columns->hashes[i] = bytes_of(columns->chain[i], SHA256_BYTES);
	}
}

static bool
head_take(struct tx *tx, size_t count, int64_t *out_first_seq,
    uint8_t out_hash[static SHA256_BYTES], struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, (int64_t)count);
	if (!tx_query(tx, &STATUS_HEAD_TAKE, &params, &rows, err))
		return false;
	if (rows_count(rows) != 1)
		return error_set(err, E_INTERNAL, "status_head has no row");
	*out_first_seq = rows_int(rows, 0, 0) - (int64_t)count + 1;
	memcpy(out_hash, rows_bytes(rows, 0, 1).data, SHA256_BYTES);
	return true;
}

static bool
head_set_hash(struct tx *tx, struct bytes hash, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_bytea(&params, hash);
	return tx_run(tx, &STATUS_HEAD_HASH, &params, err);
}

static void
bind_changes(struct params *out, const struct columns *columns, size_t count)
{
	params_int8_array(out, columns->seqs, count);
	params_int2_array(out, columns->months, count);
	params_bytea_array(out, columns->serials, count);
	params_bytea_array(out, columns->issuers, count);
	params_text_array(out, columns->states, count);
	params_int2_array(out, columns->reasons, count);
	params_int8_array(out, columns->times_s, count);
}

static bool
changes_insert(struct tx *tx, const struct columns *columns, size_t count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	bind_changes(&params, columns, count);
	params_bytea_array(&params, columns->hashes, count);
	return tx_run(tx, &STATUS_CHANGE_INSERT, &params, err);
}

static bool
revocations_upsert(struct tx *tx, const struct columns *columns, size_t count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	bind_changes(&params, columns, count);
	params_int8_array(&params, columns->not_afters_s, count);
	return tx_run(tx, &REVOCATION_UPSERT, &params, err);
}

static bool
revocations_release(struct tx *tx, const struct columns *columns, size_t count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int2_array(&params, columns->months, count);
	params_bytea_array(&params, columns->serials, count);
	params_text_array(&params, columns->states, count);
	return tx_run(tx, &REVOCATION_RELEASE, &params, err);
}

bool
status_write(struct tx *tx, const struct status_change *changes, size_t count, int64_t now_s,
    struct error *err)
{
	DEFER(columns_clear) struct columns columns = {0};
	struct params none = {0};
	uint8_t before[SHA256_BYTES];
	int64_t first_seq;

	if (count == 0)
		return true;
	if (!head_take(tx, count, &first_seq, before, err) ||
	    !columns_fill(&columns, changes, count, first_seq, now_s, err))
		return false;
	chain(&columns, changes, count, before);
	return head_set_hash(tx, columns.hashes[count - 1], err) &&
	       changes_insert(tx, &columns, count, err) &&
	       revocations_upsert(tx, &columns, count, err) &&
	       revocations_release(tx, &columns, count, err) &&
	       tx_run(tx, &STATUS_NOTIFY, &none, err);
}
