-- Retention: what is old is dropped by whole partitions of a log, unless somebody holds it.

-- Of one log, or of all of them (log is null), until it is released. A released one stays on record.
CREATE TABLE legal_hold (
	id            bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name          text     NOT NULL CHECK (name ~ '^[A-Za-z0-9._-]{1,32}$'),
	log           smallint REFERENCES audit_log,
	placed_at_s   bigint   NOT NULL,
	released_at_s bigint
);
CREATE UNIQUE INDEX legal_hold_in_force ON legal_hold (name) WHERE released_at_s IS NULL;
GRANT SELECT ON legal_hold TO moniker_service;

-- Drops the rows of one full part of a log: `audit_leaf` or `audit_blob`. For the owner; a hold that is
-- placed meanwhile waits, and one that is in force stops it, whatever the caller looked at. While it
-- waits for the table nobody else gets it: not for long.
CREATE FUNCTION audit_prune(p_table text, p_log smallint, p_part bigint) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp SET lock_timeout = '3s' AS $$
BEGIN
	LOCK TABLE legal_hold IN SHARE MODE;
	IF EXISTS (SELECT FROM legal_hold WHERE released_at_s IS NULL AND (log IS NULL OR log = p_log)) THEN
		RAISE EXCEPTION 'the log is held' USING ERRCODE = 'MK009';
	END IF;
	IF p_table NOT IN ('audit_leaf', 'audit_blob') OR NOT EXISTS (SELECT FROM audit_log
			WHERE id = p_log AND p_part >= 0 AND (p_part + 1) * 1048576 < size) THEN
		RAISE EXCEPTION 'no such full part of a log' USING ERRCODE = 'MK004';
	END IF;
	EXECUTE format('DROP TABLE %I', format('%s_%s_%s', p_table, p_log, p_part));
END
$$;
REVOKE ALL ON FUNCTION audit_prune(text, smallint, bigint) FROM PUBLIC;
