/*
 * ocsp_memory: what OCSP answers are made from without asking the database: which serial numbers
 * there are, and answers that are signed already. Two tables of fixed size; each set of places has
 * a few, and the oldest one there makes room. Any thread.
 *
 * Only what was issued gets in, so that nobody fills it with what he makes up.
 */
#ifndef CA_OCSP_MEMORY_H
#define CA_OCSP_MEMORY_H

#include "base/buf.h"
#include "base/defer.h"
#include "ca/ocsp_response.h"
#include "ca/serial.h"

#define OCSP_MEMORY_ANSWERS_MAX 8192 /* about 1 KB each */
#define OCSP_MEMORY_KNOWN_MAX 65536  /* 40 octets each */

struct ocsp_memory;
struct ocsp_memory *ocsp_memory_new(void);
void ocsp_memory_free(struct ocsp_memory *memory);
DEFER_DECLARE(struct ocsp_memory, ocsp_memory_free)

/* ---- certificates that were issued and signed: that never changes ---- */

struct ocsp_known {
	uint8_t serial[SERIAL_BYTES];
	uint8_t issuer[ISSUER_ID_BYTES];
	int64_t not_after_s;
};
bool ocsp_memory_knows(
    struct ocsp_memory *memory, const uint8_t serial[static SERIAL_BYTES], struct ocsp_known *out);
void ocsp_memory_learn(struct ocsp_memory *memory, const struct ocsp_known *known);

/* ---- answers ---- */

#define OCSP_ETAG_LEN 34 /* with its quotes */

struct ocsp_times {
	int64_t produced_at_s, this_update_s, next_update_s;
	char etag[OCSP_ETAG_LEN + 1];
};
/*
 * The answer for an identifier of this serial number, if there is one that says the same as
 * `single` does now and holds at now_s. *out_fresh: it need not be made anew yet, which is before
 * half of its time is over.
 */
bool ocsp_memory_recall(struct ocsp_memory *memory, const uint8_t serial[static SERIAL_BYTES],
    const struct ocsp_single *single, int64_t now_s, struct buf *out_der,
    struct ocsp_times *out_times, bool *out_fresh);
void ocsp_memory_keep(struct ocsp_memory *memory, const uint8_t serial[static SERIAL_BYTES],
    const struct ocsp_single *single, struct bytes der, const struct ocsp_times *times);

size_t ocsp_memory_answers(struct ocsp_memory *memory); /* kept now */

#endif
