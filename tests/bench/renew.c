/*
 * renew: a renewal on a mutual TLS connection of its own, in CPU of all the server's processes,
 * beside such a connection that only asks for /healthz.
 *
 * A certificate is due after two thirds of its year. What is measured here was enrolled a moment
 * ago, so the database's owner moves its recorded validity back: nobody else could.
 */
#include <stdio.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "base/mem.h"
#include "base/text.h"
#include "tests/bench/client.h"
#include "tests/bench/devices.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"

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

/* One call on a connection of each device's own; CPU is microseconds for one. */
static void
measure(const struct target *target, const struct devices *devices, const struct buf *requests,
    const char *status, double out_cpu_us[static PARTS])
{
	struct usage before, after;

	processes_usage(&target->processes, &before);
	for (size_t i = 0; i < devices->count; i++) {
		DEFER(buf_clear_public) struct buf pem = {0};
		DEFER(buf_clear_public) struct buf answer = {0};
		SSL_CTX *tls;
		SSL *ssl;

		device_pem(&devices->all[i], &pem);
		tls = target_tls_device(buf_bytes(&pem), devices->all[i].key);
		ssl = target_connect(target, tls);
		client_exchange(ssl, buf_bytes(&requests[i]), &answer);
		if (strncmp(buf_text(&answer) + 9, status, 3) != 0)
			die("an answer is not %s: %s", status, buf_text(&answer));
		target_close(ssl);
		SSL_CTX_free(tls);
	}
	processes_usage(&target->processes, &after);
	for (size_t i = 0; i < PARTS; i++)
		out_cpu_us[i] =
		    (double)(after.cpu_us[i] - before.cpu_us[i]) / (double)devices->count;
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

static void
run(const struct target *target, size_t count, double *out_bare_us, double *out_renew_us)
{
	DEFER(devices_clear) struct devices devices;
	struct buf *health, *renewals;
	double bare[PARTS], renew[PARTS];

	devices_enroll(target, count, &devices);
	make_due();
	health = xcalloc(devices.count, sizeof *health);
	renewals = xcalloc(devices.count, sizeof *renewals);
	make_requests(&devices, health, renewals);
	measure(target, &devices, health, "200", bare);
	measure(target, &devices, renewals, "201", renew);
	printf("CPU: bare connection %.0f us; renewal %.0f us in monikerd, %.0f us in "
	       "moniker-keeper, %.0f us in PostgreSQL\n",
	    sum(bare), renew[SERVICE], renew[KEEPER], renew[DATABASE]);
	*out_bare_us = sum(bare);
	*out_renew_us = sum(renew);
	requests_free(health, devices.count);
	requests_free(renewals, devices.count);
}

int
main(int argc, char **argv)
{
	const bool few = report_few(argc, argv);
	const size_t runs = few ? 1 : RUNS_MAX;
	double bare_us[RUNS_MAX], renew_us[RUNS_MAX];
	struct target target;

	target_init(&target);
	for (size_t i = 0; i < runs; i++)
		run(&target, few ? 40 : 300, &bare_us[i], &renew_us[i]);
	report(&(struct finding){.work = "renew, a fresh mTLS connection",
	    .figure = report_median(renew_us, runs),
	    .unit = "us",
	    .limit = "CPU of the connection and GET /healthz",
	    .limit_figure = report_median(bare_us, runs),
	    .held = report_median(renew_us, runs) / report_median(bare_us, runs),
	    .held_unit = "x",
	    .at_most = true,
	    .budget = 1.5});
	return 0;
}
