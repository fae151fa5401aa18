/* certificate_abort(): what it frees, and what it leaves alone. */
#include "tests/support/cmocka_all.h"

#include <stdio.h>

#include "tests/support/test_db.h"

/* Serials x'11'... to x'66'...: octets of our form, twenty times the same. */
#define SERIAL(n) "decode(repeat('" n "', 20), 'hex')"
#define KEY(n) "decode(repeat('" n "', 32), 'hex')"
#define UUID "'00000000-0000-4000-8000-000000000000'"
#define ABORT(n) "SET ROLE moniker_service; SELECT certificate_abort(80::int2, " SERIAL(n) ")"

/* clang-format off */
#define BODY(n)                                                                           \
	"INSERT INTO certificate_body VALUES (80, " SERIAL(n)                             \
	", decode('0102030405060708', 'hex'), 1, " n ", " KEY(n) ", 'tbs');"
#define CERTIFICATE(n, device)                                                            \
	"INSERT INTO certificate VALUES (80, " SERIAL(n) ", " device                      \
	", decode('0102030405060708', 'hex'), 'aaaaaaaaaaaaaaaa', " UUID ", " KEY(n) ", 1, 2);" BODY(n)
#define DEVICE(id, credential)                                                            \
	"INSERT INTO device (id, pseudonym, batch, profile, person, token, tag_count, enrolled_at_s)" \
	" VALUES (" id ", " UUID ", 1, 'p', " credential ", 1, 1);"
#define OWN_KEY(n, device) \
	"INSERT INTO device_key VALUES (" KEY(n) ", " device ", 80, " SERIAL(n) ");"
#define TAG(n, device) \
	"INSERT INTO device_tag (kid, tag, device) VALUES (1, " KEY(n) ", " device ");"
/* clang-format on */

/*
 * Device 1 came by a station (certificate 11, signed; renewed with a new key: 22, unsigned), device
 * 2 by token 5 (33, unsigned). 44 is the service's own. The batch has issued 2.
 */
static void
world_init(struct test_db *db)
{
	static const uint8_t PUBLIC_KEY[32] = {1};

	test_db_init(db);
	test_db_open_log(db, "test.example/node1-2026", PUBLIC_KEY);
	test_db_run(db,
	    "SELECT partition_ensure(80::int2);"
	    "INSERT INTO ca_issuer (id, kind, certificate, not_before_at_s, not_after_at_s, "
	    "in_keeper,"
	    " state) VALUES (decode('0102030405060708', 'hex'), 'device-ca', '', 1, 2, true, "
	    "'active');"
	    "INSERT INTO person (handle, name, created_at_s) VALUES ('aaaaaaaaaaaaaaaa', "
	    "'station', 1);"
	    "INSERT INTO batch (name, handle, model, mode, profile, quota, issued, opens_at_s,"
	    " hardware_ids, replace_policy, created_at_s) VALUES"
	    " ('lot', 'aaaaaaaaaaaaaaaa', 'm', 'pseudonymous', 'p', 2, 2, 1, 'optional', 'never', "
	    "1);"
	    "INSERT INTO token (id, batch, handle, random_sha256, expires_at_s, state, device)"
	    " VALUES (5, 1, 'aaaaaaaaaaaaaaaa', " KEY("55") ", 9, 'spent', 2);" DEVICE(
		"1", "1, NULL") DEVICE("2", "NULL, 5") CERTIFICATE("11", "1") CERTIFICATE("22", "1")
		CERTIFICATE("33", "2") BODY("44") OWN_KEY("11", "1") OWN_KEY("22", "1")
		    OWN_KEY("33", "2") TAG("11", "1")
			TAG("33", "2") "INSERT INTO certificate_signature VALUES (80, " SERIAL(
			    "11") ", 'signature');"
				  "INSERT INTO renewal VALUES (80, " SERIAL("11") ", 80, " SERIAL(
				      "22") ", " KEY("22") ")");
}

/* One number for all that can be taken: the digits are issued, devices, keys, tags, certificates,
 * renewals, spent tokens, aborted. */
#define STATE                                                                                    \
	"SELECT (SELECT issued FROM batch) * 10000000 + (SELECT count(*) FROM device) * 1000000" \
	" + (SELECT count(*) FROM device_key) * 100000 + (SELECT count(*) FROM device_tag) * "   \
	"10000"                                                                                  \
	" + (SELECT count(*) FROM certificate) * 1000 + (SELECT count(*) FROM renewal) * 100"    \
	" + (SELECT count(*) FROM token WHERE state = 'spent' AND device IS NOT NULL) * 10"      \
	" + (SELECT count(*) FROM certificate_abort)"
#define UNTOUCHED 22323110

/* clang-format off */
static const struct row { const char *what, *before, *abort; int64_t want; } ROWS[] = {
	{"nothing",                                "",                                               "SELECT 1",  UNTOUCHED},
	{"a first certificate",                    "",                                               ABORT("33"), 11212101},
	{"twice the same",                         ABORT("33") "; RESET ROLE;",                      ABORT("33"), 11212101},
	{"a renewal with a new key",               "",                                               ABORT("22"), 22222011},
	{"a renewal of a device that was revoked", "UPDATE device SET state = 'revoked' WHERE id = 1;", ABORT("22"), 22222011},
	{"the service's own",                      "",                                               ABORT("44"), UNTOUCHED + 1},
	{"a device that was revoked since",        "UPDATE device SET state = 'revoked' WHERE id = 2;", ABORT("33"), UNTOUCHED + 1},
	{"a device that is on hold",               "UPDATE device SET state = 'held' WHERE id = 2;", ABORT("33"), UNTOUCHED + 1},
	{"a device that was replaced since",       "UPDATE device SET state = 'replaced' WHERE id = 2;", ABORT("33"), UNTOUCHED + 1},
	{"a token that another device spent",      "UPDATE token SET device = 1;",                   ABORT("33"), 11212111},
	{"a tag that moved on",                    "UPDATE device_tag SET device = 1;",              ABORT("33"), 11222101},
};
/* clang-format on */

static void
an_abort_frees_what_the_certificate_took_and_no_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(test_db_clear) struct test_db db;
		int64_t got;

		world_init(&db);
		assert_int_equal(test_db_int(&db, STATE), UNTOUCHED);
		if (ROWS[i].before[0] != '\0')
			test_db_run(&db, ROWS[i].before);
		test_db_run(&db, ROWS[i].abort);
		got = test_db_int(&db, STATE);
		if (got != ROWS[i].want)
			fail_msg("%s: %lld, not %lld", ROWS[i].what, (long long)got,
			    (long long)ROWS[i].want);
	}
}

/* Tries it as the service, and says with which SQLSTATE it failed. */
#define TRIED(n)                                                                              \
	"CREATE TABLE outcome (code text); GRANT ALL ON outcome TO moniker_service;"          \
	" SET ROLE moniker_service; DO $$ BEGIN PERFORM certificate_abort(80::int2, " SERIAL( \
	    n) "); INSERT INTO outcome VALUES ('done'); EXCEPTION WHEN OTHERS THEN"           \
	       " INSERT INTO outcome VALUES (SQLSTATE); END $$"

static void
what_is_signed_or_not_there_cannot_be_aborted(void **state)
{
	static const char *const TRIES[] = {TRIED("11"), TRIED("77")};

	(void)state;
	for (size_t i = 0; i < COUNT(TRIES); i++) {
		DEFER(test_db_clear) struct test_db db;

		world_init(&db);
		test_db_run(&db, TRIES[i]);
		assert_int_equal(
		    test_db_int(&db, "SELECT count(*) FROM outcome WHERE code = 'MK007'"), 1);
		assert_int_equal(test_db_int(&db, STATE), UNTOUCHED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_abort_frees_what_the_certificate_took_and_no_more),
	    cmocka_unit_test(what_is_signed_or_not_there_cannot_be_aborted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
