/*
 * ocsp: answers by OCSP: signed before, beside an answer of the same kind that is no work; and with
 * a nonce, so signed for one, beside the signature alone.
 */
#include "tests/support/cmocka_all.h"

#include <stdlib.h>

#include <openssl/ocsp.h>
#include <openssl/pem.h>

#include "base/defer_openssl.h"
#include "base/mem.h"
#include "tests/bench/client.h"
#include "tests/bench/devices.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"
#include "tests/unit/ca/ocsp_world.h"

#define NONCE_BYTES 32
#define DEVICES 256

struct bench {
	bool few;
	struct target target;
	SSL_CTX *verifier;
	struct devices devices;
	X509 *issuer;
};

/* ---- over HTTP ---- */

static double
measure(struct bench *bench, const struct buf *requests, size_t count)
{
	const size_t connections = bench->few ? 4 : 32, each = bench->few ? 10 : 500;
	DEFER(load_result_clear) struct load_result result = {0};

	load_run(&(struct load){.target = &bench->target,
		     .tls = bench->verifier,
		     .connections = connections,
		     .each = each,
		     .requests = requests,
		     .request_count = count,
		     .status = "200"},
	    &result);
	if (result.good != connections * each)
		die("%zu of %zu answers were right", result.good, connections * each);
	return (double)result.good * 1e6 / (double)result.took_us;
}

static X509 *
read_pem(struct bytes pem)
{
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	if (x509 == NULL)
		die("no certificate");
	return x509;
}

static X509 *
device_x509(const struct device *device)
{
	DEFER(buf_clear_public) struct buf pem = {0};

	device_pem(device, &pem);
	return read_pem(buf_bytes(&pem));
}

/* Of what verifiers trust, who signed the first device's certificate. */
static X509 *
find_issuer(const struct bench *bench)
{
	DEFER(X509_free) X509 *device = device_x509(&bench->devices.all[0]);
	BIO *bio = BIO_new_file(getenv("MONIKER_TRUST"), "r");
	X509 *one;

	if (bio == NULL)
		die("MONIKER_TRUST names no file");
	while ((one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (X509_check_issued(one, device) == X509_V_OK)
			break;
		X509_free(one);
	}
	BIO_free(bio);
	if (one == NULL)
		die("nobody issued the devices' certificates");
	return one;
}

static void
put_ocsp(const struct bench *bench, const struct device *device, bool nonce, struct buf *out)
{
	DEFER(X509_free) X509 *x509 = device_x509(device);
	OCSP_REQUEST *asked = OCSP_REQUEST_new();
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf path = {0};
	uint8_t *at;

	if (OCSP_request_add0_id(asked, OCSP_cert_to_id(NULL, x509, bench->issuer)) == NULL ||
	    (nonce && OCSP_request_add1_nonce(asked, NULL, NONCE_BYTES) != 1))
		die("OpenSSL makes no request");
	at = buf_extend(&der, (size_t)i2d_OCSP_REQUEST(asked, NULL));
	(void)i2d_OCSP_REQUEST(asked, &at);
	OCSP_REQUEST_free(asked);
	if (nonce) {
		request_put("/ocsp", "application/ocsp-request", buf_bytes(&der), out);
		return;
	}
	buf_append_text(&path, "/ocsp/");
	base64_encode(&path, buf_bytes(&der));
	request_put(buf_text(&path), "", bytes_of(NULL, 0), out);
}

static double
measure_ocsp(struct bench *bench, bool nonce)
{
	const size_t count = bench->devices.count;
	struct buf *requests = xcalloc(count, sizeof *requests);
	double rate;

	for (size_t i = 0; i < count; i++)
		put_ocsp(bench, &bench->devices.all[i], nonce, &requests[i]);
	rate = measure(bench, requests, count);
	requests_free(requests, count);
	return rate;
}

/* The issuer's certificate: about as long, from memory, by a handler that does nothing else. */
static double
measure_static(struct bench *bench)
{
	uint8_t *spki = NULL, id[ISSUER_ID_BYTES];
	const int spki_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(bench->issuer), &spki);
	char id_text[ISSUER_ID_TEXT_LEN + 1];
	DEFER(buf_clear_public) struct buf path = {0};
	DEFER(buf_clear_public) struct buf request = {0};

	issuer_id_of_spki(bytes_of(spki, (size_t)spki_len), id);
	hex_encode(id_text, bytes_of(id, sizeof id));
	OPENSSL_free(spki);
	buf_append_format(&path, "/ca/%s.cer", id_text);
	request_put(buf_text(&path), "", bytes_of(NULL, 0), &request);
	return measure(bench, &request, 1);
}

/* ---- from an accepted revocation to the answer ---- */

static int
read_status(const struct buf *answer)
{
	const char *text = (const char *)answer->data;
	const char *body = memmem(text, answer->len, "\r\n\r\n", 4);
	const unsigned char *at = (const unsigned char *)body + 4;
	OCSP_RESPONSE *response =
	    body == NULL ? NULL
			 : d2i_OCSP_RESPONSE(NULL, &at, (long)answer->len - (body + 4 - text));
	OCSP_BASICRESP *basic = response == NULL ? NULL : OCSP_response_get1_basic(response);
	int status;

	if (basic == NULL)
		die("no OCSP answer");
	status = OCSP_single_get0_status(OCSP_resp_get0(basic, 0), NULL, NULL, NULL, NULL);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	return status;
}

static double
measure_revocation(const struct bench *bench, SSL *ssl, const struct device *device)
{
	DEFER(buf_clear_public) struct buf request = {0};
	DEFER(buf_clear_public) struct buf revocation = {0};
	DEFER(buf_clear_public) struct buf answer = {0};
	int64_t from_us;

	put_ocsp(bench, device, false, &request);
	revocation_put(device, &revocation);
	client_exchange(ssl, buf_bytes(&request), &answer);
	if (read_status(&answer) != V_OCSP_CERTSTATUS_GOOD)
		die("it is not good before");
	client_exchange(ssl, buf_bytes(&revocation), &answer);
	if (strncmp(buf_text(&answer), "HTTP/1.1 201", 12) != 0)
		die("a device is not revoked: %s", buf_text(&answer));
	from_us = clock_monotonic_us();
	do {
		client_exchange(ssl, buf_bytes(&request), &answer);
		if (clock_monotonic_us() - from_us > INT64_C(30000000))
			die("a revocation is in no answer after 30 seconds");
	} while (read_status(&answer) != V_OCSP_CERTSTATUS_REVOKED);
	return (double)(clock_monotonic_us() - from_us) / 1000;
}

/* Last of all: it spoils the devices. */
static void
measure_revocations(const struct bench *bench)
{
	enum { COUNT_MAX = 20 };
	const size_t count = bench->few ? 2 : COUNT_MAX;
	SSL_CTX *tls = target_tls("officer");
	SSL *officer = target_connect(&bench->target, tls);
	double ms[COUNT_MAX], median;

	for (size_t i = 0; i < count; i++)
		ms[i] = measure_revocation(bench, officer, &bench->devices.all[i]);
	median = report_median(ms, count);
	report(&(struct finding){.work = "from a revocation to the OCSP answer",
	    .figure = median,
	    .unit = "ms",
	    .held = ms[count - 1], /* they are sorted now */
	    .held_unit = "ms at most"});
	target_close(officer);
	SSL_CTX_free(tls);
}

/* ---- in this process ---- */

static double
measure_sign_us(const struct key *key, size_t rounds)
{
	const int64_t began_us = report_own_cpu_us();
	uint8_t digest[SHA256_BYTES] = {0}, signature[KEY_SIGNATURE_MAX];
	struct error err = {0};
	size_t len;

	for (size_t i = 0; i < rounds; i++) {
		memcpy(digest, &i, sizeof i);
		must(key_sign_digest(key, digest, signature, &len, &err), &err);
	}
	return (double)(report_own_cpu_us() - began_us) / (double)rounds;
}

/* From the request's octets to the answer's. */
static double
measure_answer_us(const struct ocsp_world *world, struct bytes request, size_t rounds)
{
	const int64_t began_us = report_own_cpu_us();
	struct error err = {0};

	for (size_t i = 0; i < rounds; i++) {
		DEFER(buf_clear_public) struct buf out = {0};
		struct ocsp_request asked;
		struct ocsp_single single = {.state = OCSP_GOOD};

		must(ocsp_request_parse(request, &asked, &err), &err);
		single.certid = asked.certids[0].whole;
		must(ocsp_response_build(&(struct ocsp_answer){.singles = &single,
					     .count = 1,
					     .nonce = asked.nonce,
					     .produced_at_s = TEST_NOW_S + (int64_t)i,
					     .this_update_s = TEST_NOW_S,
					     .next_update_s = TEST_NOW_S + 3600,
					     .key_hash = world->key_hash,
					     .key = world->key,
					     .certificate = buf_bytes(&world->certificate)},
			 &out, &err),
		    &err);
	}
	return (double)(report_own_cpu_us() - began_us) / (double)rounds;
}

static void
make_request(const struct ocsp_world *world, struct buf *out)
{
	static const uint8_t serial[SERIAL_BYTES] = {0x40, 0, 72, 1};
	OCSP_REQUEST *asked = OCSP_REQUEST_new();
	uint8_t *at;

	if (OCSP_request_add0_id(asked,
		ocsp_world_certid(world->issuer, EVP_sha1(), serial, SERIAL_BYTES)) == NULL ||
	    OCSP_request_add1_nonce(asked, NULL, NONCE_BYTES) != 1)
		die("OpenSSL makes no request");
	at = buf_extend(out, (size_t)i2d_OCSP_REQUEST(asked, NULL));
	(void)i2d_OCSP_REQUEST(asked, &at);
	OCSP_REQUEST_free(asked);
}

static void
in_process(bool few)
{
	const size_t rounds = few ? 50 : 10000;
	DEFER(ocsp_world_clear) struct ocsp_world world = {0};
	DEFER(buf_clear_public) struct buf request = {0};
	double sign_us[RUNS_MAX], answer_us[RUNS_MAX], sign, answer;

	ocsp_world_init(&world);
	make_request(&world, &request);
	(void)measure_answer_us(&world, buf_bytes(&request), 10); /* what is fetched once */
	for (size_t i = 0; i < RUNS_MAX; i++) {
		sign_us[i] = measure_sign_us(world.key, rounds);
		answer_us[i] = measure_answer_us(&world, buf_bytes(&request), rounds);
	}
	sign = report_median(sign_us, RUNS_MAX);
	answer = report_median(answer_us, RUNS_MAX);
	report(&(struct finding){.work = "OCSP with a nonce, in process",
	    .figure = answer,
	    .unit = "us",
	    .limit = "P-256 sign, CPU",
	    .limit_figure = sign,
	    .held = sign * 100 / answer,
	    .held_unit = "%",
	    .budget = 70});
}

static void
report_rate(const char *work, double rate, double limit, double budget)
{
	report(&(struct finding){.work = work,
	    .figure = rate,
	    .unit = "/s",
	    .limit = "GET /ca/{issuer}.cer, as many connections",
	    .limit_figure = limit,
	    .held = rate * 100 / limit,
	    .held_unit = "%",
	    .budget = budget});
}

int
main(int argc, char **argv)
{
	struct bench bench = {.few = report_few(argc, argv)};
	const size_t runs = bench.few ? 1 : RUNS_MAX;
	double kept[RUNS_MAX], nonce[RUNS_MAX], idle[RUNS_MAX], limit;

	in_process(bench.few);
	target_init(&bench.target);
	bench.verifier = target_tls("verifier");
	devices_enroll(&bench.target, bench.few ? 8 : DEVICES, &bench.devices);
	bench.issuer = find_issuer(&bench);
	(void)measure_ocsp(&bench, false); /* what is signed once */
	for (size_t i = 0; i < runs; i++) {
		idle[i] = measure_static(&bench);
		kept[i] = measure_ocsp(&bench, false);
		nonce[i] = measure_ocsp(&bench, true);
	}
	limit = report_median(idle, runs);
	report_rate("OCSP, signed before, 32 connections", report_median(kept, runs), limit, 75);
	report_rate("OCSP with a nonce, 32 connections", report_median(nonce, runs), limit, 0);
	measure_revocations(&bench);
	X509_free(bench.issuer);
	devices_clear(&bench.devices);
	SSL_CTX_free(bench.verifier);
	return 0;
}
