-- The two roles of a Moniker database. Run once per cluster, as a superuser, before `moniker migrate`.
--   moniker_owner    owns schema and data; used by `moniker` (migrate, init, restore) on the host only
--   moniker_service  used by monikerd: no DDL, no UPDATE or DELETE of the audit log
-- How they log in (peer, certificate, password file) is pg_hba.conf's matter, and the site's.
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'moniker_owner') THEN
		CREATE ROLE moniker_owner LOGIN;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'moniker_service') THEN
		CREATE ROLE moniker_service LOGIN;
	END IF;
END
$$;
-- Parameter values never reach the server's log (identity hygiene, docs/operations.md).
ALTER ROLE moniker_service SET log_parameter_max_length = 0;
ALTER ROLE moniker_service SET log_parameter_max_length_on_error = 0;
ALTER ROLE moniker_service SET log_error_verbosity = terse;
ALTER ROLE moniker_owner SET log_parameter_max_length = 0;
ALTER ROLE moniker_owner SET log_parameter_max_length_on_error = 0;
ALTER ROLE moniker_owner SET log_error_verbosity = terse;
