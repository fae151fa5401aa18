/* The facts that the database knows, and the watch that keeps them for a moment. */
#include "ca/expiry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "ca/certificate_store.h"

#define FACTS_AGE_MAX_MS 5000

/* $1 how many */
static const struct stmt ROOT_CRLS = STMT("expiry_root_crls", 1, 2,
    "SELECT i.id, c.next_update_at_s FROM ca_issuer AS i"
    " JOIN crl AS c ON c.issuer = i.id AND c.shard = 0 AND c.next_update_at_s > 0"
    " WHERE i.parent IS NULL ORDER BY i.id LIMIT $1::int4");

/* $1 now, $2 until when a certificate is due. A person's newest certificate is what counts. */
static const struct stmt OPERATORS = STMT("expiry_operators", 2, 2,
    "SELECT coalesce(min(until), 0), count(*) FILTER (WHERE until <= $2::int8) FROM ("
    " SELECT max(c.not_after_at_s) AS until FROM operator_certificate AS c"
    " JOIN person AS p ON p.id = c.person AND p.active"
    " WHERE c.signature IS NOT NULL AND c.revoked_at_s IS NULL GROUP BY c.person) AS newest"
    " WHERE until > $1::int8");

/* $1 origin */
static const struct stmt LOG_OPENED =
    STMT("expiry_log", 1, 1, "SELECT opened_at_s FROM audit_log WHERE origin = $1::text");

static const struct stmt STATUS_SIGNER = STMT("expiry_status_signer", 0, 1,
    "SELECT certificate FROM status_signer WHERE certificate IS NOT NULL"
    " ORDER BY id DESC LIMIT 1");

static const struct stmt *const STATEMENTS[] = {
    &ROOT_CRLS, &OPERATORS, &LOG_OPENED, &STATUS_SIGNER, NULL};

const struct stmt *const *
expiry_statements(void)
{
	return STATEMENTS;
}

struct expiry_watch {
	struct expiry_watch_options options;
	char log_origin[EXPIRY_ID_MAX + 1];
	int64_t logged_day; /* of the logging thread alone */
	pthread_mutex_t lock;
	/* Behind the lock: */
	struct expiry_facts facts;
	int64_t read_at_ms; /* monotonic; 0: never */
};

struct expiry_watch *
expiry_watch_new(const struct expiry_watch_options *options)
{
	struct expiry_watch *watch = xcalloc(1, sizeof *watch);

	watch->options = *options;
	watch->logged_day = -1;
	watch->facts.issuers = options->issuers;
	(void)snprintf(watch->log_origin, sizeof watch->log_origin, "%s", options->log_origin);
	pthread_mutex_init(&watch->lock, NULL);
	return watch;
}

void
expiry_watch_free(struct expiry_watch *watch)
{
	if (watch == NULL)
		return;
	pthread_mutex_destroy(&watch->lock);
	free(watch);
}

void
expiry_watch_tls(struct expiry_watch *watch, const struct expiry_renewed *tls)
{
	pthread_mutex_lock(&watch->lock);
	watch->facts.tls = *tls;
	pthread_mutex_unlock(&watch->lock);
}

void
expiry_watch_ocsp(struct expiry_watch *watch, const struct expiry_renewed *ocsp)
{
	pthread_mutex_lock(&watch->lock);
	watch->facts.ocsp = *ocsp;
	pthread_mutex_unlock(&watch->lock);
}

static bool
read_root_crls(struct db *db, struct expiry_facts *facts, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int4(&params, ISSUERS_MAX);
	if (!db_query(db, &ROOT_CRLS, &params, &rows, err))
		return false;
	facts->root_crl_count = rows_count(rows);
	for (size_t i = 0; i < facts->root_crl_count; i++) {
		memcpy(facts->root_crls[i].issuer, rows_bytes(rows, i, 0).data, ISSUER_ID_BYTES);
		facts->root_crls[i].next_update_s = rows_int(rows, i, 1);
	}
	return true;
}

static bool
read_operators(struct db *db, int64_t now_s, struct expiry_facts *facts, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, now_s);
	params_int8(&params, now_s + EXPIRY_OPERATORS_WARN_S);
	if (!db_query(db, &OPERATORS, &params, &rows, err))
		return false;
	facts->operators_not_after_s = rows_int(rows, 0, 0);
	facts->operators_due_count = rows_int(rows, 0, 1);
	return true;
}

static bool
read_log(struct db *db, struct expiry_facts *facts, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, facts->log_origin);
	if (!db_query(db, &LOG_OPENED, &params, &rows, err))
		return false;
	facts->log_opened_at_s = rows_count(rows) == 1 ? rows_int(rows, 0, 0) : 0;
	return true;
}

static bool
read_status_signer(struct db *db, struct expiry_facts *facts, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;
	struct certificate certificate;

	if (!db_query(db, &STATUS_SIGNER, NULL, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return true;
	if (!certificate_parse(rows_bytes(rows, 0, 0), &certificate, err))
		return false;
	facts->status_not_after_s = certificate.not_after_s;
	return true;
}

static bool
read_partitions(struct db *db, int64_t now_s, struct expiry_facts *facts, struct error *err)
{
	int months;

	if (!certificate_months_ahead(db, now_s, &months, err))
		return false;
	facts->partitions_until_s = time_month_start((uint16_t)(time_month(now_s) + months + 1));
	return true;
}

/* Without the lock: a slow database must not stop whoever says how the TLS certificate stands. */
static bool
read_facts(struct expiry_watch *watch, struct error *err)
{
	struct db *db = watch->options.db;
	const int64_t now_s = clock_now_s(watch->options.clock);
	DEFER(mem_free) struct expiry_facts *fresh = xcalloc(1, sizeof *fresh);

	fresh->issuers = watch->options.issuers;
	memcpy(fresh->log_origin, watch->log_origin, sizeof fresh->log_origin);
	if (!read_root_crls(db, fresh, err) || !read_operators(db, now_s, fresh, err) ||
	    !read_log(db, fresh, err) || !read_status_signer(db, fresh, err) ||
	    !read_partitions(db, now_s, fresh, err))
		return false;
	pthread_mutex_lock(&watch->lock);
	fresh->tls = watch->facts.tls;
	fresh->ocsp = watch->facts.ocsp;
	watch->facts = *fresh;
	watch->read_at_ms = clock_monotonic_ms();
	pthread_mutex_unlock(&watch->lock);
	return true;
}

bool
expiry_watch_list(struct expiry_watch *watch, struct expiry out[static EXPIRY_MAX],
    size_t *out_count, struct error *err)
{
	const int64_t now_ms = clock_monotonic_ms();
	bool old;

	pthread_mutex_lock(&watch->lock);
	old = watch->read_at_ms == 0 || now_ms - watch->read_at_ms > FACTS_AGE_MAX_MS;
	pthread_mutex_unlock(&watch->lock);
	if (old && !read_facts(watch, err))
		return false;
	pthread_mutex_lock(&watch->lock);
	*out_count = expiry_list(&watch->facts, out);
	pthread_mutex_unlock(&watch->lock);
	return true;
}

void
expiry_watch_log(struct expiry_watch *watch)
{
	const int64_t now_s = clock_now_s(watch->options.clock);
	DEFER(mem_free) struct expiry *list = xcalloc(EXPIRY_MAX, sizeof *list);
	struct error err = {0};
	size_t count;

	if (now_s / DAY_S == watch->logged_day)
		return;
	if (!expiry_watch_list(watch, list, &count, &err)) {
		log_error(LOG_LEVEL_WARNING, "expiry.unknown", NULL, &err);
		return;
	}
	watch->logged_day = now_s / DAY_S;
	for (size_t i = 0; i < count; i++) {
		const enum expiry_state state = expiry_state(&list[i], now_s);
		char until[TIME_TEXT_LEN + 1];

		if (state == EXPIRY_FAR)
			continue;
		time_encode(until, list[i].not_after_s);
		log_write(state == EXPIRY_PAST ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "expiry.due",
		    "%s %s ends at %s: %s", expiry_name(list[i].what), list[i].id, until,
		    expiry_remedy(list[i].what));
	}
}
