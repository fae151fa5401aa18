/*
 * client: the service's side of the keeper's channels.
 *
 * The ordered lane belongs to the ledger: one thread sends appends, one receives what was
 * signed, in the same order. Stateless requests may come from any thread and wait for one
 * of the CONTROL_STATELESS channels. When the keeper is gone every call fails with
 * E_KEEPER_UNAVAILABLE until the supervisor's next channels are attached.
 */
#ifndef KEEPER_CLIENT_H
#define KEEPER_CLIENT_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/defer.h"
#include "base/error.h"
#include "keeper/control.h"
#include "keeper/key.h"
#include "keeper/tag.h"
#include "proof/checkpoint.h"
#include "proof/leaf.h"

#define KEEPER_APPEND_MAX 4096 /* leaves in one append */
#define KEEPER_IN_FLIGHT_MAX 4 /* appends sent and not yet received */
/* A keeper that gives no answer for so long hangs: its channels are taken for lost. */
#define KEEPER_ANSWER_MAX_MS 10000

struct keeper_client;

struct keeper_client *keeper_client_new(void);
void keeper_client_free(struct keeper_client *client);
DEFER_DECLARE(struct keeper_client, keeper_client_free)

/* Instead of KEEPER_ANSWER_MAX_MS, for channels that are attached from here on. */
void keeper_client_limit(struct keeper_client *client, int answer_max_ms);
/* Takes the descriptors over; the ones before are closed. Counts a new generation. */
void keeper_client_attach(
    struct keeper_client *client, const int channels[static CONTROL_CHANNELS]);
/* The generation attached (0: none yet), and whether its channels still work. */
uint64_t keeper_client_generation(struct keeper_client *client, bool *out_alive);

/* ---- the ordered lane ---- */

struct keeper_state {
	struct checkpoint checkpoint; /* origin, size and root of the journal's tree */
	uint8_t log_public_key[32];   /* Ed25519, of the log's note key */
};
MUST_CHECK bool keeper_hello(
    struct keeper_client *client, struct keeper_state *out, struct error *err);

struct keeper_entry {
	struct bytes leaf;    /* its exact bytes */
	struct bytes tbs;     /* to be signed, or empty */
	const uint8_t *nonce; /* of the leaf's `c`, COMMITMENT_NONCE_BYTES; NULL without tbs */
	uint8_t issuer[ISSUER_ID_BYTES];
};
struct keeper_signed {
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len; /* 0: nothing was asked, or there is none */
	bool refused;         /* this TBS will never be signed: cert.abort; else perhaps later */
	char why[96];         /* for the log: why there is none */
};

/*
 * Sends one append; the first leaf's seq is `first_seq`. At most KEEPER_IN_FLIGHT_MAX are
 * unreceived. E_KEEPER_UNAVAILABLE
 */
MUST_CHECK bool keeper_append_send(struct keeper_client *client, uint64_t first_seq,
    const struct keeper_entry *entries, size_t count, struct error *err);
/*
 * Waits for the oldest append in flight: results[i] for its entry i (count as sent), and the
 * signed checkpoint note of the tree after it.
 * E_KEEPER_UNAVAILABLE   the keeper is gone; the append may be in its journal or not
 * E_KEEPER_REFUSED       the append as a whole (wrong seq): nothing was taken
 */
MUST_CHECK bool keeper_append_receive(struct keeper_client *client, struct keeper_signed *results,
    size_t count, struct buf *out_checkpoint, struct error *err);

/* Signs what a leaf already in the journal commits to. Only while no append is in flight. */
MUST_CHECK bool keeper_sign_recorded(struct keeper_client *client, uint64_t seq,
    const struct keeper_entry *entry, struct keeper_signed *out, struct error *err);
/* The checkpoint note of the present tree. Only while no append is in flight. */
MUST_CHECK bool keeper_checkpoint(
    struct keeper_client *client, struct buf *out_checkpoint, struct error *err);

/* ---- stateless ---- */

/* Tags of canonical hardware id messages under each key that is there. At most 4096. */
MUST_CHECK bool keeper_tags(struct keeper_client *client, const struct bytes *messages,
    size_t count, struct tag_set *out_tags, struct tag_kids *out_kids, struct error *err);

#define KEEPER_POINTS_MAX 256
/* Blinded points times the newest key. E_TAG_INVALID   one is no point, or the identity */
MUST_CHECK bool keeper_evaluate(struct keeper_client *client, const uint8_t (*points)[TAG_BYTES],
    size_t count, uint8_t (*out)[TAG_BYTES], uint8_t *out_kid, struct error *err);
/*
 * Tags of key `kid` that come from outside, under each key that is there. At most
 * KEEPER_POINTS_MAX.
 * E_TAG_INVALID   one is no point, or the identity
 * E_NOT_FOUND     there is no key of this kid
 */
MUST_CHECK bool keeper_retag(struct keeper_client *client, uint8_t kid,
    const uint8_t (*tags)[TAG_BYTES], size_t count, struct tag_set *out_tags,
    struct tag_kids *out_kids, struct error *err);

#define TOKEN_HEAD_BYTES 41 /* kid(1) id(8) batch(8) expires_at_s(8) random(16) */
#define TOKEN_MAC_BYTES 16
/* MACs (BLAKE2b-128, keyed) of token heads; each head's kid must be the newest. At most 1000. */
MUST_CHECK bool keeper_token_macs(struct keeper_client *client,
    const uint8_t (*heads)[TOKEN_HEAD_BYTES], size_t count, uint8_t (*out)[TOKEN_MAC_BYTES],
    struct error *err);
MUST_CHECK bool keeper_token_kid(struct keeper_client *client, uint8_t *out_kid, struct error *err);
/* Compared in the keeper, in constant time. */
MUST_CHECK bool keeper_token_check(struct keeper_client *client,
    const uint8_t head[static TOKEN_HEAD_BYTES], const uint8_t mac[static TOKEN_MAC_BYTES],
    bool *out_good, struct error *err);

/*
 * The note of a status text (proof/status_note.h) by the status key; an empty text: only its public
 * key, in *out_public_key.
 * E_KEEPER_REFUSED   another text, not issued now, or no status key is there
 */
MUST_CHECK bool keeper_sign_status(struct keeper_client *client, struct bytes text,
    uint8_t out_public_key[static 32], struct buf *out_note, struct error *err);

/*
 * Signs a CRL streamed as keeper/check.h says: `next_entries` gives runs of whole entries of at
 * most KEEPER_CRL_CHUNK_MAX octets, and an empty run at the end; it may be called more than once.
 * E_KEEPER_REFUSED   wrong form, or a number not above the last for (issuer, shard)
 */
#define KEEPER_CRL_CHUNK_MAX 60000
struct keeper_crl {
	uint8_t issuer[ISSUER_ID_BYTES];
	struct bytes head, extensions;
	bool (*next_entries)(void *context, struct bytes *out_entries, struct error *err);
	void *context;
};
MUST_CHECK bool keeper_sign_crl(struct keeper_client *client, const struct keeper_crl *crl,
    uint8_t out[static KEY_SIGNATURE_MAX], size_t *out_len, struct error *err);

#endif
