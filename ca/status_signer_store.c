#include "ca/roll.h"
#include "ca/status_signer.h"

static const struct stmt COUNT_ALL = STMT("status_signer_count", 0, 2,
    "SELECT count(*), coalesce(max(created_at_s), 0) FROM status_signer");

/* $1 public key */
static const struct stmt KNOWN = STMT("status_signer_known", 1, 1,
    "SELECT EXISTS (SELECT FROM status_signer WHERE public_key = $1::bytea)");

/* $1 public key, $2 parent, $3 tbs, $4 nonce, $5 now */
static const struct stmt RECORD = STMT("status_signer_record", 5, 0,
    "INSERT INTO status_signer (public_key, parent, tbs, nonce, created_at_s)"
    " VALUES ($1::bytea, $2::bytea, $3::bytea, $4::bytea, $5::int8)");

static const struct stmt PENDING = STMT("status_signer_pending", 0, 4,
    "SELECT public_key, parent, tbs, nonce FROM status_signer WHERE certificate IS NULL"
    " ORDER BY id LIMIT 1");

/* $1 public key, $2 certificate */
static const struct stmt INSTALL = STMT("status_signer_install", 2, 0,
    "UPDATE status_signer SET certificate = $2::bytea"
    " WHERE public_key = $1::bytea AND certificate IS NULL");

static const struct stmt *const STATEMENTS[] = {
    &COUNT_ALL, &KNOWN, &RECORD, &PENDING, &INSTALL, NULL};

const struct stmt *const *
status_signer_statements(void)
{
	return STATEMENTS;
}

bool
status_signer_count(struct tx *tx, int *out_count, int64_t *out_last_s, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!tx_query(tx, &COUNT_ALL, NULL, &rows, err))
		return false;
	*out_count = (int)rows_int(rows, 0, 0);
	*out_last_s = rows_int(rows, 0, 1);
	return true;
}

bool
status_signer_known(struct tx *tx, const uint8_t public_key[static AUTHORITY_ED25519_BYTES],
    bool *out_known, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(public_key, AUTHORITY_ED25519_BYTES));
	if (!tx_query(tx, &KNOWN, &params, &rows, err))
		return false;
	*out_known = rows_bool(rows, 0, 0);
	return true;
}

/* The key has no name but the hash of its SubjectPublicKeyInfo, as an authority's. */
static bool
leaf_add(struct tx *tx, enum leaf_event event, const struct status_signer *signer, bool committed,
    int64_t now_s, const struct rng *rng, struct error *err)
{
	uint8_t spki[AUTHORITY_ED25519_SPKI_BYTES], id[ISSUER_ID_BYTES];
	struct roll_subject subject = {.prefix = "status", .id = id};

	authority_ed25519_spki(spki, signer->public_key);
	issuer_id_of_spki(bytes_of(spki, sizeof spki), id);
	if (committed) {
		subject.nonce = signer->nonce;
		subject.tbs = buf_bytes(&signer->tbs);
	}
	return roll_leaf(tx, event, &subject, now_s, rng, err);
}

bool
status_signer_record(struct tx *tx, const struct status_signer *signer, int64_t now_s,
    const struct rng *rng, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_bytea(&params, bytes_of(signer->public_key, sizeof signer->public_key));
	params_bytea(&params, bytes_of(signer->parent, sizeof signer->parent));
	params_bytea(&params, buf_bytes(&signer->tbs));
	params_bytea(&params, bytes_of(signer->nonce, sizeof signer->nonce));
	params_int8(&params, now_s);
	return tx_run(tx, &RECORD, &params, err) &&
	       leaf_add(tx, LEAF_KEY_CREATE, signer, false, now_s, rng, err) &&
	       leaf_add(tx, LEAF_CERT_ISSUE, signer, true, now_s, rng, err);
}

bool
status_signer_pending(struct tx *tx, struct status_signer *out, bool *out_found, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!tx_query(tx, &PENDING, NULL, &rows, err))
		return false;
	*out_found = rows_count(rows) == 1;
	if (!*out_found)
		return true;
	*out = (struct status_signer){0};
	memcpy(out->public_key, rows_bytes(rows, 0, 0).data, sizeof out->public_key);
	memcpy(out->parent, rows_bytes(rows, 0, 1).data, sizeof out->parent);
	buf_append(&out->tbs, rows_bytes(rows, 0, 2));
	memcpy(out->nonce, rows_bytes(rows, 0, 3).data, sizeof out->nonce);
	return true;
}

bool
status_signer_install(struct tx *tx, const struct status_signer *signer, struct bytes der,
    int64_t now_s, const struct rng *rng, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_bytea(&params, bytes_of(signer->public_key, sizeof signer->public_key));
	params_bytea(&params, der);
	return tx_run(tx, &INSTALL, &params, err) &&
	       leaf_add(tx, LEAF_KEY_ROTATE, signer, false, now_s, rng, err);
}
