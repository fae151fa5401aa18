#include "audit/inspect_rows.h"

#include <string.h>

#include "base/der.h"

/* Between the leaves that a restored log got back and the one that says so: the start's own. */
#define RESTORE_SLACK 64

/* ---- certificates ---- */

struct tbs_view {
	struct bytes serial, spki;
	int64_t not_before_s, not_after_s;
};

static bool
read_tbs(struct bytes tbs, struct tbs_view *out)
{
	struct der der = der_of(tbs), inside = der_enter(&der, DER_SEQUENCE), validity;

	(void)der_take(&inside, DER_CONTEXT_CONSTRUCTED(0));
	out->serial = der_take_unsigned(&inside);
	(void)der_take(&inside, DER_SEQUENCE); /* algorithm */
	(void)der_take(&inside, DER_SEQUENCE); /* issuer */
	validity = der_enter(&inside, DER_SEQUENCE);
	out->not_before_s = der_take_time(&validity);
	out->not_after_s = der_take_time(&validity);
	(void)der_take(&inside, DER_SEQUENCE); /* subject */
	out->spki = der_take_whole(&inside, DER_SEQUENCE);
	return inside.ok && der_end(&validity) && der_end(&der);
}

/* The first that is `prefix` and a handle, in "b:.../h:.../h:...". Empty: there is none. */
static struct bytes
handle_in(struct bytes subject, const char *prefix)
{
	const size_t prefix_len = strlen(prefix);

	while (subject.len > 0) {
		const uint8_t *slash = memchr(subject.data, '/', subject.len);
		const size_t len = slash != NULL ? (size_t)(slash - subject.data) : subject.len;

		if (len > prefix_len && memcmp(subject.data, prefix, prefix_len) == 0)
			return bytes_of(subject.data + prefix_len, len - prefix_len);
		if (slash == NULL)
			break;
		subject = bytes_of(slash + 1, subject.len - len - 1);
	}
	return (struct bytes){0};
}

static bool
row_fits(const struct inspect_committed *stored, const struct tbs_view *tbs,
    const struct leaf_view *leaf)
{
	uint8_t spki_sha256[SHA256_BYTES];

	sha256(tbs->spki, spki_sha256);
	return bytes_equal(stored->handle, handle_in(leaf->subject, "h:")) &&
	       bytes_equal(stored->row_issuer, stored->issuer) &&
	       bytes_equal(stored->spki_sha256, bytes_of(spki_sha256, sizeof spki_sha256)) &&
	       stored->not_before_s == tbs->not_before_s && stored->not_after_s == tbs->not_after_s;
}

static void
judge_certificate(const struct inspect_committed *stored, const struct leaf_view *leaf,
    struct inspect_faults *faults)
{
	const struct bytes batch = handle_in(leaf->subject, "b:");
	struct tbs_view tbs;

	if (!read_tbs(stored->body, &tbs) || !bytes_equal(tbs.serial, stored->serial)) {
		inspect_faults_add(faults,
		    (struct inspect_fault){.what = INSPECT_CERTIFICATE_BODY, .seq = stored->seq});
		return;
	}
	if (stored->aborted || !inspect_wants_body(leaf))
		return;
	if (stored->handle.len == 0 || !row_fits(stored, &tbs, leaf))
		inspect_faults_add(faults, (struct inspect_fault){.what = INSPECT_CERTIFICATE,
					       .seq = stored->seq,
					       .missing = stored->handle.len == 0});
	else if (stored->is_device && batch.len > 0 && !bytes_equal(batch, stored->batch))
		inspect_faults_add(faults, (struct inspect_fault){.what = INSPECT_DEVICE,
					       .seq = stored->seq,
					       .missing = stored->batch.len == 0});
}

void
inspect_committed_judge(const struct inspect_committed *stored, const struct leaf_view *leaf,
    struct inspect_faults *faults)
{
	const bool is_certificate = stored->kind == INSPECT_CERTIFICATE_BODY ||
				    stored->kind == INSPECT_CERTIFICATE_ADOPTION;
	const bool has = is_certificate ? leaf->has_commitment : leaf->has_second_commitment;
	const uint8_t *wanted = is_certificate ? leaf->commitment : leaf->second_commitment;
	uint8_t made[SHA256_BYTES];

	if (has && stored->nonce.len == COMMITMENT_NONCE_BYTES) {
		leaf_commit(made, stored->nonce.data, stored->body);
		if (memcmp(made, wanted, sizeof made) == 0) {
			if (is_certificate)
				judge_certificate(stored, leaf, faults);
			return;
		}
	}
	inspect_faults_add(
	    faults, (struct inspect_fault){.what = stored->kind, .seq = stored->seq});
}

bool
inspect_wants_body(const struct leaf_view *leaf)
{
	return leaf->event == LEAF_ENROLL_OK || leaf->event == LEAF_ENROLL_REPLACE ||
	       leaf->event == LEAF_RENEW_OK || leaf->event == LEAF_ROTATE_OK;
}

/* ---- revocations ---- */

struct bytes
inspect_revoked_handle(const struct leaf_view *leaf)
{
	if (leaf->event != LEAF_CERT_REVOKE && leaf->event != LEAF_CERT_SUPERSEDE)
		return (struct bytes){0};
	return handle_in(leaf->subject, "h:");
}

/* RFC 5280 section 5.3.1, as leaves spell them. */
static const struct {
	const char *code;
	int64_t reason;
} REASONS[] = {
    {"UNSPECIFIED", 0},
    {"KEY_COMPROMISE", 1},
    {"CA_COMPROMISE", 2},
    {"AFFILIATION_CHANGED", 3},
    {"SUPERSEDED", 4},
    {"CESSATION", 5},
    {"PRIVILEGE_WITHDRAWN", 9},
};

bool
inspect_revocation_fits(const struct leaf_view *leaf, struct bytes state, int64_t reason)
{
	if (!bytes_equal(state, bytes_of_text("revoked")))
		return false;
	for (size_t i = 0; i < COUNT(REASONS); i++)
		if (bytes_equal(leaf->code, bytes_of_text(REASONS[i].code)))
			return reason == REASONS[i].reason;
	return true; /* a leaf without a reason of its own says only that it is revoked */
}

/* ---- what a restored backup lost ---- */

int64_t
inspect_restored_from(const struct leaf_view *leaf)
{
	const int64_t from = leaf->seq - leaf->count - RESTORE_SLACK;

	if (leaf->event != LEAF_BACKUP_RESTORE)
		return 0;
	return from > 0 ? from : 1;
}
