#include "ca/certificate.h"

#include "base/der.h"
#include "ca/oid.h"

enum { EXTENSIONS_MAX = 32 };

/* Contents of the extensions that we read; a reader of each decides what it is. */
static bool
read_subject_key(struct bytes value, struct certificate *out)
{
	struct der in = der_of(value);

	out->key_identifier = der_take(&in, DER_OCTET_STRING);
	return der_end(&in);
}

static bool
read_authority_key(struct bytes value, struct certificate *out)
{
	struct der outer = der_of(value);
	struct der in = der_enter(&outer, DER_SEQUENCE);
	struct bytes rest;

	if (der_peek(&in) == DER_CONTEXT(0))
		out->authority_key_identifier = der_take(&in, DER_CONTEXT(0));
	while (in.ok && in.rest.len > 0) /* authorityCertIssuer and its serial */
		der_take_any(&in, NULL, &rest);
	return der_end(&in) && der_end(&outer);
}

static bool
read_constraints(struct bytes value, struct certificate *out)
{
	struct der outer = der_of(value);
	struct der in = der_enter(&outer, DER_SEQUENCE);

	if (der_peek(&in) == DER_BOOLEAN)
		out->is_ca = der_take_bool(&in);
	if (der_peek(&in) == DER_INTEGER)
		der_take_int(&in);
	return der_end(&in) && der_end(&outer);
}

static const struct {
	const struct bytes *oid;
	bool (*read)(struct bytes value, struct certificate *out);
} READERS[] = {
    {&OID_SUBJECT_KEY_IDENTIFIER, read_subject_key},
    {&OID_AUTHORITY_KEY_IDENTIFIER, read_authority_key},
    {&OID_BASIC_CONSTRAINTS, read_constraints},
};

static bool
read_extension(struct der *list, struct bytes *out_oid, struct certificate *out)
{
	struct der in = der_enter(list, DER_SEQUENCE);
	struct bytes value;

	*out_oid = der_take(&in, DER_OID);
	if (der_peek(&in) == DER_BOOLEAN && !der_take_bool(&in))
		return false; /* DEFAULT FALSE is left out, X.690 section 11.5 */
	value = der_take(&in, DER_OCTET_STRING);
	if (!der_end(&in))
		return false;
	for (size_t i = 0; i < COUNT(READERS); i++)
		if (bytes_equal(*READERS[i].oid, *out_oid))
			return READERS[i].read(value, out);
	return true;
}

/* RFC 5280 section 4.2: no extension twice. */
static bool
read_extensions(struct der *tbs, struct certificate *out)
{
	struct der outer = der_enter(tbs, DER_CONTEXT_CONSTRUCTED(3));
	struct der list = der_enter(&outer, DER_SEQUENCE);
	struct bytes seen[EXTENSIONS_MAX];
	size_t count = 0;

	while (list.ok && list.rest.len > 0) {
		if (count == EXTENSIONS_MAX || !read_extension(&list, &seen[count], out))
			return false;
		for (size_t i = 0; i < count; i++)
			if (bytes_equal(seen[i], seen[count]))
				return false;
		count++;
	}
	return der_end(&list) && der_end(&outer);
}

static bool
read_version(struct der *tbs)
{
	struct der in;
	int64_t version;

	if (der_peek(tbs) != DER_CONTEXT_CONSTRUCTED(0))
		return true; /* version 1 */
	in = der_enter(tbs, DER_CONTEXT_CONSTRUCTED(0));
	version = der_take_int(&in);
	return der_end(&in) && (version == 1 || version == 2);
}

/* The INTEGER's contents; negative ones are nobody's (RFC 5280 section 4.1.2.2). */
static struct bytes
read_serial(struct der *tbs)
{
	struct der again = *tbs;

	(void)der_take_unsigned(&again);
	tbs->ok = tbs->ok && again.ok;
	return der_take(tbs, DER_INTEGER);
}

static bool
read_tbs(struct certificate *out)
{
	struct der whole = der_of(out->tbs);
	struct der in = der_enter(&whole, DER_SEQUENCE);
	struct der validity;

	if (!read_version(&in))
		return false;
	out->serial = read_serial(&in);
	der_expect(&in, out->signature_algorithm); /* RFC 5280 section 4.1.1.2 */
	out->issuer = der_take_whole(&in, DER_SEQUENCE);
	validity = der_enter(&in, DER_SEQUENCE);
	out->not_before_s = der_take_time(&validity);
	out->not_after_s = der_take_time(&validity);
	out->subject = der_take_whole(&in, DER_SEQUENCE);
	out->spki = der_take_whole(&in, DER_SEQUENCE);
	/* No CA may give out unique identifiers (RFC 5280 section 4.1.2.8): they are not taken. */
	if (der_peek(&in) == DER_CONTEXT_CONSTRUCTED(3) && !read_extensions(&in, out))
		return false;
	return der_end(&validity) && der_end(&in) && der_end(&whole) && out->serial.len > 0;
}

bool
certificate_parse(struct bytes der, struct certificate *out, struct error *err)
{
	struct certificate certificate = {.der = der};
	struct der outer = der_of(der);
	struct der in;

	if (der.len > CERTIFICATE_DER_MAX)
		return error_set_field(err, E_BAD_SYNTAX, "/certificate", "longer than %d octets",
		    CERTIFICATE_DER_MAX);
	in = der_enter(&outer, DER_SEQUENCE);
	certificate.tbs = der_take_whole(&in, DER_SEQUENCE);
	certificate.signature_algorithm = der_take_whole(&in, DER_SEQUENCE);
	certificate.signature = der_take_bits(&in);
	/* Names, algorithms and keys are not read; that they are DER is part of being one. */
	if (!der_end(&in) || !der_end(&outer) || !der_well_formed(der) || !read_tbs(&certificate))
		return error_set_field(
		    err, E_BAD_SYNTAX, "/certificate", "not exactly one DER certificate");
	*out = certificate;
	return true;
}

void
certificate_assemble(struct bytes tbs, struct bytes signature, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;
	size_t mark;

	der_writer_init(&w, tbs.len + signature.len + ALGORITHM_ECDSA_SHA256.len + 16);
	mark = der_mark(&w);
	der_put_bits(&w, signature);
	der_put(&w, ALGORITHM_ECDSA_SHA256);
	der_put(&w, tbs);
	der_wrap(&w, DER_SEQUENCE, mark);
	buf_append(out, der_written(&w));
}

bool
certificate_common_name(const struct certificate *certificate, struct bytes *out)
{
	struct der whole = der_of(certificate->subject);
	struct der name = der_enter(&whole, DER_SEQUENCE);
	struct der set = der_enter(&name, DER_SET);
	struct der pair = der_enter(&set, DER_SEQUENCE);
	struct bytes oid, value = {0};
	int tag = 0;

	oid = der_take(&pair, DER_OID);
	der_take_any(&pair, &tag, &value);
	if (!bytes_equal(oid, OID_COMMON_NAME) || !der_end(&pair) || !der_end(&set) ||
	    !der_end(&name) || !der_end(&whole) ||
	    (tag != DER_UTF8_STRING && tag != DER_PRINTABLE_STRING))
		return false;
	*out = value;
	return true;
}
