#include "keeper/check_extension.h"

const struct bytes CHECK_ECDSA_SHA256 =
    BYTES_LITERAL("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");

struct extension {
	struct bytes oid, value;
	bool critical;
};

/* RFC 5280 section 4.1: Extension. DER leaves `critical` out when it is FALSE. */
static bool
extension_take(struct der *list, struct extension *out)
{
	struct der der = der_enter(list, DER_SEQUENCE);

	out->oid = der_take(&der, DER_OID);
	out->critical = der_peek(&der) == DER_BOOLEAN;
	if (out->critical && !der_take_bool(&der))
		return false;
	out->value = der_take(&der, DER_OCTET_STRING);
	return list->ok && der_end(&der);
}

static const struct extension_rule *
rule_find(const struct extension_rule *rules, size_t count, struct bytes oid)
{
	for (size_t i = 0; i < count; i++)
		if (bytes_equal(rules[i].oid, oid))
			return &rules[i];
	return NULL;
}

static bool
extension_check(const struct extension *extension, const struct extension_rule *rule,
    const void *context, struct error *err)
{
	if (rule->wanted != NULL && !rule->wanted(context))
		return error_set(err, E_KEEPER_REFUSED, "%s must not be there", rule->name);
	if (rule->critical != CRITICAL_EITHER &&
	    extension->critical != (rule->critical == CRITICAL_ALWAYS))
		return error_set(err, E_KEEPER_REFUSED, "%s must %sbe critical", rule->name,
		    rule->critical == CRITICAL_ALWAYS ? "" : "not ");
	if (!rule->matches(context, extension->value))
		return error_set(err, E_KEEPER_REFUSED, "%s is not the one allowed", rule->name);
	return true;
}

bool
check_extensions(struct der *list, const struct extension_rule *rules, size_t rule_count,
    const void *context, struct error *err)
{
	uint32_t seen = 0;

	while (list->ok && list->rest.len > 0) {
		struct extension extension;
		const struct extension_rule *rule;
		uint32_t bit;

		if (!extension_take(list, &extension))
			return error_set(err, E_KEEPER_REFUSED, "an extension is malformed");
		rule = rule_find(rules, rule_count, extension.oid);
		if (rule == NULL)
			return error_set(err, E_KEEPER_REFUSED, "an extension is not allowed");
		bit = UINT32_C(1) << (rule - rules);
		if ((seen & bit) != 0)
			return error_set(err, E_KEEPER_REFUSED, "%s is there twice", rule->name);
		seen |= bit;
		if (!extension_check(&extension, rule, context, err))
			return false;
	}
	if (!list->ok)
		return error_set(err, E_KEEPER_REFUSED, "the extensions are malformed");
	for (size_t i = 0; i < rule_count; i++)
		if ((seen & UINT32_C(1) << i) == 0 &&
		    (rules[i].wanted == NULL || rules[i].wanted(context)))
			return error_set(err, E_KEEPER_REFUSED, "%s is missing", rules[i].name);
	return true;
}

bool
check_uri_only(struct der *names, struct bytes url)
{
	return bytes_equal(der_take(names, DER_CONTEXT(6)), url) && der_end(names);
}

void
check_crl_url(const struct policy_issuer *issuer, unsigned shard, struct buf *out)
{
	buf_append(out, buf_bytes(&issuer->crl_url_prefix));
	buf_append_format(out, "%04u.crl", shard);
}

bool
check_authority_key(const struct policy_issuer *issuer, struct bytes value)
{
	struct der outer = der_of(value);
	struct der der = der_enter(&outer, DER_SEQUENCE);
	struct bytes identifier = der_take(&der, DER_CONTEXT(0));

	return der_end(&der) && der_end(&outer) &&
	       bytes_equal(identifier, buf_bytes(&issuer->key_identifier));
}

unsigned
check_shard_of(struct bytes serial, unsigned shard_count)
{
	unsigned rest = 0;

	if (shard_count == 1) /* mostly, and a list may be of a million */
		return 0;
	for (size_t i = 0; i < serial.len; i++)
		rest = (rest << 8 | serial.data[i]) % shard_count;
	return rest;
}

bool
check_serial_form(struct bytes serial)
{
	return serial.len == CHECK_SERIAL_BYTES && (serial.data[0] & 0xc0) == 0x40;
}
