/* Trust bundles, and status sets without their signature. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seed.h"
#include "tests/support/trust.h"

#define NOW_S INT64_C(1790000000)

static const struct trust_entry ENTRIES[] = {
    {{0x40, [19] = 1}, 1, NOW_S - 3600},
    {{0x40, [19] = 2}, 0x86, NOW_S - 3600},
    {{0x41}, 4, NOW_S - 3600},
};

static void
put_bundles(const struct trust *trust)
{
	DEFER(buf_clear_public) struct buf empty = {0};
	DEFER(buf_clear_public) struct buf three = {0};

	trust_bundle(trust, &(struct trust_set){0}, NULL, 0, &empty);
	seed_put("bundle", "empty", buf_bytes(&empty));
	trust_bundle(trust, &(struct trust_set){.entries = ENTRIES, .count = COUNT(ENTRIES)}, NULL,
	    0, &three);
	seed_put_hurt("bundle", "three", buf_bytes(&three));
}

/* The first octet, header, empty line, records; count and SHA-256 are there, or are put there. */
static void
put_set(const char *name, uint8_t seal, const char *lines, struct bytes records)
{
	DEFER(buf_clear_public) struct buf input = {0};

	buf_append_u8(&input, seal);
	buf_append_text(&input, lines);
	if (seal == 0)
		trust_seal(records, &input);
	buf_append_text(&input, "\n");
	buf_append(&input, records);
	seed_put_hurt("status_set", name, buf_bytes(&input));
}

#define HEADER                                                                                   \
	"moniker.test/status\nset 1\nseq 1\nhash AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" \
	"cursor AAAAAAAAAAEAAAAA\nissued 1790000000\nfresh_until 1790086400\n"
#define RECORD "\0@0123456789012345678\x01\x6a\xb1\xe0\0"

void
seed_trust(void)
{
	static const struct bytes one = BYTES_LITERAL(RECORD);
	DEFER(trust_clear) struct trust trust = {0};

	trust_init(&trust, NOW_S);
	put_bundles(&trust);
	put_set("empty", 0, HEADER, bytes_of("", 0));
	put_set("one", 0, HEADER "issuer 0f1e2d3c4b5a6978\n", one);
	put_set("one-sealed", 1, HEADER "issuer 0f1e2d3c4b5a6978\n", one);
	put_set("issuers", 1, HEADER "issuer 0f1e2d3c4b5a6978\nissuer 9d8c7b6a59483726\n", one);
}
