#include "keeper/wire.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "keeper/check.h"

bool
wire_send(int fd, enum wire_type type, struct bytes body, struct error *err)
{
	uint8_t first = (uint8_t)type;
	struct iovec parts[2] = {
	    {.iov_base = &first, .iov_len = 1},
	    /* sendmsg() only reads; struct iovec has no const. */
	    {.iov_base = (void *)(uintptr_t)body.data, /* NOLINT: see above */
		.iov_len = body.len},
	};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n;

	assert(body.len <= WIRE_BODY_MAX);
	do {
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)(1 + body.len))
		return true;
	(void)error_set(err, E_KEEPER_UNAVAILABLE, "the key keeper's channel is gone");
	error_cause_errno(err);
	return false;
}

bool
wire_receive(int fd, struct buf *in, struct wire_message *out, bool *out_closed, struct error *err)
{
	ssize_t n;

	buf_truncate(in, 0);
	buf_extend(in, WIRE_MAX);
	do {
		n = recv(fd, in->data, WIRE_MAX, MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno != ECONNRESET) {
		(void)error_set(err, E_KEEPER_UNAVAILABLE, "the key keeper's channel failed");
		error_cause_errno(err);
		return false;
	}
	if (n > WIRE_MAX)
		return error_set(err, E_BAD_SYNTAX, "a message longer than %d octets", WIRE_MAX);
	*out_closed = n <= 0;
	if (n <= 0)
		return true;
	buf_truncate(in, (size_t)n);
	out->type = in->data[0];
	out->body = bytes_of(in->data + 1, in->len - 1);
	return true;
}

void
wire_refusal_encode(const struct error *why, struct buf *out)
{
	const char *name = error_info(why->code)->name;

	buf_append_u8(out, (uint8_t)strlen(name));
	buf_append_text(out, name);
	buf_append_text(out, why->detail);
}

/* What the service's callers are told to expect; the rest of the table stays inside the keeper. */
static enum error_code
code_outside(enum error_code code)
{
	if (code == E_KEEPER_REFUSED || code == E_TAG_INVALID || code == E_NOT_FOUND)
		return code;
	return code == E_BAD_SYNTAX ? E_KEEPER_REFUSED : E_KEEPER_UNAVAILABLE;
}

bool
wire_refusal_raise(struct bytes body, struct error *err)
{
	struct reader reader = reader_of(body);
	struct bytes name = reader_bytes(&reader, reader_u8(&reader));
	char text[64] = "";
	int detail_len = reader.rest.len < 120 ? (int)reader.rest.len : 120;

	if (!reader.ok || name.len >= sizeof(text))
		return error_set(err, E_KEEPER_UNAVAILABLE, "the key keeper's answer is malformed");
	memcpy(text, name.data, name.len);
	if (detail_len == 0 || reader.rest.data[0] == '\0')
		return error_set(err, code_outside(error_code_of(text)), "it gives no reason");
	return error_set(err, code_outside(error_code_of(text)), "%.*s", detail_len,
	    (const char *)reader.rest.data);
}

size_t
wire_entry_len(const struct wire_entry *entry)
{
	size_t tail = entry->tbs.len > 0 ? COMMITMENT_NONCE_BYTES + ISSUER_ID_BYTES : 0;

	return 2 + entry->leaf.len + 2 + entry->tbs.len + tail;
}

void
wire_entry_encode(const struct wire_entry *entry, struct buf *out)
{
	assert(entry->leaf.len <= LEAF_MAX && entry->tbs.len <= CHECK_TBS_MAX);
	buf_append_u16(out, (uint16_t)entry->leaf.len);
	buf_append(out, entry->leaf);
	buf_append_u16(out, (uint16_t)entry->tbs.len);
	if (entry->tbs.len == 0)
		return;
	buf_append(out, entry->tbs);
	buf_append(out, bytes_of(entry->nonce, COMMITMENT_NONCE_BYTES));
	buf_append(out, bytes_of(entry->issuer, ISSUER_ID_BYTES));
}

void
wire_entry_take(struct reader *reader, struct wire_entry *out)
{
	*out = (struct wire_entry){0};
	out->leaf = reader_bytes(reader, reader_u16(reader));
	out->tbs = reader_bytes(reader, reader_u16(reader));
	if (out->leaf.len > LEAF_MAX || out->tbs.len > CHECK_TBS_MAX)
		reader->ok = false;
	if (out->tbs.len == 0)
		return;
	out->nonce = reader_bytes(reader, COMMITMENT_NONCE_BYTES).data;
	out->issuer = reader_bytes(reader, ISSUER_ID_BYTES).data;
}

void
wire_result_encode(enum wire_result_kind kind, struct bytes octets, struct buf *out)
{
	size_t len = octets.len < WIRE_RESULT_MAX ? octets.len : WIRE_RESULT_MAX;

	buf_append_u8(out, (uint8_t)kind);
	buf_append_u8(out, (uint8_t)len);
	buf_append(out, bytes_of(octets.data, len));
}

void
wire_result_take(struct reader *reader, struct wire_result *out)
{
	out->kind = reader_u8(reader);
	out->octets = reader_bytes(reader, reader_u8(reader));
	if (out->kind > WIRE_RESULT_NOT_NOW || out->octets.len > WIRE_RESULT_MAX ||
	    (out->kind == WIRE_RESULT_SIGNED && out->octets.len > KEY_SIGNATURE_MAX))
		reader->ok = false;
}
