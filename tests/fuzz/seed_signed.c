/* Certificates of a ceremony's authorities, and notes that the fuzzed key has signed. */
#include "tests/support/cmocka_all.h"

#include "base/der.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/note_signer.h"
#include "tests/fuzz/seed.h"
#include "tests/unit/ca/authorities.h"
#include "tests/unit/provisioning/escrow_known.h"

static void
put_certificates(void)
{
	static const char *const NAMES[ISSUER_KIND_COUNT] = {[ISSUER_DEVICE_ROOT] = "device-root",
	    [ISSUER_OPERATIONS_ROOT] = "operations-root",
	    [ISSUER_DEVICE_CA] = "device-ca",
	    [ISSUER_SERVICE_CA] = "service-ca",
	    [ISSUER_OPERATORS_CA] = "operators-ca",
	    [ISSUER_BIRTH_CA] = "birth-ca",
	    [ISSUER_PSEUDONYM_CA] = "pseudonym-ca"};
	DEFER(authorities_clear) struct authorities authorities = {0};

	authorities_init(&authorities);
	for (int kind = 0; kind < ISSUER_KIND_COUNT; kind++)
		seed_put_hurt("certificate", NAMES[kind],
		    buf_bytes(&authorities.ceremony.certificates[kind]));
}

/* SEQUENCE { version, serial, algorithm, issuer, validity, subject, key, rest }, signed by nobody.
 */
static void
put_certificate(const char *name, struct bytes version, struct bytes serial, struct bytes rest)
{
	static const struct bytes algorithm =
	    BYTES_LITERAL("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");
	static const struct bytes subject =
	    BYTES_LITERAL("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01"
			  "a");
	DEFER(der_writer_clear) struct der_writer w;
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	size_t mark;

	test_spki(&spki);
	der_writer_init(&w, 1024);
	der_put(&w, rest);
	der_put(&w, buf_bytes(&spki));
	der_put(&w, subject);
	mark = der_mark(&w);
	der_put_time(&w, TEST_NOW_S + INT64_C(30) * 365 * 86400);
	der_put_time(&w, TEST_NOW_S);
	der_wrap(&w, DER_SEQUENCE, mark);
	der_put(&w, subject);
	der_put(&w, algorithm);
	der_put(&w, serial);
	der_put(&w, version);
	der_wrap(&w, DER_SEQUENCE, 0);
	certificate_assemble(der_written(&w), (struct bytes)BYTES_LITERAL("\x30\x00"), &der);
	seed_put("certificate", name, buf_bytes(&der));
}

#define BYTES(literal) ((struct bytes)BYTES_LITERAL(literal))
#define V3 BYTES("\xa0\x03\x02\x01\x02")
#define ONE BYTES("\x02\x01\x01")
#define CA_TRUE "\x30\x0c\x06\x03\x55\x1d\x13\x04\x05\x30\x03\x01\x01\xff"

static void
put_made_certificates(void)
{
	put_certificate("version-1", BYTES(""), ONE, BYTES(""));
	put_certificate("version-2", BYTES("\xa0\x03\x02\x01\x01"), ONE, BYTES("\x81\x02\x00\x80"));
	put_certificate("version-4", BYTES("\xa0\x03\x02\x01\x03"), ONE, BYTES(""));
	put_certificate("version-1-written", BYTES("\xa0\x03\x02\x01\x00"), ONE, BYTES(""));
	put_certificate("unique-ids", V3, ONE, BYTES("\x81\x02\x00\x80\x82\x02\x00\x80"));
	put_certificate("serial-padded", V3, BYTES("\x02\x02\x00\x01"), BYTES(""));
	put_certificate("serial-negative", V3, BYTES("\x02\x01\xff"), BYTES(""));
	put_certificate("serial-zero", V3, BYTES("\x02\x01\x00"), BYTES(""));
	put_certificate("a-ca", V3, ONE, BYTES("\xa3\x10\x30\x0e" CA_TRUE));
	put_certificate("a-ca-twice", V3, ONE, BYTES("\xa3\x1e\x30\x1c" CA_TRUE CA_TRUE));
	put_certificate("no-extension", V3, ONE, BYTES("\xa3\x02\x30\x00"));
}

static void
put_notes(void)
{
	DEFER(buf_clear_public) struct buf note = {0};
	DEFER(buf_clear_public) struct buf vkey = {0};
	uint8_t seed[NOTE_SEED_BYTES];
	struct note_key key;

	note_signer(&key, seed);
	note_sign(&key, seed, bytes_of_text("moniker.example/fuzz\n5\n"), &note);
	seed_put_hurt("note", "signed", buf_bytes(&note));
	buf_append_format(&note, "\xe2\x80\x94 witness.example AAAAAAAA\n");
	seed_put("note", "signed-and-witness", buf_bytes(&note));
	note_key_encode(&key, &vkey);
	seed_put_hurt("note", "key", buf_bytes(&vkey));
}

static void
put_sealed(void)
{
	DEFER(buf_clear_public) struct buf record = {0};

	MUST(base64_decode(bytes_of_text(ESCROW_KNOWN_RECORD), &record));
	seed_put_hurt("escrow", "record", buf_bytes(&record));
}

void
seed_signed(void)
{
	put_sealed();
	put_certificates();
	put_made_certificates();
	put_notes();
}
