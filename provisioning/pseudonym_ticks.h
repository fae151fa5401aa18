/*
 * pseudonym_ticks: a thread that revokes, at fixed times, all that blocked devices of the
 * unlinkable mode still hold.
 *
 * What was asked for since the last tick goes out at once, in an order that is drawn anew, with one
 * date: who reads CRLs or the feed cannot pair it. It also blocks the devices that were ended by
 * their birth certificate (pseudonym_block_asked).
 */
#ifndef PROVISIONING_PSEUDONYM_TICKS_H
#define PROVISIONING_PSEUDONYM_TICKS_H

#include "provisioning/pseudonym_revoke.h"

struct pseudonym_ticks;

/* `revoker` outlives it. E_INTERNAL: no thread */
MUST_CHECK bool pseudonym_ticks_new(
    const struct pseudonym_revoker *revoker, struct pseudonym_ticks **out, struct error *err);
void pseudonym_ticks_free(struct pseudonym_ticks *ticks); /* NULL is fine */

/* One look, as the thread does: for tests. *out_revoked: certificates. */
MUST_CHECK bool pseudonym_ticks_run(
    const struct pseudonym_revoker *revoker, size_t *out_revoked, struct error *err);

#endif
