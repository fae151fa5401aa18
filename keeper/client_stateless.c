#include <assert.h>

#include "keeper/client_link.h"
#include "keeper/client_private.h"

#define TOKENS_MAX WIRE_TOKENS_MAX

/* ---- tokens ---- */

bool
keeper_token_macs(struct keeper_client *client, const uint8_t (*heads)[TOKEN_HEAD_BYTES],
    size_t count, uint8_t (*out)[TOKEN_MAC_BYTES], struct error *err)
{
	DEFER(stateless_release) struct stateless lane = {0};
	struct bytes answer;

	assert(count > 0 && count <= TOKENS_MAX);
	if (!stateless_acquire(client, &lane, err) ||
	    !stateless_ask(&lane, WIRE_TOKEN_MACS, bytes_of(heads, count * TOKEN_HEAD_BYTES),
		WIRE_MACS, &answer, err))
		return false;
	if (answer.len != count * TOKEN_MAC_BYTES)
		return channel_malformed(lane.channels, err);
	memcpy(out, answer.data, answer.len);
	return true;
}

/* An answer of one octet. */
static bool
ask_octet(struct keeper_client *client, enum wire_type type, struct bytes body,
    enum wire_type answer_type, uint8_t *out, struct error *err)
{
	DEFER(stateless_release) struct stateless lane = {0};
	struct bytes answer;

	if (!stateless_acquire(client, &lane, err) ||
	    !stateless_ask(&lane, type, body, answer_type, &answer, err))
		return false;
	if (answer.len != 1)
		return channel_malformed(lane.channels, err);
	*out = answer.data[0];
	return true;
}

bool
keeper_token_kid(struct keeper_client *client, uint8_t *out_kid, struct error *err)
{
	return ask_octet(client, WIRE_TOKEN_KID, (struct bytes){0}, WIRE_KID, out_kid, err);
}

bool
keeper_token_check(struct keeper_client *client, const uint8_t head[static TOKEN_HEAD_BYTES],
    const uint8_t mac[static TOKEN_MAC_BYTES], bool *out_good, struct error *err)
{
	uint8_t token[TOKEN_HEAD_BYTES + TOKEN_MAC_BYTES], verdict = 0;

	memcpy(token, head, TOKEN_HEAD_BYTES);
	memcpy(token + TOKEN_HEAD_BYTES, mac, TOKEN_MAC_BYTES);
	if (!ask_octet(client, WIRE_TOKEN_CHECK, bytes_of(token, sizeof(token)), WIRE_VERDICT,
		&verdict, err))
		return false;
	*out_good = verdict == 1;
	return true;
}

/* ---- links ---- */

_Static_assert(KEEPER_SLOTS_MAX == WIRE_LINK_SLOTS_MAX, "slots of one answer");

static void
put_link_request(const struct keeper_link_request *request, struct buf *out)
{
	if (request->link == NULL) {
		buf_append_u8(out, WIRE_LINK_FROM_DEVICE);
		buf_append_u64(out, (uint64_t)request->device);
	} else {
		buf_append_u8(out, WIRE_LINK_FROM_LINK);
		buf_append(out, bytes_of(request->of_serial, LINK_SERIAL_BYTES));
		buf_append(out, bytes_of(request->link, LINK_BYTES));
	}
	buf_append(out, bytes_of(request->serial, LINK_SERIAL_BYTES));
	buf_append_u32(out, request->first_epoch);
	buf_append_u8(out, request->epoch_count);
	buf_append_u8(out, request->place_count);
}

bool
keeper_link(struct keeper_client *client, const struct keeper_link_request *request,
    struct keeper_linked *out, struct error *err)
{
	const size_t slots_len =
	    (size_t)request->epoch_count * request->place_count * LINK_SLOT_BYTES;
	DEFER(stateless_release) struct stateless lane = {0};
	DEFER(buf_clear) struct buf body = {0};
	struct bytes answer;

	assert(slots_len <= sizeof out->slots);
	put_link_request(request, &body);
	if (!stateless_acquire(client, &lane, err) ||
	    !stateless_ask(&lane, WIRE_LINK, buf_bytes(&body), WIRE_LINKED, &answer, err))
		return false;
	if (answer.len != LINK_BLOCK_BYTES + LINK_BYTES + slots_len)
		return channel_malformed(lane.channels, err);
	memcpy(out->block, answer.data, LINK_BLOCK_BYTES);
	memcpy(out->link, answer.data + LINK_BLOCK_BYTES, LINK_BYTES);
	memcpy(out->slots, answer.data + LINK_BLOCK_BYTES + LINK_BYTES, slots_len);
	return true;
}

/* ---- status ---- */

bool
keeper_sign_status(struct keeper_client *client, struct bytes text,
    uint8_t out_public_key[static 32], struct buf *out_note, struct error *err)
{
	DEFER(stateless_release) struct stateless lane = {0};
	struct bytes answer;

	if (!stateless_acquire(client, &lane, err) ||
	    !stateless_ask(&lane, WIRE_STATUS_SIGN, text, WIRE_STATUS, &answer, err))
		return false;
	if (answer.len < 32 || (text.len > 0) != (answer.len > 32))
		return channel_malformed(lane.channels, err);
	memcpy(out_public_key, answer.data, 32);
	buf_append(out_note, bytes_of(answer.data + 32, answer.len - 32));
	return true;
}

/* ---- CRLs ---- */

static bool
send_entries(const struct stateless *lane, const struct keeper_crl *crl, struct error *err)
{
	struct bytes entries = {0};

	do {
		if (!crl->next_entries(crl->context, &entries, err))
			return false;
		assert(entries.len <= KEEPER_CRL_CHUNK_MAX);
		if (entries.len > 0 &&
		    !channel_send(lane->channels, lane->fd, WIRE_CRL_ENTRIES, entries, err))
			return false;
	} while (entries.len > 0);
	return true;
}

/* The caller's entries failed: an end without extensions is refused, and the channel free again. */
static void
abandon(const struct stateless *lane)
{
	struct bytes ignored_body;
	struct error ignored = {0};

	(void)!stateless_ask(
	    lane, WIRE_CRL_END, (struct bytes){0}, WIRE_SIGNATURE, &ignored_body, &ignored);
}

bool
keeper_sign_crl(struct keeper_client *client, const struct keeper_crl *crl,
    uint8_t out[static KEY_SIGNATURE_MAX], size_t *out_len, struct error *err)
{
	DEFER(stateless_release) struct stateless lane = {0};
	DEFER(buf_clear_public) struct buf begin = {0};
	struct bytes signature;

	if (ISSUER_ID_BYTES + crl->head.len > WIRE_BODY_MAX || crl->extensions.len > WIRE_BODY_MAX)
		return error_set(err, E_KEEPER_REFUSED, "CRL: its head or extensions are too long");
	buf_append(&begin, bytes_of(crl->issuer, ISSUER_ID_BYTES));
	buf_append(&begin, crl->head);
	if (!stateless_acquire(client, &lane, err) ||
	    !channel_send(lane.channels, lane.fd, WIRE_CRL_BEGIN, buf_bytes(&begin), err))
		return false;
	if (!send_entries(&lane, crl, err)) {
		abandon(&lane);
		return false;
	}
	if (!stateless_ask(&lane, WIRE_CRL_END, crl->extensions, WIRE_SIGNATURE, &signature, err))
		return false;
	if (signature.len == 0 || signature.len > KEY_SIGNATURE_MAX)
		return channel_malformed(lane.channels, err);
	memcpy(out, signature.data, signature.len);
	*out_len = signature.len;
	return true;
}
