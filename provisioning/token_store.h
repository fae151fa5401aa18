/* token_store: the rows of token. */
#ifndef PROVISIONING_TOKEN_STORE_H
#define PROVISIONING_TOKEN_STORE_H

#include "provisioning/token.h"

struct token_row { /* a token as it is minted */
	struct token token;
	char handle[HANDLE_TEXT_LEN + 1];
	uint8_t bound_kid;
	uint8_t bound_tags[HWID_COUNT_MAX][TAG_BYTES];
	size_t bound_count; /* 0: free */
};

/* *out_inserted counts those that were new: an id is random, so all, but for a wonder. */
MUST_CHECK bool token_store_insert(struct tx *tx, const struct token_row *rows, size_t count,
    size_t *out_inserted, struct error *err);

#endif
