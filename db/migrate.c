#include "db/migrate.h"

#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "db/conn.h"
#include "db/db.h"
#include "db/migrations.h"

/* One migration runs at a time, whoever starts it. */
#define MIGRATE_LOCK "SELECT pg_advisory_xact_lock(6011274501)"

/* A schema: what it consists of, and where it is noted what of it is there. */
struct schema {
	const struct migration *migrations;
	const size_t *count;
	const char *table; /* SQL */
	struct stmt list, note, present;
};

/* $1 number, $2 name, $3 hash. */
#define SCHEMA(table_name, prefix, list_migrations, list_count)                                   \
	{                                                                                         \
		.migrations = (list_migrations), .count = &(list_count),                          \
		.table = "CREATE TABLE IF NOT EXISTS " table_name " ("                            \
			 " number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL," \
			 " applied_at timestamptz NOT NULL DEFAULT now());"                       \
			 "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname ="            \
			 " 'moniker_service') THEN"                                               \
			 " GRANT SELECT ON " table_name " TO moniker_service; END IF; END $$",    \
		.list = STMT(prefix "_list", 0, 3,                                                \
		    "SELECT number, name, sha256 FROM " table_name " ORDER BY number"),           \
		.note = STMT(prefix "_note", 3, 0,                                                \
		    "INSERT INTO " table_name                                                     \
		    " (number, name, sha256) VALUES ($1::int, $2::text, $3::text)"),              \
		.present = STMT(                                                                  \
		    prefix "_present", 0, 1, "SELECT to_regclass('" table_name "') IS NOT NULL"), \
	}
static const struct schema MAIN =
    SCHEMA("schema_migration", "migrate", MIGRATIONS, MIGRATIONS_COUNT);
/* Another table: the keys' database may be the main one. */
static const struct schema SHRED =
    SCHEMA("shred_migration", "migrate_shred", SHRED_MIGRATIONS, SHRED_MIGRATIONS_COUNT);

static void
digest_of(const struct migration *migration, char out[static 2 * SHA256_BYTES + 1])
{
	uint8_t digest[SHA256_BYTES];

	sha256(bytes_of(migration->sql, migration->sql_len), digest);
	hex_encode(out, bytes_of(digest, sizeof digest));
}

/* What is applied must be the first of ours, unchanged. */
static bool
compare(const struct schema *schema, const struct rows *rows, struct error *err)
{
	if (rows_count(rows) > *schema->count)
		return error_set(err, E_CONFIG_INVALID,
		    "the database has %zu migrations, this program knows %zu: it is too old",
		    rows_count(rows), *schema->count);
	for (size_t i = 0; i < rows_count(rows); i++) {
		char digest[2 * SHA256_BYTES + 1];

		digest_of(&schema->migrations[i], digest);
		if (!bytes_equal(
			rows_bytes(rows, i, 1), bytes_of_text(schema->migrations[i].name)) ||
		    !bytes_equal(rows_bytes(rows, i, 2), bytes_of_text(digest)))
			return error_set(err, E_CONFIG_INVALID,
			    "migration %s is not the one that was applied",
			    schema->migrations[i].name);
	}
	return true;
}

static bool
list_applied(const struct schema *schema, struct conn *conn, size_t *out_count, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!conn_queue(conn, &schema->list, NULL, err) || !conn_flush(conn, &rows, 1, err) ||
	    !compare(schema, rows, err))
		return false;
	*out_count = rows_count(rows);
	return true;
}

static bool
apply_one(const struct schema *schema, struct conn *conn, size_t i, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	char digest[2 * SHA256_BYTES + 1];

	digest_of(&schema->migrations[i], digest);
	params_int4(&params, (int32_t)i + 1);
	params_text(&params, schema->migrations[i].name);
	params_text(&params, digest);
	return conn_run_text(conn, (const char *)schema->migrations[i].sql, err) &&
	       conn_queue(conn, &schema->note, &params, err) && conn_flush(conn, NULL, 0, err);
}

static bool
apply_missing(
    const struct schema *schema, struct conn *conn, struct migrate_report *out, struct error *err)
{
	size_t applied = 0;

	out->applied = 0;
	out->total = (int)*schema->count;
	for (;;) {
		if (!conn_run_text(conn, "BEGIN; SET LOCAL statement_timeout = 0", err) ||
		    !conn_run_text(conn, MIGRATE_LOCK, err) ||
		    !conn_run_text(conn, schema->table, err) ||
		    !list_applied(schema, conn, &applied, err))
			return false;
		if (applied == *schema->count)
			return conn_run_text(conn, "COMMIT", err);
		if (!apply_one(schema, conn, applied, err) || !conn_run_text(conn, "COMMIT", err))
			return false;
		out->applied++;
	}
}

static bool
apply(const struct schema *schema, const char *url, struct migrate_report *out, struct error *err)
{
	struct conn *conn = NULL;
	bool done;

	if (!conn_open(url, "moniker migrate", &conn, err))
		return false;
	done = apply_missing(schema, conn, out, err);
	conn_close(conn); /* and with it an open transaction */
	return done;
}

bool
migrate_apply(const char *url, struct migrate_report *out, struct error *err)
{
	return apply(&MAIN, url, out, err);
}

bool
migrate_apply_shred(const char *url, struct migrate_report *out, struct error *err)
{
	return apply(&SHRED, url, out, err);
}

static bool
check(const struct schema *schema, const char *remedy, struct db *db, struct error *err)
{
	DEFER(rows_free) struct rows *present = NULL, *rows = NULL;

	if (!db_query(db, &schema->present, NULL, &present, err))
		return false;
	if (!rows_bool(present, 0, 0))
		return error_set(
		    err, E_CONFIG_INVALID, "the database has no schema yet: run `%s`", remedy);
	if (!db_query(db, &schema->list, NULL, &rows, err) || !compare(schema, rows, err))
		return false;
	return rows_count(rows) == *schema->count ||
	       error_set(err, E_CONFIG_INVALID,
		   "the database's schema is older than this program: run `%s`", remedy);
}

bool
migrate_check(struct db *db, struct error *err)
{
	return check(&MAIN, "moniker migrate", db, err);
}

bool
migrate_check_shred(struct db *db, struct error *err)
{
	return check(&SHRED, "moniker migrate --shred-url", db, err);
}
