/*
 * The JSON: {"issuers": [{"id": hex, "form": "device"|"service", "events": [name...],
 * "key_types": [word...], "ekus": [word...], "validity_max_s": n, "not_before": time,
 * "not_after": time, "subject": base64 of DER, "key_identifier": hex, "crl_url_prefix": url,
 * "ca_url": url, "ocsp_url": url, "shard_count": n}]}; the URLs are left out when empty.
 */
#include "keeper/policy.h"

#include <assert.h>

#include "base/file.h"
#include "base/json_in.h"
#include "base/mem.h"
#include "base/text.h"

#define SUBJECT_MAX INT64_C(512)       /* octets of DER */
#define KEY_IDENTIFIER_MAX INT64_C(64) /* octets */
#define URL_MAX 256                    /* octets */
#define SHARD_COUNT_MAX 9999           /* four digits in a URL */
#define VALIDITY_MAX_S (INT64_C(40) * 366 * 86400)
#define WORDS_MAX 64 /* elements of an array of words */

_Static_assert(LEAF_EVENT_COUNT <= 64, "events is a mask of 64 bits");

struct word {
	const char *text;
	unsigned bit;
};

/* clang-format off */
static const struct word FORMS[] = {
	{"device",  POLICY_FORM_DEVICE},
	{"service", POLICY_FORM_SERVICE},
};
static const struct word KEY_TYPES[] = {
	{"p256",    POLICY_KEY_P256},
	{"p384",    POLICY_KEY_P384},
	{"ed25519", POLICY_KEY_ED25519},
	{"rsa",     POLICY_KEY_RSA},
};
static const struct word EKUS[] = {
	{"client_auth", POLICY_EKU_CLIENT_AUTH},
	{"server_auth", POLICY_EKU_SERVER_AUTH},
};

struct issuer_json {
	const char *id, *form, *subject, *key_identifier, *crl_url_prefix, *ca_url, *ocsp_url;
	json_t *events, *key_types, *ekus;
	int64_t validity_max_s, not_before_s, not_after_s, shard_count;
};

#define TEXT(member, required, max) \
	{#member, "/issuers/-/" #member, JSON_MEMBER_TEXT, \
	 offsetof(struct issuer_json, member), 0, required, 1, max}
#define WORDS(member) \
	{#member, "/issuers/-/" #member, JSON_MEMBER_ARRAY, \
	 offsetof(struct issuer_json, member), 0, true, 1, WORDS_MAX}
#define INTEGER(member, max) \
	{#member, "/issuers/-/" #member, JSON_MEMBER_INT, \
	 offsetof(struct issuer_json, member), 0, true, 1, max}

static const struct json_member ISSUER_MEMBERS[] = {
	TEXT(id, true, ISSUER_ID_TEXT_LEN),
	TEXT(form, true, 16),
	WORDS(events),
	WORDS(key_types),
	WORDS(ekus),
	INTEGER(validity_max_s, VALIDITY_MAX_S),
	{"not_before", "/issuers/-/not_before", JSON_MEMBER_TIME,
	 offsetof(struct issuer_json, not_before_s), 0, true, 0, 0},
	{"not_after", "/issuers/-/not_after", JSON_MEMBER_TIME,
	 offsetof(struct issuer_json, not_after_s), 0, true, 0, 0},
	TEXT(subject, true, BASE64_TEXT_LEN(SUBJECT_MAX)),
	TEXT(key_identifier, true, 2 * KEY_IDENTIFIER_MAX),
	TEXT(crl_url_prefix, false, URL_MAX),
	TEXT(ca_url, false, URL_MAX),
	TEXT(ocsp_url, false, URL_MAX),
	INTEGER(shard_count, SHARD_COUNT_MAX),
};

struct policy_json {
	json_t *issuers;
};
static const struct json_member POLICY_MEMBERS[] = {
	{"issuers", "/issuers", JSON_MEMBER_ARRAY, offsetof(struct policy_json, issuers), 0, true,
	 0, POLICY_ISSUERS_MAX},
};
/* clang-format on */

/* ---- reading ---- */

static bool
invalid(struct error *err, size_t index, const char *member)
{
	return error_set(
	    err, E_CONFIG_INVALID, "policy: issuer %zu: %s is not valid", index, member);
}

static bool
word_find(const struct word *words, size_t count, const char *text, unsigned *out)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i].text, text) == 0) {
			*out = words[i].bit;
			return true;
		}
	return false;
}

/* Every element is one of `words`, none twice. */
static bool
words_read(const json_t *array, const struct word *words, size_t count, unsigned *out)
{
	unsigned bits = 0, bit = 0;

	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));

		if (text == NULL || !word_find(words, count, text, &bit) || (bits & bit) != 0)
			return false;
		bits |= bit;
	}
	*out = bits;
	return true;
}

static bool
events_read(const json_t *array, uint64_t *out)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));
		enum leaf_event event =
		    text != NULL ? leaf_event_of(bytes_of_text(text)) : LEAF_EVENT_NONE;

		if (event == LEAF_EVENT_NONE || (bits & UINT64_C(1) << event) != 0)
			return false;
		bits |= UINT64_C(1) << event;
	}
	*out = bits;
	return true;
}

/* An even number of hex digits. */
static bool
hex_read(const char *text, struct buf *out)
{
	struct bytes hex = bytes_of_text(text);

	return hex.len % 2 == 0 && hex_decode(hex, buf_extend(out, hex.len / 2), hex.len / 2);
}

static bool
url_read(const char *text, struct buf *out)
{
	if (text == NULL)
		return true;
	for (const char *c = text; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	buf_append_text(out, text);
	return true;
}

static bool
issuer_octets(
    const struct issuer_json *in, size_t index, struct policy_issuer *out, struct error *err)
{
	if (!hex_decode(bytes_of_text(in->id), out->id, ISSUER_ID_BYTES))
		return invalid(err, index, "id");
	if (!base64_decode(bytes_of_text(in->subject), &out->subject))
		return invalid(err, index, "subject");
	if (!hex_read(in->key_identifier, &out->key_identifier))
		return invalid(err, index, "key_identifier");
	if (!url_read(in->crl_url_prefix, &out->crl_url_prefix) ||
	    !url_read(in->ca_url, &out->ca_url) || !url_read(in->ocsp_url, &out->ocsp_url))
		return invalid(err, index, "a URL");
	return true;
}

static bool
issuer_words(
    const struct issuer_json *in, size_t index, struct policy_issuer *out, struct error *err)
{
	unsigned form = 0;

	if (!word_find(FORMS, COUNT(FORMS), in->form, &form))
		return invalid(err, index, "form");
	out->form = (enum policy_form)form;
	if (!events_read(in->events, &out->events))
		return invalid(err, index, "events");
	if (!words_read(in->key_types, KEY_TYPES, COUNT(KEY_TYPES), &out->key_types))
		return invalid(err, index, "key_types");
	if (!words_read(in->ekus, EKUS, COUNT(EKUS), &out->ekus))
		return invalid(err, index, "ekus");
	return true;
}

static bool
issuer_read(const json_t *object, size_t index, struct policy_issuer *out, struct error *err)
{
	struct issuer_json in = {0};
	struct error cause = {0};

	if (!json_is_object(object) ||
	    !json_read(object, ISSUER_MEMBERS, COUNT(ISSUER_MEMBERS), &in, &cause))
		return invalid(err, index, cause.pointer != NULL ? cause.pointer : "its form");
	out->validity_max_s = in.validity_max_s;
	out->not_before_s = in.not_before_s;
	out->not_after_s = in.not_after_s;
	out->shard_count = (int)in.shard_count;
	if (in.not_before_s >= in.not_after_s)
		return invalid(err, index, "not_after");
	return issuer_octets(&in, index, out, err) && issuer_words(&in, index, out, err);
}

static bool
issuers_read(const json_t *array, struct policy *out, struct error *err)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		struct policy_issuer *issuer = &out->issuers[i];
		const struct policy_issuer *same;

		out->issuer_count = i + 1; /* counted first: policy_clear() frees its parts */
		if (!issuer_read(json_array_get(array, i), i, issuer, err))
			return false;
		same = policy_find(out, issuer->id);
		if (same != issuer)
			return invalid(err, i, "id, which is there twice,");
	}
	return true;
}

bool
policy_parse(struct bytes text, struct policy *out, struct error *err)
{
	DEFER(json_release) json_t *document = NULL;
	DEFER(policy_clear) struct policy policy = {0};
	struct policy_json in = {0};
	struct error cause = {0};

	if (!json_parse(text, &document, &cause) ||
	    !json_read(document, POLICY_MEMBERS, COUNT(POLICY_MEMBERS), &in, &cause))
		return error_set(err, E_CONFIG_INVALID, "policy: %s", cause.detail);
	if (!issuers_read(in.issuers, &policy, err))
		return false;
	*out = policy;
	policy = (struct policy){0};
	return true;
}

bool
policy_read(const char *path, struct policy *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf text = {0};

	return file_read(path, POLICY_FILE_MAX, &text, err) &&
	       policy_parse(buf_bytes(&text), out, err);
}

/* ---- writing ---- */

static json_t *
words_to_json(const struct word *words, size_t count, unsigned bits)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		if ((bits & words[i].bit) != 0)
			json_array_append_new(array, json_string(words[i].text));
	return array;
}

static json_t *
events_to_json(uint64_t bits)
{
	json_t *array = json_array();

	for (int event = LEAF_EVENT_NONE + 1; event < LEAF_EVENT_COUNT; event++)
		if ((bits & UINT64_C(1) << event) != 0)
			json_array_append_new(
			    array, json_string(leaf_event_name((enum leaf_event)event)));
	return array;
}

static json_t *
hex_to_json(struct bytes octets)
{
	char text[2 * KEY_IDENTIFIER_MAX + 1];

	assert(octets.len <= (size_t)KEY_IDENTIFIER_MAX);
	hex_encode(text, octets);
	return json_string(text);
}

static json_t *
base64_to_json(struct bytes octets)
{
	DEFER(buf_clear_public) struct buf text = {0};

	base64_encode(&text, octets);
	return json_string(buf_text(&text));
}

static json_t *
time_to_json(int64_t at_s)
{
	char text[TIME_TEXT_LEN + 1];

	time_encode(text, at_s);
	return json_string(text);
}

static void
url_to_json(json_t *object, const char *name, const struct buf *url)
{
	if (url->len > 0)
		json_object_set_new(object, name, json_stringn((const char *)url->data, url->len));
}

static json_t *
issuer_to_json(const struct policy_issuer *issuer)
{
	json_t *object = json_object();

	json_object_set_new(object, "id", hex_to_json(bytes_of(issuer->id, ISSUER_ID_BYTES)));
	json_object_set_new(object, "form", json_string(FORMS[issuer->form].text));
	json_object_set_new(object, "events", events_to_json(issuer->events));
	json_object_set_new(
	    object, "key_types", words_to_json(KEY_TYPES, COUNT(KEY_TYPES), issuer->key_types));
	json_object_set_new(object, "ekus", words_to_json(EKUS, COUNT(EKUS), issuer->ekus));
	json_object_set_new(object, "validity_max_s", json_integer(issuer->validity_max_s));
	json_object_set_new(object, "not_before", time_to_json(issuer->not_before_s));
	json_object_set_new(object, "not_after", time_to_json(issuer->not_after_s));
	json_object_set_new(object, "subject", base64_to_json(buf_bytes(&issuer->subject)));
	json_object_set_new(
	    object, "key_identifier", hex_to_json(buf_bytes(&issuer->key_identifier)));
	url_to_json(object, "crl_url_prefix", &issuer->crl_url_prefix);
	url_to_json(object, "ca_url", &issuer->ca_url);
	url_to_json(object, "ocsp_url", &issuer->ocsp_url);
	json_object_set_new(object, "shard_count", json_integer(issuer->shard_count));
	return object;
}

bool
policy_encode(const struct policy *policy, struct buf *out, struct error *err)
{
	DEFER(json_release) json_t *document = json_object();
	DEFER(mem_free) char *text = NULL;
	json_t *issuers = json_array();

	for (size_t i = 0; i < policy->issuer_count; i++)
		json_array_append_new(issuers, issuer_to_json(&policy->issuers[i]));
	json_object_set_new(document, "issuers", issuers);
	text = json_dumps(document, JSON_INDENT(2));
	if (text == NULL)
		return error_set(err, E_INTERNAL, "the policy is not representable");
	buf_append_text(out, text);
	return true;
}

bool
policy_write(const struct policy *policy, const char *path, struct error *err)
{
	DEFER(buf_clear_public) struct buf text = {0};

	return policy_encode(policy, &text, err) && file_write(path, buf_bytes(&text), 0600, err);
}

static void
issuer_clear(struct policy_issuer *issuer)
{
	buf_clear_public(&issuer->subject);
	buf_clear_public(&issuer->key_identifier);
	buf_clear_public(&issuer->crl_url_prefix);
	buf_clear_public(&issuer->ca_url);
	buf_clear_public(&issuer->ocsp_url);
}

void
policy_clear(struct policy *policy)
{
	for (size_t i = 0; i < policy->issuer_count; i++)
		issuer_clear(&policy->issuers[i]);
	policy->issuer_count = 0;
}

const struct policy_issuer *
policy_find(const struct policy *policy, const uint8_t id[static ISSUER_ID_BYTES])
{
	for (size_t i = 0; i < policy->issuer_count; i++)
		if (memcmp(policy->issuers[i].id, id, ISSUER_ID_BYTES) == 0)
			return &policy->issuers[i];
	return NULL;
}

bool
policy_remove(struct policy *policy, const uint8_t id[static ISSUER_ID_BYTES])
{
	for (size_t i = 0; i < policy->issuer_count; i++) {
		struct policy_issuer *issuer = &policy->issuers[i];

		if (memcmp(issuer->id, id, ISSUER_ID_BYTES) != 0)
			continue;
		issuer_clear(issuer);
		memmove(issuer, issuer + 1, (--policy->issuer_count - i) * sizeof *issuer);
		return true;
	}
	return false;
}
