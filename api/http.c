#include "api/http.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/json_out.h"
#include "base/text.h"

size_t
http_lines(const struct http_request *request)
{
	const struct bytes body = request->body;
	size_t count = 0;

	for (size_t i = 0; i < body.len; i++)
		count += body.data[i] == '\n';
	return count + (body.len > 0 && body.data[body.len - 1] != '\n');
}

const char *
http_query(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->query_count; i++)
		if (strcmp(request->query[i].name, name) == 0)
			return request->query[i].value;
	return NULL;
}

bool
http_query_int(const struct http_request *request, const char *name, int64_t min, int64_t max,
    int64_t *out, struct error *err)
{
	const char *text = http_query(request, name);
	char *end;
	long long number;

	if (text == NULL)
		return true;
	errno = 0;
	number = strtoll(text, &end, 10);
	if ((*text != '-' && (*text < '0' || *text > '9')) || *end != '\0' || errno != 0 ||
	    number < min || number > max)
		return error_set(err, E_BAD_SYNTAX, "%s is a number from %lld to %lld", name,
		    (long long)min, (long long)max);
	*out = number;
	return true;
}

bool
http_query_time(
    const struct http_request *request, const char *name, int64_t *out_s, struct error *err)
{
	const char *text = http_query(request, name);

	return text == NULL || time_decode(bytes_of_text(text), out_s) ||
	       error_set(err, E_BAD_SYNTAX, "%s is a time such as 2026-01-01T00:00:00Z", name);
}

/* One entity-tag off the front, its quotes included; false: there is none. */
static bool
take_tag(const char **at, struct bytes *out)
{
	const char *tag = *at + (strncmp(*at, "W/", 2) == 0 ? 2 : 0);
	const char *end = tag + 1;

	if (*tag != '"')
		return false;
	while (*end > ' ' && *end != '"' && *end != 0x7f)
		end++;
	if (*end != '"')
		return false;
	*at = end + 1;
	*out = bytes_of(tag, (size_t)(end + 1 - tag));
	return true;
}

/* Digits at the front; none: `out` stays. False: more than a number holds. */
static bool
take_number(const char **at, bool *out_there, uint64_t *out)
{
	uint64_t number = 0;

	*out_there = **at >= '0' && **at <= '9';
	for (; **at >= '0' && **at <= '9'; ++*at) {
		if (number > (UINT64_MAX - 9) / 10)
			return false;
		number = number * 10 + (uint64_t)(**at - '0');
	}
	if (*out_there)
		*out = number;
	return true;
}

/* bytes=first-last, bytes=first- or bytes=-suffix; false: not one of them. */
static bool
parse_range(const char *text, uint64_t len, uint64_t *out_first, uint64_t *out_end)
{
	uint64_t first = 0, last = 0;
	bool has_first, has_last;

	if (strncasecmp(text, "bytes=", 6) != 0)
		return false;
	text += 6;
	if (!take_number(&text, &has_first, &first) || *text++ != '-' ||
	    !take_number(&text, &has_last, &last) || *text != '\0' || (!has_first && !has_last) ||
	    (has_first && has_last && first > last))
		return false;
	if (!has_first) { /* the last so many */
		*out_first = last >= len ? 0 : len - last;
		*out_end = last == 0 ? 0 : len;
		return true;
	}
	*out_first = first;
	*out_end = has_last && last < len ? last + 1 : len;
	return true;
}

bool
http_range(
    const struct http_request *request, uint64_t len, struct http_range *out, struct error *err)
{
	uint64_t first = 0, end = len;
	const bool part = parse_range(request->range, len, &first, &end);

	if (part && first >= end)
		return error_set(
		    err, E_RANGE_INVALID, "it has %llu octets", (unsigned long long)len);
	*out = (struct http_range){part, first, end - first};
	return true;
}

bool
http_etag_named(const struct http_request *request, const char *etag)
{
	const char *at = request->if_none_match;
	struct bytes tag;
	bool found = false;

	if (strcmp(at, "*") == 0)
		return true;
	while (*(at += strspn(at, " \t,")) != '\0') { /* elements may be empty: section 5.6.1 */
		if (!take_tag(&at, &tag))
			return false;
		found = found || bytes_equal(tag, bytes_of_text(etag));
		at += strspn(at, " \t");
		if (*at != ',' && *at != '\0')
			return false;
	}
	return found;
}

/* One `coding [;q=weight]` off the front; *out_weight in thousandths. False: it is malformed. */
static bool
take_coding(const char **at, struct bytes *out_coding, int *out_weight)
{
	const char *start = *at, *end = start + strcspn(start, " \t,;");
	int thousandths = 1000;

	*out_coding = bytes_of(start, (size_t)(end - start));
	end += strspn(end, " \t");
	if (*end == ';') {
		end += 1 + strspn(end + 1, " \t");
		if ((end[0] != 'q' && end[0] != 'Q') || end[1] != '=' ||
		    (end[2] != '0' && end[2] != '1'))
			return false;
		thousandths = end[2] == '1' ? 1000 : 0;
		end += 3;
		if (*end == '.') {
			int unit = 100;

			for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
				thousandths += (*end - '0') * unit;
		}
		end += strspn(end, " \t");
	}
	*at = end;
	*out_weight = thousandths;
	return out_coding->len > 0 && (*end == ',' || *end == '\0');
}

static bool
is_coding(struct bytes coding, const char *name)
{
	return coding.len == strlen(name) &&
	       strncasecmp((const char *)coding.data, name, coding.len) == 0;
}

bool
http_accepts_gzip(const struct http_request *request)
{
	const char *at = request->accept_encoding;
	int gzip = -1, any = -1;

	while (*(at += strspn(at, " \t,")) != '\0') {
		struct bytes coding;
		int weight;

		if (!take_coding(&at, &coding, &weight))
			return false;
		if (is_coding(coding, "gzip") || is_coding(coding, "x-gzip"))
			gzip = weight;
		else if (is_coding(coding, "*"))
			any = weight;
	}
	return gzip >= 0 ? gzip > 0 : any > 0;
}

/* "q=0", "q=0.000": not acceptable at all. */
static bool
is_refused(const char *parameters, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		const size_t zeros = strspn(&parameters[i + 2], "0.");

		if (parameters[i] != 'q' && parameters[i] != 'Q')
			continue;
		if (parameters[i + 1] == '=' && zeros > 0)
			return strchr(" \t,;", parameters[i + 2 + zeros]) != NULL;
	}
	return false;
}

bool
http_accepts_events(const struct http_request *request)
{
	static const char wanted[] = "text/event-stream";
	const char *at = request->accept;

	while (*(at += strspn(at, " \t,")) != '\0') {
		const size_t element = strcspn(at, ",");
		const size_t name = strcspn(at, " \t,;");

		if (name == sizeof wanted - 1 && strncasecmp(at, wanted, name) == 0)
			return !is_refused(&at[name], element - name);
		at += element;
	}
	return false;
}

void
http_response_clear(struct http_response *response)
{
	buf_clear(&response->body);
	if (response->release != NULL)
		response->release(response->release_context);
	response->release = NULL;
	response->read = NULL;
	response->shared = (struct bytes){0};
}

void
http_header(struct http_response *response, const char *name, const char *format, ...)
{
	struct http_header *header = &response->headers[response->header_count];
	va_list ap;

	assert(response->header_count < HTTP_HEADERS_MAX);
	header->name = name;
	va_start(ap, format);
	(void)vsnprintf(header->value, sizeof header->value, format, ap);
	va_end(ap);
	response->header_count++;
}

void
http_date(char out[static HTTP_DATE_LEN + 1], int64_t at_s)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {
	    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	const time_t time = (time_t)at_s;
	struct tm utc;

	(void)gmtime_r(&time, &utc);
	(void)snprintf(out, HTTP_DATE_LEN + 1, "%s, %02d %s %04d %02d:%02d:%02d GMT",
	    days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour,
	    utc.tm_min, utc.tm_sec);
}

static void
put_json(struct http_response *response, json_t *json)
{
	json_write(&response->body, json);
	json_decref(json);
	response->content_type = "application/json";
}

bool
http_ok(struct http_response *response, json_t *json)
{
	response->status = 200;
	put_json(response, json);
	return true;
}

bool
http_ok_json(struct http_response *response)
{
	response->status = 200;
	response->content_type = "application/json";
	return true;
}

static bool
put_located(struct http_response *response, int status, const char *location, json_t *json)
{
	response->status = status;
	if (location != NULL)
		http_header(response, "Location", "%s", location);
	put_json(response, json);
	return true;
}

bool
http_created(struct http_response *response, const char *location, json_t *json)
{
	return put_located(response, 201, location, json);
}

bool
http_created_json(struct http_response *response, const char *location)
{
	if (location != NULL)
		http_header(response, "Location", "%s", location);
	(void)http_ok_json(response);
	response->status = 201;
	return true;
}

bool
http_accepted(struct http_response *response, const char *location, json_t *json)
{
	return put_located(response, 202, location, json);
}

bool
http_no_content(struct http_response *response)
{
	response->status = 204;
	return true;
}

bool
http_not_modified(struct http_response *response)
{
	response->status = 304;
	response->content_type = NULL;
	return true;
}
