/* Bodies that are no JSON, or not the JSON that is asked for: a precise refusal, and a record. */
#include "tests/integration/hostile/world.h"

#include <stdlib.h>

#define ENROLL "/v1/enrollments"
#define REVOKE "/v1/revocations"
#define BATCHES "/v1/batches"
#define TOKENS "/v1/batches/demo-lot/tokens"
#define OPERATORS "/v1/operators"
#define VERIFY "/v1/verifications"
#define RENEW "/v1/renewals"
/* What the log calls a refusal there. */
#define E_ENROLL "enroll.refused"
#define E_REVOKE "cert.refused"
#define E_BATCH "batch.refused"
#define E_ADMIN "admin.login.refused"
#define E_RENEW "renew.refused"
#define SYNTAX 400, "BAD_SYNTAX"
#define LACKS 400, "INCOMPLETE"

/* clang-format off */
static const struct row {
	const char *claim;
	enum who who;
	const char *path, *type;
	struct bytes body;
	struct refusal wanted;
} ROWS[] = {
	/* no JSON */
	{ "an empty body", STATION, ENROLL, JSON_TYPE, OCTETS(""), { SYNTAX, NULL, E_ENROLL } },
	{ "white space", STATION, ENROLL, JSON_TYPE, OCTETS(" \t\r\n"), { SYNTAX, NULL, E_ENROLL } },
	{ "half an object", STATION, ENROLL, JSON_TYPE, OCTETS("{"), { SYNTAX, NULL, E_ENROLL } },
	{ "half a string", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x"), { SYNTAX, NULL, E_ENROLL } },
	{ "half an escape", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"\\u00"), { SYNTAX, NULL, E_ENROLL } },
	{ "another bracket", STATION, ENROLL, JSON_TYPE, OCTETS("{]"), { SYNTAX, NULL, E_ENROLL } },
	{ "an array", STATION, ENROLL, JSON_TYPE, OCTETS("[]"), { SYNTAX, NULL, E_ENROLL } },
	{ "null", STATION, ENROLL, JSON_TYPE, OCTETS("null"), { SYNTAX, NULL, E_ENROLL } },
	{ "a number", STATION, ENROLL, JSON_TYPE, OCTETS("1"), { SYNTAX, NULL, E_ENROLL } },
	{ "a string", STATION, ENROLL, JSON_TYPE, OCTETS("\"{}\""), { SYNTAX, NULL, E_ENROLL } },
	{ "an object twice", STATION, ENROLL, JSON_TYPE, OCTETS("{}{}"), { SYNTAX, NULL, E_ENROLL } },
	{ "octets after the object", STATION, ENROLL, JSON_TYPE, OCTETS("{} x"), { SYNTAX, NULL, E_ENROLL } },
	{ "a NUL after the object", STATION, ENROLL, JSON_TYPE, OCTETS("{}\0"), { SYNTAX, NULL, E_ENROLL } },
	{ "a comma too many", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",}"), { SYNTAX, NULL, E_ENROLL } },
	{ "single quotes", STATION, ENROLL, JSON_TYPE, OCTETS("{'csr':'x'}"), { SYNTAX, NULL, E_ENROLL } },
	{ "a comment", STATION, ENROLL, JSON_TYPE, OCTETS("{/* */\"csr\":\"x\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "NaN", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"quota\":NaN}"), { SYNTAX, NULL, E_BATCH } },
	{ "a byte order mark", STATION, ENROLL, JSON_TYPE, OCTETS("\xef\xbb\xbf{}"), { SYNTAX, NULL, E_ENROLL } },
	{ "UTF-16", STATION, ENROLL, JSON_TYPE, OCTETS("{\0}\0"), { SYNTAX, NULL, E_ENROLL } },
	{ "a NUL in a string", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"a\0b\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "an escaped NUL in a string", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"a\\u0000b\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "an escaped NUL in a name", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\\u0000\":\"x\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "half a surrogate pair", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"\\ud800\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "the other half", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"\\udc00\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "a surrogate in UTF-8", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"\xed\xa0\x80\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "an octet that is no UTF-8", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"\xff\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "UTF-8 that is too long", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"\xc0\xaf\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "a control character in a string", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"\x01\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "nine levels", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":[[[[[[[[\"x\"]]]]]]]]}"), { SYNTAX, NULL, E_ENROLL } },
	/* members */
	{ "nothing in it", STATION, ENROLL, JSON_TYPE, OCTETS("{}"), { LACKS, "/csr", E_ENROLL } },
	{ "a member twice", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"csr\":\"x\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "a member twice, once escaped", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"\\u0063sr\":\"x\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "a member twice, inside", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"hardware_ids\":[{\"type\":\"mac48\",\"type\":\"imei\",\"value\":\"1\"}]}"), { SYNTAX, NULL, E_ENROLL } },
	{ "a member that nobody knows", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"color\":\"blue\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "a member in capitals", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"CSR\":\"x\"}"), { SYNTAX, NULL, E_ENROLL } },
	{ "a member for the parser", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"__proto__\":{}}"), { SYNTAX, NULL, E_ENROLL } },
	{ "no batch", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\"}"), { LACKS, "/batch", E_ENROLL } },
	/* types */
	{ "a number for the CSR", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":1}"), { SYNTAX, "/csr", E_ENROLL } },
	{ "null for the CSR", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":null}"), { SYNTAX, "/csr", E_ENROLL } },
	{ "an array for the CSR", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":[\"x\"]}"), { SYNTAX, "/csr", E_ENROLL } },
	{ "an object for the CSR", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":{}}"), { SYNTAX, "/csr", E_ENROLL } },
	{ "an empty CSR", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"\"}"), { SYNTAX, "/csr", E_ENROLL } },
	{ "a number for the batch", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"batch\":5}"), { SYNTAX, "/batch", E_ENROLL } },
	{ "an empty batch", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"batch\":\"\"}"), { SYNTAX, "/batch", E_ENROLL } },
	{ "an object for the hardware", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"hardware_ids\":{}}"), { SYNTAX, "/hardware_ids", E_ENROLL } },
	{ "strings for the hardware", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"hardware_ids\":[\"02:00:00:00:00:01\"]}"), { SYNTAX, NULL, E_ENROLL } },
	{ "hardware without a value", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"hardware_ids\":[{\"type\":\"mac48\"}]}"), { LACKS, "/hardware_ids", E_ENROLL } },
	{ "hardware with a number", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"hardware_ids\":[{\"type\":\"imei\",\"value\":490154203237518}]}"), { SYNTAX, "/hardware_ids", E_ENROLL } },
	{ "five hardware ids", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"hardware_ids\":[{},{},{},{},{}]}"), { SYNTAX, "/hardware_ids", E_ENROLL } },
	{ "a string for a truth", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"replace\":\"false\"}"), { SYNTAX, "/replace", E_ENROLL } },
	{ "a number for a truth", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"replace\":0}"), { SYNTAX, "/replace", E_ENROLL } },
	{ "a number for the token", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"token\":1}"), { SYNTAX, "/token", E_ENROLL } },
	{ "an array for the profile", STATION, ENROLL, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"profile\":[]}"), { SYNTAX, "/profile", E_ENROLL } },
	/* numbers */
	{ "a fraction", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1.5}"), { SYNTAX, "/quota", E_BATCH } },
	{ "an exponent", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1e3}"), { SYNTAX, "/quota", E_BATCH } },
	{ "nothing", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":0}"), { SYNTAX, "/quota", E_BATCH } },
	{ "less than nothing", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":-1}"), { SYNTAX, "/quota", E_BATCH } },
	{ "more than a billion", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1000000001}"), { SYNTAX, "/quota", E_BATCH } },
	{ "2^63", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":9223372036854775808}"), { SYNTAX, NULL, E_BATCH } },
	{ "-2^63", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":-9223372036854775808}"), { SYNTAX, "/quota", E_BATCH } },
	{ "10^400", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1e400}"), { SYNTAX, NULL, E_BATCH } },
	{ "a leading zero", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":01}"), { SYNTAX, NULL, E_BATCH } },
	{ "a number in a string", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":\"1\"}"), { SYNTAX, "/quota", E_BATCH } },
	/* batches */
	{ "a batch without a quota", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\"}"), { LACKS, "/quota", E_BATCH } },
	{ "a name with a slash", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"a/b\",\"model\":\"x\",\"quota\":1}"), { SYNTAX, "/id", E_BATCH } },
	{ "a name with SQL in it", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"a'; DROP TABLE device; --\",\"model\":\"x\",\"quota\":1}"), { SYNTAX, "/id", E_BATCH } },
	{ "a name with a format in it", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"%s%n\",\"model\":\"x\",\"quota\":1}"), { SYNTAX, "/id", E_BATCH } },
	{ "a mode nobody knows", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1,\"mode\":\"open\"}"), { SYNTAX, "/mode", E_BATCH } },
	{ "a profile nobody knows", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1,\"profile\":\"root\"}"), { 422, "PROFILE_DENIED", "/profile", E_BATCH } },
	{ "a profile that is for persons", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1,\"profile\":\"operator\"}"), { 422, "PROFILE_DENIED", "/profile", E_BATCH } },
	{ "a time that is none", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1,\"opens_at\":\"2026-02-30T00:00:00Z\"}"), { SYNTAX, "/opens_at", E_BATCH } },
	{ "a time elsewhere", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1,\"opens_at\":\"2026-01-01T00:00:00+01:00\"}"), { SYNTAX, "/opens_at", E_BATCH } },
	{ "a time as a number", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1,\"opens_at\":1}"), { SYNTAX, "/opens_at", E_BATCH } },
	{ "an end before the beginning", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1,\"opens_at\":\"2090-01-02T00:00:00Z\",\"closes_at\":\"2090-01-01T00:00:00Z\"}"), { SYNTAX, "/closes_at", E_BATCH } },
	{ "half the hours", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1,\"hours_from\":1}"), { LACKS, "/hours_until", E_BATCH } },
	{ "an hour too late", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1,\"hours_from\":1440,\"hours_until\":1}"), { SYNTAX, "/hours_from", E_BATCH } },
	{ "stations that are numbers", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1,\"stations\":[1]}"), { SYNTAX, "/stations", E_BATCH } },
	{ "a station nobody knows", ADMIN, BATCHES, JSON_TYPE, OCTETS("{\"id\":\"x\",\"model\":\"x\",\"quota\":1,\"stations\":[\"nobody-here\"]}"), { 404, "NOT_FOUND", "/stations", NULL } },
	/* tokens */
	{ "no tokens at all", ADMIN, TOKENS, JSON_TYPE, OCTETS("{}"), { LACKS, "/count", E_BATCH } },
	{ "0 tokens", ADMIN, TOKENS, JSON_TYPE, OCTETS("{\"count\":0}"), { SYNTAX, "/count", E_BATCH } },
	{ "1,001 tokens", ADMIN, TOKENS, JSON_TYPE, OCTETS("{\"count\":1001}"), { SYNTAX, "/count", E_BATCH } },
	{ "tokens in two ways", ADMIN, TOKENS, JSON_TYPE, OCTETS("{\"count\":1,\"for\":[{\"hardware_ids\":[{\"type\":\"mac48\",\"value\":\"02:00:00:00:00:01\"}]}]}"), { LACKS, "/count", E_BATCH } },
	{ "tokens for nothing", ADMIN, TOKENS, JSON_TYPE, OCTETS("{\"for\":[]}"), { SYNTAX, "/for", E_BATCH } },
	{ "tokens for no hardware", ADMIN, TOKENS, JSON_TYPE, OCTETS("{\"for\":[{\"hardware_ids\":[]}]}"), { SYNTAX, "/for/hardware_ids", E_BATCH } },
	{ "tokens for strings", ADMIN, TOKENS, JSON_TYPE, OCTETS("{\"for\":[\"x\"]}"), { SYNTAX, NULL, E_BATCH } },
	{ "tokens for hardware that is none", ADMIN, TOKENS, JSON_TYPE, OCTETS("{\"for\":[{\"hardware_ids\":[{\"type\":\"mac48\",\"value\":\"02\"}]}]}"), { 422, "HARDWARE_ID_INVALID", "/hardware_ids", E_BATCH } },
	{ "tokens for one id twice", ADMIN, TOKENS, JSON_TYPE, OCTETS("{\"for\":[{\"hardware_ids\":[{\"type\":\"mac48\",\"value\":\"02:00:00:00:00:01\"},{\"type\":\"mac48\",\"value\":\"020000000001\"}]}]}"), { 422, "HARDWARE_ID_INVALID", "/for", E_BATCH } },
	{ "tokens that expired already", ADMIN, TOKENS, JSON_TYPE, OCTETS("{\"count\":1,\"expires_in_s\":-1}"), { SYNTAX, "/expires_in_s", E_BATCH } },
	{ "tokens for ever", ADMIN, TOKENS, JSON_TYPE, OCTETS("{\"count\":1,\"expires_in_s\":31708800}"), { SYNTAX, "/expires_in_s", E_BATCH } },
	{ "tokens of a batch nobody knows", ADMIN, "/v1/batches/no-such-lot/tokens", JSON_TYPE, OCTETS("{\"count\":1}"), { 404, "UNKNOWN_BATCH", NULL, E_BATCH } },
	/* operators */
	{ "a role nobody knows", ADMIN, OPERATORS, JSON_TYPE, OCTETS("{\"name\":\"x\",\"roles\":[\"root\"],\"csr\":\"x\"}"), { SYNTAX, "/roles", E_ADMIN } },
	{ "a role that is a number", ADMIN, OPERATORS, JSON_TYPE, OCTETS("{\"name\":\"x\",\"roles\":[1],\"csr\":\"x\"}"), { SYNTAX, "/roles", E_ADMIN } },
	{ "an operator without a CSR", ADMIN, OPERATORS, JSON_TYPE, OCTETS("{\"name\":\"x\",\"roles\":[]}"), { LACKS, "/csr", E_ADMIN } },
	{ "an operator with a bad CSR", ADMIN, OPERATORS, JSON_TYPE, OCTETS("{\"name\":\"x\",\"roles\":[\"station\"],\"csr\":\"MAA=\"}"), { SYNTAX, "/csr", E_ADMIN } },
	/* revocations */
	{ "nothing to revoke", OFFICER, REVOKE, JSON_TYPE, OCTETS("{\"action\":\"revoke\"}"), { LACKS, "/select", E_REVOKE } },
	{ "an empty selection", OFFICER, REVOKE, JSON_TYPE, OCTETS("{\"select\":{},\"action\":\"revoke\"}"), { SYNTAX, "/select", E_REVOKE } },
	{ "two selections", OFFICER, REVOKE, JSON_TYPE, OCTETS("{\"select\":{\"serial\":\"00\",\"handle\":\"a\"},\"action\":\"revoke\"}"), { SYNTAX, "/select", E_REVOKE } },
	{ "a selection by everything", OFFICER, REVOKE, JSON_TYPE, OCTETS("{\"select\":{\"serial\":\"%\"},\"action\":\"revoke\"}"), { SYNTAX, "/select/serial", E_REVOKE } },
	{ "a selection that is a string", OFFICER, REVOKE, JSON_TYPE, OCTETS("{\"select\":\"*\",\"action\":\"revoke\"}"), { SYNTAX, "/select", E_REVOKE } },
	{ "an action nobody knows", OFFICER, REVOKE, JSON_TYPE, OCTETS("{\"select\":{\"serial\":\"00\"},\"action\":\"destroy\"}"), { SYNTAX, "/action", E_REVOKE } },
	{ "a reason nobody knows", OFFICER, REVOKE, JSON_TYPE, OCTETS("{\"select\":{\"serial\":\"00\"},\"action\":\"revoke\",\"reason\":\"mood\"}"), { SYNTAX, "/reason", E_REVOKE } },
	{ "a why nobody knows", OFFICER, REVOKE, JSON_TYPE, OCTETS("{\"select\":{\"serial\":\"00\"},\"action\":\"revoke\",\"why\":\"mood\"}"), { SYNTAX, "/why", E_REVOKE } },
	{ "a device nobody knows", OFFICER, REVOKE, JSON_TYPE, OCTETS("{\"select\":{\"pseudonym\":\"00000000-0000-4000-8000-000000000000\"},\"action\":\"revoke\"}"), { 404, "UNKNOWN_DEVICE", NULL, E_REVOKE } },
	{ "a pseudonym with SQL in it", OFFICER, REVOKE, JSON_TYPE, OCTETS("{\"select\":{\"pseudonym\":\"' OR ''='\"},\"action\":\"revoke\"}"), { SYNTAX, "/select/pseudonym", E_REVOKE } },
	/* verifications: nothing is recorded */
	{ "nothing to verify", VERIFIER, VERIFY, JSON_TYPE, OCTETS("{}"), { LACKS, "/certificate", NULL } },
	{ "no certificates", VERIFIER, VERIFY, JSON_TYPE, OCTETS("{\"certificates\":[]}"), { SYNTAX, "/certificates", NULL } },
	{ "certificates in two ways", VERIFIER, VERIFY, JSON_TYPE, OCTETS("{\"certificate\":\"x\",\"certificates\":[\"x\"]}"), { LACKS, "/certificate", NULL } },
	{ "certificates that are numbers", VERIFIER, VERIFY, JSON_TYPE, OCTETS("{\"certificates\":[1]}"), { SYNTAX, "/certificates", NULL } },
	/* renewals */
	{ "a renewal without a CSR", DEVICE, RENEW, JSON_TYPE, OCTETS("{}"), { LACKS, "/csr", E_RENEW } },
	{ "a renewal for another batch", DEVICE, RENEW, JSON_TYPE, OCTETS("{\"csr\":\"x\",\"batch\":\"demo-lot\"}"), { SYNTAX, NULL, E_RENEW } },
	/* media types */
	{ "plain text", STATION, ENROLL, "text/plain", OCTETS("{}"), { 415, "BAD_TYPE", NULL, E_ENROLL } },
	{ "an empty media type", STATION, ENROLL, "", OCTETS("{}"), { 415, "BAD_TYPE", NULL, E_ENROLL } },
	{ "a form", STATION, ENROLL, "application/x-www-form-urlencoded", OCTETS("csr=x"), { 415, "BAD_TYPE", NULL, E_ENROLL } },
	{ "PKCS #10", STATION, ENROLL, "application/pkcs10", OCTETS("{}"), { 415, "BAD_TYPE", NULL, E_ENROLL } },
	{ "almost JSON", STATION, ENROLL, "application/json2", OCTETS("{}"), { 415, "BAD_TYPE", NULL, E_ENROLL } },
	{ "two media types", STATION, ENROLL, "application/json, text/plain", OCTETS("{}"), { 415, "BAD_TYPE", NULL, E_ENROLL } },
	{ "NDJSON where one is expected", OFFICER, REVOKE, NDJSON_TYPE, OCTETS("{}"), { 415, "BAD_TYPE", NULL, E_REVOKE } },
	{ "JSON in capitals, with a parameter", STATION, ENROLL, "Application/JSON; charset=utf-8", OCTETS("{}"), { LACKS, "/csr", E_ENROLL } },
};

/* head, `count` times `fill`, tail */
static const struct filled {
	const char *claim;
	enum who who;
	const char *path, *type, *head, *fill;
	size_t count;
	const char *tail;
	struct refusal wanted;
} FILLED[] = {
	{ "a CSR of 12,001 characters", STATION, ENROLL, JSON_TYPE, "{\"csr\":\"", "A", 12001, "\"}", { SYNTAX, "/csr", E_ENROLL } },
	{ "a batch of 10,000 characters", STATION, ENROLL, JSON_TYPE, "{\"csr\":\"x\",\"batch\":\"", "a", 10000, "\"}", { SYNTAX, "/batch", E_ENROLL } },
	{ "a token of 10,000 characters", STATION, ENROLL, JSON_TYPE, "{\"csr\":\"x\",\"token\":\"mk1.", "a", 10000, "\"}", { SYNTAX, "/token", E_ENROLL } },
	{ "a hardware id of 10,000 characters", STATION, ENROLL, JSON_TYPE, "{\"csr\":\"x\",\"hardware_ids\":[{\"type\":\"mac48\",\"value\":\"", "0", 10000, "\"}]}", { SYNTAX, "/hardware_ids", E_ENROLL } },
	{ "a name of 30,000 characters", STATION, ENROLL, JSON_TYPE, "{\"", "a", 30000, "\":1}", { LACKS, "/csr", E_ENROLL } },
	{ "10,000 arrays in each other", STATION, ENROLL, JSON_TYPE, "{\"csr\":", "[", 10000, "", { SYNTAX, NULL, E_ENROLL } },
	{ "10,000 arrays beside each other", STATION, ENROLL, JSON_TYPE, "{\"csr\":\"x\",\"hardware_ids\":[[]", ",[]", 10000, "]}", { SYNTAX, "/hardware_ids", E_ENROLL } },
	{ "a number of 10,000 digits", ADMIN, BATCHES, JSON_TYPE, "{\"quota\":1", "0", 10000, "}", { SYNTAX, NULL, E_BATCH } },
	{ "one enrollment of 33 KiB", STATION, ENROLL, JSON_TYPE, "{", " ", 33792, "}", { 413, "TOO_LARGE", NULL, E_ENROLL } },
	{ "17 stations and more", ADMIN, BATCHES, JSON_TYPE, "{\"id\":\"x\",\"model\":\"x\",\"quota\":1,\"stations\":[\"a\"", ",\"a\"", 1000, "]}", { SYNTAX, "/stations", E_BATCH } },
	{ "1,001 certificates", VERIFIER, VERIFY, JSON_TYPE, "{\"certificates\":[\"x\"", ",\"x\"", 1000, "]}", { SYNTAX, "/certificates", NULL } },
	{ "a certificate of 1 MiB", VERIFIER, VERIFY, JSON_TYPE, "{\"certificate\":\"", "A", 1048576, "\"}", { SYNTAX, "/certificate", NULL } },
	{ "tokens for 1,001 boards", ADMIN, TOKENS, JSON_TYPE, "{\"for\":[1", ",1", 1000, "]}", { SYNTAX, "/for", E_BATCH } },
	{ "1,001 lines", STATION, ENROLL, NDJSON_TYPE, "{}", "\n{}", 1000, "", { SYNTAX, NULL, E_ENROLL } },
	{ "4 MiB of lines", STATION, ENROLL, NDJSON_TYPE, "", "\n\n\n\n", 1048576, "", { SYNTAX, NULL, E_ENROLL } },
	{ "no line", STATION, ENROLL, NDJSON_TYPE, "", "", 0, "", { SYNTAX, NULL, E_ENROLL } },
};
/* clang-format on */

static void
bodies_are_refused_by_what_is_wrong_with_them(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(ROWS); i++)
		judge_refused(world, ROWS[i].claim, ROWS[i].who, "POST", ROWS[i].path, ROWS[i].type,
		    ROWS[i].body, &ROWS[i].wanted);
}

static void
sizes_are_bounded_before_anything_is_done_with_them(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(FILLED); i++) {
		const struct filled *row = &FILLED[i];
		DEFER(buf_clear_public) struct buf body = {0};

		buf_append_text(&body, row->head);
		for (size_t k = 0; k < row->count; k++)
			buf_append_text(&body, row->fill);
		buf_append_text(&body, row->tail);
		judge_refused(world, row->claim, row->who, "POST", row->path, row->type,
		    buf_bytes(&body), &row->wanted);
	}
}

/* ---- many in one call ---- */

static void
put_good_line(const struct world *world, struct buf *out)
{
	json_t *line = enrollment_new(world, NULL);
	char *text = json_dumps(line, JSON_COMPACT);

	buf_append_text(out, text);
	free(text);
	json_decref(line);
}

/* Good ones among bad ones, and no line feed at the end. */
static void
make_lines(const struct world *world, struct buf *out)
{
	put_good_line(world, out);
	buf_append_text(out, "\r\n");
	buf_append_text(out, "\n");
	buf_append_text(out, "{\"batch\":5}\n");
	memset(buf_extend(out, 1048576), ' ', 1048576);
	buf_append_text(out, "\n[]\nnot JSON\n{\"csr\":\"x\"}\n");
	put_good_line(world, out);
}

static void
each_line_is_judged_by_itself(void **state)
{
	/* clang-format off */
	static const struct refusal wanted[] = {
	    { 201, NULL, NULL, NULL },           { SYNTAX, NULL, E_ENROLL },  { SYNTAX, "/batch", E_ENROLL },
	    { 413, "TOO_LARGE", NULL, E_ENROLL }, { SYNTAX, NULL, E_ENROLL }, { SYNTAX, NULL, E_ENROLL },
	    { LACKS, "/batch", E_ENROLL },       { 201, NULL, NULL, NULL }};
	/* clang-format on */
	struct world *world = *state;
	DEFER(buf_clear_public) struct buf lines = {0};
	const int64_t devices = world_count(world, "SELECT count(*) FROM device");
	struct raw_answer answer;
	struct bytes rest;
	struct recorded before, after;

	recorded_read(world, NULL, NULL, &before);
	make_lines(world, &lines);
	world_call(world, STATION, "POST", ENROLL, NDJSON_TYPE, buf_bytes(&lines), &answer);
	JUDGE(world, "lines", answer.status == 200, "status %d", answer.status);
	rest = answer.body;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		const uint8_t *end = rest.len > 0 ? memchr(rest.data, '\n', rest.len) : NULL;
		char claim[32];
		json_t *line;

		(void)snprintf(claim, sizeof claim, "line %zu", i + 1);
		JUDGE(world, claim, end != NULL, "there is no answer to it");
		if (end == NULL)
			break;
		line = json_loadb((const char *)rest.data, (size_t)(end - rest.data), 0, NULL);
		JUDGE(world, claim,
		    json_integer_value(json_object_get(line, "status")) == wanted[i].status,
		    "status %lld", (long long)json_integer_value(json_object_get(line, "status")));
		if (wanted[i].code != NULL)
			judge_problem_json(
			    world, claim, json_object_get(line, "problem"), &wanted[i]);
		json_decref(line);
		rest = bytes_of(end + 1, rest.len - (size_t)(end - rest.data) - 1);
	}
	JUDGE(world, "lines", rest.len == 0, "more answers than lines");
	JUDGE(world, "lines", world_count(world, "SELECT count(*) FROM device") == devices + 2,
	    "not two devices more");
	recorded_read(world, NULL, NULL, &after);
	JUDGE(world, "lines", after.all == before.all + 6, "%lld refusals were recorded",
	    (long long)(after.all - before.all));
	judge_service(world, "lines");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(bodies_are_refused_by_what_is_wrong_with_them),
	    WORLD_TEST(sizes_are_bounded_before_anything_is_done_with_them),
	    WORLD_TEST(each_line_is_judged_by_itself),
	};

	return cmocka_run_group_tests_name("hostile json", tests, NULL, NULL);
}
