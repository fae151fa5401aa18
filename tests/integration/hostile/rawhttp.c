#include "tests/integration/hostile/rawhttp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

const char *
raw_end_name(enum raw_end end)
{
	static const char *const names[] = {[RAW_OPEN] = "open",
	    [RAW_CLOSED] = "closed",
	    [RAW_RESET] = "reset",
	    [RAW_ALERT] = "alert",
	    [RAW_TIMEOUT] = "timeout"};

	return names[end];
}

bool
raw_connect(struct raw *raw, int port, int receive_buffer)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	const int on = 1;

	*raw = (struct raw){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	if (receive_buffer > 0)
		(void)setsockopt(
		    raw->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
	(void)setsockopt(raw->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return raw->fd >= 0 &&
	       connect(raw->fd, (const struct sockaddr *)&address, sizeof address) == 0;
}

void
raw_clear(struct raw *raw)
{
	SSL_free(raw->session);
	if (raw->fd > 0)
		(void)close(raw->fd);
	buf_clear_public(&raw->got);
}

/* What a failed call on the session means. */
static enum raw_end
end_of_session(struct raw *raw, int result)
{
	switch (SSL_get_error(raw->session, result)) {
	case SSL_ERROR_ZERO_RETURN: return RAW_CLOSED;
	case SSL_ERROR_SYSCALL:
		return errno == ECONNRESET || errno == EPIPE ? RAW_RESET : RAW_CLOSED;
	case SSL_ERROR_SSL:
		return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING
			   ? RAW_CLOSED
			   : RAW_ALERT;
	default: return RAW_TIMEOUT;
	}
}

bool
raw_handshake(struct raw *raw, SSL_CTX *context)
{
	int result;

	raw->session = SSL_new(context);
	SSL_set_fd(raw->session, raw->fd);
	ERR_clear_error();
	errno = 0;
	result = SSL_connect(raw->session);
	if (result != 1)
		raw->end = end_of_session(raw, result);
	return result == 1;
}

bool
raw_send(struct raw *raw, struct bytes octets)
{
	int result;

	if (octets.len == 0)
		return true;
	if (raw->session == NULL)
		return send(raw->fd, octets.data, octets.len, MSG_NOSIGNAL) == (ssize_t)octets.len;
	ERR_clear_error();
	result = SSL_write(raw->session, octets.data, (int)octets.len);
	return result == (int)octets.len;
}

bool
raw_readable(struct raw *raw, int patience_ms)
{
	struct pollfd one = {.fd = raw->fd, .events = POLLIN};

	return (raw->session != NULL && SSL_pending(raw->session) > 0) ||
	       poll(&one, 1, patience_ms) > 0;
}

bool
raw_receive(struct raw *raw, int patience_ms)
{
	uint8_t octets[16384];
	ssize_t len;

	if (!raw_readable(raw, patience_ms)) {
		raw->end = RAW_TIMEOUT;
		return false;
	}
	ERR_clear_error();
	errno = 0;
	len = raw->session != NULL ? SSL_read(raw->session, octets, sizeof octets)
				   : recv(raw->fd, octets, sizeof octets, 0);
	if (len > 0) {
		buf_append(&raw->got, bytes_of(octets, (size_t)len));
		return true;
	}
	if (raw->session != NULL)
		raw->end = end_of_session(raw, (int)len);
	else
		raw->end = len < 0 ? RAW_RESET : RAW_CLOSED;
	return false;
}

enum raw_end
raw_drain(struct raw *raw, int patience_ms)
{
	while (raw_receive(raw, patience_ms))
		continue;
	return raw->end;
}

/* ---- answers ---- */

void
raw_header(const struct raw_answer *answer, const char *name, char *out, size_t out_len)
{
	const size_t name_len = strlen(name);
	const uint8_t *at = answer->head.data;
	const uint8_t *const end = at + answer->head.len;

	out[0] = '\0';
	while (at < end) {
		const uint8_t *eol = memchr(at, '\r', (size_t)(end - at));
		const size_t len = eol != NULL ? (size_t)(eol - at) : (size_t)(end - at);

		if (len > name_len + 1 && at[name_len] == ':' &&
		    strncasecmp((const char *)at, name, name_len) == 0)
			(void)snprintf(out, out_len, "%.*s", (int)(len - name_len - 2),
			    (const char *)at + name_len + 2);
		at += len + 2;
	}
}

/* What of an answer lies in `rest`; false: not all of it yet. */
static bool
parse_answer(struct bytes rest, bool to_head, struct raw_answer *out)
{
	static const char end_of_head[] = "\r\n\r\n";
	const uint8_t *end = memmem(rest.data, rest.len, end_of_head, 4);
	char text[32];
	size_t len;

	if (end == NULL || rest.len < 12 || memcmp(rest.data, "HTTP/1.", 7) != 0)
		return false;
	*out = (struct raw_answer){.head = bytes_of(rest.data, (size_t)(end - rest.data) + 4)};
	out->status = (int)strtol((const char *)rest.data + 9, NULL, 10);
	raw_header(out, "Content-Length", text, sizeof text);
	len = to_head || out->status == 304 ? 0 : strtoul(text, NULL, 10);
	if (rest.len - out->head.len < len)
		return false;
	out->body = bytes_of(rest.data + out->head.len, len);
	return true;
}

bool
raw_answer(struct raw *raw, bool to_head, struct raw_answer *out)
{
	*out = (struct raw_answer){0};
	for (;;) {
		const struct bytes rest =
		    raw->got.len > raw->read
			? bytes_of(raw->got.data + raw->read, raw->got.len - raw->read)
			: (struct bytes){0};

		if (rest.len > 0 && parse_answer(rest, to_head, out)) {
			raw->read += out->head.len + out->body.len;
			if (out->status != 100)
				return true;
		} else if (!raw_receive(raw, RAW_PATIENCE_MS)) {
			*out = (struct raw_answer){0};
			return false;
		}
	}
}
