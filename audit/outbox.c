#include "audit/outbox.h"

#include "audit/outbox_store.h"
#include "base/text.h"

/* What stands before the tail when `seq` has one digit. */
#define HEAD_LEN (sizeof "{\"seq\":0,\"st\":\"" - 1 + TIME_TEXT_LEN + sizeof "\"," - 1)

bool
outbox_tail(const struct leaf *leaf, struct buf *out, struct error *err)
{
	DEFER(buf_clear) struct buf text = {0};
	struct leaf unplaced = *leaf;

	unplaced.seq = 0;
	unplaced.sequenced_at_s = 0;
	if (!leaf_encode(&unplaced, &text, err))
		return false;
	if (text.len > HEAD_LEN + OUTBOX_TAIL_MAX)
		return error_set(err, E_INTERNAL, "the leaf is too long for the outbox");
	buf_append(out, bytes_of(text.data + HEAD_LEN, text.len - HEAD_LEN));
	return true;
}

bool
outbox_add(struct tx *tx, const struct leaf *leaf, const struct rng *rng, struct error *err)
{
	DEFER(buf_clear) struct buf tail = {0};
	struct leaf filled = *leaf;

	rng_fill(rng, filled.nonce, sizeof filled.nonce);
	return outbox_tail(&filled, &tail, err) && outbox_insert(tx, buf_bytes(&tail), err);
}

void
outbox_subject(const char *log_name, struct buf *out)
{
	buf_append_format(out, "\"sub\":\"log:%.60s\"", log_name);
}
