/* The ledger's dealings with the keeper: committed leaves go there, signatures come back. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/ledger_keeper.h"

/* ---- what the next batch takes along ---- */

void
keeper_remember(struct ledger *ledger, const struct record *record, bool apart)
{
	struct ledger_signature *kept;

	ledger_lock(ledger);
	if (ledger->unkept_count == ledger->unkept_capacity) {
		ledger->unkept_capacity = ledger->unkept_capacity * 2 + 256;
		ledger->unkept =
		    xrealloc(ledger->unkept, ledger->unkept_capacity * sizeof ledger->unkept[0]);
	}
	if (ledger->unkept_count == 0)
		ledger->unkept_since_ms = clock_monotonic_ms();
	kept = &ledger->unkept[ledger->unkept_count++];
	memcpy(kept->ref, record->ref, sizeof kept->ref);
	memcpy(kept->issuer, record->issuer, sizeof kept->issuer);
	memcpy(kept->signature, record->signature, record->signature_len);
	kept->signature_len = record->signature_len;
	kept->apart = apart;
	ledger_unlock(ledger);
}

void
keeper_give_up(struct ledger *ledger, const uint8_t *ref, const char *subject)
{
	struct given_up *given_up;

	ledger_lock(ledger);
	if (ledger->abort_count == ledger->abort_capacity) {
		ledger->abort_capacity = ledger->abort_capacity * 2 + LEDGER_ABORTS_MAX;
		ledger->aborts =
		    xrealloc(ledger->aborts, ledger->abort_capacity * sizeof ledger->aborts[0]);
	}
	given_up = &ledger->aborts[ledger->abort_count++];
	memcpy(given_up->ref, ref, sizeof given_up->ref);
	(void)snprintf(given_up->subject, sizeof given_up->subject, "%s", subject);
	ledger_unlock(ledger);
}

void
keeper_note(struct ledger *ledger, enum leaf_event event, enum error_code code, const char *subject)
{
	bool room;

	ledger_lock(ledger);
	room = ledger->note_count < LEDGER_NOTES_MAX;
	if (room) {
		struct note *note = &ledger->notes[ledger->note_count++];

		note->event = event;
		note->code = code;
		(void)snprintf(note->subject, sizeof note->subject, "%s", subject);
	}
	ledger_unlock(ledger);
	if (!room)
		log_write(LOG_LEVEL_ERROR, "ledger.notes", "a %s leaf is lost: too many wait",
		    leaf_event_name(event));
}

/* ---- flights ---- */

static void
flight_free(struct flight *flight)
{
	if (flight == NULL)
		return;
	free(flight->entries);
	free(flight->records);
	free(flight);
}
DEFER_DECLARE(struct flight, flight_free)

void
keeper_wait_for_flights(struct ledger *ledger, size_t max)
{
	ledger_lock(ledger);
	while (ledger->flight_count > max)
		(void)pthread_cond_wait(&ledger->flight_changed, &ledger->mutex);
	ledger_unlock(ledger);
}

static void
lose_keeper(struct ledger *ledger, const struct error *err)
{
	log_error(LOG_LEVEL_WARNING, "ledger.keeper_lost", NULL, err);
	ledger_lock(ledger);
	ledger->keeper_lost = true;
	ledger_unlock(ledger);
	ledger_wake(ledger);
}

/* Recorded, but not signed: a retry gets the recorded certificate once the keeper is back. */
static void
fail_flight(struct ledger *ledger, struct flight *flight, const struct error *cause)
{
	struct error err = {0};

	(void)error_set(&err, E_KEEPER_UNAVAILABLE, "the key keeper is away");
	error_cause(&err, "%s", cause->detail);
	err.retry_after_s = 1;
	for (size_t i = 0; i < flight->entry_count; i++)
		ledger_finish(ledger, flight->entries[i], &err);
}

static bool
waits(const struct proposal *proposal)
{
	for (size_t i = 0; i < proposal->record_count; i++)
		if (!proposal->records[i].dropped && proposal->records[i].tbs.len > 0)
			return true;
	return false;
}

static struct flight *
flight_new(const struct batch *batch)
{
	struct flight *flight = xcalloc(1, sizeof *flight);

	flight->entries = xcalloc(batch->count + 1, sizeof(struct entry *));
	for (size_t i = 0; i < batch->count; i++)
		if (waits(batch->proposals[i]))
			flight->entries[flight->entry_count++] = batch->entries[i];
	flight->records = xcalloc(batch->record_count + 1, sizeof(struct record *));
	flight->count = batch->record_count;
	flight->first_seq = batch->first_seq;
	flight->apart = batch->count > 0 && batch->kind->apart;
	for (size_t i = 0; i < batch->record_count; i++)
		flight->records[i] = batch->records[i]->tbs.len > 0 ? batch->records[i] : NULL;
	return flight;
}

/* They are on record and wait for no signature: their owners may free them from here on. */
static void
finish_recorded(struct ledger *ledger, struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		if (!waits(batch->proposals[i]))
			ledger_finish(ledger, batch->entries[i], NULL);
	batch->count = 0;
}

static bool
send_flight(struct ledger *ledger, const struct flight *flight, const struct batch *batch,
    struct error *err)
{
	DEFER(mem_free) struct keeper_entry *entries = xcalloc(flight->count, sizeof *entries);

	for (size_t i = 0; i < flight->count; i++) {
		const struct record *record = flight->records[i];

		entries[i].leaf = batch_leaf(batch, i);
		if (record == NULL)
			continue;
		entries[i].tbs = record->tbs;
		entries[i].nonce = record->nonce;
		memcpy(entries[i].issuer, record->issuer, sizeof entries[i].issuer);
	}
	return keeper_append_send(
	    ledger->options.keeper, (uint64_t)batch->first_seq, entries, flight->count, err);
}

/* Only when it is sent whole: until then nobody but this thread may finish its proposals. */
static void
enlist(struct ledger *ledger, struct flight *flight)
{
	flight->sent_at_us = clock_monotonic_us();
	metrics_add(ledger->options.metrics, LEDGER_IN_FLIGHT, 0, 1);
	ledger_lock(ledger);
	*ledger->flight_tail = flight;
	ledger->flight_tail = &flight->next;
	ledger->flight_count++;
	(void)pthread_cond_broadcast(&ledger->flight_changed);
	ledger_unlock(ledger);
}

static bool
keeper_is_lost(struct ledger *ledger, struct error *err)
{
	bool lost;

	ledger_lock(ledger);
	lost = ledger->keeper_lost;
	ledger_unlock(ledger);
	return lost && !error_set(err, E_KEEPER_UNAVAILABLE, "the key keeper is away");
}

void
keeper_hand_over(struct ledger *ledger, struct batch *batch)
{
	DEFER(flight_free) struct flight *flight = flight_new(batch);
	struct error err = {0};

	finish_recorded(ledger, batch);
	if (flight->count == 0)
		return;
	if (!keeper_is_lost(ledger, &err) && send_flight(ledger, flight, batch, &err)) {
		enlist(ledger, TAKE(flight));
		return;
	}
	lose_keeper(ledger, &err);
	fail_flight(ledger, flight, &err);
}

/* ---- the receiver's thread ---- */

/* Refused for ever: the log says so before anything else is recorded. */
static void
give_up(struct ledger *ledger, const struct record *record, const struct keeper_signed *result)
{
	log_write(LOG_LEVEL_ERROR, result->refused ? "ledger.abort" : "ledger.unsigned",
	    "the keeper %s a certificate: %s", result->refused ? "refused" : "cannot sign",
	    result->why);
	if (result->refused)
		keeper_give_up(ledger, record->ref, record->leaf.subject);
}

static void
take_results(
    struct ledger *ledger, const struct flight *flight, const struct keeper_signed *results)
{
	for (size_t i = 0; i < flight->count; i++) {
		struct record *record = flight->records[i];

		if (record == NULL)
			continue;
		if (results[i].signature_len == 0) {
			give_up(ledger, record, &results[i]);
			continue;
		}
		memcpy(record->signature, results[i].signature, results[i].signature_len);
		record->signature_len = results[i].signature_len;
		keeper_remember(ledger, record, flight->apart);
	}
}

/*
 * A certificate that was refused is an error of ours, not of its caller. One whose key is not here
 * is on record: a retry gets it once a keeper has the key.
 */
static void
mark_unsigned(struct proposal *proposal, const struct keeper_signed *result)
{
	proposal->err = (struct error){0};
	if (result->refused) {
		(void)error_set(&proposal->err, E_INTERNAL, "the keeper refused to sign");
	} else {
		(void)error_set(
		    &proposal->err, E_KEEPER_UNAVAILABLE, "the issuer's key is not here");
		proposal->err.retry_after_s = 1;
	}
	error_cause(&proposal->err, "%s", result->why);
}

static void
mark_entry(const struct flight *flight, size_t entry, const struct keeper_signed *results)
{
	struct proposal *proposal = flight->entries[entry]->proposal;

	for (size_t i = 0; i < proposal->record_count; i++) {
		const struct record *record = &proposal->records[i];

		if (record->tbs.len == 0 || record->dropped || record->signature_len > 0)
			continue;
		mark_unsigned(proposal, &results[record->seq - flight->first_seq]);
		return;
	}
}

static void
receive_flight(struct ledger *ledger, struct flight *flight)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;
	DEFER(mem_free) struct keeper_signed *results = xcalloc(flight->count, sizeof *results);
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};

	if (!keeper_append_receive(ledger->options.keeper, results, flight->count, &note, &err)) {
		lose_keeper(ledger, &err);
		fail_flight(ledger, flight, &err);
		return;
	}
	metrics_observe(
	    ledger->options.metrics, LEDGER_KEEPER, 0, clock_monotonic_us() - flight->sent_at_us);
	take_results(ledger, flight, results);
	for (size_t i = 0; i < flight->entry_count; i++) {
		mark_entry(flight, i, results);
		ledger_finish(ledger, flight->entries[i], NULL);
	}
	if (hooks->published != NULL)
		hooks->published(hooks->audit, buf_bytes(&note));
}

/* The oldest flight, which stays in the list while it is worked on. NULL: there will be none. */
static struct flight *
next_flight(struct ledger *ledger)
{
	struct flight *flight;

	ledger_lock(ledger);
	while (ledger->flights == NULL && !ledger->writer_done)
		(void)pthread_cond_wait(&ledger->flight_changed, &ledger->mutex);
	flight = ledger->flights;
	ledger_unlock(ledger);
	return flight;
}

static void
delist(struct ledger *ledger, struct flight *flight)
{
	ledger_lock(ledger);
	ledger->flights = flight->next;
	if (ledger->flights == NULL)
		ledger->flight_tail = &ledger->flights;
	metrics_add(ledger->options.metrics, LEDGER_IN_FLIGHT, 0, -1);
	ledger->flight_count--;
	(void)pthread_cond_broadcast(&ledger->flight_changed);
	ledger_unlock(ledger);
	ledger_wake(ledger);
	flight_free(flight);
}

void *
keeper_receiver(void *context)
{
	struct ledger *ledger = context;
	struct flight *flight;

	for (flight = next_flight(ledger); flight != NULL; flight = next_flight(ledger)) {
		receive_flight(ledger, flight);
		delist(ledger, flight);
	}
	return NULL;
}
