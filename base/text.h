/*
 * text: octets as text and back. All decoders are strict: one spelling per value,
 * no white space, no trailing characters, unless the comment says otherwise.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

/* Lower-case hex. `out` holds 2 * data.len + 1 characters. */
void hex_encode(char *out, struct bytes data);
/* Either case. Exactly 2 * out_len characters; false otherwise. */
MUST_CHECK bool hex_decode(struct bytes text, uint8_t *out, size_t out_len);

/* RFC 4648 section 4, with padding. */
#define BASE64_TEXT_LEN(n) (((n) + 2) / 3 * 4) /* characters, without NUL */
void base64_encode(struct buf *out, struct bytes data);
/* Appends the octets; false (and out as before) on anything but canonical base64. */
MUST_CHECK bool base64_decode(struct bytes text, struct buf *out);
/* RFC 4648 section 5, without padding. */
void base64url_encode(struct buf *out, struct bytes data);
MUST_CHECK bool base64url_decode(struct bytes text, struct buf *out);
/* The same, of exactly `out_len` octets that anybody may see; *out counts only when it is true. */
MUST_CHECK bool base64_decode_exact(struct bytes text, uint8_t *out, size_t out_len);
MUST_CHECK bool base64url_decode_exact(struct bytes text, uint8_t *out, size_t out_len);

/* Lower-case RFC 4648 base32 without padding. HANDLE_BYTES random octets make a handle. */
#define HANDLE_BYTES 10
#define HANDLE_TEXT_LEN 16
void handle_encode(char out[static HANDLE_TEXT_LEN + 1], const uint8_t octets[static HANDLE_BYTES]);
MUST_CHECK bool handle_valid(struct bytes text);

/* RFC 3339, UTC, whole seconds: "2026-01-01T00:00:00Z". */
#define TIME_TEXT_LEN 20
#define TIME_MAX_AT_S INT64_C(253402300799) /* the end of 9999 */
/* `at_s` is 0 to TIME_MAX_AT_S here and below; decoding gives nothing else. */
void time_encode(char out[static TIME_TEXT_LEN + 1], int64_t at_s);
MUST_CHECK bool time_decode(struct bytes text, int64_t *out_at_s);
/* 00:00:00 UTC of the day that holds `at_s`. */
int64_t time_day_start(int64_t at_s);
/* Months since January 2020 of `at_s`, as 0 or 65535 where it is outside that range. */
uint16_t time_month(int64_t at_s);
/* First second of that month. */
int64_t time_month_start(uint16_t month);

#define UUID_BYTES 16
#define UUID_TEXT_LEN 36
void uuid_encode(char out[static UUID_TEXT_LEN + 1], const uint8_t uuid[static UUID_BYTES]);
MUST_CHECK bool uuid_decode(struct bytes text, uint8_t out[static UUID_BYTES]); /* lower case */
/* Sets version 4 and the RFC 9562 variant over 16 random octets. */
void uuid_stamp(uint8_t uuid[static UUID_BYTES]);

/*
 * PEM (RFC 7468), one block with this label. Encoding wraps at 64. Decoding wants exactly
 * one block, ignores white space around and line breaks inside, and bounds nothing: the
 * caller has bounded `text`.
 * E_BAD_SYNTAX   not one block with this label, or its base64 is not canonical
 */
void pem_encode(struct buf *out, const char *label, struct bytes der);
MUST_CHECK bool pem_decode(
    struct bytes text, const char *label, struct buf *out, struct error *err);

#endif
