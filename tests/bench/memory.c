/* memory: of a service and a keeper that have nothing to do, and of a connection that has not. */
#include <poll.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/bench/client.h"
#include "tests/bench/report.h"

/* `budget`: 0, where the sum alone has one. */
static void
report_resident(const char *work, int64_t kb, double budget)
{
	const double mib = (double)kb / 1024;

	report(&(struct finding){.work = work,
	    .figure = mib,
	    .unit = "MiB",
	    .held = mib,
	    .held_unit = "MiB",
	    .at_most = true,
	    .budget = budget});
}

static void
report_idle(const struct usage *usage)
{
	report_resident(
	    "memory, service and keeper, idle", usage->rss_kb[SERVICE] + usage->rss_kb[KEEPER], 32);
	report_resident("memory, supervisor alone", usage->supervisor_kb, 0);
	report_resident("memory, service alone", usage->rss_kb[SERVICE] - usage->supervisor_kb, 0);
	report_resident("memory, keeper alone", usage->rss_kb[KEEPER], 0);
}

/* Connections that have had an answer each. */
static SSL **
open_idle(const struct target *target, SSL_CTX *tls, size_t count)
{
	DEFER(buf_clear_public) struct buf request = {0};
	DEFER(buf_clear_public) struct buf answer = {0};
	SSL **all = xcalloc(count, sizeof *all);

	request_put("/healthz", "", bytes_of(NULL, 0), &request);
	for (size_t i = 0; i < count; i++) {
		all[i] = target_connect(target, tls);
		client_exchange(all[i], buf_bytes(&request), &answer);
		if (strncmp(buf_text(&answer), "HTTP/1.1 200", 12) != 0)
			die("/healthz is not 200");
	}
	return all;
}

static void
check_open(SSL *const *all, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct pollfd event = {.fd = SSL_get_fd(all[i]), .events = POLLRDHUP};

		if (poll(&event, 1, 0) != 0)
			die("an idle connection was closed (after 10 s): is the machine busy?");
	}
}

int
main(int argc, char **argv)
{
	const size_t count = report_few(argc, argv) ? 60 : 1000;
	struct target target;
	struct usage before, after;
	SSL_CTX *tls;
	SSL **all;
	double each_kb;

	target_init(&target);
	tls = target_tls("station");
	processes_usage(&target.processes, &before);
	report_idle(&before);
	all = open_idle(&target, tls, count);
	processes_usage(&target.processes, &after);
	check_open(all, count);
	each_kb = (double)(after.rss_kb[SERVICE] - before.rss_kb[SERVICE]) / (double)count;
	report(&(struct finding){.work = "memory, one idle TLS connection",
	    .figure = each_kb,
	    .unit = "KiB",
	    .held = each_kb,
	    .held_unit = "KiB",
	    .at_most = true,
	    .budget = 48});
	for (size_t i = 0; i < count; i++)
		target_close(all[i]);
	free(all);
	SSL_CTX_free(tls);
	return 0;
}
