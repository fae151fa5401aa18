/*
 * What libmicrohttpd 0.9.75 lets through and two parties could read in two ways: two lengths, a
 * length beside a transfer coding, codings that are misspelled, two hosts, names that are no
 * tokens, NUL or bare line feeds in the header block (RFC 9112 sections 2.2, 3.2, 6.1 to 6.3).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/server_core.h"

struct seen {
	size_t header_octets; /* of all header lines as "Name:value" CRLF */
	size_t headers;
	int lengths, codings, hosts;
	bool bad_name, bad_coding, bad_length;
	uint64_t length;
};

static bool
is_token(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
			(name[i] >= '0' && name[i] <= '9') ||
			(name[i] != '\0' && strchr("!#$%&'*+-.^_`|~", name[i]) != NULL)))
			return false;
	return len > 0;
}

static bool
is_named(const char *name, size_t len, const char *wanted)
{
	return strlen(wanted) == len && strncasecmp(name, wanted, len) == 0;
}

static void
look_at_length(struct seen *seen, const char *value, size_t len)
{
	seen->lengths++;
	seen->bad_length = seen->bad_length || len == 0 || len > 15;
	for (size_t i = 0; i < len && !seen->bad_length; i++) {
		seen->bad_length = value[i] < '0' || value[i] > '9';
		seen->length = seen->length * 10 + (uint64_t)(value[i] - '0');
	}
}

static enum MHD_Result
look_at_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_len,
    const char *value, size_t value_len)
{
	struct seen *seen = context;

	(void)kind;
	if (value == NULL)
		value_len = 0;
	seen->headers++;
	seen->header_octets += name_len + 1 + value_len + 2;
	seen->bad_name = seen->bad_name || !is_token(name, name_len) || strlen(name) != name_len ||
			 (value != NULL && strlen(value) != value_len);
	if (is_named(name, name_len, "Content-Length"))
		look_at_length(seen, value, value_len);
	else if (is_named(name, name_len, "Transfer-Encoding")) {
		seen->codings++;
		seen->bad_coding = seen->bad_coding || !is_named(value, value_len, "chunked");
	} else if (is_named(name, name_len, "Host"))
		seen->hosts++;
	return MHD_YES;
}

/*
 * The header block must be as long as its fields make it, with no space after each colon or
 * exactly one: a NUL that ended a value early, or a bare line feed, shows as a difference.
 */
static bool
block_adds_up(struct MHD_Connection *mhd, const struct seen *seen, const char *method,
    size_t uri_len, const char *version)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	const size_t request_line = strlen(method) + 1 + uri_len + 1 + strlen(version) + 2;
	const size_t least = request_line + seen->header_octets + 2;

	return info != NULL &&
	       (info->header_size == least || info->header_size == least + seen->headers);
}

bool
guard_check(struct MHD_Connection *mhd, const char *method, size_t uri_len, const char *version,
    size_t body_max, struct error *err)
{
	struct seen seen = {0};

	(void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, look_at_header, &seen);
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
		return error_set(err, E_BAD_SYNTAX, "HTTP/1.1 is spoken here");
	if (seen.bad_name)
		return error_set(err, E_BAD_SYNTAX, "a header field is not well-formed");
	if (seen.hosts > 1 || (seen.hosts == 0 && strcmp(version, "HTTP/1.1") == 0))
		return error_set(err, E_BAD_SYNTAX, "exactly one Host is needed");
	if (seen.lengths > 1 || seen.bad_length)
		return error_set(err, E_BAD_SYNTAX, "Content-Length is not one number");
	if (seen.codings > 1 || seen.bad_coding)
		return error_set(
		    err, E_BAD_SYNTAX, "the only transfer coding accepted is one `chunked`");
	if (seen.lengths > 0 && seen.codings > 0)
		return error_set(
		    err, E_BAD_SYNTAX, "Content-Length and Transfer-Encoding exclude each other");
	if (!block_adds_up(mhd, &seen, method, uri_len, version))
		return error_set(err, E_BAD_SYNTAX, "the header block is not well-formed");
	return seen.length <= body_max ||
	       error_set(err, E_TOO_LARGE, "at most %zu octets here", body_max);
}

/* ---- what handlers need ---- */

static bool
read_method(const char *method, struct http_request *out, struct error *err)
{
	static const struct {
		const char *name;
		enum http_method method;
		bool head;
	} METHODS[] = {{"GET", HTTP_GET, false}, {"HEAD", HTTP_GET, true},
	    {"POST", HTTP_POST, false}, {"DELETE", HTTP_DELETE, false}};

	for (size_t i = 0; i < COUNT(METHODS); i++)
		if (strcmp(METHODS[i].name, method) == 0) {
			out->method = METHODS[i].method;
			out->head = METHODS[i].head;
			return true;
		}
	return error_set(err, E_METHOD_NOT_ALLOWED, "GET, HEAD, POST or DELETE");
}

static bool
copy_value(char *out, size_t out_len, const char *value)
{
	return value == NULL || (size_t)snprintf(out, out_len, "%s", value) < out_len;
}

/* The media type in lower case, without its parameters. */
static void
read_content_type(const char *value, char out[static HTTP_VALUE_MAX + 1])
{
	size_t len = 0;

	for (const char *c = value; c != NULL && *c != '\0' && *c != ';' && len < HTTP_VALUE_MAX;
	     c++)
		if (*c != ' ' && *c != '\t')
			out[len++] = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	out[len] = '\0';
}

struct query {
	struct http_request *out;
	bool bad;
};

static enum MHD_Result
read_argument(void *context, enum MHD_ValueKind kind, const char *name, size_t name_len,
    const char *value, size_t value_len)
{
	struct query *query = context;
	struct http_pair *pair = &query->out->query[query->out->query_count];

	(void)kind;
	if (query->out->query_count == HTTP_QUERY_MAX || name_len >= sizeof pair->name ||
	    value_len >= sizeof pair->value || strlen(name) != name_len ||
	    (value != NULL && strlen(value) != value_len) || http_query(query->out, name) != NULL) {
		query->bad = true;
		return MHD_NO;
	}
	(void)snprintf(pair->name, sizeof pair->name, "%s", name);
	(void)snprintf(pair->value, sizeof pair->value, "%s", value != NULL ? value : "");
	query->out->query_count++;
	return MHD_YES;
}

bool
guard_read_request(struct MHD_Connection *mhd, const char *url, const char *method,
    struct http_request *out, struct error *err)
{
	struct query query = {.out = out};

	if (!read_method(method, out, err))
		return false;
	if (!copy_value(out->path, sizeof out->path, url))
		return error_set(err, E_NOT_FOUND, "there is no such path");
	read_content_type(
	    MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Content-Type"), out->content_type);
	if (!copy_value(out->if_none_match, sizeof out->if_none_match,
		MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "If-None-Match")))
		out->if_none_match[0] = '\0';
	(void)MHD_get_connection_values_n(mhd, MHD_GET_ARGUMENT_KIND, read_argument, &query);
	return !query.bad || error_set(err, E_BAD_SYNTAX, "the query is not well-formed");
}
