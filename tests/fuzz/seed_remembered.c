/* What a service keeps for a start without its database. */
#include "api/remembered.h"
#include "tests/support/cmocka_all.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seed.h"
#include "tests/unit/ca/authorities.h"

static struct operator_caller
caller_of(uint8_t number)
{
	return (struct operator_caller){.serial = {0x40, 0, 82, [19] = number},
	    .person = 7 + number,
	    .roles = ROLE_OFFICER | ROLE_VERIFIER,
	    .handle = "7f3kq2m5nv4wxyza"};
}

static void
put(const char *name, const char *before, const char *after, const struct buf *text)
{
	DEFER(buf_clear_public) struct buf changed = {0};
	const size_t len = strlen(before);
	const uint8_t *at = memmem(text->data, text->len, before, len);

	MUST(at != NULL);
	buf_append(&changed, bytes_of(text->data, (size_t)(at - text->data)));
	buf_append_text(&changed, after);
	buf_append(&changed, bytes_of(at + len, text->len - len - (size_t)(at - text->data)));
	seed_put("remembered", name, buf_bytes(&changed));
}

void
seed_remembered(void)
{
	const struct operator_caller callers[] = {caller_of(1), caller_of(2)};
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf nobody = {0};
	DEFER(buf_clear_public) struct buf two = {0};

	authorities_init(&authorities);
	remembered_encode(authorities.issuers, NULL, 0, &nobody);
	seed_put("remembered", "nobody", buf_bytes(&nobody));
	remembered_encode(authorities.issuers, callers, COUNT(callers), &two);
	seed_put_hurt("remembered", "two", buf_bytes(&two));
	put("another-version", "\"version\":1", "\"version\":2", &two);
	put("more-than-it-has", "\"version\":1", "\"version\":1,\"version\":1", &two);
	put("a-caller-twice", "0001\",\"person\"", "0002\",\"person\"", &two);
	put("a-parent-that-is-none", "\"parent\":\"", "\"parent\":\"0", &two);
	put("next-one-of-two", "\"state\":\"active\"", "\"state\":\"next\"", &two);
	put("no-shards", "\"shards\":1", "\"shards\":10000", &two);
}
