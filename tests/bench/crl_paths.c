#include "tests/bench/crl_paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "ca/crl_build.h"
#include "ca/crl_store.h"
#include "tests/bench/client.h"
#include "tests/bench/devices.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"
#include "tests/support/test_db.h"

#define ISSUER_HEX "0102030405060708"
static const uint8_t ISSUER[ISSUER_ID_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8};

/* ---- PostgreSQL ---- */

struct spent {
	double wall_ms, cpu_ms; /* CPU of this process and of PostgreSQL */
};

struct meter {
	struct processes processes;
	int64_t wall_us, cpu_us;
};

static int64_t
meter_cpu_us(const struct meter *meter)
{
	struct usage usage;

	processes_usage(&meter->processes, &usage);
	return usage.cpu_us[DATABASE] + report_own_cpu_us();
}

static void
meter_start(struct meter *meter)
{
	meter->cpu_us = meter_cpu_us(meter);
	meter->wall_us = clock_monotonic_us();
}

static struct spent
meter_stop(const struct meter *meter)
{
	return (struct spent){.wall_ms = (double)(clock_monotonic_us() - meter->wall_us) / 1000,
	    .cpu_ms = (double)(meter_cpu_us(meter) - meter->cpu_us) / 1000};
}

static void
fill(const struct test_db *test, size_t count)
{
	char sql[1024];

	(void)snprintf(sql, sizeof sql,
	    "INSERT INTO ca_issuer (id, kind, certificate, not_before_at_s, not_after_at_s,"
	    " in_keeper, state) VALUES ('\\x" ISSUER_HEX
	    "', 'device-ca', '', 1, 2, true, 'active');"
	    "INSERT INTO crl (issuer, shard) VALUES ('\\x" ISSUER_HEX "', 0);"
	    "INSERT INTO revocation SELECT 72, decode('400048' || substr(md5(g::text) ||"
	    " md5('s' || g), 1, 34), 'hex'), '\\x" ISSUER_HEX "', 'revoked', 1, 1767273825,"
	    " 2000000000, g FROM generate_series(1, %zu) AS g;"
	    "UPDATE status_head SET seq = %zu; ANALYZE revocation",
	    count, count);
	test_db_run(test, sql);
}

/* As crl_make.c does it, into the file. */
static void
read_all(struct db *db, struct crl_build *build, size_t count)
{
	DEFER(tx_free) struct tx *tx = NULL;
	DEFER(mem_free) struct crl_page *page = xcalloc(1, sizeof *page);
	const struct crl_key key = {.issuer = ISSUER};
	int64_t seq;
	struct error err = {0};

	must(tx_begin(db, &tx, &err), &err);
	must(crl_store_snapshot(tx, &seq, &err), &err);
	do {
		must(crl_store_page(tx, key, 1, page, &err), &err);
		must(crl_build_add(build, page->entries, page->count, &err), &err);
	} while (page->read == CRL_PAGE_MAX);
	if (build->entry_count != count)
		die("%zu of %zu revocations were read", build->entry_count, count);
}

static void
store(struct db *db, struct crl_file *full, struct crl_file *delta)
{
	const struct crl_list list = {.number = 1, .this_update_s = 1, .next_update_s = 2};
	struct crl_publication publication = {.key = {.issuer = ISSUER},
	    .node = "bench",
	    .lists = {&list, &list},
	    .files = {full, delta}};
	struct crl_lease lease;
	bool kept = false;
	struct error err = {0};

	must(crl_store_lease(db, publication.key, "bench", 1, 2, &lease, &err), &err);
	publication.number = lease.number;
	must(crl_store_keep(db, &publication, &kept, &err), &err);
	if (!kept)
		die("a list was not stored");
}

static void
report_spent(const char *work, const double *cpu_ms, const double *wall_ms, size_t runs)
{
	double cpu[RUNS_MAX], wall[RUNS_MAX];

	memcpy(cpu, cpu_ms, runs * sizeof *cpu);
	memcpy(wall, wall_ms, runs * sizeof *wall);
	report(&(struct finding){.work = work,
	    .figure = report_median(cpu, runs),
	    .unit = "ms",
	    .held = report_median(wall, runs),
	    .held_unit = "ms of wall"});
}

void
crl_database_measure(size_t count, size_t runs)
{
	DEFER(test_db_clear) struct test_db test;
	DEFER(db_free) struct db *db = NULL;
	struct target target;
	struct meter meter;
	double read_cpu[RUNS_MAX], read_wall[RUNS_MAX], keep_cpu[RUNS_MAX], keep_wall[RUNS_MAX];
	struct error err = {0};

	target_init(&target);
	meter.processes = target.processes;
	test_db_init(&test);
	fill(&test, count);
	db = db_new(&(struct db_options){.url = test.service_url,
	    .application = "bench",
	    .connections_max = 1,
	    .wait_ms = 5000});
	for (size_t i = 0; i < runs; i++) {
		DEFER(crl_build_clear) struct crl_build build = {0};
		DEFER(crl_file_free) struct crl_file *made = NULL;
		DEFER(crl_file_free) struct crl_file *delta = NULL;
		struct spent spent;

		must(crl_build_begin(&build, target.state_dir, &err), &err);
		meter_start(&meter);
		read_all(db, &build, count);
		spent = meter_stop(&meter);
		read_cpu[i] = spent.cpu_ms;
		read_wall[i] = spent.wall_ms;
		must(crl_build_finish(&build, bytes_of(NULL, 0), &made, &err), &err);
		must(crl_file_new(target.state_dir, 0, &delta, &err), &err);
		must(crl_file_append(delta, bytes_of("", 1), &err), &err);
		must(crl_file_seal(delta, &err), &err);
		meter_start(&meter);
		store(db, made, delta);
		spent = meter_stop(&meter);
		keep_cpu[i] = spent.cpu_ms;
		keep_wall[i] = spent.wall_ms;
	}
	report_spent("CRL of 1,000,000, database read", read_cpu, read_wall, runs);
	report_spent("CRL of 1,000,000, database store", keep_cpu, keep_wall, runs);
}

/* ---- from an accepted revocation to the list ---- */

struct revocation {
	uint8_t serial[SERIAL_BYTES];
	char path[128]; /* of its CRL */
};

static void
read_certificate(const struct device *device, struct revocation *out)
{
	DEFER(buf_clear_public) struct buf pem = {0};
	BIO *bio;
	X509 *certificate;
	CRL_DIST_POINTS *points;
	const GENERAL_NAME *name;
	const char *url;

	device_pem(device, &pem);
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	points = X509_get_ext_d2i(certificate, NID_crl_distribution_points, NULL, NULL);
	name = sk_GENERAL_NAME_value(sk_DIST_POINT_value(points, 0)->distpoint->name.fullname, 0);
	url = (const char *)ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
	(void)snprintf(out->path, sizeof out->path, "%s", strstr(url, "/crl/"));
	memcpy(
	    out->serial, ASN1_STRING_get0_data(X509_get0_serialNumber(certificate)), SERIAL_BYTES);
	CRL_DIST_POINTS_free(points);
	X509_free(certificate);
	BIO_free(bio);
}

static void
revoke_one(SSL *officer, const struct device *device)
{
	DEFER(buf_clear_public) struct buf request = {0};
	DEFER(buf_clear_public) struct buf answer = {0};

	revocation_put(device, &request);
	client_exchange(officer, buf_bytes(&request), &answer);
	if (strstr(buf_text(&answer), " 201 ") == NULL)
		die("a device is not revoked: %s", buf_text(&answer));
}

static double
wait_for_list(SSL *ssl, const struct revocation *revocation)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	const int64_t from_us = clock_monotonic_us();
	DEFER(buf_clear_public) struct buf request = {0};
	DEFER(buf_clear_public) struct buf answer = {0};

	request_put(revocation->path, "", bytes_of(NULL, 0), &request);
	for (;;) {
		client_exchange(ssl, buf_bytes(&request), &answer);
		if (memmem(answer.data, answer.len, revocation->serial, SERIAL_BYTES) != NULL)
			return (double)(clock_monotonic_us() - from_us) / 1000;
		if (clock_monotonic_us() - from_us > 30 * INT64_C(1000000))
			die("a revocation is not on its CRL after 30 seconds");
		(void)nanosleep(&pause, NULL);
	}
}

/* Apart from each other: the second of two within a second waits for the rest of it. */
static void
measure_latencies(SSL *officer, const struct devices *devices, bool apart, double *out_ms)
{
	const struct timespec second = {.tv_sec = 1, .tv_nsec = 100000000};

	for (size_t i = 0; i < devices->count; i++) {
		struct revocation revocation;

		if (apart)
			(void)nanosleep(&second, NULL);
		read_certificate(&devices->all[i], &revocation);
		revoke_one(officer, &devices->all[i]);
		out_ms[i] = wait_for_list(officer, &revocation);
	}
}

void
crl_latency_measure(bool few)
{
	enum { COUNT_MAX = 20 };
	static const char *const works[] = {
	    "from a revocation to the CRL", "the same, one after the other"};
	struct target target;
	SSL_CTX *tls;
	SSL *officer;

	target_init(&target);
	tls = target_tls("officer");
	officer = target_connect(&target, tls);
	for (int i = 0; i < 2; i++) {
		DEFER(devices_clear) struct devices devices = {0};
		double ms[COUNT_MAX];

		devices_enroll(&target, few ? 2 : COUNT_MAX, &devices);
		measure_latencies(officer, &devices, i == 0, ms);
		report(&(struct finding){.work = works[i],
		    .figure = report_median(ms, devices.count),
		    .unit = "ms",
		    .held = ms[devices.count - 1], /* they are sorted now */
		    .held_unit = "ms at most"});
	}
	target_close(officer);
	SSL_CTX_free(tls);
}
