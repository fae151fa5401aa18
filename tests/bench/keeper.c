/* keeper: an append of 128 leaves with a certificate each, through the real keeper's process. */
#include "base/clock.h"
#include "base/defer_openssl.h"
#include "base/mem.h"
#include "tests/bench/append.h"
#include "tests/bench/limits.h"
#include "tests/bench/report.h"

static void
check(const struct attack *attack, const struct append *append)
{
	const uint8_t *at = attack->spki.data;
	DEFER(EVP_PKEY_free) EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)attack->spki.len);

	for (size_t i = 0; i < APPEND_ENTRIES; i++) {
		DEFER(EVP_MD_CTX_free) EVP_MD_CTX *md = EVP_MD_CTX_new();
		const struct keeper_signed *result = &append->results[i];

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
	int64_t began_us;
	double took_us;

	append_fill(attack, first_seq, APPEND_ENTRIES, append);
	began_us = clock_monotonic_us();
	append_run(client, first_seq, append);
	took_us = (double)(clock_monotonic_us() - began_us);
	check(attack, append);
	return took_us;
}

static double
measure_in_process(const struct key *key, const struct append *append)
{
	const int64_t began_us = clock_monotonic_us();

	for (size_t i = 0; i < APPEND_ENTRIES; i++) {
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
	DEFER(keeper_client_free) struct keeper_client *client = NULL;
	DEFER(secret_free) struct secret *pkcs8 = NULL;
	DEFER(key_free) struct key *key = NULL;
	DEFER(append_free) struct append *append = xcalloc(1, sizeof *append);
	double keeper_us[60], own_us[60], fsync_us;
	struct error err = {0};

	must(key_generate(&pkcs8, &err), &err);
	must(key_open(secret_bytes(pkcs8), &key, &err), &err);
	attack_init(&attack);
	client = append_client(&attack);
	for (size_t i = 0; i < rounds; i++) {
		keeper_us[i] = measure_append(&attack, client, i * APPEND_ENTRIES, append);
		own_us[i] = measure_in_process(key, append);
	}
	fsync_us = limit_fsync_us(attack.dir, rounds);
	report_append("keeper, append and sign 128", "128 signatures in process",
	    report_median(keeper_us, rounds), report_median(own_us, rounds));
	report_append("keeper, append and sign 128, durable", "the same and one fdatasync",
	    report_median(keeper_us, rounds), report_median(own_us, rounds) + fsync_us);
	return 0;
}
