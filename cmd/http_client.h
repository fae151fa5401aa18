/* http_client: HTTPS calls on one kept-alive connection (libcurl), TLS 1.3, bounded answers. */
#ifndef CMD_HTTP_CLIENT_H
#define CMD_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/defer.h"
#include "base/error.h"

#define HTTP_ANSWER_MAX (64 << 20) /* octets */

struct http_client_options {
	const char *url; /* https://host:port */
	const char *ca_file;
	const char *certificate, *key; /* PEM files, or NULL */
};
struct http_client;
MUST_CHECK bool http_client_new(
    const struct http_client_options *options, struct http_client **out, struct error *err);
void http_client_free(struct http_client *client);
DEFER_DECLARE(struct http_client, http_client_free)

struct http_answer {
	long status;
	char content_type[64];
	int64_t next; /* Moniker-Next, or -1 */
	struct buf body;
};
void http_answer_clear(struct http_answer *answer);
DEFER_DECLARE_CLEAR(struct http_answer, http_answer_clear)

/*
 * E_DATABASE_UNAVAILABLE never; E_INTERNAL with the cause when the service cannot be reached.
 * An answer of any status is a success.
 */
MUST_CHECK bool http_client_call(struct http_client *client, const char *method, const char *path,
    const char *content_type, struct bytes body, struct http_answer *out, struct error *err);
/* GET of a part, octets first to last. The same. */
MUST_CHECK bool http_client_get_part(struct http_client *client, const char *path, uint64_t first,
    uint64_t last, struct http_answer *out, struct error *err);

#endif
