#include "api/est.h"

#include <stdio.h>
#include <strings.h>

#include "base/der.h"
#include "base/text.h"
#include "ca/oid.h"

/* ---- HTTP Basic ---- */

static bool
is_basic(struct bytes *rest)
{
	static const char scheme[] = "basic";
	const size_t len = sizeof scheme - 1;

	if (rest->len <= len || rest->data[len] != ' ' ||
	    strncasecmp((const char *)rest->data, scheme, len) != 0)
		return false;
	*rest = bytes_of(rest->data + len, rest->len - len);
	while (rest->len > 0 && rest->data[0] == ' ')
		*rest = bytes_of(rest->data + 1, rest->len - 1);
	return true;
}

/* Up to `end` (or all), off the front; what follows `end` is left. */
static struct bytes
take_until(struct bytes *rest, char end)
{
	const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->data, end, rest->len);
	const struct bytes taken =
	    bytes_of(rest->data, at != NULL ? (size_t)(at - rest->data) : rest->len);

	*rest = at != NULL ? bytes_of(at + 1, rest->len - taken.len - 1) : (struct bytes){0};
	return taken;
}

static bool
is_kind_of_hardware(struct bytes name)
{
	static const char *const kinds[] = {
	    "mac48", "eui64", "imei", "soc_uid", "se_serial", "tpm_ek", "idevid"};

	for (size_t i = 0; i < COUNT(kinds); i++)
		if (bytes_equal(name, bytes_of_text(kinds[i])))
			return true;
	return false;
}

static bool
read_hardware_ids(struct bytes user, struct est_credential *out, struct error *err)
{
	struct bytes peek = user;

	if (memchr(user.data, '=', user.len) == NULL ||
	    !is_kind_of_hardware(take_until(&peek, '=')))
		return true; /* just a name */
	while (user.len > 0) {
		struct bytes item = take_until(&user, ',');
		struct enroll_hardware_id *id = &out->hardware_ids[out->hardware_id_count];

		if (out->hardware_id_count == HWID_COUNT_MAX)
			return error_set(err, E_HARDWARE_ID_INVALID,
			    "the user name has more than %d hardware ids", HWID_COUNT_MAX);
		id->type = take_until(&item, '=');
		id->value = item;
		if (!is_kind_of_hardware(id->type) || item.len == 0 || item.len > HWID_TEXT_MAX)
			return error_set(err, E_HARDWARE_ID_INVALID,
			    "the user name is no list of hardware ids such as mac48=0242ac110002");
		out->hardware_id_count++;
	}
	return true;
}

static bool
is_text(struct bytes octets)
{
	for (size_t i = 0; i < octets.len; i++)
		if (octets.data[i] < ' ' || octets.data[i] == 0x7f)
			return false;
	return true;
}

/* The last colon of "user:password". */
static bool
find_colon(struct bytes text, size_t *out)
{
	for (*out = text.len; *out > 0; (*out)--)
		if (text.data[*out - 1] == ':') {
			--*out;
			return true;
		}
	return false;
}

bool
est_credential_parse(struct bytes authorization, struct est_credential *out, struct error *err)
{
	struct bytes encoded = authorization;
	size_t colon;

	if (authorization.len == 0)
		return true;
	if (authorization.len > EST_AUTHORIZATION_MAX)
		return error_set(err, E_BAD_SYNTAX, "Authorization is longer than %d octets",
		    EST_AUTHORIZATION_MAX);
	if (!is_basic(&encoded))
		return error_set(
		    err, E_CALLER_MISSING, "send a one-time token as the password of HTTP Basic");
	if (!base64_decode(encoded, &out->text) || !is_text(buf_bytes(&out->text)) ||
	    !find_colon(buf_bytes(&out->text), &colon))
		return error_set(
		    err, E_BAD_SYNTAX, "HTTP Basic has base64 of a user name and a password");
	if (colon + 1 < out->text.len)
		out->token = buf_text(&out->text) + colon + 1;
	return read_hardware_ids(bytes_of(out->text.data, colon), out, err);
}

void
est_credential_clear(struct est_credential *credential)
{
	buf_clear(&credential->text);
	*credential = (struct est_credential){0};
}

/* ---- requests ---- */

struct bytes
est_skip_words(struct bytes body)
{
	static const char armor[] = "-----BEGIN ";
	const uint8_t *at = body.len == 0 || body.data[0] == DER_SEQUENCE
				? NULL
				: memmem(body.data, body.len, armor, sizeof armor - 1);

	if (at == NULL || at == body.data || at[-1] != '\n')
		return body;
	return bytes_of(at, body.len - (size_t)(at - body.data));
}

/* ---- answers ---- */

/* ContentInfo and SignedData of RFC 5652 sections 3 and 5.1, without content and signers. The set
 * of certificates has no order of its own (RFC 5272 section 4.1); ours is the caller's. */
void
est_put_certificates(struct buf *out, const struct bytes *certificates, size_t count)
{
	DEFER(der_writer_clear) struct der_writer w;
	size_t mark;

	der_writer_init(&w, 4096);
	der_put_element(&w, DER_SET, (struct bytes){0}); /* signerInfos */
	mark = der_mark(&w);
	for (size_t i = count; i > 0; i--)
		der_put(&w, certificates[i - 1]);
	der_wrap(&w, DER_CONTEXT_CONSTRUCTED(0), mark);
	mark = der_mark(&w);
	der_put_element(&w, DER_OID, OID_DATA);
	der_wrap(&w, DER_SEQUENCE, mark);                /* encapContentInfo */
	der_put_element(&w, DER_SET, (struct bytes){0}); /* digestAlgorithms */
	der_put_int(&w, 1);
	der_wrap(&w, DER_SEQUENCE, 0);
	der_wrap(&w, DER_CONTEXT_CONSTRUCTED(0), 0);
	der_put_element(&w, DER_OID, OID_SIGNED_DATA);
	der_wrap(&w, DER_SEQUENCE, 0);
	buf_append(out, der_written(&w));
}

/* An attribute with the key's kind and curve, and the algorithm that signs the request. */
void
est_put_csr_attributes(struct buf *out, const struct profile *profile)
{
	DEFER(der_writer_clear) struct der_writer w;

	der_writer_init(&w, 64);
	if ((profile->key_types & CSR_KEY_P256) != 0) {
		size_t mark;

		der_put_element(&w, DER_OID, OID_ECDSA_SHA256);
		mark = der_mark(&w);
		der_put_element(&w, DER_OID, OID_SECP256R1);
		der_wrap(&w, DER_SET, mark);
		der_put_element(&w, DER_OID, OID_EC_PUBLIC_KEY);
		der_wrap(&w, DER_SEQUENCE, mark);
	}
	der_wrap(&w, DER_SEQUENCE, 0);
	buf_append(out, der_written(&w));
}

void
est_put_text(struct buf *out, struct bytes der, bool wrapped)
{
	DEFER(buf_clear_public) struct buf line = {0};

	base64_encode(wrapped ? &line : out, der);
	for (size_t at = 0; at < line.len; at += EST_LINE_LEN) {
		const size_t left = line.len - at;

		buf_append(
		    out, bytes_of(line.data + at, left < EST_LINE_LEN ? left : EST_LINE_LEN));
		buf_append_u8(out, '\n');
	}
}

bool
est_wants_lines(const char *user_agent)
{
	return strncasecmp(user_agent, "libest", 6) == 0;
}
