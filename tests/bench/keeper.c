/* keeper: an append of 128 leaves with a certificate each, through the real keeper's process. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/defer_openssl.h"
#include "keeper/client.h"
#include "tests/bench/limits.h"
#include "tests/bench/report.h"
#include "tests/integration/keeper/attack.h"

#define ENTRIES 128

struct append {
	struct buf leaves[ENTRIES];
	struct tlv tbs[ENTRIES];
	uint8_t nonces[ENTRIES][COMMITMENT_NONCE_BYTES];
	struct keeper_entry entries[ENTRIES];
	struct keeper_signed results[ENTRIES];
};

static void
fill(const struct attack *attack, uint64_t first_seq, struct append *out)
{
	for (size_t i = 0; i < ENTRIES; i++) {
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

static void
check(const struct attack *attack, const struct append *append)
{
	const uint8_t *at = attack->spki.data;
	DEFER(EVP_PKEY_free) EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)attack->spki.len);

	for (size_t i = 0; i < ENTRIES; i++) {
		DEFER(EVP_MD_CTX_free) EVP_MD_CTX *md = EVP_MD_CTX_new();
		const struct keeper_signed *result = &append->results[i];

		if (result->refused)
			die("the keeper refused: %s", result->why);
		if (EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
		    EVP_DigestVerify(md, result->signature, result->signature_len,
			append->tbs[i].data, append->tbs[i].len) != 1)
			die("a signature of the keeper's is not good");
	}
}

/* Microseconds until the answer is there. */
static double
measure_append(const struct attack *attack, struct keeper_client *client, uint64_t first_seq,
    struct append *append)
{
	DEFER(buf_clear_public) struct buf note = {0};
	int64_t began_us;
	double took_us;
	struct error err = {0};

	fill(attack, first_seq, append);
	began_us = clock_monotonic_us();
	must(keeper_append_send(client, first_seq, append->entries, ENTRIES, &err), &err);
	must(keeper_append_receive(client, append->results, ENTRIES, &note, &err), &err);
	took_us = (double)(clock_monotonic_us() - began_us);
	check(attack, append);
	return took_us;
}

static double
measure_in_process(const struct key *key, const struct append *append)
{
	const int64_t began_us = clock_monotonic_us();

	for (size_t i = 0; i < ENTRIES; i++) {
		uint8_t signature[KEY_SIGNATURE_MAX];
		size_t len;
		struct error err = {0};

		must(key_sign(key, append->entries[i].tbs, signature, &len, &err), &err);
	}
	return (double)(clock_monotonic_us() - began_us);
}

static void
report_append(const char *work, const char *limit, double keeper_us, double limit_us)
{
	report(&(struct finding){.work = work,
	    .figure = keeper_us,
	    .unit = "us",
	    .limit = limit,
	    .limit_figure = limit_us,
	    .held = keeper_us / limit_us,
	    .held_unit = "x",
	    .at_most = true});
}

int
main(int argc, char **argv)
{
	const size_t rounds = report_few(argc, argv) ? 3 : 60;
	DEFER(attack_clear) struct attack attack;
	DEFER(keeper_client_free) struct keeper_client *client = keeper_client_new();
	DEFER(secret_free) struct secret *pkcs8 = NULL;
	DEFER(key_free) struct key *key = NULL;
	struct append *append = xcalloc(1, sizeof *append);
	double keeper_us[60], own_us[60], fsync_us;
	struct keeper_state state;
	struct error err = {0};

	must(key_generate(&pkcs8, &err), &err);
	must(key_open(secret_bytes(pkcs8), &key, &err), &err);
	attack_init(&attack);
	keeper_client_attach(client, attack.fds); /* which takes them over */
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		attack.fds[i] = -1;
	must(keeper_hello(client, &state, &err), &err);
	for (size_t i = 0; i < rounds; i++) {
		keeper_us[i] = measure_append(&attack, client, i * ENTRIES, append);
		own_us[i] = measure_in_process(key, append);
	}
	fsync_us = limit_fsync_us(attack.dir, rounds);
	report_append("keeper, append and sign 128", "128 signatures in process",
	    report_median(keeper_us, rounds), report_median(own_us, rounds));
	report_append("keeper, append and sign 128, durable", "the same and one fdatasync",
	    report_median(keeper_us, rounds), report_median(own_us, rounds) + fsync_us);
	for (size_t i = 0; i < ENTRIES; i++)
		buf_clear_public(&append->leaves[i]);
	free(append);
	return 0;
}
