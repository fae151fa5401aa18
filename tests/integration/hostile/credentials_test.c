/* Hardware ids, batches and tokens that do not allow what is asked for. */
#include "tests/integration/hostile/world.h"

#include <stdlib.h>
#include <time.h>

#define ENROLL "/v1/enrollments"
#define ENROLL_EVENT "enroll.refused"

/* Takes the body over. */
static void
judge_body(struct world *world, const char *claim, enum who who, json_t *body,
    const struct refusal *wanted)
{
	char *text = json_dumps(body, JSON_COMPACT);

	judge_refused(world, claim, who, "POST", ENROLL, JSON_TYPE, bytes_of_text(text), wanted);
	free(text);
	json_decref(body);
}

/* ---- hardware ---- */

/* clang-format off */
static const struct hardware {
	const char *type, *value;
	const char *code; /* NULL: enrolled */
} HARDWARE[] = {
	{ "mac48", "02-AA-BB-CC-DD-01", NULL },
	{ "mac48", "02aa.bbcc.dd02", NULL },
	{ "mac48", "02aabbccdd03", NULL },
	{ "mac48", "", "BAD_SYNTAX" },
	{ "mac48", "02:aa:bb:cc:dd", "HARDWARE_ID_INVALID" },
	{ "mac48", "02:aa:bb:cc:dd:ee:ff", "HARDWARE_ID_INVALID" },
	{ "mac48", "02:aa:bb:cc:dd:e", "HARDWARE_ID_INVALID" },
	{ "mac48", "02:aa:bb:cc:dd:gg", "HARDWARE_ID_INVALID" },
	{ "mac48", "00:00:00:00:00:00", "HARDWARE_ID_INVALID" },
	{ "mac48", "FF:FF:FF:FF:FF:FF", "HARDWARE_ID_INVALID" },
	{ "mac48", "02/aa/bb/cc/dd/ee", "HARDWARE_ID_INVALID" },
	{ "mac48", "0x02aabbccdd", "HARDWARE_ID_INVALID" },
	{ "mac48", "\xd9\xa0\xd9\xa2:aa:bb:cc:dd:ee", "HARDWARE_ID_INVALID" }, /* Arabic digits */
	{ "mac48", "' OR ''='", "HARDWARE_ID_INVALID" },
	{ "eui64", "02:aa:bb:ff:fe:cc:dd:01", NULL },
	{ "eui64", "02:aa:bb:cc:dd:01", "HARDWARE_ID_INVALID" },
	{ "eui64", "ff:ff:ff:ff:ff:ff:ff:ff", "HARDWARE_ID_INVALID" },
	{ "imei", "490154203237518", NULL },
	{ "imei", "49-015420-323751-8", "DUPLICATE_HARDWARE" },
	{ "imei", "490154203237519", "HARDWARE_ID_INVALID" }, /* its check digit */
	{ "imei", "49015420323751", "HARDWARE_ID_INVALID" },
	{ "imei", "4901542032375180", "HARDWARE_ID_INVALID" },
	{ "imei", "000000000000000", "HARDWARE_ID_INVALID" },
	{ "imei", "49015420323751a", "HARDWARE_ID_INVALID" },
	{ "soc_uid", "0badc0de", NULL },
	{ "soc_uid", "0badc0", "HARDWARE_ID_INVALID" },
	{ "soc_uid", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00", "HARDWARE_ID_INVALID" },
	{ "soc_uid", "00000000", "HARDWARE_ID_INVALID" },
	{ "se_serial", "0123456789abcdef01", NULL },
	{ "se_serial", "012", "HARDWARE_ID_INVALID" },
	{ "tpm_ek", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", NULL },
	{ "tpm_ek", "00112233445566778899aabbccddeeff", "HARDWARE_ID_INVALID" },
	{ "idevid", "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", NULL },
	{ "idevid", "zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "HARDWARE_ID_INVALID" },
	{ "MAC48", "02aabbccdd04", "HARDWARE_ID_INVALID" },
	{ "serial", "02aabbccdd05", "HARDWARE_ID_INVALID" },
	{ "", "02aabbccdd06", "BAD_SYNTAX" },
};
/* clang-format on */

static int
status_of(const char *code)
{
	return strcmp(code, "BAD_SYNTAX") == 0           ? 400
	       : strcmp(code, "DUPLICATE_HARDWARE") == 0 ? 409
							 : 422;
}

static void
each_kind_of_hardware_has_its_form(void **state)
{
	struct world *world = *state;
	DEFER(buf_clear_public) struct buf claim = {0};

	for (size_t i = 0; i < COUNT(HARDWARE); i++) {
		const struct hardware *row = &HARDWARE[i];
		json_t *body = enrollment_new(world, NULL);
		int status;

		(void)json_object_set_new(body, "hardware_ids",
		    json_pack("[{s:s, s:s}]", "type", row->type, "value", row->value));
		buf_truncate(&claim, 0);
		buf_append_format(&claim, "%s %s", row->type, row->value);
		if (row->code != NULL) {
			judge_body(world, buf_text(&claim), STATION, body,
			    &(struct refusal){
				status_of(row->code), row->code, "/hardware_ids", ENROLL_EVENT});
			continue;
		}
		json_decref(world_json(world, STATION, "POST", ENROLL, body, &status));
		JUDGE(world, buf_text(&claim), status == 201, "status %d", status);
		state_remember(world);
	}
}

static void
hardware_in_numbers(void **state)
{
	static const struct refusal missing = {
	    422, "HARDWARE_ID_MISSING", "/hardware_ids", ENROLL_EVENT};
	static const struct refusal twice = {
	    422, "HARDWARE_ID_INVALID", "/hardware_ids", ENROLL_EVENT};
	struct world *world = *state;
	json_t *none = enrollment_new(world, NULL);
	json_t *empty = enrollment_new(world, NULL);
	json_t *same = enrollment_new(world, NULL);

	(void)json_object_del(none, "hardware_ids");
	judge_body(world, "no hardware", STATION, none, &missing);
	(void)json_object_set_new(empty, "hardware_ids", json_array());
	judge_body(world, "an empty list of hardware", STATION, empty, &missing);
	(void)json_object_set_new(same, "hardware_ids",
	    json_pack("[{s:s, s:s}, {s:s, s:s}]", "type", "mac48", "value", "02:0a:0b:0c:0d:0e",
		"type", "mac48", "value", "020A0B0C0D0E"));
	judge_body(world, "one id in two spellings", STATION, same, &twice);
}

/* ---- batches ---- */

static void
open_as(struct world *world, const char *name, json_t *more)
{
	json_t *batch = json_pack("{s:s, s:s, s:i}", "id", name, "model", "Hostile", "quota", 1);
	int status;

	(void)json_object_update(batch, more);
	json_decref(more);
	json_decref(world_json(world, ADMIN, "POST", "/v1/batches", batch, &status));
	assert_int_equal(status, 201);
	state_remember(world);
}

static void
judge_batch(struct world *world, const char *claim, enum who who, const char *batch, int status,
    const char *code)
{
	json_t *body = enrollment_new(world, NULL);

	(void)json_object_set_new(body, "batch", json_string(batch));
	judge_body(
	    world, claim, who, body, &(struct refusal){status, code, "/batch", ENROLL_EVENT});
}

/* A time as the API spells it, so many seconds from now. */
static void
put_time(int64_t from_now_s, char out[static 21])
{
	const time_t at = time(NULL) + (time_t)from_now_s;
	struct tm utc;

	(void)gmtime_r(&at, &utc);
	(void)strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static void
batches_that_do_not_take_it(void **state)
{
	struct world *world = *state;
	char name[96], at[21], sql[256];
	json_t *body;
	int status;

	judge_batch(world, "an unknown batch", STATION, "there-is-none", 404, "UNKNOWN_BATCH");
	judge_batch(world, "a batch with SQL", STATION, "' OR ''='", 404, "UNKNOWN_BATCH");
	judge_batch(world, "a batch's name with a format", STATION, "%s%n%x", 404, "UNKNOWN_BATCH");

	(void)snprintf(name, sizeof name, "%s-later", world->batch);
	put_time(86400, at);
	open_as(world, name, json_pack("{s:s}", "opens_at", at));
	judge_batch(world, "a batch that is not open yet", STATION, name, 409, "BATCH_NOT_OPEN");

	(void)snprintf(name, sizeof name, "%s-other", world->batch);
	open_as(world, name, json_pack("{s:[s]}", "stations", "station2"));
	judge_batch(world, "another station's batch", STATION, name, 403, "STATION_NOT_ALLOWED");

	(void)snprintf(name, sizeof name, "%s-full", world->batch);
	open_as(world, name, json_object());
	body = enrollment_new(world, NULL);
	(void)json_object_set_new(body, "batch", json_string(name));
	json_decref(world_json(world, STATION, "POST", ENROLL, body, &status));
	assert_int_equal(status, 201);
	state_remember(world);
	judge_batch(world, "a batch that is full", STATION, name, 403, "QUOTA_EXHAUSTED");

	(void)snprintf(name, sizeof name, "%s-ends", world->batch);
	put_time(1, at);
	open_as(world, name, json_pack("{s:s}", "closes_at", at));
	(void)snprintf(sql, sizeof sql,
	    "SELECT count(*) FROM batch WHERE name = '%s' AND closes_at_s + 1"
	    " < extract(epoch FROM clock_timestamp())",
	    name);
	for (int i = 0; i < 300 && world_count(world, sql) == 0; i++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	judge_batch(world, "a batch that has closed", STATION, name, 403, "BATCH_CLOSED");
}

/* ---- tokens ---- */

static char *
mint(struct world *world, const char *batch, json_t *wish)
{
	DEFER(buf_clear_public) struct buf path = {0};
	json_t *answer;
	char *token;
	int status;

	buf_append_format(&path, "/v1/batches/%s/tokens", batch);
	answer = world_json(world, ADMIN, "POST", buf_text(&path), wish, &status);
	assert_int_equal(status, 201);
	token = strdup(json_string_value(json_array_get(json_object_get(answer, "tokens"), 0)));
	json_decref(answer);
	state_remember(world);
	return token;
}

static json_t *
with_token(const struct world *world, const char *token)
{
	json_t *body = enrollment_new(world, NULL);

	(void)json_object_del(body, "batch");
	(void)json_object_set_new(body, "token", json_string(token));
	return body;
}

/* Whoever has a token is known by it; who has a forged one is nobody. */
static const struct refusal FORGED = {403, "TOKEN_INVALID", "/token", NULL};

static void
tokens_that_nobody_minted(void **state)
{
	struct world *world = *state;
	char *token = mint(world, world->batch, json_pack("{s:i}", "count", 1));
	char *altered = strdup(token);
	int status;

	for (size_t at = 4; at < strlen(token); at += 7) {
		memcpy(altered, token, strlen(token));
		altered[at] = altered[at] == 'A' ? 'B' : 'A';
		judge_body(
		    world, "one character is another", NOBODY, with_token(world, altered), &FORGED);
	}
	altered[strlen(altered) - 4] = '\0';
	judge_body(world, "a token cut short", NOBODY, with_token(world, altered), &FORGED);
	judge_body(world, "a prefix alone", NOBODY, with_token(world, "mk1."), &FORGED);
	judge_body(world, "another prefix", NOBODY, with_token(world, "mk2.AAAA"), &FORGED);
	judge_body(world, "SQL for a token", NOBODY, with_token(world, "' OR ''='"), &FORGED);
	json_decref(world_json(world, NOBODY, "POST", ENROLL, with_token(world, token), &status));
	JUDGE(world, "the token itself", status == 201, "status %d", status);
	free(altered);
	free(token);
}

static void
tokens_are_good_for_one_thing(void **state)
{
	static const struct refusal spent = {409, "TOKEN_SPENT", "/token", ENROLL_EVENT};
	static const struct refusal expired = {403, "TOKEN_EXPIRED", "/token", ENROLL_EVENT};
	static const struct refusal elsewhere = {403, "TOKEN_INVALID", "/token", ENROLL_EVENT};
	static const struct refusal other_board = {403, "TOKEN_INVALID", "/token", ENROLL_EVENT};
	struct world *world = *state;
	char *once = mint(world, world->batch, json_pack("{s:i}", "count", 1));
	char *brief =
	    mint(world, world->batch, json_pack("{s:i, s:i}", "count", 1, "expires_in_s", 1));
	char *bound = mint(world, world->batch,
	    json_pack("{s:[{s:[{s:s, s:s}]}]}", "for", "hardware_ids", "type", "mac48", "value",
		"02:77:77:77:77:77"));
	json_t *body;
	int status;

	body = with_token(world, once);
	(void)json_object_set_new(body, "batch", json_string("demo-lot"));
	judge_body(world, "a token of another batch", NOBODY, body, &elsewhere);
	json_decref(world_json(world, NOBODY, "POST", ENROLL, with_token(world, once), &status));
	JUDGE(world, "once", status == 201, "status %d", status);
	state_remember(world);
	judge_body(world, "a spent token", NOBODY, with_token(world, once), &spent);
	judge_body(
	    world, "a token for another board", NOBODY, with_token(world, bound), &other_board);

	for (int i = 0;
	     i < 300 && world_count(world, "SELECT count(*) FROM token WHERE expires_at_s + 1 "
					   "< extract(epoch FROM clock_timestamp())") == 0;
	     i++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	judge_body(world, "an expired token", NOBODY, with_token(world, brief), &expired);
	free(once);
	free(brief);
	free(bound);
}

static void
the_fifth_bad_try_burns_a_token(void **state)
{
	static const struct refusal bad = {400, "BAD_SYNTAX", "/csr", ENROLL_EVENT};
	static const struct refusal burnt = {403, "TOKEN_INVALID", "/token", ENROLL_EVENT};
	struct world *world = *state;
	char *token = mint(world, world->batch, json_pack("{s:i}", "count", 1));
	json_t *body;

	for (int i = 0; i < 4; i++) {
		body = with_token(world, token);
		(void)json_object_set_new(body, "csr", json_string("MAA="));
		judge_body(world, "a bad try", NOBODY, body, &bad);
	}
	body = with_token(world, token);
	(void)json_object_set_new(body, "csr", json_string("MAA="));
	json_decref(world_json(world, NOBODY, "POST", ENROLL, body, &(int){0}));
	state_remember(world);
	JUDGE(world, "the fifth",
	    strstr(world->state, "tokens") != NULL &&
		world_count(world, "SELECT count(*) FROM token WHERE state = 'burnt'") > 0,
	    "it is not burnt");
	judge_body(world, "a burnt token", NOBODY, with_token(world, token), &burnt);
	free(token);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(each_kind_of_hardware_has_its_form),
	    WORLD_TEST(hardware_in_numbers),
	    WORLD_TEST(batches_that_do_not_take_it),
	    WORLD_TEST(tokens_that_nobody_minted),
	    WORLD_TEST(tokens_are_good_for_one_thing),
	    WORLD_TEST(the_fifth_bad_try_burns_a_token),
	};

	return cmocka_run_group_tests_name("hostile credentials", tests, NULL, NULL);
}
