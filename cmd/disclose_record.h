/* disclose_record: one record of a package: that it is the one of the log, and what is in it. */
#ifndef CMD_DISCLOSE_RECORD_H
#define CMD_DISCLOSE_RECORD_H

#include "cmd/disclose_open.h"
#include "proof/tlog_proof.h"
#include "provisioning/disclosure.h"

/* Members of a package. E_BAD_SYNTAX */
MUST_CHECK bool disclose_text(
    const json_t *object, const char *name, struct bytes *out, struct error *err);
MUST_CHECK bool disclose_octets(
    const json_t *object, const char *name, struct buf *out, struct error *err);
MUST_CHECK bool disclose_nonce(const json_t *object, const char *name,
    uint8_t out[static COMMITMENT_NONCE_BYTES], struct error *err);
/* The leaf that the member `proof` proves to be in one of the logs; *out is borrowed from `hold`.
 * E_BAD_SYNTAX, E_BAD_PROOF */
MUST_CHECK bool disclose_leaf(const struct log_keys *logs, const json_t *object,
    struct tlog_proof *hold, struct leaf_view *out, struct error *err);

/* That the member of this name is the nonce of the leaf's commitment to `body`. E_BAD_PROOF */
MUST_CHECK bool disclose_commits(const uint8_t wanted[static SHA256_BYTES], const json_t *object,
    const char *nonce_name, struct bytes body, struct error *err);
/* Appends the share of `object` that was sealed to this key again; nothing: there is none. */
MUST_CHECK bool disclose_resealed(
    const json_t *object, const struct seat *seat, struct buf *out, struct error *err);
/* The seat's half: from the record's own share, or from that one. E_ESCROW_UNREADABLE */
MUST_CHECK bool disclose_share(const struct escrow_view *view, const json_t *object,
    const struct seat_key *key, struct escrow_share *out, struct error *err);
/* Appends the fields of the record; the caller wipes them. `object` may have shares that were
 * sealed again. E_ESCROW_UNREADABLE */
MUST_CHECK bool disclose_unseal(const struct disclose_open *with, const json_t *object,
    struct bytes record, struct buf *out, struct error *err);

/* E_BAD_PROOF, E_ESCROW_UNREADABLE */
MUST_CHECK bool disclose_record_open(const struct disclose_open *with, const json_t *record,
    const uint8_t pseudonym[static UUID_BYTES], json_t **out, struct error *err);

#endif
