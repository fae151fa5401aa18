/*
 * blind_seal: an identity sealed for the officers on the station itself, so that the service keeps
 * what it has never seen.
 */
#ifndef CMD_BLIND_SEAL_H
#define CMD_BLIND_SEAL_H

#include "cmd/http_client.h"
#include "provisioning/hwid.h"

struct blind_seal {
	const char *batch;       /* its name, or NULL: a token says which, and nothing is sealed */
	const char *ca_file;     /* PEM: the Operations Root, which signs seat sets */
	const char *certificate; /* the station's: its handle goes into the record */
};

/*
 * Appends the sealed record in base64, or nothing where the batch keeps no identities. The seats
 * are those of GET /v1/seat-sets, if the Operations Root has signed them.
 * E_BAD_PROOF   it has not
 */
MUST_CHECK bool blind_seal_make(struct http_client *client, const struct blind_seal *with,
    const struct hwid *ids, size_t count, struct buf *out, struct error *err);

#endif
