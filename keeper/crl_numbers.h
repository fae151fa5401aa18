/*
 * crl_numbers: the last CRL number signed for each (issuer, shard), in a file of slots.
 *
 * A slot is issuer(8) shard(2) signed(1) 0(5) number(8) check(8, of the SHA-256 over all before).
 * `signed` says what has the number: 1 the full CRL, 2 the delta, 3 both; 0, of files from before
 * there were deltas, is as good as both. A slot lies within one sector, so that a crash leaves the
 * old or the new one.
 */
#ifndef KEEPER_CRL_NUMBERS_H
#define KEEPER_CRL_NUMBERS_H

#include "base/defer.h"
#include "base/error.h"
#include "keeper/key.h"

#define CRL_NUMBERS_MAX 65536 /* slots */

struct crl_numbers;

/* Makes the file when it is not there. E_FILE_FAILED, E_BAD_SYNTAX: a slot is damaged */
MUST_CHECK bool crl_numbers_open(const char *path, struct crl_numbers **out, struct error *err);
void crl_numbers_free(struct crl_numbers *numbers);
DEFER_DECLARE(struct crl_numbers, crl_numbers_free)

/*
 * Numbers begin with the clock: so many for each second of it (Unix time). Whoever draws the first
 * of them in the database has the others, too, for as long as it is away.
 */
#define CRL_NUMBERS_PER_S UINT64_C(100000)
/*
 * One that is further above both the clock and the last is refused: whoever had it signed could
 * leave no number for any CRL after it.
 */
#define CRL_NUMBERS_AHEAD_MAX (UINT64_C(10) * 366 * 86400 * CRL_NUMBERS_PER_S)

/*
 * Takes `number` for (issuer, shard): durable when it returns. Thread-safe. A full CRL and the
 * delta that is issued with it have the same number (RFC 5280 section 5.2.4), each once.
 * E_KEEPER_REFUSED   not above the last, or too far above it
 * E_FILE_FAILED
 */
MUST_CHECK bool crl_numbers_take(struct crl_numbers *numbers,
    const uint8_t issuer[static ISSUER_ID_BYTES], unsigned shard, bool delta, uint64_t number,
    int64_t now_s, struct error *err);

#endif
