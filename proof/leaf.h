/*
 * leaf: one entry of the audit log: exactly the bytes that are hashed, stored and served.
 *
 * A leaf is one JSON object of printable ASCII with fixed key order and no spaces
 * outside strings, at most LEAF_MAX octets, never re-canonicalised. Its hash is
 * SHA-256(0x00 || bytes), RFC 9162 section 2.1.1. It names no device: `act` and `sub`
 * hold handles, never a pseudonym, serial or hardware id. docs/audit-log.md has the format.
 */
#ifndef PROOF_LEAF_H
#define PROOF_LEAF_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"

#define LEAF_MAX 2048     /* octets */
#define LEAF_VALUE_MAX 64 /* characters of a string value */
#define LEAF_NONCE_BYTES 16
#define LEAF_DETAIL_MAX 8 /* members of `d` */

enum leaf_event {
	LEAF_EVENT_NONE,
#define EVENT(name, text) LEAF_##name,
#include "proof/event.def"
#undef EVENT
	LEAF_EVENT_COUNT
};

const char *leaf_event_name(enum leaf_event event); /* "enroll.ok" */
enum leaf_event leaf_event_of(struct bytes name);   /* LEAF_EVENT_NONE: no such event */

struct leaf_detail {
	const char *key;  /* static, from the event's schema */
	const char *text; /* an enum's name, static; NULL: `number` counts */
	int64_t number;
};

struct leaf {
	int64_t seq;
	int64_t sequenced_at_s; /* st */
	enum leaf_event event;
	char code[32]; /* rc: a reason code; "" encodes as OK */
	int severity;  /* 1 to 6 */
	bool failure;  /* out */
	int64_t at_s;  /* t */
	uint8_t nonce[LEAF_NONCE_BYTES];
	char actor[LEAF_VALUE_MAX + 1];   /* act; "" is left out */
	char subject[LEAF_VALUE_MAX + 1]; /* sub; "" is left out */
	bool has_commitment;              /* c */
	uint8_t commitment[SHA256_BYTES];
	bool has_second_commitment; /* e */
	uint8_t second_commitment[SHA256_BYTES];
	int64_t count;    /* cnt; 0 is left out */
	int64_t window_s; /* win: length of the window in seconds; 0 is left out */
	struct leaf_detail details[LEAF_DETAIL_MAX]; /* d; the first without key ends them */
};

/*
 * Appends the leaf's bytes.
 * E_INTERNAL   a number or time is out of range; a string value is outside
 *              ^[A-Za-z0-9._:/@+=-]{0,64}$, `rc` outside ^[A-Z0-9_]{0,31}$, a key of `d`
 *              outside ^[a-z_]{1,24}$ or there twice
 */
MUST_CHECK bool leaf_encode(const struct leaf *leaf, struct buf *out, struct error *err);

/* What the keeper, readers and verifiers need of a leaf, taken from its exact bytes. */
struct leaf_view {
	int64_t seq;
	int64_t sequenced_at_s;
	enum leaf_event event;
	struct bytes event_name, code, actor,
	    subject; /* borrowed; actor and subject may be empty */
	int64_t severity;
	bool failure;
	int64_t at_s;
	int64_t count, window_s;
	bool has_commitment;
	uint8_t commitment[SHA256_BYTES];
	bool has_second_commitment;
	uint8_t second_commitment[SHA256_BYTES];
	struct bytes details; /* `d` as it stands there, with its braces; or empty */
};

/* A number in `d`. False: there is none of this key. */
MUST_CHECK bool leaf_detail_number(const struct leaf_view *leaf, const char *key, int64_t *out);

/*
 * Reads exactly one leaf; every deviation from the one legal spelling is refused.
 * E_BAD_SYNTAX
 */
MUST_CHECK bool leaf_parse(struct bytes text, struct leaf_view *out, struct error *err);

/* SHA-256(0x00 || bytes). */
void leaf_hash(struct bytes text, uint8_t out[static SHA256_BYTES]);

/* c and e: SHA-256(nonce || body). The nonce is secret, so that a body does not find its leaf. */
#define COMMITMENT_NONCE_BYTES 32
void leaf_commit(uint8_t out[static SHA256_BYTES],
    const uint8_t nonce[static COMMITMENT_NONCE_BYTES], struct bytes body);

#endif
