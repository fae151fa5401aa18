/* What the keeper reads: TBSCertificates, CRLs in parts, entries, records, conversations. */
#include "base/reader.h"
#include "keeper/wire.h"
#include "proof/merkle.h"
#include "tests/fuzz/seed.h"
#include "tests/unit/keeper/fixture.h"

static void
put_tbs(const char *name, const struct tbs_parts *parts)
{
	const struct tlv tbs = tbs_join(parts);

	seed_put("check_tbs", name, tlv_bytes(&tbs));
}

static void
put_certificates(void)
{
	const struct tlv none = {.len = 0};
	struct tbs_parts parts;
	struct tlv tbs;

	tbs_parts_init(&parts);
	tbs = tbs_join(&parts);
	seed_put_hurt("check_tbs", "good", tlv_bytes(&tbs));
	parts.spki = tlv_wrap(DER_SEQUENCE, tlv_of(DER_NULL, "", 0));
	put_tbs("no-key", &parts);
	tbs_parts_init(&parts);
	parts.extensions[X_BC] =
	    tlv_extension(0x13, true, tlv_wrap(DER_SEQUENCE, tlv_of(DER_BOOLEAN, "\xff", 1)));
	put_tbs("a-ca", &parts);
	tbs_parts_init(&parts);
	parts.extensions[X_MORE] = parts.extensions[X_KU];
	put_tbs("key-usage-twice", &parts);
	tbs_parts_init(&parts);
	parts.extensions[X_MORE] = tlv_extension(0x7f, false, tlv_of(DER_NULL, "", 0));
	put_tbs("unknown-extension", &parts);
	tbs_parts_init(&parts);
	parts.extensions[X_EKU] = tlv_extension(0x25, false, purposes_of("\1\2"));
	put_tbs("a-server-too", &parts);
	tbs_parts_init(&parts);
	parts.extensions[X_CDP] = none;
	put_tbs("no-distribution-point", &parts);
	tbs_parts_init(&parts);
	parts.subject = tlv_name(DER_PRINTABLE_STRING, PSEUDONYM);
	put_tbs("printable-name", &parts);
	tbs_parts_init(&parts);
	parts.after_extensions = tlv_of(DER_NULL, "", 0);
	put_tbs("more-after-extensions", &parts);
	tbs_parts_init(&parts);
	parts.version = none;
	put_tbs("version-1", &parts);
	tbs_parts_init(&parts);
	parts.validity = tlv_wrap(DER_SEQUENCE, tlv_times(TODAY_S, TODAY_S + 3000 * DAY_S));
	put_tbs("too-long", &parts);
}

static void
put_run(struct buf *out, struct bytes run)
{
	buf_append_u16(out, (uint16_t)run.len);
	buf_append(out, run);
}

static struct tlv
entry_of(uint8_t last, struct tlv extensions)
{
	uint8_t serial[20] = {0x41, 0, MONTH};
	struct tlv out;

	serial[19] = last;
	out = tlv_of(DER_INTEGER, serial, sizeof(serial));
	tlv_add(&out, tlv_time(NOW_S - 100));
	tlv_add(&out, extensions);
	return tlv_wrap(DER_SEQUENCE, out);
}

/* Header octets of a SEQUENCE that announces `len`, in the long form where it is needed. */
static struct tlv
header_of(size_t len)
{
	const uint8_t octets[] = {DER_SEQUENCE, 0x82, (uint8_t)(len >> 8), (uint8_t)len};

	if (len < 0x80)
		return tlv_raw((const uint8_t[]){DER_SEQUENCE, (uint8_t)len}, 2);
	if (len < 0x100)
		return tlv_raw((const uint8_t[]){DER_SEQUENCE, 0x81, (uint8_t)len}, 3);
	return tlv_raw(octets, sizeof(octets));
}

static void
put_crl_with(const char *name, struct tlv entries, const char *url, struct tlv more)
{
	DEFER(buf_clear_public) struct buf input = {0};
	const struct tlv header = header_of(entries.len);
	struct tlv fields = tlv_of(DER_INTEGER, "\1", 1), extensions, head;

	tlv_add(&fields, tlv_ecdsa_sha256());
	tlv_add(&fields, tlv_name(DER_UTF8_STRING, ISSUER_NAME));
	tlv_add(&fields, tlv_times(NOW_S, NOW_S + DAY_S));
	if (entries.len > 0)
		tlv_add(&fields, header);
	extensions = tlv_extension(0x23, false, tlv_authority_key(KEY_FILL));
	tlv_add(&extensions, tlv_extension(0x14, false, tlv_of(DER_INTEGER, "\x12\x34", 2)));
	tlv_add(&extensions, tlv_extension(0x1c, true, tlv_wrap(DER_SEQUENCE, tlv_point(url))));
	tlv_add(&extensions, more);
	extensions = tlv_wrap(DER_CONTEXT_CONSTRUCTED(0), tlv_wrap(DER_SEQUENCE, extensions));
	head = header_of(fields.len + entries.len + extensions.len);
	tlv_add(&head, fields);
	put_run(&input, tlv_bytes(&head));
	put_run(&input, tlv_bytes(&entries));
	buf_append(&input, tlv_bytes(&extensions));
	seed_put_hurt("check_crl", name, buf_bytes(&input));
}

static void
put_crl(const char *name, struct tlv entries, const char *url)
{
	put_crl_with(name, entries, url, (struct tlv){.len = 0});
}

/* Deltas, and what names them. */
static void
put_deltas(void)
{
	const struct tlv none = {.len = 0};
	const struct tlv removed =
	    tlv_wrap(DER_SEQUENCE, tlv_extension(0x15, false, tlv_of(DER_ENUMERATED, "\x8", 1)));
	const struct tlv base = tlv_extension(0x1b, true, tlv_of(DER_INTEGER, "\x11", 1));
	const struct tlv freshest = tlv_extension(
	    0x2e, false, tlv_wrap(DER_SEQUENCE, tlv_wrap(DER_SEQUENCE, tlv_point(DELTA_URL))));
	struct tlv both = base;

	tlv_add(&both, freshest);
	put_crl_with("freshest", entry_of(2, none), CRL_URL, freshest);
	put_crl_with("delta", entry_of(2, removed), CRL_URL, base);
	put_crl_with("delta-empty", none, CRL_URL, base);
	put_crl_with("delta-freshest", none, CRL_URL, both);
	put_crl("removed", entry_of(2, removed), CRL_URL);
}

static void
put_crls(void)
{
	const struct tlv none = {.len = 0};
	const struct tlv hold =
	    tlv_wrap(DER_SEQUENCE, tlv_extension(0x15, false, tlv_of(DER_ENUMERATED, "\6", 1)));
	struct tlv date = tlv_text(DER_GENERALIZED_TIME, "20260101000000Z");
	struct tlv both = entry_of(2, none), mixed = both;

	date = tlv_wrap(DER_SEQUENCE, tlv_extension(0x18, false, date));
	tlv_add(&both, entry_of(4, hold));
	tlv_add(&both, entry_of(6, date));
	tlv_add(&mixed, entry_of(3, none));
	put_crl("empty", none, CRL_URL);
	put_crl("one", entry_of(2, none), CRL_URL);
	put_crl("three", both, CRL_URL);
	put_crl("two-shards", mixed, CRL_URL);
	put_crl("other-shard", entry_of(3, none), CRL_PREFIX "0001.crl");
	put_crl("no-such-shard", none, CRL_PREFIX "0002.crl");
}

/* A leaf with this seq; with a TBS it is the one of an enrollment. */
static void
put_entry(struct buf *out, uint64_t seq, const struct tlv *tbs, const uint8_t *issuer)
{
	DEFER(buf_clear_public) struct buf text = {0};
	static const uint8_t nonce[COMMITMENT_NONCE_BYTES] = {9};
	struct leaf leaf = leaf_plain(seq);
	struct wire_entry entry = {.nonce = nonce, .issuer = issuer};

	if (tbs != NULL) {
		leaf.event = LEAF_ENROLL_OK;
		leaf.has_commitment = true;
		leaf_commit(leaf.commitment, nonce, tlv_bytes(tbs));
		entry.tbs = tlv_bytes(tbs);
	}
	leaf_put(&leaf, &text);
	entry.leaf = buf_bytes(&text);
	wire_entry_encode(&entry, out);
}

static void
put_wire(void)
{
	static const uint8_t issuer[ISSUER_ID_BYTES] = {1};
	DEFER(buf_clear_public) struct buf entries = {0};
	DEFER(buf_clear_public) struct buf results = {0};
	DEFER(buf_clear_public) struct buf refusal = {0};
	const struct error why = {.code = E_KEEPER_REFUSED, .detail = "because"};
	struct tbs_parts parts;
	struct tlv tbs;

	tbs_parts_init(&parts);
	tbs = tbs_join(&parts);
	put_entry(&entries, 0, NULL, NULL);
	put_entry(&entries, 1, &tbs, issuer);
	seed_put_hurt("wire", "entries", buf_bytes(&entries));
	wire_result_encode(WIRE_RESULT_NOTHING, (struct bytes){0}, &results);
	wire_result_encode(WIRE_RESULT_SIGNED, bytes_of_text("signature"), &results);
	wire_result_encode(WIRE_RESULT_REFUSED, bytes_of_text("why"), &results);
	seed_put_hurt("wire", "results", buf_bytes(&results));
	wire_refusal_encode(&why, &refusal);
	seed_put_hurt("wire", "refusal", buf_bytes(&refusal));
	seed_put("wire", "nothing", (struct bytes){0});
}

/* first_seq(8) count(4), leaves, size(8), one hash a set bit of size: what a good MAC is put on. */
static void
put_record(const char *name, uint64_t first_seq, uint32_t count, uint64_t size)
{
	DEFER(buf_clear_public) struct buf body = {0};
	DEFER(buf_clear_public) struct buf input = {0};
	struct merkle tree = {0};

	buf_append_u64(&body, first_seq);
	buf_append_u32(&body, count);
	for (uint64_t seq = 0; seq < size; seq++) {
		DEFER(buf_clear_public) struct buf text = {0};
		const struct leaf leaf = leaf_plain(seq);
		uint8_t hash[SHA256_BYTES];

		leaf_put(&leaf, &text);
		leaf_hash(buf_bytes(&text), hash);
		merkle_append(&tree, hash);
		if (seq >= first_seq)
			put_run(&body, buf_bytes(&text));
	}
	buf_append_u64(&body, size);
	buf_append(&body, bytes_of(tree.hashes, (size_t)merkle_range_count(size) * SHA256_BYTES));
	buf_append_u8(&input, 1);
	put_run(&input, buf_bytes(&body));
	seed_put_hurt("journal", name, buf_bytes(&input));
}

static void
put_journals(void)
{
	put_record("one-leaf", 0, 1, 1);
	put_record("three-leaves", 0, 3, 3);
	put_record("not-from-zero", 2, 1, 3);
	put_record("no-leaves", 1, 0, 1);
	seed_put("journal", "empty-log", (struct bytes){0});
	seed_put("journal", "torn-magic", (struct bytes)BYTES_LITERAL("\0\x89MKJ"));
	seed_put(
	    "journal", "torn-length", (struct bytes)BYTES_LITERAL("\0\x89MKJREC\n\0\0\1\0abc"));
	seed_put("journal", "rubbish", (struct bytes)BYTES_LITERAL("\0rubbish"));
}

struct message { /* of a conversation */
	uint8_t lane;
	struct bytes octets;
};
#define SAY(lane, octets)                   \
	{                                   \
		lane, BYTES_LITERAL(octets) \
	}
/* The base point of ristretto255 (RFC 9496 section 4). */
#define POINT                                                              \
	"\xe2\xf2\xae\x0a\x6a\xbc\x4e\x71\xa8\x84\xa9\x61\xc5\x00\x51\x5f" \
	"\x58\xe3\x0b\x6a\xa5\x82\xdd\x8d\xb6\xa6\x59\x45\xe0\x8d\x2d\x76"
#define NO_POINT "\1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xff"
#define BEGIN_0 "B\0\0\0\0\0\0\0\0\0\0\0"

/* clang-format off */
static const struct talk { const char *name; struct message messages[4]; } TALKS[] = {
	{"hello",             {SAY(0, "H")}},
	{"checkpoint",        {SAY(0, "K"), SAY(0, "K")}},
	{"append-of-nothing", {SAY(0, BEGIN_0 "\0")}},
	{"append-too-many",   {SAY(0, "B\0\0\0\0\0\0\0\0\xff\xff\xff\xff")}},
	{"append-unfinished", {SAY(0, BEGIN_0 "\2"), SAY(0, "R\0\2{}\0\0"), SAY(0, "E")}},
	{"append-no-leaf",    {SAY(0, BEGIN_0 "\1"), SAY(0, "R\0\2{}\0\0"), SAY(0, "E"), SAY(0, "H")}},
	{"append-in-append",  {SAY(0, BEGIN_0 "\1"), SAY(0, BEGIN_0 "\1")}},
	{"sign-recorded",     {SAY(0, "G\0\0\0\0\0\0\0\0\0\0\0\1x0123456789abcdef0123456789abcdef01234567")}},
	{"tags",              {SAY(1, "t\5hello\3abc"), SAY(1, "t\0")}},
	{"evaluate",          {SAY(1, "v" POINT POINT), SAY(1, "v" POINT "x"), SAY(1, "v" NO_POINT)}},
	{"retag",             {SAY(1, "u\1" POINT), SAY(1, "u\11" POINT), SAY(1, "u\1" NO_POINT), SAY(1, "u\1" POINT "x")}},
	{"token-kid",         {SAY(1, "i"), SAY(1, "i")}},
	{"token-macs",        {SAY(1, "m\7aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")}},
	{"token-check",       {SAY(1, "c\7aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb")}},
	{"crl-of-nobody",     {SAY(1, "b\0\0\0\0\0\0\0\0\x30\0"), SAY(1, "e0"), SAY(1, "x"), SAY(1, "i")}},
	{"unknown",           {SAY(0, "Z"), SAY(1, "Z"), SAY(0, "1"), SAY(1, "!")}},
	{"wrong-lane",        {SAY(0, "i"), SAY(1, "H")}},
	{"empty",             {SAY(0, ""), SAY(1, "i")}},
};
/* clang-format on */

static void
put_talks(void)
{
	for (size_t i = 0; i < COUNT(TALKS); i++) {
		DEFER(buf_clear_public) struct buf input = {0};

		for (size_t k = 0; k < COUNT(TALKS[i].messages); k++)
			if (TALKS[i].messages[k].octets.data != NULL) {
				buf_append_u8(&input, TALKS[i].messages[k].lane);
				put_run(&input, TALKS[i].messages[k].octets);
			}
		seed_put("keeper", TALKS[i].name, buf_bytes(&input));
	}
}

/* Appends to a log that is still empty: the first input that a fresh keeper can take. */
static void
put_append(void)
{
	DEFER(buf_clear_public) struct buf records = {0};
	DEFER(buf_clear_public) struct buf input = {0};

	buf_append_u8(&records, WIRE_APPEND_RECORDS);
	put_entry(&records, 0, NULL, NULL);
	buf_append_u8(&input, 0);
	put_run(&input, (struct bytes)BYTES_LITERAL(BEGIN_0 "\1"));
	buf_append_u8(&input, 0);
	put_run(&input, buf_bytes(&records));
	buf_append_u8(&input, 0);
	put_run(&input, (struct bytes)BYTES_LITERAL("E"));
	seed_put("keeper", "append", buf_bytes(&input));
}

static void
put_policy(void)
{
	struct policy policy = {.issuer_count = 2};
	DEFER(buf_clear_public) struct buf text = {0};
	struct error err = {0};

	issuer_init(&policy.issuers[0]);
	issuer_init(&policy.issuers[1]);
	policy.issuers[1].id[0] = 1;
	policy.issuers[1].form = POLICY_FORM_SERVICE;
	assert_ok(policy_encode(&policy, &text, &err), &err);
	seed_put_hurt("policy", "two-issuers", buf_bytes(&text));
	policy_clear(&policy);
}

void
seed_keeper(void)
{
	put_certificates();
	put_crls();
	put_deltas();
	put_wire();
	put_journals();
	put_talks();
	put_append();
	put_policy();
}
