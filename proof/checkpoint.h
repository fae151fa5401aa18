/* checkpoint: the text of a signed note that names a log's size and root (C2SP tlog-checkpoint). */
#ifndef PROOF_CHECKPOINT_H
#define PROOF_CHECKPOINT_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"

#define CHECKPOINT_ORIGIN_MAX 128 /* octets */

struct checkpoint {
	char origin[CHECKPOINT_ORIGIN_MAX + 1]; /* printable ASCII, not empty */
	uint64_t size;                          /* below 2^63 */
	uint8_t root[SHA256_BYTES];
};

void checkpoint_encode(const struct checkpoint *checkpoint, struct buf *out);
/* Extension lines after the root are allowed and ignored. E_BAD_SYNTAX */
MUST_CHECK bool checkpoint_parse(struct bytes text, struct checkpoint *out, struct error *err);

#endif
