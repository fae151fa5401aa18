#include <sodium.h>
#include <stdio.h>

#include "keeper/client.h"
#include "keeper/lane.h"
#include "proof/status_note.h"

/* ---- tags ---- */

/* The key of the order of an answer; NULL when there are no more. */
static const struct newest *
tag_key(const struct keeper_core *core, size_t i)
{
	const struct newest *const keys[TAG_KEYS_MAX] = {&core->tag, &core->tag_before};

	return i < TAG_KEYS_MAX && keys[i]->secret != NULL ? keys[i] : NULL;
}

/* The answer's kids, of `max` keys at most. */
static bool
tagged_begin(struct lane *lane, size_t max, struct error *err)
{
	size_t count = 0;

	if (tag_key(lane->core, 0) == NULL)
		return error_set(err, E_KEEPER_REFUSED, "no tag key is here");
	while (count < max && tag_key(lane->core, count) != NULL)
		count++;
	buf_truncate(&lane->out, 0);
	buf_append_u8(&lane->out, (uint8_t)count);
	for (size_t i = 0; i < count; i++)
		buf_append_u8(&lane->out, tag_key(lane->core, i)->kid);
	return true;
}

static bool
append_tags(struct lane *lane, struct bytes message, struct error *err)
{
	uint8_t point[TAG_BYTES];
	const struct newest *key;

	tag_hash_to_group(point, message);
	for (size_t i = 0; (key = tag_key(lane->core, i)) != NULL; i++)
		if (!tag_multiply(buf_extend(&lane->out, TAG_BYTES), secret_bytes(key->secret).data,
			point, err))
			return false;
	sodium_memzero(point, sizeof(point));
	return true;
}

bool
lane_tags(struct lane *lane, struct bytes body, struct error *err)
{
	struct reader reader = reader_of(body);

	if (!tagged_begin(lane, TAG_KEYS_MAX, err))
		return false;
	for (size_t count = 0; reader.ok && reader.rest.len > 0; count++) {
		struct bytes message = reader_bytes(&reader, reader_u8(&reader));

		if (!reader.ok || message.len == 0 || message.len > TAG_MESSAGE_MAX ||
		    count == WIRE_TAGS_MAX)
			return error_set(err, E_BAD_SYNTAX, "tags: a message is malformed");
		if (!append_tags(lane, message, err))
			return false;
	}
	return lane_answer(lane, WIRE_TAGGED, err);
}

/* The newest key times each point: what a message's tag is, still blinded. */
bool
lane_evaluate(struct lane *lane, struct bytes body, struct error *err)
{
	if (body.len % TAG_BYTES != 0)
		return error_set(err, E_BAD_SYNTAX, "evaluate: not whole points");
	if (!tagged_begin(lane, 1, err))
		return false;
	for (size_t at = 0; at < body.len; at += TAG_BYTES)
		if (!tag_multiply(buf_extend(&lane->out, TAG_BYTES),
			secret_bytes(lane->core->tag.secret).data, body.data + at, err))
			return false;
	return lane_answer(lane, WIRE_TAGGED, err);
}

/* By what a tag of this kid becomes that of each key; for its own key by one. */
static bool
find_ratios(const struct keeper_core *core, uint8_t kid,
    uint8_t ratios[static TAG_KEYS_MAX][TAG_KEY_BYTES], struct error *err)
{
	const struct newest *key, *from = NULL;

	for (size_t i = 0; (key = tag_key(core, i)) != NULL; i++)
		if (key->kid == kid)
			from = key;
	if (from == NULL)
		return error_set(err, E_NOT_FOUND, "no tag key %u is here", kid);
	for (size_t i = 0; (key = tag_key(core, i)) != NULL; i++)
		if (!tag_ratio(ratios[i], secret_bytes(from->secret).data,
			secret_bytes(key->secret).data, err))
			return false;
	return true;
}

/* Tags that a caller brings: those that are no points are refused, the others told under each key.
 */
bool
lane_retag(struct lane *lane, struct bytes body, struct error *err)
{
	uint8_t ratios[TAG_KEYS_MAX][TAG_KEY_BYTES];
	bool done = true;

	if ((body.len - 1) % TAG_BYTES != 0)
		return error_set(err, E_BAD_SYNTAX, "retag: not whole tags");
	if (!tagged_begin(lane, TAG_KEYS_MAX, err) ||
	    !find_ratios(lane->core, body.data[0], ratios, err))
		return false;
	for (size_t at = 1; done && at < body.len; at += TAG_BYTES)
		for (size_t i = 0; done && tag_key(lane->core, i) != NULL; i++)
			done = tag_multiply(
			    buf_extend(&lane->out, TAG_BYTES), ratios[i], body.data + at, err);
	sodium_memzero(ratios, sizeof(ratios));
	return done && lane_answer(lane, WIRE_TAGGED, err);
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
