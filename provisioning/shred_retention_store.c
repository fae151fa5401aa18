#include "provisioning/shred_retention.h"

static const struct stmt CLUSTER = STMT("shred_retention_cluster", 0, 1,
    "SELECT system_identifier FROM pg_catalog.pg_control_system()");

/* The owner is the one whose functions rewrite and flush. */
static const struct stmt KEYS = STMT("shred_retention_keys", 0, 7,
    "SELECT pg_has_role(c.relowner, 'pg_checkpoint', 'USAGE')"
    " AND has_function_privilege(c.relowner, 'pg_switch_wal()', 'EXECUTE'),"
    " current_setting('wal_recycle')::bool,"
    " current_setting('archive_mode') <> 'off',"
    " (SELECT a.attstattarget <> 0 FROM pg_attribute AS a"
    " WHERE a.attrelid = c.oid AND a.attname = 'key'),"
    " (SELECT setting::int8 FROM pg_settings WHERE name = 'wal_keep_size'),"
    " (SELECT count(*) FROM pg_replication_slots),"
    " (SELECT count(*) FROM pg_stat_replication)"
    " FROM pg_class AS c WHERE c.oid = 'shred_key'::regclass");

static const struct stmt LEFT =
    STMT("shred_retention_left", 0, 1, "SELECT count(*) FROM shred_key");

static const struct stmt WAITING = STMT("erasures_waiting", 0, 2,
    "SELECT count(*), coalesce(min(at_s), 0) FROM erasure WHERE state = 'recorded'");

static const struct stmt *const STATEMENTS[] = {&CLUSTER, &KEYS, &LEFT, &WAITING, NULL};

const struct stmt *const *
shred_retention_statements(void)
{
	return STATEMENTS;
}

static bool
read_int(struct db *db, const struct stmt *stmt, int64_t *out, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!db_query(db, stmt, NULL, &rows, err))
		return false;
	*out = rows_int(rows, 0, 0);
	return true;
}

bool
shred_retention_read(
    struct db *main, struct db *keys, bool named, struct shred_retention *out, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;
	int64_t here, there;

	if (!read_int(main, &CLUSTER, &here, err) || !read_int(keys, &CLUSTER, &there, err) ||
	    !db_query(keys, &KEYS, NULL, &rows, err))
		return false;
	out->apart = here != there;
	out->may_flush = rows_bool(rows, 0, 0);
	out->recycles = rows_bool(rows, 0, 1);
	out->archives = rows_bool(rows, 0, 2);
	out->statistics = rows_bool(rows, 0, 3);
	out->keeps_mib = rows_int(rows, 0, 4);
	out->slots = rows_int(rows, 0, 5);
	out->standbys = rows_int(rows, 0, 6);
	out->left = 0;
	return !named || !out->apart || read_int(main, &LEFT, &out->left, err);
}

bool
erasures_waiting_read(struct db *main, struct erasures_waiting *out, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!db_query(main, &WAITING, NULL, &rows, err))
		return false;
	out->count = rows_int(rows, 0, 0);
	out->oldest_at_s = rows_int(rows, 0, 1);
	return true;
}
