/*
 * crl: a list built and signed in process, as the service builds it, beside OpenSSL's X509_CRL.
 * Each in a process of its own, for its peak of memory; the input is in memory before the clock
 * starts, and what comes out is read back by OpenSSL after it stopped. Ours comes out in a file
 * that has no name: it is no memory of the process, so its size is a row of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/x509v3.h>

#include "base/hash.h"
#include "base/mem.h"
#include "ca/crl_build.h"
#include "ca/crl_store.h"
#include "keeper/check.h"
#include "keeper/client.h"
#include "tests/bench/crl_paths.h"
#include "tests/bench/report.h"
#include "tests/support/cmocka_all.h"
#include "tests/unit/ca/authorities.h"

#define PAGE_KB 4 /* the least that a peak can be seen to be */

struct made {
	double cpu_us, peak_kb, list_kb, keeper_us;
};

struct input {
	const char *dir; /* for the file */
	const struct policy_issuer *policy;
	const struct issuer *issuer;
	const struct key *key;
	EVP_PKEY *pkey; /* for OpenSSL, which does not get to see the other */
	struct crl_entry *entries;
	size_t count;
};

/* ---- two ways ---- */

/* As the keeper's lane does it, in this process. */
static void
sign(const struct input *input, struct crl_build *build, uint8_t *out, size_t *out_len)
{
	DEFER(mem_free) uint8_t *run = xcalloc(1, KEEPER_CRL_CHUNK_MAX);
	uint8_t digest[SHA256_BYTES];
	struct sha256 hash;
	size_t at = 0, len;
	struct error err = {0};

	sha256_init(&hash);
	sha256_update(&hash, buf_bytes(&build->head));
	do {
		must(crl_build_next(build, &at, run, KEEPER_CRL_CHUNK_MAX, &len, &err), &err);
		sha256_update(&hash, bytes_of(run, len));
	} while (len > 0);
	sha256_update(&hash, buf_bytes(&build->extensions));
	sha256_final(&hash, digest);
	must(key_sign_digest(input->key, digest, out, out_len, &err), &err);
}

static const struct crl_terms *
set_terms(const struct input *input, struct crl_terms *out)
{
	*out = (struct crl_terms){.issuer = input->issuer->tbs,
	    .number = 1,
	    .this_update_s = TEST_NOW_S,
	    .next_update_s = TEST_NOW_S + DAY_S};
	return out;
}

static void
add_all(const struct input *input, struct crl_build *build)
{
	struct crl_terms terms;
	struct error err = {0};

	must(crl_build_begin(build, input->dir, &err), &err);
	for (size_t i = 0; i < input->count; i += CRL_PAGE_MAX)
		must(crl_build_add(build, input->entries + i,
			 input->count - i < CRL_PAGE_MAX ? input->count - i : CRL_PAGE_MAX, &err),
		    &err);
	must(crl_build_close(build, set_terms(input, &terms), &err), &err);
}

/* The list lies in a file of the page cache afterwards, as it does in the service. */
static struct crl_file *
make_own(const struct input *input)
{
	DEFER(crl_build_clear) struct crl_build build = {0};
	struct crl_file *made = NULL;
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t len;
	struct error err = {0};

	add_all(input, &build);
	sign(input, &build, signature, &len);
	must(crl_build_finish(&build, bytes_of(signature, len), &made, &err), &err);
	return made;
}

/* The keeper's own reading of each entry: it would be in its process, beside hash and socket. */
static double
read_as_keeper_us(const struct input *input)
{
	DEFER(crl_build_clear) struct crl_build build = {0};
	DEFER(mem_free) uint8_t *run = xcalloc(1, KEEPER_CRL_CHUNK_MAX);
	struct check_crl check;
	size_t at = 0, len;
	uint64_t number;
	unsigned shard;
	double spent_us = 0;
	struct error err = {0};

	add_all(input, &build);
	must(check_crl_head(&check, input->policy, buf_bytes(&build.head), TEST_NOW_S, &err), &err);
	do {
		must(crl_build_next(&build, &at, run, KEEPER_CRL_CHUNK_MAX, &len, &err), &err);
		spent_us -= (double)report_own_cpu_us();
		must(check_crl_entries(&check, bytes_of(run, len), &err), &err);
		spent_us += (double)report_own_cpu_us();
	} while (len > 0);
	must(check_crl_end(&check, buf_bytes(&build.extensions), &number, &shard, &err), &err);
	return spent_us;
}

static void
add_revoked(X509_CRL *crl, const struct crl_entry *entry)
{
	X509_REVOKED *revoked = X509_REVOKED_new();
	BIGNUM *number = BN_bin2bn(entry->serial, SERIAL_BYTES, NULL);
	ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(number, NULL);
	ASN1_TIME *at = ASN1_TIME_set(NULL, entry->revoked_at_s);
	ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

	if (ASN1_ENUMERATED_set(reason, (long)entry->reason) != 1 ||
	    X509_REVOKED_set_serialNumber(revoked, serial) != 1 ||
	    X509_REVOKED_set_revocationDate(revoked, at) != 1 ||
	    X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, reason, 0, 0) != 1 ||
	    X509_CRL_add0_revoked(crl, revoked) != 1)
		die("OpenSSL does not take an entry");
	BN_free(number);
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(at);
	ASN1_ENUMERATED_free(reason);
}

static void
make_openssl(const struct input *input, struct buf *out)
{
	X509_CRL *crl = X509_CRL_new();
	const uint8_t *name_der = input->issuer->tbs.subject.data;
	X509_NAME *name = d2i_X509_NAME(NULL, &name_der, (long)input->issuer->tbs.subject.len);
	ASN1_TIME *from = ASN1_TIME_set(NULL, TEST_NOW_S);
	ASN1_TIME *until = ASN1_TIME_set(NULL, TEST_NOW_S + DAY_S);
	uint8_t *der = NULL;
	int len;

	if (X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
	    X509_CRL_set_issuer_name(crl, name) != 1 || X509_CRL_set1_lastUpdate(crl, from) != 1 ||
	    X509_CRL_set1_nextUpdate(crl, until) != 1)
		die("OpenSSL does not take the head");
	for (size_t i = 0; i < input->count; i++)
		add_revoked(crl, &input->entries[i]);
	if (X509_CRL_sort(crl) != 1 || X509_CRL_sign(crl, input->pkey, EVP_sha256()) <= 0 ||
	    (len = i2d_X509_CRL(crl, &der)) <= 0)
		die("OpenSSL does not sign the list");
	*out = (struct buf){.data = der, .len = (size_t)len}; /* ends with this process */
	X509_NAME_free(name);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_CRL_free(crl);
}

static void
check(const struct input *input, EVP_PKEY *signer, struct bytes der)
{
	const uint8_t *at = der.data;
	X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.len);

	if (crl == NULL || at != der.data + der.len || X509_CRL_verify(crl, signer) != 1 ||
	    sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)) != (int)input->count)
		die("the list is not what was to be built");
	X509_CRL_free(crl);
}

/* ---- one of them, in a process of its own ---- */

/* KiB from /proc/self/status. */
static double
read_memory(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[128];
	double kb = -1;

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			kb = strtod(line + strlen(name) + 1, NULL);
	if (kb < 0)
		die("/proc/self/status has no %s", name);
	(void)fclose(file);
	return kb;
}

static void
forget_peak(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "we");

	if (file == NULL || fputs("5", file) < 0 || fclose(file) != 0)
		die("the peak of memory cannot be reset");
}

static void
measure_own(const struct input *input, struct made *out)
{
	const double before_kb = read_memory("VmRSS:");
	DEFER(buf_clear_public) struct buf der = {0};
	struct crl_file *made;
	struct error err = {0};

	forget_peak();
	out->cpu_us = -(double)report_own_cpu_us();
	made = make_own(input);
	out->cpu_us += (double)report_own_cpu_us();
	out->peak_kb = read_memory("VmHWM:") - before_kb;
	if (out->peak_kb < PAGE_KB)
		out->peak_kb = PAGE_KB;
	out->keeper_us = read_as_keeper_us(input);
	out->list_kb = (double)crl_file_size(made) / 1024;
	buf_reserve(&der, crl_file_size(made));
	must(crl_file_copy(made, 0, der.data, crl_file_size(made), &err), &err);
	der.len = crl_file_size(made);
	check(input, input->issuer->public_key, buf_bytes(&der));
	crl_file_free(made);
}

static void
measure_openssl(const struct input *input, struct made *out)
{
	const double before_kb = read_memory("VmRSS:");
	struct buf made = {0};

	forget_peak();
	out->cpu_us = -(double)report_own_cpu_us();
	make_openssl(input, &made);
	out->cpu_us += (double)report_own_cpu_us();
	out->peak_kb = read_memory("VmHWM:") - before_kb;
	out->list_kb = (double)made.len / 1024;
	check(input, input->pkey, buf_bytes(&made));
}

static void
fill(struct input *input)
{
	const struct rng rng = rng_system();

	input->entries = xcalloc(input->count, sizeof *input->entries);
	for (size_t i = 0; i < input->count; i++) {
		serial_make(input->entries[i].serial, time_month(TEST_NOW_S), &rng);
		input->entries[i].revoked_at_s = TEST_NOW_S - (int64_t)(i % 1000000);
		input->entries[i].reason = REASON_KEY_COMPROMISE;
	}
}

static void
measure_here(size_t count, bool own, struct made *out)
{
	DEFER(authorities_clear) struct authorities authorities;
	DEFER(key_free) struct key *key = NULL;
	struct input input = {.count = count, .dir = getenv("MONIKER_TEST_STATE")};

	if (input.dir == NULL)
		input.dir = "/tmp";
	authorities_init(&authorities);
	key = authorities_key(&authorities, ISSUER_DEVICE_CA);
	input.issuer = issuers_active(authorities.issuers, ISSUER_DEVICE_CA);
	input.key = key;
	input.policy = policy_find(&authorities.ceremony.policy, input.issuer->id);
	input.pkey = EVP_EC_gen("P-256");
	fill(&input);
	(own ? measure_own : measure_openssl)(&input, out);
}

static struct made
measure(size_t count, bool own)
{
	struct made made;
	int pipe_fds[2], status;
	pid_t pid;

	(void)fflush(stdout);
	if (pipe(pipe_fds) != 0 || (pid = fork()) < 0)
		die("no process of its own");
	if (pid == 0) {
		measure_here(count, own, &made);
		_exit(write(pipe_fds[1], &made, sizeof made) == (ssize_t)sizeof made ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0 ||
	    read(pipe_fds[0], &made, sizeof made) != (ssize_t)sizeof made)
		die("a list was not built");
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	return made;
}

int
main(int argc, char **argv)
{
	const bool few = report_few(argc, argv);
	const size_t count = few ? 5000 : 1000000, runs = few ? 1 : RUNS_MAX;
	double own_ms[RUNS_MAX], openssl_ms[RUNS_MAX], own_mib[RUNS_MAX], openssl_mib[RUNS_MAX];
	double list_mib[RUNS_MAX], keeper_ms[RUNS_MAX];

	for (size_t i = 0; i < runs; i++) {
		const struct made own = measure(count, true);
		const struct made openssl = measure(count, false);

		own_ms[i] = own.cpu_us / 1000;
		own_mib[i] = own.peak_kb / 1024;
		list_mib[i] = own.list_kb / 1024;
		keeper_ms[i] = own.keeper_us / 1000;
		openssl_ms[i] = openssl.cpu_us / 1000;
		openssl_mib[i] = openssl.peak_kb / 1024;
	}
	report(&(struct finding){.work = "CRL of 1,000,000, CPU",
	    .figure = report_median(own_ms, runs),
	    .unit = "ms",
	    .limit = "X509_CRL, build and sign",
	    .limit_figure = report_median(openssl_ms, runs),
	    .held = report_median(openssl_ms, runs) / report_median(own_ms, runs),
	    .held_unit = "x less",
	    .budget = 40});
	report(&(struct finding){.work = "CRL of 1,000,000, peak memory",
	    .figure = report_median(own_mib, runs),
	    .unit = "MiB",
	    .limit = "X509_CRL, build and sign",
	    .limit_figure = report_median(openssl_mib, runs),
	    .held = report_median(own_mib, runs),
	    .held_unit = "MiB above input",
	    .at_most = true,
	    .budget = 16});
	report(&(struct finding){.work = "CRL of 1,000,000, in its file",
	    .figure = report_median(list_mib, runs),
	    .unit = "MiB",
	    .held = report_median(list_mib, runs),
	    .held_unit = "MiB of page cache"});
	report(&(struct finding){.work = "CRL of 1,000,000, read by the keeper",
	    .figure = report_median(keeper_ms, runs),
	    .unit = "ms",
	    .held = report_median(keeper_ms, runs) * 1e6 / (double)count,
	    .held_unit = "ns an entry"});
	crl_database_measure(count, runs);
	crl_latency_measure(few);
	return 0;
}
