/* issue: a certificate in process, beside the two operations with keys that it cannot do without.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/defer_openssl.h"
#include "tests/bench/issuing.h"
#include "tests/bench/report.h"

#define DIGEST_BYTES 32

/* Microseconds of CPU for one. */
static double
measure_floor_us(size_t rounds)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");
	DEFER(EVP_PKEY_CTX_free) EVP_PKEY_CTX *signs = EVP_PKEY_CTX_new(key, NULL);
	DEFER(EVP_PKEY_CTX_free) EVP_PKEY_CTX *verifies = EVP_PKEY_CTX_new(key, NULL);
	uint8_t digest[DIGEST_BYTES] = {0}, signature[80];
	int64_t began_us;

	if (EVP_PKEY_sign_init(signs) != 1 || EVP_PKEY_verify_init(verifies) != 1)
		die("OpenSSL does not sign");
	began_us = report_own_cpu_us();
	for (size_t i = 0; i < rounds; i++) {
		size_t len = sizeof signature;

		memcpy(digest, &i, sizeof i);
		if (EVP_PKEY_sign(signs, signature, &len, digest, sizeof digest) != 1 ||
		    EVP_PKEY_verify(verifies, signature, len, digest, sizeof digest) != 1)
			die("a signature is not good");
	}
	return (double)(report_own_cpu_us() - began_us) / (double)rounds;
}

static double
measure_issue_us(const struct issuing *issuing, size_t rounds)
{
	const int64_t began_us = report_own_cpu_us();

	for (size_t i = 0; i < rounds; i++)
		issuing_issue(issuing);
	return (double)(report_own_cpu_us() - began_us) / (double)rounds;
}

int
main(int argc, char **argv)
{
	const size_t rounds = report_few(argc, argv) ? 50 : 4000;
	DEFER(issuing_clear) struct issuing issuing;
	double issue_us[RUNS_MAX], floor_us[RUNS_MAX];

	issuing_init(&issuing);
	(void)measure_issue_us(&issuing, 10); /* what is fetched once */
	for (size_t i = 0; i < RUNS_MAX; i++) {
		floor_us[i] = measure_floor_us(rounds);
		issue_us[i] = measure_issue_us(&issuing, rounds);
	}
	report(&(struct finding){.work = "issue, in process",
	    .figure = report_median(issue_us, RUNS_MAX),
	    .unit = "us",
	    .limit = "P-256 verify and sign, CPU",
	    .limit_figure = report_median(floor_us, RUNS_MAX),
	    .held = report_median(issue_us, RUNS_MAX) / report_median(floor_us, RUNS_MAX),
	    .held_unit = "x",
	    .at_most = true,
	    .budget = 1.5});
	return 0;
}
