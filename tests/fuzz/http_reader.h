/* http_reader: a header block read by the letter of RFC 9112, and by nothing of ours. */
#ifndef TESTS_FUZZ_HTTP_READER_H
#define TESTS_FUZZ_HTTP_READER_H

#include <strings.h>

#include "base/bytes.h"

struct http_reader {
	int hosts, lengths, codings, credentials;
	size_t length;
	bool is_1_0;
};

/* The line up to its CRLF, which is taken as well. libmicrohttpd shows NUL LF as CRLF. */
static inline bool
http_reader_line(struct bytes *in, struct bytes *out)
{
	for (size_t i = 0; i + 1 < in->len; i++)
		if ((in->data[i] == '\r' || in->data[i] == '\0') && in->data[i + 1] == '\n') {
			*out = bytes_of(in->data, i);
			*in = bytes_of(in->data + i + 2, in->len - i - 2);
			return memchr(out->data, '\r', i) == NULL &&
			       memchr(out->data, '\n', i) == NULL &&
			       memchr(out->data, '\0', i) == NULL;
		}
	return false;
}

/* method SP request-target SP HTTP-version */
static inline bool
http_reader_request_line(struct bytes line, struct http_reader *out)
{
	const size_t tail_len = sizeof(" HTTP/1.1") - 1;
	const uint8_t *space = memchr(line.data, ' ', line.len);
	const uint8_t *end = line.data + line.len - tail_len;

	if (line.len < tail_len + 4 || space == NULL || space == line.data || space + 1 >= end ||
	    space[1] != '/' || memcmp(end, " HTTP/1.", tail_len - 1) != 0)
		return false;
	for (const uint8_t *c = line.data; c < space; c++)
		if (*c < 'A' || *c > 'Z')
			return false;
	for (const uint8_t *c = space + 1; c < end; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return false;
	out->is_1_0 = end[tail_len - 1] == '0';
	return out->is_1_0 || end[tail_len - 1] == '1';
}

static inline bool
http_reader_is(struct bytes text, const char *want)
{
	return text.len == strlen(want) &&
	       strncasecmp((const char *)text.data, want, text.len) == 0;
}

static inline bool
http_reader_number(struct bytes value, struct http_reader *out)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9' || i > 15)
			return false;
		out->length = out->length * 10 + (size_t)(value.data[i] - '0');
	}
	return value.len > 0;
}

/* field-name ":" OWS field-value OWS */
static inline bool
http_reader_field(struct bytes line, struct http_reader *out)
{
	static const char TOKEN[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t name_len = 0;
	struct bytes value;

	while (name_len < line.len && line.data[name_len] != '\0' &&
	       strchr(TOKEN, line.data[name_len]) != NULL)
		name_len++;
	if (name_len == 0 || name_len == line.len || line.data[name_len] != ':')
		return false;
	value = bytes_of(line.data + name_len + 1, line.len - name_len - 1);
	while (value.len > 0 && (value.data[0] == ' ' || value.data[0] == '\t'))
		value = bytes_of(value.data + 1, value.len - 1);
	while (value.len > 0 &&
	       (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
		value.len--;
	for (size_t i = 0; i < value.len; i++)
		if ((value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
			return false;
	line.len = name_len;
	out->hosts += http_reader_is(line, "host");
	out->credentials += http_reader_is(line, "authorization");
	if (http_reader_is(line, "content-length"))
		return out->lengths++ == 0 && http_reader_number(value, out);
	if (http_reader_is(line, "transfer-encoding"))
		return out->codings++ == 0 && http_reader_is(value, "chunked");
	return true;
}

/*
 * Section 2.2: empty lines before the first are ignored, and may end in LF alone. To libmicrohttpd
 * a line that begins with NUL is empty, too; the guard does not see what stands before a request.
 */
static inline void
http_reader_skip_empty(struct bytes *in)
{
	while (in->len > 0 && (in->data[0] == '\n' || in->data[0] == '\0' ||
				  (in->len > 1 && in->data[0] == '\r' && in->data[1] == '\n'))) {
		const uint8_t *end = memchr(in->data, '\n', in->len);

		if (end == NULL)
			return;
		*in = bytes_of(end + 1, in->len - (size_t)(end + 1 - in->data));
	}
}

/* One reading only, and a body that fits. */
static inline bool
http_reader_agrees(struct bytes in, size_t body_max)
{
	struct http_reader reader = {0};
	struct bytes line;

	http_reader_skip_empty(&in);
	if (!http_reader_line(&in, &line) || !http_reader_request_line(line, &reader))
		return false;
	do {
		/* libmicrohttpd ends the block at an empty name; the guard finds all but this one.
		 */
		if (in.len >= 2 && memcmp(in.data, ":\n", 2) == 0)
			break;
		if (!http_reader_line(&in, &line) ||
		    (line.len > 0 && !http_reader_field(line, &reader)))
			return false;
	} while (line.len > 0);
	return (reader.hosts == 1 || (reader.hosts == 0 && reader.is_1_0)) &&
	       reader.credentials <= 1 && reader.length <= body_max &&
	       reader.lengths + reader.codings <= 1 && (reader.codings == 0 || !reader.is_1_0);
}

#endif
