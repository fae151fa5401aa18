/*
 * renew: a renewal on a mutual TLS connection of its own, in CPU of all the server's processes,
 * beside such a connection that only asks for /healthz, and beside one whose certificate is looked
 * at, too: one after the other, and as a fleet does it, many at once.
 *
 * A certificate is due after two thirds of its year. What is measured here was enrolled a moment
 * ago, so the database's owner moves its recorded validity back: nobody else could.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <libpq-fe.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "base/mem.h"
#include "base/text.h"
#include "tests/bench/client.h"
#include "tests/bench/devices.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"

#define AT_ONCE 64

static void
make_due(void)
{
	const char *url = getenv("MONIKER_PGURL");
	PGconn *pg = PQconnectdb(url != NULL ? url : "");
	PGresult *done =
	    PQexec(pg, "UPDATE certificate SET not_before_at_s = not_before_at_s - 300 * 86400,"
		       " not_after_at_s = not_after_at_s - 300 * 86400"
		       " WHERE not_before_at_s > extract(epoch FROM now()) - 100 * 86400");

	if (PQresultStatus(done) != PGRES_COMMAND_OK)
		die("%s", PQerrorMessage(pg));
	PQclear(done);
	PQfinish(pg);
}

/* ---- one call on a connection of each device's own ---- */

struct calls {
	const struct target *target;
	const struct devices *devices;
	const struct buf *requests;
	const char *status; /* of a good answer */
	atomic_size_t next;
};

static void
call_one(const struct calls *calls, size_t i)
{
	const struct device *device = &calls->devices->all[i];
	DEFER(buf_clear_public) struct buf pem = {0};
	DEFER(buf_clear_public) struct buf answer = {0};
	SSL_CTX *tls;
	SSL *ssl;

	device_pem(device, &pem);
	tls = target_tls_device(buf_bytes(&pem), device->key);
	ssl = target_connect(calls->target, tls);
	client_exchange(ssl, buf_bytes(&calls->requests[i]), &answer);
	if (strncmp(buf_text(&answer) + 9, calls->status, 3) != 0)
		die("an answer is not %s: %s", calls->status, buf_text(&answer));
	target_close(ssl);
	SSL_CTX_free(tls);
}

static void *
call_in_turn(void *context)
{
	struct calls *calls = context;
	size_t i;

	while ((i = atomic_fetch_add(&calls->next, 1)) < calls->devices->count)
		call_one(calls, i);
	return NULL;
}

/* `at_once` callers share the devices. CPU of each part is microseconds for one call. */
static void
measure(struct calls *calls, size_t at_once, double out_cpu_us[static PARTS])
{
	pthread_t threads[AT_ONCE];
	struct usage before, after;

	processes_usage(&calls->target->processes, &before);
	for (size_t i = 0; i < at_once; i++)
		if (pthread_create(&threads[i], NULL, call_in_turn, calls) != 0)
			die("no thread");
	for (size_t i = 0; i < at_once; i++)
		(void)pthread_join(threads[i], NULL);
	processes_usage(&calls->target->processes, &after);
	for (size_t i = 0; i < PARTS; i++)
		out_cpu_us[i] =
		    (double)(after.cpu_us[i] - before.cpu_us[i]) / (double)calls->devices->count;
}

static void
make_requests(const struct devices *devices, struct buf *health, struct buf *renewals)
{
	for (size_t i = 0; i < devices->count; i++) {
		DEFER(buf_clear_public) struct buf csr = {0};
		DEFER(buf_clear_public) struct buf body = {0};

		csr_make(NULL, &csr); /* the next certificate has a key of its own */
		buf_append_text(&body, "{\"csr\":\"");
		base64_encode(&body, buf_bytes(&csr));
		buf_append_text(&body, "\"}");
		request_put("/healthz", "", bytes_of(NULL, 0), &health[i]);
		request_put("/v1/renewals", "application/json", buf_bytes(&body), &renewals[i]);
	}
}

static double
sum(const double parts[static PARTS])
{
	return parts[SERVICE] + parts[KEEPER] + parts[DATABASE];
}

/* ---- what a TLS server pays that looks at its clients' certificates: OpenSSL's own way ---- */

static X509_STORE *
trust_store(void)
{
	const char *path = getenv("MONIKER_TRUST");
	X509_STORE *store = X509_STORE_new();

	if (path == NULL || X509_STORE_load_file(store, path) != 1)
		die("the trust anchors cannot be read: %s", path != NULL ? path : "MONIKER_TRUST");
	return store;
}

static void
verify_one(X509_STORE *store, struct bytes der)
{
	const uint8_t *at = der.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)der.len);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	if (certificate == NULL || X509_STORE_CTX_init(ctx, store, certificate, NULL) != 1)
		die("a certificate cannot be read");
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME); /* they were moved back */
	if (X509_verify_cert(ctx) != 1)
		die("a certificate does not verify");
	X509_STORE_CTX_free(ctx);
	X509_free(certificate);
}

static double
cpu_us(void)
{
	struct timespec used;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
}

/* Microseconds to read one certificate and to verify its chain. */
static double
measure_verify(const struct devices *devices)
{
	X509_STORE *store = trust_store();
	double spent_us = 0;

	for (size_t i = 0; i < devices->count; i++) {
		DEFER(buf_clear_public) struct buf pem = {0};
		DEFER(buf_clear_public) struct buf der = {0};
		struct error err = {0};
		double before_us;

		device_pem(&devices->all[i], &pem);
		must(pem_decode(buf_bytes(&pem), "CERTIFICATE", &der, &err), &err);
		before_us = cpu_us();
		verify_one(store, buf_bytes(&der));
		spent_us += cpu_us() - before_us;
	}
	X509_STORE_free(store);
	return spent_us / (double)devices->count;
}

struct costs { /* microseconds of CPU for one, of each run */
	double bare[RUNS_MAX], verified[RUNS_MAX], renewal[RUNS_MAX];
};

static void
run(const struct target *target, size_t count, size_t at_once, struct costs *out, size_t place)
{
	DEFER(devices_clear) struct devices devices;
	struct buf *health, *renewals;
	double bare[PARTS], renew[PARTS], verify_us;

	devices_enroll(target, count, &devices);
	make_due();
	health = xcalloc(devices.count, sizeof *health);
	renewals = xcalloc(devices.count, sizeof *renewals);
	make_requests(&devices, health, renewals);
	measure(&(struct calls){target, &devices, health, "200", 0}, at_once, bare);
	measure(&(struct calls){target, &devices, renewals, "201", 0}, at_once, renew);
	verify_us = measure_verify(&devices);
	printf("%2zu at once, CPU: bare connection %.0f us; X509_verify_cert %.0f us; renewal %.0f "
	       "us in the service, %.0f us in moniker-keeper, %.0f us in PostgreSQL\n",
	    at_once, sum(bare), verify_us, renew[SERVICE], renew[KEEPER], renew[DATABASE]);
	out->bare[place] = sum(bare);
	out->verified[place] = sum(bare) + verify_us;
	out->renewal[place] = sum(renew);
	requests_free(health, devices.count);
	requests_free(renewals, devices.count);
}

static void
hold_against(const char *work, const char *limit, double limit_us, double figure_us)
{
	report(&(struct finding){.work = work,
	    .figure = figure_us,
	    .unit = "us",
	    .limit = limit,
	    .limit_figure = limit_us,
	    .held = figure_us / limit_us,
	    .held_unit = "x",
	    .at_most = true,
	    .budget = 1.5});
}

static void
report_costs(struct costs *costs, size_t runs, const char *bare, const char *verified)
{
	const double renewal_us = report_median(costs->renewal, runs);

	hold_against(bare, "CPU of the connection and GET /healthz",
	    report_median(costs->bare, runs), renewal_us);
	hold_against(verified, "that and X509_verify_cert of its chain",
	    report_median(costs->verified, runs), renewal_us);
}

int
main(int argc, char **argv)
{
	const bool few = report_few(argc, argv);
	const size_t runs = few ? 1 : RUNS_MAX;
	struct costs one, many;
	struct target target;

	target_init(&target);
	for (size_t i = 0; i < runs; i++) {
		run(&target, few ? 40 : 300, 1, &one, i);
		run(&target, few ? 40 : 1200, few ? 4 : AT_ONCE, &many, i);
	}
	report_costs(
	    &one, runs, "renew, a fresh mTLS connection", "renew, a verified mTLS connection");
	report_costs(&many, runs, "renew, 64 fresh at once", "renew, 64 verified at once");
	return 0;
}
