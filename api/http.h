/*
 * http: a request as handlers see it, and the response that they fill. No transport in here, so
 * that handlers run in unit tests.
 */
#ifndef API_HTTP_H
#define API_HTTP_H

#include <jansson.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

#define HTTP_PATH_MAX 512  /* octets, decoded */
#define HTTP_VALUE_MAX 256 /* octets of a parameter, query value or header that we look at */
#define HTTP_PARAMS_MAX 2  /* {name} parts of a path */
#define HTTP_QUERY_MAX 16  /* query arguments */
#define HTTP_HEADERS_MAX 8 /* that a response sets */
#define HTTP_EVENT_ID_MAX 16
#define HTTP_AGENT_MAX 31 /* octets of User-Agent that we look at */

enum http_method { HTTP_GET, HTTP_POST, HTTP_DELETE };

struct http_pair {
	char name[32];
	char value[HTTP_VALUE_MAX + 1];
};

struct caller;
struct http_request {
	enum http_method method;
	bool local; /* from this host itself, and not through a proxy that says so */
	bool head;  /* HEAD: a GET whose body is not sent */
	char path[HTTP_PATH_MAX + 1];
	char params[HTTP_PARAMS_MAX][HTTP_VALUE_MAX + 1]; /* of the route's {…}, in order */
	const char *tail; /* of path: what the route's {+...} stands for, or NULL */
	struct http_pair query[HTTP_QUERY_MAX];
	size_t query_count;
	char content_type[HTTP_VALUE_MAX + 1]; /* without parameters, lower case; "" when absent */
	char if_none_match[HTTP_VALUE_MAX + 1];
	char if_modified_since[HTTP_VALUE_MAX + 1];
	char accept_encoding[HTTP_VALUE_MAX + 1];
	bool accepts; /* it says what it takes: Accept */
	char accept[HTTP_VALUE_MAX + 1];
	char last_event_id[HTTP_VALUE_MAX + 1];
	char range[HTTP_VALUE_MAX + 1];
	char user_agent[HTTP_AGENT_MAX + 1]; /* how it begins */
	struct bytes authorization;          /* the header field: a secret; empty: none */
	struct bytes binding; /* channel binding of the TLS session (csr_binding.h); empty: none */
	bool shown;           /* TLS may be 1.2: the client's certificate is seen on the way */
	struct bytes body;
	uint8_t network[9]; /* of the client: see LIMITER_NETWORK_BYTES */
	bool draining;      /* the service is being stopped */
	bool resumed;       /* it was here before, and has waited */
	const char *request_id;
	const struct caller *caller;
};

/* Lines of the body. */
size_t http_lines(const struct http_request *request);

/* The query argument's value, or NULL. */
const char *http_query(const struct http_request *request, const char *name);
/* As a number in min to max; `out` stays as it is when absent. E_BAD_SYNTAX */
MUST_CHECK bool http_query_int(const struct http_request *request, const char *name, int64_t min,
    int64_t max, int64_t *out, struct error *err);
/* As RFC 3339 UTC. E_BAD_SYNTAX */
MUST_CHECK bool http_query_time(
    const struct http_request *request, const char *name, int64_t *out_s, struct error *err);

/*
 * Whether If-None-Match names `etag`, a strong tag with its quotes, or anything at all: "*" or a
 * list of tags that are compared weakly (RFC 9110 sections 8.8.3, 13.1.2). A field that is no such
 * list names nothing.
 */
bool http_etag_named(const struct http_request *request, const char *etag);
/* Whether Accept-Encoding lets us send gzip (RFC 9110 section 12.5.3); a field that is no such list
 * does not. */
bool http_accepts_gzip(const struct http_request *request);
/* Whether Accept names text/event-stream itself. */
bool http_accepts_events(const struct http_request *request);

/* What Range asks of `len` octets (RFC 9110 section 14.2): one range. Anything else that it says is
 * for all of them. */
struct http_range {
	bool part;
	uint64_t first, len;
};
/* E_RANGE_INVALID   it begins after the end */
MUST_CHECK bool http_range(
    const struct http_request *request, uint64_t len, struct http_range *out, struct error *err);

struct http_header {
	const char *name; /* static */
	char value[HTTP_VALUE_MAX + 1];
};
struct http_response {
	int status;
	const char *content_type; /* static */
	struct buf body;
	/* A body that many responses share, instead of `body`: until `release` is called with it.
	 */
	struct bytes shared;
	/* Or one that is read piece by piece while it is sent, also until `release`: `len` octets
	 * of `read_len`. False: the connection is ended. The loop's thread. */
	bool (*read)(void *context, size_t from, uint8_t *out, size_t len);
	size_t read_len;
	void (*release)(void *context);
	void *release_context;
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t header_count;
	/* Not 0: it may wait so long for a change of status after that place, and is then handled
	 * again; this is the answer if it may not. */
	int park_ms;
	int64_t park_beyond_seq;
	/* The body is one of many: the request is handled again for each, with this as its
	 * last_event_id, when there is a change after that place, and each park_ms. */
	bool stream;
	char event_id[HTTP_EVENT_ID_MAX + 1];
};
void http_response_clear(struct http_response *response);
DEFER_DECLARE_CLEAR(struct http_response, http_response_clear)

void http_header(struct http_response *response, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* RFC 9110 section 5.6.7: "Thu, 01 Jan 2026 00:00:00 GMT" */
#define HTTP_DATE_LEN 29
void http_date(char out[static HTTP_DATE_LEN + 1], int64_t at_s);

/* The last step of a handler: their value is true. `json` is taken over. */
bool http_ok(struct http_response *response, json_t *json);
bool http_ok_json(struct http_response *response); /* the body is written already */
bool http_created_json(struct http_response *response, const char *location); /* the same */
bool http_created(struct http_response *response, const char *location, json_t *json);
bool http_accepted(struct http_response *response, const char *location, json_t *json);
bool http_no_content(struct http_response *response);
/* 304 in place of the 200 that `response` is already: its body is not sent, but its length is what
 * Content-Length says of it (RFC 9110 section 8.6). */
bool http_not_modified(struct http_response *response);

#endif
