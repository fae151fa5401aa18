/*
 * der: a strict DER reader and a backward DER writer (X.690 chapter 10).
 *
 * The reader accepts definite, minimal lengths and single-octet tags only, and
 * never reads past its input; values are borrowed from it. A reader that failed
 * stays failed: later takes give empty values, so that a parser may read a whole
 * structure and test `ok` once. Trailing octets are an error that der_end() finds.
 *
 * The writer fills its buffer from the end, so that every length is known when
 * it is written: write the *last* element first, then close with der_wrap().
 */
#ifndef BASE_DER_H
#define BASE_DER_H

#include "base/buf.h"
#include "base/bytes.h"

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_IA5_STRING = 0x16,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
};
#define DER_CONTEXT(n) (0x80 | (n))             /* [n] IMPLICIT primitive */
#define DER_CONTEXT_CONSTRUCTED(n) (0xa0 | (n)) /* [n] constructed, or EXPLICIT */

struct der {
	struct bytes rest;
	bool ok;
};

struct der der_of(struct bytes input);

/* The tag of the next element, or 0 at the end or after a failure. Does not consume. */
int der_peek(const struct der *der);

/* Takes one element with `tag` and gives its contents. Fails on any other tag. */
struct bytes der_take(struct der *der, int tag);
/* Takes one element with `tag` and gives it whole, tag and length included. */
struct bytes der_take_whole(struct der *der, int tag);
/* Takes any one element, whole; its tag goes to *out_tag (or NULL). */
struct bytes der_take_any(struct der *der, int *out_tag, struct bytes *out_contents);
/* Enters a constructed element: a reader over its contents, failed if `der` is. */
struct der der_enter(struct der *der, int tag);
/* True when everything was taken and nothing failed. */
bool der_end(const struct der *der);

/*
 * Whether `input` is nothing but whole elements, nested at most DER_DEPTH_MAX deep, for parts that
 * are passed on unread: universal types have the form that DER gives them, and BOOLEAN, INTEGER,
 * BIT STRING, NULL and OBJECT IDENTIFIER their one spelling (X.690
 * sections 8.19, 10.2, 11.1, 11.2).
 */
#define DER_DEPTH_MAX 16
bool der_well_formed(struct bytes input);

/* Takes an INTEGER that is minimal and in 0 .. 2^63-1. */
int64_t der_take_int(struct der *der);
/* Takes a minimal, non-negative INTEGER and gives its magnitude without leading zero octet. */
struct bytes der_take_unsigned(struct der *der);
/* Takes a BOOLEAN, which must be 00 or FF. */
bool der_take_bool(struct der *der);
/* Takes a BIT STRING without unused bits and gives its octets. */
struct bytes der_take_bits(struct der *der);
/* Takes a UTCTime or GeneralizedTime in RFC 5280's forms (section 4.1.2.5), 1970 to 9999. */
int64_t der_take_time(struct der *der);
/* Takes an element and demands that it is exactly `whole`. */
void der_expect(struct der *der, struct bytes whole);

struct der_writer {
	struct buf buf; /* filled from the end; `start` is where the octets begin */
	size_t start;
};

void der_writer_init(struct der_writer *w, size_t capacity); /* grows when needed */
void der_writer_clear(struct der_writer *w);
DEFER_DECLARE_CLEAR(struct der_writer, der_writer_clear)

/* Octets written so far: take it before an element's contents, pass it to der_wrap() after. */
size_t der_mark(const struct der_writer *w);
void der_wrap(
    struct der_writer *w, int tag, size_t mark);      /* tag and length before all since mark */
void der_put(struct der_writer *w, struct bytes raw); /* as it is; not of this writer */
void der_put_element(struct der_writer *w, int tag, struct bytes contents);
void der_put_int(struct der_writer *w, uint64_t value);
void der_put_unsigned(struct der_writer *w, struct bytes magnitude); /* minimal INTEGER */
void der_put_bool(struct der_writer *w, bool value);
void der_put_bits(struct der_writer *w, struct bytes octets); /* BIT STRING, no unused bits */
/* KeyUsage and reasons, bits 0 to 15: bit 0 is the first of the BIT STRING (RFC 5280
 * section 4.2.1.3). */
void der_put_named_bits(struct der_writer *w, unsigned bits);
/* UTCTime to 2049, GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5). */
void der_put_time(struct der_writer *w, int64_t at_s);
/* GeneralizedTime whatever the year, as OCSP has it (RFC 6960 section 4.2.2.1). */
void der_put_generalized_time(struct der_writer *w, int64_t at_s);
struct bytes der_written(const struct der_writer *w);

#endif
