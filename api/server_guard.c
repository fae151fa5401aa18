/*
 * What libmicrohttpd 0.9.75 lets through and two parties could read in two ways: two lengths, a
 * length beside a transfer coding, codings that are misspelled, two hosts, names that are no
 * tokens, folded lines, NUL, bare CR or LF in the header block (RFC 9112 sections 2.2, 3.2, 5.1,
 * 5.2, 6.1 to 6.3).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/server_core.h"

#define AUTHORIZATION "Authorization"

struct seen {
	const char
	    *expected; /* where the next header line begins if all octets are accounted for */
	bool gap;      /* one did not begin there */
	int lengths, codings, hosts, credentials;
	bool bad_name, bad_value, bad_coding, bad_length;
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

/* Tabs are the only control characters of a value; a bare CR is none. */
static bool
is_value(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)value[i] < ' ' && value[i] != '\t') || value[i] == 0x7f)
			return false;
	return true;
}

/*
 * libmicrohttpd parses in place: name and value lie where they arrived, and between them are a
 * colon and white space, between two lines CRLF. Where it is otherwise, a NUL cut a value short, a
 * line feed came alone, or a line was folded. (All that looks alike: a NUL in the place of a CR,
 * and a colon in the place of the last one.)
 */
static void
look_at_place(struct seen *seen, const char *name, size_t name_len, const char *value, size_t len)
{
	seen->gap = seen->gap || name != seen->expected || value <= name + name_len;
	for (const char *c = name + name_len + 1; !seen->gap && c < value; c++)
		seen->gap = *c != ' ' && *c != '\t';
	/* Both octets of a CRLF were made NUL; after a NUL of the client's stands what it sent. */
	seen->gap = seen->gap || value[len] != '\0' || value[len + 1] != '\0';
	seen->expected = value + len + 2;
}

static enum MHD_Result
look_at_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_len,
    const char *value, size_t value_len)
{
	struct seen *seen = context;

	(void)kind;
	if (value == NULL) { /* a line without a colon */
		seen->gap = true;
		return MHD_NO;
	}
	look_at_place(seen, name, name_len, value, value_len);
	seen->bad_name = seen->bad_name || !is_token(name, name_len);
	seen->bad_value = seen->bad_value || !is_value(value, value_len);
	if (is_named(name, name_len, "Content-Length"))
		look_at_length(seen, value, value_len);
	else if (is_named(name, name_len, "Transfer-Encoding")) {
		seen->codings++;
		seen->bad_coding = seen->bad_coding || !is_named(value, value_len, "chunked");
	} else if (is_named(name, name_len, "Host"))
		seen->hosts++;
	else if (is_named(name, name_len, AUTHORIZATION))
		seen->credentials++;
	return MHD_YES;
}

void
guard_read_target(const char *target, struct request_line *out)
{
	out->target = target;
	out->target_len = strlen(target);
	out->bad_target = target[0] != '/' || strstr(target, "%00") != NULL;
	for (size_t i = 0; i < out->target_len; i++)
		out->bad_target = out->bad_target || target[i] <= ' ' || target[i] >= 0x7f;
}

/* One space after the method and after the target, and the header block ends where its fields do.
 */
static bool
places_add_up(struct MHD_Connection *mhd, const struct request_line *line, const struct seen *seen)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return info != NULL && !seen->gap &&
	       line->target == line->method + strlen(line->method) + 1 &&
	       line->version == line->target + line->target_len + 1 &&
	       seen->expected + 2 == line->method + info->header_size;
}

bool
guard_check(
    struct MHD_Connection *mhd, const struct request_line *line, size_t body_max, struct error *err)
{
	const bool is_1_0 = strcmp(line->version, "HTTP/1.0") == 0;
	struct seen seen = {.expected = line->version + strlen(line->version) + 2};

	(void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, look_at_header, &seen);
	if (!is_1_0 && strcmp(line->version, "HTTP/1.1") != 0)
		return error_set(err, E_BAD_SYNTAX, "HTTP/1.1 is spoken here");
	if (seen.bad_name || seen.bad_value || line->bad_target || !places_add_up(mhd, line, &seen))
		return error_set(err, E_BAD_SYNTAX, "the header block is not well-formed");
	if (seen.hosts > 1 || (seen.hosts == 0 && !is_1_0))
		return error_set(err, E_BAD_SYNTAX, "exactly one Host is needed");
	if (seen.credentials > 1)
		return error_set(err, E_BAD_SYNTAX, "Authorization is there twice");
	if (seen.lengths > 1 || seen.bad_length)
		return error_set(err, E_BAD_SYNTAX, "Content-Length is not one number");
	if (seen.codings > 1 || seen.bad_coding || (seen.codings > 0 && is_1_0))
		return error_set(
		    err, E_BAD_SYNTAX, "the only transfer coding accepted is one `chunked`");
	if (seen.lengths > 0 && seen.codings > 0)
		return error_set(
		    err, E_BAD_SYNTAX, "Content-Length and Transfer-Encoding exclude each other");
	return seen.length <= body_max ||
	       error_set(err, E_TOO_LARGE, "at most %zu octets here", body_max);
}

void
guard_take_authorization(struct MHD_Connection *mhd, struct buf *out)
{
	const char *value = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, AUTHORIZATION);
	const size_t len = value == NULL ? 0 : strlen(value);

	if (len == 0)
		return;
	buf_append(out, bytes_of(value, len));
	/* libmicrohttpd parsed it in its own buffer, where it would stay until the next request. */
	memset((char *)(uintptr_t)value, ' ', len);
}

/* ---- what handlers need ---- */

static bool
read_method(const char *method, struct http_request *out, struct error *err)
{
	static const struct {
		const char *name;
		enum http_method method;
		bool head;
	} methods[] = {{"GET", HTTP_GET, false}, {"HEAD", HTTP_GET, true},
	    {"POST", HTTP_POST, false}, {"DELETE", HTTP_DELETE, false}};

	for (size_t i = 0; i < COUNT(methods); i++)
		if (strcmp(methods[i].name, method) == 0) {
			out->method = methods[i].method;
			out->head = methods[i].head;
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

/* What only saves octets: one that is too long is as good as none. */
static void
read_condition(struct MHD_Connection *mhd, const char *name, char out[static HTTP_VALUE_MAX + 1])
{
	if (!copy_value(
		out, HTTP_VALUE_MAX + 1, MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name)))
		out[0] = '\0';
}

bool
guard_read_request(struct MHD_Connection *mhd, const char *url, const char *method,
    struct http_request *out, struct error *err)
{
	struct query query = {.out = out};

	if (!copy_value(out->path, sizeof out->path, url)) {
		out->path[0] = '\0';
		return error_set(err, E_NOT_FOUND, "there is no such path");
	}
	if (!read_method(method, out, err))
		return false;
	read_content_type(
	    MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Content-Type"), out->content_type);
	read_condition(mhd, "If-None-Match", out->if_none_match);
	read_condition(mhd, "If-Modified-Since", out->if_modified_since);
	read_condition(mhd, "Accept-Encoding", out->accept_encoding);
	read_condition(mhd, "Accept", out->accept);
	read_condition(mhd, "Last-Event-ID", out->last_event_id);
	read_condition(mhd, "Range", out->range);
	out->accepts = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Accept") != NULL;
	(void)copy_value(out->user_agent, sizeof out->user_agent,
	    MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "User-Agent"));
	(void)MHD_get_connection_values_n(mhd, MHD_GET_ARGUMENT_KIND, read_argument, &query);
	return !query.bad || error_set(err, E_BAD_SYNTAX, "the query is not well-formed");
}
