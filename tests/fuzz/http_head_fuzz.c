/*
 * Requests as octets, through libmicrohttpd and the guard. What the guard lets pass is read here a
 * second time by the letter of RFC 9112: two readers that differ are what request smuggling needs.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/server_core.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/http_reader.h"

#define BODY_MAX 4096
#define ROUNDS_MAX 40

struct meeting { /* one connection */
	struct request_line line;
	struct http_request request;
	struct bytes sent;
	bool judged, closed;
};

static void
query_keeps_bounds(const struct http_request *request)
{
	int64_t number = 7, at_s = 7;
	struct error err = {0}, why = {0};

	MUST(request->query_count <= HTTP_QUERY_MAX);
	for (size_t i = 0; i < request->query_count; i++)
		MUST(http_query(request, request->query[i].name) == request->query[i].value);
	if (fuzz_verdict(http_query_int(request, "n", -3, 30, &number, &err), &err))
		MUST(number >= -3 && number <= 30);
	else
		MUST(number == 7 && err.code == E_BAD_SYNTAX);
	if (fuzz_verdict(http_query_time(request, "t", &at_s, &why), &why))
		MUST(at_s >= 0 && (at_s == 7) == (http_query(request, "t") == NULL));
	(void)http_etag_named(request, "\"4711\"");
	if (http_accepts_gzip(request))
		MUST(request->accept_encoding[0] != '\0');
}

static enum MHD_Result
meet(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *data_len, void **slot)
{
	struct meeting *meeting = context;
	struct error err = {0}, guarded = {0};

	(void)data;
	(void)data_len;
	(void)slot;
	if (meeting->judged) /* only the first request of a connection is looked at */
		return MHD_NO;
	meeting->judged = true;
	meeting->line.method = method;
	meeting->line.version = version;
	if (fuzz_verdict(guard_read_request(mhd, url, method, &meeting->request, &err), &err))
		query_keeps_bounds(&meeting->request);
	/* What either refuses ends the connection. */
	if (fuzz_verdict(guard_check(mhd, &meeting->line, BODY_MAX, &guarded), &guarded) &&
	    err.code == E_NONE)
		MUST(http_reader_agrees(meeting->sent, BODY_MAX));
	return MHD_NO;
}

static void *
begin(void *context, const char *target, struct MHD_Connection *mhd)
{
	struct meeting *meeting = context;

	(void)mhd;
	if (!meeting->judged)
		guard_read_target(target, &meeting->line);
	return NULL;
}

static void
note_end(void *context, struct MHD_Connection *mhd, void **slot,
    enum MHD_ConnectionNotificationCode code)
{
	struct meeting *meeting = context;

	(void)mhd;
	(void)slot;
	meeting->closed = code == MHD_CONNECTION_NOTIFY_CLOSED;
}

static void
no_log(void *context, const char *format, va_list ap)
{
	(void)context;
	(void)format;
	(void)ap;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sockaddr_in address = {.sin_family = AF_INET};
	struct meeting meeting = {.sent = bytes_of(data, size)};
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0,
	    NULL, NULL, meet, &meeting, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL,
	    MHD_OPTION_URI_LOG_CALLBACK, begin, &meeting, MHD_OPTION_NOTIFY_CONNECTION, note_end,
	    &meeting, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	int ends[2];

	MUST(daemon != NULL);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
	(void)!write(ends[0], data, size);
	MUST(MHD_add_connection(
		 daemon, ends[1], (const struct sockaddr *)&address, sizeof(address)) == MHD_YES);
	for (int i = 0; i < ROUNDS_MAX && !meeting.closed; i++) {
		MUST(MHD_run(daemon) == MHD_YES);
		if (i == ROUNDS_MAX / 2) /* its end alone: with the octets it would be overlooked */
			MUST(shutdown(ends[0], SHUT_WR) == 0);
	}
	MUST(meeting.closed);
	MHD_stop_daemon(daemon);
	MUST(close(ends[0]) == 0);
	return 0;
}
