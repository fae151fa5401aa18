/* The ledger's dealings with the keeper: committed leaves go there, signatures come back. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/ledger_core.h"

static void
flight_free(struct flight *flight)
{
	free(flight->entries);
	free(flight->records);
	free(flight);
}

/* With the mutex held. */
static void
remember_locked(
    struct ledger *ledger, const uint8_t *ref, const uint8_t *signature, size_t signature_len)
{
	struct ledger_signature *kept;

	if (ledger->unkept_count == ledger->unkept_capacity) {
		ledger->unkept_capacity = ledger->unkept_capacity * 2 + 256;
		ledger->unkept =
		    xrealloc(ledger->unkept, ledger->unkept_capacity * sizeof *ledger->unkept);
	}
	kept = &ledger->unkept[ledger->unkept_count++];
	memcpy(kept->ref, ref, CERTIFICATE_REF_BYTES);
	memcpy(kept->signature, signature, signature_len);
	kept->signature_len = signature_len;
}

void
keeper_remember(
    struct ledger *ledger, const uint8_t *ref, const uint8_t *signature, size_t signature_len)
{
	(void)pthread_mutex_lock(&ledger->mutex);
	remember_locked(ledger, ref, signature, signature_len);
	(void)pthread_mutex_unlock(&ledger->mutex);
}

void
keeper_wait_for_slot(struct ledger *ledger)
{
	(void)pthread_mutex_lock(&ledger->mutex);
	while (ledger->flight_count >= KEEPER_IN_FLIGHT_MAX && !ledger->keeper_lost)
		(void)pthread_cond_wait(&ledger->flight_changed, &ledger->mutex);
	(void)pthread_mutex_unlock(&ledger->mutex);
}

static bool
waits(const struct proposal *proposal)
{
	for (size_t i = 0; i < proposal->record_count; i++)
		if (proposal->records[i].tbs.len > 0)
			return true;
	return false;
}

static struct flight *
flight_new(const struct batch *batch)
{
	struct flight *flight = xcalloc(1, sizeof *flight);

	flight->entries = xcalloc(batch->count, sizeof *flight->entries);
	flight->records = xcalloc(batch->record_count, sizeof *flight->records);
	flight->count = batch->record_count;
	for (size_t i = 0; i < batch->record_count; i++)
		flight->records[i] = batch->records[i]->tbs.len > 0 ? batch->records[i] : NULL;
	return flight;
}

static bool
send(struct ledger *ledger, const struct batch *batch, struct error *err)
{
	struct keeper_entry *entries = xcalloc(batch->record_count, sizeof *entries);
	bool sent;

	for (size_t i = 0; i < batch->record_count; i++) {
		const struct record *record = batch->records[i];

		entries[i].leaf = bytes_of(batch->leaves.data + batch->leaf_at[i],
		    batch->leaf_at[i + 1] - batch->leaf_at[i]);
		if (record->tbs.len == 0)
			continue;
		entries[i].tbs = record->tbs;
		entries[i].nonce = record->nonce;
		memcpy(entries[i].issuer, record->issuer, ISSUER_ID_BYTES);
	}
	sent = keeper_append_send(
	    ledger->options.keeper, (uint64_t)batch->first_seq, entries, batch->record_count, err);
	free(entries);
	return sent;
}

/* With the mutex held: everything in flight fails; recovery follows. */
static void
lose_keeper_locked(struct ledger *ledger)
{
	ledger->keeper_lost = true;
	(void)pthread_cond_broadcast(&ledger->flight_changed);
}

static void
finish_all(struct ledger *ledger, struct entry **entries, size_t count, const struct error *failed)
{
	for (size_t i = 0; i < count; i++)
		ledger_finish(ledger, entries[i], failed);
}

void
keeper_hand_over(struct ledger *ledger, struct batch *batch)
{
	struct flight *flight = flight_new(batch);
	struct error err = {0};
	bool sent;

	for (size_t i = 0; i < batch->count; i++)
		if (waits(batch->entries[i]->proposal))
			flight->entries[flight->entry_count++] = batch->entries[i];
	/* In the list before it is sent, so that the receiver waits for it in this order. */
	(void)pthread_mutex_lock(&ledger->mutex);
	flight->next = NULL;
	*ledger->flight_tail = flight;
	ledger->flight_tail = &flight->next;
	ledger->flight_count++;
	(void)pthread_mutex_unlock(&ledger->mutex);
	sent = send(ledger, batch, &err);
	/* The rest is on record and needs no signature. Their owners may free them from here on. */
	for (size_t i = 0; i < batch->count; i++)
		if (!waits(batch->entries[i]->proposal))
			ledger_finish(ledger, batch->entries[i], NULL);
	(void)pthread_mutex_lock(&ledger->mutex);
	if (!sent)
		lose_keeper_locked(ledger);
	(void)pthread_cond_broadcast(&ledger->flight_changed);
	(void)pthread_mutex_unlock(&ledger->mutex);
	if (!sent)
		log_error(LOG_LEVEL_WARNING, "ledger.keeper", NULL, &err);
}

/* ---- the receiver's thread ---- */

/* The TBS will never be signed: the caller gets 500, the log a cert.abort leaf with the next batch.
 */
static void
abort_record(struct ledger *ledger, const struct record *record, const char *why)
{
	log_write(LOG_LEVEL_ERROR, "ledger.abort", "the keeper refused a certificate: %s", why);
	(void)pthread_mutex_lock(&ledger->mutex);
	if (ledger->abort_count < LEDGER_ABORTS_MAX)
		(void)snprintf(ledger->aborts[ledger->abort_count++], LEAF_VALUE_MAX + 1, "%s",
		    record->leaf.subject);
	(void)pthread_mutex_unlock(&ledger->mutex);
}

static bool
take_results(struct ledger *ledger, struct flight *flight, const struct keeper_signed *results)
{
	bool all_signed = true;

	for (size_t i = 0; i < flight->count; i++) {
		struct record *record = flight->records[i];

		if (record == NULL)
			continue;
		if (results[i].signature_len == 0) {
			abort_record(ledger, record, results[i].why);
			all_signed = false;
			continue;
		}
		memcpy(record->signature, results[i].signature, results[i].signature_len);
		record->signature_len = results[i].signature_len;
		keeper_remember(ledger, record->ref, record->signature, record->signature_len);
	}
	return all_signed;
}

/* A proposal whose certificate was refused is an error of ours, not of its caller. */
static void
mark_aborted(struct flight *flight)
{
	for (size_t i = 0; i < flight->entry_count; i++) {
		struct proposal *proposal = flight->entries[i]->proposal;

		for (size_t j = 0; j < proposal->record_count; j++)
			if (proposal->records[j].tbs.len > 0 &&
			    proposal->records[j].signature_len == 0 && proposal->err.code == E_NONE)
				(void)error_set(
				    &proposal->err, E_INTERNAL, "the keeper refused to sign");
	}
}

static void
receive(struct ledger *ledger, struct flight *flight)
{
	struct keeper_signed *results = xcalloc(flight->count, sizeof *results);
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};

	if (keeper_append_receive(ledger->options.keeper, results, flight->count, &note, &err)) {
		if (!take_results(ledger, flight, results))
			mark_aborted(flight);
		if (ledger->options.hooks.published != NULL)
			ledger->options.hooks.published(
			    ledger->options.hooks.audit, buf_bytes(&note));
		finish_all(ledger, flight->entries, flight->entry_count, NULL);
	} else {
		log_error(LOG_LEVEL_WARNING, "ledger.keeper", NULL, &err);
		(void)pthread_mutex_lock(&ledger->mutex);
		lose_keeper_locked(ledger);
		(void)pthread_mutex_unlock(&ledger->mutex);
		err.code = E_KEEPER_UNAVAILABLE;
		err.retry_after_s = 1;
		finish_all(ledger, flight->entries, flight->entry_count, &err);
	}
	free(results);
}

void *
keeper_receiver(void *context)
{
	struct ledger *ledger = context;

	for (;;) {
		struct flight *flight;

		(void)pthread_mutex_lock(&ledger->mutex);
		while (ledger->flights == NULL && !ledger->writer_done)
			(void)pthread_cond_wait(&ledger->flight_changed, &ledger->mutex);
		flight = ledger->flights;
		(void)pthread_mutex_unlock(&ledger->mutex);
		if (flight == NULL)
			return NULL;
		receive(ledger, flight);
		(void)pthread_mutex_lock(&ledger->mutex);
		ledger->flights = flight->next;
		if (ledger->flights == NULL)
			ledger->flight_tail = &ledger->flights;
		ledger->flight_count--;
		(void)pthread_cond_broadcast(&ledger->flight_changed);
		(void)pthread_mutex_unlock(&ledger->mutex);
		flight_free(flight);
	}
}
