/*
 * disclose_open: a package opened offline, with a seat of each role.
 *
 * First all that shows that it may be opened, from the log's proofs and keys that are kept outside
 * of the service: the request, one approval of each role by different persons, none of them who
 * asked, each signed by a key that the Operations Root vouches for; then, of each record, that it
 * is the one that the log committed to when this pseudonym was enrolled. Anything else: nothing is
 * opened.
 */
#ifndef CMD_DISCLOSE_OPEN_H
#define CMD_DISCLOSE_OPEN_H

#include <jansson.h>

#include "cmd/log_source.h"
#include "provisioning/escrow_open.h"

#define DISCLOSE_PACKAGE_MAX ((size_t)4 << 20) /* octets */
#define DISCLOSE_SEATS_MAX 4

struct disclose_open {
	const char *package, *cacert; /* files; the Operations Root, PEM */
	struct log_keys logs;         /* who signs the logs */
	struct seat_key seats[DISCLOSE_SEATS_MAX];
	size_t seat_count;
};
/*
 * {"id", "basis", "case", "package_sha256", "devices": [{"pseudonym", "hardware_ids", ...}]}, or of
 * an escrow audit "found" instead of devices: disclose_sample.h. The caller frees. E_BAD_SYNTAX,
 * E_BAD_PROOF, E_SAME_PERSON, E_ESCROW_UNREADABLE
 */
MUST_CHECK bool disclose_open(const struct disclose_open *open, json_t **out, struct error *err);

#endif
