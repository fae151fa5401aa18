#include "db/migrate.h"

#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "db/conn.h"
#include "db/db.h"
#include "db/migrations.h"

/* One migration runs at a time, whoever starts it. */
#define MIGRATE_LOCK "SELECT pg_advisory_xact_lock(6011274501)"

static const char TABLE[] =
    "CREATE TABLE IF NOT EXISTS schema_migration ("
    " number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,"
    " applied_at timestamptz NOT NULL DEFAULT now());"
    "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'moniker_service') THEN"
    " GRANT SELECT ON schema_migration TO moniker_service; END IF; END $$";

static const struct stmt LIST =
    STMT("migrate_list", 0, 3, "SELECT number, name, sha256 FROM schema_migration ORDER BY number");
/* $1 number, $2 name, $3 hash. */
static const struct stmt NOTE = STMT("migrate_note", 3, 0,
    "INSERT INTO schema_migration (number, name, sha256) VALUES ($1::int, $2::text, $3::text)");

static void
digest_of(const struct migration *migration, char out[static 2 * SHA256_BYTES + 1])
{
	uint8_t digest[SHA256_BYTES];

	sha256(bytes_of(migration->sql, migration->sql_len), digest);
	hex_encode(out, bytes_of(digest, sizeof digest));
}

static const struct stmt PRESENT =
    STMT("migrate_present", 0, 1, "SELECT to_regclass('schema_migration') IS NOT NULL");

/* What is applied must be the first of ours, unchanged. */
static bool
compare(const struct rows *rows, struct error *err)
{
	if (rows_count(rows) > MIGRATION_COUNT)
		return error_set(err, E_CONFIG_INVALID,
		    "the database has %zu migrations, this program knows %zu: it is too old",
		    rows_count(rows), MIGRATION_COUNT);
	for (size_t i = 0; i < rows_count(rows); i++) {
		char digest[2 * SHA256_BYTES + 1];

		digest_of(&MIGRATIONS[i], digest);
		if (!bytes_equal(rows_bytes(rows, i, 1), bytes_of_text(MIGRATIONS[i].name)) ||
		    !bytes_equal(rows_bytes(rows, i, 2), bytes_of_text(digest)))
			return error_set(err, E_CONFIG_INVALID,
			    "migration %s is not the one that was applied", MIGRATIONS[i].name);
	}
	return true;
}

static bool
list_applied(struct conn *conn, size_t *out_count, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!conn_queue(conn, &LIST, NULL, err) || !conn_flush(conn, &rows, 1, err) ||
	    !compare(rows, err))
		return false;
	*out_count = rows_count(rows);
	return true;
}

static bool
apply_one(struct conn *conn, size_t i, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	char digest[2 * SHA256_BYTES + 1];

	digest_of(&MIGRATIONS[i], digest);
	params_int4(&params, (int32_t)i + 1);
	params_text(&params, MIGRATIONS[i].name);
	params_text(&params, digest);
	return conn_run_text(conn, (const char *)MIGRATIONS[i].sql, err) &&
	       conn_queue(conn, &NOTE, &params, err) && conn_flush(conn, NULL, 0, err);
}

static bool
apply_missing(struct conn *conn, struct migrate_report *out, struct error *err)
{
	size_t applied = 0;

	out->applied = 0;
	out->total = (int)MIGRATION_COUNT;
	for (;;) {
		if (!conn_run_text(conn, "BEGIN; SET LOCAL statement_timeout = 0", err) ||
		    !conn_run_text(conn, MIGRATE_LOCK, err) || !conn_run_text(conn, TABLE, err) ||
		    !list_applied(conn, &applied, err))
			return false;
		if (applied == MIGRATION_COUNT)
			return conn_run_text(conn, "COMMIT", err);
		if (!apply_one(conn, applied, err) || !conn_run_text(conn, "COMMIT", err))
			return false;
		out->applied++;
	}
}

bool
migrate_apply(const char *url, struct migrate_report *out, struct error *err)
{
	struct conn *conn = NULL;
	bool done;

	if (!conn_open(url, "moniker migrate", &conn, err))
		return false;
	done = apply_missing(conn, out, err);
	conn_close(conn); /* and with it an open transaction */
	return done;
}

bool
migrate_check(struct db *db, struct error *err)
{
	DEFER(rows_free) struct rows *present = NULL, *rows = NULL;

	if (!db_query(db, &PRESENT, NULL, &present, err))
		return false;
	if (!rows_bool(present, 0, 0))
		return error_set(
		    err, E_CONFIG_INVALID, "the database has no schema yet: run `moniker migrate`");
	if (!db_query(db, &LIST, NULL, &rows, err) || !compare(rows, err))
		return false;
	return rows_count(rows) == MIGRATION_COUNT ||
	       error_set(err, E_CONFIG_INVALID,
		   "the database's schema is older than this program: run `moniker migrate`");
}
