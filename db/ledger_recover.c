/*
 * Taking the log over: at start, after a lost connection, after a lost keeper. In the end this
 * process owns the log, the keeper's journal holds all that is committed, and nothing is unsigned.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/ledger_core.h"
#include "db/ledger_keeper.h"
#include "db/ledger_store.h"

#define APPLICATION "monikerd ledger"
#define CATCH_UP_CHUNK 512                /* leaves at once */
#define UNSIGNED_CHUNK 128                /* certificates at once */
#define PARTITION_LEAVES INT64_C(1048576) /* as audit_partition_ensure() makes them */

/* ---- the database ---- */

static bool
connect_again(struct ledger *ledger, struct error *err)
{
	if (ledger->conn != NULL && !conn_failed(ledger->conn))
		return true;
	conn_close(TAKE(ledger->conn));
	ledger->owned = false;
	return conn_open(ledger->url, APPLICATION, &ledger->conn, err) &&
	       conn_run_text(ledger->conn, "LISTEN audit_outbox", err);
}

static bool
is_ours(const struct ledger *ledger, int64_t owner)
{
	/* owner_to_be: the COMMIT of our last take-over had an unknown outcome. */
	return !ledger->was_owned || owner == ledger->owner || owner == ledger->owner_to_be;
}

static bool
refuse_other_owner(struct ledger *ledger, struct error *err)
{
	ledger_lock(ledger);
	ledger->fenced = true;
	ledger_unlock(ledger);
	return error_set(err, E_RECORD_UNAVAILABLE, "another process owns the log");
}

static void
adopt(struct ledger *ledger, const struct ledger_row *row)
{
	ledger->log = row->log;
	ledger->owner = row->owner;
	ledger->last_st_s = row->last_st_s;
	ledger->partition_until = 0;
	ledger->journal_fits = false;
	ledger->owned = true;
	ledger->was_owned = true;
	ledger->drain = true; /* a NOTIFY may have been missed */
	ledger_lock(ledger);
	ledger->size = row->size;
	ledger_unlock(ledger);
}

/* Whoever held the log before cannot commit from here on; the size says what is committed. */
static bool
take_over(struct ledger *ledger, const struct keeper_state *keeper, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	struct ledger_row row;

	if (ledger->owned)
		return true;
	tx_begin_on(ledger->conn, &tx);
	if (!ledger_get(tx, ledger->origin, &row, err))
		return false;
	if (row.retired)
		return error_set(err, E_RECORD_UNAVAILABLE, "the log is retired: open a new one");
	if (!is_ours(ledger, row.owner))
		return refuse_other_owner(ledger, err);
	if (memcmp(row.public_key, keeper->log_public_key, sizeof row.public_key) != 0)
		return error_set(
		    err, E_RECORD_UNAVAILABLE, "the keeper has another key than the log's");
	if (!ledger_take_over(tx, ledger->origin, &row, err))
		return false;
	ledger->owner_to_be = row.owner;
	if (!tx_commit(&tx, err))
		return false;
	adopt(ledger, &row);
	return true;
}

bool
ledger_extend(struct ledger *ledger, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	const int64_t begun = ledger->size / PARTITION_LEAVES;

	if (ledger->size + PARTITION_LEAVES / 2 < ledger->partition_until)
		return true;
	tx_begin_on(ledger->conn, &tx);
	if (!ledger_ensure_partition(tx, ledger->log, begun * PARTITION_LEAVES, err) ||
	    !ledger_ensure_partition(tx, ledger->log, (begun + 1) * PARTITION_LEAVES, err) ||
	    !tx_commit(&tx, err))
		return false;
	ledger->partition_until = (begun + 2) * PARTITION_LEAVES;
	return true;
}

/* ---- the keeper's journal ---- */

static bool
greet_keeper(struct ledger *ledger, struct keeper_state *out, struct error *err)
{
	bool alive = false;

	/* Read before the greeting: one that is replaced after it counts as new. */
	ledger->keeper_generation = keeper_client_generation(ledger->options.keeper, &alive);
	if (!alive)
		return error_set(err, E_KEEPER_UNAVAILABLE, "the key keeper is away");
	if (!keeper_hello(ledger->options.keeper, out, err))
		return false;
	if (strcmp(out->checkpoint.origin, ledger->origin) != 0)
		return error_set(
		    err, E_RECORD_UNAVAILABLE, "the keeper's journal is of another log");
	return true;
}

static bool
read_leaves(struct ledger *ledger, int64_t from_seq, struct rows **out, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;

	tx_begin_on(ledger->conn, &tx);
	return ledger_read_leaves(tx, ledger->log, from_seq, CATCH_UP_CHUNK, out, err);
}

static bool
append_rows(struct ledger *ledger, const struct rows *rows, int64_t first_seq, struct error *err)
{
	const size_t count = rows_count(rows);
	struct keeper_entry entries[CATCH_UP_CHUNK] = {0};
	DEFER(mem_free) struct keeper_signed *results = xcalloc(count + 1, sizeof *results);
	DEFER(buf_clear_public) struct buf note = {0};

	if (count == 0)
		return error_set(err, E_RECORD_UNAVAILABLE, "the database lacks leaves of the log");
	for (size_t i = 0; i < count; i++) {
		if (rows_int(rows, i, 0) != first_seq + (int64_t)i)
			return error_set(
			    err, E_RECORD_UNAVAILABLE, "the database lacks leaves of the log");
		entries[i].leaf = rows_bytes(rows, i, 1);
	}
	return keeper_append_send(
		   ledger->options.keeper, (uint64_t)first_seq, entries, count, err) &&
	       keeper_append_receive(ledger->options.keeper, results, count, &note, err);
}

/* What was committed and did not reach the journal. Their signatures are asked for after. */
static bool
catch_up(struct ledger *ledger, int64_t journal_size, struct error *err)
{
	ledger->journal_fits = journal_size <= ledger->size;
	if (!ledger->journal_fits)
		return error_set(err, E_RECORD_UNAVAILABLE,
		    "the keeper's journal has leaf %lld, and the database ends before it",
		    (long long)ledger->size);
	while (journal_size < ledger->size) {
		DEFER(rows_free) struct rows *rows = NULL;

		if (!read_leaves(ledger, journal_size, &rows, err) ||
		    !append_rows(ledger, rows, journal_size, err))
			return false;
		journal_size += (int64_t)rows_count(rows);
	}
	return true;
}

static bool
publish(struct ledger *ledger, struct error *err)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;
	DEFER(buf_clear_public) struct buf note = {0};

	if (hooks->published == NULL || ledger->size == 0)
		return true;
	if (!keeper_checkpoint(ledger->options.keeper, &note, err))
		return false;
	hooks->published(hooks->audit, buf_bytes(&note));
	return true;
}

/* ---- signatures ---- */

static bool
keep_some(struct ledger *ledger, const struct ledger_signature *signatures, size_t count,
    struct error *err)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;
	DEFER(tx_free) struct tx *tx = NULL;

	tx_begin_on(ledger->conn, &tx);
	return hooks->keep_signatures(hooks->certificates, tx, signatures, count, err) &&
	       tx_commit(&tx, err);
}

/* No append is in flight, so nobody adds to them. */
static bool
keep_all(struct ledger *ledger, struct error *err)
{
	size_t done = 0;

	while (ledger->options.hooks.keep_signatures != NULL && done < ledger->unkept_count) {
		const size_t left = ledger->unkept_count - done;
		const size_t count = ledger_count_alike(
		    ledger->unkept + done, left < LEDGER_RECORDS_MAX ? left : LEDGER_RECORDS_MAX);

		if (!keep_some(ledger, ledger->unkept + done, count, err))
			return false;
		done += count;
	}
	ledger_lock(ledger);
	ledger->unkept_count = 0;
	ledger_unlock(ledger);
	return true;
}

/* The subject of a committed leaf. */
static bool
read_subject(
    struct ledger *ledger, int64_t seq, char out[static LEAF_VALUE_MAX + 1], struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;
	DEFER(tx_free) struct tx *tx = NULL;
	struct leaf_view view = {0};

	tx_begin_on(ledger->conn, &tx);
	if (!ledger_read_leaves(tx, ledger->log, seq, 1, &rows, err))
		return false;
	if (rows_count(rows) == 0 || !leaf_parse(rows_bytes(rows, 0, 1), &view, err))
		return err->code != E_NONE ||
		       error_set(err, E_RECORD_UNAVAILABLE, "the database lacks leaves of the log");
	memcpy(out, view.subject.data, view.subject.len);
	out[view.subject.len] = '\0';
	return true;
}

/* Of what kind it was, nobody knows any more. */
static void
remember(struct ledger *ledger, const struct ledger_unsigned *missing,
    const struct keeper_signed *result)
{
	struct record record = {.signature_len = result->signature_len};

	memcpy(record.ref, missing->ref, sizeof record.ref);
	memcpy(record.issuer, missing->issuer, sizeof record.issuer);
	memcpy(record.signature, result->signature, result->signature_len);
	keeper_remember(ledger, &record, true);
}

static bool
sign_one(struct ledger *ledger, const struct ledger_unsigned *missing, struct error *err)
{
	struct keeper_entry entry = {.tbs = buf_bytes(&missing->tbs), .nonce = missing->nonce};
	struct keeper_signed result = {0};
	char subject[LEAF_VALUE_MAX + 1];

	memcpy(entry.issuer, missing->issuer, sizeof entry.issuer);
	if (!keeper_sign_recorded(
		ledger->options.keeper, (uint64_t)missing->seq, &entry, &result, err))
		return false;
	if (result.signature_len > 0) {
		remember(ledger, missing, &result);
		return true;
	}
	log_write(LOG_LEVEL_ERROR, result.refused ? "ledger.abort" : "ledger.unsigned",
	    "the keeper %s a certificate: %s", result.refused ? "refused" : "cannot sign",
	    result.why);
	if (!result.refused)
		return true;
	if (!read_subject(ledger, missing->seq, subject, err))
		return false;
	keeper_give_up(ledger, missing->ref, subject);
	return true;
}

static bool
read_unsigned(struct ledger *ledger, int64_t after, struct ledger_unsigned *out, size_t *out_count,
    struct error *err)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;
	DEFER(tx_free) struct tx *tx = NULL;

	*out_count = 0;
	tx_begin_on(ledger->conn, &tx);
	return hooks->read_unsigned(hooks->certificates, tx, ledger->log, after, out,
		   UNSIGNED_CHUNK, out_count, err) &&
	       tx_commit(&tx, err);
}

/* One chunk: those after *inout_seq. What the keeper does not sign stays, and does not hide others.
 */
static bool
sign_some(struct ledger *ledger, int64_t *inout_seq, bool *out_more, struct error *err)
{
	DEFER(mem_free)
	struct ledger_unsigned *missing = xcalloc(UNSIGNED_CHUNK, sizeof *missing);
	size_t count;
	bool done = read_unsigned(ledger, *inout_seq, missing, &count, err);

	for (size_t i = 0; i < count; i++) {
		done = done && sign_one(ledger, &missing[i], err);
		*inout_seq = missing[i].seq;
		buf_clear(&missing[i].tbs);
	}
	*out_more = count == UNSIGNED_CHUNK;
	return done && keep_all(ledger, err);
}

/* What was given up and is not on record is still unsigned: it is found, and given up, again. */
static bool
sign_unsigned(struct ledger *ledger, struct error *err)
{
	bool more = ledger->options.hooks.read_unsigned != NULL;
	int64_t seq = -1;

	ledger_lock(ledger);
	ledger->abort_count = more ? 0 : ledger->abort_count;
	ledger_unlock(ledger);
	while (more)
		if (!sign_some(ledger, &seq, &more, err))
			return false;
	return true;
}

/* ---- the whole ---- */

static void
become_ready(struct ledger *ledger)
{
	ledger_lock(ledger);
	ledger->ready = true;
	ledger->keeper_lost = false;
	ledger->own_not_before_ms = 0;
	(void)pthread_cond_broadcast(&ledger->ready_changed);
	ledger_unlock(ledger);
}

bool
ledger_recover(struct ledger *ledger, struct error *err)
{
	struct keeper_state keeper = {0};

	/* From here on this thread alone talks on the keeper's ordered lane. */
	keeper_wait_for_flights(ledger, 0);
	if (!connect_again(ledger, err) || !greet_keeper(ledger, &keeper, err) ||
	    !take_over(ledger, &keeper, err) || !ledger_extend(ledger, err) ||
	    !catch_up(ledger, (int64_t)keeper.checkpoint.size, err) || !keep_all(ledger, err) ||
	    !sign_unsigned(ledger, err) || !publish(ledger, err))
		return false;
	become_ready(ledger);
	return true;
}
