/*
 * crl_kept: the newest lists as files with names, for the next start, with or without a database.
 *
 * "<dir>/crl/<issuer>-<shard>.crl", and "-delta.crl": a head (a magic, number, thisUpdate,
 * nextUpdate, struct crl_ours, SHA-256 of the rest), then the DER. Replaced at once, or not at all.
 */
#ifndef CA_CRL_KEPT_H
#define CA_CRL_KEPT_H

#include "ca/crl.h"

/* Of the one thread that has this list. What fails is logged: only a start without a database
 * misses it. */
void crl_kept_write(const char *dir, const struct issuer *issuer, int shard, enum crl_kind kind,
    const struct crl_view *view);
/* *out stays as it is where there is none, or none that is whole: the latter is logged. */
void crl_kept_read(const char *dir, const struct issuer *issuer, int shard, enum crl_kind kind,
    struct crl_view *out);

#endif
