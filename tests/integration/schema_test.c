/* What the schema refuses, whoever asks: the owner does here. */
#include "tests/support/cmocka_all.h"

#include <libpq-fe.h>
#include <string.h>

#include "base/defer.h"
#include "tests/support/test_db.h"

#define CHECK_VIOLATION "23514"
#define ROW_STAYS "MK008"

/* Device 1 has a key, a tag and a certificate of issuer 1; device 2 has nothing. */
static const char SETUP[] =
    "INSERT INTO ca_issuer (id, kind, certificate, not_before_at_s, not_after_at_s, in_keeper, "
    "state)"
    " VALUES ('\\x0101010101010101', 'device-ca', '\\x00', 0, 1, true, 'active');"
    "INSERT INTO person (handle, name, created_at_s) VALUES ('aaaaaaaaaaaaaaaa', 'station', 0);"
    "INSERT INTO batch (name, handle, model, mode, profile, quota, opens_at_s, hardware_ids,"
    " replace_policy, created_at_s) VALUES ('lot', 'aaaaaaaaaaaaaaaa', 'Test', 'pseudonymous',"
    " 'device', 10, 0, 'required', 'same_station', 0);"
    "INSERT INTO device (id, pseudonym, batch, profile, person, tag_count, enrolled_at_s)"
    " SELECT i, gen_random_uuid(), 1, 'device', 1, 0, 0 FROM generate_series(1, 2) AS i;"
    "INSERT INTO device_key VALUES (sha256('1'), 1, 72, '\\x00');"
    "INSERT INTO device_tag (kid, tag, device) VALUES (1, sha256('1'), 1);"
    "SELECT partition_ensure(72::smallint);"
    "INSERT INTO certificate SELECT 72, substr(sha256('1'), 1, 20), 1, '\\x0101010101010101',"
    " 'aaaaaaaaaaaaaaaa', gen_random_uuid(), sha256('1'), 0, 1";

#define BATCH(name, handle, model, mode, profile, quota, from, until, ids, policy)                \
	"INSERT INTO batch (name, handle, model, mode, profile, quota, opens_at_s, hours_from,"   \
	" hours_until, hardware_ids, replace_policy, created_at_s) VALUES (" name ", " handle     \
	", " model ", " mode ", " profile ", " quota ", 0, " from ", " until ", " ids ", " policy \
	", 0)"
#define LOG(origin, key) \
	"INSERT INTO audit_log (origin, public_key, opened_at_s) VALUES (" origin ", " key ", 0)"
#define EXPORT(id, leaves_max, state, failure, finished)                                    \
	"; INSERT INTO audit_export (id, node, actor, log, size, note, leaves_max, state, " \
	"failure,"                                                                          \
	" created_at_s, finished_at_s) SELECT " id                                          \
	", 'node1', 'auditor:a', l.id, 0, '\\x00', " leaves_max ", " state ", " failure     \
	", 0, " finished " FROM audit_log AS l WHERE l.origin = 'test/log'"

/* clang-format off */
static const struct {
	const char *why, *sql, *sqlstate; /* NULL: allowed */
} ROWS[] = {
	{"an authority goes",          "DELETE FROM ca_issuer", ROW_STAYS},
	{"an authority is renamed",    "UPDATE ca_issuer SET id = '\\x0202020202020202'", ROW_STAYS},
	{"an authority is rolled",     "UPDATE ca_issuer SET state = 'rolled'", NULL},
	{"a person goes",              "DELETE FROM person", ROW_STAYS},
	{"a person is shut out",       "UPDATE person SET active = false", NULL},
	{"a batch goes",               "DELETE FROM batch", ROW_STAYS},
	{"a device with rows goes",    "DELETE FROM device WHERE id = 1", ROW_STAYS},
	{"a device is renumbered",     "UPDATE device SET id = 3 WHERE id = 2", ROW_STAYS},
	{"a bare device goes",         "DELETE FROM device WHERE id = 2", NULL},
	{"a sound batch",              BATCH("'b'", "'baaaaaaaaaaaaaaa'", "'M'", "'unlinkable'", "'p'", "1", "0", "1440", "'optional'", "'never'"), NULL},
	{"a batch's name",             BATCH("'-'", "'baaaaaaaaaaaaaaa'", "'M'", "'unlinkable'", "'p'", "1", "0", "1440", "'optional'", "'never'"), CHECK_VIOLATION},
	{"a batch's handle",           BATCH("'b'", "'baaaaaaaaaaaaaa1'", "'M'", "'unlinkable'", "'p'", "1", "0", "1440", "'optional'", "'never'"), CHECK_VIOLATION},
	{"a batch's model",            BATCH("'b'", "'baaaaaaaaaaaaaaa'", "''",  "'unlinkable'", "'p'", "1", "0", "1440", "'optional'", "'never'"), CHECK_VIOLATION},
	{"a batch's mode",             BATCH("'b'", "'baaaaaaaaaaaaaaa'", "'M'", "'open'",       "'p'", "1", "0", "1440", "'optional'", "'never'"), CHECK_VIOLATION},
	{"a batch's profile",          BATCH("'b'", "'baaaaaaaaaaaaaaa'", "'M'", "'unlinkable'", "'P'", "1", "0", "1440", "'optional'", "'never'"), CHECK_VIOLATION},
	{"a batch's quota",            BATCH("'b'", "'baaaaaaaaaaaaaaa'", "'M'", "'unlinkable'", "'p'", "0", "0", "1440", "'optional'", "'never'"), CHECK_VIOLATION},
	{"a batch's first hour",       BATCH("'b'", "'baaaaaaaaaaaaaaa'", "'M'", "'unlinkable'", "'p'", "1", "-1", "1440", "'optional'", "'never'"), CHECK_VIOLATION},
	{"a batch's last hour",        BATCH("'b'", "'baaaaaaaaaaaaaaa'", "'M'", "'unlinkable'", "'p'", "1", "0", "1441", "'optional'", "'never'"), CHECK_VIOLATION},
	{"half of a batch's hours",    BATCH("'b'", "'baaaaaaaaaaaaaaa'", "'M'", "'unlinkable'", "'p'", "1", "0", "NULL", "'optional'", "'never'"), CHECK_VIOLATION},
	{"a batch's hardware ids",     BATCH("'b'", "'baaaaaaaaaaaaaaa'", "'M'", "'unlinkable'", "'p'", "1", "0", "1440", "'some'",     "'never'"), CHECK_VIOLATION},
	{"a batch's policy",           BATCH("'b'", "'baaaaaaaaaaaaaaa'", "'M'", "'unlinkable'", "'p'", "1", "0", "1440", "'optional'", "'always'"), CHECK_VIOLATION},
	{"more than the quota",        "UPDATE batch SET issued = 11", CHECK_VIOLATION},
	{"less than nothing",          "UPDATE batch SET refused = -1", CHECK_VIOLATION},
	{"a batch gets another mode",  "UPDATE batch SET mode = 'open'", CHECK_VIOLATION},
	{"a sound log",                LOG("'test/log'", "sha256('')"), NULL},
	{"a log is taken over",        LOG("'test/log'", "sha256('')") "; DO $$ BEGIN PERFORM ledger_take_over('test/log'); END $$", NULL},
	{"a retired log is taken over", LOG("'test/log'", "sha256('')") "; UPDATE audit_log SET gone_at_s = 1; DO $$ BEGIN PERFORM ledger_take_over('test/log'); END $$", "MK002"},
	{"a log's origin",             LOG("'test log'", "sha256('')"), CHECK_VIOLATION},
	{"a sound export",             LOG("'test/log'", "sha256('')") EXPORT("'aaaaaaaaaaaaaaaa'", "NULL", "'running'", "NULL", "NULL"), NULL},
	{"an export's id",             LOG("'test/log'", "sha256('')") EXPORT("'aaaaaaaaaaaaaaa1'", "NULL", "'running'", "NULL", "NULL"), CHECK_VIOLATION},
	{"an export of no leaf",       LOG("'test/log'", "sha256('')") EXPORT("'aaaaaaaaaaaaaaaa'", "0", "'running'", "NULL", "NULL"), CHECK_VIOLATION},
	{"an export's state",          LOG("'test/log'", "sha256('')") EXPORT("'aaaaaaaaaaaaaaaa'", "NULL", "'lost'", "NULL", "NULL"), CHECK_VIOLATION},
	{"an export that is done without an archive", LOG("'test/log'", "sha256('')") EXPORT("'aaaaaaaaaaaaaaaa'", "NULL", "'done'", "NULL", "1"), CHECK_VIOLATION},
	{"an export that failed for no reason", LOG("'test/log'", "sha256('')") EXPORT("'aaaaaaaaaaaaaaaa'", "NULL", "'failed'", "NULL", "1"), CHECK_VIOLATION},
	{"an export that failed",      LOG("'test/log'", "sha256('')") EXPORT("'aaaaaaaaaaaaaaaa'", "NULL", "'failed'", "'BAD_PROOF'", "1"), NULL},
	{"an export that ended while it runs", LOG("'test/log'", "sha256('')") EXPORT("'aaaaaaaaaaaaaaaa'", "NULL", "'running'", "NULL", "1"), CHECK_VIOLATION},
	{"a log's key",                LOG("'test/log'", "'\\x00'"), CHECK_VIOLATION},
};
/* clang-format on */

/* Each in a transaction that is rolled back. */
static bool
behaves(PGconn *pg, size_t row)
{
	PGresult *result;
	const char *sqlstate;
	bool as_wanted;

	PQclear(PQexec(pg, "BEGIN"));
	result = PQexec(pg, ROWS[row].sql);
	sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	as_wanted = PQresultStatus(result) == PGRES_COMMAND_OK
			? ROWS[row].sqlstate == NULL
			: sqlstate != NULL && ROWS[row].sqlstate != NULL &&
			      strcmp(sqlstate, ROWS[row].sqlstate) == 0;
	if (!as_wanted)
		print_error("%s: %s\n", ROWS[row].why, PQresultErrorMessage(result));
	PQclear(result);
	PQclear(PQexec(pg, "ROLLBACK"));
	return as_wanted;
}

static void
rows_that_cannot_be_are_refused_and_rows_that_others_name_stay(void **state)
{
	DEFER(test_db_clear) struct test_db test;
	size_t bad_count = 0;
	PGconn *pg;

	(void)state;
	test_db_init(&test);
	test_db_run(&test, SETUP);
	pg = PQconnectdb(test.owner_url);
	assert_int_equal(PQstatus(pg), CONNECTION_OK);
	for (size_t i = 0; i < COUNT(ROWS); i++)
		bad_count += behaves(pg, i) ? 0 : 1;
	PQfinish(pg);
	assert_int_equal(bad_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_that_cannot_be_are_refused_and_rows_that_others_name_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
