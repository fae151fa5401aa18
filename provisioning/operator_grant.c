#include "provisioning/operator_grant.h"

#include <stdio.h>

#include "audit/note.h"

_Static_assert(ROLE_COUNT <= LEAF_DETAIL_MAX, "a grant's leaf names every role");

static const char NAME_CHARACTERS[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-";

bool
operator_check_name(const char *name, struct error *err)
{
	size_t len = strnlen(name, OPERATOR_NAME_MAX + 1);

	if (len == 0 || len > OPERATOR_NAME_MAX || strspn(name, NAME_CHARACTERS) != len)
		return error_set_field(err, E_BAD_SYNTAX, "/name",
		    "1 to %d letters, digits or any of . _ @ -", OPERATOR_NAME_MAX);
	return true;
}

static bool
is_present(const struct operator_known *known)
{
	return known->person_exists && known->active;
}

static bool
key_is_theirs(const struct operator_known *known)
{
	return is_present(known) && known->key_exists && !known->key_revoked &&
	       known->key_person == known->person;
}

static enum operator_decision
judge_addition(const struct operator_known *known, unsigned roles, struct error *err)
{
	if (!is_present(known) && roles == 0) {
		(void)error_set_field(err, E_INCOMPLETE, "/roles", "a new person needs a role");
		return OPERATOR_REFUSE;
	}
	if (is_present(known) && roles != 0 && roles != known->roles) {
		(void)error_set_field(
		    err, E_STATE_CONFLICT, "/roles", "the person has other roles");
		return OPERATOR_REFUSE;
	}
	if (!is_present(known))
		return OPERATOR_PERSON;
	return key_is_theirs(known) ? OPERATOR_REPLAY : OPERATOR_CERTIFICATE;
}

/* The person may have been removed, and come back, since the certificate let them in. */
static enum operator_decision
judge_renewal(const struct operator_known *known, const uint8_t *renews, struct error *err)
{
	if (!is_present(known)) {
		(void)error_set(err, E_CALLER_REVOKED, "the certificate was taken away");
		return OPERATOR_REFUSE;
	}
	if (known->key_exists && memcmp(known->key_serial, renews, SERIAL_BYTES) == 0) {
		(void)error_set_field(err, E_KEY_REUSED, "/csr",
		    "the key is that of the certificate to be renewed: make a new one");
		return OPERATOR_REFUSE;
	}
	if (key_is_theirs(known))
		return OPERATOR_REPLAY;
	if (known->pending) {
		(void)error_set(err, E_STATE_CONFLICT,
		    "another certificate of the person waits for its signature");
		return OPERATOR_REFUSE;
	}
	return OPERATOR_CERTIFICATE;
}

enum operator_decision
operator_judge(
    const struct operator_known *known, const struct operator_request *request, struct error *err)
{
	if (known->key_exists && !key_is_theirs(known)) {
		(void)error_set_field(err, E_KEY_REUSED, "/csr", "the key is on record already");
		return OPERATOR_REFUSE;
	}
	return request->renews != NULL ? judge_renewal(known, request->renews, err)
				       : judge_addition(known, request->roles, err);
}

void
operator_grant_clear(struct operator_grant *grant)
{
	issued_clear(&grant->issued);
}

void
operator_grant_begin(struct operator_grant *grant, const struct operator_request *request,
    const struct operator_known *known, const struct rng *rng)
{
	uint8_t octets[HANDLE_BYTES];

	*grant = (struct operator_grant){.request = request, .known = *known};
	rng_fill(rng, octets, sizeof octets);
	handle_encode(grant->handle, octets);
	if (known->person_exists)
		memcpy(grant->handle, known->handle, sizeof grant->handle);
}

bool
operator_grant_issue(struct operator_grant *grant, const struct issuer *operators_ca, int64_t now_s,
    const struct rng *rng, struct error *err)
{
	const struct csr *csr = grant->request->csr;
	struct issue_request issue = {
	    .profile = profile_find(PROFILE_OPERATOR),
	    .issuer = operators_ca,
	    .spki = csr_spki(csr),
	    .common_name = grant->handle,
	    .now_s = now_s,
	};

	return profile_check_key(issue.profile, csr, err) &&
	       issue_prepare(&issue, rng, &grant->issued, err);
}

void
operator_grant_leaf(struct leaf *out, const struct operator_grant *grant, int64_t now_s)
{
	char subject[LEAF_VALUE_MAX + 1];
	size_t count = 0;

	(void)snprintf(subject, sizeof subject, "p:%s", grant->handle);
	note_leaf(out, LEAF_ADMIN_GRANT, grant->request->actor, subject, NULL, now_s);
	for (unsigned bit = 0; bit < ROLE_COUNT; bit++)
		if ((grant->request->roles & 1U << bit) != 0)
			out->details[count++] =
			    (struct leaf_detail){.key = operator_role_name(1U << bit), .number = 1};
}

void
operator_grant_issue_leaf(struct leaf *out, const struct operator_grant *grant, int64_t now_s)
{
	char subject[LEAF_VALUE_MAX + 1];

	(void)snprintf(subject, sizeof subject, "p:%s/h:%s", grant->handle, grant->issued.handle);
	note_leaf(out, LEAF_CERT_ISSUE, grant->request->actor, subject, NULL, now_s);
	out->has_commitment = true;
	memcpy(out->commitment, grant->issued.commitment, sizeof out->commitment);
}

bool
operator_grant_write(struct tx *tx, const struct operator_grant *grant, int64_t now_s,
    bool *out_written, struct error *err)
{
	const struct operator_known *known = &grant->known;
	int64_t person = known->person;

	*out_written = false;
	if (!known->person_exists &&
	    !operator_insert_person(tx, grant->handle, grant->request->name, now_s, &person, err))
		return false;
	if (person == 0)
		return true;
	if (known->person_exists && !known->active && !operator_set_active(tx, person, true, err))
		return false;
	if (!is_present(known) && !operator_insert_roles(tx, person, grant->request->roles, err))
		return false;
	return operator_insert_certificate(tx, &grant->issued, person, now_s, out_written, err);
}
