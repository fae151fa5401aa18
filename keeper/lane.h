/*
 * lane: the keeper's end of one channel: a thread that reads messages and answers them.
 *
 * What the service may ask is one table (lane.c). Of the ordered lane there is at most one at a
 * time, so that journal and tree have one owner; stateless lanes share only what does not change,
 * and crl_numbers. Internal to the keeper's process.
 */
#ifndef KEEPER_LANE_H
#define KEEPER_LANE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "keeper/check.h"
#include "keeper/crl_numbers.h"
#include "keeper/journal.h"
#include "keeper/key.h"
#include "keeper/keyring.h"
#include "keeper/policy.h"
#include "keeper/wire.h"
#include "proof/note.h"

struct signer {
	const struct policy_issuer *issuer;
	struct key *key;
};

struct newest { /* the key in the ring that was added last under its kind of name */
	const struct secret *secret; /* NULL: there is none */
	uint8_t kid;
};

struct keeper_core { /* what lanes work with; only the ordered lane changes anything */
	const struct clock *clock;
	struct keyring *ring;
	struct policy policy;
	struct signer signers[POLICY_ISSUERS_MAX];
	size_t signer_count;
	struct note_key log_key;
	const struct secret *log_seed;
	struct newest tag, token;
	struct newest tag_before;   /* while tags are moved to `tag` */
	struct newest link, block;  /* none: this installation has no unlinkable mode yet */
	struct newest status;       /* Ed25519 seed */
	struct note_key status_key; /* of notes; where there is a seed */
	struct crl_numbers *crl_numbers;
	struct journal *journal; /* the ordered lane's */
	int64_t last_at_s;       /* st of the last leaf; the ordered lane's */
	atomic_bool damaged;     /* the journal does not verify: nothing is signed any more */
	int failure_fd;          /* an eventfd: readable when the process has to be started again */
};

enum lane_kind { LANE_ORDERED, LANE_STATELESS };
enum lane_state { LANE_IDLE, LANE_IN_APPEND, LANE_IN_CRL };

struct append { /* one that is arriving */
	uint64_t first_seq;
	uint32_t announced, arrived; /* leaves */
	struct buf entries;          /* as on the wire */
};

struct crl_stream { /* a CRL that is passing */
	const struct signer *signer;
	struct check_crl check;
	struct sha256 hash;
	struct error failed; /* code E_NONE while it is good; told at the end */
};

struct lane {
	struct keeper_core *core;
	enum lane_kind kind;
	int fd;
	const atomic_bool *stopping;
	enum lane_state state;
	struct append append;
	struct crl_stream crl;
	struct buf in, out;
};

/* Serves the channel until it closes or `stopping`, then shuts it down; the caller closes it. */
void lane_run(struct lane *lane);
void lane_clear(struct lane *lane);

/* Sends lane->out as the answer, and empties it. */
MUST_CHECK bool lane_answer(struct lane *lane, enum wire_type type, struct error *err);
/* The signer with this id, or NULL. */
const struct signer *lane_signer(
    const struct keeper_core *core, const uint8_t id[static ISSUER_ID_BYTES]);
/* E_KEEPER_REFUSED   the journal is damaged */
MUST_CHECK bool lane_may_sign(const struct keeper_core *core, struct error *err);

/*
 * Handlers. They answer, or return an error that lane_run() answers with: E_BAD_SYNTAX ends the
 * channel after that, E_KEEPER_UNAVAILABLE at once.
 */
typedef bool (*lane_handler)(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_hello(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_append_begin(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_append_records(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_append_end(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_sign_recorded(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_checkpoint(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_tags(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_retag(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_evaluate(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_token_kid(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_token_macs(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_token_check(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_link(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_status_sign(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_crl_begin(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_crl_entries(struct lane *lane, struct bytes body, struct error *err);
MUST_CHECK bool lane_crl_end(struct lane *lane, struct bytes body, struct error *err);

#endif
