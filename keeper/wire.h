/*
 * wire: the messages on a channel between the service and the keeper.
 *
 * A message is one SOCK_SEQPACKET packet of at most WIRE_MAX octets: type(1) body. Integers are
 * big endian. Requests on one channel are answered in order, each with exactly one answer: its
 * own or WIRE_REFUSED. An append and a CRL are one request each in several messages: begin,
 * any number of records or entries, end; they are answered after the end. A keeper that gets a
 * message it cannot place answers WIRE_REFUSED and closes the channel.
 */
#ifndef KEEPER_WIRE_H
#define KEEPER_WIRE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/reader.h"
#include "keeper/key.h"
#include "keeper/tag.h"
#include "proof/leaf.h"

#define WIRE_MAX 65536 /* octets of a message */
#define WIRE_BODY_MAX (WIRE_MAX - 1)
#define WIRE_TAGS_MAX 256 /* tags in one request */
#define WIRE_TOKENS_MAX 1000
#define WIRE_SEND_TIMEOUT_S 30 /* a peer that does not read for so long is taken for dead */

enum wire_type {
	/* ordered lane                body */
	WIRE_HELLO = 'H',          /* - */
	WIRE_APPEND_BEGIN = 'B',   /* first_seq(8) count(4) */
	WIRE_APPEND_RECORDS = 'R', /* entries */
	WIRE_APPEND_END = 'E',     /* - */
	WIRE_SIGN_RECORDED = 'G',  /* seq(8), one entry with an empty leaf */
	WIRE_CHECKPOINT = 'K',     /* - */
	/* stateless lanes */
	WIRE_TAGS = 't',        /* messages, each length(1) octets */
	WIRE_RETAG = 'u',       /* kid(1), tags of that key */
	WIRE_EVALUATE = 'v',    /* blinded points */
	WIRE_TOKEN_KID = 'i',   /* - */
	WIRE_TOKEN_MACS = 'm',  /* token heads */
	WIRE_TOKEN_CHECK = 'c', /* token head, MAC */
	WIRE_CRL_BEGIN = 'b',   /* issuer(8), the head */
	WIRE_CRL_ENTRIES = 'e', /* whole entries */
	WIRE_CRL_END = 'x',     /* the extensions */
	WIRE_STATUS_SIGN =
	    's',         /* the text of a status note (proof/status_note.h); empty: the key */
	WIRE_LINK = 'L', /* source(1) device(8), or serial(20) link(49); serial(20) epoch(4)
			    epochs(1) places(1) */
	/* answers */
	WIRE_STATE = '0',    /* size(8) root(32) log_public_key(32) origin */
	WIRE_RESULTS = '1',  /* results; of an append, several messages before WIRE_APPENDED */
	WIRE_APPENDED = '2', /* the checkpoint note; also answers WIRE_CHECKPOINT */
	WIRE_TAGGED = '3',   /* count(1) kids(count), then of each message its tag under each kid */
	WIRE_KID = '4',      /* kid(1) */
	WIRE_MACS = '5',     /* MACs */
	WIRE_VERDICT = '6',  /* 1 good, 0 not */
	WIRE_SIGNATURE = '7', /* of the CRL */
	WIRE_STATUS = '8',    /* public key(32), the signed note or nothing */
	WIRE_LINKED = 'l',    /* block(32) link(49), slots by epoch and place */
	WIRE_REFUSED = '!',   /* name_len(1) name of the error code, detail */
};

/* Whether it was sent: a peer that is gone is an E_KEEPER_UNAVAILABLE. At most WIRE_BODY_MAX. */
MUST_CHECK bool wire_send(int fd, enum wire_type type, struct bytes body, struct error *err);

/* Where a WIRE_LINK takes the device from. */
enum wire_link_source { WIRE_LINK_FROM_DEVICE, WIRE_LINK_FROM_LINK };
#define WIRE_LINK_MIN 35 /* octets of its body */
#define WIRE_LINK_MAX 96
#define WIRE_LINK_SLOTS_MAX 64

struct wire_message {
	uint8_t type;
	struct bytes body; /* borrowed from the buffer that was received into */
};
/*
 * Waits for one message; true with *out_closed when the other side is gone (or sent an empty one).
 * E_BAD_SYNTAX           longer than WIRE_MAX
 * E_KEEPER_UNAVAILABLE   the socket failed
 */
MUST_CHECK bool wire_receive(
    int fd, struct buf *in, struct wire_message *out, bool *out_closed, struct error *err);

void wire_refusal_encode(const struct error *why, struct buf *out);
/*
 * Raises what a refusal says; its value is false. A failure inside the keeper (its journal, its
 * memory) becomes E_KEEPER_UNAVAILABLE: what was asked may have happened or not.
 */
bool wire_refusal_raise(struct bytes body, struct error *err);

/* An entry: leaf_len(2) leaf tbs_len(2) tbs, and with a tbs nonce(32) issuer(8). */
struct wire_entry { /* borrowed */
	struct bytes leaf, tbs;
	const uint8_t *nonce;  /* COMMITMENT_NONCE_BYTES; NULL without tbs */
	const uint8_t *issuer; /* ISSUER_ID_BYTES; NULL without tbs */
};
size_t wire_entry_len(const struct wire_entry *entry);
void wire_entry_encode(const struct wire_entry *entry, struct buf *out);
/* reader->ok says whether it was one within the bounds of leaf and TBS. */
void wire_entry_take(struct reader *reader, struct wire_entry *out);

/* A result: kind(1) len(1) octets: a signature, or why there is none. */
enum wire_result_kind {
	WIRE_RESULT_NOTHING,
	WIRE_RESULT_SIGNED,
	WIRE_RESULT_REFUSED, /* for ever */
	WIRE_RESULT_NOT_NOW, /* this keeper lacks the key; another one, or a later one, may have it
			      */
};
#define WIRE_RESULT_MAX 95 /* octets of a signature or a reason */
struct wire_result {
	uint8_t kind;
	struct bytes octets; /* borrowed */
};
void wire_result_encode(enum wire_result_kind kind, struct bytes octets, struct buf *out);
void wire_result_take(struct reader *reader, struct wire_result *out);

#endif
