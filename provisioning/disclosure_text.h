/*
 * disclosure_text: what is asked for, and what an officer signs to agree. Pure; both sides make and
 * read the same octets.
 *
 *   moniker-disclosure/1                     moniker-disclosure-approval/1
 *   id 7f3kq2m5nv4wxyza                      request <SHA-256 of the request's text, hex>
 *   requester officer:2c5d7xkaqe3wnb6m       role legal
 *   basis COURT_ORDER                        person onsxg43jn5xhgzlt
 *   case 17/2026
 *   order <SHA-256 of the order, hex>
 *   requested 2026-01-01T00:00:00Z
 *   expires 2026-01-04T00:00:00Z
 *   device <pseudonym>                       one to ten, sorted
 *
 * An escrow audit names no device but `sample <how many> <origin of a log> <its size>`.
 */
#ifndef PROVISIONING_DISCLOSURE_TEXT_H
#define PROVISIONING_DISCLOSURE_TEXT_H

#include "base/hash.h"
#include "base/text.h"
#include "proof/checkpoint.h"
#include "provisioning/seat_set.h"

#define DISCLOSURE_DEVICES_MAX 10
#define DISCLOSURE_CASE_MAX 64
#define DISCLOSURE_TEXT_MAX 1024 /* octets */
#define DISCLOSURE_ACTOR_MAX 40

enum disclosure_basis {
	BASIS_COURT_ORDER,
	BASIS_STATUTE,
	BASIS_VITAL_INTEREST,
	BASIS_RECALL,
	BASIS_SUBJECT_ACCESS,
	BASIS_INCIDENT,
	BASIS_ESCROW_AUDIT,
	BASIS_COUNT
};
const char *disclosure_basis_name(enum disclosure_basis basis); /* "COURT_ORDER" */
bool disclosure_basis_of(struct bytes name, enum disclosure_basis *out);

struct disclosure_text {
	char id[HANDLE_TEXT_LEN + 1];
	char requester[DISCLOSURE_ACTOR_MAX + 1]; /* "officer:<handle>" */
	enum disclosure_basis basis;
	char case_number[DISCLOSURE_CASE_MAX + 1];
	uint8_t order_sha256[SHA256_BYTES];
	int64_t requested_at_s, expires_at_s;
	uint8_t devices[DISCLOSURE_DEVICES_MAX][UUID_BYTES]; /* sorted, each once */
	size_t device_count;
	/* BASIS_ESCROW_AUDIT, and no device: disclosure_draw.h */
	uint32_t sample_count;
	char sample_origin[CHECKPOINT_ORIGIN_MAX + 1];
	int64_t sample_size;
};

/* Letters, digits and ._:/@+=- : it goes into a line of its own. */
bool disclosure_case_valid(struct bytes text);
void disclosure_encode(const struct disclosure_text *text, struct buf *out);
/* Exactly the octets that disclosure_encode() writes. E_BAD_SYNTAX */
MUST_CHECK bool disclosure_parse(struct bytes text, struct disclosure_text *out, struct error *err);

void disclosure_approval_encode(
    struct bytes request, enum seat_role role, const char *person, struct buf *out);

#endif
