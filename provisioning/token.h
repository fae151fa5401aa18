/*
 * token: one-time enrollment tokens that authenticate themselves.
 *
 * kid(1) id(8) batch(8) expires_at_s(8) random(16) mac(16); token_text.h is how they are written.
 * The MAC is the keeper's, so that a forged token costs no database access. The row keeps
 * SHA-256(random) only.
 */
#ifndef PROVISIONING_TOKEN_H
#define PROVISIONING_TOKEN_H

#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/text.h"
#include "db/ledger.h"
#include "keeper/client.h"
#include "provisioning/hwid.h"
#include "provisioning/token_text.h"

#define TOKEN_REFUSALS_MAX 5 /* refusals of the kinds that count burn it */
#define TOKEN_MINT_MAX 1000
#define TOKEN_VALIDITY_DEFAULT_S (INT64_C(30) * 86400)
#define TOKEN_VALIDITY_MAX_S (INT64_C(366) * 86400)

struct token {
	int64_t id;
	int64_t batch; /* batch.id */
	int64_t expires_at_s;
	uint8_t random_sha256[SHA256_BYTES];
};

/*
 * Reads a token and lets the keeper check its MAC.
 * E_TOKEN_INVALID   not a token, or not ours. Expiry and state are the ledger's to judge.
 */
MUST_CHECK bool token_open(
    struct keeper_client *keeper, const char *text, struct token *out, struct error *err);

struct token_binding { /* bound to this hardware, exactly; none: free */
	struct hwid hwids[HWID_COUNT_MAX];
	size_t count;
};
struct token_mint_request {
	int64_t batch;
	const char *batch_handle;
	const char *actor;                    /* "admin:<handle>" */
	size_t count;                         /* 1 to TOKEN_MINT_MAX */
	const struct token_binding *bindings; /* `count` of them, or NULL: free tokens */
	int64_t expires_in_s;                 /* 1 to TOKEN_VALIDITY_MAX_S; 0: the default */
};
struct token_service {
	struct db *db;
	struct ledger *ledger;
	struct keeper_client *keeper;
	const struct clock *clock;
	const struct rng *rng;
};
/*
 * Records token.mint and the rows, then gives the texts (count strings, the caller frees each and
 * the array). They are shown once. On the host, with no ledger: see token_mint_offline in cmd/.
 * E_BAD_SYNTAX            count or expires_in_s out of bounds; with a pointer
 * E_HARDWARE_ID_INVALID   one id twice in a binding
 */
MUST_CHECK bool token_mint(const struct token_service *service,
    const struct token_mint_request *request, char ***out_texts, struct error *err);

const struct stmt *const *token_statements(void);

#endif
