#include "tests/support/cmocka_all.h"

#include <libpq-fe.h>

#include "audit/audit.h"
#include "audit/events.h"
#include "audit/export.h"
#include "audit/inspect_store.h"
#include "audit/logs.h"
#include "audit/outbox.h"
#include "audit/publish_store.h"
#include "audit/refusal.h"
#include "audit/restore_store.h"
#include "audit/retention_store.h"
#include "ca/adoption.h"
#include "ca/ceremony.h"
#include "ca/certificate_store.h"
#include "ca/crl.h"
#include "ca/expiry.h"
#include "ca/issuer.h"
#include "ca/roll.h"
#include "ca/status.h"
#include "ca/status_index.h"
#include "ca/status_notes.h"
#include "ca/status_signer.h"
#include "db/ledger.h"
#include "provisioning/abort.h"
#include "provisioning/batch.h"
#include "provisioning/brought_store.h"
#include "provisioning/disclosure.h"
#include "provisioning/enroll.h"
#include "provisioning/erasure.h"
#include "provisioning/escrow_store.h"
#include "provisioning/handover.h"
#include "provisioning/manifest.h"
#include "provisioning/operator.h"
#include "provisioning/pseudonym.h"
#include "provisioning/pseudonym_revoke.h"
#include "provisioning/renew.h"
#include "provisioning/revoke.h"
#include "provisioning/seats.h"
#include "provisioning/shred_move_store.h"
#include "provisioning/shred_retention.h"
#include "provisioning/shred_store.h"
#include "provisioning/tag_keys_store.h"
#include "provisioning/tag_rotation.h"
#include "provisioning/token.h"
#include "provisioning/verify.h"
#include "tests/support/test_db.h"

static const struct stmt *const *(*const STORES[])(void) = {
    ledger_statements,
    audit_statements,
    events_statements,
    export_statements,
    inspect_statements,
    publish_statements,
    logs_statements,
    restore_statements,
    retention_statements,
    outbox_statements,
    refusal_statements,
    adoption_statements,
    ceremony_statements,
    certificate_statements,
    crl_statements,
    expiry_statements,
    issuer_statements,
    roll_statements,
    status_signer_statements,
    status_statements,
    status_index_statements,
    status_notes_statements,
    abort_statements,
    batch_statements,
    enroll_statements,
    enroll_write_statements,
    disclosure_statements,
    erasure_statements,
    brought_statements,
    escrow_statements,
    seats_statements,
    handover_statements,
    shred_statements,
    shred_retention_statements,
    shred_move_statements,
    manifest_statements,
    operator_statements,
    renew_statements,
    pseudonym_statements,
    pseudonym_revoke_statements,
    revoke_statements,
    tag_keys_statements,
    rotation_statements,
    token_statements,
    verify_statements,
};

/* True: the server takes it, with as many parameters and columns as it says. */
static bool
holds(PGconn *pg, const struct stmt *stmt)
{
	PGresult *prepared = PQprepare(pg, stmt->name, stmt->sql, 0, NULL);
	PGresult *described = PQdescribePrepared(pg, stmt->name);
	const int params = PQnparams(described), columns = PQnfields(described);
	bool good = PQresultStatus(prepared) == PGRES_COMMAND_OK;

	if (!good)
		print_error("%s: %s", stmt->name, PQresultErrorMessage(prepared));
	if (good && (params != stmt->param_count || columns != stmt->column_count)) {
		print_error("%s: %d parameters and %d columns, not %d and %d\n", stmt->name, params,
		    columns, stmt->param_count, stmt->column_count);
		good = false;
	}
	PQclear(prepared);
	PQclear(described);
	return good;
}

/* On one connection, so that a name that is used twice fails, too. */
static void
every_statement_fits_the_schema(void **state)
{
	DEFER(test_db_clear) struct test_db test;
	size_t bad_count = 0, count = 0;
	PGconn *pg;

	(void)state;
	test_db_init(&test);
	pg = PQconnectdb(test.service_url);
	assert_int_equal(PQstatus(pg), CONNECTION_OK);
	for (size_t i = 0; i < COUNT(STORES); i++)
		for (const struct stmt *const *stmt = STORES[i](); *stmt != NULL; stmt++) {
			bad_count += holds(pg, *stmt) ? 0 : 1;
			count++;
		}
	PQfinish(pg);
	assert_true(count > COUNT(STORES));
	assert_int_equal(bad_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_statement_fits_the_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
