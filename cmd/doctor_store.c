#include "cmd/doctor_store.h"

static const struct stmt FACTS = STMT("doctor_facts", 0, 8,
    "SELECT floor(extract(epoch FROM clock_timestamp()))::int8,"
    " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),"
    " has_schema_privilege('public', 'CREATE'),"
    " current_setting('log_parameter_max_length') <> '0'"
    " OR current_setting('log_parameter_max_length_on_error') <> '0',"
    " current_setting('data_checksums')::bool,"
    " current_setting('archive_mode') <> 'off',"
    " (SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)"
    " FROM pg_stat_archiver),"
    " current_setting('max_connections')::int8 - (SELECT count(*) FROM pg_stat_activity"
    " WHERE backend_type = 'client backend')");

bool
doctor_store_facts(struct db *db, struct doctor_facts *out, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!db_query(db, &FACTS, NULL, &rows, err))
		return false;
	out->now_s = rows_int(rows, 0, 0);
	out->superuser = rows_bool(rows, 0, 1);
	out->may_create = rows_bool(rows, 0, 2);
	out->logs_parameters = rows_bool(rows, 0, 3);
	out->checksums = rows_bool(rows, 0, 4);
	out->archives = rows_bool(rows, 0, 5);
	out->archive_failing = rows_bool(rows, 0, 6);
	out->connections_left = rows_int(rows, 0, 7);
	return true;
}
