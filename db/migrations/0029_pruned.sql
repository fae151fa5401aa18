-- What retention drops takes the sealed identities of its leaves along, and says so.

-- Parts of a log that audit_prune() dropped: whoever misses a row there knows why.
CREATE TABLE audit_pruned (
	log  smallint NOT NULL REFERENCES audit_log,
	what text     NOT NULL CHECK (what IN ('audit_leaf', 'audit_blob')),
	part bigint   NOT NULL CHECK (part >= 0),
	PRIMARY KEY (log, what, part)
);
GRANT SELECT ON audit_pruned TO moniker_service;

-- Keys of sealed identities that went with their part. They may lie in another database: the service
-- deletes them there, and then here.
CREATE TABLE shred_pruned (
	shred_id bytea PRIMARY KEY CHECK (octet_length(shred_id) = 16)
);
GRANT SELECT, DELETE ON shred_pruned TO moniker_service;

-- What was dropped before. Of blobs it was nothing, and their sealed identities are still there: such
-- a part can be dropped again.
INSERT INTO audit_pruned SELECT l.id, 'audit_leaf', n FROM audit_log AS l, generate_series(0, (l.size - 1) / 1048576 - 1) AS n
	WHERE to_regclass(format('audit_leaf_%s_%s', l.id, n)) IS NULL;
DO $$
DECLARE
	p record;
BEGIN
	FOR p IN SELECT l.id, n FROM audit_log AS l, generate_series(0, (l.size - 1) / 1048576 - 1) AS n
			WHERE to_regclass(format('audit_blob_%s_%s', l.id, n)) IS NULL LOOP
		EXECUTE format('CREATE TABLE %I PARTITION OF audit_blob FOR VALUES FROM (%s, %s) TO (%s, %s)',
		    format('audit_blob_%s_%s', p.id, p.n), p.id, p.n * 1048576, p.id, (p.n + 1) * 1048576);
	END LOOP;
END
$$;

-- As before, and what else its leaves commit to and may go: sealed identities, whose keys follow.
CREATE OR REPLACE FUNCTION audit_prune(p_table text, p_log smallint, p_part bigint) RETURNS void
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
	INSERT INTO audit_pruned VALUES (p_log, p_table, p_part);
	IF p_table = 'audit_blob' THEN
		DELETE FROM escrow_share WHERE log = p_log AND seq >= p_part * 1048576 AND seq < (p_part + 1) * 1048576;
		WITH gone AS (DELETE FROM escrow_record WHERE log = p_log AND seq >= p_part * 1048576
			AND seq < (p_part + 1) * 1048576 RETURNING shred_id)
			INSERT INTO shred_pruned SELECT shred_id FROM gone ON CONFLICT DO NOTHING;
	END IF;
END
$$;
