/* ca_roll: `moniker ca roll`, `retire` and `status-signer`, on the host. */
#ifndef CMD_CA_ROLL_H
#define CMD_CA_ROLL_H

#include <stdbool.h>

#include "base/buf.h"
#include "ca/issuer.h"

struct ca_options {
	const char *config, *database_url, *dir, *ring, *shards, *wait;
	const char *passphrase_file, *operators_passphrase_file;
	bool json, pem, dry_run, again;
};

/* `word`: a kind for roll, an issuer's id for retire. The exit status. */
int ca_roll(const struct ca_options *options, const char *word);
int ca_retire(const struct ca_options *options, const char *word);
int ca_status_signer(const struct ca_options *options, const char *word); /* none */

/* What whoever verifies devices trusts: Device Roots, and all Device CAs that are not retired. */
void ca_trust_pem(const struct issuers *issuers, struct buf *out);

#endif
