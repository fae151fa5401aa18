/*
 * est: the forms of Enrollment over Secure Transport (RFC 7030, 8951, 9908). Pure. What it means to
 * enroll is provisioning's; docs/est-clients.md says which clients want what.
 */
#ifndef API_EST_H
#define API_EST_H

#include "ca/profile.h"
#include "provisioning/enroll.h"
#include "provisioning/token_text.h"

#define EST_BODY_MAX 16384         /* octets of a request's body */
#define EST_AUTHORIZATION_MAX 2048 /* octets of the Authorization header field */
#define EST_LINE_LEN 64            /* of an answer that is wrapped */

/* What HTTP Basic carried: a secret, and perhaps hardware ids, which are as secret. */
struct est_credential {
	struct buf text;   /* user name and password, decoded; the rest borrows from it */
	const char *token; /* the password; NULL: it is empty */
	struct enroll_hardware_id hardware_ids[HWID_COUNT_MAX];
	size_t hardware_id_count;
};
/*
 * An Authorization header field (RFC 7617); an empty one is no credential, and fine. The password
 * is what follows the last colon: a token has none, a hardware id may. A user name that begins with
 * the name of a kind of hardware id and "=" is a list of them ("mac48=0242ac110002,imei=..."), any
 * other says nothing.
 * E_CALLER_MISSING        another scheme
 * E_BAD_SYNTAX            not base64 of a user name and a password, or too long
 * E_HARDWARE_ID_INVALID   a list with something else in it, or more than HWID_COUNT_MAX
 */
MUST_CHECK bool est_credential_parse(
    struct bytes authorization, struct est_credential *out, struct error *err);
void est_credential_clear(struct est_credential *credential); /* wipes */
DEFER_DECLARE_CLEAR(struct est_credential, est_credential_clear)

/* Without the words that tools write before the armor of a request (RFC 7468 section 2). */
struct bytes est_skip_words(struct bytes body);

/* Appends a certs-only PKCS #7 (RFC 5272 section 4.1), DER, with these certificates. */
void est_put_certificates(struct buf *out, const struct bytes *certificates, size_t count);
/* Appends CsrAttrs, DER: the key that suits every client and a profile that takes it (RFC 9908
 * section 3.2); an empty list where the profile does not. */
void est_put_csr_attributes(struct buf *out, const struct profile *profile);
/* Appends base64 in one line, or in lines of EST_LINE_LEN. */
void est_put_text(struct buf *out, struct bytes der, bool wrapped);
/* Whether the client wants lines: libest's User-Agent. */
bool est_wants_lines(const char *user_agent);

#endif
