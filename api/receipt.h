/* receipt: proof, for the caller who asks, that what it caused is in the log: `?proof=1`. */
#ifndef API_RECEIPT_H
#define API_RECEIPT_H

#include "api/app.h"
#include "api/http.h"

#define RECEIPT_WAIT_MS 2000  /* for the checkpoint that counts the leaf: 100 ms as a rule */
#define RECEIPT_LEAVES_MAX 64 /* of one revocation */

/* E_BAD_SYNTAX   `proof` is neither 0 nor 1 */
MUST_CHECK bool receipt_wanted(const struct http_request *request, bool *out, struct error *err);

/*
 * Gives each its proof: the text of a tlog-proof of the leaf that commits to the certificate, or
 * nothing where it cannot be had now. What was done is done: no receipt is no failure, and the same
 * request again gives it.
 */
void receipt_add(
    const struct app *app, const char *request_id, struct enrolled *const *enrolled, size_t count);

/* Adds "proofs": those of `count` leaves from `first_seq` on, RECEIPT_LEAVES_MAX at most. */
void receipt_add_leaves(
    const struct app *app, const char *request_id, int64_t first_seq, size_t count, json_t *object);

#endif
