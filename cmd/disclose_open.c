#include "cmd/disclose_open.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/defer_openssl.h"
#include "base/file.h"
#include "base/json_in.h"
#include "ca/certificate.h"
#include "cmd/disclose_record.h"
#include "cmd/disclose_sample.h"

#define MEMBER_MAX 65536 /* octets of one member of a package */

DEFER_DECLARE(X509_STORE_CTX, X509_STORE_CTX_free)

/* ---- members ---- */

bool
disclose_text(const json_t *object, const char *name, struct bytes *out, struct error *err)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value) || json_string_length(value) > MEMBER_MAX)
		return error_set(err, E_BAD_SYNTAX, "the package has no %s where it belongs", name);
	*out = bytes_of(json_string_value(value), json_string_length(value));
	return true;
}

bool
disclose_octets(const json_t *object, const char *name, struct buf *out, struct error *err)
{
	struct bytes text;

	return disclose_text(object, name, &text, err) &&
	       (base64_decode(text, out) ||
		   error_set(err, E_BAD_SYNTAX, "%s in the package is not base64", name));
}

bool
disclose_nonce(const json_t *object, const char *name, uint8_t out[static COMMITMENT_NONCE_BYTES],
    struct error *err)
{
	DEFER(buf_clear_public) struct buf octets = {0};

	if (!disclose_octets(object, name, &octets, err))
		return false;
	if (octets.len != COMMITMENT_NONCE_BYTES)
		return error_set(err, E_BAD_SYNTAX, "%s in the package has a wrong length", name);
	memcpy(out, octets.data, COMMITMENT_NONCE_BYTES);
	return true;
}

/* The leaf that the member's proof proves; borrowed from `hold`. */
bool
disclose_leaf(const struct log_keys *logs, const json_t *object, struct tlog_proof *hold,
    struct leaf_view *out, struct error *err)
{
	const struct note_key *key;
	struct checkpoint checkpoint;
	struct bytes text;

	return disclose_text(object, "proof", &text, err) && tlog_proof_parse(text, hold, err) &&
	       log_keys_pick(logs, hold->note, &key, err) &&
	       tlog_proof_verify(hold, key, &checkpoint, err) &&
	       leaf_parse(buf_bytes(&hold->extra), out, err);
}

/* ---- the request ---- */

struct opening {
	const struct disclose_open *with;
	const json_t *package;
	struct bytes request; /* borrowed from the package */
	struct disclosure_text text;
	char subject[LEAF_VALUE_MAX + 1]; /* "d:<id>" of its leaves */
	X509_STORE *trust;
	STACK_OF(X509) * chain;
};

static void
opening_clear(struct opening *opening)
{
	X509_STORE_free(opening->trust);
	sk_X509_pop_free(opening->chain, X509_free);
}
DEFER_DECLARE_CLEAR(struct opening, opening_clear)

static bool
check_request(struct opening *opening, struct error *err)
{
	const json_t *request = json_object_get(opening->package, "request");
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	uint8_t nonce[COMMITMENT_NONCE_BYTES], commitment[SHA256_BYTES];
	struct leaf_view leaf;

	if (!disclose_text(request, "text", &opening->request, err) ||
	    !disclosure_parse(opening->request, &opening->text, err) ||
	    !disclose_nonce(request, "nonce", nonce, err) ||
	    !disclose_leaf(&opening->with->logs, request, &proof, &leaf, err))
		return false;
	(void)snprintf(opening->subject, sizeof opening->subject, "d:%s", opening->text.id);
	leaf_commit(commitment, nonce, opening->request);
	return (leaf.event == LEAF_DISCLOSURE_SUBMIT && leaf.has_second_commitment &&
		   memcmp(leaf.second_commitment, commitment, sizeof commitment) == 0 &&
		   bytes_equal(leaf.subject, bytes_of_text(opening->subject)) &&
		   bytes_equal(leaf.actor, bytes_of_text(opening->text.requester))) ||
	       error_set(err, E_BAD_PROOF, "the log has no such request");
}

/* ---- approvals ---- */

static X509 *
certificate_of(struct bytes der)
{
	const uint8_t *at = der.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)der.len);

	if (certificate != NULL && at != der.data + der.len) {
		X509_free(certificate);
		return NULL;
	}
	return certificate;
}

static bool
read_trust(struct opening *opening, struct error *err)
{
	const json_t *chain = json_object_get(opening->package, "chain");
	size_t i;
	const json_t *item;

	opening->trust = X509_STORE_new();
	opening->chain = sk_X509_new_null();
	if (opening->trust == NULL || opening->chain == NULL ||
	    X509_STORE_load_file(opening->trust, opening->with->cacert) != 1)
		return error_set(
		    err, E_FILE_FAILED, "%s: no certificates to trust in", opening->with->cacert);
	json_array_foreach(chain, i, item)
	{
		DEFER(buf_clear_public) struct buf der = {0};
		X509 *certificate;

		if (!json_is_string(item) || i == ISSUERS_MAX ||
		    !base64_decode(
			bytes_of(json_string_value(item), json_string_length(item)), &der))
			return error_set(err, E_BAD_SYNTAX, "the package's chain is malformed");
		certificate = certificate_of(buf_bytes(&der));
		if (certificate == NULL || sk_X509_push(opening->chain, certificate) == 0) {
			X509_free(certificate);
			return error_set(err, E_BAD_SYNTAX, "the package's chain is malformed");
		}
	}
	return true;
}

/* That the Operations Root vouches for it, as of the approval. */
static bool
chain_holds(const struct opening *opening, struct bytes der, int64_t at_s)
{
	DEFER(X509_free) X509 *certificate = certificate_of(der);
	DEFER(X509_STORE_CTX_free) X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	if (certificate == NULL || ctx == NULL ||
	    X509_STORE_CTX_init(ctx, opening->trust, certificate, opening->chain) != 1)
		return false;
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)at_s);
	return X509_verify_cert(ctx) == 1;
}

struct approver {
	enum seat_role role;
	char actor[LEAF_VALUE_MAX + 1], person[HANDLE_TEXT_LEN + 1];
};

static bool
read_approver(const json_t *object, struct approver *out, struct error *err)
{
	struct bytes role, person;

	if (!disclose_text(object, "role", &role, err) ||
	    !disclose_text(object, "person", &person, err))
		return false;
	if (!seat_role_of(role, &out->role) || !handle_valid(person))
		return error_set(err, E_BAD_SYNTAX, "an approval names no role, or no person");
	memcpy(out->person, person.data, HANDLE_TEXT_LEN);
	out->person[HANDLE_TEXT_LEN] = '\0';
	(void)snprintf(
	    out->actor, sizeof out->actor, "%s:%s", seat_role_name(out->role), out->person);
	return true;
}

static bool
person_signed(const struct opening *opening, const struct approver *approver,
    struct bytes certificate_der, int64_t at_s, struct error *err)
{
	struct certificate certificate;
	struct bytes name;

	if (!certificate_parse(certificate_der, &certificate, err))
		return false;
	return (certificate_common_name(&certificate, &name) &&
		   bytes_equal(name, bytes_of_text(approver->person)) &&
		   chain_holds(opening, certificate_der, at_s)) ||
	       error_set(err, E_BAD_PROOF,
		   "the certificate of %s is not vouched for by the Operations Root",
		   approver->actor);
}

static bool
check_approval(
    const struct opening *opening, const json_t *object, struct approver *out, struct error *err)
{
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	DEFER(buf_clear_public) struct buf message = {0};
	DEFER(buf_clear_public) struct buf signature = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	uint8_t nonce[COMMITMENT_NONCE_BYTES], commitment[SHA256_BYTES];
	struct leaf_view leaf;

	if (!read_approver(object, out, err) || !disclose_nonce(object, "nonce", nonce, err) ||
	    !disclose_octets(object, "signature", &signature, err) ||
	    !disclose_octets(object, "certificate", &der, err) ||
	    !disclose_leaf(&opening->with->logs, object, &proof, &leaf, err))
		return false;
	disclosure_approval_encode(opening->request, out->role, out->person, &message);
	disclosure_approval_commit(nonce, buf_bytes(&message), buf_bytes(&signature), commitment);
	if (leaf.event != LEAF_DISCLOSURE_APPROVE || !leaf.has_second_commitment ||
	    memcmp(leaf.second_commitment, commitment, sizeof commitment) != 0 ||
	    !bytes_equal(leaf.subject, bytes_of_text(opening->subject)) ||
	    !bytes_equal(leaf.actor, bytes_of_text(out->actor)))
		return error_set(err, E_BAD_PROOF, "the log has no approval by %s", out->actor);
	return person_signed(opening, out, buf_bytes(&der), leaf.at_s, err) &&
	       disclosure_signature_verify(
		   buf_bytes(&der), buf_bytes(&message), buf_bytes(&signature), err);
}

/* "legal:<handle>" without the role. */
static const char *
person_of(const char *actor)
{
	const char *colon = strchr(actor, ':');

	return colon != NULL ? colon + 1 : actor;
}

static bool
check_approvals(const struct opening *opening, struct error *err)
{
	const json_t *list = json_object_get(opening->package, "approvals");
	struct approver approvers[2];

	if (json_array_size(list) != COUNT(approvers))
		return error_set(err, E_BAD_PROOF, "an approval of each of two roles is needed");
	for (size_t i = 0; i < COUNT(approvers); i++) {
		if (!check_approval(opening, json_array_get(list, i), &approvers[i], err))
			return false;
		if (strcmp(approvers[i].person, person_of(opening->text.requester)) == 0)
			return error_set(err, E_SAME_PERSON, "who asked has approved, too");
	}
	if (strcmp(approvers[0].person, approvers[1].person) == 0)
		return error_set(err, E_SAME_PERSON, "one person has approved twice");
	return approvers[0].role != approvers[1].role ||
	       error_set(err, E_BAD_PROOF, "both approvals are of one role");
}

/* ---- the whole ---- */

static bool
open_records(const struct opening *opening, json_t *devices, struct error *err)
{
	const json_t *records = json_object_get(opening->package, "records");
	size_t i;
	const json_t *item;

	if (json_array_size(records) != opening->text.device_count)
		return error_set(
		    err, E_BAD_SYNTAX, "the package has other records than were asked for");
	json_array_foreach(records, i, item)
	{
		json_t *device = NULL;

		if (!disclose_record_open(
			opening->with, item, opening->text.devices[i], &device, err))
			return false;
		(void)json_array_append_new(devices, device);
	}
	return true;
}

static json_t *
summary(const struct opening *opening, struct bytes package, const char *name, json_t *told)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	sha256(package, digest);
	hex_encode(hex, bytes_of(digest, sizeof digest));
	return json_pack("{s:s, s:s, s:s, s:s, s:O}", "id", opening->text.id, "basis",
	    disclosure_basis_name(opening->text.basis), "case", opening->text.case_number,
	    "package_sha256", hex, name, told);
}

bool
disclose_open(const struct disclose_open *open, json_t **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(json_release) json_t *package = NULL;
	DEFER(json_release) json_t *devices = json_array();
	DEFER(json_release) json_t *found = NULL;
	DEFER(opening_clear) struct opening opening = {.with = open};

	if (!file_read(open->package, DISCLOSE_PACKAGE_MAX, &text, err) ||
	    !json_parse(buf_bytes(&text), &package, err))
		return false;
	opening.package = package;
	if (!check_request(&opening, err) || !read_trust(&opening, err) ||
	    !check_approvals(&opening, err))
		return false;
	if (opening.text.sample_count > 0) {
		if (!disclose_sample_open(open, package, &opening.text, &found, err))
			return false;
		*out = summary(&opening, buf_bytes(&text), "found", found);
		return true;
	}
	if (!open_records(&opening, devices, err))
		return false;
	*out = summary(&opening, buf_bytes(&text), "devices", devices);
	return true;
}
