/* What a start without a database knows again writes itself so that it is read as the same. */
#include "api/remembered.h"

#include <string.h>

#include "base/text.h"
#include "tests/fuzz/fuzz.h"

#define HTTP_URL "http://pki.example"

static void
must_be_issuers(const struct issuers *issuers)
{
	const size_t count = issuers_count(issuers);

	MUST(count >= 1 && count <= ISSUERS_MAX);
	MUST(issuers_active(issuers, ISSUER_DEVICE_CA) != NULL);
	for (size_t i = 0; i < count; i++) {
		const struct issuer *issuer = issuers_at(issuers, i);

		MUST(issuer->kind < ISSUER_KIND_COUNT && issuer->public_key != NULL);
		MUST(issuer_state(issuer) < ISSUER_STATE_COUNT && issuer->shard_count >= 1);
		MUST(issuers_find(issuers, issuer->id) == issuer);
		MUST(issuer->parent == NULL ||
		     issuers_find(issuers, issuer->parent->id) == issuer->parent);
	}
}

/* Who may call is found by a search: they are in order, and each is there once. */
static void
must_be_callers(const struct remembered *remembered)
{
	const struct operator_caller *callers = remembered->callers;

	MUST(remembered->caller_count <= REMEMBERED_CALLERS_MAX);
	for (size_t i = 0; i < remembered->caller_count; i++) {
		MUST(callers[i].person > 0 && callers[i].roles < 1u << ROLE_COUNT);
		MUST(handle_valid(bytes_of_text(callers[i].handle)));
		MUST(i == 0 || memcmp(callers[i - 1].serial, callers[i].serial, SERIAL_BYTES) < 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(remembered_clear) struct remembered remembered = {0};
	DEFER(remembered_clear) struct remembered again = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf same = {0};
	struct error err = {0};

	if (!fuzz_verdict(
		remembered_parse(bytes_of(data, size), HTTP_URL, &remembered, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX || err.code == E_INCOMPLETE ||
		     err.code == E_CONFIG_INVALID);
		MUST(remembered.issuers == NULL && remembered.callers == NULL);
		return 0;
	}
	must_be_issuers(remembered.issuers);
	must_be_callers(&remembered);
	remembered_encode(remembered.issuers, remembered.callers, remembered.caller_count, &text);
	MUST(remembered_parse(buf_bytes(&text), HTTP_URL, &again, &err));
	MUST(issuers_count(again.issuers) == issuers_count(remembered.issuers));
	remembered_encode(again.issuers, again.callers, again.caller_count, &same);
	MUST(bytes_equal(buf_bytes(&text), buf_bytes(&same)));
	return 0;
}
