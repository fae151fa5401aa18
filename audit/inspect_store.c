#include "audit/inspect_store.h"

#include "audit/outbox.h"
#include "base/mem.h"

/* $1 log */
static const struct stmt PROGRESS = STMT("inspect_progress", 1, 3,
    "SELECT pass, next_seq, done_at_s FROM inspection WHERE log = $1::int2");

/* $1 log, $2 pass, $3 next_seq, $4 done_at_s */
static const struct stmt KEEP_PROGRESS = STMT("inspect_keep_progress", 4, 0,
    "INSERT INTO inspection AS i (log, pass, next_seq, done_at_s)"
    " VALUES ($1::int2, $2::int8, $3::int8, $4::int8) ON CONFLICT (log) DO UPDATE"
    " SET pass = excluded.pass, next_seq = excluded.next_seq, done_at_s = excluded.done_at_s");

/* $1 origin, $2 how many */
static const struct stmt LOGS = STMT("inspect_logs", 2, 3,
    "SELECT id, origin::text, public_key::bytea FROM audit_log"
    " WHERE origin = $1::text OR gone_at_s IS NOT NULL ORDER BY origin <> $1::text, id DESC"
    " LIMIT $2::int8");

/* $1 log, $2 pass, $3 whats, $4 levels, $5 seqs. The number of each that is known, from 1 on. */
static const struct stmt MARK_SEEN = STMT("inspect_mark_seen", 5, 1,
    "UPDATE inspection_fault AS f SET pass = $2::int8"
    " FROM unnest($3::text[], $4::int2[], $5::int8[]) WITH ORDINALITY AS u(what, level, seq, n)"
    " WHERE f.log = $1::int2 AND f.what = u.what AND f.level = u.level AND f.seq = u.seq"
    " RETURNING u.n");

/* $1 log, $2 pass, $3 whats, $4 levels, $5 seqs, $6 now */
static const struct stmt FAULTS_INSERT = STMT("inspect_faults_insert", 6, 0,
    "INSERT INTO inspection_fault (log, what, level, seq, pass, found_at_s)"
    " SELECT $1::int2, u.what, u.level, u.seq, $2::int8, $6::int8"
    " FROM unnest($3::text[], $4::int2[], $5::int8[]) AS u(what, level, seq)"
    " ON CONFLICT DO NOTHING");

/* $1 log, $2 pass */
static const struct stmt FORGET_MENDED = STMT("inspect_forget_mended", 2, 0,
    "DELETE FROM inspection_fault WHERE log = $1::int2 AND pass < $2::int8");

static const struct stmt COUNT_FAULTS =
    STMT("inspect_count_faults", 0, 1, "SELECT count(*) FROM inspection_fault");

/* $1 log, $2 seq */
static const struct stmt WAS_PRUNED = STMT("inspect_was_pruned", 2, 1,
    "SELECT EXISTS (SELECT FROM audit_pruned"
    " WHERE log = $1::int2 AND what = 'audit_leaf' AND part = $2::int8 / 1048576)");

/* $1 the leaf's subject, as it stands in the tail */
static const struct stmt PRUNE_WAITS = STMT("inspect_prune_waits", 1, 1,
    "SELECT EXISTS (SELECT FROM audit_outbox WHERE position('\"ev\":\"log.prune\"'::bytea IN tail) "
    "> 0"
    " AND position($1::bytea IN tail) > 0)");

/* $1 at, $2 seconds before it */
static const struct stmt HAS_MONTH = STMT("inspect_has_month", 2, 1,
    "SELECT bool_and(to_regclass('certificate_body_m'"
    " || ((date_part('year', t) - 2020) * 12 + date_part('month', t) - 1)::int) IS NOT NULL)"
    " FROM unnest(ARRAY[$2::int8, 0]) AS u(back),"
    " LATERAL (SELECT to_timestamp($1::int8 - u.back) AT TIME ZONE 'UTC' AS t) AS at");

#define BODY_COLUMNS                                                     \
	"b.serial, b.issuer, EXISTS (SELECT FROM certificate_abort AS a" \
	" WHERE a.month = b.month AND a.serial = b.serial),"             \
	" coalesce(c.handle, p.handle), coalesce(c.issuer, p.issuer),"   \
	" coalesce(c.spki_sha256, p.spki_sha256),"                       \
	" coalesce(c.not_before_at_s, p.not_before_at_s),"               \
	" coalesce(c.not_after_at_s, p.not_after_at_s), t.handle::text, c.serial IS NOT NULL"
#define BODY_JOINS                                                                           \
	" LEFT JOIN certificate AS c ON c.month = b.month AND c.serial = b.serial"           \
	" LEFT JOIN pseudonym_certificate AS p ON p.month = b.month AND p.serial = b.serial" \
	" LEFT JOIN device AS v ON v.id = c.device LEFT JOIN batch AS t ON t.id = v.batch"
#define NO_BODY_COLUMNS                                                               \
	"NULL::bytea, NULL::bytea, NULL::bool, NULL::text, NULL::bytea, NULL::bytea," \
	" NULL::int8, NULL::int8, NULL::text, NULL::bool"

/* $1 log, $2 first, $3 end, and the numbers of kinds: $4 body, $5 adoption, $6 disclosure,
 * $7 erasure */
static const struct stmt COMMITTED = STMT("inspect_committed", 7, INSPECT_COLUMN_COUNT,
    "SELECT b.seq, $4::int4, b.nonce, b.tbs, " BODY_COLUMNS
    " FROM (SELECT * FROM certificate_body WHERE log = $1::int2 AND seq >= $2::int8"
    "  AND seq < $3::int8 ORDER BY seq LIMIT 512) AS b" BODY_JOINS
    " UNION ALL SELECT d.seq, $5::int4, d.nonce, b.tbs, " BODY_COLUMNS
    " FROM (SELECT * FROM certificate_adoption WHERE log = $1::int2 AND seq >= $2::int8"
    "  AND seq < $3::int8 ORDER BY seq LIMIT 512) AS d"
    " JOIN certificate_body AS b ON b.month = d.month AND b.serial = d.serial" BODY_JOINS
    " UNION ALL SELECT seq, $6::int4, nonce, body, " NO_BODY_COLUMNS
    " FROM disclosure WHERE log = $1::int2 AND seq >= $2::int8 AND seq < $3::int8"
    " UNION ALL SELECT seq, $7::int4, nonce, body, " NO_BODY_COLUMNS
    " FROM erasure WHERE log = $1::int2 AND seq >= $2::int8 AND seq < $3::int8"
    " ORDER BY 1");

/* $1 handles */
static const struct stmt STATUSES = STMT("inspect_statuses", 1, 3,
    "SELECT u.n, r.state, r.reason FROM unnest($1::text[]) WITH ORDINALITY AS u(handle, n)"
    " CROSS JOIN LATERAL (SELECT month, serial FROM certificate WHERE handle = u.handle"
    "  UNION ALL SELECT month, serial FROM pseudonym_certificate WHERE handle = u.handle"
    "  LIMIT 1) AS c"
    " LEFT JOIN revocation AS r ON r.month = c.month AND r.serial = c.serial");

/* $1 month, $2 serial, $3 how many */
static const struct stmt REVOCATIONS = STMT("inspect_revocations", 3, 4,
    "SELECT r.month, r.serial, r.seq, coalesce(s.month = r.month AND s.serial = r.serial"
    " AND s.issuer = r.issuer AND s.state = r.state AND s.reason = r.reason"
    " AND s.at_s = r.revoked_at_s, false)"
    " FROM (SELECT * FROM revocation WHERE (month, serial) > ($1::int2, $2::bytea)"
    "  ORDER BY month, serial LIMIT $3::int8) AS r"
    " LEFT JOIN status_change AS s ON s.seq = r.seq ORDER BY r.month, r.serial");

/* $1 after, $2 how many */
static const struct stmt CHANGES = STMT("inspect_changes", 2, 8,
    "SELECT s.seq, s.issuer, s.serial, s.state, s.at_s, s.reason, s.hash,"
    " (SELECT b.hash FROM status_change AS b WHERE b.seq = s.seq - 1)"
    " FROM status_change AS s WHERE s.seq > $1::int8 ORDER BY s.seq LIMIT $2::int8");

static const struct stmt *const STATEMENTS[] = {&PROGRESS, &KEEP_PROGRESS, &LOGS, &MARK_SEEN,
    &FAULTS_INSERT, &FORGET_MENDED, &COUNT_FAULTS, &WAS_PRUNED, &PRUNE_WAITS, &HAS_MONTH,
    &COMMITTED, &STATUSES, &REVOCATIONS, &CHANGES, NULL};

const struct stmt *const *
inspect_statements(void)
{
	return STATEMENTS;
}

/* ---- how far it is ---- */

bool
inspect_store_progress(struct db *db, int log, struct inspect_progress *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2(&params, (int16_t)log);
	if (!db_query(db, &PROGRESS, &params, &rows, err))
		return false;
	*out = (struct inspect_progress){.pass = 1};
	if (rows_count(rows) == 1)
		*out = (struct inspect_progress){.pass = rows_int(rows, 0, 0),
		    .next_seq = rows_int(rows, 0, 1),
		    .done_at_s = rows_int(rows, 0, 2)};
	return true;
}

bool
inspect_store_keep_progress(
    struct db *db, int log, const struct inspect_progress *progress, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2(&params, (int16_t)log);
	params_int8(&params, progress->pass);
	params_int8(&params, progress->next_seq);
	params_int8(&params, progress->done_at_s);
	return db_query(db, &KEEP_PROGRESS, &params, &rows, err);
}

bool
inspect_store_logs(struct db *db, const char *origin, struct rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, origin);
	params_int8(&params, INSPECT_LOGS_MAX);
	return db_query(db, &LOGS, &params, out, err);
}

/* ---- what was found ---- */

static void
put_faults(struct params *params, const struct inspect_subject *subject,
    const struct inspect_faults *faults)
{
	const size_t count = faults->count;
	DEFER(mem_free) struct bytes *whats = xcalloc(count + 1, sizeof *whats);
	DEFER(mem_free) int16_t *levels = xcalloc(count + 1, sizeof *levels);
	DEFER(mem_free) int64_t *seqs = xcalloc(count + 1, sizeof *seqs);

	for (size_t i = 0; i < count; i++) {
		whats[i] = bytes_of_text(inspect_what_key(faults->list[i].what));
		levels[i] = (int16_t)faults->list[i].level;
		seqs[i] = faults->list[i].seq;
	}
	params_int2(params, (int16_t)subject->log);
	params_int8(params, subject->pass);
	params_text_array(params, whats, count);
	params_int2_array(params, levels, count);
	params_int8_array(params, seqs, count);
}

bool
inspect_store_mark_seen(struct db *db, const struct inspect_subject *subject,
    const struct inspect_faults *faults, bool *known, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	put_faults(&params, subject, faults);
	if (!db_query(db, &MARK_SEEN, &params, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++)
		known[rows_int(rows, i, 0) - 1] = true;
	return true;
}

bool
inspect_store_insert_faults(struct tx *tx, const struct inspect_subject *subject,
    const struct inspect_faults *faults, int64_t now_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	put_faults(&params, subject, faults);
	params_int8(&params, now_s);
	return tx_run(tx, &FAULTS_INSERT, &params, err);
}

bool
inspect_store_forget_mended(
    struct db *db, const struct inspect_subject *subject, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2(&params, (int16_t)subject->log);
	params_int8(&params, subject->pass);
	if (!db_query(db, &FORGET_MENDED, &params, &rows, err))
		return false;
	*out_count = rows_affected(rows);
	return true;
}

bool
inspect_store_count_faults(struct db *db, int64_t *out, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;
	const struct params none = {0};

	if (!db_query(db, &COUNT_FAULTS, &none, &rows, err))
		return false;
	*out = rows_int(rows, 0, 0);
	return true;
}

/* ---- what it looks at ---- */

bool
inspect_store_was_pruned(struct db *db, int log, int64_t seq, bool *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2(&params, (int16_t)log);
	params_int8(&params, seq);
	if (!db_query(db, &WAS_PRUNED, &params, &rows, err))
		return false;
	*out = rows_bool(rows, 0, 0);
	return true;
}

bool
inspect_store_prune_waits(struct db *db, const char *name, bool *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(buf_clear_public) struct buf subject = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	outbox_subject(name, &subject);
	params_bytea(&params, buf_bytes(&subject));
	if (!db_query(db, &PRUNE_WAITS, &params, &rows, err))
		return false;
	*out = rows_bool(rows, 0, 0);
	return true;
}

bool
inspect_store_has_month(struct db *db, int64_t at_s, int64_t back_s, bool *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, at_s);
	params_int8(&params, back_s);
	if (!db_query(db, &HAS_MONTH, &params, &rows, err))
		return false;
	*out = rows_bool(rows, 0, 0);
	return true;
}

bool
inspect_store_committed(
    struct db *db, int log, int64_t first, int64_t end, struct rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int2(&params, (int16_t)log);
	params_int8(&params, first);
	params_int8(&params, end);
	params_int4(&params, INSPECT_CERTIFICATE_BODY);
	params_int4(&params, INSPECT_CERTIFICATE_ADOPTION);
	params_int4(&params, INSPECT_DISCLOSURE);
	params_int4(&params, INSPECT_ERASURE);
	return db_query(db, &COMMITTED, &params, out, err);
}

bool
inspect_store_statuses(
    struct db *db, const struct bytes *handles, size_t count, struct rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text_array(&params, handles, count);
	return db_query(db, &STATUSES, &params, out, err);
}

bool
inspect_store_revocations(struct db *db, const uint8_t after[static INSPECT_REVOCATION_BYTES],
    size_t max, struct rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int2(&params, (int16_t)(after[0] << 8 | after[1]));
	params_bytea(&params, bytes_of(after + 2, INSPECT_REVOCATION_BYTES - 2));
	params_int8(&params, (int64_t)max);
	return db_query(db, &REVOCATIONS, &params, out, err);
}

bool
inspect_store_changes(
    struct db *db, int64_t after, size_t max, struct rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int8(&params, after);
	params_int8(&params, (int64_t)max);
	return db_query(db, &CHANGES, &params, out, err);
}
