/*
 * EST's inputs. The first octet says which: an Authorization field; a body as it came; or a
 * CertificationRequestInfo that is signed here, whose channel bindings OpenSSL reads a second time.
 */
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "api/est.h"
#include "base/text.h"
#include "ca/csr_binding.h"
#include "tests/fuzz/csr_fuzz.h"
#include "tests/fuzz/csr_signer.h"

static const struct bytes SESSION = BYTES_LITERAL("0123456789abcdef0123456789abcdef");

static void
as_field(struct bytes field)
{
	DEFER(est_credential_clear) struct est_credential out = {0};
	struct error err = {0};
	struct bytes text;

	if (!fuzz_verdict(est_credential_parse(field, &out, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX || err.code == E_CALLER_MISSING ||
		     err.code == E_HARDWARE_ID_INVALID);
		return;
	}
	MUST(field.len <= EST_AUTHORIZATION_MAX && out.hardware_id_count <= HWID_COUNT_MAX);
	text = buf_bytes(&out.text);
	if (out.token != NULL) {
		const struct bytes token = bytes_of_text(out.token);

		MUST(token.len > 0 && fuzz_inside(token, text));
		MUST(token.data + token.len == text.data + text.len && token.data[-1] == ':');
		MUST(memchr(token.data, ':', token.len) == NULL);
	}
	for (size_t i = 0; i < out.hardware_id_count; i++) {
		DEFER(hwid_clear) struct hwid id = {0};
		const struct enroll_hardware_id *given = &out.hardware_ids[i];
		struct error why = {0};

		MUST(fuzz_inside(given->type, text) && fuzz_inside(given->value, text));
		MUST(given->value.len > 0 && given->value.len <= HWID_TEXT_MAX);
		(void)fuzz_verdict(hwid_parse(given->type, given->value, &id, &why), &why);
	}
}

/* Whether OpenSSL finds an estIdentityLinking that is not this session's binding. */
static bool
links_another(const X509_REQ *req)
{
	ASN1_OBJECT *linking = OBJ_txt2obj("1.2.840.113549.1.9.16.2.58", 1);
	bool found = false;

	for (int at = -1; (at = X509_REQ_get_attr_by_OBJ(req, linking, at)) >= 0;) {
		X509_ATTRIBUTE *attribute = X509_REQ_get_attr(req, at);

		for (int i = 0; i < X509_ATTRIBUTE_count(attribute); i++) {
			const ASN1_TYPE *value = X509_ATTRIBUTE_get0_type(attribute, i);

			found = found || value->type == V_ASN1_BOOLEAN ||
				value->type == V_ASN1_NULL || value->type == V_ASN1_OBJECT ||
				value->value.asn1_string->length <
				    (int)BASE64_TEXT_LEN(CSR_BINDING_EXPORTER_BYTES);
		}
	}
	ASN1_OBJECT_free(linking);
	return found;
}

static void
as_info(struct bytes info)
{
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(csr_free) struct csr *csr = NULL;
	struct error plain = {0}, err = {0};
	const uint8_t *at;
	bool good;

	csr_sign(info, &der);
	if (!fuzz_verdict(csr_parse_any(buf_bytes(&der), NULL, &csr, &plain), &plain))
		return;
	good = fuzz_verdict(csr_binding_check(buf_bytes(&der), SESSION, &err), &err);
	MUST(good || err.code == E_BINDING_MISMATCH || err.code == E_BAD_SYNTAX);
	at = der.data;
	{
		DEFER(X509_REQ_free) X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)der.len);

		MUST(!good || req == NULL || !links_another(req));
	}
}

static void
as_body(struct bytes body)
{
	DEFER(csr_free) struct csr *with = NULL;
	DEFER(csr_free) struct csr *without = NULL;
	struct error err = {0}, why = {0};
	const struct bytes request = est_skip_words(body);

	MUST(request.len <= body.len);
	MUST(bytes_equal(request, bytes_of(body.data + body.len - request.len, request.len)));
	MUST(request.len == body.len || memcmp(request.data, "-----BEGIN ", 11) == 0);
	body = request;
	if (fuzz_verdict(csr_parse_any(body, &SESSION, &with, &err), &err))
		MUST(csr_spki(with).len > 0);
	if (!fuzz_verdict(csr_parse_any(body, NULL, &without, &why), &why))
		MUST(with == NULL && err.code == why.code);
	else
		MUST(with != NULL || err.code == E_BINDING_MISMATCH || err.code == E_BAD_SYNTAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);

	switch (fuzz_take(&in) % 3) {
	case 0: as_field(in); break;
	case 1: as_body(in); break;
	default: as_info(in); break;
	}
	return 0;
}
