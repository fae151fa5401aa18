#include "ca/csr_binding.h"

#include "base/buf.h"
#include "base/der.h"
#include "base/text.h"
#include "ca/oid.h"

/* Of any string type: the characters of base64 are the same octets in all that anybody uses. */
static void
read_value(struct bytes text, struct buf *out)
{
	DEFER(buf_clear_public) struct buf plain = {0};

	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] != '\r' &&
		    text.data[i] != '\n') /* some encoders end with a line */
			buf_append_u8(&plain, text.data[i]);
	if (!base64_decode(buf_bytes(&plain), out))
		buf_truncate(out, 0);
}

static bool
has_bindings_length(const struct buf *value)
{
	return value->len == CSR_BINDING_UNIQUE_BYTES || value->len == CSR_BINDING_EXPORTER_BYTES;
}

/* The values of one attribute. */
static bool
values_fit(struct der *values, bool always, struct bytes binding)
{
	bool fit = true;

	while (values->ok && !der_end(values)) {
		DEFER(buf_clear_public) struct buf value = {0};
		struct bytes text;

		(void)der_take_any(values, NULL, &text);
		read_value(text, &value);
		if (always || has_bindings_length(&value))
			fit = fit && binding.len > 0 && bytes_equal(buf_bytes(&value), binding);
	}
	return fit;
}

/* CertificationRequestInfo, RFC 2986 section 4.1: what stands before its attributes is passed by.
 */
static struct der
enter_attributes(struct bytes der)
{
	struct der outer = der_of(der);
	struct der request = der_enter(&outer, DER_SEQUENCE);
	struct der info = der_enter(&request, DER_SEQUENCE);

	(void)der_take_int(&info);
	(void)der_take(&info, DER_SEQUENCE);
	(void)der_take(&info, DER_SEQUENCE);
	return der_enter(&info, DER_CONTEXT_CONSTRUCTED(0));
}

bool
csr_binding_check(struct bytes der, struct bytes binding, struct error *err)
{
	struct der attributes = enter_attributes(der);
	bool fit = true, whole = true;

	while (attributes.ok && !der_end(&attributes)) {
		struct der attribute = der_enter(&attributes, DER_SEQUENCE);
		const struct bytes type = der_take(&attribute, DER_OID);
		struct der values = der_enter(&attribute, DER_SET);
		const bool linking = bytes_equal(type, OID_EST_IDENTITY_LINKING);

		whole = whole && der_end(&attribute);
		if (linking || bytes_equal(type, OID_CHALLENGE_PASSWORD))
			fit = fit && values_fit(&values, linking, binding);
	}
	/* Else one that cannot be read would hide those behind it. */
	if (!whole || !der_end(&attributes))
		return error_set_field(
		    err, E_BAD_SYNTAX, "/csr", "an attribute is not a type and a set of values");
	return fit ||
	       error_set_field(err, E_BINDING_MISMATCH, "/csr",
		   binding.len > 0 ? "it names the channel binding of another TLS session"
				   : "it names a channel binding, and this session has none");
}
