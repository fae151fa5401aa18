/*
 * log_chain: the logs of one deployment, held against each other: each but the first is announced
 * by another, and one that continues another says where that one ended, for ever.
 *
 * Pure: whoever verifies the logs (proof/verify.h) tells what they are and what leaves "log.open"
 * they have.
 */
#ifndef PROOF_LOG_CHAIN_H
#define PROOF_LOG_CHAIN_H

#include "proof/leaf.h"
#include "proof/verify.h"

#define LOG_CHAIN_MAX 64            /* logs */
#define LOG_CHAIN_ANNOUNCED_MAX 256 /* leaves that announce one */

struct log_opening { /* what the first leaf of a log says */
	bool continues;
	char log[LEAF_VALUE_MAX + 1]; /* name of the one before */
	uint64_t size;                /* of that one, for ever */
	uint8_t root[SHA256_BYTES];
};
/* Of the text of a leaf that leaf_parse() has read. E_BAD_SYNTAX: its `d` is of another form */
MUST_CHECK bool log_opening_parse(struct bytes text, struct log_opening *out, struct error *err);

struct log_chain;
struct log_chain *log_chain_new(void);
void log_chain_free(struct log_chain *chain);
DEFER_DECLARE(struct log_chain, log_chain_free)

/* Another log, by the last part of its origin. -1: there are too many, or it is there already. */
int log_chain_add(struct log_chain *chain, const char *name);
/* A leaf "log.open" of it. */
void log_chain_opened(
    struct log_chain *chain, int log, const struct leaf_view *leaf, struct bytes text);
/* What its verification gave. */
void log_chain_verified(struct log_chain *chain, int log, const struct verify_result *result);

/* Tells of log `log` (by its name) what is wrong, once all are there. False: something is. */
typedef void (*log_chain_tell)(
    void *context, const char *name, enum verify_kind kind, const char *text);
bool log_chain_check(const struct log_chain *chain, log_chain_tell tell, void *context);

#endif
