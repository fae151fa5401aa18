#include <sodium.h>
#include <stdio.h>

#include "keeper/client.h"
#include "keeper/lane.h"
#include "proof/status_note.h"

/* ---- tags ---- */

bool
lane_tags(struct lane *lane, struct bytes body, struct error *err)
{
	const struct newest *tag = &lane->core->tag;
	struct reader reader = reader_of(body);

	if (tag->secret == NULL)
		return error_set(err, E_KEEPER_REFUSED, "no tag key is here");
	buf_truncate(&lane->out, 0);
	buf_append_u8(&lane->out, tag->kid);
	while (reader.ok && reader.rest.len > 0) {
		struct bytes message = reader_bytes(&reader, reader_u8(&reader));

		if (!reader.ok || message.len == 0 || message.len > TAG_MESSAGE_MAX ||
		    lane->out.len > (size_t)WIRE_TAGS_MAX * TAG_BYTES)
			return error_set(err, E_BAD_SYNTAX, "tags: a message is malformed");
		if (!tag_compute(buf_extend(&lane->out, TAG_BYTES), secret_bytes(tag->secret).data,
			message, err))
			return false;
	}
	return lane_answer(lane, WIRE_TAGGED, err);
}

/* ---- tokens ---- */

static void
token_mac(const struct secret *secret, const uint8_t head[static TOKEN_HEAD_BYTES],
    uint8_t out[static TOKEN_MAC_BYTES])
{
	struct bytes key = secret_bytes(secret);

	(void)crypto_generichash(out, TOKEN_MAC_BYTES, head, TOKEN_HEAD_BYTES, key.data, key.len);
}

bool
lane_token_kid(struct lane *lane, struct bytes body, struct error *err)
{
	(void)body;
	if (lane->core->token.secret == NULL)
		return error_set(err, E_KEEPER_REFUSED, "no token key is here");
	buf_truncate(&lane->out, 0);
	buf_append_u8(&lane->out, lane->core->token.kid);
	return lane_answer(lane, WIRE_KID, err);
}

bool
lane_token_macs(struct lane *lane, struct bytes body, struct error *err)
{
	const struct newest *token = &lane->core->token;
	struct reader reader = reader_of(body);

	if (body.len % TOKEN_HEAD_BYTES != 0)
		return error_set(err, E_BAD_SYNTAX, "token MACs: not whole heads");
	if (token->secret == NULL)
		return error_set(err, E_KEEPER_REFUSED, "no token key is here");
	buf_truncate(&lane->out, 0);
	while (reader.rest.len > 0) {
		const uint8_t *head = reader_bytes(&reader, TOKEN_HEAD_BYTES).data;

		if (head[0] != token->kid)
			return error_set(
			    err, E_KEEPER_REFUSED, "token key %u is not the newest", head[0]);
		token_mac(token->secret, head, buf_extend(&lane->out, TOKEN_MAC_BYTES));
	}
	return lane_answer(lane, WIRE_MACS, err);
}

/* A kid that is not in the ring makes the token as bad as a wrong MAC. */
bool
lane_token_check(struct lane *lane, struct bytes body, struct error *err)
{
	char name[16];
	uint8_t mac[TOKEN_MAC_BYTES];
	const struct secret *secret;
	bool good = false;

	(void)snprintf(name, sizeof(name), "token:%u", body.data[0]);
	secret = keyring_find(lane->core->ring, name);
	if (secret != NULL) {
		token_mac(secret, body.data, mac);
		good = secret_equal(bytes_of(mac, sizeof(mac)),
		    bytes_of(body.data + TOKEN_HEAD_BYTES, TOKEN_MAC_BYTES));
		sodium_memzero(mac, sizeof(mac));
	}
	buf_truncate(&lane->out, 0);
	buf_append_u8(&lane->out, good);
	return lane_answer(lane, WIRE_VERDICT, err);
}

/* ---- status ---- */

/* It signs what says of itself, with its first line, that it is a status of this service. */
bool
lane_status_sign(struct lane *lane, struct bytes body, struct error *err)
{
	const struct keeper_core *core = lane->core;

	if (core->status.secret == NULL)
		return error_set(err, E_KEEPER_REFUSED, "no status key is here");
	if (body.len > 0 &&
	    (!lane_may_sign(core, err) ||
		!status_note_check(body, core->status_key.name, clock_now_s(core->clock), err)))
		return false;
	buf_truncate(&lane->out, 0);
	buf_append(&lane->out, bytes_of(core->status_key.public_key, NOTE_PUBLIC_BYTES));
	if (body.len > 0)
		note_sign(
		    &core->status_key, secret_bytes(core->status.secret).data, body, &lane->out);
	return lane_answer(lane, WIRE_STATUS, err);
}

/* ---- CRLs ---- */

bool
lane_crl_begin(struct lane *lane, struct bytes body, struct error *err)
{
	struct crl_stream *crl = &lane->crl;
	struct bytes head = bytes_of(body.data + ISSUER_ID_BYTES, body.len - ISSUER_ID_BYTES);

	(void)err;
	*crl = (struct crl_stream){.signer = lane_signer(lane->core, body.data)};
	sha256_init(&crl->hash);
	sha256_update(&crl->hash, head);
	lane->state = LANE_IN_CRL;
	/* The answer comes at the end: what fails before is kept until then. */
	if (crl->signer == NULL)
		(void)error_set(&crl->failed, E_KEEPER_REFUSED, "no key of this issuer is here");
	else
		(void)(lane_may_sign(lane->core, &crl->failed) &&
		       check_crl_head(&crl->check, crl->signer->issuer, head,
			   clock_now_s(lane->core->clock), &crl->failed));
	return true;
}

bool
lane_crl_entries(struct lane *lane, struct bytes body, struct error *err)
{
	struct crl_stream *crl = &lane->crl;

	(void)err;
	if (crl->failed.code != E_NONE)
		return true;
	sha256_update(&crl->hash, body);
	(void)!check_crl_entries(&crl->check, body, &crl->failed);
	return true;
}

bool
lane_crl_end(struct lane *lane, struct bytes body, struct error *err)
{
	struct crl_stream *crl = &lane->crl;
	uint8_t digest[SHA256_BYTES], signature[KEY_SIGNATURE_MAX];
	size_t signature_len = 0;
	uint64_t number = 0;
	unsigned shard = 0;

	lane->state = LANE_IDLE;
	if (crl->failed.code != E_NONE) {
		*err = crl->failed;
		return false;
	}
	sha256_update(&crl->hash, body);
	sha256_final(&crl->hash, digest);
	if (!check_crl_end(&crl->check, body, &number, &shard, err) ||
	    !lane_may_sign(lane->core, err) ||
	    !crl_numbers_take(lane->core->crl_numbers, crl->signer->issuer->id, shard,
		crl->check.delta, number, clock_now_s(lane->core->clock), err) ||
	    !key_sign_digest(crl->signer->key, digest, signature, &signature_len, err))
		return false;
	buf_truncate(&lane->out, 0);
	buf_append(&lane->out, bytes_of(signature, signature_len));
	return lane_answer(lane, WIRE_SIGNATURE, err);
}
