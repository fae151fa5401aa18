/*
 * seat_handover: what was sealed to a seat's former holder, sealed again to who holds it now:
 * fetched with an officer's certificate, sealed again offline with a seat's key, handed in.
 */
#ifndef CMD_SEAT_HANDOVER_H
#define CMD_SEAT_HANDOVER_H

#include "cmd/cli.h"
#include "provisioning/escrow_open.h"

#define SEAT_HANDOVER_MAX 10000                   /* shares in one file */
#define SEAT_HANDOVER_FILE_MAX ((size_t)64 << 20) /* octets */

struct seat_waiting {
	enum seat_role role;
	int seat;
	const char *after; /* NULL: from the first */
};
/*
 * All that waits for this seat into the file `out`, or SEAT_HANDOVER_MAX of it. *out_next: where
 * there may be more, or JSON's null; the caller frees it.
 */
MUST_CHECK bool seat_handover_fetch(struct http_client *client, const struct seat_waiting *waiting,
    const char *out, size_t *out_count, json_t **out_next, struct error *err);

struct seat_handover {
	const char *package, *out, *cacert; /* files: from fetch, for submit, the roots */
	const struct seat_key *key;         /* any seat's of the role that opens them */
	const struct seat *to;              /* as its holder gave it to us */
};
/*
 * Seals them to `to`, if a set says so that a root has signed. Those that the key does not open are
 * counted and left out.
 * E_BAD_PROOF           the set is not signed, or has another key in this place
 * E_BAD_SYNTAX          the package is of another seat, or of another role than the key
 * E_ESCROW_UNREADABLE   the key opens none
 */
MUST_CHECK bool seat_handover_reseal(const struct seat_handover *handover, size_t *out_count,
    size_t *out_skipped, struct error *err);

/* What that wrote, in pages; done again it does no harm. *out_kept: those that were new. */
MUST_CHECK bool seat_handover_submit(struct http_client *client, const char *package,
    size_t *out_count, size_t *out_kept, struct error *err);

#endif
