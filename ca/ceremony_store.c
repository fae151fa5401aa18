#include "ca/ceremony.h"

#include "audit/logs.h"
#include "ca/authority.h"
#include "ca/certificate.h"

/* $1 id, $2 kind, $3 parent, $4 certificate, $5 not_before, $6 not_after, $7 in_keeper */
static const struct stmt ISSUER_INSERT = STMT("ca_issuer_insert", 8, 0,
    "INSERT INTO ca_issuer (id, kind, parent, certificate, not_before_at_s, not_after_at_s,"
    " in_keeper, shard_count, state)"
    " VALUES ($1::bytea, $2::text, $3::bytea, $4::bytea, $5::int8, $6::int8, $7::bool, $8::int2,"
    " 'active')");

/* $1 issuer, $2 this_update, $3 next_update, $4 der */
static const struct stmt ROOT_CRL_INSERT = STMT("root_crl_insert", 4, 0,
    "WITH made AS ("
    " INSERT INTO crl (issuer, shard, number, full_number, this_update_at_s, next_update_at_s)"
    " VALUES ($1::bytea, 0, 1, 1, $2::int8, $3::int8) RETURNING issuer, shard)"
    " INSERT INTO crl_part (issuer, shard, delta, part, octets)"
    " SELECT issuer, shard, false, 0, $4::bytea FROM made");

/* $1 issuer: locks the row. */
static const struct stmt ROOT_CRL_NUMBER = STMT("root_crl_number", 1, 1,
    "SELECT number + 1 FROM crl WHERE issuer = $1::bytea AND shard = 0 FOR UPDATE");

/* $1 issuer, $2 number, $3 this_update, $4 next_update, $5 der */
static const struct stmt ROOT_CRL_UPDATE = STMT("root_crl_update", 5, 0,
    "WITH renewed AS (UPDATE crl SET number = $2::int8, full_number = $2::int8,"
    " this_update_at_s = $3::int8, next_update_at_s = $4::int8"
    " WHERE issuer = $1::bytea AND shard = 0 RETURNING issuer, shard)"
    " INSERT INTO crl_part (issuer, shard, delta, part, octets)"
    " SELECT issuer, shard, false, 0, $5::bytea FROM renewed"
    " ON CONFLICT (issuer, shard, delta, part) DO UPDATE SET octets = excluded.octets");

/* $1 public key, $2 certificate, $3 now */
static const struct stmt STATUS_SIGNER_INSERT = STMT("status_signer_insert", 3, 0,
    "INSERT INTO status_signer (public_key, certificate, created_at_s)"
    " VALUES ($1::bytea, $2::bytea, $3::int8)");

static const struct stmt *const STATEMENTS[] = {
    &ISSUER_INSERT,
    &ROOT_CRL_INSERT,
    &ROOT_CRL_NUMBER,
    &ROOT_CRL_UPDATE,
    &STATUS_SIGNER_INSERT,
    NULL,
};

const struct stmt *const *
ceremony_statements(void)
{
	return STATEMENTS;
}

static bool
issuer_insert(
    struct tx *tx, const struct ceremony *ceremony, enum issuer_kind kind, struct error *err)
{
	const struct authority_plan *plan = authority_plan(kind);
	struct certificate certificate, parent;
	uint8_t id[ISSUER_ID_BYTES], parent_id[ISSUER_ID_BYTES];
	DEFER(params_clear) struct params params = {0};

	if (!certificate_parse(buf_bytes(&ceremony->certificates[kind]), &certificate, err) ||
	    !certificate_parse(buf_bytes(&ceremony->certificates[plan->parent]), &parent, err))
		return false;
	issuer_id_of_spki(certificate.spki, id);
	issuer_id_of_spki(parent.spki, parent_id);
	params_bytea(&params, bytes_of(id, sizeof id));
	params_text(&params, issuer_kind_name(kind));
	if (plan->parent == kind)
		params_null(&params);
	else
		params_bytea(&params, bytes_of(parent_id, sizeof parent_id));
	params_bytea(&params, certificate.der);
	params_int8(&params, certificate.not_before_s);
	params_int8(&params, certificate.not_after_s);
	params_bool(&params, plan->ring == RING_KEEPER);
	params_int2(&params, (int16_t)plan->shard_count);
	return tx_run(tx, &ISSUER_INSERT, &params, err);
}

static bool
root_crl_insert(struct tx *tx, const struct ceremony *ceremony, enum issuer_kind kind,
    int64_t now_s, struct error *err)
{
	struct certificate certificate;
	uint8_t id[ISSUER_ID_BYTES];
	DEFER(params_clear) struct params params = {0};

	if (!certificate_parse(buf_bytes(&ceremony->certificates[kind]), &certificate, err))
		return false;
	issuer_id_of_spki(certificate.spki, id);
	params_bytea(&params, bytes_of(id, sizeof id));
	params_int8(&params, now_s);
	params_int8(&params, now_s + CEREMONY_ROOT_CRL_VALIDITY_S);
	params_bytea(&params, buf_bytes(&ceremony->root_crls[kind]));
	return tx_run(tx, &ROOT_CRL_INSERT, &params, err);
}

static bool
status_signer_insert(
    struct tx *tx, const struct ceremony *ceremony, int64_t now_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_bytea(
	    &params, bytes_of(ceremony->status_public_key, sizeof ceremony->status_public_key));
	params_bytea(&params, buf_bytes(&ceremony->status_signer));
	params_int8(&params, now_s);
	return tx_run(tx, &STATUS_SIGNER_INSERT, &params, err);
}

bool
ceremony_store(struct tx *tx, const struct ceremony *ceremony, const char *origin, int64_t now_s,
    struct error *err)
{
	for (int kind = 0; kind < ISSUER_KIND_COUNT; kind++)
		if (!issuer_insert(tx, ceremony, (enum issuer_kind)kind, err))
			return false;
	for (int kind = 0; kind < (int)COUNT(ceremony->root_crls); kind++)
		if (!root_crl_insert(tx, ceremony, (enum issuer_kind)kind, now_s, err))
			return false;
	return status_signer_insert(tx, ceremony, now_s, err) &&
	       logs_insert(tx, origin, ceremony->log_public_key, now_s, err);
}

static bool
root_crl_number(struct tx *tx, const struct issuer *root, uint64_t *out_number, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(root->id, ISSUER_ID_BYTES));
	if (!tx_query(tx, &ROOT_CRL_NUMBER, &params, &rows, err))
		return false;
	if (rows_count(rows) != 1)
		return error_set(err, E_NOT_FOUND, "%s has no CRL to renew", root->id_text);
	*out_number = (uint64_t)rows_int(rows, 0, 0);
	return true;
}

bool
ceremony_renew_root_crl(struct tx *tx, const struct keyring *ring, const struct issuer *root,
    int64_t now_s, struct error *err)
{
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(params_clear) struct params params = {0};
	uint64_t number;

	if (!root_crl_number(tx, root, &number, err) ||
	    !ceremony_root_crl(ring, root, number, now_s, &der, err))
		return false;
	params_bytea(&params, bytes_of(root->id, ISSUER_ID_BYTES));
	params_int8(&params, (int64_t)number);
	params_int8(&params, now_s);
	params_int8(&params, now_s + CEREMONY_ROOT_CRL_VALIDITY_S);
	params_bytea(&params, buf_bytes(&der));
	return tx_run(tx, &ROOT_CRL_UPDATE, &params, err);
}
