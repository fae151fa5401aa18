/* seed: the corpora as they are made, not those inputs that fuzzing has found. */
#ifndef TESTS_FUZZ_SEED_H
#define TESTS_FUZZ_SEED_H

#include "base/bytes.h"

/* Writes corpus/TARGET/NAME unless it is there: signatures are random, committed ones stay. */
void seed_put(const char *target, const char *name, struct bytes input);
/* And the same cut short, with an octet more, and with one bit changed in its middle. */
void seed_put_hurt(const char *target, const char *name, struct bytes input);

void seed_texts(void);      /* seed_texts.c: what can be written by hand */
void seed_requests(void);   /* seed_requests.c: certification requests */
void seed_export(void);     /* seed_export.c: exports of a log */
void seed_keeper(void);     /* seed_keeper.c: what the keeper reads */
void seed_ocsp(void);       /* seed_ocsp.c: OCSP requests */
void seed_remembered(void); /* seed_remembered.c: for a start without a database */
void seed_signed(void);     /* seed_signed.c: certificates, notes */
void seed_trust(void);      /* seed_trust.c: trust bundles, status sets */

#endif
