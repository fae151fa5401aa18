#include "ca/roll.h"

#include <stdio.h>

#include "audit/note.h"
#include "audit/outbox.h"
#include "base/text.h"
#include "ca/authority.h"

static const struct stmt LOCK =
    STMT("roll_lock", 0, 1, "SELECT pg_try_advisory_xact_lock(hashtext('moniker ca roll'))");

/* $1 issuer, $2 kind, $3 parent, $4 shard count, $5 tbs, $6 nonce, $7 now */
static const struct stmt RECORD = STMT("roll_record", 7, 0,
    "INSERT INTO ca_issuance (issuer, kind, parent, shard_count, tbs, nonce, created_at_s)"
    " VALUES ($1::bytea, $2::text, $3::bytea, $4::int2, $5::bytea, $6::bytea, $7::int8)");

/* $1 kind */
static const struct stmt PENDING = STMT("roll_pending", 1, 5,
    "SELECT r.issuer, r.parent, r.shard_count, r.tbs, r.nonce FROM ca_issuance AS r"
    " WHERE r.kind = $1::text"
    " AND NOT EXISTS (SELECT FROM ca_issuer AS i WHERE i.id = r.issuer)"
    " ORDER BY r.created_at_s LIMIT 1");

/* $1 issuer */
static const struct stmt KEY_USED = STMT("roll_key_used", 1, 1,
    "SELECT EXISTS (SELECT FROM ca_issuance WHERE issuer = $1::bytea)"
    " OR EXISTS (SELECT FROM ca_issuer WHERE id = $1::bytea)");

/* $1 id, $2 kind, $3 parent, $4 certificate, $5 not_before, $6 not_after, $7 shard count,
 * $8 in_keeper */
static const struct stmt INSTALL = STMT("roll_install", 8, 0,
    "INSERT INTO ca_issuer (id, kind, parent, certificate, not_before_at_s, not_after_at_s,"
    " shard_count, in_keeper, state) VALUES ($1::bytea, $2::text, $3::bytea, $4::bytea, $5::int8,"
    " $6::int8, $7::int2, $8::bool, 'next')");

/* $1 kind: the one that is next, and whether it has all the CRLs that it needs. */
static const struct stmt NEXT = STMT("roll_next", 1, 2,
    "SELECT i.id, NOT i.in_keeper OR i.shard_count = (SELECT count(*) FROM crl AS c"
    " WHERE c.issuer = i.id AND c.full_number > 0)"
    " FROM ca_issuer AS i WHERE i.kind = $1::text AND i.state = 'next' FOR UPDATE OF i");

/* $1 kind, $2 now */
static const struct stmt ROLL_ACTIVE = STMT("roll_active", 2, 0,
    "UPDATE ca_issuer SET state = 'rolled', rolled_at_s = $2::int8"
    " WHERE kind = $1::text AND state = 'active'");

/* $1 kind */
static const struct stmt ACTIVATE_NEXT = STMT("roll_activate_next", 1, 0,
    "UPDATE ca_issuer SET state = 'active' WHERE kind = $1::text AND state = 'next'");

/* $1 kind */
static const struct stmt LAST = STMT(
    "roll_last", 1, 1, "SELECT coalesce(max(rolled_at_s), 0) FROM ca_issuer WHERE kind = $1::text");

/* $1 issuer */
static const struct stmt ROLLED_AT = STMT("roll_rolled_at", 1, 1,
    "SELECT rolled_at_s FROM ca_issuer WHERE id = $1::bytea AND state = 'rolled' FOR UPDATE");

/* $1 issuer */
static const struct stmt RETIRE = STMT("roll_retire", 1, 0,
    "UPDATE ca_issuer SET state = 'retired' WHERE id = $1::bytea AND state = 'rolled'");

static const struct stmt *const STATEMENTS[] = {&LOCK, &RECORD, &PENDING, &KEY_USED, &INSTALL,
    &NEXT, &ROLL_ACTIVE, &ACTIVATE_NEXT, &LAST, &ROLLED_AT, &RETIRE, NULL};

const struct stmt *const *
roll_statements(void)
{
	return STATEMENTS;
}

bool
roll_lock(struct tx *tx, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	if (!tx_query(tx, &LOCK, &params, &rows, err))
		return false;
	return rows_bool(rows, 0, 0) ||
	       error_set(err, E_STATE_CONFLICT, "another moniker ca is at work");
}

bool
roll_leaf(struct tx *tx, enum leaf_event event, const struct roll_subject *subject, int64_t now_s,
    const struct rng *rng, struct error *err)
{
	char id_text[ISSUER_ID_TEXT_LEN + 1], text[LEAF_VALUE_MAX + 1];
	struct leaf leaf;

	hex_encode(id_text, bytes_of(subject->id, ISSUER_ID_BYTES));
	(void)snprintf(text, sizeof text, "%s:%s", subject->prefix, id_text);
	note_leaf(&leaf, event, ROLL_ACTOR, text, NULL, now_s);
	if (subject->tbs.len > 0) {
		leaf.has_commitment = true;
		leaf_commit(leaf.commitment, subject->nonce, subject->tbs);
	}
	return outbox_add(tx, &leaf, rng, err);
}

/* About the authority `issuer`; `committed`: the leaf commits to its TBS. */
static bool
leaf_add(struct tx *tx, enum leaf_event event, const uint8_t issuer[static ISSUER_ID_BYTES],
    const struct roll *committed, int64_t now_s, const struct rng *rng, struct error *err)
{
	struct roll_subject subject = {.prefix = "ca", .id = issuer};

	if (committed != NULL) {
		subject.nonce = committed->nonce;
		subject.tbs = buf_bytes(&committed->tbs);
	}
	return roll_leaf(tx, event, &subject, now_s, rng, err);
}

bool
roll_record(
    struct tx *tx, const struct roll *roll, int64_t now_s, const struct rng *rng, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_bytea(&params, bytes_of(roll->issuer, ISSUER_ID_BYTES));
	params_text(&params, issuer_kind_name(roll->kind));
	params_bytea(&params, bytes_of(roll->parent, ISSUER_ID_BYTES));
	params_int2(&params, (int16_t)roll->shard_count);
	params_bytea(&params, buf_bytes(&roll->tbs));
	params_bytea(&params, bytes_of(roll->nonce, sizeof roll->nonce));
	params_int8(&params, now_s);
	return tx_run(tx, &RECORD, &params, err) &&
	       leaf_add(tx, LEAF_KEY_CREATE, roll->issuer, NULL, now_s, rng, err) &&
	       leaf_add(tx, LEAF_CERT_ISSUE, roll->issuer, roll, now_s, rng, err);
}

bool
roll_pending(
    struct tx *tx, enum issuer_kind kind, struct roll *out, bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, issuer_kind_name(kind));
	if (!tx_query(tx, &PENDING, &params, &rows, err))
		return false;
	*out_found = rows_count(rows) == 1;
	if (!*out_found)
		return true;
	*out = (struct roll){.kind = kind, .shard_count = (int)rows_int(rows, 0, 2)};
	memcpy(out->issuer, rows_bytes(rows, 0, 0).data, sizeof out->issuer);
	memcpy(out->parent, rows_bytes(rows, 0, 1).data, sizeof out->parent);
	buf_append(&out->tbs, rows_bytes(rows, 0, 3));
	memcpy(out->nonce, rows_bytes(rows, 0, 4).data, sizeof out->nonce);
	return true;
}

bool
roll_key_used(
    struct tx *tx, const uint8_t issuer[static ISSUER_ID_BYTES], bool *out_used, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(issuer, ISSUER_ID_BYTES));
	if (!tx_query(tx, &KEY_USED, &params, &rows, err))
		return false;
	*out_used = rows_bool(rows, 0, 0);
	return true;
}

bool
roll_activate(struct tx *tx, enum issuer_kind kind, int64_t now_s, const struct rng *rng,
    bool *out_done, struct error *err)
{
	DEFER(params_clear) struct params by_kind = {0};
	DEFER(params_clear) struct params by_kind_now = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&by_kind, issuer_kind_name(kind));
	params_text(&by_kind_now, issuer_kind_name(kind));
	params_int8(&by_kind_now, now_s);
	if (!tx_query(tx, &NEXT, &by_kind, &rows, err))
		return false;
	*out_done = rows_count(rows) == 1 && rows_bool(rows, 0, 1);
	return !*out_done || (tx_run(tx, &ROLL_ACTIVE, &by_kind_now, err) &&
				 tx_run(tx, &ACTIVATE_NEXT, &by_kind, err) &&
				 leaf_add(tx, LEAF_KEY_ROTATE, rows_bytes(rows, 0, 0).data, NULL,
				     now_s, rng, err));
}

bool
roll_install(struct tx *tx, const struct roll *roll, struct bytes der, int64_t now_s,
    const struct rng *rng, struct error *err)
{
	const bool in_keeper = authority_plan(roll->kind)->ring == RING_KEEPER;
	DEFER(params_clear) struct params params = {0};
	struct certificate certificate;
	bool done = true;

	if (!certificate_parse(der, &certificate, err))
		return false;
	params_bytea(&params, bytes_of(roll->issuer, ISSUER_ID_BYTES));
	params_text(&params, issuer_kind_name(roll->kind));
	params_bytea(&params, bytes_of(roll->parent, ISSUER_ID_BYTES));
	params_bytea(&params, der);
	params_int8(&params, certificate.not_before_s);
	params_int8(&params, certificate.not_after_s);
	params_int2(&params, (int16_t)roll->shard_count);
	params_bool(&params, in_keeper);
	return tx_run(tx, &INSTALL, &params, err) &&
	       (in_keeper || roll_activate(tx, roll->kind, now_s, rng, &done, err));
}

bool
roll_last(struct tx *tx, enum issuer_kind kind, int64_t *out_at_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, issuer_kind_name(kind));
	if (!tx_query(tx, &LAST, &params, &rows, err))
		return false;
	*out_at_s = rows_int(rows, 0, 0);
	return true;
}

bool
roll_retire_from(struct tx *tx, const struct issuer *issuer, int64_t *out_at_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	const char *profile = authority_plan(issuer->kind)->profile;
	int64_t life_s;

	params_bytea(&params, bytes_of(issuer->id, ISSUER_ID_BYTES));
	if (!tx_query(tx, &ROLLED_AT, &params, &rows, err))
		return false;
	*out_at_s = INT64_MAX;
	if (rows_count(rows) == 0)
		return true;
	/* Operators' certificates are of their own profile; and a day, for the last CRL. */
	life_s = profile_find(profile != NULL ? profile : PROFILE_OPERATOR)->validity_s + DAY_S;
	*out_at_s = rows_int(rows, 0, 0) + life_s;
	if (issuer->certificate.not_after_s + DAY_S < *out_at_s)
		*out_at_s = issuer->certificate.not_after_s + DAY_S;
	return true;
}

bool
roll_retire(struct tx *tx, const struct issuer *issuer, int64_t now_s, const struct rng *rng,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_bytea(&params, bytes_of(issuer->id, ISSUER_ID_BYTES));
	return tx_run(tx, &RETIRE, &params, err) &&
	       leaf_add(tx, LEAF_KEY_DESTROY, issuer->id, NULL, now_s, rng, err);
}
