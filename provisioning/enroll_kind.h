/* enroll_kind: an enrollment as a proposal to the ledger. */
#ifndef PROVISIONING_ENROLL_KIND_H
#define PROVISIONING_ENROLL_KIND_H

#include "ca/issue.h"
#include "db/ledger.h"
#include "provisioning/decide.h"
#include "provisioning/enroll.h"

struct enroll_superseded { /* a certificate of a device that is replaced */
	int64_t device;
	uint8_t serial[SERIAL_BYTES];
	uint8_t issuer[ISSUER_ID_BYTES];
	char handle[HANDLE_TEXT_LEN + 1];
	int64_t not_after_s;
};

enum { ENROLL_RECORDS_MAX = 2 }; /* enroll.* and cert.supersede or token.burn */

struct enroll_proposal {
	struct proposal base;

	/* Made by the worker. */
	struct error refused; /* input.refused, when it is refused already */
	struct decide_input input;
	char batch_handle[HANDLE_TEXT_LEN + 1]; /* "": unknown */
	const char *station_handle;             /* or NULL: a token */
	bool names_stations;                    /* the batch is open to some stations only */
	bool has_manifest;                      /* ... to listed hardware only */
	uint8_t pseudonym[UUID_BYTES];
	struct issued issued;
	struct escrow_sealed *sealed; /* NULL: the batch has no escrow */

	/* Made by the kind, at every try anew. */
	struct decide_output output;
	uint8_t replayed_serial[SERIAL_BYTES];
	struct enroll_superseded superseded; /* DECIDE_REPLACE */
	int64_t device;                      /* the new one */
	struct record records[ENROLL_RECORDS_MAX];
};
void enroll_proposal_clear(struct enroll_proposal *proposal);
DEFER_DECLARE_CLEAR(struct enroll_proposal, enroll_proposal_clear)

static inline struct enroll_proposal *
enroll_at(const struct ledger_batch *batch, size_t i)
{
	return (struct enroll_proposal *)batch->proposals[i];
}

static inline bool
enroll_wins(const struct enroll_proposal *proposal)
{
	return proposal->output.decision == DECIDE_ISSUE ||
	       proposal->output.decision == DECIDE_REPLACE;
}

#endif
