#include "tests/bench/append.h"

#include <stdlib.h>

#include "tests/bench/report.h"

struct keeper_client *
append_client(struct attack *attack)
{
	struct keeper_client *client = keeper_client_new();
	struct keeper_state state;
	struct error err = {0};

	keeper_client_attach(client, attack->fds);
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		attack->fds[i] = -1;
	must(keeper_hello(client, &state, &err), &err);
	return client;
}

void
append_fill(const struct attack *attack, uint64_t first_seq, size_t count, struct append *out)
{
	out->count = count;
	for (size_t i = 0; i < count; i++) {
		struct keeper_entry *entry = &out->entries[i];
		struct attempt attempt;

		attempt_init(attack, first_seq + i, &attempt);
		out->tbs[i] = attempt_tbs(&attempt);
		memcpy(out->nonces[i], attempt.nonce, sizeof attempt.nonce);
		attempt.leaf.has_commitment = true;
		leaf_commit(attempt.leaf.commitment, attempt.nonce, tlv_bytes(&out->tbs[i]));
		buf_truncate(&out->leaves[i], 0);
		leaf_put(&attempt.leaf, &out->leaves[i]);
		*entry = (struct keeper_entry){.leaf = buf_bytes(&out->leaves[i]),
		    .tbs = tlv_bytes(&out->tbs[i]),
		    .nonce = out->nonces[i]};
		memcpy(entry->issuer, attack->issuer, sizeof entry->issuer);
	}
}

void
append_run(struct keeper_client *client, uint64_t first_seq, struct append *append)
{
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};

	must(keeper_append_send(client, first_seq, append->entries, append->count, &err), &err);
	must(keeper_append_receive(client, append->results, append->count, &note, &err), &err);
	for (size_t i = 0; i < append->count; i++)
		if (append->results[i].refused)
			die("the keeper refused: %s", append->results[i].why);
}

void
append_free(struct append *append)
{
	if (append == NULL)
		return;
	for (size_t i = 0; i < APPEND_ENTRIES; i++)
		buf_clear_public(&append->leaves[i]);
	free(append);
}
