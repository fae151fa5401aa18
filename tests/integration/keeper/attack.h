/*
 * attack: the real moniker-keeper with keys of the test's own, and a client that keeps to no rule.
 * The test plays the supervisor (control socket) and the service (channels). Calls fail the test.
 */
#ifndef TESTS_INTEGRATION_KEEPER_ATTACK_H
#define TESTS_INTEGRATION_KEEPER_ATTACK_H

#include "tests/unit/keeper/fixture.h"

#include <sys/types.h>

#include "keeper/control.h"
#include "keeper/wire.h"

#define ATTACK_ORIGIN "moniker.example/node1-2026"

struct attack {
	char dir[64];
	struct policy policy; /* of one issuer */
	struct buf spki;      /* of the issuer's key */
	uint8_t issuer[ISSUER_ID_BYTES];
	int64_t now_s; /* of the system's clock, which the keeper reads */
	pid_t pid;
	int control;
	int fds[CONTROL_CHANNELS]; /* -1: closed */
	uint64_t size;             /* of the log, by what was honestly appended */
};

void attack_init(struct attack *attack);
void attack_clear(struct attack *attack);
DEFER_DECLARE_CLEAR(struct attack, attack_clear)

/* Starts the program and sends the passphrase; attack_init() has done so. */
void attack_start(struct attack *attack);
void attack_kill(struct attack *attack); /* SIGKILL, and waits */
/* A new set of channels; the set before is closed. */
void attack_connect(struct attack *attack);

/* ---- what is said, and heard ---- */

void attack_say(int fd, enum wire_type type, struct bytes body);

struct answer {
	uint8_t type;    /* 0: the channel is closed */
	char name[32];   /* of a refusal: the error code */
	char detail[96]; /* of a refusal, or of a result that is one */
	struct buf body;
};
void attack_hear(int fd, struct answer *out);
void answer_clear(struct answer *answer);
DEFER_DECLARE_CLEAR(struct answer, answer_clear)

/* A refusal with this name, and `detail` in its detail; `what` is printed if it is not. */
void assert_refused(const char *what, int fd, const char *name, const char *detail);
void assert_closed(const char *what, int fd);

/* ---- an entry of an append ---- */

struct attempt { /* of one certificate; what it does not say is as it should be */
	struct tbs_parts parts;
	struct leaf leaf;
	uint8_t nonce[COMMITMENT_NONCE_BYTES], issuer[ISSUER_ID_BYTES];
	bool no_leaf, no_commitment, other_tbs, other_nonce;
	bool plain; /* a leaf without a TBSCertificate */
};
/* An honest one, for the leaf at `seq`. */
void attempt_init(const struct attack *attack, uint64_t seq, struct attempt *out);
/* The entry as it travels. */
void attempt_encode(const struct attempt *attempt, struct buf *out);
struct tlv attempt_tbs(const struct attempt *attempt);

/* Begin, the entries, end. */
void attack_append(int fd, uint64_t first_seq, uint32_t count, struct bytes entries);
/* Takes the one result of an append; `out->type` is its wire_result_kind. */
void attack_result(const char *what, int fd, struct answer *out);

/* Asks for a signature over what the leaf at `seq` is to commit to. */
void attack_say_recorded(int fd, uint64_t seq, const struct attempt *attempt);

/* Appends one leaf, has its certificate signed, and checks signature and checkpoint. */
void attack_honest(const char *what, struct attack *attack);
/* Has what the leaf at `seq` commits to, as attempt_init() makes it, signed again. */
void attack_honest_again(const char *what, struct attack *attack, uint64_t seq);
/* What the keeper says of its tree; a root to compare. */
void attack_tree(const struct attack *attack, uint64_t *out_size, uint8_t out_root[static 32]);

#endif
